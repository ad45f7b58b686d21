//! The delegation: whether the zone above and the zone itself say the same.

use super::{row, unique};
use crate::dns::{NsFacts, Server, Survey};
use crate::finding::{Actor, Finding, Impact, Say};
use std::collections::BTreeSet;

const ID: &str = "dns.parentchild";

pub(super) fn judge(zone: &Survey, say: &mut Say) {
    if zone.delegation.is_empty() {
        return say.not_applicable(ID, "one server has the zone and the zone above");
    }
    if zone.own_servers.is_empty() {
        return say.untested(ID, "the zone's own list of name servers could not be had");
    }
    let found: Vec<Finding> = [glue(zone), sets(zone)].into_iter().flatten().collect();
    say.found_or_fine(ID, found, "the zone above and the zone name the same servers");
}

/// Addresses in the zone above that are not those of the zone.
fn glue(zone: &Survey) -> Option<Finding> {
    let stray: Vec<&NsFacts> = zone.servers.iter().filter(|server| server.stray).collect();
    let dead = stray.iter().any(|server| !server.serves());
    let first = stray.first()?;
    let own = zone.own_servers.iter().find(|server| server.name == first.name);
    let own = own.map_or_else(String::new, addresses);
    let title = format!("the zone above has an old address for {}: {} instead of {own}", first.name, first.ip);
    let finding = if dead { Finding::problem(ID, &zone.zone, title) } else { Finding::warning(ID, &zone.zone, title) };
    let finding = if dead { finding } else { finding.impact(Impact::None, Impact::None) };
    let finding = finding
        .meaning(if dead {
            "Resolvers begin at that address and get no answer there."
        } else {
            "The old address still answers, so nothing breaks yet."
        })
        .act(Actor::You)
        .fix(format!("At the registrar, change the address of the name server {} to {own}.", first.name))
        .change("replace", &first.name, if first.ip.is_ipv6() { "AAAA" } else { "A" }, &first.ip.to_string(), &own)
        .then("up to two days, as long as resolvers keep the delegation");
    Some(stray.iter().fold(finding, |finding, server| {
        let does = if server.serves() { "answers" } else { "does not serve the zone" };
        finding.seen("dns", &zone.parent, format!("{} A/AAAA {}: {does}", server.name, server.ip))
    }))
}

fn addresses(server: &Server) -> String {
    server.ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn names(servers: &[Server]) -> BTreeSet<String> {
    servers.iter().map(|server| server.name.clone()).collect()
}

fn sets(zone: &Survey) -> Option<Finding> {
    let (parent, child) = (names(&zone.delegation), names(&zone.own_servers));
    if parent == child {
        return None;
    }
    let above_only = unique(parent.difference(&child).cloned());
    let below_only = unique(child.difference(&parent).cloned());
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let title = match (above_only.as_slice(), below_only.as_slice()) {
        (above, []) => format!("the zone above names {}, and the zone itself does not", row(above)),
        ([], below) => format!("the zone names {}, and the zone above does not", row(below)),
        _ => format!("the zone above and {} name different name servers", zone.zone),
    };
    let disjoint = parent.is_disjoint(&child);
    let mut finding = Finding::warning(ID, &zone.zone, title)
        .seen("dns", &zone.parent, format!("{} NS {}", zone.zone, list(&parent)))
        .seen("dns", &zone.zone, format!("{} NS {}", zone.zone, list(&child)))
        .act(Actor::You)
        .fix("Enter the same name servers at the registrar as in the zone.");
    for name in &above_only {
        finding = finding.change("remove", &zone.zone, "NS", name, "");
    }
    for name in &below_only {
        finding = finding.change("add", &zone.zone, "NS", "", name);
    }
    // A server that fails is the cause when it is the odd one.
    for name in above_only.iter().chain(&below_only) {
        finding = finding.because_of("dns.lame", name).because_of("dns.unreach", name);
    }
    let odd = |server: &&NsFacts| above_only.contains(&server.name) || below_only.contains(&server.name);
    let odd_ones_serve = zone.servers.iter().filter(odd).all(NsFacts::serves);
    if odd_ones_serve && !disjoint {
        finding = finding
            .impact(Impact::None, Impact::None)
            .meaning("All of them serve the zone, so nothing breaks; a change made in one place may be missed.");
    } else if disjoint {
        finding = finding.meaning("Resolvers go by either list, so changes at one provider reach only some of them.");
    }
    Some(finding)
}
