//! What is looked at, and in which order.

use super::inbox::CertificateSeen;
use super::ports::{PORTS, PortSeen, Protocol, Saw};
use super::{ClientFacts, Mode, NamedBy, Offer, Resolved, Service, Wish};
use super::{autoconfig, autodiscover, clock, login, mode, ports, settings, srv};
use crate::ctx::Ctx;
use crate::dns::Data;
use crate::dns::survey::RANDOM_LABEL;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Hosts whose ports are knocked at.
const HOSTS_MAX: usize = 5;
/// What people call such servers.
const USUAL_LABELS: [&str; 4] = ["imap", "mail", "smtp", "pop"];

/// What the domain publishes for mail programs; nothing of it is connected to but its autoconfig host.
pub async fn gather(ctx: &Ctx, domain: &str) -> ClientFacts {
    published(ctx, domain, None).await
}

async fn published(ctx: &Ctx, domain: &str, wish: Option<&Wish>) -> ClientFacts {
    let address = wish.map(Wish::address);
    let autoconfig_host = format!("autoconfig.{domain}");
    let random = format!("{RANDOM_LABEL}.{domain}");
    let config = async {
        let (there, wildcard) = tokio::join!(resolve(ctx, &autoconfig_host), resolve(ctx, &random));
        let wildcard = !wildcard.ips.is_empty();
        // A host that is there only because every name is has no file, as a rule; it is asked for a mailbox only.
        let host_is_there = !there.ips.is_empty() && (!wildcard || address.is_some());
        let seen = if host_is_there || address.is_some() {
            Some(autoconfig::gather(ctx, domain, address.as_deref(), host_is_there).await)
        } else {
            None
        };
        (seen, wildcard)
    };
    let (srv, (autoconfig, wildcard), autodiscover) =
        tokio::join!(srv::gather(ctx, domain), config, autodiscover::gather(ctx, domain, address.as_deref()));
    let mut facts = ClientFacts {
        domain: domain.to_owned(),
        srv,
        autoconfig,
        autodiscover: Some(autodiscover),
        wildcard,
        ..ClientFacts::default()
    };
    let local = wish.map(|wish| wish.local.as_str()).unwrap_or_default();
    facts.offers = srv::offers(&facts.srv);
    facts.offers.extend(facts.autoconfig.iter().flat_map(|seen| seen.offers(local, domain)));
    facts.offers.extend(facts.autodiscover.iter().flat_map(autodiscover::AutodiscoverSeen::offers));
    name_users(&mut facts.offers);
    let targets = facts.autodiscover.iter().flat_map(|seen| seen.srv.iter().map(|record| record.target.clone()));
    let mut hosts: BTreeSet<String> = facts.offers.iter().map(|offer| offer.host.clone()).collect();
    hosts.extend(targets.filter(|target| target != "."));
    know(ctx, &mut facts, hosts).await;
    if let Some((host, date)) = facts.autoconfig.as_ref().and_then(|seen| seen.date.clone()) {
        facts.clocks.extend(clock::told(&host, &date, ctx.now));
    }
    facts
}

/// Records say nothing of user names; what the autoconfig file says of a service holds for them, too.
fn name_users(offers: &mut [Offer]) {
    let told: Vec<(Service, Option<String>)> =
        offers.iter().filter(|offer| offer.user.is_some()).map(|offer| (offer.service, offer.user.clone())).collect();
    for offer in offers.iter_mut().filter(|offer| offer.user.is_none()) {
        offer.user = told.iter().find(|(service, _)| *service == offer.service).and_then(|(_, user)| user.clone());
    }
}

/// Looks names up that are not known yet.
async fn know(ctx: &Ctx, facts: &mut ClientFacts, hosts: impl IntoIterator<Item = String>) {
    let fresh: Vec<String> = hosts.into_iter().filter(|host| !facts.names.contains_key(host)).take(24).collect();
    let found = join_all(fresh.iter().map(|host| resolve(ctx, host))).await;
    facts.names.extend(fresh.into_iter().zip(found));
}

async fn resolve(ctx: &Ctx, host: &str) -> Resolved {
    if let Ok(ip) = host.parse() {
        return Resolved { ips: vec![ip], ..Resolved::default() };
    }
    let (ips, failure) = ctx.addresses(host).await;
    let alias = ctx.find(host, Rtype::A).await.aliases.last().map(|(_, target)| target.clone());
    let failure = failure.filter(|failure| !failure.is_absence()).map(|failure| failure.to_string());
    Resolved { ips, alias, failure }
}

/// Everything for one mailbox. `keep` is handed what is known so far, so that a run that is cut
/// short still has it.
pub async fn gather_for(ctx: &Ctx, wish: &Wish, keep: &(dyn Fn(&ClientFacts) + Send + Sync)) -> ClientFacts {
    let mut facts = published(ctx, &wish.domain, Some(wish)).await;
    facts.address = Some(wish.address());
    facts.user = wish.user.clone().unwrap_or_else(|| wish.address());
    facts.with_login = wish.password.is_some();
    facts.offers.splice(0..0, wish.named.iter().cloned());
    let mut hosts = named_hosts(&facts);
    know(ctx, &mut facts, hosts.clone()).await;
    if !(names(&facts, &[Service::Submission]) && names(&facts, &[Service::Imap, Service::Pop])) {
        hosts.extend(usual_hosts(ctx, &mut facts).await);
    }
    let seats = seats(&facts, &hosts);
    facts.ports = ports::gather(ctx, &seats).await;
    facts.offers.extend(settings::guessed(&facts));
    keep(&facts);
    talk(ctx, wish, &mut facts).await;
    facts.certificates = certificates(ctx, &facts);
    let said: Vec<(String, String)> = facts.ports.iter().filter_map(greeting).collect();
    facts.clocks.extend(said.iter().filter_map(|(host, line)| clock::told(host, line, ctx.now)));
    facts
}

fn greeting(seen: &PortSeen) -> Option<(String, String)> {
    match &seen.saw {
        Saw::Clear(Protocol::Smtp, line) | Saw::Tls { protocol: Protocol::Smtp, line, .. } => {
            Some((seen.host.clone(), line.clone()))
        }
        _ => None,
    }
}

fn names(facts: &ClientFacts, services: &[Service]) -> bool {
    let has_address = |offer: &&Offer| facts.names.get(&offer.host).is_some_and(|resolved| !resolved.ips.is_empty());
    facts.offers.iter().filter(has_address).any(|offer| services.contains(&offer.service))
}

/// In the order in which they are offered.
fn named_hosts(facts: &ClientFacts) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for offer in &facts.offers {
        if !hosts.contains(&offer.host) {
            hosts.push(offer.host.clone());
        }
    }
    hosts
}

/// Where nothing is published: the usual names, then the mail hosts, which at small sites are the same machine.
async fn usual_hosts(ctx: &Ctx, facts: &mut ClientFacts) -> Vec<String> {
    let mut hosts: Vec<String> = USUAL_LABELS.iter().map(|label| format!("{label}.{}", facts.domain)).collect();
    let found = ctx.find(&facts.domain, Rtype::MX).await;
    let mut exchanges: Vec<(u16, String)> = found
        .all()
        .iter()
        .filter_map(|rr| match &rr.data {
            Data::Mx { preference, exchange } if exchange != "." => Some((*preference, exchange.clone())),
            _ => None,
        })
        .collect();
    exchanges.sort();
    hosts.extend(exchanges.into_iter().take(1).map(|(_, exchange)| exchange));
    know(ctx, facts, hosts.clone()).await;
    hosts.retain(|host| facts.names.get(host).is_some_and(|resolved| !resolved.ips.is_empty()));
    hosts
}

/// One address for each host, each machine once.
fn seats(facts: &ClientFacts, hosts: &[String]) -> Vec<(String, SocketAddr)> {
    let mut seats: Vec<(String, SocketAddr)> = Vec::new();
    let mut machines = BTreeSet::new();
    for host in hosts {
        let Some(ips) = facts.names.get(host).map(|resolved| &resolved.ips) else { continue };
        let Some(ip) = ips.iter().find(|ip| ip.is_ipv4()).or_else(|| ips.first()) else { continue };
        let offered: Vec<u16> =
            facts.offers.iter().filter(|offer| offer.host == *host).map(|offer| offer.port).collect();
        let new_machine = machines.insert(*ip) && machines.len() <= HOSTS_MAX;
        // A second name of a machine is asked only at the ports that are offered under it.
        let usual = PORTS.iter().filter(|port| new_machine && !offered.contains(port));
        let mut all: Vec<u16> = usual.copied().chain(offered.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        seats.extend(all.into_iter().take(16).map(|port| (host.clone(), SocketAddr::new(*ip, port))));
    }
    seats.truncate(64);
    seats
}

/// The server to talk with: one that does what it is to do; else one that at least speaks.
fn pick(facts: &ClientFacts, service: Service) -> Option<(Offer, SocketAddr)> {
    let mut ours: Vec<&Offer> = facts.offers.iter().filter(|offer| offer.service == service).collect();
    ours.sort_by_key(|offer| (offer.by, offer.mode));
    let works = ours.iter().find(|offer| mode::works(facts, offer));
    let offer = *works.or_else(|| ours.iter().find(|offer| facts.serves(offer)))?;
    let seen = facts.saw(offer)?;
    let does = if matches!(seen.saw, Saw::Tls { .. }) { Mode::Implicit } else { Mode::StartTls };
    Some((Offer { mode: does, ..offer.clone() }, seen.to))
}

/// IMAP first; the other server only hears a password that this one has not refused.
async fn talk(ctx: &Ctx, wish: &Wish, facts: &mut ClientFacts) {
    if let Some((offer, to)) = pick(facts, Service::Imap) {
        facts.imap = Some(login::imap(ctx, offer, to, wish).await);
    }
    let refused = facts.imap.as_ref().is_some_and(|seen| matches!(seen.login, login::Login::Refused(_)));
    if let Some((offer, to)) = pick(facts, Service::Submission) {
        facts.submission = Some(login::submission(ctx, offer, to, wish, !refused).await);
    }
}

/// The certificates of all servers that a mail program would use.
fn certificates(ctx: &Ctx, facts: &ClientFacts) -> Vec<CertificateSeen> {
    let mut seen: Vec<CertificateSeen> = Vec::new();
    let mut add = |offer: &Offer, tls: &crate::net::TlsSeen| {
        let (service, host, port, by) = (offer.service, offer.host.as_str(), offer.port, offer.by);
        if seen.iter().any(|known| known.host == host && known.port == port) {
            return;
        }
        let verdict = login::verdict(ctx, tls, host);
        let good_for_domain = verdict.is_err() && login::verdict(ctx, tls, &facts.domain).is_ok();
        seen.push(CertificateSeen { service, host: host.to_owned(), port, verdict, good_for_domain, by });
    };
    if let Some((seen, tls)) = facts.imap.as_ref().and_then(|seen| seen.tls.as_ref().map(|tls| (seen, tls))) {
        add(&seen.offer, tls);
    }
    if let Some((seen, tls)) =
        facts.submission.as_ref().and_then(|seen| seen.session.tls.as_ref().map(|tls| (seen, tls)))
    {
        add(&seen.offer, tls);
    }
    for offer in facts.offers.iter().filter(|offer| offer.by != NamedBy::Guess) {
        if let Some(Saw::Tls { seen, .. }) = facts.saw(offer).map(|port| &port.saw)
            && facts.serves(offer)
        {
            add(offer, seen);
        }
    }
    seen
}
