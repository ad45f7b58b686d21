//! Mails about mail, whole or in part: whom they tell about, and what the words mean.

use super::guess::field_name;
use super::model::{Explained, Kind, Original, Spoken};
use super::reader::{Hints, Reader};
use postrider_reply::{Cause, Disposition};
use postrider_report::{Action, Report, Reported};
use postrider_smtp::{EnhancedStatus, Phase, Said};

/// The most recipients of one mail that are told.
const RECIPIENTS_MAX: usize = 10_000;
/// A boundary that no part will hold by chance.
const BOUNDARY: &str = "postrider-5f1d0c3a9b";

/// Explains a whole mail.
pub(super) fn explain(reader: &Reader, mail: &[u8], hints: &Hints) -> Explained {
    of_report(reader, &postrider_report::read(mail), hints)
}

/// Explains a part of a report by putting it where it belongs (RFC 6522 §3).
pub(super) fn explain_part(reader: &Reader, media_type: &str, part: &str, hints: &Hints) -> Explained {
    let report_type = if media_type.contains("feedback") { "feedback-report" } else { "delivery-status" };
    let mail = format!(
        "From: MAILER-DAEMON@[127.0.0.1]\r\nSubject: Report\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type={report_type}; boundary=\"{BOUNDARY}\"\r\n\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\n\r\n\
         --{BOUNDARY}\r\nContent-Type: {media_type}\r\n\r\n{}\r\n--{BOUNDARY}--\r\n",
        part.trim()
    );
    let mut explained = explain(reader, mail.as_bytes(), hints);
    explained.notes.push("This is the part of a report that is for machines; the mail has more.".to_owned());
    explained
}

/// Explains the text of a bounce whose header was not pasted, if it names recipients.
pub(super) fn explain_body(reader: &Reader, text: &str, hints: &Hints) -> Option<Explained> {
    if !text.contains('@') {
        return None;
    }
    let head =
        "From: MAILER-DAEMON@[127.0.0.1] (Mail Delivery System)\r\nSubject: Undelivered Mail Returned to Sender\r\n";
    let mail = format!("{head}Return-Path: <>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n", text.trim());
    let report = postrider_report::read(mail.as_bytes());
    // Without words for a recipient, the text as a whole says more.
    let tells = report.recipients.iter().any(|reported| !reported.said.is_empty() || reported.status.is_some());
    if report.format == "none" || !tells {
        return None;
    }
    let mut explained = of_report(reader, &report, hints);
    explained.original = None;
    Some(explained)
}

fn of_report(reader: &Reader, report: &Report, hints: &Hints) -> Explained {
    let kind = match report.kind {
        postrider_report::Kind::Bounce => Kind::Bounce,
        postrider_report::Kind::Delay => Kind::Delay,
        postrider_report::Kind::Complaint => Kind::Complaint,
        postrider_report::Kind::AutoReply => Kind::AutoReply,
        postrider_report::Kind::NotAReport => Kind::NotAReport,
    };
    let mut explained = Explained::new(kind);
    let spoken = |reported: &Reported| match kind {
        Kind::Complaint => of_kind(reader, reported, Cause::Complaint),
        Kind::AutoReply => of_kind(reader, reported, Cause::AutoReply),
        _ => of_recipient(reader, reported, hints),
    };
    explained.recipients = Some(report.recipients.iter().take(RECIPIENTS_MAX).map(spoken).collect());
    let original = &report.original;
    explained.original = Some(Original {
        message_id: original.message_id.clone(),
        subject: original.subject.clone(),
        from: original.from.clone(),
        date: original.date.clone(),
    });
    explained.notes = notes(report);
    if kind == Kind::AutoReply && report.recipients.is_empty() {
        let reported = Reported::default();
        explained.reply = Some(of_kind(reader, &reported, Cause::AutoReply));
    } else if kind == Kind::Complaint && report.recipients.is_empty() {
        explained.reply = Some(of_kind(reader, &Reported::default(), Cause::Complaint));
    }
    explained
}

fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(complaint) = &report.complaint {
        let mut note = format!("Type of the complaint: {}", complaint.feedback_type);
        let more = [("from address", &complaint.source_ip), ("about the domain", &complaint.reported_domain)];
        for (what, value) in more {
            note.extend(value.iter().map(|value| format!(", {what} {value}")));
        }
        notes.push(note + ".");
    }
    if report.kind == postrider_report::Kind::NotAReport {
        notes.push("This mail reports nothing about the delivery of another one.".to_owned());
    } else if report.kind == postrider_report::Kind::Bounce && report.recipients.is_empty() {
        notes.push("This is a bounce, but it does not say which recipient was not reached.".to_owned());
    }
    notes
}

fn of_recipient(reader: &Reader, reported: &Reported, hints: &Hints) -> Spoken {
    let mut said = reported.quoted();
    let arrived = matches!(reported.action, Some(Action::Delivered | Action::Relayed | Action::Expanded));
    if arrived && said.class().is_none_or(|class| class == 2) {
        // What was handed over was taken behind the final dot.
        said.phase = Some(Phase::Dot);
        said.enhanced = said.enhanced.or(EnhancedStatus::new(2, 0, 0));
    }
    let host = reported.host.clone().unwrap_or_else(|| hints.host.clone());
    let mut spoken = reader.spoken(said, &Hints { phase: hints.phase, host });
    spoken.recipient = Some(reported.recipient.clone());
    spoken.action = reported.action.map(Action::name);
    // Who still tries says so more reliably than the words of one attempt.
    if reported.action == Some(Action::Delayed) && spoken.verdict.disposition == Disposition::Fail {
        spoken.verdict.disposition = Disposition::Retry;
        spoken.verdict.suppress = false;
    }
    spoken
}

fn of_kind(reader: &Reader, reported: &Reported, cause: Cause) -> Spoken {
    let mut spoken = reader.spoken(Said::default(), &Hints::default());
    spoken.verdict = reader.verdict_of(cause);
    spoken.recipient = Some(reported.recipient.clone()).filter(|recipient| !recipient.is_empty());
    spoken.text = reported.said.clone();
    spoken
}

/// What a header alone tells.
pub(super) fn explain_header(text: &str) -> Explained {
    let mut explained = Explained::new(Kind::Header);
    let fields = fields(text);
    let all = |name: &'static str| fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
    let first = |name: &'static str| all(name).map(|(_, value)| value.as_str()).next();
    let notes = &mut explained.notes;
    notes.push(
        "This is only the header of a mail. A bounce's reason stands in its body: give the whole mail.".to_owned(),
    );
    if let Some(failed) = first("X-Failed-Recipients") {
        notes.push(format!("It is a bounce: the mail was not delivered to {failed}."));
    }
    match first("Auto-Submitted").map(str::to_ascii_lowercase).as_deref() {
        Some(value) if value.starts_with("auto-replied") => {
            notes.push(
                "A program answered in place of a person, or it is a report (Auto-Submitted, RFC 3834 §5).".to_owned(),
            );
        }
        Some(value) if !value.starts_with("no") => {
            notes.push("A program wrote it, not a person (Auto-Submitted, RFC 3834 §5).".to_owned());
        }
        _ => {}
    }
    if first("Return-Path").is_some_and(|path| path.replace(' ', "") == "<>") {
        notes.push("Its envelope has no sender: a bounce, a notice or an automatic answer (RFC 5321 §6.1).".to_owned());
    }
    if first("Content-Type").is_some_and(|value| value.to_ascii_lowercase().contains("report-type=feedback")) {
        notes.push("It is a complaint of a recipient or a filter (RFC 5965 §2).".to_owned());
    } else if first("Content-Type").is_some_and(|value| value.to_ascii_lowercase().contains("multipart/report")) {
        notes.push("It is a report about the delivery of another mail (RFC 6522 §3).".to_owned());
    }
    if first("List-Unsubscribe").is_some() || first("List-Id").is_some() {
        notes.push("It came over a mailing list or from a sender of bulk mail.".to_owned());
    }
    for (_, value) in all("Authentication-Results").take(1) {
        notes.extend(authentication(value));
    }
    let hops = all("Received").count();
    if hops > 0 {
        notes.push(format!("It went through {hops} {}.", if hops == 1 { "host" } else { "hosts" }));
    }
    let value = |name| first(name).map(str::to_owned);
    let message_id = first("Message-ID").map(|id| id.trim_matches(['<', '>', ' ']).to_owned());
    explained.original =
        Some(Original { message_id, subject: value("Subject"), from: value("From"), date: value("Date") });
    explained
}

/// What the receiving host found out about the sender (RFC 8601 §2.2).
fn authentication(value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    let results = ["spf", "dkim", "dmarc"].into_iter().filter_map(|method| {
        let at = lower.find(&format!("{method}="))? + method.len() + 1;
        let end = lower[at..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(lower.len(), |end| at + end);
        Some(format!("{} {}", method.to_ascii_uppercase(), &lower[at..end]))
    });
    let results: Vec<String> = results.collect();
    (!results.is_empty()).then(|| format!("The receiving host checked the sender: {}.", results.join(", ")))
}

/// Names and unfolded values, RFC 5322 §2.2.3.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some(name) = field_name(line) {
            let value = line.split_once(':').map_or("", |(_, value)| value).trim();
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_it_can() {
        let header = "Return-Path: <>\nX-Failed-Recipients: a@example.com,\n b@example.com\nAuto-Submitted: auto-replied\n\
                      Subject: Undelivered\nMessage-ID: <1@example.org>\nReceived: x\n\tby y\nReceived: z\n\
                      Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=x; dkim=none";
        let explained = explain_header(header);
        let notes = explained.notes.join("\n");
        for part in ["only the header", "a@example.com, b@example.com", "no sender", "2 hosts", "SPF fail, DKIM none"] {
            assert!(notes.contains(part), "{part} is not in {notes}");
        }
        assert_eq!(explained.original.unwrap().message_id.as_deref(), Some("1@example.org"));
    }
}
