//! A notice as a mail.

use crate::Notice;
use postrider_smtp::{BodyType, Content};

/// A notice as a mail, and what it takes to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Its bytes.
    pub content: Content,
    /// 8BITMIME when the returned message has octets above 127.
    pub body: BodyType,
    /// Whether it takes SMTPUTF8.
    pub smtputf8: bool,
}

/// Writes the mail. It is to be sent with the null sender (RFC 3464 §2).
pub fn compose(_notice: &Notice<'_>) -> Composed {
    Composed { content: Content::default(), body: BodyType::SevenBit, smtputf8: false }
}
