//! A reply: its code and its lines, as they were on the wire (RFC 5321 §4.2.1).

use crate::{EnhancedStatus, ReplyCode};
use std::fmt;

/// The longest reply line we keep, in octets; RFC 5321 §4.5.3.1.5 says 512, real hosts say more.
pub const REPLY_LINE_BYTES_MAX: usize = 4096;
/// The most lines of one reply.
pub const REPLY_LINES_MAX: usize = 256;

/// Code and lines. The lines are the text behind code and separator, so an enhanced status
/// code is still in them; octets that are not UTF-8 were replaced by U+FFFD.
///
/// ```
/// use postrider_smtp::{Reply, ReplyCode};
/// let reply = Reply::new(ReplyCode::MAILBOX_UNAVAILABLE_550, "5.1.1 no such user");
/// assert_eq!(reply.enhanced().unwrap().to_string(), "5.1.1");
/// assert_eq!(reply.to_wire(), "550 5.1.1 no such user\r\n");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    code: ReplyCode,
    lines: Vec<Box<str>>,
}

/// Why bytes are not a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The line does not begin with a code.
    #[error("the line does not begin with a reply code: {0:?}")]
    NoCode(String),
    /// The lines of one reply carry different codes.
    #[error("one reply with two codes, {0} and {1}")]
    MixedCodes(ReplyCode, ReplyCode),
    /// A line longer than [`REPLY_LINE_BYTES_MAX`].
    #[error("a reply line of more than {REPLY_LINE_BYTES_MAX} octets")]
    LineTooLong,
    /// More lines than [`REPLY_LINES_MAX`].
    #[error("a reply of more than {REPLY_LINES_MAX} lines")]
    TooManyLines,
}

impl Reply {
    /// A reply of one line; a line break in the text starts another one.
    pub fn new(code: ReplyCode, text: impl AsRef<str>) -> Self {
        let lines = text.as_ref().split('\n').map(|line| line.trim_end_matches('\r').into()).collect();
        Self { code, lines }
    }

    /// A reply of several lines.
    pub fn from_lines<S: Into<Box<str>>>(code: ReplyCode, lines: impl IntoIterator<Item = S>) -> Self {
        let mut lines: Vec<Box<str>> = lines.into_iter().map(Into::into).collect();
        if lines.is_empty() {
            lines.push("".into());
        }
        Self { code, lines }
    }

    /// The code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The lines behind code and separator.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| &**line)
    }

    /// The enhanced status code at the start of the first line that has one.
    pub fn enhanced(&self) -> Option<EnhancedStatus> {
        self.lines().find_map(EnhancedStatus::split).map(|(status, _)| status)
    }

    /// All lines joined by spaces, the repeated enhanced status codes left out.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in self.lines() {
            let line = EnhancedStatus::split(line).map_or(line, |(_, rest)| rest).trim();
            if !text.is_empty() && !line.is_empty() {
                text.push(' ');
            }
            text.push_str(line);
        }
        text
    }

    /// The bytes to send: `250-first\r\n250 last\r\n`.
    pub fn to_wire(&self) -> String {
        let mut wire = String::with_capacity(self.lines.iter().map(|line| line.len() + 6).sum());
        for (index, line) in self.lines.iter().enumerate() {
            let separator = if index + 1 < self.lines.len() { '-' } else { ' ' };
            wire.push_str(&self.code.to_string());
            wire.push(separator);
            wire.push_str(line);
            wire.push_str("\r\n");
        }
        wire
    }
}

/// One line, for people and logs: code, then the lines joined by ` / `.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for (index, line) in self.lines().enumerate() {
            write!(f, "{}{line}", if index == 0 { " " } else { " / " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Puts a reply together line by line.
#[derive(Debug, Default)]
pub struct ReplyParser {
    so_far: Option<Reply>,
}

impl ReplyParser {
    /// Takes one line without its line end; gives the reply when the line was its last.
    ///
    /// `250`, `250 text`, `250-text` are all seen in the field and all taken (RFC 5321 §4.2.1).
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        if line.len() > REPLY_LINE_BYTES_MAX {
            return Err(ReplyError::LineTooLong);
        }
        let (code, more, text) = split_line(line).ok_or_else(|| ReplyError::NoCode(shown(line)))?;
        let reply = self.so_far.get_or_insert(Reply { code, lines: Vec::new() });
        if reply.code != code {
            return Err(ReplyError::MixedCodes(reply.code, code));
        }
        if reply.lines.len() == REPLY_LINES_MAX {
            return Err(ReplyError::TooManyLines);
        }
        reply.lines.push(String::from_utf8_lossy(text).into());
        Ok(if more { None } else { self.so_far.take() })
    }

    /// Whether a reply has begun and not ended.
    pub fn is_within_reply(&self) -> bool {
        self.so_far.is_some()
    }
}

fn split_line(line: &[u8]) -> Option<(ReplyCode, bool, &[u8])> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    let code = ReplyCode::new(number)?;
    match line.get(3) {
        None => Some((code, false, &[])),
        Some(b' ' | b'\t') => Some((code, false, &line[4..])),
        Some(b'-') => Some((code, true, &line[4..])),
        Some(_) => None,
    }
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Result<Option<Reply>, ReplyError> {
        let mut parser = ReplyParser::default();
        let mut last = Ok(None);
        for line in lines {
            last = parser.line(line.as_bytes());
            if last.is_err() {
                break;
            }
        }
        last
    }

    #[test]
    fn replies_of_one_and_several_lines() {
        let reply = parse(&["550-5.7.1 one", "550 5.7.1 two"]).unwrap().unwrap();
        assert_eq!(reply.to_string(), "550 5.7.1 one / 5.7.1 two");
        assert_eq!(reply.text(), "one two");
        assert_eq!(reply.to_wire(), "550-5.7.1 one\r\n550 5.7.1 two\r\n");
        assert_eq!(parse(&["250"]).unwrap().unwrap().to_wire(), "250 \r\n");
        assert_eq!(parse(&["250-go on"]).unwrap(), None);
    }

    #[test]
    fn what_is_not_a_reply_says_why() {
        assert_eq!(parse(&["hello"]), Err(ReplyError::NoCode("hello".into())));
        assert_eq!(parse(&["150 no"]), Err(ReplyError::NoCode("150 no".into())));
        assert_eq!(parse(&["2500"]), Err(ReplyError::NoCode("2500".into())));
        let mixed = parse(&["250-a", "550 b"]);
        assert_eq!(mixed, Err(ReplyError::MixedCodes(ReplyCode::OK_250, ReplyCode::MAILBOX_UNAVAILABLE_550)));
        assert_eq!(parse(&[&format!("250 {}", "x".repeat(5000))]), Err(ReplyError::LineTooLong));
        assert_eq!(parse(&["250-a"; 257]), Err(ReplyError::TooManyLines));
    }
}
