//! What a message gets on its way in: trace, missing fields, and nobody's Bcc.
//!
//! Received always (RFC 5321 §4.4); Date and Message-ID when they are missing (RFC 6409 §8.2
//! and §8.3, and most mail libraries leave one of them out); Bcc fields are taken out (RFC 5322
//! §3.6.3). The body is never touched nor copied, and no field of the author's is rewritten.

use crate::accept::{Client, Received};
use bytes::Bytes;
use jiff::tz::TimeZone;
use memchr::{memchr, memmem};
use postrider_smtp::{Content, MessageId, Timestamp};
use postrider_spool::Origin;
use std::fmt::Write as _;
use std::ops::Range;

/// What was found in a header block.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    /// Where the fields end: before the empty line, or before the first line that is no field.
    fields_end: usize,
    /// Where the body begins.
    body_start: usize,
    has_date: bool,
    has_message_id: bool,
    /// Whole Bcc fields, with their line ends.
    bcc: Vec<Range<usize>>,
}

/// Makes the content to keep: trace and missing fields in front, then the author's own.
pub(crate) fn prepare(received: &Received, id: MessageId, hostname: &str, now: Timestamp) -> Content {
    let message = &received.message;
    let head = scan(message);
    let date = rfc5322_date(now);
    let mut out = String::with_capacity(512);
    received_field(&mut out, received, id, hostname, &date);
    if !head.has_message_id {
        let _ = write!(out, "Message-ID: <{id}@{hostname}>\r\n");
    }
    if !head.has_date {
        let _ = write!(out, "Date: {date}\r\n");
    }
    let mut bytes = out.into_bytes();
    let mut from = 0;
    for bcc in &head.bcc {
        bytes.extend_from_slice(&message[from..bcc.start]);
        from = bcc.end;
    }
    bytes.extend_from_slice(&message[from..head.fields_end]);
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    Content { head: Bytes::from(bytes), body: message.slice(head.body_start..) }
}

/// The author's own Message-ID, for bounces and events: what stands in the field, brackets included.
pub(crate) fn message_id_of(head: &[u8]) -> Option<String> {
    field_value(head, b"message-id").map(|value| value.chars().filter(|c| !c.is_control()).collect())
}

/// The value of the first field of that name (lower case), unfolded.
pub(crate) fn field_value(head: &[u8], name: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(end) = field_end(head, at) {
        let field = &head[at..end];
        let colon = memchr(b':', field)?;
        if field[..colon].trim_ascii_end().eq_ignore_ascii_case(name) {
            let value = String::from_utf8_lossy(&field[colon + 1..]);
            return Some(value.split("\r\n").map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned());
        }
        at = end;
    }
    None
}

fn scan(message: &[u8]) -> Head {
    let mut head = Head::default();
    let mut at = 0;
    while let Some(end) = field_end(message, at) {
        let field = &message[at..end];
        let name = field[..memchr(b':', field).unwrap_or(0)].trim_ascii_end();
        match name.len() {
            3 if name.eq_ignore_ascii_case(b"bcc") => head.bcc.push(at..end),
            4 if name.eq_ignore_ascii_case(b"date") => head.has_date = true,
            10 if name.eq_ignore_ascii_case(b"message-id") => head.has_message_id = true,
            10 if name.eq_ignore_ascii_case(b"resent-bcc") => head.bcc.push(at..end),
            _ => {}
        }
        at = end;
    }
    head.fields_end = at;
    head.body_start = if message[at..].starts_with(b"\r\n") { at + 2 } else { at };
    head
}

/// Where the field that begins at `at` ends, its folded lines included; `None` when no field begins there.
fn field_end(message: &[u8], at: usize) -> Option<usize> {
    let rest = message.get(at..)?;
    let colon = memchr(b':', rest)?;
    // RFC 5322 §2.2: a name is printable ASCII without space; white space before the colon is
    // obsolete syntax (§4.5) and taken.
    let name = rest[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(|b| (33..=126).contains(b)) {
        return None;
    }
    let mut end = 0;
    loop {
        let Some(line) = memmem::find(&rest[end..], b"\r\n") else {
            return Some(message.len());
        };
        end += line + 2;
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return Some(at + end);
        }
    }
}

/// RFC 5321 §4.4: from, by, with, id, and for when there is but one recipient.
fn received_field(out: &mut String, received: &Received, id: MessageId, hostname: &str, date: &str) {
    let Client { peer, hello, protocol, tls, user } = &received.client;
    out.push_str("Received: ");
    match (peer, received.origin) {
        (Some(peer), _) => {
            let hello = if hello.is_empty() { "unknown" } else { hello };
            let tag = if peer.is_ipv6() { "IPv6:" } else { "" };
            let _ = write!(out, "from {} ([{tag}{}])", clean(hello), peer.ip());
        }
        (None, Origin::Notice) => out.push_str("(made here)"),
        (None, _) => {
            let _ = write!(out, "(from {})", clean(user.as_deref().unwrap_or("command line")));
        }
    }
    let _ = write!(out, "\r\n\tby {hostname} with {protocol}");
    if let Some(tls) = tls {
        let _ = write!(out, " ({})", clean(tls));
    }
    let _ = write!(out, " id {id}");
    if let [only] = received.envelope.recipients.as_slice() {
        let _ = write!(out, "\r\n\tfor <{}>", only.address);
    }
    let _ = write!(out, "; {date}\r\n");
}

/// A client's word, made safe for a comment or an atom in a header field.
fn clean(text: &str) -> String {
    let fit = |c: char| if c.is_ascii_graphic() && !"()\\\";".contains(c) || c == ' ' { c } else { '?' };
    text.chars().take(255).map(fit).collect()
}

/// `Tue, 24 Nov 2026 17:00:00 +0000` (RFC 5322 §3.3).
pub(crate) fn rfc5322_date(now: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let zoned = moment.to_zoned(TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&zoned).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_smtp::{Address, Envelope, Recipient};

    fn received(message: &str) -> Received {
        let to = Recipient::new(Address::parse("tom@example.com").unwrap());
        Received {
            origin: Origin::Submission,
            client: Client {
                peer: Some("192.0.2.1:4000".parse().unwrap()),
                hello: "client.example (evil)".into(),
                protocol: "ESMTPSA",
                tls: Some("TLSv1.3 AES128".into()),
                user: Some("ann".into()),
            },
            envelope: Envelope { recipients: vec![to], ..Envelope::default() },
            message: Bytes::copy_from_slice(message.as_bytes()),
        }
    }

    fn prepared(message: &str) -> (String, String) {
        let now = Timestamp(1_795_536_000_000);
        let id = MessageId::at(now, 0);
        let content = prepare(&received(message), id, "mx.test", now);
        let head = String::from_utf8(content.head.to_vec()).unwrap();
        let (trace, rest) = head.split_once("+0000\r\n").unwrap();
        assert!(trace.starts_with("Received: from client.example ?evil? ([192.0.2.1])\r\n\tby mx.test with ESMTPSA"));
        assert!(trace.contains(&format!("id {id}\r\n\tfor <tom@example.com>; ")));
        (rest.replace(&id.to_string(), "ID"), String::from_utf8(content.body.to_vec()).unwrap())
    }

    #[test]
    fn what_becomes_of_header_and_body() {
        let date = "Date: Tue, 24 Nov 2026 16:00:00 +0000\r\n";
        let both = format!("Message-ID: <ID@mx.test>\r\n{date}");
        let table = [
            // Complete: nothing but the trace.
            ("Date: x\r\nMessage-Id: <a@b>\r\n\r\nhi\r\n", "Date: x\r\nMessage-Id: <a@b>\r\n\r\n".to_owned(), "hi\r\n"),
            ("From: a@b\r\n\r\nhi\r\n", format!("{both}From: a@b\r\n\r\n"), "hi\r\n"),
            // Folded Bcc goes, its neighbours stay.
            ("A: 1\r\nBcc: x@y,\r\n z@y\r\nB: 2\r\n\r\n", format!("{both}A: 1\r\nB: 2\r\n\r\n"), ""),
            ("BCC : x@y\r\n\r\nhi\r\n", format!("{both}\r\n"), "hi\r\n"),
            // No header at all, with and without the empty line.
            ("\r\nhi\r\n", format!("{both}\r\n"), "hi\r\n"),
            ("just text\r\nmore: text\r\n", format!("{both}\r\n"), "just text\r\nmore: text\r\n"),
            ("", format!("{both}\r\n"), ""),
            // A line that is no field ends the header.
            ("A: 1\r\nno field\r\n\r\nhi\r\n", format!("{both}A: 1\r\n\r\n"), "no field\r\n\r\nhi\r\n"),
        ];
        for (message, head, body) in table {
            assert_eq!(prepared(message), (head, body.to_owned()), "{message:?}");
        }
    }

    #[test]
    fn fields_are_found_and_unfolded() {
        let head = b"Subject: a\r\n b\r\nMessage-ID:\r\n <x@y>\r\n\r\n";
        assert_eq!(field_value(head, b"subject").as_deref(), Some("a b"));
        assert_eq!(message_id_of(head).as_deref(), Some("<x@y>"));
        assert_eq!(field_value(head, b"date"), None);
    }
}
