//! Reading mails about mail: bounces, delays, complaints and automatic replies.
//!
//! The order of trust: the fields of a feedback report, the fields of a delivery status, the
//! same fields in a text, and last the text itself.

mod address;
mod complaint;
mod decode;
mod head;
mod kind;
mod markup;
mod mime;
mod model;
mod notification;
mod original;
mod page;
mod phrases;
mod prose;
mod reason;
mod status;

pub use model::{Action, Complaint, Kind, Original, Report, Reported};

use head::Head;
use mime::{Media, Part};
use page::Page;
use prose::Prose;
use status::Deliveries;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What a mail tells about the fate of other mail.
///
/// It is total: whatever the bytes are, there is a report about them. The time it takes is linear
/// in their number.
///
/// ```
/// let mail = b"From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered Mail\r\n\
///     Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
///     --b\r\nContent-Type: message/delivery-status\r\n\r\n\
///     Reporting-MTA: dns; mx.example.net\r\n\r\n\
///     Final-Recipient: rfc822; tom@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\
///     Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n";
/// let report = postrider_report::read(mail);
/// assert_eq!(report.kind, postrider_report::Kind::Bounce);
/// assert_eq!(report.recipients[0].recipient, "tom@example.net");
/// assert_eq!(report.recipients[0].said, "550 5.1.1 no such user");
/// ```
pub fn read(mail: &[u8]) -> Report {
    read_within(mail, 0)
}

/// So often a report is looked for within a mail that has nothing to say itself.
const FORWARDS_MAX: usize = 3;

fn read_within(mail: &[u8], depth: usize) -> Report {
    let (head, body) = Head::split(mail);
    let parts = mime::parts(&head, body);
    if let Some(told) = complaint::read(&head, &parts) {
        return Report {
            kind: Kind::Complaint,
            recipients: told.recipients,
            original: originals(&parts, ""),
            reporting_mta: told.reporting_mta,
            format: "rfc5965",
            complaint: Some(told.complaint),
        };
    }
    let text = texts(&parts);
    if let Some(report) = notification::read(if text.trim().is_empty() { plain(mail) } else { &text }) {
        return report;
    }
    let page = Page::new(&text);
    let mut told = fields(&parts, &text);
    told.reported = named_once(told.reported);
    let with_fields = !told.reported.is_empty();
    let prose = prose::read(&page, &head);
    if !with_fields
        && prose.reported.is_empty()
        && let Some(inner) = forwarded(&parts, depth)
    {
        return inner;
    }
    let original = originals(&parts, &text);
    merge(&mut told, &prose, with_fields);
    let verdict =
        kind::of(&kind::Signs { head: &head, parts: &parts, page: &page, told: &told, prose: &prose, with_fields });
    if !matches!(verdict, Kind::Bounce | Kind::Delay) {
        return Report {
            kind: verdict,
            recipients: Vec::new(),
            original,
            reporting_mta: None,
            format: "none",
            complaint: None,
        };
    }
    let mut recipients = told.reported;
    recipients.retain(|one| !one.is_done());
    if verdict == Kind::Delay && !with_fields {
        recipients.iter_mut().for_each(|one| one.action = Some(Action::Delayed));
    }
    let failed = failed_recipients(&head);
    if !with_fields && !prose.listed && !failed.is_empty() {
        recipients.retain(|one| failed.iter().any(|failed| failed.eq_ignore_ascii_case(&one.recipient)));
    }
    if recipients.is_empty() {
        recipients.extend(of_original(&head, &original, &prose));
    }
    let recipients = named_once(recipients);
    let format = told.format.or(prose.format).unwrap_or(if with_fields { "rfc3464" } else { "text" });
    Report { kind: verdict, recipients, original, reporting_mta: told.reporting_mta, format, complaint: None }
}

/// A mail as text: for what is no mail at all.
fn plain(mail: &[u8]) -> &str {
    std::str::from_utf8(mail).unwrap_or_default()
}

/// The report in a mail that only wraps one.
fn forwarded(parts: &[Part<'_>], depth: usize) -> Option<Report> {
    if depth >= FORWARDS_MAX || parts.iter().any(|part| part.media == Media::Status) {
        return None;
    }
    let part = parts.iter().find(|part| part.media == Media::Message)?;
    let inner = read_within(part.body, depth + 1);
    matches!(inner.kind, Kind::Bounce | Kind::Delay | Kind::Complaint).then_some(inner)
}

/// What is meant to be read: the plain texts, and the page if they name nobody.
fn texts(parts: &[Part<'_>]) -> String {
    let shown = |part: &&Part<'_>| !part.is_attachment();
    let mut text = String::new();
    let plain = parts.iter().filter(|part| part.media == Media::Text).filter(shown);
    for part in plain {
        text.push_str(&decode::text(part));
        text.push('\n');
    }
    // "This mail needs a reader of HTML" names nobody.
    if !text.contains('@')
        && let Some(part) = parts.iter().find(|part| part.media == Media::Html)
    {
        text.push_str(&markup::text(&decode::text(part)));
    }
    text
}

/// The fields about recipients: in their own part, or else wherever a text has them.
fn fields(parts: &[Part<'_>], text: &str) -> Deliveries {
    let mut told = Deliveries::default();
    for part in parts.iter().filter(|part| part.media == Media::Status) {
        let text = decode::text(part);
        let mut more = status::read(text.as_bytes());
        if more.reported.is_empty() {
            more = status::read(status::block(&text).as_bytes());
        }
        told.reporting_mta = told.reporting_mta.or(more.reporting_mta);
        told.format = told.format.or(more.format);
        told.reported.extend(more.reported);
    }
    if told.reported.is_empty() && status::is_within(text) {
        told = status::read(status::block(text).as_bytes());
    }
    // Some call the part what they like, or attach it as a file.
    for part in parts.iter().filter(|part| matches!(part.media, Media::Text | Media::Other)) {
        if !told.reported.is_empty() {
            break;
        }
        let text = decode::text(part);
        if status::is_within(&text) {
            told = status::read(status::block(&text).as_bytes());
        }
    }
    told.reported.retain(|one| !one.recipient.is_empty());
    told.reported.truncate(status::RECIPIENTS_MAX);
    told
}

/// The message that was reported about: its own part first, then the text.
fn originals(parts: &[Part<'_>], text: &str) -> Original {
    let mut found = Original::default();
    for part in parts.iter().filter(|part| matches!(part.media, Media::Message | Media::Headers)) {
        let octets = decode::text(part);
        original::merge(&mut found, original::of_head(&Head::split(octets.trim_start().as_bytes()).0));
    }
    if found.message_id.is_none() {
        original::merge(&mut found, original::of_text(text));
    }
    found
}

/// Completes what the fields tell with what the text tells, or takes the text for it.
fn merge(told: &mut Deliveries, prose: &Prose, with_fields: bool) {
    if !with_fields {
        told.reported.clone_from(&prose.reported);
    }
    let alone = told.reported.len() == 1;
    for reported in &mut told.reported {
        let same = |other: &&Reported| same_recipient(&other.recipient, &reported.recipient);
        let beside = prose.reported.iter().find(same).or(prose.reported.first().filter(|_| alone));
        if !reported.recipient.contains('@')
            && let Some(other) = beside
        {
            reported.recipient.clone_from(&other.recipient);
        }
        let words = beside.map_or("", |other| other.said.as_str());
        let own = reported.said.clone();
        reported.said = match (own.is_empty(), reason::has_code(&own)) {
            (true, _) => [words, &prose.why, &prose.words]
                .into_iter()
                .find(|words| !words.is_empty())
                .unwrap_or_default()
                .to_owned(),
            // What is said of the message as a whole is another recipient's, if there are several.
            (false, false) => {
                let general = if alone { prose.why.as_str() } else { "" };
                let differs = |more: &&str| !more.is_empty() && !own.contains(*more);
                let coded = [words, general].into_iter().filter(differs).find(|more| reason::has_code(more));
                let more = coded.or([words, general].into_iter().find(differs).filter(|_| alone));
                more.map_or(own.clone(), |more| format!("{own} {more}"))
            }
            (false, true) => own,
        };
    }
}

/// One of each recipient, in the place of the first: what was said again fills what was not said yet,
/// and a failure is the last word.
fn named_once(recipients: Vec<Reported>) -> Vec<Reported> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(recipients.len());
    let mut once: Vec<Reported> = Vec::with_capacity(recipients.len());
    for reported in recipients {
        match places.entry(reported.recipient.to_ascii_lowercase()) {
            Entry::Vacant(place) => {
                place.insert(once.len());
                once.push(reported);
            }
            Entry::Occupied(place) => {
                let first = &mut once[*place.get()];
                let fails = |one: &Reported| one.action == Some(Action::Failed);
                let other =
                    if fails(&reported) && !fails(first) { std::mem::replace(first, reported) } else { reported };
                first.fill(other);
            }
        }
    }
    once
}

/// The same address, or the name of its mailbox alone.
fn same_recipient(full: &str, other: &str) -> bool {
    let local = full.split('@').next().unwrap_or(full);
    full.eq_ignore_ascii_case(other) || !other.contains('@') && local.eq_ignore_ascii_case(other)
}

/// The field that Exim and Google write, as the one thing about recipients that is no sentence.
fn failed_recipients(head: &Head<'_>) -> Vec<String> {
    let mut failed = Vec::new();
    for value in head.values("X-Failed-Recipients") {
        failed.extend(address::all(&value).map(|found| found.address.to_owned()));
    }
    failed
}

/// Whom it is about if neither fields nor words name one: a header field, then the original.
fn of_original(head: &Head<'_>, original: &Original, prose: &Prose) -> Vec<Reported> {
    let failed = failed_recipients(head);
    let named = match failed.is_empty() {
        true => prose.lone.clone().or_else(|| original.to.clone()).or_else(|| of_subject(head)).into_iter().collect(),
        false => failed,
    };
    let said = if prose.why.is_empty() { &prose.words } else { &prose.why };
    let reported = |recipient| reason::completed(Reported { recipient, said: said.clone(), ..Reported::default() });
    named.into_iter().take(status::RECIPIENTS_MAX).map(reported).collect()
}

/// The address in the subject that is not the reader's.
fn of_subject(head: &Head<'_>) -> Option<String> {
    let to = head.value("To").unwrap_or_default();
    let subject = head.decoded("Subject")?;
    let found = address::first(&subject)?;
    (!to.contains(found.address)).then(|| found.address.to_owned())
}
