//! Why a talk with an IMAP server came to nothing, in sentences.

use super::guard::{FLOOD, NONSENSE};
use super::login::Refusal;
use std::fmt;
use std::io;
use std::time::Duration;

/// What went wrong, and at which command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapFault {
    /// The command that was not answered as it should be; `greeting` before any.
    pub command: &'static str,
    /// What went wrong.
    pub kind: FaultKind,
}

/// The ways to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The server closed the connection.
    HungUp,
    /// The server said goodbye (BYE, RFC 3501 §7.1.5), in these words.
    Goodbye(String),
    /// No answer came for so long.
    Silent(Duration),
    /// What came is no IMAP; its first words.
    NotImap(String),
    /// Another protocol is spoken at that port.
    Speaks(&'static str),
    /// More came than any answer is long.
    Flood,
    /// The server said NO or BAD, in these words.
    Refused(String),
    /// The login was refused.
    Login(Refusal),
    /// The connection broke; the operating system's or the TLS library's words.
    Broken(String),
}

impl ImapFault {
    pub(super) fn new(command: &'static str, kind: FaultKind) -> Self {
        Self { command, kind }
    }

    /// From an error of the stream; `quote` is what the server had said.
    pub(super) fn of_io(command: &'static str, error: &io::Error, quote: &str) -> Self {
        let words = error.to_string();
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => FaultKind::HungUp,
            io::ErrorKind::Other if words == FLOOD => FaultKind::Flood,
            // The parser's own words quote everything it was given; the beginning says enough.
            io::ErrorKind::Other if words == NONSENSE || words.contains("during parsing") => {
                FaultKind::NotImap(quote.to_owned())
            }
            io::ErrorKind::Other if words == "incoming data too large" => FaultKind::Flood,
            _ => FaultKind::Broken(words),
        };
        Self { command, kind }
    }
}

impl fmt::Display for ImapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match self.command {
            "greeting" => "before its greeting".to_owned(),
            command => format!("at {command}"),
        };
        match &self.kind {
            FaultKind::HungUp => write!(f, "the IMAP server closed the connection {at}"),
            FaultKind::Goodbye(words) => write!(f, "the IMAP server said goodbye {at}: {words}"),
            FaultKind::Silent(limit) => write!(f, "the IMAP server said nothing for {} s {at}", limit.as_secs()),
            FaultKind::NotImap(words) if words.is_empty() => write!(f, "what the server says {at} is not IMAP"),
            FaultKind::NotImap(words) => write!(f, "what the server says {at} is not IMAP: {words:?}"),
            FaultKind::Speaks(protocol) => write!(f, "the server speaks {protocol} at this port, not IMAP"),
            FaultKind::Flood => write!(f, "the IMAP server sent more {at} than any answer is long, and was cut off"),
            FaultKind::Refused(words) => write!(f, "the IMAP server refused {}: {words}", self.command),
            FaultKind::Login(refusal) => refusal.fmt(f),
            FaultKind::Broken(words) => write!(f, "the connection to the IMAP server broke {at}: {words}"),
        }
    }
}

impl std::error::Error for ImapFault {}

/// Which other protocol begins so, if one is known; the octets are the server's first.
pub(super) fn other_protocol(first: &[u8]) -> Option<&'static str> {
    let table: [(&[u8], &str); 8] = [
        (b"220 ", "SMTP"),
        (b"220-", "SMTP"),
        (b"554 ", "SMTP"),
        (b"+OK", "POP3"),
        (b"HTTP/", "HTTP"),
        (b"SSH-", "SSH"),
        // A TLS alert or handshake (RFC 8446 §5.1): the server takes what we say for broken TLS.
        (b"\x15\x03", "TLS from the first octet"),
        (b"\x16\x03", "TLS from the first octet"),
    ];
    table.into_iter().find(|(begin, _)| first.starts_with(begin)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_sentences() {
        let fault = |command, kind| ImapFault { command, kind }.to_string();
        let table = [
            (fault("LOGIN", FaultKind::HungUp), "the IMAP server closed the connection at LOGIN"),
            (
                fault("greeting", FaultKind::Silent(Duration::from_secs(15))),
                "the IMAP server said nothing for 15 s before its greeting",
            ),
            (
                fault("greeting", FaultKind::NotImap("hello".into())),
                "what the server says before its greeting is not IMAP: \"hello\"",
            ),
            (fault("greeting", FaultKind::Speaks("POP3")), "the server speaks POP3 at this port, not IMAP"),
            (fault("EXAMINE", FaultKind::Refused("gone".into())), "the IMAP server refused EXAMINE: gone"),
        ];
        for (got, want) in table {
            assert_eq!(got, want);
        }
    }

    #[test]
    fn other_protocols_are_told_by_their_first_octets() {
        assert_eq!(other_protocol(b"220 mx.example ESMTP\r\n"), Some("SMTP"));
        assert_eq!(other_protocol(b"+OK ready"), Some("POP3"));
        assert_eq!(other_protocol(b"\x15\x03\x01\x00\x02\x02\x46"), Some("TLS from the first octet"));
        assert_eq!(other_protocol(b"* OK IMAP4rev1"), None);
        assert_eq!(other_protocol(b""), None);
    }
}
