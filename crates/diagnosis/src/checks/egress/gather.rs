//! Knocking at control hosts, when the target's own hosts leave it open whose fault it is.

use super::{Asked, Control, EgressFacts, Knock, Tried};
use crate::checks::smtp::HostFacts;
use crate::ctx::Ctx;
use crate::dns::Data;
use crate::net::Dial;
use crate::session::SessionFacts;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_smtp::TroubleKind;
use postrider_smtp::client::Ended;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Domains whose mail hosts are up, on port 25, and far apart: four owners. Their hosts are found by
/// DNS when they are needed, so that nothing here grows old.
const CONTROL_DOMAINS: [&str; 4] = ["gmail.com", "outlook.com", "yahoo.com", "fastmail.com"];
/// Ports that a mail host or a web server of the same network has, and nobody filters.
const OTHER_PORTS: [u16; 2] = [587, 443];
/// Two attempts of the system fall into this: the second goes out after one second.
const KNOCK_LIMIT: Duration = Duration::from_millis(1_700);
/// With less, a slow answer would look like a closed port.
const TIME_NEEDED: Duration = Duration::from_millis(800);
/// Where nothing can live: RFC 5737 §3, TEST-NET-1.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);
const CONTROLS_MAX: usize = 8;
const GREETING_BYTES_MAX: usize = 512;

/// What the sessions with the target's mail hosts say of the way there.
pub fn tried(hosts: &[HostFacts]) -> Vec<Tried> {
    let of = |host: &HostFacts, to: SocketAddr, session: &SessionFacts| Tried {
        host: host.name.clone(),
        to,
        knock: match (&session.unreached, &session.opening.greeting, session.opening.first.as_slice()) {
            (Some(trouble), ..) => Knock::of(trouble),
            (None, Some(reply), _) => {
                Knock::Spoke(format!("{} {}", reply.code(), reply.lines().next().unwrap_or_default()))
            }
            (None, None, [_, ..]) => Knock::Spoke(line(&session.opening.first)),
            _ if matches!(&session.ended, Some(Ended::Broken(trouble)) if trouble.kind == TroubleKind::ConnectionLost) => {
                Knock::Dropped
            }
            _ => Knock::Connected,
        },
    };
    let addresses =
        |host: &HostFacts| host.addresses.iter().map(|seen| of(host, seen.to, &seen.main)).collect::<Vec<_>>();
    hosts.iter().flat_map(addresses).collect()
}

/// Looks at the way out. `ours` is what the target's mail hosts did.
pub async fn gather(ctx: &Ctx, ours: Vec<Tried>) -> EgressFacts {
    let source = ours.first().and_then(|tried| ctx.world.source(tried.to.ip()));
    let mut facts = EgressFacts { ours, source, ..EgressFacts::default() };
    if facts.ours.iter().any(|tried| tried.knock.passes()) {
        return facts;
    }
    // No way at all out of this machine, or no time, is no question about port 25.
    let doubtful = |knock: &Knock| !matches!(knock, Knock::Untried(_) | Knock::Unreachable(_));
    if !facts.ours.iter().any(|tried| doubtful(&tried.knock)) {
        facts.asked = Asked::NothingToExplain;
        return facts;
    }
    if ctx.left() < TIME_NEEDED {
        facts.asked = Asked::NoTime;
        return facts;
    }
    let seats = match &ctx.settings.controls {
        Some(named) if !named.is_empty() => named_seats(ctx, named).await,
        _ if ctx.settings.sources.closed => {
            facts.asked = Asked::NoneKnown;
            return facts;
        }
        _ => usual_seats(ctx).await,
    };
    facts.asked = if seats.is_empty() { Asked::NoneFound } else { Asked::Yes };
    let knocking = join_all(seats.into_iter().take(CONTROLS_MAX).map(|seat| control(ctx, seat)));
    let nowhere = async {
        // In a closed network any address may have been given to somebody.
        if ctx.settings.sources.closed || !ctx.settings.family.takes(NOWHERE.into()) {
            return None;
        }
        let to = SocketAddr::new(NOWHERE.into(), ctx.settings.smtp_port);
        Some((to, knock(ctx, to, "nowhere", true).await))
    };
    let (controls, nowhere) = tokio::join!(knocking, nowhere);
    facts.source = controls.first().and_then(|control| ctx.world.source(control.to.ip())).or(facts.source);
    (facts.controls, facts.nowhere) = (controls, nowhere);
    facts
}

/// A control host that is to be knocked at.
struct Seat {
    name: String,
    host: String,
    to: SocketAddr,
}

/// What the user named: `HOST`, `HOST:PORT`, an address.
async fn named_seats(ctx: &Ctx, named: &[String]) -> Vec<Seat> {
    let finding = named.iter().map(|name| async move {
        if let Ok(to) = name.parse::<SocketAddr>() {
            return vec![Seat { name: name.clone(), host: to.ip().to_string(), to }];
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return vec![Seat { name: name.clone(), host: ip.to_string(), to: ctx.smtp(ip) }];
        }
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().unwrap_or(ctx.settings.smtp_port)),
            None => (name.as_str(), ctx.settings.smtp_port),
        };
        seats(ctx, name, host, port).await
    });
    join_all(finding).await.into_iter().flatten().collect()
}

/// The first mail host of each of the usual domains.
async fn usual_seats(ctx: &Ctx) -> Vec<Seat> {
    let finding = CONTROL_DOMAINS.map(|domain| async move {
        let found = ctx.find(domain, Rtype::MX).await;
        let exchanges = found.all().iter().filter_map(|rr| match &rr.data {
            Data::Mx { preference, exchange } => Some((*preference, exchange.as_str())),
            _ => None,
        });
        match exchanges.min() {
            Some((_, host)) => seats(ctx, domain, host, ctx.settings.smtp_port).await,
            None => Vec::new(),
        }
    });
    join_all(finding).await.into_iter().flatten().collect()
}

/// One address of each family.
async fn seats(ctx: &Ctx, name: &str, host: &str, port: u16) -> Vec<Seat> {
    let (ips, _) = ctx.addresses(host).await;
    let first = |v6: bool| ips.iter().find(|ip| ip.is_ipv6() == v6).copied();
    let seat = |ip: IpAddr| Seat { name: name.to_owned(), host: host.to_owned(), to: (ip, port).into() };
    [first(false), first(true)].into_iter().flatten().map(seat).collect()
}

async fn control(ctx: &Ctx, seat: Seat) -> Control {
    let Seat { name, host, to } = seat;
    let others = OTHER_PORTS.into_iter().filter(|port| *port != to.port());
    let others = join_all(others.map(|port| async move {
        (port, knock(ctx, SocketAddr::new(to.ip(), port), "control, to compare", false).await)
    }));
    let (mail, others) = tokio::join!(knock(ctx, to, "control", true), others);
    Control { name, host, to, mail, others }
}

/// Knocks, and hears the first line when it is wanted.
async fn knock(ctx: &Ctx, to: SocketAddr, purpose: &str, listen: bool) -> Knock {
    let dial = Dial { to, purpose: purpose.to_owned(), limit: ctx.within(KNOCK_LIMIT) };
    let mut wire = match ctx.world.connect(&dial).await {
        Ok(wire) => wire,
        Err(trouble) => return Knock::of(&trouble),
    };
    if !listen {
        return Knock::Connected;
    }
    let mut heard = Vec::new();
    while heard.len() < GREETING_BYTES_MAX && !heard.contains(&b'\n') {
        match wire.hear(ctx.within(KNOCK_LIMIT)).await {
            Ok(octets) if octets.is_empty() => break,
            Ok(octets) => heard.extend_from_slice(&octets),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Knock::Connected,
            Err(_) => break,
        }
    }
    if heard.is_empty() {
        return Knock::Dropped;
    }
    // Good manners; nobody waits for the answer.
    let _ = wire.say(b"QUIT\r\n", ctx.within(KNOCK_LIMIT)).await;
    Knock::Spoke(line(&heard))
}

/// The first line of what was heard, fit to be shown.
fn line(heard: &[u8]) -> String {
    let line = heard.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let line = line.get(..GREETING_BYTES_MAX).unwrap_or(line);
    String::from_utf8_lossy(line).trim_end().chars().filter(|c| !c.is_control()).collect()
}
