//! Bytes in, replies out.

use super::Violation;
use crate::reply::{REPLY_LINE_BYTES_MAX, ReplyError, ReplyParser};
use crate::{Reply, outcome::Phase};

/// The most octets that wait to be looked at. A flight of a hundred recipients has a tenth of
/// it in replies; more is a flood.
const INBOX_BYTES_MAX: usize = 256 * 1024;

/// What the peer said and nobody has read yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    read: usize,
    parser: ReplyParser,
    flooded: bool,
}

impl Inbox {
    /// Takes bytes of any number; what is beyond the bound is dropped, and the flood told by [`Inbox::next`].
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        }
        let room = INBOX_BYTES_MAX - self.bytes.len().min(INBOX_BYTES_MAX);
        self.flooded |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The next whole reply, when there is one.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, Violation> {
        loop {
            let unread = &self.bytes[self.read..];
            let Some(end) = memchr::memchr(b'\n', unread) else {
                // A line without end is not waited for.
                if unread.len() > REPLY_LINE_BYTES_MAX {
                    return Err(Violation::Reply(ReplyError::LineTooLong));
                }
                return if self.flooded { Err(Violation::Flood) } else { Ok(None) };
            };
            // A bare LF ends a reply line, too: nothing can be smuggled towards a client that
            // asks one question at a time, and some old hosts send it.
            let line = unread[..end].strip_suffix(b"\r").unwrap_or(&unread[..end]);
            let reply = self.parser.line(line);
            self.read += end + 1;
            if let Some(reply) = reply.map_err(Violation::Reply)? {
                return Ok(Some(reply));
            }
        }
    }

    /// Whether a whole line waits, be it the last of its reply or not.
    pub(super) fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.bytes[self.read..]).is_some()
    }

    /// Octets that wait, those of an unfinished reply included.
    pub(super) fn is_empty(&self) -> bool {
        self.read == self.bytes.len() && !self.parser.is_within_reply()
    }

    /// Nothing may wait here: a question is about to be asked, or TLS about to begin.
    pub(super) fn refuse_early(&self, phase: Phase) -> Result<(), Violation> {
        if self.is_empty() {
            return Ok(());
        }
        let unread = &self.bytes[self.read..];
        let shown = String::from_utf8_lossy(&unread[..unread.len().min(80)]).trim_end().to_owned();
        Err(if phase == Phase::StartTls { Violation::BeforeTls(shown) } else { Violation::Unasked(shown) })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_out_whatever_way_the_bytes_go_in() {
        let wire = b"250-a\r\n250 b\r\n354\n";
        for at in 0..wire.len() {
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for part in [&wire[..at], &wire[at..]] {
                inbox.push(part);
                while let Some(reply) = inbox.next().unwrap() {
                    seen.push(reply.to_string());
                }
            }
            assert_eq!(seen, ["250 a / b", "354 "], "split at {at}");
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn an_endless_line_and_a_flood_are_bounded() {
        let mut inbox = Inbox::default();
        for _ in 0..10_000 {
            inbox.push(&[b'2'; 1024]);
        }
        assert_eq!(inbox.bytes.len(), INBOX_BYTES_MAX);
        assert_eq!(inbox.next(), Err(Violation::Reply(ReplyError::LineTooLong)));

        let mut inbox = Inbox::default();
        for _ in 0..INBOX_BYTES_MAX {
            inbox.push(b"250 x\r\n");
        }
        let mut replies = 0;
        let end = loop {
            match inbox.next() {
                Ok(Some(_)) => replies += 1,
                other => break other,
            }
        };
        assert_eq!((replies, end), (INBOX_BYTES_MAX / 7, Err(Violation::Flood)));
    }
}
