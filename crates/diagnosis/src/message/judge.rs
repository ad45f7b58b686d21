//! What there is to say about the way, about others' claims, and about the message itself.

use super::way::Hop;
use super::{Analysis, MessageFacts, claims, lint};
use crate::finding::{Confidence, Finding, Say, Severity};

const HOPS: &str = "msg.hops";
const CLAIMS: &str = "msg.ar";
/// Waiting below this is nothing to speak of, in seconds.
const WAITED_NOTE: i64 = 600;
/// From here on it is a warning.
const WAITED_WARNING: i64 = 3600;
/// Clocks that differ by less are told nowhere.
const SKEW_NOTE: i64 = 60;

pub(super) fn judge(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    hops(facts, say);
    claimed(facts, say);
    let findings = lint::judge(&facts.message, &facts.way, facts.now, &analysis.signatures);
    say.found_or_fine("msg.lint", findings, "nothing a receiver would stumble over");
}

fn hops(facts: &MessageFacts, say: &mut Say) {
    let way = &facts.way;
    if way.hops.is_empty() {
        return say.not_applicable(HOPS, "there are no Received fields");
    }
    let mut findings = Vec::new();
    for (index, hop) in way.hops.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| way.hops.get(before));
        findings.extend(waited(facts, before, hop));
        findings.extend(skewed(facts, before, hop));
    }
    let total = way.total.map(|total| format!(", {} in all", seconds(total))).unwrap_or_default();
    say.found_or_fine(HOPS, findings, format!("{} hops{total}", way.hops.len()));
}

/// A number of seconds as people say it: `9 s`, `12 min`, `2 h 5 min`, `3 days`.
pub(super) fn seconds(seconds: i64) -> String {
    let figure = seconds.unsigned_abs();
    let sign = if seconds < 0 { "-" } else { "" };
    let (hours, minutes) = (figure / 3600, figure % 3600 / 60);
    match figure {
        0..=119 => format!("{sign}{figure} s"),
        120..=3599 => format!("{sign}{} min", (figure + 30) / 60),
        3600..=172_799 if minutes == 0 => format!("{sign}{hours} h"),
        3600..=172_799 => format!("{sign}{hours} h {minutes} min"),
        _ => format!("{sign}{} days", (figure + 43_200) / 86_400),
    }
}

/// Who took it at a hop.
pub(super) fn host(hop: &Hop) -> String {
    hop.received.by.clone().unwrap_or_else(|| "a host without a name".into())
}

fn waited(facts: &MessageFacts, before: Option<&Hop>, hop: &Hop) -> Option<Finding> {
    let waited = hop.waited.filter(|waited| *waited >= WAITED_NOTE)?;
    let severity = if waited >= WAITED_WARNING { Severity::Warning } else { Severity::Note };
    let from = before.map(host).unwrap_or_default();
    let title = format!("it waited {} at {from} before {} took it", seconds(waited), host(hop));
    let mut finding = Finding::new(HOPS, host(hop), severity, title).confidence(Confidence::Medium);
    for one in [before, Some(hop)].into_iter().flatten() {
        finding = finding.seen("message", "Received", line(facts, one));
    }
    Some(finding.meaning("Greylisting, a full queue, a host that was down or a limit: the log of the host where it waited says which.").fix(
        format!("Look into the log of {from} for that time; the words of {} to it are there.", host(hop)),
    ))
}

fn skewed(facts: &MessageFacts, before: Option<&Hop>, hop: &Hop) -> Option<Finding> {
    let delay = hop.delay.filter(|delay| *delay <= -SKEW_NOTE)?;
    let before = before?;
    let title = format!("the clocks of {} and {} differ by {} at least", host(before), host(hop), seconds(-delay));
    let finding = Finding::note(HOPS, host(hop), title)
        .confidence(Confidence::Medium)
        .seen("message", "Received", line(facts, before))
        .seen("message", "Received", line(facts, hop));
    Some(finding.fix("Let both keep their time by NTP. Delays that these two tell of mean nothing."))
}

fn line(facts: &MessageFacts, hop: &Hop) -> String {
    let text = facts.message.value(hop.field);
    let cut: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    cut
}

fn claimed(facts: &MessageFacts, say: &mut Say) {
    let trusted: Vec<String> = facts
        .claims
        .iter()
        .filter(|claim| claim.trusted)
        .flat_map(|claim| claim.read.results.iter().map(claims::words))
        .collect();
    let own: Vec<&Option<String>> =
        facts.claims.iter().filter(|claim| claim.trusted).map(|claim| &claim.author).collect();
    // What others found on the way is their affair; only what bears the receiver's name could
    // be taken for the receiver's.
    let borrowed =
        facts.claims.iter().filter(|claim| !claim.trusted && claim.author.is_some() && own.contains(&&claim.author));
    let mut findings = Vec::new();
    for claim in borrowed {
        let author = claim.author.as_deref().unwrap_or_default();
        let title = format!("an Authentication-Results of {author} is not to be trusted: {}", claim.why);
        let text: String = claim.text.chars().take(300).collect();
        findings.push(
            Finding::note(CLAIMS, author, title)
                .seen("message", "", format!("Authentication-Results: {text}"))
                .fix("Let the border host remove fields that bear its own name from what strangers send."),
        );
    }
    match (findings.is_empty(), trusted.is_empty(), facts.claims.is_empty()) {
        (true, true, true) => say.not_applicable(CLAIMS, "there are no Authentication-Results"),
        (true, true, false) => say.not_applicable(CLAIMS, "none of the Authentication-Results can be trusted"),
        (true, false, _) => say.fine(CLAIMS, trusted.join("; ")),
        _ => findings.into_iter().for_each(|finding| say.found(finding)),
    }
}
