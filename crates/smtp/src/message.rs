//! A message's name, its bytes, and the moments of its life.

use bytes::Bytes;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds since 1970-01-01 UTC. A plain value: who needs the present is given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The end of time.
    pub const NEVER: Self = Self(i64::MAX);

    /// This much later; stops at [`Timestamp::NEVER`].
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// A message's id: unique in one spool, and rising with the time it was made.
///
/// 63 bits: 41 of milliseconds since 2024-01-01 UTC, 10 of node, 12 of count. Written as 13
/// characters of Crockford's base 32.
///
/// ```
/// use postrider_smtp::MessageId;
/// let id: MessageId = "0fxk3v2q80001".parse().unwrap();
/// assert_eq!(id.to_string(), "0FXK3V2Q80001");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u64);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const EPOCH_MS: i64 = 1_704_067_200_000;
const COUNT_BITS: u32 = 12;
const NODE_BITS: u32 = 10;

impl MessageId {
    /// The first id of this node at this millisecond; further ones by [`MessageId::next_after`].
    pub fn at(now: Timestamp, node: u16) -> Self {
        let ms = u64::try_from(now.0 - EPOCH_MS).unwrap_or(0) & ((1 << 41) - 1);
        let node = u64::from(node) & ((1 << NODE_BITS) - 1);
        Self((ms << (NODE_BITS + COUNT_BITS)) | (node << COUNT_BITS))
    }

    /// An id for `now` that is greater than `last`, by the same node.
    #[must_use]
    pub fn next_after(last: Self, now: Timestamp, node: u16) -> Self {
        let fresh = Self::at(now, node);
        if fresh > last {
            return fresh;
        }
        let count_mask = (1 << COUNT_BITS) - 1;
        if last.0 & count_mask < count_mask {
            return Self(last.0 + 1);
        }
        // 4,096 ids in one millisecond: borrow from the next one.
        let ms = (last.0 >> (NODE_BITS + COUNT_BITS)) + 1;
        Self((ms << (NODE_BITS + COUNT_BITS)) | (last.0 & ((((1 << NODE_BITS) - 1) as u64) << COUNT_BITS)))
    }

    /// As a number that fits a signed 64-bit column.
    pub fn to_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// From such a number; `None` when it is negative.
    pub fn from_i64(number: i64) -> Option<Self> {
        u64::try_from(number).ok().map(Self)
    }

    /// When the message was accepted, to the millisecond.
    pub fn time(self) -> Timestamp {
        Timestamp((self.0 >> (NODE_BITS + COUNT_BITS)).cast_signed() + EPOCH_MS)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; 13];
        for (index, slot) in text.iter_mut().rev().enumerate() {
            *slot = DIGITS[((self.0 >> (5 * index)) & 31) as usize];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message id: want 13 characters, digits and letters, as `postrider queue` prints them")]
pub struct NotAMessageId;

impl FromStr for MessageId {
    type Err = NotAMessageId;
    fn from_str(text: &str) -> Result<Self, NotAMessageId> {
        if text.len() != 13 {
            return Err(NotAMessageId);
        }
        let mut number: u64 = 0;
        for byte in text.bytes() {
            let digit = DIGITS.iter().position(|d| *d == byte.to_ascii_uppercase()).ok_or(NotAMessageId)?;
            number = number.checked_mul(32).ok_or(NotAMessageId)? | digit as u64;
        }
        if number > i64::MAX as u64 { Err(NotAMessageId) } else { Ok(Self(number)) }
    }
}

/// The bytes of a message: the header block with its empty line, and the body behind it.
///
/// CRLF line ends, not dot-stuffed, the last line ended. Two parts, so that headers can be
/// added without copying the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Header fields and the empty line that ends them.
    pub head: Bytes,
    /// All that follows.
    pub body: Bytes,
}

impl Content {
    /// Splits a whole message behind its first empty line; without copying.
    pub fn split(message: Bytes) -> Self {
        let mut message = message;
        let end = if message.starts_with(b"\r\n") {
            2
        } else {
            memchr::memmem::find(&message, b"\r\n\r\n").map_or(message.len(), |at| at + 4)
        };
        let body = message.split_off(end);
        Self { head: message, body }
    }

    /// Octets in all.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Whether there is not one octet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_keep_their_time_and_survive_a_clock_set_back() {
        let now = Timestamp(1_800_000_000_000);
        let mut last = MessageId::at(now, 5);
        assert_eq!(last.time(), now);
        for step in 0..10_000 {
            let next = MessageId::next_after(last, Timestamp(now.0 - step), 5);
            assert!(next > last);
            assert_eq!(next.to_string().parse(), Ok(next));
            last = next;
        }
        assert!(MessageId::next_after(last, Timestamp(now.0 + 50), 5).time().0 == now.0 + 50);
    }

    #[test]
    fn content_is_split_behind_the_first_empty_line() {
        for (text, head) in
            [("A: b\r\n\r\nbody\r\n", "A: b\r\n\r\n"), ("\r\nbody\r\n", "\r\n"), ("A: b\r\n", "A: b\r\n"), ("", "")]
        {
            let content = Content::split(Bytes::from_static(text.as_bytes()));
            assert_eq!((content.head.as_ref(), content.len()), (head.as_bytes(), text.len()));
        }
    }
}
