//! Header fields as slices of the mail (RFC 5322 §2.2), read leniently.
//!
//! Nothing is copied until a value is asked for. A line that is no field is passed over when
//! fields go on behind it; otherwise the body begins there, as if the empty line were missing.

use super::decode;
use memchr::memchr;
use std::borrow::Cow;

/// So much of a header is looked at, and so many fields are kept.
const HEAD_BYTES_MAX: usize = 256 << 10;
const FIELDS_MAX: usize = 512;
/// So much of one value is unfolded.
const VALUE_BYTES_MAX: usize = 4096;

/// The fields of a mail or of a part.
#[derive(Debug, Default, Clone)]
pub(super) struct Head<'a> {
    bytes: &'a [u8],
    /// Name, and where the value begins and ends.
    fields: Vec<(&'a [u8], usize, usize)>,
}

impl<'a> Head<'a> {
    /// Splits bytes into header fields and what follows the empty line.
    pub(super) fn split(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let mut head = Self { bytes, fields: Vec::with_capacity(24) };
        let mut at = 0;
        while at < bytes.len().min(HEAD_BYTES_MAX) {
            let end = line_end(bytes, at);
            let line = trimmed_end(&bytes[at..end]);
            if line.is_empty() {
                if head.fields.is_empty() && at < 8 {
                    at = end; // Blank lines before the first field.
                    continue;
                }
                return (head, &bytes[end..]);
            }
            if !head.take(line, at, end) {
                let next = trimmed_end(&bytes[end..line_end(bytes, end)]);
                if head.fields.is_empty() && !is_mbox(line) || !next.is_empty() && field(next).is_none() {
                    return (head, &bytes[at..]);
                }
            }
            at = end;
        }
        (head, &bytes[at.min(bytes.len())..])
    }

    /// Takes one line; false when it is neither a field nor part of one.
    fn take(&mut self, line: &'a [u8], at: usize, end: usize) -> bool {
        if matches!(line[0], b' ' | b'\t') {
            let Some((_, _, stop)) = self.fields.last_mut() else { return false };
            // A continuation lies right behind its field.
            if *stop == at {
                *stop = end;
            }
            return true;
        }
        match field(line) {
            Some((name, from)) if self.fields.len() < FIELDS_MAX => {
                self.fields.push((name, at + from, end));
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// The value of the first field of that name, unfolded and trimmed.
    pub(super) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(unfolded)
    }

    /// The values of all fields of that name.
    pub(super) fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = Cow<'a, str>> + 'h {
        self.all(name).map(unfolded)
    }

    /// The value of the first field of that name, with its encoded words decoded (RFC 2047).
    pub(super) fn decoded(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| decode::encoded_words(&value))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    fn raw(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
        let same = move |key: &[u8]| key.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(move |(key, _, _)| same(key)).map(|(_, start, stop)| &self.bytes[*start..*stop])
    }
}

/// Where the line that begins at `at` ends, its line feed included.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(bytes.len(), |found| at + found + 1)
}

/// A line without what ends it.
pub(super) fn trimmed_end(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

/// The name of the field in a line, and where its value begins (RFC 5322 §3.6.8; blanks before
/// the colon are obsolete syntax, §4.5).
pub(super) fn field(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = memchr(b':', line.get(..line.len().min(80))?)?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~'));
    is_name.then_some((name, colon + 1))
}

/// The line that mailbox files put before a mail.
fn is_mbox(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

/// A value as one line, of bounded length.
pub(super) fn unfolded(value: &[u8]) -> Cow<'_, str> {
    let value = value[..value.len().min(VALUE_BYTES_MAX)].trim_ascii();
    let text = String::from_utf8_lossy(value);
    if memchr(b'\n', value).is_none() {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for piece in text.lines() {
        let piece = piece.trim();
        if !line.is_empty() && !piece.is_empty() {
            line.push(' ');
        }
        line.push_str(piece);
    }
    Cow::Owned(line)
}
