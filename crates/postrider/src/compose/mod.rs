//! Writes a mail: header fields, text, HTML, attachments, as MIME (RFC 2045 to 2047, RFC 2231).
//!
//! Everything comes out as ASCII with lines of at most 76 characters where it matters, so that the
//! message needs no extension of any server on its way. Bcc is never written.

mod encode;

use encode::{base64_lines, encoded_words, parameter, quoted_printable};
use postrider_smtp::Address;

/// A mail to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    /// Header fields in their order, `From` to whatever the user adds; values in Unicode.
    pub(crate) fields: Vec<(String, String)>,
    /// The text for those who read text.
    pub(crate) text: Option<String>,
    /// The same as HTML.
    pub(crate) html: Option<String>,
    /// What goes with it.
    pub(crate) attachments: Vec<Attachment>,
}

/// A file that goes with a mail.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    /// Its name, without folders.
    pub(crate) name: String,
    /// Its octets.
    pub(crate) octets: Vec<u8>,
}

/// A mailbox as people write it: `Tom <tom@example.com>` or the bare address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// The name before the address, without quotes; empty when there is none.
    pub(crate) name: String,
    /// The address.
    pub(crate) address: Address,
}

impl Mailbox {
    /// Reads one mailbox.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').to_owned(), address),
            None => (String::new(), text),
        };
        if name.chars().any(char::is_control) {
            return Err(format!("{text:?} has a control character in it"));
        }
        let address = Address::parse(address).map_err(|error| format!("{text:?} is not an address: {error}"))?;
        Ok(Self { name, address })
    }

    /// As a header field has it.
    fn written(&self) -> String {
        match self.name.as_str() {
            "" => self.address.to_string(),
            name if name.is_ascii() => {
                format!("\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), self.address)
            }
            name => format!("{} <{}>", encoded_words(name), self.address),
        }
    }
}

/// The value of an address field.
pub(crate) fn address_list(mailboxes: &[Mailbox]) -> String {
    mailboxes.iter().map(Mailbox::written).collect::<Vec<_>>().join(",\r\n ")
}

impl Mail {
    /// The message: CRLF line ends, ASCII but for addresses that are not.
    pub(crate) fn write(&self, boundary_seed: &str) -> Vec<u8> {
        let mut message = String::new();
        for (name, value) in &self.fields {
            let value = if value.is_ascii() { value.clone() } else { unicode_value(name, value) };
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str("MIME-Version: 1.0\r\n");
        message.push_str(&self.body(boundary_seed));
        message.into_bytes()
    }

    fn body(&self, seed: &str) -> String {
        let mut parts = Vec::new();
        let readable = match (&self.text, &self.html) {
            (Some(text), Some(html)) => {
                let both = [text_part("plain", text), text_part("html", html)];
                multipart("alternative", &format!("=_a{seed}"), &both)
            }
            (None, Some(html)) => text_part("html", html),
            (text, None) => text_part("plain", text.as_deref().unwrap_or_default()),
        };
        if self.attachments.is_empty() {
            return readable;
        }
        parts.push(readable);
        parts.extend(self.attachments.iter().map(attachment_part));
        multipart("mixed", &format!("=_m{seed}"), &parts)
    }
}

/// A field of addresses was written by [`address_list`] and may hold UTF-8 addresses (RFC 6532);
/// any other value becomes encoded words.
fn unicode_value(name: &str, value: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "from" | "to" | "cc" | "reply-to" | "sender" => value.to_owned(),
        _ => encoded_words(value),
    }
}

fn text_part(kind: &str, text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let end = if lines.ends_with('\n') { "" } else { "\n" };
    let lines = (lines + end).replace('\n', "\r\n");
    // "=_" begins our boundaries; a text that has it is encoded, so that it cannot look like one.
    let plain = lines.is_ascii() && lines.split("\r\n").all(|line| line.len() <= 76) && !lines.contains("=_");
    let (encoding, body) = if plain { ("7bit", lines) } else { ("quoted-printable", quoted_printable(&lines)) };
    format!("Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}")
}

fn attachment_part(attachment: &Attachment) -> String {
    let kind = content_type(&attachment.name);
    let (name, filename) = (parameter("name", &attachment.name), parameter("filename", &attachment.name));
    let body = base64_lines(&attachment.octets);
    format!(
        "Content-Type: {kind};\r\n {name}\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment;\r\n {filename}\r\n\r\n{body}"
    )
}

fn multipart(kind: &str, boundary: &str, parts: &[String]) -> String {
    let mut text = format!("Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        text.push_str(&format!("--{boundary}\r\n{part}\r\n"));
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    text
}

/// By the name's ending; what is unknown is octets.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "txt" | "log" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "ics" => "text/calendar",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mail: &Mail) -> String {
        String::from_utf8(mail.write("1")).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn a_plain_mail_is_plain() {
        let fields = vec![("From".into(), "a@b.example".into()), ("Subject".into(), "Hello".into())];
        let mail = Mail { fields, text: Some("One line\n.\n".into()), ..Mail::default() };
        let want = "\
From: a@b.example
Subject: Hello
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

One line
.
";
        assert_eq!(written(&mail), want);
    }

    #[test]
    fn unicode_html_and_attachments_become_ascii() {
        let mail = Mail {
            fields: vec![("Subject".into(), "Grüße ✓".into())],
            text: Some("ünï".into()),
            html: Some("<p>x</p>".into()),
            attachments: vec![Attachment { name: "Übersicht.pdf".into(), octets: b"%PDF".to_vec() }],
        };
        let want = "\
Subject: =?utf-8?B?R3LDvMOfZSDinJM=?=
MIME-Version: 1.0
Content-Type: multipart/mixed;
 boundary=\"=_m1\"

--=_m1
Content-Type: multipart/alternative;
 boundary=\"=_a1\"

--=_a1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

=C3=BCn=C3=AF

--=_a1
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 7bit

<p>x</p>

--=_a1--

--=_m1
Content-Type: application/pdf;
 name*=utf-8''%C3%9Cbersicht.pdf
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
 filename*=utf-8''%C3%9Cbersicht.pdf

JVBERg==

--=_m1--
";
        assert_eq!(written(&mail), want);
    }

    #[test]
    fn mailboxes_are_read_and_written() {
        let table = [
            ("tom@example.com", "tom@example.com"),
            ("Tom <tom@example.com>", "\"Tom\" <tom@example.com>"),
            ("\"Tom, Jr.\" <tom@example.com>", "\"Tom, Jr.\" <tom@example.com>"),
            ("Jürgen <j@example.com>", "=?utf-8?B?SsO8cmdlbg==?= <j@example.com>"),
        ];
        for (text, want) in table {
            assert_eq!(Mailbox::parse(text).map(|mailbox| mailbox.written()), Ok(want.to_owned()));
        }
        assert!(Mailbox::parse("Tom").unwrap_err().contains("is not an address"));
        assert!(Mailbox::parse("T\nBcc: x <tom@example.com>").unwrap_err().contains("control"));
    }
}
