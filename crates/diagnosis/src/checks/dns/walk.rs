//! The way down from the root: whether it comes to the domain at all.

use crate::dns::{LostWay, Survey};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Say};
use domain::base::iana::Rtype;

const ID: &str = "dns.walk";

pub(super) fn judge(facts: &Facts, zone: &Survey, say: &mut Say) {
    let domain = &zone.domain;
    match &zone.lost {
        Some(LostWay::Above(why)) => return say.untested(ID, why.clone()),
        Some(LostWay::NoSuchDomain(above)) => return say.found(absent(facts, domain, above)),
        Some(LostWay::NoServer) => {
            let finding = Finding::problem(ID, domain, format!("no name server of {} has an address", zone.zone))
                .seen("dns", &zone.parent, delegation(zone))
                .meaning("Nobody can ask anything about the domain, so no mail goes to it or comes from it.")
                .act(Actor::You)
                .fix("At the registrar, name name servers that exist, with their addresses where they lie in the domain itself.");
            return say.found(finding);
        }
        Some(LostWay::Dead(_)) | None => {}
    }
    if zone.serving().next().is_none() {
        return dead(zone, say);
    }
    if let Some(finding) = no_such_name(zone) {
        return say.found(finding);
    }
    if zone.steps.is_empty() {
        return say.untested(ID, "the root does not answer from here; the resolver named the servers");
    }
    let ms = zone.steps.iter().map(|step| step.took.as_secs_f64() * 1000.0).sum::<f64>();
    let way: Vec<&str> = zone.steps.iter().map(|step| step.zone.as_str()).collect();
    say.fine(ID, format!("{} in {ms:.0} ms", way.join(" > ")));
}

fn absent(facts: &Facts, domain: &str, above: &str) -> Finding {
    let zone = if above == "." { "the root" } else { above };
    let mut finding = Finding::problem(ID, domain, format!("{domain} does not exist: {zone} has no such name"))
        .seen("dns", zone, format!("{domain}: NXDOMAIN, or no delegation"))
        .meaning("Nobody finds the domain: mail to it bounces, and mail from it is refused as forged.")
        .act(Actor::You)
        .fix("Look at the spelling. When it is right, look at the registrar whether the registration was paid and has name servers.");
    for cause in ["reg.hold", "reg.expiry", "reg.rdap", "reg.syntax"] {
        finding = finding.because_of(cause, &facts.domain);
    }
    finding
}

fn dead(zone: &Survey, say: &mut Say) {
    let ways: Vec<super::servers::Standing> =
        zone.servers.iter().map(|server| super::servers::standing(zone, server)).collect();
    if !ways.is_empty() && ways.iter().all(super::servers::Standing::is_unknown) {
        return say.untested(ID, "there is no way from here to any of the zone's name servers");
    }
    let names = super::server_names(zone);
    let mut finding = Finding::problem(
        ID,
        &zone.domain,
        match names.as_slice() {
            [one] => format!("the only name server of {}, {one}, does not serve it", zone.zone),
            names => format!("none of the {} name servers of {} serves it", names.len(), zone.zone),
        },
    )
    .meaning(
        "Nobody can ask anything about the domain, so mail to it waits and then bounces, and mail from it is refused.",
    )
    .because_of("reg.hold", &zone.domain);
    for (server, standing) in zone.servers.iter().zip(&ways) {
        finding = finding.seen("dns", super::seat(server), format!("{} SOA: {standing}", zone.zone));
    }
    let host = names.first().map_or_else(String::new, |name| super::whose(name));
    say.found(finding.fix(format!(
        "Ask {host} whether the zone {} is still set up there. If it has moved, enter the new name servers at the registrar.",
        zone.zone
    )));
}

/// A domain that lies in a zone of another name, and that none of its servers knows.
fn no_such_name(zone: &Survey) -> Option<Finding> {
    let domain = &zone.domain;
    let mut answers = zone.serving().filter_map(|server| server.answer(domain, Rtype::MX)).peekable();
    if *domain == zone.zone || answers.peek().is_none() || !answers.all(|packet| packet.rcode == 3) {
        return None;
    }
    Some(
        Finding::problem(ID, domain, format!("{domain} does not exist: the zone {} has no such name", zone.zone))
            .seen("dns", &zone.zone, format!("{domain} MX: NXDOMAIN"))
            .meaning("Mail to it bounces, and mail from it is refused as forged.")
            .act(Actor::You)
            .fix(format!("Look at the spelling, or add the name to the zone {}.", zone.zone)),
    )
}

fn delegation(zone: &Survey) -> String {
    let names: Vec<&str> = zone.delegation.iter().map(|server| server.name.as_str()).collect();
    format!("{} NS {}", zone.zone, names.join(", "))
}
