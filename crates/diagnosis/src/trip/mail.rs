//! The marked mails: plain text, clearly a test, never answered by a machine (RFC 3834).

use crate::imap::MARK_FIELD;
use postrider_smtp::Address;

/// One marked mail.
#[derive(Debug, Clone)]
pub(super) struct Marked<'a> {
    /// Its author.
    pub(super) from: &'a Address,
    /// Whom it goes to.
    pub(super) to: &'a Address,
    /// What nobody can guess, by which it is found.
    pub(super) token: &'a str,
    /// The present, as RFC 5322 §3.3 writes it.
    pub(super) date: &'a str,
    /// The token of the mail that this one answers.
    pub(super) answers: Option<&'a str>,
}

impl Marked<'_> {
    /// The message: CRLF line ends.
    pub(super) fn write(&self) -> Vec<u8> {
        let Self { from, to, token, date, answers } = self;
        let id = message_id(token, from);
        let (re, submitted) = if answers.is_some() { ("Re: ", "auto-replied") } else { ("", "auto-generated") };
        let charset = if from.needs_smtputf8() || to.needs_smtputf8() { "utf-8" } else { "us-ascii" };
        let mut mail = format!("From: {from}\r\nTo: {to}\r\nSubject: {re}{} {token}\r\n", SUBJECT);
        mail += &format!("Date: {date}\r\nMessage-ID: {id}\r\n");
        if let Some(answered) = answers {
            // The mail it answers was written by the one it goes to.
            let id = message_id(answered, to);
            mail += &format!("In-Reply-To: {id}\r\nReferences: {id}\r\n");
        }
        mail += &format!("{MARK_FIELD}: {token}\r\nAuto-Submitted: {submitted}\r\nMIME-Version: 1.0\r\n");
        mail += &format!("Content-Type: text/plain; charset={charset}\r\n\r\n");
        mail += "This is a test mail. Somebody who has the passwords of both mailboxes is finding out\r\n";
        mail += &format!("whether mail gets through from {from}\r\nto {to}.\r\n\r\n");
        mail += "It is removed by itself, and may be deleted at any time.\r\n\r\n";
        mail += &format!("Mark: {token}\r\n");
        mail.into_bytes()
    }
}

/// How every subject begins, so that a person knows what it is.
const SUBJECT: &str = "Mail round trip test, safe to delete:";

/// The Message-ID of a mail of that token and author.
fn message_id(token: &str, from: &Address) -> String {
    let domain = from.domain().map_or("localhost.invalid", |domain| domain.as_str());
    format!("<{token}@{domain}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_everywhere_and_no_cause_for_loops() {
        let (from, to) = (Address::parse("a@x.test").unwrap(), Address::parse("b@y.test").unwrap());
        let date = "Fri, 27 Nov 2026 20:00:00 +0000";
        let mail = Marked { from: &from, to: &to, token: "t0ken", date, answers: Some("f1rst") }.write();
        let mail = String::from_utf8(mail).unwrap();
        assert_eq!(mail.matches("t0ken").count(), 4);
        for line in [
            "Message-ID: <t0ken@x.test>",
            "In-Reply-To: <f1rst@y.test>",
            "References: <f1rst@y.test>",
            "Auto-Submitted: auto-replied",
            "X-Postrider-Roundtrip: t0ken",
            "Subject: Re: Mail round trip test, safe to delete: t0ken",
        ] {
            assert!(mail.contains(&format!("{line}\r\n")), "{line}\n{mail}");
        }
        assert!(mail.lines().all(|line| line.len() < 90) && !mail.replace("\r\n", "").contains('\n'));
        let first = Marked { from: &from, to: &to, token: "t", date, answers: None }.write();
        assert!(String::from_utf8(first).unwrap().contains("Auto-Submitted: auto-generated\r\n"));
    }
}
