//! What an input is, by its looks. It may be wrong; the kind is always told, so that people see it.

use super::bare::{self, Bare};
use super::transcript;
use postrider_smtp::{EnhancedStatus, Said};

/// How many lines are looked at to tell a header, a session or a list of replies.
const LINES_LOOKED_AT: usize = 2000;
/// How many octets are looked at to tell text from other data.
const OCTETS_LOOKED_AT: usize = 4096;

/// What an input looks like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guess<'a> {
    Empty,
    Code(Bare),
    Reply,
    /// Each with the lines that belong to it.
    Replies(Vec<&'a str>),
    Transcript,
    /// Header and body.
    Mail,
    /// Header alone.
    Header,
    /// The part of a report that is for machines: its media type.
    Part(&'static str),
}

/// Whether octets are something else than text.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    let looked_at = &bytes[..bytes.len().min(OCTETS_LOOKED_AT)];
    let strange = looked_at.iter().filter(|byte| byte.is_ascii_control() && !b"\t\r\n\x0c\x1b".contains(byte)).count();
    looked_at.contains(&0) || strange * 20 > looked_at.len()
}

/// What the text looks like.
pub(super) fn guess(text: &str) -> Guess<'_> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Guess::Empty;
    }
    if let Some(bare) = bare::bare(trimmed) {
        return Guess::Code(bare);
    }
    if !trimmed.contains('\n') {
        return Guess::Reply;
    }
    if let Some(guess) = by_fields(text) {
        return guess;
    }
    if transcript::looks_like(trimmed) {
        return Guess::Transcript;
    }
    let replies = replies(trimmed);
    if replies.len() > 1 { Guess::Replies(replies) } else { Guess::Reply }
}

/// Fields that mails begin with; any field of two words may stand among them.
const KNOWN: [&str; 26] = [
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "received",
    "return-path",
    "delivered-to",
    "x-original-to",
    "message-id",
    "mime-version",
    "content-type",
    "envelope-to",
    "authentication-results",
    "arc-seal",
    "dkim-signature",
    "auto-submitted",
    "x-failed-recipients",
    "reply-to",
    "sender",
    "received-spf",
    "references",
    "in-reply-to",
    "x-received",
    "list-id",
    "precedence",
];
/// Fields of RFC 3464 §2.2 and §2.3, and of RFC 5965 §3.
const OF_DELIVERY: [&str; 6] =
    ["reporting-mta", "final-recipient", "original-recipient", "original-envelope-id", "diagnostic-code", "remote-mta"];
const OF_FEEDBACK: [&str; 1] = ["feedback-type"];

/// A mail, a header or a part of a report, if the text begins with fields.
fn by_fields(text: &str) -> Option<Guess<'static>> {
    let text = text.trim_start_matches(['\u{feff}', '\r', '\n']);
    let of_mailbox = text.starts_with("From ");
    let (mut known, mut delivery, mut feedback, mut fields) = (0, 0, 0, 0);
    let mut lines = text.lines().skip(usize::from(of_mailbox)).take(LINES_LOOKED_AT);
    let mut ended = false;
    for line in lines.by_ref() {
        if line.trim().is_empty() {
            // The groups of a delivery status are parted by empty lines.
            ended = true;
            break;
        }
        if line.starts_with([' ', '\t']) && fields > 0 {
            continue;
        }
        let name = field_name(line)?;
        fields += 1;
        let is_one = |names: &[&str]| usize::from(names.iter().any(|known| name.eq_ignore_ascii_case(known)));
        known += is_one(&KNOWN);
        delivery += is_one(&OF_DELIVERY);
        feedback += is_one(&OF_FEEDBACK);
    }
    // A delivery status may begin with a group of one field (RFC 3464 §2.1).
    if fields + usize::from(of_mailbox) < 2 && !(ended && delivery > 0) {
        return None;
    }
    match (known, delivery, feedback) {
        (_, 1.., 0) if known == 0 => Some(Guess::Part("message/delivery-status")),
        (_, _, 1..) => Some(Guess::Part("message/feedback-report")),
        (1.., ..) => {
            let body = ended && lines.any(|line| !line.trim().is_empty());
            Some(if body { Guess::Mail } else { Guess::Header })
        }
        _ => None,
    }
}

/// The name in `Name: value`, RFC 5322 §2.2.
pub(super) fn field_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    let name = name.trim_end();
    let good = !name.is_empty() && name.len() < 80 && name.bytes().all(|byte| byte.is_ascii_graphic());
    // A session's `C:` and a log's time are no fields.
    (good && name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(name)
}

/// The text cut where a new reply begins: after the last line of a reply, or with another code.
fn replies(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = Vec::new();
    // Code of the reply under way, if its lines so far say that more follow.
    let mut open: Option<&str> = None;
    let mut lines = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n').take(LINES_LOOKED_AT) {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        let line = line.trim();
        lines += usize::from(!line.is_empty());
        let code = reply_line(line);
        if let Some((digits, more)) = code {
            if open != Some(digits) {
                starts.push(start);
            }
            open = more.then_some(digits);
        }
    }
    if starts.len() < 2 {
        // Lines of a list, each quoting a reply in its own way.
        let each = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES_LOOKED_AT);
        let said_by_all = each.clone().all(|line| Said::parse(line).code.is_some());
        return if lines > 1 && said_by_all && starts.is_empty() { each.collect() } else { vec![text] };
    }
    // What stands before the first reply belongs to it.
    starts[0] = 0;
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| text[*start..end].trim()).collect()
}

/// Digits, and whether another line follows, of a line that begins with a reply code.
pub(super) fn reply_line(line: &str) -> Option<(&str, bool)> {
    let digits = line.get(..3)?;
    let is_code = matches!(digits.as_bytes()[0], b'2'..=b'5') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let after = line.as_bytes().get(3).copied();
    let rest_of_address = after == Some(b'-') && EnhancedStatus::split(line).is_some();
    match after {
        None | Some(b' ' | b'\t') if is_code => Some((digits, false)),
        Some(b'-') if is_code && !rest_of_address => Some((digits, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_known_by_their_looks() {
        let kind = |text: &str| match guess(text) {
            Guess::Replies(replies) => format!("replies {}", replies.len()),
            Guess::Code(_) => "code".to_owned(),
            other => format!("{other:?}"),
        };
        let table = [
            ("", "Empty"),
            (" \r\n ", "Empty"),
            ("550", "code"),
            ("550 5.1.1 no such user", "Reply"),
            ("550-5.1.1 no\n550 5.1.1 such user", "Reply"),
            ("550 5.1.1 no such user\n421 4.7.0 slow down", "replies 2"),
            ("550-a\n550 b\n550 c", "replies 2"),
            ("host a.example[192.0.2.1] said: 550 x\nhost b.example[192.0.2.2] said: 450 y", "replies 2"),
            ("220 a ESMTP\nEHLO b\n250 a", "Transcript"),
            ("From: a@example.com\nSubject: x\n\nhello", "Mail"),
            ("From MAILER-DAEMON Thu Jan 1\nFrom: a@example.com\n\nhello", "Mail"),
            ("Return-Path: <>\nReceived: by x\n\tfor y\nSubject: z\n\n", "Header"),
            (
                "Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; b@example.com",
                "Part(\"message/delivery-status\")",
            ),
            ("Final-Recipient: rfc822; b@example.com\nAction: failed", "Part(\"message/delivery-status\")"),
            ("Feedback-Type: abuse\nUser-Agent: x", "Part(\"message/feedback-report\")"),
            ("Something went wrong.\nPlease try again.", "Reply"),
        ];
        for (text, want) in table {
            assert_eq!(kind(text), want, "{text:?}");
        }
    }

    #[test]
    fn data_that_is_no_text_is_told() {
        assert!(is_binary(b"\x1f\x8b\x08\x00\x00") && is_binary(&[1; 50]));
        assert!(!is_binary("550 Grüße\r\n".as_bytes()) && !is_binary(b"") && !is_binary(b"550 \xfcber"));
    }
}
