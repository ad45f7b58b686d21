//! What was said in a session, for people.

use crate::Reply;
use std::fmt::Write;

/// The longest transcript, in octets: a hundred recipients and their replies fit.
pub const TRANSCRIPT_BYTES_MAX: usize = 16 * 1024;
/// What a usual transaction takes, so that its transcript is one allocation.
const TRANSCRIPT_BYTES_USUAL: usize = 640;

/// Lines of `C: …`, `S: …` and `-- …`. Its writers mask secrets before they call.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    text: String,
    full: bool,
}

impl Transcript {
    /// What we said.
    pub(super) fn said(&mut self, line: &str) {
        self.line("C: ", line);
    }

    /// What happened without words.
    pub(super) fn note(&mut self, line: &str) {
        self.line("-- ", line);
    }

    /// What the peer said.
    pub(super) fn heard(&mut self, reply: &Reply) {
        let mut lines = reply.lines().peekable();
        while let Some(line) = lines.next() {
            let more = lines.peek().is_some();
            self.begin(line.len() + 8, "S: ");
            if self.full {
                return;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{}{}{line}", reply.code(), if more { '-' } else { ' ' });
        }
    }

    /// Gives it away and begins another.
    pub(super) fn take(&mut self) -> String {
        self.full = false;
        std::mem::take(&mut self.text)
    }

    fn line(&mut self, mark: &str, line: &str) {
        self.begin(line.len() + 4, mark);
        if !self.full {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn begin(&mut self, bytes: usize, mark: &str) {
        if self.full {
            return;
        }
        if self.text.capacity() == 0 {
            self.text.reserve(TRANSCRIPT_BYTES_USUAL);
        }
        if self.text.len() + bytes > TRANSCRIPT_BYTES_MAX {
            self.full = true;
            self.text.push_str("-- the rest is left out\n");
            return;
        }
        self.text.push_str(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplyCode;

    #[test]
    fn a_transcript_reads_like_a_dialogue_and_is_bounded() {
        let mut transcript = Transcript::default();
        transcript.said("EHLO a.example");
        transcript.heard(&Reply::new(ReplyCode::OK_250, "b.example\nSIZE"));
        transcript.note("TLSv1.3");
        assert_eq!(transcript.take(), "C: EHLO a.example\nS: 250-b.example\nS: 250 SIZE\n-- TLSv1.3\n");
        for _ in 0..10_000 {
            transcript.said("RCPT TO:<tom@example.com>");
        }
        let text = transcript.take();
        assert!(text.len() < TRANSCRIPT_BYTES_MAX + 64 && text.ends_with("-- the rest is left out\n"));
        assert_eq!(transcript.take(), "");
    }
}
