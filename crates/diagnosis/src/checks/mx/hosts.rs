//! The hosts of the set: names that are names, with addresses the world can reach.

use super::set::until;
use super::{MxFacts, MxHost};
use crate::address::{Class, class_of};
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use postrider_dns::Failure;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

pub(super) fn judge(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    if mx.hosts.is_empty() || mx.implicit {
        for id in ["mx.nohost", "mx.cname", "mx.ip", "mx.private"] {
            say.not_applicable(id, "there is no MX host");
        }
        return;
    }
    literal(facts, mx, say);
    nohost(facts, mx, say);
    alias(facts, mx, say);
    private(facts, mx, say);
}

/// Whether another host takes mail, as far as names tell.
fn saved(mx: &MxFacts, fails: impl Fn(&MxHost) -> bool) -> bool {
    mx.hosts.iter().any(|host| !fails(host) && !host.ips.is_empty())
}

/// The impact of hosts that fail: all of the set, or a part of it.
fn impact(saved: bool) -> Impact {
    if saved { Impact::AtRisk } else { Impact::Broken }
}

fn line(domain: &str, host: &MxHost) -> String {
    format!("{domain} MX {} {}", host.preference, host.name)
}

/// An address where a name should be, also with the zone's name behind it for want of a dot.
fn address_in(name: &str, domain: &str) -> Option<Ipv4Addr> {
    name.parse().ok().or_else(|| name.strip_suffix(domain)?.strip_suffix('.')?.parse().ok())
}

fn literal(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    let domain = &facts.domain;
    let is_literal = |host: &MxHost| address_in(&host.name, domain).is_some();
    let saved = saved(mx, is_literal);
    let mut found = Vec::new();
    for host in mx.hosts.iter().filter(|host| is_literal(host)) {
        let Some(ip) = address_in(&host.name, domain) else { continue };
        found.push(
            Finding::problem(
                "mx.ip",
                &host.name,
                format!("the MX record names an address, {ip}, where a host name must stand"),
            )
            .impact(Impact::None, impact(saved))
            .seen("dns", "", line(domain, host))
            .meaning("Senders look the name up, find nothing, and mail bounces or waits.")
            .fix("Give the address a name, and name that in the MX record.")
            .change("add", &format!("mail.{domain}"), "A", "", &ip.to_string())
            .change(
                "replace",
                domain,
                "MX",
                &format!("{} {}", host.preference, host.name),
                &format!("{} mail.{domain}", host.preference),
            )
            .then(until(mx.ttl)),
        );
    }
    say.found_or_fine("mx.ip", found, "all MX records name hosts");
}

/// Whether a host may be called so (RFC 1123 §2.1); underscores are wrong, and work.
fn is_host_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn nohost(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    let domain = &facts.domain;
    let fails = |host: &MxHost| host.ips.is_empty();
    let saved = saved(mx, fails);
    let mut found = Vec::new();
    for host in mx.hosts.iter().filter(|host| fails(host)) {
        let name = &host.name;
        let claim = match &host.failure {
            Some(Failure::NoSuchDomain { .. }) => format!("the MX host {name} does not exist"),
            Some(Failure::NoData { .. }) | None => format!("the MX host {name} has no address"),
            Some(Failure::Malformed(_)) if !is_host_name(name) => {
                format!("the MX record of {domain} names {name}, and no host can be called so")
            }
            Some(trouble) => {
                say.untested("mx.nohost", format!("{name} could not be looked up: {trouble}"));
                continue;
            }
        };
        let mut finding = Finding::problem("mx.nohost", name, claim)
            .impact(Impact::None, impact(saved))
            .seen(
                "dns",
                "",
                format!(
                    "{}; {name} A, AAAA: {}",
                    line(domain, host),
                    host.failure.as_ref().map_or_else(|| "no record".into(), ToString::to_string)
                ),
            )
            .meaning(if saved {
                "Senders lose time there and go on to the next host; some give up."
            } else {
                "No other host takes the mail: all of it bounces or waits."
            })
            .fix(format!("Give {name} an address, or remove it from the MX records."))
            .change("remove", domain, "MX", &format!("{} {name}", host.preference), "")
            .then(until(mx.ttl));
        if address_in(name, domain).is_some() {
            finding = finding.because_of("mx.ip", name);
        }
        if host.alias.is_some() {
            finding = finding.because_of("mx.cname", name);
        }
        found.push(finding);
    }
    if say.state_of("mx.nohost").is_none() || !found.is_empty() {
        say.found_or_fine("mx.nohost", found, "all MX hosts have an address");
    }
}

fn alias(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    let domain = &facts.domain;
    let mut found = Vec::new();
    for host in &mx.hosts {
        let Some(target) = &host.alias else { continue };
        found.push(
            Finding::problem("mx.cname", &host.name, format!("the MX host {} is an alias of {target}", host.name))
                .impact(Impact::None, if host.ips.is_empty() { Impact::Broken } else { Impact::AtRisk })
                .seen("dns", "", format!("{}; {} CNAME {target}", line(domain, host), host.name))
                .meaning(
                    "An MX must name a host that has addresses of its own. Some senders refuse to deliver to an alias.",
                )
                .fix(format!("Name {target} itself in the MX record."))
                .change(
                    "replace",
                    domain,
                    "MX",
                    &format!("{} {}", host.preference, host.name),
                    &format!("{} {target}", host.preference),
                )
                .then(until(mx.ttl)),
        );
    }
    say.found_or_fine("mx.cname", found, "no MX host is an alias");
}

fn private(facts: &Facts, mx: &MxFacts, say: &mut Say) {
    // Whoever can ask name servers at such addresses reaches mail hosts there as well: a site of
    // its own, or a laboratory. Anything else is out of the world's reach.
    let at_home: BTreeSet<Class> =
        facts.zone.iter().flat_map(|zone| zone.serving()).map(|server| class_of(server.ip)).collect();
    let hidden = |ip: std::net::IpAddr| class_of(ip) != Class::Global && !at_home.contains(&class_of(ip));
    let saved = mx.hosts.iter().any(|host| host.ips.iter().any(|ip| !hidden(*ip)));
    if at_home.is_empty() && mx.hosts.iter().flat_map(|host| &host.ips).any(|ip| hidden(*ip)) {
        return say
            .untested("mx.private", "where the name servers are is not known, so neither is what is out of reach");
    }
    let mut found = Vec::new();
    for host in &mx.hosts {
        for ip in host.ips.iter().copied().filter(|ip| hidden(*ip)) {
            found.push(
                Finding::problem(
                    "mx.private",
                    format!("{} {ip}", host.name),
                    format!("the MX host {} is at {ip}, {}", host.name, class_of(ip).words()),
                )
                .impact(Impact::None, impact(saved))
                .seen("dns", "", format!("{}; {} A/AAAA {ip}", line(&facts.domain, host), host.name))
                .meaning("Nobody outside your own network can reach that address.")
                .fix(format!("Give {} its public address in the public DNS.", host.name))
                .change(
                    "replace",
                    &host.name,
                    if ip.is_ipv4() { "A" } else { "AAAA" },
                    &ip.to_string(),
                    "(the public address)",
                )
                .then(until(mx.ttl)),
            );
        }
    }
    say.found_or_fine("mx.private", found, "all MX hosts are at public addresses");
}
