//! A message in octets: its fields, its body, and what its line ends are.
//!
//! A file whose first line ends with a lone LF is taken for a message saved on Unix, and read with
//! the CRLF it travelled with. Otherwise the octets stay as they are: that is how it came.

use std::collections::HashMap;
use std::ops::Range;

/// A message that is longer is not read.
pub const MESSAGE_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Fields behind this many are passed over.
const FIELDS_MAX: usize = 50_000;
/// A field's name is cut off behind this.
const NAME_BYTES_MAX: usize = 256;
/// The text of a field is cut off behind this.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// RFC 5322 §2.1.1: without the line end.
const LINE_BYTES_MAX: usize = 998;

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// In lower case.
    pub name: Box<str>,
    /// The whole field, line end included.
    pub raw: Range<usize>,
    /// What stands behind the colon, line end included.
    pub value: Range<usize>,
}

/// What the lines are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// The first line ended with a lone LF: a file of Unix.
    pub unix: bool,
    /// LFs without a CR, in a message that has CRLFs too.
    pub lone_lf: usize,
    /// CRs without an LF.
    pub lone_cr: usize,
    /// Lines above 998 octets, and the first of them, counted from 1.
    pub long: usize,
    /// The number of the first long line.
    pub first_long: usize,
    /// How long the longest line is.
    pub longest: usize,
    /// NULs.
    pub nul: usize,
}

/// A message, read.
#[derive(Debug, Clone, Default)]
pub struct Message {
    octets: Vec<u8>,
    /// The fields, from the top.
    pub fields: Vec<Field>,
    index: HashMap<Box<str>, Vec<usize>>,
    /// Lines among the fields that are none.
    pub strays: Vec<Range<usize>>,
    body: usize,
    /// There is an empty line behind the fields.
    pub has_body: bool,
    /// How the lines are.
    pub lines: Lines,
    /// There are more fields than are read.
    pub cut: bool,
}

impl Message {
    /// Reads a message; whatever it is, there is something to say about it.
    pub fn read(octets: Vec<u8>) -> Self {
        let mut octets = without_mbox_line(octets);
        octets.truncate(MESSAGE_BYTES_MAX);
        let mut lines = line_ends(&octets);
        if lines.unix {
            octets = with_crlf(&octets);
        }
        measure(&octets, &mut lines);
        let mut message = Self { octets, lines, ..Self::default() };
        message.find_fields();
        message
    }

    fn find_fields(&mut self) {
        let mut at = 0;
        while at < self.octets.len() {
            let end = field_end(&self.octets, at);
            let raw = at..end;
            let field = self.octets.get(raw.clone()).unwrap_or_default();
            if matches!(field, b"\r\n" | b"\n") {
                self.has_body = true;
                at = end;
                break;
            }
            // RFC 5322 §2.2: the name is printable ASCII without the colon; blanks before the
            // colon are obsolete, and met.
            let colon = field.iter().position(|octet| *octet == b':');
            let name = colon.map(|colon| field.get(..colon).unwrap_or_default().trim_ascii_end());
            match (colon, name) {
                (Some(colon), Some(name)) if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) => {
                    if self.fields.len() < FIELDS_MAX {
                        let name = name.get(..name.len().min(NAME_BYTES_MAX)).unwrap_or_default();
                        let name: Box<str> = String::from_utf8_lossy(name).to_ascii_lowercase().into();
                        self.index.entry(name.clone()).or_default().push(self.fields.len());
                        self.fields.push(Field { name, value: at + colon + 1..end, raw });
                    } else {
                        self.cut = true;
                    }
                }
                _ if self.strays.len() < 100 => self.strays.push(raw),
                _ => {}
            }
            at = end;
        }
        self.body = at.min(self.octets.len());
    }

    /// All of it.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// What comes behind the empty line.
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.body..).unwrap_or_default()
    }

    /// The header, without the empty line.
    pub fn head(&self) -> &[u8] {
        self.octets.get(..self.body).unwrap_or_default()
    }

    /// A field, whole.
    pub fn raw(&self, field: usize) -> &[u8] {
        self.fields.get(field).and_then(|field| self.octets.get(field.raw.clone())).unwrap_or_default()
    }

    /// The value of a field, in one line.
    pub fn value(&self, field: usize) -> String {
        let value = self.fields.get(field).and_then(|field| self.octets.get(field.value.clone())).unwrap_or_default();
        unfolded(value)
    }

    /// The places of the fields with that name, in lower case, from the top.
    pub fn all(&self, name: &str) -> &[usize] {
        self.index.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The value of the topmost field with that name.
    pub fn first(&self, name: &str) -> Option<String> {
        self.all(name).first().map(|field| self.value(*field))
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }
}

/// A value in one line, without the blanks around it.
pub(crate) fn unfolded(value: &[u8]) -> String {
    let value = value.get(..value.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(value);
    let mut line = String::with_capacity(text.len());
    for part in text.split(['\r', '\n']) {
        line.push_str(part);
    }
    line.trim().to_owned()
}

/// mbox files begin a message with a line that is not part of it.
fn without_mbox_line(mut octets: Vec<u8>) -> Vec<u8> {
    if octets.starts_with(b"From ") || octets.starts_with(b">From ") {
        let end = octets.iter().position(|octet| *octet == b'\n').map_or(octets.len(), |end| end + 1);
        octets.drain(..end);
    }
    if octets.starts_with(b"\xef\xbb\xbf") {
        octets.drain(..3);
    }
    octets
}

fn line_ends(octets: &[u8]) -> Lines {
    let mut lines = Lines::default();
    let mut before = 0_u8;
    // The host that stored it wrote the first line: its line end is that of the file.
    let first = octets.iter().position(|octet| *octet == b'\n');
    lines.unix = first.is_some_and(|first| first.checked_sub(1).and_then(|at| octets.get(at)) != Some(&b'\r'));
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            b'\n' if before != b'\r' && !lines.unix => lines.lone_lf += 1,
            b'\r' if octets.get(at + 1) != Some(&b'\n') => lines.lone_cr += 1,
            0 => lines.nul += 1,
            _ => {}
        }
        before = *octet;
    }
    lines
}

/// The same with every lone LF made CRLF.
pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut before = 0;
    for octet in octets {
        if *octet == b'\n' && before != b'\r' {
            mended.push(b'\r');
        }
        mended.push(*octet);
        before = *octet;
    }
    mended
}

fn measure(octets: &[u8], lines: &mut Lines) {
    for (index, line) in octets.split(|octet| *octet == b'\n').enumerate() {
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        lines.longest = lines.longest.max(length);
        if length > LINE_BYTES_MAX {
            lines.long += 1;
            if lines.long == 1 {
                lines.first_long = index + 1;
            }
        }
    }
}

/// Where the field that begins at `start` ends: at a line end with no blank behind it. A line of
/// its own ends the fields, so that a blank behind it folds nothing.
fn field_end(octets: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        let Some(line) = rest.iter().position(|octet| *octet == b'\n') else { return octets.len() };
        let end = at + line + 1;
        let empty = at == start && matches!(rest.get(..=line), Some(b"\r\n" | b"\n"));
        if empty || !matches!(octets.get(end), Some(b' ' | b'\t')) {
            return end;
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Message {
        Message::read(text.as_bytes().to_vec())
    }

    #[test]
    fn fields_and_body() {
        let message = read("From a@b Mon\nSubject: a\n  b\nX : y\nno field\n\n \nbody\n");
        let names: Vec<_> = message.fields.iter().map(|field| &*field.name).collect();
        assert_eq!(names, ["subject", "x"]);
        assert_eq!(message.first("subject").as_deref(), Some("a  b"));
        assert_eq!(message.body(), b" \r\nbody\r\n");
        assert_eq!((message.strays.len(), message.lines.unix, message.has_body), (1, true, true));
        assert_eq!(message.raw(0), b"Subject: a\r\n  b\r\n");
    }

    #[test]
    fn lines_as_they_came() {
        let message = read(&format!("A: b\r\n\r\nx\ny\rz\0\r\n{}\r\n", "l".repeat(999)));
        let Lines { unix, lone_lf, lone_cr, long, first_long, longest, nul } = message.lines;
        assert_eq!((unix, lone_lf, lone_cr, long, first_long, longest, nul), (false, 1, 1, 1, 5, 999, 1));
    }

    #[test]
    fn whatever_it_is_it_is_read() {
        for text in ["", "\r\n", ":", "a:", "a", "\n\n", "From ", " x: y\r\n", "\u{feff}A: b"] {
            let message = read(text);
            assert!(message.body().len() <= message.octets().len(), "{text:?}");
        }
        assert_eq!(read("A: b").fields.len(), 1);
        assert!(!read("A: b\r\n").has_body);
    }
}
