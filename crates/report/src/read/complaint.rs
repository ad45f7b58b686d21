//! Complaints: feedback reports (RFC 5965, RFC 6591), and those of providers that forward the
//! message without such fields.

use super::address;
use super::head::Head;
use super::mime::{Media, Part, starts};
use super::model::{Complaint, Reported};
use super::status::RECIPIENTS_MAX;

/// What a complaint tells.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) complaint: Complaint,
    pub(super) recipients: Vec<Reported>,
    pub(super) reporting_mta: Option<String>,
}

/// The complaint that a mail is, if it is one.
pub(super) fn read(head: &Head<'_>, parts: &[Part<'_>]) -> Option<Told> {
    let original = parts.iter().find(|part| matches!(part.media, Media::Message | Media::Headers));
    let original = original.map(|part| Head::split(part.body).0);
    let mistyped = |part: &&Part<'_>| part.media == Media::Text && starts_with_fields(part.body);
    let feedback = parts.iter().find(|part| part.media == Media::Feedback);
    if let Some(part) = feedback.or_else(|| parts.iter().skip(1).find(mistyped)) {
        return Some(of_fields(&fields(part), original.as_ref()));
    }
    without_fields(head, original.as_ref())
}

/// Whether the first of the fields stands where a part begins (RFC 5965 §3.1).
fn starts_with_fields(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    body.get(..14).is_some_and(|start| start.eq_ignore_ascii_case(b"Feedback-Type:"))
}

/// The fields of the part; some encode it, though they may not.
fn fields<'a>(part: &Part<'a>) -> Head<'a> {
    // The fields begin behind whatever empty lines stand there.
    let start = part.body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(part.body.len());
    Head::split(&part.body[start..]).0
}

fn of_fields(fields: &Head<'_>, original: Option<&Head<'_>>) -> Told {
    let word = |name: &str| fields.value(name).map(|value| value.into_owned()).filter(|value| !value.is_empty());
    let kind = word("Feedback-Type").unwrap_or_else(|| "abuse".to_owned()).to_ascii_lowercase();
    let complaint = Complaint {
        feedback_type: kind,
        user_agent: word("User-Agent"),
        source_ip: word("Source-IP").or_else(|| word("Source")).map(|ip| ip.trim_matches(['[', ']']).to_owned()),
        reported_domain: word("Reported-Domain"),
    };
    let named = ["Original-Rcpt-To", "Removal-Recipient", "Original-Recipient"].into_iter();
    let mut recipients = Vec::new();
    for value in named.flat_map(|name| fields.values(name).collect::<Vec<_>>()) {
        add(&mut recipients, &address::of_field(&value));
    }
    if recipients.is_empty() {
        recipients.extend(original.and_then(whom).map(reported));
    }
    Told { complaint, recipients, reporting_mta: word("Reporting-MTA").and_then(|it| super::status::host(&it)) }
}

/// Whom the original went to: the fields of those who write no others, then its To.
fn whom(original: &Head<'_>) -> Option<String> {
    const NAMES: [&str; 5] = ["X-HmXmrOriginalRecipient", "X-Original-To", "Delivered-To", "X-Envelope-To", "To"];
    NAMES.iter().find_map(|name| {
        let value = original.value(name)?;
        let found = address::first(&value)?;
        Some(found.address.to_owned())
    })
}

/// Microsoft forwards the message under a subject; Apple writes a mail of its own.
fn without_fields(head: &Head<'_>, original: Option<&Head<'_>>) -> Option<Told> {
    let complaint = |kind: &str| Complaint { feedback_type: kind.to_owned(), ..Complaint::default() };
    let from = head.value("From").and_then(|from| address::first(&from).map(|found| found.address.to_owned()));
    if head.has("X-Apple-Unsubscribe") {
        return Some(Told {
            complaint: complaint("opt-out"),
            recipients: from.map(reported).into_iter().collect(),
            reporting_mta: None,
        });
    }
    let subject = head.decoded("Subject").unwrap_or_default();
    if !starts(subject.trim_start(), "complaint about message from ") {
        return None;
    }
    let source_ip = subject.trim().rsplit(' ').next().filter(|ip| ip.contains(['.', ':'])).map(str::to_owned);
    let recipients = original.and_then(whom).map(reported).into_iter().collect();
    Some(Told { complaint: Complaint { source_ip, ..complaint("abuse") }, recipients, reporting_mta: None })
}

fn reported(recipient: String) -> Reported {
    Reported { recipient, ..Reported::default() }
}

fn add(recipients: &mut Vec<Reported>, address: &str) {
    let known = recipients.iter().any(|reported| reported.recipient.eq_ignore_ascii_case(address));
    if address.contains('@') && !known && recipients.len() < RECIPIENTS_MAX {
        recipients.push(reported(address.to_owned()));
    }
}
