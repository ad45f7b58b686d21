//! The name servers and keys at the registry, held against those in the DNS.

use super::Seen;
use crate::dns::{Data, Survey};
use crate::facts::Facts;
use crate::finding::{Actor, Confidence, Finding, Say};
use crate::registry::consult::{Consulted, Source};
use crate::registry::{Ds, Field, Secure, company};
use domain::base::iana::Rtype;
use std::collections::BTreeSet;

type Set = BTreeSet<String>;

/// The names of the domain's name servers: as the zone above has them, else as the zone itself
/// or the registry has them.
pub(super) fn names(facts: &Facts) -> Vec<String> {
    let zone = facts.zone.as_ref();
    let delegated = zone.map(|zone| zone.delegation.as_slice()).unwrap_or_default();
    let own = zone.map(|zone| zone.own_servers.as_slice()).unwrap_or_default();
    let known = if delegated.is_empty() { own } else { delegated };
    if !known.is_empty() {
        return known.iter().map(|server| server.name.clone()).collect();
    }
    let record = facts.registry.as_ref().and_then(|consulted| consulted.found.as_ref());
    record.and_then(|(record, _)| record.nameservers.clone()).unwrap_or_default()
}

/// `reg.nsowner`: who runs the name servers.
pub(super) fn owner(facts: &Facts, consulted: &Consulted, say: &mut Say) {
    const ID: &str = "reg.nsowner";
    let names = names(facts);
    if names.is_empty() {
        return match &consulted.nobody {
            Some(why) => say.not_applicable(ID, why.clone()),
            None => say.untested(ID, "the name servers are not known"),
        };
    }
    let companies = company::of_nameservers(names.iter().map(String::as_str));
    say.fine(ID, format!("{} ({})", companies.join(" and "), names.join(", ")));
}

fn zone_names(servers: &[crate::dns::Server]) -> Set {
    servers.iter().map(|server| server.name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

fn listed(set: &Set) -> String {
    set.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// `reg.nsmatch`: the registry, the zone above and the zone itself name the same servers. Where
/// only the zone itself differs, `dns.parentchild` says so.
pub(super) fn same(seen: &Seen<'_>, say: &mut Say) {
    const ID: &str = "reg.nsmatch";
    let Some(registry) = &seen.record.nameservers else {
        return say.not_applicable(ID, "the registry does not list name servers");
    };
    let Some(zone) = seen.zone().filter(|zone| !zone.delegation.is_empty()) else {
        return say.untested(ID, "what the zone above says is not known");
    };
    let registry: Set = registry.iter().cloned().collect();
    let parent = zone_names(&zone.delegation);
    if registry == parent {
        return say.fine(ID, format!("the registry and the zone above name {}", listed(&parent)));
    }
    let child = zone_names(&zone.own_servers);
    say.found(differing(seen, zone, &registry, &parent, &child));
}

fn differing(seen: &Seen<'_>, zone: &Survey, registry: &Set, parent: &Set, child: &Set) -> Finding {
    const ID: &str = "reg.nsmatch";
    let domain = seen.domain;
    let above = &zone.parent;
    let fresh =
        seen.record.changed.is_some_and(|changed| (0..72 * 3_600_000).contains(&(seen.facts.now.0 - changed.at.0)));
    let title = if registry == child {
        format!("the zone {above} still sends mail for {domain} to other name servers than the registry has")
    } else {
        format!("the registry has other name servers for {domain} than the zone {above}")
    };
    let disjoint = registry.is_disjoint(parent);
    // WHOIS servers print old copies now and then.
    let certain = matches!(seen.source, Source::Rdap(_));
    let finding = if disjoint && certain && !fresh {
        Finding::problem(ID, domain, title)
    } else {
        Finding::warning(ID, domain, title)
    };
    let (kind, server) = seen.source.evidence();
    let finding = finding
        .confidence(if certain { Confidence::Medium } else { Confidence::Low })
        .seen(kind, server, format!("registry: {}", listed(registry)))
        .seen("dns", above.clone(), format!("delegation: {}", listed(parent)));
    let finding = match zone.servers.iter().find(|server| server.in_child) {
        Some(server) if !child.is_empty() => {
            finding.seen("dns", server.name.clone(), format!("zone: {}", listed(child)))
        }
        _ => finding,
    };
    if fresh {
        finding
            .act(Actor::Wait)
            .meaning("The registry's record was changed lately; its zone may not be published yet.")
            .fix("Wait for some hours. Keep the old name servers running for two days longer.")
            .then("within a day, and resolvers follow within two")
    } else {
        finding.fix(format!("Look at the name servers entered at {}, and save them again.", seen.registrar()))
    }
}

/// `reg.ds`: the registry, the zone above and the zone itself agree on the DNSSEC key.
pub(super) fn ds(seen: &Seen<'_>, say: &mut Say) {
    const ID: &str = "reg.ds";
    let Some(zone) = seen.zone() else {
        return say.untested(ID, "what the zone above says is not known");
    };
    if zone.ds_known
        && let Some(finding) = without_key(seen, zone)
    {
        return say.found(finding);
    }
    if seen.record.secure == Secure::Unsaid {
        return say.not_applicable(ID, "the registry does not tell of DNSSEC");
    }
    if !zone.ds_known {
        return say.untested(ID, "the DS records in the zone above are not known");
    }
    let parent = parent_ds(zone);
    match (&seen.record.secure, parent.is_empty()) {
        (Secure::Unsigned, true) => say.fine(ID, "not signed, says the registry, and so says the zone above"),
        // Registrars' WHOIS servers say "unsigned" by default.
        (Secure::Unsigned, false) if matches!(seen.source, Source::Whois(_)) => {
            say.not_applicable(ID, "WHOIS servers often do not tell of DNSSEC");
        }
        (Secure::Unsigned, false) => say.found(mismatch(
            seen,
            zone,
            &parent,
            "the registry says that the domain is not signed, and the zone above has DS records",
        )),
        (Secure::Signed(_), true) => say.found(mismatch(
            seen,
            zone,
            &parent,
            "the registry says that the domain is signed, and the zone above has no DS record",
        )),
        (Secure::Signed(records), false) if records.is_empty() || records.iter().any(|ds| parent.contains(ds)) => {
            say.fine(ID, format!("{} DS record(s), as in the zone above", parent.len()));
        }
        (Secure::Signed(_), false) => {
            say.found(mismatch(seen, zone, &parent, "the registry has other DS records than the zone above"))
        }
        (Secure::Unsaid, _) => {}
    }
}

fn parent_ds(zone: &Survey) -> Vec<Ds> {
    let read = |data: &Data| match data {
        Data::Ds { tag, algorithm, digest_type, digest } => Some(Ds {
            key_tag: *tag,
            algorithm: *algorithm,
            digest_type: *digest_type,
            digest: digest.iter().map(|byte| format!("{byte:02X}")).collect(),
        }),
        _ => None,
    };
    zone.ds.iter().filter_map(|rr| read(&rr.data)).collect()
}

fn mismatch(seen: &Seen<'_>, zone: &Survey, parent: &[Ds], title: &str) -> Finding {
    let (kind, server) = seen.source.evidence();
    let shown = parent.iter().map(line).collect::<Vec<_>>().join("; ");
    let shown = if shown.is_empty() { "no DS record".to_owned() } else { shown };
    let finding = Finding::warning("reg.ds", seen.domain, format!("{}: {title}", seen.domain))
        .confidence(Confidence::Medium)
        .act(Actor::You)
        .seen("dns", zone.parent.clone(), shown)
        .fix(format!("Look at the DNSSEC keys entered at {}, and enter those of the zone again.", seen.registrar()));
    let words = seen.record.words(Field::Dnssec).chain(seen.record.words(Field::Ds)).take(3);
    words.fold(finding, |finding, said| finding.seen(kind, server, &said.text))
}

fn line(ds: &Ds) -> String {
    format!("{} {} {} {}", ds.key_tag, ds.algorithm, ds.digest_type, ds.digest)
}

/// DS records in the zone above, and no key in the zone that any of them stands for: validating
/// resolvers find nothing then (RFC 4035 §5). Who validates, `dns.sec`, says it as well.
fn without_key(seen: &Seen<'_>, zone: &Survey) -> Option<Finding> {
    let parent = parent_ds(zone);
    let keys = zone.agreed(&zone.zone, Rtype::DNSKEY)?;
    let tags: Vec<(u16, u8)> = keys
        .iter()
        .filter_map(|rr| match rr.data {
            Data::Dnskey { tag, algorithm, .. } => Some((tag, algorithm)),
            _ => None,
        })
        .collect();
    if parent.is_empty() || parent.iter().any(|ds| tags.contains(&(ds.key_tag, ds.algorithm))) {
        return None;
    }
    let domain = seen.domain;
    let shown: Vec<String> = tags.iter().map(|(tag, algorithm)| format!("{tag} (algorithm {algorithm})")).collect();
    let keys = if shown.is_empty() { "no DNSKEY".to_owned() } else { format!("DNSKEY {}", shown.join(", ")) };
    let finding = Finding::problem(
        "reg.ds",
        domain,
        format!("the DS records of {domain} are for keys that its zone does not have"),
    )
    .meaning("Resolvers that validate DNSSEC, among them the large ones, find no records of the domain at all.")
    .act(Actor::You)
    .seen("dns", zone.parent.clone(), parent.iter().map(|ds| format!("DS {}", line(ds))).collect::<Vec<_>>().join("; "))
    .seen("dns", zone.zone.clone(), keys)
    .because_of("dns.sec", domain)
    .because_of("dns.sec", "*")
    .fix(format!(
        "At {}, enter the DS record of the key that is in the zone, or remove the old ones to turn DNSSEC off.",
        seen.registrar()
    ))
    .then("up to a day, as long as resolvers keep the old DS record");
    Some(finding)
}
