//! TLSA records against the certificates that were shown.

use super::{HostPins, Proof, Shown};
use crate::facts::Facts;
use crate::finding::{Actor, Confidence, Finding, Impact, Say, Severity};
use postrider_dns::{Failure, Tlsa};
use postrider_mailauth::tlsa::{self, Hindrance, Matching, Outcome, Verdict};
use std::fmt::Write as _;

pub(super) fn judge(facts: &Facts, pins: &[HostPins], shown: Option<&[Shown]>, say: &mut Say) {
    for host in pins {
        proof(host, say);
        matched(facts, host, shown, say);
    }
    if pins.is_empty() {
        say.not_applicable("dane.dnssec", "there is no mail host");
        say.not_applicable("dane.match", "there is no mail host");
    }
    together(facts, pins, say);
}

fn proof(host: &HostPins, say: &mut Say) {
    const ID: &str = "dane.dnssec";
    let HostPins { host: subject, name, tlsa, proof, .. } = host;
    match (tlsa, proof) {
        (_, Proof::Bogus(why)) => say.found(
            Finding::problem(ID, subject, format!("the proof for the TLSA records of {subject} fails"))
                .seen("dns", "", format!("{name} TLSA: {why}"))
                .meaning("Senders that heed DANE put mail to this host off, and give it up after days.")
                .act(Actor::DnsHost)
                .because_of("dns.sec", "*")
                .fix("Let the zone be signed anew, so that every name server answers with valid signatures."),
        ),
        (Ok(_), Proof::Insecure) => say.found(
            Finding::note(
                ID,
                subject,
                format!("the TLSA records of {subject} are not signed, so that nobody heeds them"),
            )
            .impact(Impact::None, Impact::None)
            .seen("dns", "", format!("{name} TLSA, without DNSSEC"))
            .act(Actor::You)
            .fix("Sign the zone with DNSSEC; or remove the TLSA records, which do nothing without."),
        ),
        (Ok(_), Proof::Secure) => say.fine(ID, format!("{name} is signed")),
        (Ok(_), Proof::Unknown(why)) => say.untested(ID, format!("whether {name} is signed is not known: {why}")),
        (Err(failure), _) if failure.is_absence() => say.not_applicable(ID, "there are no TLSA records"),
        (Err(Failure::ServFail(_) | Failure::Refused(_)), Proof::Insecure) => {
            say.not_applicable(ID, "the zone is not signed, so that nobody asks");
        }
        (Err(failure @ (Failure::ServFail(_) | Failure::Refused(_))), _) => say.found(
            Finding::warning(
                ID,
                subject,
                format!("the name servers fail when asked for the TLSA records of {subject}"),
            )
            .seen("dns", "", format!("{name} TLSA: {failure}"))
            .meaning("Where the zone is signed, senders that heed DANE put mail off until they get an answer.")
            .confidence(Confidence::Medium)
            .because_of("dns.sec", "*")
            .because_of("dns.lame", "*")
            .fix("Let the name servers answer for names that do not exist and types they do not know: with no record."),
        ),
        (Err(failure), _) => say.untested(ID, format!("{name} could not be asked for: {failure}")),
    }
}

fn matched(facts: &Facts, host: &HostPins, shown: Option<&[Shown]>, say: &mut Say) {
    const ID: &str = "dane.match";
    let records = match &host.tlsa {
        Ok(records) => records,
        Err(failure) if failure.is_absence() => return say.not_applicable(ID, "there are no TLSA records"),
        Err(failure) => return say.untested(ID, format!("{} could not be asked for: {failure}", host.name)),
    };
    let chains: Vec<&Shown> =
        shown.iter().flat_map(|shown| shown.iter()).filter(|shown| shown.host == host.host).collect();
    if chains.is_empty() {
        return say.untested(ID, format!("{} showed no certificate", host.host));
    }
    let names = [host.host.as_str(), facts.domain.as_str()];
    let seconds = facts.now.0 / 1000;
    let results: Vec<(&Shown, Matching)> =
        chains.iter().map(|shown| (*shown, tlsa::matching(records, &shown.chain, &names, seconds))).collect();
    let bad: Vec<&(&Shown, Matching)> = results
        .iter()
        .filter(|(_, matching)| matches!(matching.verdict, Verdict::NoneMatches | Verdict::Hindered(..)))
        .collect();
    if let Some((server, matching)) = bad.first() {
        let every = bad.len() == results.len();
        return say.found(mismatch(host, records, server, matching, every));
    }
    if results.iter().any(|(_, matching)| matching.verdict == Verdict::NothingUsable) {
        return say.found(unusable(host, records, &results));
    }
    match results.iter().find(|(_, matching)| matching.verdict == Verdict::NoCertificate) {
        Some((server, _)) => say.untested(ID, format!("{} showed no certificate that can be read", server.server)),
        None => say.fine(ID, format!("{} matches what {} shows", host.name, host.host)),
    }
}

fn mismatch(host: &HostPins, records: &[Tlsa], server: &Shown, matching: &Matching, every: bool) -> Finding {
    let name = &host.host;
    let title = match matching.verdict {
        Verdict::Hindered(_, Hindrance::Name) => {
            format!("the certificate of {name} is for other names, which DANE does not allow here")
        }
        Verdict::Hindered(_, Hindrance::Time) => {
            format!("the certificate of {name} has run out, which DANE does not allow here")
        }
        Verdict::Hindered(_, Hindrance::Chain) => {
            format!("the certificates that {name} shows do not lead to the one in its TLSA records")
        }
        _ => format!("the certificate of {name} matches none of its TLSA records"),
    };
    let receiving = if every { Impact::Broken } else { Impact::AtRisk };
    let mut finding = match &host.proof {
        Proof::Secure => Finding::problem("dane.match", name, title).impact(Impact::None, receiving),
        // Nobody heeds records that are not signed.
        Proof::Insecure => Finding::note("dane.match", name, title).impact(Impact::None, Impact::None),
        Proof::Bogus(_) | Proof::Unknown(_) => Finding::new("dane.match", name, Severity::Warning, title)
            .impact(Impact::None, Impact::AtRisk)
            .confidence(Confidence::Medium),
    };
    if host.proof == Proof::Secure {
        finding = finding.meaning("Senders that heed DANE do not deliver to this host.");
    }
    for (record, outcome) in records.iter().zip(&matching.outcomes) {
        finding = finding.seen("dns", "", format!("{} TLSA {}: {}", host.name, shown(record), told(outcome)));
    }
    let Some(right) = &matching.right else { return finding };
    let old = records.first().map(shown).unwrap_or_default();
    finding
        .seen("tls", server.server.clone(), format!("its certificate is {right}"))
        .fix("If the certificate is the right one, publish its record, and remove the old one once it has run out of caches.")
        .change("replace", &host.name, "TLSA", &old, right)
}

fn unusable(host: &HostPins, records: &[Tlsa], results: &[(&Shown, Matching)]) -> Finding {
    let title = format!("no TLSA record of {} is of use for mail", host.host);
    let mut finding = Finding::warning("dane.match", &host.host, title)
        .impact(Impact::None, Impact::None)
        .meaning("Senders that heed DANE then insist on TLS, but look at no certificate.");
    let Some((_, matching)) = results.first() else { return finding };
    for (record, outcome) in records.iter().zip(&matching.outcomes) {
        finding = finding.seen("dns", "", format!("{} TLSA {}: {}", host.name, shown(record), told(outcome)));
    }
    let old = records.first().map(shown).unwrap_or_default();
    match &matching.right {
        Some(right) => finding.fix("Publish this record instead.").change("replace", &host.name, "TLSA", &old, right),
        None => finding,
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unusable(flaw) => flaw.to_string(),
        Outcome::Matches { .. } => "matches".to_owned(),
        Outcome::Hindered { .. } => "names the issuer, but that is not enough".to_owned(),
        Outcome::Differs { mislabelled: Some((usage, selector, matching)) } => {
            format!("does not match; its digest is right for {usage} {selector} {matching}")
        }
        Outcome::Differs { mislabelled: None } => "does not match".to_owned(),
    }
}

/// A record as zones have it; whole certificates are cut.
pub(super) fn shown(record: &Tlsa) -> String {
    let mut text = format!("{} {} {} ", record.usage, record.selector, record.matching);
    for octet in record.data.iter().take(64) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    if record.data.len() > 64 {
        text.push('…');
    }
    text
}

/// DANE and MTA-STS side by side: a host that one asks for and the other shuts out.
fn together(facts: &Facts, pins: &[HostPins], say: &mut Say) {
    const ID: &str = "sts.dane";
    let proved: Vec<&HostPins> = pins.iter().filter(|host| host.tlsa.is_ok() && host.proof == Proof::Secure).collect();
    let policy = facts.policy.as_ref().and_then(crate::checks::policy::PolicyFacts::enforced);
    let Some(policy) = policy.filter(|_| !proved.is_empty()) else {
        return say.not_applicable(ID, "there are not both DANE and an enforced MTA-STS policy");
    };
    let shut_out: Vec<&str> =
        proved.iter().map(|host| host.host.as_str()).filter(|host| !policy.allows(host)).collect();
    if shut_out.is_empty() {
        return say.fine(ID, "both allow the same hosts");
    }
    say.found(
        Finding::warning(
            ID,
            &facts.domain,
            format!("DANE vouches for {}, which MTA-STS shuts out", shut_out.join(", ")),
        )
        .because_of("sts.match", "*")
        .fix("Name the host in the MTA-STS policy."),
    );
}
