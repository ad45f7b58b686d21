//! A message as programs write it on standard input, made fit to be sent.
//!
//! Line ends become CRLF, a lone dot ends it unless told otherwise, recipients are found in the
//! header, Bcc is taken out, and a From field is added where there is none.

use std::io::{self, BufRead};

/// A message read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// The header fields, each with its continuation lines, CRLF line ends.
    fields: Vec<String>,
    /// What follows the empty line.
    body: Vec<u8>,
}

/// The input is larger than may be.
#[derive(Debug)]
pub(super) enum ReadError {
    /// Larger than the limit.
    TooLarge,
    /// Standard input broke.
    Broken(io::Error),
}

impl Input {
    /// Reads to the end, or to a lone dot unless that is text.
    pub(super) fn read(input: &mut impl BufRead, dot_is_text: bool, bytes_max: u64) -> Result<Self, ReadError> {
        let mut message = Self { fields: Vec::new(), body: Vec::new() };
        let mut in_header = true;
        let mut first = true;
        let mut total: u64 = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let room = bytes_max.saturating_sub(total) + 1;
            let read = io::Read::take(&mut *input, room).read_until(b'\n', &mut line).map_err(ReadError::Broken)?;
            total += read as u64;
            if total > bytes_max {
                return Err(ReadError::TooLarge);
            }
            if read == 0 {
                return Ok(message);
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text == b"." && !dot_is_text {
                return Ok(message);
            }
            // The separator line of a mailbox file is no part of the message.
            let separator = first && text.starts_with(b"From ");
            first = false;
            if separator {
                continue;
            }
            if in_header {
                in_header = message.header_line(text);
            } else {
                message.body_line(text);
            }
        }
    }

    /// Takes a line while the header goes on; `false` when it ended with this one.
    fn header_line(&mut self, line: &[u8]) -> bool {
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        let text = String::from_utf8_lossy(line);
        if folded && let Some(last) = self.fields.last_mut() {
            last.push_str(&text);
            last.push_str("\r\n");
            return true;
        }
        let name_end = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let is_field = name_end > 0 && line[..name_end].iter().all(u8::is_ascii_graphic);
        if is_field {
            self.fields.push(format!("{text}\r\n"));
        } else if !line.is_empty() {
            // A body without the empty line before it: nothing of it may be lost.
            self.body_line(line);
        }
        is_field
    }

    fn body_line(&mut self, line: &[u8]) {
        self.body.extend_from_slice(line);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The recipients named in To, Cc and Bcc.
    pub(super) fn recipients(&self) -> Vec<String> {
        let named = self.fields.iter().filter_map(|field| {
            let (name, value) = field.split_once(':')?;
            let wanted = ["to", "cc", "bcc"].iter().any(|wanted| name.trim().eq_ignore_ascii_case(wanted));
            wanted.then_some(value)
        });
        named.flat_map(addresses).collect()
    }

    /// Takes out Bcc, also the one of a resent message (RFC 5322 §3.6.3, §3.6.6).
    pub(super) fn remove_bcc(&mut self) {
        self.fields.retain(|field| {
            let name = field.split(':').next().unwrap_or_default().trim();
            !name.eq_ignore_ascii_case("bcc") && !name.eq_ignore_ascii_case("resent-bcc")
        });
    }

    /// Whether there is a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.split(':').next().is_some_and(|n| n.trim().eq_ignore_ascii_case(name)))
    }

    /// Puts a field before the others.
    pub(super) fn prepend(&mut self, name: &str, value: &str) {
        self.fields.insert(0, format!("{name}: {value}\r\n"));
    }

    /// Whether nothing was read at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.body.is_empty()
    }

    /// The message as it is sent.
    pub(super) fn into_message(self) -> Vec<u8> {
        let mut message = self.fields.concat().into_bytes();
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(&self.body);
        message
    }
}

/// The addresses in a header value: names, comments, quotes and groups are passed over (RFC 5322 §3.4).
fn addresses(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut bracketed: Option<String> = None;
    let (mut quoted, mut escaped, mut in_brackets, mut depth) = (false, false, false, 0u32);
    for c in value.chars().chain([',']) {
        let kept = if in_brackets { bracketed.get_or_insert_default() } else { &mut plain };
        match c {
            _ if escaped => {
                escaped = false;
                if depth == 0 {
                    kept.push(c);
                }
            }
            '\\' => {
                escaped = true;
                if depth == 0 {
                    kept.push(c);
                }
            }
            '"' if depth == 0 => {
                quoted = !quoted;
                kept.push(c);
            }
            _ if quoted => kept.push(c),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '<' => in_brackets = true,
            '>' => in_brackets = false,
            // What stands before a colon is the name of a group.
            ':' if !in_brackets => plain.clear(),
            ',' | ';' if !in_brackets => {
                let address = bracketed.take().unwrap_or_else(|| std::mem::take(&mut plain));
                plain.clear();
                let address = address.trim();
                if !address.is_empty() {
                    found.push(address.to_owned());
                }
            }
            c if c.is_whitespace() && in_brackets => {}
            c => kept.push(c),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dot_is_text: bool) -> Input {
        Input::read(&mut text.as_bytes(), dot_is_text, 10_000).unwrap()
    }

    fn message(input: Input) -> String {
        String::from_utf8(input.into_message()).unwrap()
    }

    #[test]
    fn line_ends_dots_and_missing_headers() {
        let table = [
            ("A: b\n\nbody\n", false, "A: b\r\n\r\nbody\r\n"),
            ("A: b\r\n\r\nbody", false, "A: b\r\n\r\nbody\r\n"),
            ("A: b\n\none\n.\ntwo\n", false, "A: b\r\n\r\none\r\n"),
            ("A: b\n\none\n.\ntwo\n", true, "A: b\r\n\r\none\r\n.\r\ntwo\r\n"),
            ("From me Mon Jan 1\nA: b\n c\n\nx\n", false, "A: b\r\n c\r\n\r\nx\r\n"),
            ("just text\nmore\n", false, "\r\njust text\r\nmore\r\n"),
            ("A: b\nno empty line\n", false, "A: b\r\n\r\nno empty line\r\n"),
            ("\nbody\n", false, "\r\nbody\r\n"),
        ];
        for (text, dot_is_text, want) in table {
            assert_eq!(message(read(text, dot_is_text)), want, "{text:?}");
        }
        let large = Input::read(&mut [b'x'; 101].as_slice(), false, 100);
        assert!(matches!(large, Err(ReadError::TooLarge)));
    }

    #[test]
    fn recipients_are_found_and_bcc_goes() {
        let mut input = read("To: a@x.test,\n \"B, b\" <b@x.test>\nBCC: c@x.test\nSubject: d@x.test\n\n", false);
        assert_eq!(input.recipients(), ["a@x.test", "b@x.test", "c@x.test"]);
        input.remove_bcc();
        assert!(!input.has("bcc") && input.has("to"));
        assert_eq!(message(input), "To: a@x.test,\r\n \"B, b\" <b@x.test>\r\nSubject: d@x.test\r\n\r\n");
    }

    #[test]
    fn addresses_in_all_their_dresses() {
        let table: [(&str, &[&str]); 8] = [
            ("a@x.test", &["a@x.test"]),
            (" Tom <a@x.test> , b@x.test ", &["a@x.test", "b@x.test"]),
            ("\"x, <y>\" <a@x.test>", &["a@x.test"]),
            ("a@x.test (Tom, the first)", &["a@x.test"]),
            ("friends: a@x.test, B <b@x.test>;, c@x.test", &["a@x.test", "b@x.test", "c@x.test"]),
            ("undisclosed-recipients:;", &[]),
            ("\"odd name\"@x.test", &["\"odd name\"@x.test"]),
            ("root", &["root"]),
        ];
        for (value, want) in table {
            assert_eq!(addresses(value), want, "{value}");
        }
    }
}
