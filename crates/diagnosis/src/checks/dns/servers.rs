//! Each name server: whether it serves the zone, on every address, by UDP and TCP.

use super::{seat, server_names, unique, whose};
use crate::address::{Class, class_of};
use crate::dns::survey::serves;
use crate::dns::{NsFacts, Packet, Survey};
use crate::finding::{Actor, Finding, Impact, Say, Severity};
use crate::net::Silence;
use domain::base::iana::Rtype;
use std::collections::BTreeSet;
use std::fmt;

/// What a server does with questions about the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It answers as it should.
    Serves,
    /// It answers, and does not have the zone.
    Lame(String),
    /// It cuts its answers off, and gives none by TCP.
    Cut(String),
    /// It does not answer.
    Silent(String),
    /// It cannot be known from here.
    Unknown(String),
}

impl Standing {
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serves => f.write_str("answered"),
            Self::Lame(how) | Self::Cut(how) | Self::Silent(how) | Self::Unknown(how) => f.write_str(how),
        }
    }
}

/// What one server does.
pub(super) fn standing(zone: &Survey, server: &NsFacts) -> Standing {
    if server.serves() {
        return Standing::Serves;
    }
    let heard = [Some(&server.udp), server.plain.as_ref(), Some(&server.tcp)];
    let mut silences = Vec::new();
    for heard in heard.into_iter().flatten() {
        match heard {
            Ok(packet) if packet.truncated && packet.rcode == 0 => {
                return Standing::Cut(format!(
                    "its answer is cut off, and by TCP there is none: {}",
                    told(&server.tcp)
                ));
            }
            Ok(packet) => return Standing::Lame(lameness(packet, &zone.zone)),
            Err(silence @ Silence::Garbage(_)) => return Standing::Lame(silence.to_string()),
            Err(silence) => silences.push(silence),
        }
    }
    let told = silences.first().map_or_else(|| "no answer".to_owned(), ToString::to_string);
    let no_way = silences.iter().all(|silence| matches!(silence, Silence::Unreachable | Silence::Local(_)));
    if no_way || unproven(zone, server) {
        return Standing::Unknown(told);
    }
    Standing::Silent(told)
}

/// An IPv6 server that says nothing, when nothing at all answered by IPv6: it may be us.
fn unproven(zone: &Survey, server: &NsFacts) -> bool {
    server.ip.is_ipv6()
        && class_of(server.ip) == Class::Global
        && !zone.steps.iter().any(|step| step.server.is_ipv6())
        && !zone.servers.iter().any(|other| other.ip.is_ipv6() && (other.udp.is_ok() || other.tcp.is_ok()))
}

fn lameness(packet: &Packet, zone: &str) -> String {
    if packet.rcode != 0 {
        return format!("it answers {}{}", packet.rcode_name(), crate::dns::names::told(&packet.extended));
    }
    match packet.authority.iter().find(|rr| rr.kind == Rtype::NS) {
        Some(ns) if !packet.authoritative && ns.name != zone => {
            let up = if ns.name == "." { "the root" } else { &ns.name };
            format!("it sends askers back up to {up}")
        }
        Some(_) if !packet.authoritative && packet.answers.is_empty() => {
            "it names the zone's name servers instead of answering".into()
        }
        _ if !packet.authoritative => "it does not claim authority (no AA flag)".into(),
        _ => "it has no SOA record of the zone".into(),
    }
}

/// One server by name, and what it does on each of its addresses.
struct Named<'a> {
    name: String,
    seats: Vec<(&'a NsFacts, Standing)>,
}

fn by_name(zone: &Survey) -> Vec<Named<'_>> {
    // An address that only old glue has is the delegation's fault, and told there.
    let of = |name: String| {
        let seats = zone.servers.iter().filter(|server| server.name == name && !server.stray);
        let seats = seats.map(|server| (server, standing(zone, server))).collect();
        Named { name, seats }
    };
    server_names(zone).into_iter().map(of).filter(|named| !named.seats.is_empty()).collect()
}

pub(super) fn judge(zone: &Survey, say: &mut Say) {
    let named = by_name(zone);
    if named.is_empty() && zone.homeless.is_empty() {
        return;
    }
    let serving = named.iter().filter(|named| named.seats.iter().any(|(_, how)| *how == Standing::Serves)).count();
    lame(zone, &named, serving, say);
    unreached(zone, &named, serving, say);
    tcp(zone, say);
    if serving > 0 {
        six(zone, say);
        diversity(zone, &named, say);
    }
}

fn lame(zone: &Survey, named: &[Named<'_>], serving: usize, say: &mut Say) {
    let mut found = Vec::new();
    for server in named {
        let Some(how) = server.seats.iter().find_map(|(_, how)| match how {
            Standing::Lame(how) => Some(how),
            _ => None,
        }) else {
            continue;
        };
        let title = format!("{} is named for {} and does not serve it: {how}", server.name, zone.zone);
        let bad = server.seats.iter().filter(|(_, how)| matches!(how, Standing::Lame(_)));
        found.push(bad.fold(fault("dns.lame", zone, server, serving, title), |finding, (seat, _)| {
            finding.seen("dns", super::seat(seat), both_ways(seat, &zone.zone))
        }));
    }
    say.found_or_fine("dns.lame", found, format!("{serving} name servers serve the zone"));
}

/// What is the same for every server that fails.
fn fault(id: &'static str, zone: &Survey, server: &Named<'_>, serving: usize, title: String) -> Finding {
    let some = server.seats.iter().any(|(seat, _)| seat.in_child);
    let known = zone.servers.iter().any(|server| server.in_child);
    let name = &server.name;
    let finding = Finding::problem(id, name, title).because_of("dns.walk", &zone.domain);
    let finding = if serving == 0 {
        finding.impact(Impact::Broken, Impact::Broken)
    } else {
        finding.meaning(format!(
            "Whoever asks it loses time or gives up; {serving} of {} name servers serve the zone.",
            server_names(zone).len()
        ))
    };
    if known && !some && serving > 0 {
        return finding
            .act(Actor::You)
            .fix(format!("Remove {name} from the name servers at the registrar: the zone itself does not name it."))
            .change("remove", &zone.zone, "NS", name, "");
    }
    let host = whose(name);
    let (wanted, claim) = if id == "dns.lame" {
        (format!("to set the zone {} up on {name} again", zone.zone), "does not serve it")
    } else {
        (format!("to bring {name} up again"), "does not answer")
    };
    finding
        .fix(format!("Ask {host} {wanted}; or remove it, from the zone and at the registrar."))
        .letter(format!(
            "The name server {name} is named for the zone {}, and it {claim}. Please mend that, or tell us which servers have the zone.",
            zone.zone
        ))
}

fn both_ways(server: &NsFacts, zone: &str) -> String {
    let told = |heard: &Result<Packet, Silence>| match heard {
        Ok(packet) if packet.rcode == 0 && !packet.authoritative => "NOERROR without authority".to_owned(),
        Ok(packet) => packet.rcode_name(),
        Err(silence) => silence.to_string(),
    };
    format!("{zone} SOA: {} (UDP), {} (TCP)", told(&server.udp), told(&server.tcp))
}

fn unreached(zone: &Survey, named: &[Named<'_>], serving: usize, say: &mut Say) {
    const ID: &str = "dns.unreach";
    let mut found = Vec::new();
    for server in named {
        let silent: Vec<&NsFacts> =
            server.seats.iter().filter(|(_, how)| matches!(how, Standing::Silent(_))).map(|(seat, _)| *seat).collect();
        if let Some(finding) = whole(zone, server, &silent, serving) {
            found.push(finding);
        } else if let Some(finding) = one_way(zone, server) {
            found.push(finding);
        }
    }
    for name in &zone.homeless {
        found.push(
            Finding::problem(ID, name, format!("the name server {name} of {} has no address", zone.zone))
                .seen("dns", "", format!("{name} A, AAAA: no record"))
                .because_of("dns.walk", &zone.domain)
                .act(Actor::You)
                .fix(format!("Give {name} an address, or remove it from the zone and at the registrar.")),
        );
    }
    let unknown = named.iter().flat_map(|server| &server.seats).filter(|(_, how)| how.is_unknown()).count();
    if found.is_empty() && unknown > 0 && serving == 0 {
        return say.untested(ID, "there is no way from here to the name servers");
    }
    if unknown > 0 {
        say.untested(ID, "the IPv6 addresses of the name servers: there is no IPv6 from here");
    }
    say.found_or_fine(ID, found, "every name server answers by UDP and TCP");
}

/// A server that is silent, on all its addresses or on some.
fn whole(zone: &Survey, server: &Named<'_>, silent: &[&NsFacts], serving: usize) -> Option<Finding> {
    let name = &server.name;
    let first = silent.first()?;
    let others = server.seats.iter().any(|(_, how)| *how == Standing::Serves);
    let title = if !others {
        format!("{name} does not answer: {}", standing(zone, first))
    } else if silent.iter().all(|seat| seat.ip.is_ipv6()) {
        format!("{name} does not answer at its IPv6 address {}", first.ip)
    } else {
        format!("{name} does not answer at its address {}", first.ip)
    };
    let mut finding = fault("dns.unreach", zone, server, serving, title);
    if others {
        finding.severity = Severity::Warning;
        finding.meaning = vec!["At its other address it answers, so resolvers only lose time.".into()];
        finding.fix.text = format!("Ask {} to answer there, or remove that address.", whose(name));
        finding.fix.dns.clear();
        finding.act = Actor::DnsHost;
    }
    Some(
        silent
            .iter()
            .fold(finding, |finding, seat| finding.seen("dns", super::seat(seat), both_ways(seat, &zone.zone))),
    )
}

/// A server that answers by UDP alone, or by TCP alone.
fn one_way(zone: &Survey, server: &Named<'_>) -> Option<Finding> {
    let name = &server.name;
    let mute =
        |heard: &Result<Packet, Silence>| matches!(heard, Err(Silence::TimedOut | Silence::Refused | Silence::Closed));
    let udp = |seat: &&NsFacts| {
        mute(&seat.udp) && seat.plain.as_ref().is_none_or(|plain| plain.is_err()) && serves(&seat.tcp)
    };
    let tcp = |seat: &&NsFacts| {
        mute(&seat.tcp) && (serves(&seat.udp) || seat.plain.as_ref().is_some_and(serves)) && !cut_off(seat)
    };
    let seats = || server.seats.iter().map(|(seat, _)| *seat);
    let finding = if let Some(seat) = seats().find(udp) {
        Finding::problem("dns.unreach", name, format!("{name} does not answer by UDP, which all resolvers use first"))
            .seen("dns", super::seat(seat), both_ways(seat, &zone.zone))
            .meaning("Most resolvers take it for dead. A firewall in front of it often is the reason.")
    } else if let Some(seat) = seats().find(tcp) {
        Finding::warning("dns.unreach", name, format!("{name} does not answer by TCP"))
            .seen("dns", super::seat(seat), both_ways(seat, &zone.zone))
            .meaning("Answers that do not fit a datagram cannot be had from it; today's answers do fit.")
            .impact(Impact::None, Impact::None)
            .rfc("RFC 7766 §5")
    } else {
        return None;
    };
    Some(finding.fix(format!("Ask {} to open port 53 on {name} for UDP and TCP.", whose(name))))
}

/// Answers that did not fit and could not be had by TCP.
fn cut_off(server: &NsFacts) -> bool {
    server.answers.values().flatten().any(|packet| packet.truncated)
}

fn tcp(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.tcp";
    let mut found = Vec::new();
    let cuts = |server: &NsFacts| matches!(standing(zone, server), Standing::Cut(_));
    for server in zone.servers.iter().filter(|server| !server.stray && (server.serves() || cuts(server))) {
        let cut: Vec<String> = server
            .answers
            .iter()
            .filter(|(_, heard)| heard.as_ref().is_ok_and(|packet| packet.truncated))
            .map(|((name, kind), _)| super::asked(name, *kind))
            .collect();
        let name = &server.name;
        if found.iter().any(|finding: &Finding| finding.subject == *name) {
            continue;
        }
        if !cut.is_empty() {
            found.push(
                Finding::problem(ID, name, format!("{name} cuts answers off and does not give them by TCP"))
                    .seen(
                        "dns",
                        seat(server),
                        format!("{}: truncated by UDP; TCP: {}", cut.join(", "), told(&server.tcp)),
                    )
                    .meaning("Resolvers cannot get these records from it; mail that needs them waits.")
                    .because_of("dns.walk", &zone.domain)
                    .fix(format!("Ask {} to open TCP port 53 on {name}, or make the records shorter.", whose(name))),
            );
        } else if let Err(Silence::Garbage(why)) = &server.tcp {
            found.push(
                Finding::warning(ID, name, format!("the answers of {name} by TCP are broken: {why}"))
                    .seen("dns", seat(server), both_ways(server, &zone.zone))
                    .fix(format!("Ask {} to mend the name server's TCP side.", whose(name))),
            );
        } else if let Some(finding) = edns(zone, server) {
            found.push(finding);
        }
    }
    say.found_or_fine(ID, found, "answers are whole, by UDP or TCP, and EDNS works");
}

fn told(heard: &Result<Packet, Silence>) -> String {
    match heard {
        Ok(packet) => packet.rcode_name(),
        Err(silence) => silence.to_string(),
    }
}

fn edns(zone: &Survey, server: &NsFacts) -> Option<Finding> {
    let name = &server.name;
    if serves(&server.udp) || !server.plain.as_ref().is_some_and(serves) {
        return None;
    }
    let seen = format!("{} SOA with EDNS: {}; without: answered", zone.zone, told(&server.udp));
    let finding = match &server.udp {
        Ok(_) => Finding::note("dns.tcp", name, format!("{name} does not know EDNS")),
        Err(_) => Finding::warning("dns.tcp", name, format!("{name} does not answer questions with EDNS"))
            .meaning("All resolvers ask with EDNS today; some take the server for dead."),
    };
    Some(
        finding
            .seen("dns", seat(server), seen)
            .rfc("RFC 6891 §7")
            .fix(format!("Ask {} for a newer name server, or a firewall that lets EDNS pass.", whose(name))),
    )
}

fn six(zone: &Survey, say: &mut Say) {
    let with: Vec<String> =
        unique(zone.servers.iter().filter(|server| server.ip.is_ipv6()).map(|server| server.name.clone()));
    let works = zone.servers.iter().any(|server| server.ip.is_ipv6() && server.serves());
    if with.is_empty() {
        return say.not_applicable("dns.v6", "no name server has an IPv6 address");
    }
    if zone.servers.iter().filter(|server| server.ip.is_ipv6()).all(|server| standing(zone, server).is_unknown()) {
        return say.untested("dns.v6", "there is no IPv6 from here");
    }
    if works {
        return say.fine("dns.v6", format!("{} name servers have IPv6, and it works", with.len()));
    }
    say.found(
        Finding::warning("dns.v6", &zone.zone, "no name server answers by IPv6, though some have an address for it")
            .seen("dns", "", with.join(", "))
            .because_of("dns.unreach", "*")
            .because_of("dns.lame", "*")
            .fix("Have the name servers answer by IPv6, or remove their AAAA records."),
    );
}

fn diversity(zone: &Survey, named: &[Named<'_>], say: &mut Say) {
    const ID: &str = "dns.diversity";
    let addresses: BTreeSet<_> = zone.servers.iter().map(|server| server.ip).collect();
    // An anycast address or a /24 may be many machines; only what is certainly one is told.
    let title = if named.len() == 1 && addresses.len() == 1 {
        format!("{} has a single name server", zone.zone)
    } else if addresses.len() == 1 && named.len() > 1 {
        format!("all name servers of {} are at one address", zone.zone)
    } else {
        return say.fine(ID, format!("{} name servers at {} addresses", named.len(), addresses.len()));
    };
    say.found(
        Finding::note(ID, &zone.zone, title)
            .seen("dns", "", zone.servers.iter().map(seat).collect::<Vec<_>>().join(", "))
            .meaning("When it is down, so is all mail of the domain.")
            .fix("Have a second name server, in another network."),
    );
}
