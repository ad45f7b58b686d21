//! Reply codes (RFC 5321 §4.2) and enhanced status codes (RFC 3463).

use std::fmt;
use std::str::FromStr;

/// A three-digit reply code whose first digit is 2, 3, 4 or 5 (RFC 5321 §4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyCode(u16);

/// Registry values carry number and meaning.
#[expect(missing_docs, reason = "each name is its meaning, with its number")]
impl ReplyCode {
    pub const HELP_214: Self = Self(214);
    pub const READY_220: Self = Self(220);
    pub const CLOSING_221: Self = Self(221);
    pub const AUTHENTICATED_235: Self = Self(235);
    pub const OK_250: Self = Self(250);
    pub const CANNOT_VERIFY_252: Self = Self(252);
    pub const CHALLENGE_334: Self = Self(334);
    pub const START_MAIL_354: Self = Self(354);
    pub const UNAVAILABLE_421: Self = Self(421);
    pub const MAILBOX_BUSY_450: Self = Self(450);
    pub const LOCAL_ERROR_451: Self = Self(451);
    pub const NO_STORAGE_452: Self = Self(452);
    pub const AUTH_TEMPORARY_454: Self = Self(454);
    pub const UNRECOGNISED_500: Self = Self(500);
    pub const BAD_ARGUMENT_501: Self = Self(501);
    pub const NOT_IMPLEMENTED_502: Self = Self(502);
    pub const BAD_SEQUENCE_503: Self = Self(503);
    pub const BAD_PARAMETER_504: Self = Self(504);
    pub const AUTH_REQUIRED_530: Self = Self(530);
    pub const AUTH_FAILED_535: Self = Self(535);
    pub const ENCRYPTION_REQUIRED_538: Self = Self(538);
    pub const MAILBOX_UNAVAILABLE_550: Self = Self(550);
    pub const TOO_BIG_552: Self = Self(552);
    pub const BAD_MAILBOX_NAME_553: Self = Self(553);
    pub const FAILED_554: Self = Self(554);
    pub const BAD_MAIL_OR_RCPT_PARAMETER_555: Self = Self(555);
}

impl ReplyCode {
    /// A code, if the number is one: 200 to 599.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 200 && number <= 599 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The first digit, 2 to 5: all that a client must understand (RFC 5321 §4.3.2).
    pub const fn class(self) -> u8 {
        (self.0 / 100) as u8
    }

    /// 2yz.
    pub const fn is_positive(self) -> bool {
        self.class() == 2
    }

    /// 3yz: go on.
    pub const fn is_intermediate(self) -> bool {
        self.class() == 3
    }

    /// 4yz.
    pub const fn is_transient(self) -> bool {
        self.class() == 4
    }

    /// 5yz.
    pub const fn is_permanent(self) -> bool {
        self.class() == 5
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `class.subject.detail` (RFC 3463 §2): class 2, 4 or 5; the others at most 999.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnhancedStatus {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedStatus {
    /// A status, if the numbers make one.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999 {
            Some(Self { class, subject, detail })
        } else {
            None
        }
    }

    /// 2 done, 4 persistent transient failure, 5 permanent failure.
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What the trouble is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// Which trouble exactly.
    pub const fn detail(self) -> u16 {
        self.detail
    }

    /// The status at the start of a reply's text, and the rest of the text.
    ///
    /// ```
    /// use postrider_smtp::EnhancedStatus;
    /// let (status, rest) = EnhancedStatus::split("5.1.1 no such user").unwrap();
    /// assert_eq!((status.to_string().as_str(), rest), ("5.1.1", "no such user"));
    /// assert!(EnhancedStatus::split("5.1 apples").is_none());
    /// ```
    pub fn split(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let status = text[..end].parse().ok()?;
        let rest = &text[end..];
        if rest.is_empty() || rest.starts_with([' ', '\t', ':', ',', '-', ';', ')', ']']) {
            Some((status, rest.trim_start_matches([' ', '\t'])))
        } else {
            None
        }
    }
}

impl FromStr for EnhancedStatus {
    type Err = NotAStatus;
    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        let mut parts = text.split('.');
        let mut part = |digits_max: usize| -> Option<u16> {
            let part = parts.next()?;
            let plain = !part.is_empty() && part.len() <= digits_max && part.bytes().all(|b| b.is_ascii_digit());
            if plain { part.parse().ok() } else { None }
        };
        let status = (|| Self::new(u8::try_from(part(1)?).ok()?, part(3)?, part(3)?))();
        match (status, parts.next()) {
            (Some(status), None) => Ok(status),
            _ => Err(NotAStatus),
        }
    }
}

/// The text is not of the form `class.subject.detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an enhanced status code: want class.subject.detail, such as 5.1.1")]
pub struct NotAStatus;

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_from_versions_and_addresses() {
        let table = [
            ("5.1.1 x", Some(("5.1.1", "x"))),
            ("4.7.28", Some(("4.7.28", ""))),
            (" 5.7.1: y", Some(("5.7.1", ": y"))),
            ("3.1.1 x", None),
            ("5.1.1.1 x", None),
            ("5.1.1000 x", None),
            ("5..1 x", None),
            ("5.1.1x", None),
            ("", None),
        ];
        for (text, want) in table {
            let got = EnhancedStatus::split(text).map(|(s, rest)| (s.to_string(), rest));
            assert_eq!(got, want.map(|(s, rest)| (s.to_owned(), rest)), "{text:?}");
        }
    }
}
