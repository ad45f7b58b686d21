//! Command lines cut out of what came in.

use memchr::memchr;

/// Octets that came in and were not used yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// Where the unused ones begin.
    at: usize,
    /// Unused ones that are known to hold no LF.
    searched: usize,
    /// Octets of the line at hand that were thrown away as too many.
    discarded: usize,
    /// Octets to come that nobody wants: a chunk that was refused.
    skip: u64,
}

/// What the input holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// No whole line yet.
    More,
    /// A line: so many octets without its end, and with it.
    Line(usize, usize),
    /// The end of a line that was too long.
    TooLong,
    /// A line without end.
    Endless,
}

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        self.bytes.extend_from_slice(&bytes[skipped..]);
    }

    pub(super) fn unused(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Whether the next octets pushed are the next to be used.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.skip == 0
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.at += count.min(self.unused().len());
        self.searched = 0;
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
            // An idle session holds little memory.
            self.bytes.shrink_to(IDLE_BYTES_MAX);
        }
    }

    /// Throws away octets, those to come included.
    pub(super) fn skip(&mut self, count: u64) {
        let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.unused().len());
        self.consume(here);
        self.skip += count - here as u64;
    }

    /// Octets to come that are to be thrown away.
    pub(super) fn to_skip(&self) -> u64 {
        self.skip
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Looks for a line. A bare LF ends a command as well as CRLF does: people type, and a command
    /// is not a message.
    pub(super) fn cut(&mut self, bytes_max: usize, discard_bytes_max: usize) -> Cut {
        let Some(found) = memchr(b'\n', &self.bytes[self.at + self.searched..]) else {
            self.searched = self.unused().len();
            if self.discarded > 0 || self.searched > bytes_max {
                let count = self.searched;
                self.discarded += count;
                self.consume(count);
            }
            return if self.discarded > discard_bytes_max { Cut::Endless } else { Cut::More };
        };
        let whole = self.searched + found + 1;
        let total = self.discarded + whole;
        if total > bytes_max {
            self.consume(whole);
            self.discarded = 0;
            return if total > discard_bytes_max { Cut::Endless } else { Cut::TooLong };
        }
        let line = &self.unused()[..whole - 1];
        Cut::Line(line.strip_suffix(b"\r").unwrap_or(line).len(), whole)
    }
}

/// What an emptied buffer may keep.
const IDLE_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts everything there is, fed by `step` octets.
    fn cuts(wire: &str, step: usize) -> Vec<String> {
        let (mut input, mut seen) = (Input::default(), Vec::new());
        for piece in wire.as_bytes().chunks(step) {
            input.push(piece);
            loop {
                match input.cut(8, 16) {
                    Cut::More => break,
                    Cut::Line(line, whole) => {
                        seen.push(String::from_utf8_lossy(&input.unused()[..line]).into_owned());
                        input.consume(whole);
                    }
                    Cut::TooLong => seen.push("(too long)".into()),
                    Cut::Endless => {
                        seen.push("(endless)".into());
                        return seen;
                    }
                }
            }
        }
        seen
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let table: [(&str, &[&str]); 5] = [
            ("a\r\nb\nc", &["a", "b"]),
            ("\r\n\r\n", &["", ""]),
            ("123456\r\n1234567\r\nx\r\n", &["123456", "(too long)", "x"]),
            ("1234567890\nx\n", &["(too long)", "x"]),
            ("12345678901234567890\nx\n", &["(endless)"]),
        ];
        for (wire, want) in table {
            for step in 1..=wire.len() {
                assert_eq!(cuts(wire, step), want, "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn refused_chunks_are_skipped_before_and_behind_the_present() {
        let mut input = Input::default();
        input.push(b"abc");
        input.skip(5);
        assert!(!input.is_empty());
        input.push(b"deRSET\r\n");
        assert_eq!(input.unused(), b"RSET\r\n");
    }
}
