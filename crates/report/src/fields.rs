//! The part for programs: message/delivery-status (RFC 3464 §2).

use crate::notice::{Fate, Notice, Tidings};
use crate::text::{date, field, from_xtext, host, printable};
use postrider_smtp::{Address, EnhancedStatus, Outcome, TroubleKind};

/// So much of a reply is quoted.
pub(crate) const REPLY_BYTES_MAX: usize = 4096;

/// The part, from its header to its last line.
pub(crate) fn part(notice: &Notice<'_>, reporter: &str) -> String {
    let mut part = String::from("Content-Type: message/delivery-status\r\n\r\n");
    part += &field("Reporting-MTA", &format!("dns; {reporter}"));
    if let Some(envid) = notice.envid {
        // RFC 3464 §2.2.1: as it was before it became xtext.
        part += &field("Original-Envelope-Id", &from_xtext(envid));
    }
    part += &field("Arrival-Date", &date(notice.accepted));
    part += &field("X-Postrider-Message", &notice.about.to_string());
    for fate in &notice.fates {
        part += "\r\n";
        part += &recipient(notice.tidings, fate);
    }
    part += "\r\n";
    part
}

fn recipient(tidings: Tidings, fate: &Fate<'_>) -> String {
    let mut group = String::new();
    if let Some(orcpt) = fate.recipient.orcpt.as_deref() {
        let (kind, address) = orcpt.split_once(';').unwrap_or(("rfc822", orcpt));
        group += &field("Original-Recipient", &format!("{}; {}", printable(kind), from_xtext(address)));
    }
    group += &field("Final-Recipient", &typed(&fate.recipient.address));
    let action = match tidings {
        Tidings::Failure => "failed",
        Tidings::Delay => "delayed",
        // RFC 3461 §5.2.2: the next host does not do DSN, so this is the last that is heard.
        Tidings::Success => "relayed",
    };
    group += &field("Action", action);
    group += &field("Status", &status(tidings, fate).to_string());
    if let Some(name) = fate.host {
        group += &field("Remote-MTA", &format!("dns; {}", host(name)));
    }
    if let Some(outcome) = fate.outcome {
        group += &field("Diagnostic-Code", &diagnostic(outcome));
    }
    if let Some(tried) = fate.tried {
        group += &field("Last-Attempt-Date", &date(tried));
    }
    if let (Tidings::Delay, Some(until)) = (tidings, fate.retry_until) {
        group += &field("Will-Retry-Until", &date(until));
    }
    group
}

/// `rfc822; tom@x.example`, or the escaped form of an address in UTF-8, which any mail can carry (RFC 6533 §3).
fn typed(address: &Address) -> String {
    if !address.needs_smtputf8() {
        return format!("rfc822; {address}");
    }
    let mut typed = String::from("utf-8; ");
    for c in address.to_string().chars() {
        match c {
            '+' | '=' | '\\' => typed += &format!("\\x{{{:X}}}", u32::from(c)),
            '!'..='~' => typed.push(c),
            c => typed += &format!("\\x{{{:X}}}", u32::from(c)),
        }
    }
    typed
}

fn diagnostic(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Replied { reply, .. } => {
            let mut said = format!("smtp; {}", reply.code());
            for line in reply.lines() {
                said.push(' ');
                said.push_str(line);
            }
            said.truncate(said.floor_char_boundary(REPLY_BYTES_MAX));
            said
        }
        Outcome::Unreached(trouble) => format!("x-postrider; {trouble}"),
        Outcome::InDoubt(trouble) => format!("x-postrider; no reply to the final dot: {}", trouble.detail),
    }
}

/// What the host gave, or what fits the trouble; its class is the one of the action, but for a
/// recipient that was given up on a temporary failure (RFC 3464 §2.3.4).
fn status(tidings: Tidings, fate: &Fate<'_>) -> EnhancedStatus {
    let (subject, detail) = match fate.outcome {
        Some(Outcome::Replied { reply, .. }) => reply.enhanced().map_or((0, 0), |it| (it.subject(), it.detail())),
        Some(Outcome::Unreached(trouble)) => subject_and_detail(trouble.kind),
        Some(Outcome::InDoubt(_)) => (4, 2),
        // RFC 3463 §3.5: delivery time expired.
        None => (4, 7),
    };
    let class = match tidings {
        Tidings::Failure if fate.expired.is_some() => 4,
        Tidings::Failure => 5,
        Tidings::Delay => 4,
        Tidings::Success => 2,
    };
    EnhancedStatus::new(class, subject, detail).unwrap_or(FAILED)
}

const FAILED: EnhancedStatus = match EnhancedStatus::new(5, 0, 0) {
    Some(status) => status,
    None => unreachable!(),
};

/// The status that the registry has for a trouble (RFC 3463 §3, RFC 7505 §4).
fn subject_and_detail(kind: TroubleKind) -> (u16, u16) {
    match kind {
        TroubleKind::DomainNotFound => (1, 2),
        TroubleKind::NullMx => (1, 10),
        TroubleKind::NoAddress | TroubleKind::PrivateAddress => (4, 4),
        TroubleKind::DnsFailed | TroubleKind::DnsTimeout => (4, 3),
        TroubleKind::LoopsBack => (4, 6),
        TroubleKind::ConnectionRefused | TroubleKind::ConnectTimeout | TroubleKind::Unreachable => (4, 1),
        TroubleKind::ConnectionLost | TroubleKind::Timeout => (4, 2),
        TroubleKind::TlsFailed => (7, 5),
        TroubleKind::TlsNotOffered => (7, 10),
        TroubleKind::ProtocolViolation => (5, 0),
        TroubleKind::AuthNotOffered => (7, 4),
        TroubleKind::FeatureNotOffered => (6, 3),
        TroubleKind::TooLargeForPeer => (3, 4),
        TroubleKind::LocalFault => (3, 0),
    }
}
