//! Speaking to every address of every mail host.

use super::cert::examine;
use super::{AddressFacts, GreetsAs, HostFacts, mine};
use crate::ctx::Ctx;
use crate::session::{Plan, Session, SessionFacts, Tls};
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_mailauth::dmarc;
use postrider_mailauth::tlsrpt::{self, Destination};
use postrider_smtp::Host;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8314 §7.3: TLS from the first octet.
const SUBMISSIONS: u16 = 465;
/// Hosts, and addresses of each, that are spoken to.
const HOSTS_MAX: usize = 8;
const ADDRESSES_MAX: usize = 4;
/// Addresses for reports that are asked for, and how long finding them may hold the session up:
/// others have looked the records up by then, as a rule.
const REPORTS_MAX: usize = 2;
const REPORTS_LIMIT: Duration = Duration::from_millis(300);
/// What is kept back from the run's time, so that what was seen can be told.
const RESERVE: Duration = Duration::from_millis(250);
/// With less than this left, no further connection is begun.
const WORTH_A_CONNECTION: Duration = Duration::from_millis(300);
/// Across the world a connection takes a third of a second, and one lost packet one more second.
const CONNECT: Duration = Duration::from_millis(2200);
/// A handshake takes three ways over the net and some sums; this is far more.
const HANDSHAKE: Duration = Duration::from_millis(1500);

/// Speaks to the hosts on that port: each its preference, name and addresses.
pub async fn gather(ctx: &Ctx, domain: &str, hosts: &[(u16, String, Vec<IpAddr>)], port: u16) -> Vec<HostFacts> {
    let mut met: Vec<IpAddr> = Vec::new();
    let mut work = Vec::new();
    for (preference, name, ips) in hosts.iter().take(HOSTS_MAX) {
        // An address under a second name is the same host: it is not asked twice.
        let fresh: Vec<IpAddr> = ips.iter().copied().filter(|ip| !met.contains(ip)).take(ADDRESSES_MAX).collect();
        met.extend(&fresh);
        if fresh.is_empty() && !ips.is_empty() {
            continue;
        }
        work.push(async move {
            let addresses = join_all(fresh.into_iter().map(|ip| address(ctx, domain, name, (ip, port).into()))).await;
            HostFacts { name: name.clone(), preference: *preference, addresses }
        });
    }
    join_all(work).await
}

/// A session with an address, as usual.
pub(super) fn plan_for(ctx: &Ctx, host: &str, to: SocketAddr, until: Instant) -> Plan {
    Plan {
        hello: ctx.settings.hello.clone(),
        tls: if to.port() == SUBMISSIONS { Tls::Implicit } else { Tls::WhenOffered },
        connect: CONNECT,
        handshake: HANDSHAKE,
        ..Plan::new(host, to, until)
    }
}

async fn address(ctx: &Ctx, domain: &str, host: &str, to: SocketAddr) -> AddressFacts {
    let until = Instant::now() + ctx.left().saturating_sub(RESERVE);
    let plan = plan_for(ctx, host, to, until);
    let mut session = Session::open(&*ctx.world, &ctx.tls, Plan { purpose: "smtp".into(), ..plan.clone() }, None).await;
    questions(ctx, domain, &mut session).await;
    let main = session.quit().await;
    let mut seen = AddressFacts::new(to, main);
    more(ctx, domain, &plan, &mut seen).await;
    let shown = seen.main.tls.as_ref();
    seen.certificate = shown.and_then(|tls| examine(&ctx.tls, host, &tls.chain, ctx.now));
    seen.greets_as = greets_as(ctx, &seen).await;
    seen
}

/// The second and third connection, where they can tell something and the host lets us.
async fn more(ctx: &Ctx, domain: &str, plan: &Plan, seen: &mut AddressFacts) {
    let worth = |seen: &AddressFacts| seen.limit().is_none() && ctx.left() > RESERVE + WORTH_A_CONNECTION;
    if seen.main.tls_trouble.is_some() && worth(seen) {
        let plan = Plan { purpose: "smtp in clear".into(), tls: Tls::Off, ..plan.clone() };
        let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
        questions(ctx, domain, &mut session).await;
        seen.clear = Some(session.quit().await);
        seen.connections += 1;
    }
    let offered = seen.main.opening.starttls.as_ref().is_some_and(|reply| reply.code().is_positive());
    if offered && worth(seen) {
        let plan = Plan { purpose: "old tls".into(), tls: Tls::Old, reply: HANDSHAKE, ..plan.clone() };
        seen.old = Some(Session::open(&*ctx.world, &ctx.tls, plan, None).await.give());
        seen.connections += 1;
    }
    if ctx.settings.mine && seen.main.peer().is_some() && worth(seen) {
        seen.mine = Some(mine::gather(ctx, domain, plan, &seen.main).await);
    }
}

/// The questions, worst first: a host may lose patience, or we our time.
async fn questions(ctx: &Ctx, domain: &str, session: &mut Session) {
    // A host for mail programs wants a login first; what it says without one tells nothing.
    if session.is_over() || !takes_strangers(ctx, session) {
        return;
    }
    let hello = ctx.settings.hello.domain().map(ToString::to_string);
    // A name without a dot is none that a host would believe.
    let own = hello.as_deref().filter(|name| name.contains('.')).unwrap_or("example.org");
    let null = session.ask("mail", "MAIL FROM:<>").await;
    let mut taken = null.as_ref().is_some_and(|reply| reply.code().is_positive());
    if null.is_some() && !taken {
        let other = session.ask("mail-other", &format!("MAIL FROM:<postmaster@{own}>")).await;
        taken = other.is_some_and(|reply| reply.code().is_positive());
    }
    if taken {
        recipients(ctx, domain, session).await;
    }
    session.ask("rset", "RSET").await;
    // RFC 2505 §2.1: from a stranger to a stranger. example.net is nobody's (RFC 2606 §3).
    let stranger = session.ask("relay-mail", &format!("MAIL FROM:<relay-test@{own}>")).await;
    let taken = match stranger {
        Some(reply) if reply.code().is_positive() => true,
        Some(_) => session.ask("relay-mail", "MAIL FROM:<>").await.is_some_and(|reply| reply.code().is_positive()),
        None => false,
    };
    if taken {
        session.ask("relay", "RCPT TO:<relay-test@example.net>").await;
        session.ask("rset", "RSET").await;
    }
    if !domain.is_empty() {
        let known = session.ask("vrfy", &format!("VRFY postmaster@{domain}")).await;
        if known.is_some_and(|reply| matches!(reply.code().number(), 250 | 251)) {
            session.ask("vrfy-random", &format!("VRFY {}@{domain}", nobody())).await;
        }
        // A command that is not offered counts as a mistake at many hosts: it is spared them.
        if ctx.settings.mine || offers_expn(session.facts()) {
            expand(domain, session).await;
        }
    }
}

async fn expand(domain: &str, session: &mut Session) {
    let known = session.ask("expn", &format!("EXPN postmaster@{domain}")).await;
    if known.is_some_and(|reply| reply.code().number() == 250) {
        session.ask("expn-random", &format!("EXPN {}@{domain}", nobody())).await;
    }
}

/// Whether EHLO lists EXPN (RFC 5321 §4.1.1.1).
fn offers_expn(facts: &SessionFacts) -> bool {
    let replies = [&facts.opening.under_tls, &facts.opening.in_clear];
    replies.into_iter().flatten().any(|reply| reply.lines().skip(1).any(|line| line.eq_ignore_ascii_case("EXPN")))
}

async fn recipients(ctx: &Ctx, domain: &str, session: &mut Session) {
    if domain.is_empty() {
        return;
    }
    let mut asked: Vec<(&'static str, String)> = Vec::new();
    if let Some(user) = ctx.settings.recipient.as_deref().filter(|user| is_plain(user)) {
        asked.push(("rcpt", user.to_owned()));
    }
    asked.push(("postmaster", "postmaster".to_owned()));
    asked.push(("random", nobody()));
    asked.push(("abuse", "abuse".to_owned()));
    // Last, as a host may lose patience: the addresses of the domain that ask for reports.
    let ready = tokio::time::timeout(REPORTS_LIMIT, report_boxes(ctx, domain)).await.unwrap_or_default();
    let fresh: Vec<String> = ready.into_iter().filter(|local| !asked.iter().any(|(_, known)| known == local)).collect();
    asked.extend(fresh.into_iter().take(REPORTS_MAX).map(|local| ("report", local)));
    for (name, local) in asked {
        if session.ask(name, &format!("RCPT TO:<{local}@{domain}>")).await.is_none() {
            return;
        }
    }
}

/// The local parts at the domain itself to which its DMARC and TLSRPT records send reports.
async fn report_boxes(ctx: &Ctx, domain: &str) -> Vec<String> {
    let (dmarc_at, tlsrpt_at) = (format!("_dmarc.{domain}"), format!("_smtp._tls.{domain}"));
    let (dmarc, tlsrpt) = tokio::join!(ctx.find(&dmarc_at, Rtype::TXT), ctx.find(&tlsrpt_at, Rtype::TXT));
    let mut addresses: Vec<String> = Vec::new();
    for text in dmarc.texts().iter().filter(|text| dmarc::is_record(text)) {
        let record = dmarc::read(text).value;
        let uris = record.aggregate_reports.iter().chain(&record.failure_reports);
        addresses.extend(uris.filter_map(|uri| uri.address.as_deref().map(str::to_owned)));
    }
    for text in tlsrpt.texts().iter().filter(|text| tlsrpt::is_record(text)) {
        let destinations = tlsrpt::read(text).value.destinations;
        addresses.extend(destinations.iter().filter_map(|destination| match destination {
            Destination::Mail(address) => Some(address.to_string()),
            Destination::Https(_) => None,
        }));
    }
    let mut locals: Vec<String> = Vec::new();
    for address in addresses {
        let Some((local, host)) = address.rsplit_once('@') else { continue };
        let local = local.to_owned();
        if host.trim_end_matches('.').eq_ignore_ascii_case(domain) && is_plain(&local) && !locals.contains(&local) {
            locals.push(local);
        }
    }
    locals
}

/// Whether it is a host for mail from anywhere, by its port.
fn takes_strangers(ctx: &Ctx, session: &mut Session) -> bool {
    session.facts().to.port() == ctx.settings.smtp_port
}

/// What may stand before the @ without quotes (RFC 5321 §4.1.2), and beyond ASCII (RFC 6531 §3.3).
fn is_plain(local: &str) -> bool {
    !local.is_empty() && local.len() <= 64 && !local.chars().any(|c| c.is_control() || " <>()[]\\,;:@\"".contains(c))
}

/// A mailbox that nobody has.
fn nobody() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("nobody-{:08x}", RandomState::new().hash_one("nobody") & 0xffff_ffff)
}

/// The name in the greeting, and where it leads.
async fn greets_as(ctx: &Ctx, seen: &AddressFacts) -> Option<GreetsAs> {
    let name = super::helo::greeted_name(&seen.main)?;
    let lookable = matches!(Host::parse(&name), Ok(Host::Domain(_))) && name.contains('.');
    let ips = match lookable {
        true => match ctx.addresses(&name).await {
            (ips, Some(failure)) if ips.is_empty() && !failure.is_absence() => Err(failure),
            (ips, _) => Ok(ips),
        },
        false => Ok(Vec::new()),
    };
    Some(GreetsAs { name, ips })
}
