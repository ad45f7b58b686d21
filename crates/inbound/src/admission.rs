//! Who may relay, in words. Pure: what is decided here is decided from what stands in the arguments.

use crate::Door;
use memchr::memchr_iter;
use postrider_smtp::{Reply, ReplyCode};
use std::net::IpAddr;
use std::time::Duration;

/// What is known of a client when it wants to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) door: Door,
    pub(crate) ip: IpAddr,
    /// Loopback or a listed network.
    pub(crate) trusted: bool,
    pub(crate) authenticated: bool,
}

impl Standing {
    /// At MAIL: a submission port is for users (RFC 6409 §4.3).
    pub(crate) fn check_mail(&self) -> Result<(), Reply> {
        if self.may_relay() || self.door == Door::Relay {
            return Ok(());
        }
        Err(Reply::new(ReplyCode::AUTH_REQUIRED_530, "5.7.0 authentication required: AUTH first"))
    }

    /// At RCPT: no mailbox is here, so every recipient is relayed to.
    pub(crate) fn check_rcpt(&self) -> Result<(), Reply> {
        if self.may_relay() {
            return Ok(());
        }
        let ip = crate::network::plain(self.ip);
        let text = format!("5.7.1 relaying denied: {ip} is not in a listed network, and nobody has authenticated");
        Err(Reply::new(ReplyCode::MAILBOX_UNAVAILABLE_550, text))
    }

    fn may_relay(&self) -> bool {
        self.trusted || self.authenticated
    }
}

/// RFC 5321 §6.3: a message that has been through too many hosts goes in circles.
pub(crate) fn check_loop(message: &[u8], received_fields_max: usize) -> Result<(), Reply> {
    let count = received_fields(message);
    if count <= received_fields_max {
        return Ok(());
    }
    // RFC 3463 §3.5: 5.4.6 is "routing loop detected".
    let text = format!("5.4.6 the message has been through {count} hosts: it goes in circles");
    Err(Reply::new(ReplyCode::FAILED_554, text))
}

/// Received fields in the head: one look at each line of the head only.
fn received_fields(message: &[u8]) -> usize {
    const NAME: &[u8] = b"Received:";
    let is_field = |line: &[u8]| line.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME));
    if message.starts_with(b"\r\n") {
        return 0;
    }
    let mut count = usize::from(is_field(message));
    for end in memchr_iter(b'\n', message) {
        let line = &message[end + 1..];
        if line.starts_with(b"\r\n") {
            break;
        }
        count += usize::from(is_field(line));
    }
    count
}

/// What a client is told that failed to log in too often.
pub(crate) fn turned_away(left: Duration) -> Reply {
    let minutes = left.as_secs().div_ceil(60);
    let text = format!("4.7.0 too many failed logins from your address: try again in {minutes} minutes");
    Reply::new(ReplyCode::UNAVAILABLE_421, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_send_where() {
        // door, trusted, authenticated: reply to MAIL, reply to RCPT
        let table = [
            (Door::Relay, false, false, None, Some("550 5.7.1")),
            (Door::Relay, true, false, None, None),
            (Door::Relay, false, true, None, None),
            (Door::Submission, false, false, Some("530 5.7.0"), Some("550 5.7.1")),
            (Door::Submission, true, false, None, None),
            (Door::Submission, false, true, None, None),
            (Door::SubmissionTls, false, false, Some("530 5.7.0"), Some("550 5.7.1")),
            (Door::SubmissionTls, false, true, None, None),
        ];
        for (door, trusted, authenticated, mail, rcpt) in table {
            let standing = Standing { door, ip: "192.0.2.9".parse().unwrap(), trusted, authenticated };
            let said = |result: Result<(), Reply>| result.err().map(|reply| reply.to_string()[..9].to_owned());
            let got = (said(standing.check_mail()), said(standing.check_rcpt()));
            assert_eq!(got, (mail.map(str::to_owned), rcpt.map(str::to_owned)), "{standing:?}");
        }
    }

    #[test]
    fn received_fields_are_counted_in_the_head_only() {
        let table = [
            ("", 0),
            ("\r\nReceived: x\r\n", 0),
            ("Received: x\r\n\ty\r\nRECEIVED: z\r\nX-Received: no\r\n\r\nReceived: body\r\n", 2),
            ("Subject: Received: no\r\nreceived:x\r\n", 1),
        ];
        for (message, want) in table {
            assert_eq!(received_fields(message.as_bytes()), want, "{message:?}");
        }
        assert!(check_loop("Received: x\r\n".repeat(50).as_bytes(), 50).is_ok());
        let refusal = check_loop("Received: x\r\n".repeat(51).as_bytes(), 50).unwrap_err();
        assert!(refusal.to_string().starts_with("554 5.4.6 "), "{refusal}");
    }
}
