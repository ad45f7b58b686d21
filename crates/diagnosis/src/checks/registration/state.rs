//! Whether the registration lives: its end, its holds, its last change.

use super::{InDns, Seen, in_dns};
use crate::facts::Facts;
use crate::finding::{Actor, Confidence, Finding, Impact, Say};
use crate::registry::consult::{Consulted, Source};
use crate::registry::{Field, State};

const HOUR_MS: i64 = 3_600_000;
/// Registrars begin to remind about then.
const SOON_DAYS: i64 = 30;

/// A domain that nobody holds: the registry says so, and so does the DNS, or two ways of asking
/// the registry. One 404 alone may be an RDAP server that knows little.
pub(super) fn unregistered(facts: &Facts, consulted: &Consulted, say: &mut Say) {
    let said = consulted.unregistered();
    let in_dns = in_dns(facts, &consulted.domain);
    let by_whois = said.iter().any(|(source, _)| matches!(source, Source::Whois(_)));
    let by_rdap = said.iter().any(|(source, _)| matches!(source, Source::Rdap(_)));
    let sure = match in_dns {
        InDns::Yes => false,
        InDns::No => by_rdap || by_whois,
        InDns::Unknown => by_rdap && by_whois,
    };
    if !sure {
        return;
    }
    let domain = &consulted.domain;
    let finding = Finding::problem("reg.rdap", domain, format!("nobody has registered {domain}"))
        .impact(Impact::Broken, Impact::Broken)
        .meaning("Either the name is misspelled, or its registration ran out and the domain was deleted.")
        .fix(format!("Check how {domain} is spelled. If it was yours, register it again before somebody else does."));
    let finding = if in_dns == InDns::No { finding } else { finding.confidence(Confidence::Medium) };
    let finding = said.iter().fold(finding, |finding, (source, words)| {
        let (kind, server) = source.evidence();
        finding.seen(kind, server, words)
    });
    say.found(finding);
}

/// `reg.expiry`: a registration that ran out, or is about to.
pub(super) fn expiry(seen: &Seen<'_>, say: &mut Say) {
    let record = seen.record;
    let past = record.expires.filter(|expires| expires.surely_past() <= seen.facts.now);
    if let Some(state) = [State::Redemption, State::PendingRestore].into_iter().find(|state| record.is(*state)) {
        return say.found(redemption(seen, state));
    }
    if past.is_some() || record.is(State::Expired) {
        return say.found(expired(seen));
    }
    let Some(expires) = record.expires else {
        return say.not_applicable("reg.expiry", "the registry does not tell when a registration ends");
    };
    let days = expires.days_from(seen.facts.now);
    if days >= SOON_DAYS || seen.record.is(State::AutoRenew) {
        return say.fine("reg.expiry", format!("registered until {}, {days} days from now", expires.day()));
    }
    let domain = seen.domain;
    let when = match days {
        ..=0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    };
    let finding = Finding::warning("reg.expiry", domain, format!("the registration of {domain} ends {when}"))
        .meaning(
            "Many registrars renew by themselves shortly before, if the payment works; when it ends, all mail stops.",
        )
        .fix(format!("Renew {domain} at {}, or make sure that automatic renewal is on and paid.", seen.registrar()))
        .then(format!("until {}", expires.day()));
    say.found(seen.proven(finding, Field::Expires));
}

fn redemption(seen: &Seen<'_>, state: State) -> Finding {
    let domain = seen.domain;
    let title = match state {
        State::PendingRestore => format!("{domain} was deleted and is being restored"),
        _ => format!("{domain} ran out and was deleted; it can still be bought back"),
    };
    let fix = format!(
        "Ask {} today to restore {domain}. That costs more than a renewal, and is possible for some weeks only.",
        seen.registrar()
    );
    let finding = Finding::problem("reg.expiry", domain, title)
        .meaning("A domain in this state is not in the DNS: no mail reaches it, and mail from it is refused.")
        .fix(fix)
        .rfc("RFC 3915 §3.1");
    let finding = in_state(seen, state, finding);
    impact(seen.proven(finding, Field::Expires), seen)
}

fn expired(seen: &Seen<'_>) -> Finding {
    let domain = seen.domain;
    let ago = seen.record.expires.map(|expires| (expires, expires.days_ago(seen.facts.now)));
    let title = match ago {
        Some((expires, days)) if days > 0 => {
            format!("the registration of {domain} ran out on {}, {days} days ago", expires.day())
        }
        Some((expires, _)) if expires.surely_past() <= seen.facts.now => {
            format!("the registration of {domain} ran out on {}", expires.day())
        }
        _ => format!("the registration of {domain} ran out, its registry says"),
    };
    let meaning = match seen.in_dns() {
        InDns::Yes => {
            "The DNS still has it for now; the registrar may take it out, or point it elsewhere, at any time."
        }
        InDns::No => "It is no longer in the DNS: no mail reaches it, and mail from it is refused.",
        InDns::Unknown => "Registrars take such domains out of the DNS, or point them elsewhere.",
    };
    let finding = Finding::problem("reg.expiry", domain, title)
        .meaning(meaning)
        .fix(format!("Renew {domain} at {} now.", seen.registrar()))
        .then("once renewed it is back within minutes to a day");
    let finding = seen.proven(finding, Field::Expires);
    impact(in_state(seen, State::Expired, finding), seen)
}

/// With the words by which the registry names that state.
fn in_state(seen: &Seen<'_>, state: State, finding: Finding) -> Finding {
    let (kind, server) = seen.source.evidence();
    let named = seen.record.statuses.iter().filter(|status| status.state == state);
    let named: Vec<&str> = named.map(|status| status.text.as_str()).collect();
    let words = seen.record.words(Field::Status).filter(|said| named.iter().any(|text| said.text.contains(text)));
    words.fold(finding, |finding, said| finding.seen(kind, server, &said.text))
}

/// Mail flows as long as the DNS has the domain, whatever the registry says.
fn impact(finding: Finding, seen: &Seen<'_>) -> Finding {
    match seen.in_dns() {
        InDns::Yes => finding.impact(Impact::AtRisk, Impact::AtRisk).client(Impact::AtRisk),
        InDns::No | InDns::Unknown => finding,
    }
}

/// `reg.hold`: states in which a domain is not in the DNS.
pub(super) fn hold(seen: &Seen<'_>, say: &mut Say) {
    const ID: &str = "reg.hold";
    let record = seen.record;
    let worst = [State::ServerHold, State::ClientHold, State::Redemption, State::PendingDelete, State::Inactive];
    let state = worst.into_iter().find(|state| record.is(*state));
    // Registries give this state to domains without name servers; one with servers is not.
    let contradicted = state == Some(State::Inactive) && seen.in_dns() == InDns::Yes;
    let Some(state) = state.filter(|_| !contradicted) else {
        if record.statuses.is_empty() {
            return say.not_applicable(ID, "the registry does not tell the state of a domain");
        }
        let states: Vec<&str> = record.statuses.iter().map(|status| status.text.as_str()).take(6).collect();
        return say.fine(ID, states.join(", "));
    };
    let domain = seen.domain;
    let registrar = seen.registrar();
    let fix = match state {
        State::ClientHold => format!(
            "Ask {registrar} why {domain} is on hold: an unpaid bill, contact data that were never confirmed, or a complaint. They lift it once that is settled."
        ),
        State::ServerHold => format!(
            "Ask {registrar} why the registry holds {domain}: a court, a dispute, or missing proof of who you are. Only the registry can lift it."
        ),
        State::Inactive => format!("Enter the name servers of {domain} at {registrar}."),
        State::PendingDelete => format!(
            "{domain} can no longer be restored. It will be free within about five days; be ready to register it again."
        ),
        _ => format!("Ask {registrar} today to restore {domain}."),
    };
    let meaning = match seen.in_dns() {
        InDns::Yes => "The DNS still has it for now: the state is very fresh, or old answers are still being kept.",
        InDns::No => {
            "It is not in the DNS, whatever its name servers say: no mail reaches it, and mail from it is refused."
        }
        InDns::Unknown => "Such a domain is not in the DNS: no mail reaches it, and mail from it is refused.",
    };
    let finding = Finding::problem(ID, domain, format!("{domain} {}", state.meaning()))
        .meaning(meaning)
        .fix(fix)
        .because_of("reg.expiry", domain)
        .then("once lifted it is back within minutes to an hour");
    let finding = in_state(seen, state, finding);
    let finding = if state == State::PendingDelete { finding.rfc("RFC 5731 §2.3") } else { finding };
    say.found(impact(finding, seen));
}

/// `reg.changed`: a change of the registry's record in the last days.
pub(super) fn changed(seen: &Seen<'_>, say: &mut Say) {
    const ID: &str = "reg.changed";
    let Some(changed) = seen.record.changed else {
        return say.not_applicable(ID, "the registry does not tell when its record was changed");
    };
    let age = seen.facts.now.0 - changed.at.0;
    if !(0..72 * HOUR_MS).contains(&age) {
        return say.fine(ID, format!("last changed {}", changed.day()));
    }
    let domain = seen.domain;
    let hours = age / HOUR_MS;
    let when = match hours {
        _ if changed.day_only => format!("on {}", changed.day()),
        0 => "less than an hour ago".to_owned(),
        1 => "an hour ago".to_owned(),
        hours => format!("{hours} hours ago"),
    };
    let meaning = if hours < 24 {
        "If name servers were changed, resolvers may go to the old ones for up to two days."
    } else {
        "If name servers were changed, the last resolvers leave the old ones about now."
    };
    // A change is no fault; it is told for whoever looks for the moment when trouble began.
    let finding = Finding::note(ID, domain, format!("the registry's record of {domain} was changed {when}"))
        .meaning(meaning)
        .act(Actor::Wait)
        .fix("Nothing, if you know of the change. If not, ask your registrar what was changed, and by whom.");
    say.found(seen.proven(finding, Field::Changed));
}
