//! The DNS service of the domain: whether its servers serve it, all alike, and provably.
//!
//! A server that is dead or lame is one finding; what comes of it is left out, or hangs below
//! it. Judged is what [`Survey`] saw of the servers, [`Views`] of resolvers, and
//! [`SecurityFacts`] of signatures.

mod caches;
mod copies;
mod deaf;
mod delegation;
pub mod look;
mod security;
mod servers;
#[cfg(test)]
mod tests;
mod values;
mod walk;

pub use caches::{View, Views, gather as gather_views};
pub use security::{SecurityFacts, ServerSeal, gather as gather_security};

use crate::dns::{NsFacts, Rr, Survey};
use crate::facts::Facts;
use crate::finding::Say;
use crate::registry::company;
use crate::report::{Change, moment};
use domain::base::iana::Rtype;

/// The checks that need a living zone.
const OF_A_ZONE: [&str; 14] = [
    "dns.lame",
    "dns.unreach",
    "dns.serial",
    "dns.rrsame",
    "dns.ttl",
    "dns.soa",
    "dns.parentchild",
    "dns.diversity",
    "dns.tcp",
    "dns.rcode",
    "dns.wild",
    "dns.cname",
    "dns.v6",
    "dns.alg",
];

pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    let Some(zone) = &facts.zone else {
        for id in OF_A_ZONE.into_iter().chain(["dns.walk", "dns.sec", "dns.sig", "dns.propag", "dns.split"]) {
            say.untested(id, "the name servers were not looked at");
        }
        return;
    };
    walk::judge(facts, zone, say);
    servers::judge(zone, say);
    deaf::judge(zone, say);
    security::judge(facts, zone, say);
    if zone.serving().next().is_none() {
        for id in OF_A_ZONE.into_iter().chain(["dns.propag", "dns.split"]) {
            if say.state_of(id).is_none() {
                say.untested(id, "no name server of the zone gives an answer");
            }
        }
        return;
    }
    delegation::judge(zone, say);
    copies::judge(facts, zone, say);
    values::judge(facts, zone, say);
    caches::judge(facts, zone, say);
}

/// Dates that the zone carries in itself: its serial, where that is one, and its signatures.
pub(crate) fn timeline(facts: &Facts) -> Vec<Change> {
    let Some(zone) = &facts.zone else { return Vec::new() };
    let mut changes = Vec::new();
    if let Some((serial, at)) = zone.newest().and_then(|serial| Some((serial, date_of(serial, facts.now.0)?))) {
        changes.push(Change { at, what: format!("the zone was edited, by its serial {serial}"), source: "serial" });
    }
    let seals = facts.dnssec.iter().flat_map(|seen| &seen.seals);
    let signed = seals.filter_map(|seal| seal.seal.as_ref().ok()?.as_ref()).map(|sealed| sealed.from).max();
    if let Some(from) = signed {
        let what = format!("{} was signed as it is", zone.zone);
        changes.push(Change { at: moment(from.saturating_mul(1000)), what, source: "signature" });
    }
    changes
}

/// The date in a serial: seconds since 1970, or year, month, day and a count (RFC 1912 §2.2).
fn date_of(serial: u32, now: i64) -> Option<String> {
    let (now, serial) = (now / 1000, i64::from(serial));
    let years = 20 * 365 * 86_400;
    if (now - years..=now + 86_400).contains(&serial) {
        return Some(moment(serial * 1000));
    }
    let (day, month, year) = (serial / 100 % 100, serial / 10_000 % 100, serial / 1_000_000);
    let is_date = (1..=31).contains(&day) && (1..=12).contains(&month) && (1990..2100).contains(&year);
    is_date.then(|| format!("{year:04}-{month:02}-{day:02}T00:00:00Z"))
}

/// A server as it is told: name and address.
fn seat(server: &NsFacts) -> String {
    format!("{} {}", server.name, server.ip)
}

/// Who runs a name server, for a sentence: the company where it is known.
fn whose(server: &str) -> String {
    company::of_nameserver(server).map_or_else(|| format!("whoever runs {server}"), str::to_owned)
}

/// Records as they stand in the zone, a word each, in order.
fn shown(records: &[Rr]) -> String {
    let mut values: Vec<String> = records.iter().map(|rr| rr.data.to_string()).collect();
    values.sort();
    if values.is_empty() { "no record".into() } else { values.join(", ") }
}

/// A question as people write it.
fn asked(name: &str, kind: Rtype) -> String {
    format!("{name} {kind}")
}

/// Names in a row: `a`, `a and b`, `a, b and c`.
fn row(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// One of each, in the order they come.
fn unique(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// How many name servers there are, by name.
fn server_names(zone: &Survey) -> Vec<String> {
    unique(zone.servers.iter().map(|server| server.name.clone()))
}
