//! What the mail server's log shows of the domain: which direction fails, why, and since when.
//!
//! A log tells what became of real mail, yet of the past, and of one server. So a failure counts
//! only when nothing was taken since, and when its reason is no single recipient's or message's.

mod onset;
#[cfg(test)]
mod tests;

pub(crate) use onset::{since, timeline};

use crate::facts::Facts;
use crate::finding::{Actor, Confidence, Finding, Impact, Say, Severity, State};
use crate::log::{Flow, LogSeen, Reason};
use crate::report::moment;
use postrider_reply::{Cause, Who};

/// So many messages make a failure more than an accident.
const MESSAGES_MIN: u64 = 3;
const REASONS_TOLD: usize = 8;

/// A direction of mail, seen from the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Mail from it.
    Out,
    /// Mail to it.
    In,
}

impl Way {
    const BOTH: [Self; 2] = [Self::In, Self::Out];

    const fn flow(self, log: &LogSeen) -> &Flow {
        match self {
            Self::Out => &log.sending,
            Self::In => &log.receiving,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Out => "mail from",
            Self::In => "mail to",
        }
    }
}

pub(super) fn judge(facts: &Facts, say: &mut Say) {
    const IDS: [&str; 3] = ["log.dir", "log.onset", "log.reasons"];
    if facts.domain.is_empty() {
        return;
    }
    let Some(log) = &facts.settings.log else {
        return IDS.into_iter().for_each(|id| say.not_applicable(id, "no log was given (--log FILE)"));
    };
    if Way::BOTH.into_iter().all(|way| !way.flow(log).is_seen()) {
        let why = format!("nothing in {} is about mail of {}", log.files.join(", "), facts.domain);
        return IDS.into_iter().for_each(|id| say.untested(id, why.clone()));
    }
    // Its hosts greet as they should, seen from here: what the log says of them may be over.
    let answers = say.state_of("smtp.banner") == Some(State::Fine);
    let found: Vec<Finding> =
        Way::BOTH.into_iter().filter_map(|way| direction(facts, log, way, say.findings(), answers)).collect();
    let seen = Way::BOTH.map(|way| format!("{} {}", way.words(), figures(way.flow(log)))).join("; ");
    say.found_or_fine("log.dir", found, seen);
    onset::judge(facts, log, say);
    reasons(facts, log, say);
}

/// `the domain: 12 messages, 9 accepted, 2 given up, 1 waiting`
fn figures(flow: &Flow) -> String {
    format!(
        "the domain: {} {}, {} accepted, {} given up, {} waiting",
        flow.tried,
        if flow.tried == 1 { "message" } else { "messages" },
        flow.accepted,
        flow.failed,
        flow.deferred
    )
}

/// How bad one direction is, by what reason, and what to call it.
struct Standing<'a> {
    severity: Severity,
    impact: Impact,
    reason: &'a Reason,
    title: String,
}

fn direction(facts: &Facts, log: &LogSeen, way: Way, others: &[Finding], answers: bool) -> Option<Finding> {
    let flow = way.flow(log);
    let mut standing = match way {
        Way::Out => sending(flow)?,
        Way::In => receiving(flow)?,
    };
    let stale = !log.is_fresh(facts.now.0);
    let reason = standing.reason;
    let root = root(reason.cause, way, others);
    let over = way == Way::In && answers && root.is_none() && is_seen_from_here(reason.cause);
    if stale || over {
        (standing.severity, standing.impact) = (Severity::Warning, Impact::AtRisk);
    }
    let Standing { severity, impact, reason, title } = standing;
    let unreached = matches!(reason.cause, Cause::ConnectionTimeout | Cause::ConnectionRefused);
    // Hosts that have nothing in common are not all silent: the way out is shut.
    let act = if way == Way::Out && impact == Impact::Broken && unreached { Actor::Isp } else { actor(reason, way) };
    let subject = format!("{} {}", way.words(), facts.domain);
    let mut finding = Finding::new("log.dir", subject, severity, title)
        .act(act)
        .meaning(reason.summary.clone())
        .seen("log", reason.by.clone(), reason.words.clone())
        .fix(if reason.advice.is_empty() {
            crate::catalogue::check("log.dir").fix.to_owned()
        } else {
            reason.advice.join(" ")
        });
    finding = match way {
        Way::Out => finding.impact(impact, Impact::None),
        Way::In => finding.impact(Impact::None, impact),
    };
    if stale {
        let end = log.last.map_or_else(|| "at a time it does not say".to_owned(), moment);
        finding = finding.confidence(Confidence::Low).meaning(format!("The log ends {end}; it may be well again."));
    }
    finding = finding.meaning(format!("In the log, {} {}.", way.words(), figures(flow)));
    if over {
        finding = finding.confidence(Confidence::Low).meaning("Seen from here, its hosts answer now; it may be over.");
    }
    match flow.last_accepted {
        Some(at) => {
            finding = finding.meaning(format!("The last one was taken at {} by {}.", moment(at), flow.last_accepted_by))
        }
        None => finding = finding.meaning("None was taken while the log was written."),
    }
    if let Some(at) = flow.onset {
        finding = finding.since(at);
    }
    Some(match root {
        Some(root) => finding.because_of(root.id, &root.subject),
        None => finding,
    })
}

/// Mail from the domain. What one destination does not take may well be its own fault, so only
/// several of them, or a reason that lies with the sender, count.
fn sending(flow: &Flow) -> Option<Standing<'_>> {
    let streak = &flow.streak;
    if let Some(reason) = streak.cause.and_then(|cause| flow.reason(cause)) {
        let ours = is_senders(reason.who);
        let many = streak.messages >= MESSAGES_MIN;
        let level = match (ours, streak.peers) {
            (true, 2..) if many => Some((Severity::Problem, Impact::Broken)),
            (false, 3..) if many => Some((Severity::Problem, Impact::Broken)),
            (true, _) if many => Some((Severity::Problem, Impact::AtRisk)),
            (true, _) if is_proof(reason.cause) => Some((Severity::Warning, Impact::AtRisk)),
            _ => None,
        };
        if let Some((severity, impact)) = level {
            let title = match impact {
                Impact::Broken => format!("the log shows no mail from the domain taken any more: '{}'", reason.short),
                _ => format!("the log shows mail from the domain refused by {}: '{}'", reason.by, reason.short),
            };
            return Some(Standing { severity, impact, reason, title });
        }
    }
    let silent = flow.silent.iter().find(|silent| {
        let ours = flow.reason(silent.cause).is_some_and(|reason| is_senders(reason.who));
        ours && (silent.messages >= MESSAGES_MIN || is_proof(silent.cause))
    })?;
    let reason = flow.reason(silent.cause)?;
    let peers: Vec<&str> =
        flow.silent.iter().filter(|other| other.cause == silent.cause).map(|it| it.peer.as_str()).collect();
    let severity = if peers.len() > 1 && is_proof(silent.cause) { Severity::Problem } else { Severity::Warning };
    let title =
        format!("the log shows no mail from the domain taken by {} any more: '{}'", peers.join(", "), reason.short);
    Some(Standing { severity, impact: Impact::AtRisk, reason, title })
}

/// Mail to the domain: whoever sent it, the domain's side is the one that all have in common.
fn receiving(flow: &Flow) -> Option<Standing<'_>> {
    let streak = &flow.streak;
    let reason = streak.cause.and_then(|cause| flow.reason(cause))?;
    let theirs = actor(reason, Way::In) != Actor::You;
    let (severity, impact) = match (theirs, streak.messages >= MESSAGES_MIN || streak.attempts >= 5) {
        (false, true) => (Severity::Problem, Impact::Broken),
        (true, true) => (Severity::Warning, Impact::AtRisk),
        // One that is still tried may be taken at the next try.
        (false, false) if streak.attempts >= 2 || is_lasting(reason.cause) => (Severity::Warning, Impact::AtRisk),
        _ => return None,
    };
    let title = format!("the log shows no mail to the domain taken any more: '{}'", reason.short);
    Some(Standing { severity, impact, reason, title })
}

/// Reasons that would show from here as well.
const fn is_seen_from_here(cause: Cause) -> bool {
    matches!(cause, Cause::ConnectionTimeout | Cause::ConnectionRefused | Cause::DomainNotFound | Cause::NoMx)
}

/// Reasons that no further try does away with.
const fn is_lasting(cause: Cause) -> bool {
    matches!(cause, Cause::DomainNotFound | Cause::NoMx | Cause::Loop)
}

const fn is_senders(who: Who) -> bool {
    matches!(who, Who::Sender | Who::SenderAdmin)
}

/// Reasons that hold for all mail of the domain, though only one host says so.
const fn is_proof(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::SpfFailed
            | Cause::DkimFailed
            | Cause::DmarcFailed
            | Cause::Unauthenticated
            | Cause::IpBlocklisted
            | Cause::MissingPtr
    )
}

/// Who must act, seen from the domain: the verdict's sender is the domain for mail from it, and
/// the other side for mail to it.
fn actor(reason: &Reason, way: Way) -> Actor {
    // Its own server refuses its mail, or its own records lead nowhere.
    if way == Way::In && (reason.at_door || matches!(reason.cause, Cause::DomainNotFound | Cause::NoMx)) {
        return Actor::You;
    }
    match (reason.who, way) {
        (Who::Sender | Who::SenderAdmin, Way::Out) | (Who::Recipient | Who::RecipientAdmin, Way::In) => Actor::You,
        (Who::Sender | Who::SenderAdmin, Way::In) | (Who::Recipient | Who::RecipientAdmin, Way::Out) => {
            Actor::Recipient
        }
        (Who::Network, _) => Actor::Isp,
        (Who::Nobody, _) => Actor::Wait,
    }
}

/// What else was found that brings forth such failures: the log is its effect.
fn root(cause: Cause, way: Way, others: &[Finding]) -> Option<&Finding> {
    let groups: &[&str] = match (cause, way) {
        (Cause::SpfFailed, Way::Out) => &["spf."],
        (Cause::DkimFailed, Way::Out) => &["dkim."],
        (Cause::DmarcFailed | Cause::Unauthenticated, Way::Out) => &["spf.", "dkim.", "dmarc."],
        (Cause::IpBlocklisted | Cause::DomainBlocklisted | Cause::LowReputation, Way::Out) => &["bl."],
        (Cause::MissingPtr, Way::Out) => &["ptr.", "helo."],
        (Cause::SenderRejected, Way::Out) => &["reg.", "dns.", "mx."],
        (Cause::ConnectionTimeout | Cause::ConnectionRefused | Cause::Expired, Way::Out) => &["net."],
        (Cause::TlsRequired, Way::In) => &["tls.", "sts.", "dane.", "smtp."],
        (
            Cause::ConnectionTimeout
            | Cause::ConnectionRefused
            | Cause::Expired
            | Cause::RoutingFailed
            | Cause::Loop
            | Cause::DomainNotFound
            | Cause::NoMx
            | Cause::RelayingDenied
            | Cause::ServerBusy
            | Cause::ServerError
            | Cause::ProtocolError,
            Way::In,
        ) => &["reg.", "dns.", "mx.", "smtp."],
        _ => return None,
    };
    let touches = |finding: &Finding| match way {
        Way::Out => finding.sending,
        Way::In => finding.receiving,
    };
    others
        .iter()
        .filter(|other| other.severity > Severity::Note && groups.iter().any(|group| other.id.starts_with(group)))
        .filter(|other| touches(other) != Impact::None)
        // The first of the worst: judges speak of deep things first.
        .rev()
        .max_by_key(|other| (other.severity, touches(other)))
}

fn reasons(facts: &Facts, log: &LogSeen, say: &mut Say) {
    let both = Way::BOTH.into_iter().flat_map(|way| way.flow(log).reasons.iter().map(move |reason| (way, reason)));
    let mut all: Vec<(Way, &Reason)> = both.collect();
    all.sort_by_key(|(_, reason)| (!reason.tells, reason.at_door, std::cmp::Reverse(reason.count)));
    let Some((_, top)) = all.first() else {
        return say.fine("log.reasons", "the log has no failure of the domain's mail");
    };
    let title = match all.len() {
        1 => format!("one reason for failures in the log: {}", top.summary),
        many => format!("{many} reasons for failures in the log, the first: {}", top.summary),
    };
    let mut finding = Finding::note("log.reasons", &facts.domain, title);
    for (way, reason) in all.into_iter().take(REASONS_TOLD) {
        let span = match (reason.first, reason.last) {
            (Some(first), Some(last)) if first != last => format!("{} to {}", moment(first), moment(last)),
            (Some(at), _) => moment(at),
            _ => "no time said".to_owned(),
        };
        let door = if reason.at_door { ", at the door" } else { "" };
        let said = format!("{} the domain, {} ×{door}, {span}: {}", way.words(), reason.count, reason.short);
        finding = finding.seen("log", reason.by.clone(), said);
    }
    say.found(finding);
}
