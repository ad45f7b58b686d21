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
mod recipients;
mod status;

pub use model::{Action, Complaint, Kind, Original, Report, Reported};

use head::Head;
use mime::{Media, Part};
use page::Page;
use status::Deliveries;

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
    told.reported = recipients::named_once(told.reported);
    let with_fields = !told.reported.is_empty();
    let prose = prose::read(&page, &head);
    if !with_fields
        && prose.reported.is_empty()
        && let Some(inner) = forwarded(&parts, depth)
    {
        return inner;
    }
    let original = originals(&parts, &text);
    recipients::merge(&mut told, &prose, with_fields);
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
    let mut people = told.reported;
    people.retain(|one| !one.is_done());
    if verdict == Kind::Delay && !with_fields {
        people.iter_mut().for_each(|one| one.action = Some(Action::Delayed));
    }
    let failed = recipients::failed_recipients(&head);
    if !with_fields && !prose.listed && !failed.is_empty() {
        people.retain(|one| failed.iter().any(|failed| failed.eq_ignore_ascii_case(&one.recipient)));
    }
    if people.is_empty() {
        people.extend(recipients::of_original(&head, &original, &prose));
    }
    let recipients = recipients::named_once(people);
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
