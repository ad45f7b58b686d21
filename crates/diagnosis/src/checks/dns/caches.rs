//! What resolvers say, against what the zone says: old data, other data, made-up data.

use super::{asked, shown};
use crate::ctx::Ctx;
use crate::dns::survey::{Heard, Question, RANDOM_LABEL};
use crate::dns::{Data, Packet, Rr, Survey};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Impact, Say};
use crate::net::Ask;
use crate::report::moment;
use crate::words::span;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Resolvers that are asked.
const RESOLVERS_MAX: usize = 8;

/// What one resolver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The resolver.
    pub resolver: SocketAddr,
    /// What it was asked, and says.
    pub answers: BTreeMap<Question, Heard>,
}

/// What all of them say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Views {
    /// Each.
    pub views: Vec<View>,
}

/// Asks every resolver that is known for the names of mail, and for one that nobody has.
pub async fn gather(ctx: &Ctx, domain: &str, hosts: &[String]) -> Views {
    let mut questions: Vec<Question> = vec![
        (domain.to_owned(), Rtype::MX),
        (domain.to_owned(), Rtype::TXT),
        (format!("_dmarc.{domain}"), Rtype::TXT),
        (format!("{RANDOM_LABEL}.{domain}"), Rtype::A),
    ];
    questions.extend(hosts.iter().take(4).map(|host| (host.clone(), Rtype::A)));
    let resolvers = &ctx.names.sources().resolvers;
    let views = resolvers.iter().take(RESOLVERS_MAX).map(|resolver| {
        let questions = &questions;
        async move {
            let asking = questions.iter().map(|(name, kind)| async move {
                let heard = ctx.names.packet(&Ask::recursive(*resolver, name, *kind)).await;
                ((name.clone(), *kind), heard)
            });
            View { resolver: *resolver, answers: join_all(asking).await.into_iter().collect() }
        }
    });
    Views { views: join_all(views).await }
}

/// One answer of a resolver that is not the zone's.
struct Other<'a> {
    resolver: SocketAddr,
    name: &'a str,
    kind: Rtype,
    here: Vec<Rr>,
    there: Vec<Rr>,
    packet: &'a Packet,
}

pub(super) fn judge(facts: &Facts, zone: &Survey, say: &mut Say) {
    let views = facts.views.as_ref().map(|views| views.views.as_slice()).unwrap_or_default();
    if views.is_empty() {
        for id in ["dns.propag", "dns.split"] {
            say.not_applicable(id, "no resolver is known to compare with");
        }
        return;
    }
    let answered: Vec<&View> = views.iter().filter(|view| view.answers.values().any(Result::is_ok)).collect();
    if answered.is_empty() {
        for id in ["dns.propag", "dns.split"] {
            say.untested(id, "no resolver answers");
        }
        return;
    }
    let mut split: Vec<Finding> = answered.iter().filter_map(|view| invented(zone, view)).collect();
    let others: Vec<Other<'_>> = answered.iter().flat_map(|view| others(zone, view)).collect();
    let (own, old): (Vec<Other<'_>>, Vec<Other<'_>>) = others.into_iter().partition(|other| is_own(other));
    split.extend(horizon(zone, &own));
    say.found_or_fine("dns.split", split, format!("{} resolver(s) say what the zone says", answered.len()));
    match lagging(facts, zone, &old, answered.len()) {
        Some(finding) => say.found(finding),
        None => say.fine("dns.propag", format!("{} resolver(s) have today's records", answered.len())),
    }
}

fn data(records: &[Rr]) -> BTreeSet<&Data> {
    records.iter().map(|rr| &rr.data).collect()
}

/// What cannot be read cannot be compared; a resolver rightly does not pass it on.
fn is_unread(rr: &Rr) -> bool {
    matches!(rr.data, Data::Odd(_))
}

fn others<'a>(zone: &'a Survey, view: &'a View) -> Vec<Other<'a>> {
    let differs = |((name, kind), heard): (&'a Question, &'a Heard)| {
        let packet = heard.as_ref().ok().filter(|packet| matches!(packet.rcode, 0 | 3) && !packet.truncated)?;
        let varies = zone.servers.iter().any(|server| server.varies.contains(&(name.clone(), *kind)));
        if name.contains(RANDOM_LABEL) || varies {
            return None;
        }
        let there = zone.agreed(name, *kind)?;
        let here: Vec<Rr> = packet.of(*kind).cloned().collect();
        if there.iter().chain(&here).any(is_unread) {
            return None;
        }
        // A name whose alias leads out of the zone ends elsewhere; the zone's servers do not follow.
        let alias = packet.of(Rtype::CNAME).next().is_some();
        (data(&here) != data(&there) && !alias).then_some(Other {
            resolver: view.resolver,
            name,
            kind: *kind,
            here,
            there,
            packet,
        })
    };
    view.answers.iter().filter_map(differs).collect()
}

/// Whether a resolver's answer is its own and no old copy: it claims authority, or has private
/// addresses where the zone has public ones.
fn is_own(other: &Other<'_>) -> bool {
    use crate::address::{Class, class_of};
    let inner = |records: &[Rr]| {
        records
            .iter()
            .filter_map(|rr| rr.data.address())
            .any(|ip| matches!(class_of(ip), Class::Private | Class::Shared))
    };
    other.packet.authoritative || inner(&other.here) && !inner(&other.there)
}

/// A resolver that makes up an address for a name that does not exist.
fn invented(zone: &Survey, view: &View) -> Option<Finding> {
    let question = (format!("{RANDOM_LABEL}.{}", zone.domain), Rtype::A);
    let packet = view.answers.get(&question)?.as_ref().ok()?;
    let real = zone.agreed(&question.0, Rtype::A)?;
    let made_up: Vec<Rr> = packet.of(Rtype::A).cloned().collect();
    if made_up.is_empty() || !real.is_empty() {
        return None;
    }
    let ip = view.resolver.ip();
    Some(
        Finding::warning(
            "dns.split",
            ip.to_string(),
            format!("the resolver {ip} invents addresses for names that do not exist"),
        )
        .seen("dns", ip.to_string(), format!("{}: {}", asked(&question.0, Rtype::A), shown(&made_up)))
        .seen("dns", &zone.zone, format!("{}: no such name", asked(&question.0, Rtype::A)))
        .meaning("Blocklists and missing records look to this machine as if they were there.")
        .act(Actor::Isp)
        .impact(Impact::None, Impact::None)
        .fix("Use another resolver, best one of your own."),
    )
}

fn horizon(zone: &Survey, own: &[Other<'_>]) -> Option<Finding> {
    let first = own.first()?;
    let finding = Finding::warning(
        "dns.split",
        &zone.domain,
        format!("the resolver {} has another {} than the world", first.resolver.ip(), asked(first.name, first.kind)),
    )
    .meaning("Who asks from inside sees another zone: what works here may not work outside, and the other way round.")
    .fix("When that is meant, keep both zones alike in what concerns mail.");
    Some(own.iter().take(6).fold(finding, |finding, other| both(finding, zone, other)))
}

fn both(finding: Finding, zone: &Survey, other: &Other<'_>) -> Finding {
    let left = other.here.iter().map(|rr| rr.ttl).min().or_else(|| other.packet.denial().map(|(_, ttl)| ttl));
    let left = left.map_or_else(String::new, |ttl| format!("  {} left", span(ttl)));
    finding
        .seen(
            "dns",
            other.resolver.ip().to_string(),
            format!("{}  {}{left}", asked(other.name, other.kind), shown(&other.here)),
        )
        .seen("dns", &zone.zone, format!("{}  {}", asked(other.name, other.kind), shown(&other.there)))
}

/// Resolvers that still have what the zone does not say any more.
fn lagging(facts: &Facts, zone: &Survey, old: &[Other<'_>], asked_of: usize) -> Option<Finding> {
    let first = old.first()?;
    let behind: BTreeSet<SocketAddr> = old.iter().map(|other| other.resolver).collect();
    let left = |other: &Other<'_>| {
        other.here.iter().map(|rr| rr.ttl).max().or_else(|| other.packet.denial().map(|(_, ttl)| ttl)).unwrap_or(0)
    };
    let longest = old.iter().map(left).max().unwrap_or(0);
    let until = moment(facts.now.0.saturating_add(i64::from(longest) * 1000));
    let mail = old.iter().any(|other| matches!(other.kind, Rtype::MX | Rtype::A));
    let finding = Finding::warning(
        "dns.propag",
        &zone.domain,
        format!("{} of {asked_of} resolvers still have old data: {}", behind.len(), asked(first.name, first.kind)),
    )
    .impact(if mail { Impact::None } else { Impact::AtRisk }, if mail { Impact::AtRisk } else { Impact::None })
    .meaning(format!("The last old answer there lives until {until}."))
    .act(Actor::Wait)
    .because_of("dns.rrsame", &zone.domain)
    .fix("Wait, and keep what the old records point to running until then.")
    .then(format!("old answers live until {until} ({} left)", span(longest)));
    Some(old.iter().take(6).fold(finding, |finding, other| both(finding, zone, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_read_is_compared() {
        let rr = |data| Rr { name: "a.test".into(), kind: Rtype::TXT, ttl: 60, data };
        assert!(is_unread(&rr(Data::Odd(Vec::new()))));
        assert!(!is_unread(&rr(Data::Txt(vec![b"v=spf1".to_vec()]))));
    }
}
