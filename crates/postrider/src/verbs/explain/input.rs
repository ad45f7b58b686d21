//! Where the input comes from, and how much of it is looked at.

use crate::exit::{Exit, Failure};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// The most octets of one input that are looked at: more than any mail or session to be explained.
pub(super) const INPUT_BYTES_MAX: u64 = 32 << 20;

/// One thing to explain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// The file's name; `None` for words given as arguments.
    pub(super) name: Option<String>,
    pub(super) bytes: Vec<u8>,
    /// There was more than is looked at.
    pub(super) cut: bool,
}

/// The inputs that the arguments name: files if all of them are, else one text of all words.
pub(super) fn gather(words: &[String]) -> Result<Vec<Input>, Failure> {
    if let [dash] = words
        && dash == "-"
    {
        return standard_input().map(|input| vec![input]);
    }
    if words.is_empty() {
        if io::stdin().is_terminal() {
            return Err(Failure::new(Exit::Usage, super::HOW));
        }
        return standard_input().map(|input| vec![input]);
    }
    // A reply is never the name of a file, unless somebody made it one.
    if words.iter().all(|word| Path::new(word).is_file()) {
        return words.iter().map(|word| file(word)).collect();
    }
    if let Some(missing) = words.iter().find(|word| is_file_name(word) && !Path::new(word).exists()) {
        let how = "To explain these very words, give them through standard input.";
        return Err(Failure::new(Exit::NoInput, format!("there is no file {missing}. {how}")));
    }
    Ok(vec![Input { name: None, bytes: words.join(" ").into_bytes(), cut: false }])
}

/// Whether a word can hardly be meant for anything but a file.
fn is_file_name(word: &str) -> bool {
    const ENDINGS: [&str; 9] = [".eml", ".msg", ".txt", ".log", ".mbox", ".json", ".jsonl", ".gz", ".zst"];
    let plain = !word.contains(char::is_whitespace) && !word.contains(['@', '<', '>']);
    plain
        && (ENDINGS.iter().any(|ending| word.ends_with(ending))
            || ["/", "./", "../", "~/"].iter().any(|start| word.starts_with(start)))
}

/// Opens a file, with a failure that names it.
pub(super) fn open(name: &str) -> Result<File, Failure> {
    File::open(name).map_err(|error| Failure::new(Exit::NoInput, format!("cannot read {name}: {error}")))
}

fn file(name: &str) -> Result<Input, Failure> {
    let read = read(open(name)?).map_err(|error| Failure::new(Exit::Io, format!("cannot read {name}: {error}")))?;
    Ok(Input { name: Some(name.to_owned()), ..read })
}

fn standard_input() -> Result<Input, Failure> {
    let message = |error| Failure::new(Exit::Io, format!("cannot read standard input: {error}"));
    read(io::stdin().lock()).map_err(message)
}

fn read(from: impl Read) -> io::Result<Input> {
    let mut bytes = Vec::new();
    from.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let cut = bytes.len() as u64 > INPUT_BYTES_MAX;
    bytes.truncate(usize::try_from(INPUT_BYTES_MAX).unwrap_or(usize::MAX));
    Ok(Input { name: None, bytes, cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_no_files_are_one_text() {
        let words = ["550", "5.1.1", "no such user"].map(str::to_owned);
        let inputs = gather(&words).unwrap();
        assert_eq!((inputs.len(), inputs[0].bytes.as_slice()), (1, b"550 5.1.1 no such user".as_slice()));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        for words in [&["no/such/../bounce.eml"][..], &["/no/such/file"], &["Cargo.toml", "./no-such"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let failure = gather(&words).unwrap_err().to_string();
            assert!(failure.contains("there is no file") && failure.contains("no"), "{failure}");
        }
        for text in ["mx.example.com", "550", "<a@b.example>", "https://mx.example/why.txt said so"] {
            assert!(gather(&[text.to_owned()]).is_ok(), "{text}");
        }
    }

    #[test]
    fn no_more_is_read_than_is_looked_at() {
        let input = read(io::repeat(b'x').take(INPUT_BYTES_MAX + 10)).unwrap();
        assert_eq!((input.bytes.len() as u64, input.cut), (INPUT_BYTES_MAX, true));
        assert!(!read(&b"550"[..]).unwrap().cut);
    }
}
