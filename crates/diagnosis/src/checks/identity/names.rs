//! The names of addresses: there, confirmed, and not those of a dial-up line.
//!
//! Receivers ask this of addresses that *send*. A host that only takes mail needs no name; of
//! such a one the absence is a note. An address sends when the user named it, or when the
//! domain's SPF names the MX hosts, or it, as senders.

use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::finding::{Finding, Say, Severity};
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_dns::{Failure, reverse_name};
use std::net::IpAddr;

/// Names of one address that are looked at.
const NAMES_MAX: usize = 8;

/// One address and its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFacts {
    /// The address.
    pub ip: IpAddr,
    /// Whether the user said that mail is sent from it.
    pub sends: bool,
    /// Its names, each with the addresses they lead to; or why there are none.
    pub names: Result<Vec<(String, Vec<IpAddr>)>, Failure>,
}

pub(super) async fn gather(ctx: &Ctx, ip: IpAddr, sends: bool) -> NameFacts {
    let found = ctx.find(&reverse_name(ip), Rtype::PTR).await;
    let names = match &found.records {
        Err(failure) => Err(failure.clone()),
        Ok(records) => {
            let names = records.iter().take(NAMES_MAX).map(|rr| rr.data.to_string());
            Ok(join_all(names.map(|name| async {
                let (four, six) = tokio::join!(ctx.find(&name, Rtype::A), ctx.find(&name, Rtype::AAAA));
                let ips = four.all().iter().chain(six.all()).filter_map(|rr| rr.data.address()).collect();
                (name, ips)
            }))
            .await)
        }
    };
    NameFacts { ip, sends, names }
}

/// Whether the domain's SPF record says that this address sends: by `mx`, or by naming it.
fn is_sender(facts: &Facts, name: &NameFacts) -> bool {
    if name.sends || facts.domain.is_empty() {
        return true;
    }
    let Some(zone) = &facts.zone else { return false };
    let records = zone.agreed(&facts.domain, Rtype::TXT).unwrap_or_default();
    let spf =
        records.iter().filter_map(|rr| rr.data.txt()).find(|text| text.to_ascii_lowercase().starts_with("v=spf1"));
    let ip = name.ip.to_string();
    spf.is_some_and(|text| {
        text.split_ascii_whitespace().map(|term| term.trim_start_matches('+').to_ascii_lowercase()).any(|term| {
            term == "mx"
                || term.split_once(':').is_some_and(|(kind, value)| matches!(kind, "ip4" | "ip6") && value == ip)
        })
    })
}

pub(super) fn judge(facts: &Facts, names: &[NameFacts], say: &mut Say) {
    if names.is_empty() {
        for id in ["ptr.exists", "ptr.fcrdns", "ptr.generic"] {
            say.not_applicable(id, "there is no address to look at");
        }
    }
    for name in names {
        let severity = if is_sender(facts, name) { Severity::Problem } else { Severity::Note };
        match &name.names {
            Ok(found) => {
                say.fine("ptr.exists", format!("{} is {}", name.ip, found.first().map_or("", |(name, _)| name)));
                confirmed(name.ip, found, severity, say);
                generic(name.ip, found, severity, say);
            }
            Err(failure) if failure.is_absence() => say.found(
                Finding::new("ptr.exists", name.ip.to_string(), severity, format!("{} has no name (no PTR record)", name.ip))
                    .seen("dns", "", format!("{} PTR: {failure}", reverse_name(name.ip)))
                    .meaning("Many receivers refuse or distrust mail from an address without a name.")
                    .fix("Ask whoever gave you the address (your hoster) to set its reverse name to the name your mail host calls itself.")
                    .change("add", &reverse_name(name.ip), "PTR", "", "(the name of the mail host)")
                    .letter(format!("Please set the reverse DNS (PTR) of {} to (the name of the mail host). The name already leads to this address.", name.ip)),
            ),
            Err(failure) => say.untested("ptr.exists", format!("{}: {failure}", reverse_name(name.ip))),
        }
    }
}

fn confirmed(ip: IpAddr, found: &[(String, Vec<IpAddr>)], severity: Severity, say: &mut Say) {
    if found.iter().any(|(_, ips)| ips.contains(&ip)) {
        return say.fine("ptr.fcrdns", format!("{ip} and its name agree"));
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let led: Vec<String> = found
        .iter()
        .map(|(name, ips)| {
            let ips: Vec<String> = ips.iter().map(IpAddr::to_string).collect();
            format!("{name} A/AAAA {}", if ips.is_empty() { "no record".to_owned() } else { ips.join(", ") })
        })
        .collect();
    let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
    say.found(
        Finding::new(
            "ptr.fcrdns",
            ip.to_string(),
            severity,
            format!("the name of {ip}, {}, does not lead back to it", names.join(", ")),
        )
        .seen("dns", "", format!("{} PTR {}; {}", reverse_name(ip), names.join(", "), led.join("; ")))
        .meaning("Anybody can claim any name for an address; receivers believe it only when the name agrees.")
        .fix(format!(
            "Give {} the address {ip}, or have the reverse name changed.",
            names.first().copied().unwrap_or_default()
        ))
        .change("add", names.first().copied().unwrap_or_default(), kind, "", &ip.to_string()),
    );
}

/// Words of names that providers give to lines, not to mail hosts.
const LINE_WORDS: [&str; 14] = [
    "dyn",
    "dynamic",
    "dhcp",
    "pool",
    "dsl",
    "adsl",
    "vdsl",
    "cable",
    "ppp",
    "pppoe",
    "dialup",
    "dial",
    "customer",
    "broadband",
];

/// Whether a name looks made from the address.
fn is_generic(name: &str, ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    let octets = ip.octets().map(|octet| octet.to_string());
    let host = name.split('.').collect::<Vec<_>>();
    // The last two labels are the provider's own name.
    let own = host[..host.len().saturating_sub(2)].join(".");
    let pieces: Vec<&str> = own.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty()).collect();
    let numbers = octets.iter().filter(|octet| pieces.contains(&octet.as_str())).count();
    let worded = pieces.iter().any(|piece| LINE_WORDS.contains(piece));
    numbers >= 4 || (numbers >= 2 && worded)
}

fn generic(ip: IpAddr, found: &[(String, Vec<IpAddr>)], severity: Severity, say: &mut Say) {
    match found.iter().find(|(name, _)| is_generic(name, ip)) {
        None => say.fine("ptr.generic", format!("the name of {ip} is one of its own")),
        Some((name, _)) => say.found(
            Finding::new(
                "ptr.generic",
                ip.to_string(),
                severity.min(Severity::Warning),
                format!("{ip} has a name made from its number: {name}"),
            )
            .seen("dns", "", format!("{} PTR {name}", reverse_name(ip)))
            .meaning("Such names belong to dial-up lines and rented machines; many receivers refuse mail from them.")
            .fix("Ask your hoster to set the reverse name to the name of your mail host."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_from_the_number() {
        let table = [
            ("192-0-2-7.dyn.provider.example", true),
            ("static.7.2.0.192.clients.hoster.example", true),
            ("pool-2-7.provider.example", true),
            ("mail.example.org", false),
            ("mx7.example.org", false),
            ("mx2.cable.example", false),
            ("server7.customer.hoster.example", false),
        ];
        for (name, want) in table {
            assert_eq!(is_generic(name, "192.0.2.7".parse().unwrap()), want, "{name}");
        }
    }

    fn told(names: Result<Vec<(String, Vec<IpAddr>)>, Failure>) -> Vec<String> {
        let mut say = Say::default();
        let ip = "127.53.3.8".parse().unwrap();
        judge(&Facts::default(), &[NameFacts { ip, sends: true, names }], &mut say);
        say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
    }

    #[test]
    fn what_is_said_of_names() {
        let ip: IpAddr = "127.53.3.8".parse().unwrap();
        let ttl = std::time::Duration::ZERO;
        let name = |name: &str, ips: Vec<IpAddr>| Ok(vec![(name.to_owned(), ips)]);
        assert!(told(name("mx.good.test", vec![ip])).is_empty());
        assert_eq!(told(name("mx.good.test", vec![])), ["ptr.fcrdns Problem"]);
        assert_eq!(told(name("127-53-3-8.dsl.good.test", vec![ip])), ["ptr.generic Warning"]);
        assert_eq!(told(Err(Failure::NoSuchDomain { ttl })), ["ptr.exists Problem"]);
        assert!(told(Err(Failure::Timeout("x".into()))).is_empty(), "silence is no reproach");
    }
}
