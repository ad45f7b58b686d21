//! The set as such: there, null, doubled, mixed, parked.

use super::MxFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use postrider_dns::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Hosts that take mail for parked domains, and throw it away or answer for nobody.
const PARKED: [&str; 7] = [
    "park-mx.above.com",
    "sedoparking.com",
    "parkingcrew.net",
    "bodis.com",
    "parklogic.com",
    "mx.fakemx.net",
    "domainparking.ru",
];

pub(super) fn judge(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    none(facts, mx, say);
    let Ok(records) = &mx.records else { return };
    null(facts, mx, records, say);
    dup(mx, records, say);
    mixed(facts, records, say);
    park(&facts.domain, records, say);
}

fn none(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    let domain = &facts.domain;
    let failure = match &mx.records {
        Ok(records) => return say.fine("mx.none", format!("{} MX records", records.len())),
        Err(failure) => failure,
    };
    match failure {
        Failure::NoData { .. } if mx.hosts.iter().any(|host| !host.ips.is_empty()) => {
            say.found(
                Finding::warning("mx.none", domain, format!("{domain} has no MX record; mail goes to {domain} itself"))
                    .seen("dns", "", format!("{domain} MX: no record; {domain} A/AAAA: {}", addresses(mx)))
                    .meaning("Without an MX, senders use the domain's own address, which is often a web server.")
                    .fix("Name the host that takes your mail in an MX record.")
                    .change("add", domain, "MX", "", "10 (the name of your mail host)"),
            );
        }
        Failure::NoData { .. } => {
            say.found(
                Finding::problem(
                    "mx.none",
                    domain,
                    format!("{domain} has neither an MX record nor an address: it cannot get mail"),
                )
                .impact(Impact::AtRisk, Impact::Broken)
                .seen("dns", "", format!("{domain} MX: no record; A and AAAA: no record"))
                .fix("Name the host that takes your mail in an MX record.")
                .change("add", domain, "MX", "", "10 (the name of your mail host)"),
            );
        }
        // The room of the name servers tells of it, once.
        Failure::NoSuchDomain { .. } => say.not_applicable("mx.none", "the domain does not exist"),
        other => say.untested("mx.none", format!("the MX records could not be asked for: {other}")),
    }
}

fn addresses(mx: &MxFacts) -> String {
    let ips: Vec<String> = mx.hosts.iter().flat_map(|host| &host.ips).map(IpAddr::to_string).collect();
    ips.join(", ")
}

fn null(facts: &Facts, mx: &MxFacts, records: &[(u16, String)], say: &mut Say) {
    let domain = &facts.domain;
    let nulls = records.iter().filter(|(_, host)| host == ".").count();
    if nulls == 0 {
        return say.fine("mx.null", "no null MX");
    }
    if mx.is_null() && records.len() == 1 {
        let parked = sends_nothing(facts);
        let title = format!("{domain} says that it takes no mail (null MX)");
        let finding =
            if parked { Finding::note("mx.null", domain, title) } else { Finding::problem("mx.null", domain, title) };
        let finding = if parked { finding.impact(Impact::None, Impact::None) } else { finding };
        return say.found(
            finding
                .seen("dns", "", format!("{domain} MX 0 ."))
                .meaning("Senders give such mail up at once: 556 5.1.10.")
                .fix("If the domain is to get mail, replace the null MX by the name of its mail host.")
                .change("replace", domain, "MX", "0 .", "10 (the name of your mail host)")
                .then(until(mx.ttl)),
        );
    }
    say.found(
        Finding::problem("mx.null", domain, format!("{domain} has a null MX beside other MX records"))
            .seen("dns", "", set(domain, records))
            .meaning("A null MX must stand alone; some senders then take the domain for one without mail.")
            .fix("Remove the null MX.")
            .change("remove", domain, "MX", "0 .", "")
            .then(until(mx.ttl)),
    );
}

/// Whether the domain says by SPF that no host sends for it.
fn sends_nothing(facts: &Facts) -> bool {
    let Some(zone) = &facts.zone else { return false };
    let records = zone.agreed(&facts.domain, domain::base::iana::Rtype::TXT).unwrap_or_default();
    records.iter().filter_map(|rr| rr.data.txt()).any(|text| text.trim().eq_ignore_ascii_case("v=spf1 -all"))
}

fn set(domain: &str, records: &[(u16, String)]) -> String {
    let lines: Vec<String> = records.iter().map(|(preference, host)| format!("{preference} {host}")).collect();
    format!("{domain} MX {}", lines.join(", "))
}

/// How long an old answer may still be used.
pub(super) fn until(ttl: u32) -> String {
    format!("old answers live for at most {}", crate::words::span(ttl))
}

fn dup(mx: &MxFacts, records: &[(u16, String)], say: &mut Say) {
    let mut found = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, host) in records {
        *names.entry(host).or_default() += 1;
    }
    for (host, count) in names.iter().filter(|(_, count)| **count > 1) {
        found.push(
            Finding::note("mx.dup", *host, format!("{host} is named by {count} MX records"))
                .seen(
                    "dns",
                    "",
                    records
                        .iter()
                        .filter(|(_, name)| name == host)
                        .map(|(p, h)| format!("{p} {h}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                )
                .fix("Keep the record with the lowest preference."),
        );
    }
    let mut by_ip: BTreeMap<IpAddr, BTreeSet<&str>> = BTreeMap::new();
    for host in &mx.hosts {
        for ip in &host.ips {
            by_ip.entry(*ip).or_default().insert(&host.name);
        }
    }
    for (ip, hosts) in by_ip.iter().filter(|(_, hosts)| hosts.len() > 1) {
        let hosts: Vec<&str> = hosts.iter().copied().collect();
        found.push(
            Finding::note("mx.dup", ip.to_string(), format!("{} are the same machine: {ip}", hosts.join(" and ")))
                .seen("dns", "", format!("{} A/AAAA {ip}", hosts.join(", ")))
                .fix("A second name for one machine is no backup: when it is down, both are."),
        );
    }
    say.found_or_fine("mx.dup", found, "no host twice");
}

fn mixed(facts: &Facts, records: &[(u16, String)], say: &mut Say) {
    // Hosts under one registered domain are one provider's: no need to know whose.
    let owners: BTreeSet<&str> = records.iter().map(|(_, host)| psl::domain_str(host).unwrap_or(host)).collect();
    if owners.len() < 2 {
        return say.fine("mx.mixed", "all hosts are under one domain");
    }
    let decoder = facts.decoder();
    let mut providers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (_, host) in records {
        if let Some(provider) = decoder.provider_of_host(host) {
            providers.entry(provider.name.to_string()).or_default().push(host);
        }
    }
    if providers.len() < 2 {
        return say.fine("mx.mixed", "one provider");
    }
    let names: Vec<&str> = providers.keys().map(String::as_str).collect();
    let lines: Vec<String> = providers.iter().map(|(name, hosts)| format!("{name}: {}", hosts.join(", "))).collect();
    say.found(
        Finding::warning(
            "mx.mixed",
            names.join(" and "),
            format!("mail goes to two providers: {}", names.join(" and ")),
        )
        .seen("dns", "", lines.join("; "))
        .meaning(
            "Each takes what it gets for its own mailboxes: part of the mail lands where nobody looks, or is refused.",
        )
        .fix("Keep the records of the provider that has your mailboxes, and remove the other's."),
    );
}

fn park(domain: &str, records: &[(u16, String)], say: &mut Say) {
    let parked = records.iter().find(|(_, host)| {
        PARKED.iter().any(|suffix| host == suffix || host.ends_with(&format!(".{suffix}"))) || host == "localhost"
    });
    match parked {
        None => say.fine("mx.park", "no parking host"),
        Some((preference, host)) => say.found(
            Finding::problem("mx.park", domain, format!("mail for {domain} goes to {host}, a host for parked domains"))
                .seen("dns", "", format!("{domain} MX {preference} {host}"))
                .fix("Name the host that has your mailboxes in the MX record.")
                .change("replace", domain, "MX", &format!("{preference} {host}"), "10 (the name of your mail host)"),
        ),
    }
}
