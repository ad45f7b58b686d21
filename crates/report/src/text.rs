//! Writing text so that it is safe in a mail: dates, host names, folding, base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postrider_smtp::Timestamp;

/// Where lines are folded, in octets (RFC 5322 §2.1.1 asks for 78).
const LINE_BYTES_GOAL: usize = 76;
/// Where a word without blanks is cut. RFC 5322 §2.1.1: no line longer than 998.
const WORD_BYTES_MAX: usize = 900;

/// `Tue, 24 Nov 2026 16:50:08 +0000` (RFC 5322 §3.3).
pub(crate) fn date(moment: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A host name with nothing in it that is none.
pub(crate) fn host(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_[]:".contains(*c)).take(255);
    let kept: String = kept.collect();
    if kept.is_empty() { "localhost".into() } else { kept }
}

/// Printable ASCII: control characters become blanks, others `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' '..='~' => c,
            c if c.is_control() => ' ',
            _ => '?',
        })
        .collect()
}

/// `name: value`, folded.
pub(crate) fn field(name: &str, value: &str) -> String {
    let mut line = format!("{name}:");
    for folded in wrap(&printable(value), LINE_BYTES_GOAL.saturating_sub(name.len() + 2)) {
        line.push(' ');
        line.push_str(&folded);
        line.push_str("\r\n");
    }
    line
}

/// Breaks text at blanks so that lines are `goal` long at most where that can be. At least one line.
pub(crate) fn wrap(text: &str, goal: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        while !word.is_empty() {
            let (now, rest) = word.split_at(word.floor_char_boundary(WORD_BYTES_MAX));
            let line = lines.last_mut();
            match line {
                Some(line) if line.is_empty() => line.push_str(now),
                Some(line) if line.len() + 1 + now.len() <= goal => {
                    line.push(' ');
                    line.push_str(now);
                }
                _ => lines.push(now.to_owned()),
            }
            word = rest;
        }
    }
    lines
}

/// Base64 in lines of 76 (RFC 2045 §6.8).
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / 38 + 2);
    for chunk in encoded.as_bytes().chunks(76) {
        lines.extend(chunk.iter().map(|byte| char::from(*byte)));
        lines.push_str("\r\n");
    }
    lines
}

/// Undoes xtext (RFC 3461 §4). What does not decode to printable ASCII stays as it was given.
pub(crate) fn from_xtext(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        decoded.push_str(&rest[..at]);
        let hex = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let Some(byte @ b' '..=b'~') = hex else { return printable(text) };
        decoded.push(char::from(byte));
        rest = &rest[at + 3..];
    }
    decoded.push_str(rest);
    printable(&decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_undone_or_left() {
        for (text, want) in [
            ("QQ314159", "QQ314159"),
            ("tom+2Btag@x.example", "tom+tag@x.example"),
            ("a+20b", "a b"),
            ("broken+2", "broken+2"),
            ("broken+zz", "broken+zz"),
            ("evil+0D+0AX: y", "evil+0D+0AX: y"),
            ("raw\r\nX: y", "raw  X: y"),
            ("ü+2B", "?+"),
        ] {
            assert_eq!(from_xtext(text), want, "{text:?}");
        }
    }

    #[test]
    fn long_words_are_cut_and_no_line_is_too_long() {
        let text = format!("a bc {} d", "é".repeat(2000));
        let lines = wrap(&text, 70);
        assert!(lines.iter().all(|line| line.len() <= WORD_BYTES_MAX));
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(wrap("", 70), [""]);
        assert_eq!(field("X", "a\r\nY: b"), "X: a Y: b\r\n");
    }

    #[test]
    fn dates_and_hosts() {
        assert_eq!(date(Timestamp(1_764_003_008_000)), "Mon, 24 Nov 2025 16:50:08 +0000");
        assert_eq!(date(Timestamp::NEVER), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(host("relay\r\nX: y.example"), "relayX:y.example");
        assert_eq!(host("\r\n"), "localhost");
    }
}
