//! A notice as a mail: multipart/report of words, fields and the message itself (RFC 6522, RFC 3464).
//!
//! Nothing that came from outside reaches a header line unchecked: whatever is not printable
//! is replaced, and every line is shorter than 998 octets. The notice is 7-bit, but for a
//! returned message that is not, and for a sender's address in UTF-8.

use crate::notice::{Notice, Tidings};
use crate::{fields, original, people, text};
use bytes::Bytes;
use postrider_smtp::{BodyType, Content};
use std::fmt::Write;

/// A notice as a mail, and what it takes to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Its bytes.
    pub content: Content,
    /// 8BITMIME when the returned message has octets above 127.
    pub body: BodyType,
    /// Whether it takes SMTPUTF8: the sender's address is in UTF-8.
    pub smtputf8: bool,
}

/// Writes the mail. It is to be sent with the null sender (RFC 3464 §2), so that it can never
/// make another one.
pub fn compose(notice: &Notice<'_>) -> Composed {
    let reporter = text::host(notice.reporter);
    let boundary = boundary(notice);
    let returned = original::part(notice);
    let mut body = Vec::with_capacity(returned.bytes.len() + 4096);
    let mut part = |bytes: &[u8]| {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(bytes);
    };
    part(people::part(notice, &reporter).as_bytes());
    part(fields::part(notice, &reporter).as_bytes());
    part(&returned.bytes);
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Composed {
        content: Content { head: Bytes::from(head(notice, &reporter, &boundary)), body: Bytes::from(body) },
        body: if returned.eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit },
        smtputf8: notice.to.needs_smtputf8(),
    }
}

fn head(notice: &Notice<'_>, reporter: &str, boundary: &str) -> String {
    let mut head = String::with_capacity(800);
    let mut field = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    };
    field("From", &format!("Mail Delivery System <MAILER-DAEMON@{reporter}>"));
    field("To", &notice.to.to_string());
    field("Subject", &subject(notice));
    field("Date", &text::date(notice.now));
    field("Message-ID", &format!("<{}@{reporter}>", notice.id));
    if let Some(id) = original::message_id(&notice.original.head) {
        field("In-Reply-To", id);
        field("References", id);
    }
    // RFC 3834 §5.1: so that no vacation program answers it.
    field("Auto-Submitted", "auto-replied");
    field("MIME-Version", "1.0");
    field("Content-Type", &format!("multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\""));
    head.push_str("\r\n");
    head
}

fn subject(notice: &Notice<'_>) -> String {
    let what = match notice.tidings {
        Tidings::Failure => "Not delivered",
        Tidings::Delay => "Delayed, still being tried",
        Tidings::Success => "Passed on",
    };
    match notice.fates.as_slice() {
        [one] if !one.recipient.address.needs_smtputf8() => format!("{what}: mail to {}", one.recipient.address),
        [_] => format!("{what}: mail to 1 recipient"),
        many => format!("{what}: mail to {} recipients", many.len()),
    }
}

/// A line that neither the returned message nor anything else in the notice has (RFC 2046 §5.1.1).
fn boundary(notice: &Notice<'_>) -> String {
    let mut boundary = format!("=_{}_report", notice.id);
    let taken = |boundary: &str| {
        let found = |bytes| memchr::memmem::find(bytes, boundary.as_bytes()).is_some();
        found(&notice.original.head) || found(&notice.original.body)
    };
    // Each round is longer than the last, so it ends at the length of the message at the latest;
    // a boundary may have 70 characters, and nobody can guess ids well enough to come that far.
    while taken(&boundary) && boundary.len() < 70 {
        boundary.push('_');
    }
    boundary
}
