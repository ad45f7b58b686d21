//! What stands in the zone: times to live, the SOA record, aliases, wildcards.

use super::{seat, shown, unique};
use crate::dns::names::is_under;
use crate::dns::survey::RANDOM_LABEL;
use crate::dns::{Data, Rr, Survey};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Impact, Say};
use crate::words::span;
use domain::base::iana::Rtype;
use std::collections::BTreeSet;

const DAY: u32 = 86_400;

pub(super) fn judge(facts: &Facts, zone: &Survey, say: &mut Say) {
    ttl(zone, say);
    soa(zone, say);
    cname(facts, zone, say);
    wild(zone, say);
}

fn ttl(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.ttl";
    let domain = &zone.domain;
    let names = [(domain.clone(), Rtype::MX), (domain.clone(), Rtype::TXT), (format!("_dmarc.{domain}"), Rtype::TXT)];
    let mut found = Vec::new();
    for (name, kind) in &names {
        let sets: Vec<Vec<&Rr>> = zone
            .serving()
            .filter_map(|server| server.answer(name, *kind))
            .map(|packet| packet.of(*kind).filter(|rr| rr.name == *name).collect())
            .collect();
        let Some(least) = sets.iter().flatten().map(|rr| rr.ttl).min() else { continue };
        let what = super::asked(name, *kind);
        let title = if least == 0 {
            format!("{what} may not be kept at all: its TTL is 0")
        } else if least < 60 {
            format!("{what} is kept for {} only", span(least))
        } else if least > DAY {
            format!("{what} is kept for {}: a change takes that long", span(least))
        } else if sets.iter().any(|set| set.iter().any(|rr| rr.ttl != set[0].ttl)) {
            format!("the records of {what} have different times to live")
        } else {
            continue;
        };
        let record = sets.iter().flatten().find(|rr| rr.ttl == least);
        let told = record.map_or_else(String::new, |rr| format!("{name} {} {kind} {}", rr.ttl, rr.data));
        found.push(Finding::note(ID, name, title).seen("dns", "", told));
    }
    say.found_or_fine(ID, found, "between a minute and a day");
}

fn soa(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.soa";
    let record = zone
        .serving()
        .flat_map(|server| [&server.udp, &server.tcp])
        .flatten()
        .find_map(|packet| packet.of(Rtype::SOA).next().cloned());
    let Some(Rr { data: Data::Soa { mailbox, refresh, retry, expire, minimum, .. }, .. }) = &record else {
        return say.untested(ID, "no SOA record was seen");
    };
    let mut wrong = Vec::new();
    if *expire <= refresh.saturating_add(*retry) {
        wrong.push(format!(
            "copies expire after {}, before they were refreshed twice ({})",
            span(*expire),
            span(*refresh)
        ));
    } else if *expire < DAY {
        wrong.push(format!(
            "copies expire after {}: one night without the primary, and the zone is gone",
            span(*expire)
        ));
    }
    if *minimum > DAY {
        wrong.push(format!("that a name does not exist is kept for {}", span(*minimum)));
    }
    if !mailbox.contains('.') && mailbox != "." {
        wrong.push(format!("the contact {mailbox} is no mail address"));
    }
    if wrong.is_empty() {
        return say.fine(ID, "its times are such that nothing can go wrong");
    }
    let finding = Finding::note(ID, &zone.zone, format!("the SOA record: {}", wrong.join("; ")));
    let told = record.map_or_else(String::new, |rr| rr.data.to_string());
    say.found(finding.seen("dns", &zone.zone, format!("{} SOA {told}", zone.zone)));
}

fn cname(facts: &Facts, zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.cname";
    let mut found: Vec<Finding> = Vec::new();
    for server in zone.serving() {
        let records: Vec<&Rr> = server.answers.values().flatten().flat_map(|packet| &packet.answers).collect();
        let aliases = records.iter().filter(|rr| rr.kind == Rtype::CNAME && is_under(&rr.name, &zone.zone));
        for alias in aliases {
            let Data::Cname(target) = &alias.data else { continue };
            let name = &alias.name;
            let beside: BTreeSet<String> = records
                .iter()
                .filter(|rr| {
                    rr.name == *name && !matches!(rr.kind, Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3)
                })
                .map(|rr| format!("{} {}", rr.kind, rr.data))
                .collect();
            let apex = *name == zone.zone;
            if found.iter().any(|finding| finding.subject == *name) || !apex && beside.is_empty() {
                continue;
            }
            found.push(alias_with_others(facts, zone, name, target, &beside).seen(
                "dns",
                seat(server),
                format!("{name} CNAME {target}; beside it: {}", others(&beside, apex)),
            ));
        }
    }
    say.found_or_fine(ID, found, "no alias stands beside other records");
}

fn others(beside: &BTreeSet<String>, apex: bool) -> String {
    if beside.is_empty() && apex {
        return "SOA, NS".into();
    }
    beside.iter().take(4).cloned().collect::<Vec<_>>().join(", ")
}

fn alias_with_others(facts: &Facts, zone: &Survey, name: &str, target: &str, beside: &BTreeSet<String>) -> Finding {
    let apex = name == zone.zone;
    let title = if apex {
        format!("{name} is an alias of {target}, and the name of a zone cannot be one")
    } else {
        format!("{name} is an alias of {target} and has other records as well")
    };
    let mail = name == facts.domain || beside.iter().any(|record| record.starts_with("MX "));
    let finding = Finding::problem("dns.cname", name, title).act(Actor::You);
    let finding = if mail {
        finding.meaning(format!(
            "Resolvers follow the alias, and then look for MX and TXT records at {target} instead of {name}."
        ))
    } else if name.starts_with('_') {
        finding.impact(Impact::AtRisk, Impact::None)
    } else {
        finding.impact(Impact::None, Impact::AtRisk)
    };
    finding
        .fix(format!("Remove the CNAME, and give {name} the address records of {target}."))
        .change("remove", name, "CNAME", target, "")
}

fn wild(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.wild";
    let domain = &zone.domain;
    let random = format!("{RANDOM_LABEL}.{domain}");
    let random_key = format!("{RANDOM_LABEL}._domainkey.{domain}");
    let of = |name: &str, kind| zone.agreed(name, kind).unwrap_or_default();
    let texts = |name: &str| of(name, Rtype::TXT);
    let everywhere = texts(&random);
    let keys = texts(&random_key);
    let begins = |records: &[Rr], with: &str| {
        records
            .iter()
            .filter_map(|rr| rr.data.txt())
            .any(|text| text.trim_start().to_ascii_lowercase().starts_with(with))
    };
    let is_key = |records: &[Rr]| records.iter().filter_map(|rr| rr.data.txt()).any(|text| text.contains("p="));
    let mut found = Vec::new();
    for (place, with) in [("_dmarc", "v=dmarc1"), ("_mta-sts", "v=stsv1"), ("_smtp._tls", "v=tlsrptv1")] {
        let name = format!("{place}.{domain}");
        let there = texts(&name);
        if !everywhere.is_empty() && data(&there) == data(&everywhere) && !begins(&there, with) {
            found.push(junk(zone, &name, &there));
        }
    }
    if !keys.is_empty() && !is_key(&keys) {
        found.push(junk(zone, &random_key, &keys));
    }
    if found.is_empty() {
        let kinds: Vec<String> = [Rtype::MX, Rtype::A, Rtype::TXT]
            .into_iter()
            .filter(|kind| !of(&random, *kind).is_empty())
            .map(|kind| kind.to_string())
            .collect();
        return say.fine(
            ID,
            if kinds.is_empty() {
                "no wildcard".into()
            } else {
                format!("a wildcard for {} harms nothing", kinds.join(", "))
            },
        );
    }
    // One wildcard is one fault, wherever it shows.
    let names = unique(found.iter().map(|finding| finding.subject.clone()));
    let mut first = found.remove(0);
    first.evidence.extend(found.into_iter().flat_map(|finding| finding.evidence));
    first.subject.clone_from(domain);
    first.title = format!("a wildcard answers where records of mail are looked for: {}", names.join(", "));
    say.found(first);
}

fn data(records: &[Rr]) -> BTreeSet<&Data> {
    records.iter().map(|rr| &rr.data).collect()
}

fn junk(zone: &Survey, name: &str, records: &[Rr]) -> Finding {
    Finding::warning("dns.wild", name, format!("a wildcard answers for {name}"))
        .seen("dns", "", format!("{name} TXT {}", shown(records)))
        .act(Actor::You)
        .impact(Impact::AtRisk, Impact::None)
        .meaning("Receivers find a text there that is no such record, and some take that for a broken one.")
        .fix(format!(
            "Remove the TXT record of *.{}, or write the records of mail down at their own names.",
            zone.domain
        ))
}
