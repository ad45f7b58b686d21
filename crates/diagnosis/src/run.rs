//! The order of things: what is gathered when, until the time is over; then judging.
//!
//! Subjects write what they saw into one [`Facts`] as soon as they have it, so that a run that
//! is stopped, by the clock or by Ctrl-C, still judges all that is known.

use crate::checks::client::Wish;
use crate::checks::{self, client, dane, dkim, dmarc, dns, egress, identity, mx, policy, registration, smtp, spf};
use crate::ctx::Ctx;
use crate::dns::survey;
use crate::facts::Facts;
use crate::report::Report;
use crate::target::Target;
use domain::base::iana::Rtype;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Told what is being done, for one live line.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What the gatherers share.
struct Desk<'a> {
    ctx: &'a Ctx,
    facts: Mutex<Facts>,
    timings: Mutex<BTreeMap<String, f64>>,
    progress: Progress<'a>,
}

impl Desk<'_> {
    /// Gathers one subject, tells the live line, and keeps the time it took.
    async fn gather<T>(&self, subject: &str, gathering: impl Future<Output = T>) -> T {
        (self.progress)(subject);
        let began = Instant::now();
        let gathered = gathering.await;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        self.timings.lock().unwrap_or_else(PoisonError::into_inner).insert(subject.to_owned(), ms);
        gathered
    }

    /// Writes down what was seen.
    fn keep(&self, keep: impl FnOnce(&mut Facts)) {
        keep(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

const INTERRUPTED: &str = "it was interrupted";

/// Looks at a target, until all is seen, the time is over, or `stop` comes true.
pub async fn run(ctx: &Ctx, target: &Target, progress: Progress<'_>, stop: impl Future<Output = ()>) -> Report {
    let facts = Facts {
        target: Some(target.clone()),
        domain: if let Target::Domain { name, .. } = target { name.clone() } else { String::new() },
        now: ctx.now,
        settings: (*ctx.settings).clone(),
        ..Facts::default()
    };
    let desk = Desk { ctx, facts: Mutex::new(facts), timings: Mutex::default(), progress };
    tokio::pin!(stop);
    let mut cut_short = tokio::select! {
        () = look(&desk, target) => None,
        () = tokio::time::sleep(ctx.left()) => Some("the time was over"),
        () = &mut stop => Some(INTERRUPTED),
    };
    let mut facts = desk.facts.into_inner().unwrap_or_else(PoisonError::into_inner);
    if ctx.settings.wait && cut_short != Some(INTERRUPTED) {
        let mut waited = facts.clone();
        tokio::select! {
            () = smtp::wait(ctx, &mut waited, progress) => facts = waited,
            () = stop => cut_short = Some(INTERRUPTED),
        }
    }
    let mut report = Report::draw(&facts, checks::judge(&facts));
    report.timings = desk.timings.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.timings.insert("all".into(), ctx.began().elapsed().as_secs_f64() * 1000.0);
    report.time_checks();
    report.cut_short = cut_short.map(str::to_owned);
    report
}

/// Looks at what one mailbox's mail program meets.
pub async fn run_client(ctx: &Ctx, wish: &Wish, progress: Progress<'_>, stop: impl Future<Output = ()>) -> Report {
    let facts = Facts {
        target: Some(Target::Domain { name: wish.domain.clone(), user: Some(wish.local.clone()) }),
        domain: wish.domain.clone(),
        now: ctx.now,
        settings: (*ctx.settings).clone(),
        ..Facts::default()
    };
    let desk = Desk { ctx, facts: Mutex::new(facts), timings: Mutex::default(), progress };
    let looking = async {
        let keep = |seen: &client::ClientFacts| desk.keep(|facts| facts.client = Some(seen.clone()));
        let seen = desk.gather("servers for mail programs", client::gather_for(ctx, wish, &keep)).await;
        desk.keep(|facts| facts.client = Some(seen));
    };
    let cut_short = tokio::select! {
        () = looking => None,
        () = tokio::time::sleep(ctx.left()) => Some("the time was over"),
        () = stop => Some(INTERRUPTED),
    };
    let facts = desk.facts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut report = Report::draw(&facts, checks::judge_client(&facts));
    report.timings = desk.timings.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.timings.insert("all".into(), ctx.began().elapsed().as_secs_f64() * 1000.0);
    report.time_checks();
    report.cut_short = cut_short.map(str::to_owned);
    report
}

async fn look(desk: &Desk<'_>, target: &Target) {
    match target {
        Target::Domain { name, .. } => {
            // The registry may be slow; nothing waits for it.
            tokio::join!(domain(desk, name), registry(desk, name));
        }
        Target::Host { name, port } => {
            let (ips, _) = desk.gather("addresses of the host", desk.ctx.addresses(name)).await;
            host(desk, name, &ips, *port).await;
        }
        Target::Ip { ip, port } => {
            host(desk, &ip.to_string(), &[*ip], port.unwrap_or(desk.ctx.settings.smtp_port)).await;
        }
    }
}

/// One host: what it says, its names, and the lists that have it.
async fn host(desk: &Desk<'_>, name: &str, ips: &[IpAddr], port: u16) {
    let ctx = desk.ctx;
    let wanted = [(0, name.to_owned(), ips.to_vec())];
    let sessions = async {
        let seen = desk.gather("mail host", smtp::gather(ctx, "", &wanted, port)).await;
        let tried = egress::tried(&seen);
        desk.keep(|facts| facts.hosts = Some(seen));
        let seen = desk.gather("the way out", egress::gather(ctx, tried)).await;
        desk.keep(|facts| facts.egress = Some(seen));
    };
    let identity = async {
        let seen = desk.gather("names and lists", identity::gather(ctx, "", ips)).await;
        desk.keep(|facts| facts.identity = Some(seen));
    };
    tokio::join!(sessions, identity);
}

async fn registry(desk: &Desk<'_>, name: &str) {
    let seen = desk.gather("registry", registration::gather(desk.ctx, name)).await;
    desk.keep(|facts| facts.registry = Some(seen));
}

/// A domain: its zone first, as everything else hangs on it.
async fn domain(desk: &Desk<'_>, name: &str) {
    let ctx = desk.ctx;
    let mut seen = desk.gather("name servers", survey::survey(&ctx.names, name, &[])).await;
    desk.keep(|facts| facts.zone = Some(seen.clone()));
    let agreed = seen.agreed(name, Rtype::MX);
    let exchanges = desk.gather("mail exchanges", mx::gather(ctx, name, agreed.as_deref())).await;
    let hosts: Vec<String> = exchanges.hosts.iter().map(|host| host.name.clone()).collect();
    let reachable: Vec<_> =
        exchanges.hosts.iter().map(|host| (host.preference, host.name.clone(), host.ips.clone())).collect();
    let ips: Vec<_> = exchanges.hosts.iter().flat_map(|host| host.ips.clone()).collect();
    desk.keep(|facts| facts.mx = Some(exchanges));
    let each_server = async {
        survey::ask_all(&ctx.names, &mut seen, &survey::host_questions(&hosts)).await;
        desk.keep(|facts| facts.zone = Some(seen.clone()));
        let proofs = desk.gather("DNSSEC", dns::gather_security(ctx, &seen, &hosts));
        let views = desk.gather("resolvers", dns::gather_views(ctx, name, &hosts));
        let (proofs, views) = tokio::join!(proofs, views);
        desk.keep(|facts| (facts.dnssec, facts.views) = (Some(proofs), Some(views)));
        seen
    };
    let identity = async {
        let seen = desk.gather("addresses", identity::gather(ctx, name, &ips)).await;
        desk.keep(|facts| facts.identity = Some(seen));
    };
    let senders = async {
        let seen = desk.gather("SPF", spf::gather(ctx, name)).await;
        desk.keep(|facts| facts.spf = Some(seen));
    };
    let keys = async {
        let seen = desk.gather("DKIM keys", dkim::gather(ctx, name)).await;
        let found = seen.selectors.iter().filter(|selector| selector.texts.is_ok());
        let names = found.map(|key| (format!("{}._domainkey.{name}", key.selector), Rtype::TXT)).collect::<Vec<_>>();
        desk.keep(|facts| facts.dkim = Some(seen));
        names
    };
    // Which keys there are is known late; then every server is asked for them.
    let zone_and_keys = async {
        let (mut seen, names) = tokio::join!(each_server, keys);
        survey::ask_all(&ctx.names, &mut seen, &names).await;
        desk.keep(|facts| facts.zone = Some(seen));
    };
    let dmarc = async {
        let seen = desk.gather("DMARC", dmarc::gather(ctx, name)).await;
        desk.keep(|facts| facts.dmarc = Some(seen));
    };
    let pins = async {
        let seen = desk.gather("TLSA and CAA", dane::gather(ctx, &hosts)).await;
        desk.keep(|facts| facts.pins = Some(seen));
    };
    let policy = async {
        let seen = desk.gather("policies", policy::gather(ctx, name)).await;
        desk.keep(|facts| facts.policy = Some(seen));
    };
    let sessions = async {
        let seen = desk.gather("mail hosts", smtp::gather(ctx, name, &reachable, ctx.settings.smtp_port)).await;
        let tried = egress::tried(&seen);
        desk.keep(|facts| facts.hosts = Some(seen));
        let seen = desk.gather("the way out", egress::gather(ctx, tried)).await;
        desk.keep(|facts| facts.egress = Some(seen));
    };
    let programs = async {
        let seen = desk.gather("settings of mail programs", client::gather(ctx, name)).await;
        desk.keep(|facts| facts.client = Some(seen));
    };
    tokio::join!(zone_and_keys, identity, senders, dmarc, policy, pins, sessions, programs);
}
