//! Finding names, from the root down or through a resolver.
//!
//! [`Names::find`] is the one question. What lies in the zone under examination is asked of its
//! own servers, so that no cache stands between; other names go to the resolver when there is
//! one, and from the root down when it fails. In a closed network, where root hints were given,
//! everything goes from the root down first.

use super::packet::{Data, Packet, Rr};
use crate::net::{Answered, Ask, Silence, Transport, World};
use domain::base::iana::Rtype;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use postrider_dns::{Answer, Failure, Kind, Looking, Mx, Record, Resolver, Soa, Srv, Tlsa};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Referrals from the root to a name; a name has at most 127 labels, real ones a handful of cuts.
const REFERRALS_MAX: usize = 24;
/// CNAMEs on the way to an answer.
const ALIASES_MAX: usize = 8;
/// Name servers whose own names are looked up to look up a name, nested.
const DEPTH_MAX: usize = 4;
/// A server that does not answer is overtaken by the next after this long.
const HEDGE: Duration = Duration::from_millis(200);
/// Servers tried for one question.
const SERVERS_MAX: usize = 6;

/// A name server, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its addresses, as far as the referral told them.
    pub ips: Vec<IpAddr>,
}

/// A zone as its parent delegates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The zone's name.
    pub zone: String,
    /// Its servers.
    pub servers: Vec<Server>,
}

/// Why a zone gave no answer: each server with what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// The zone.
    pub zone: String,
    /// Its servers and what each did.
    pub servers: Vec<(SocketAddr, String)>,
}

impl Mute {
    /// In a line.
    pub fn told(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(|(server, did)| format!("{}: {did}", server.ip())).collect();
        let zone = if self.zone == "." { "the root" } else { &self.zone };
        if servers.is_empty() {
            format!("no name server of {zone} has an address")
        } else {
            format!("no name server of {zone} answers ({})", servers.join(", "))
        }
    }
}

/// What was found of a name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The records of the type asked for, at the end of any aliases; or why there are none.
    pub records: Result<Vec<Rr>, Failure>,
    /// The aliases on the way, each with what it points to.
    pub aliases: Vec<(String, String)>,
    /// Who answered.
    pub server: Option<SocketAddr>,
    /// Whether a validating resolver vouched for it.
    pub authentic: bool,
    /// Extended errors that came with it (RFC 8914).
    pub extended: Vec<(u16, String)>,
}

impl Found {
    fn failed(failure: Failure) -> Self {
        Self { records: Err(failure), aliases: Vec::new(), server: None, authentic: false, extended: Vec::new() }
    }

    /// The records, empty when there are none for whatever reason.
    pub fn all(&self) -> &[Rr] {
        self.records.as_deref().unwrap_or_default()
    }

    /// The least time to live.
    pub fn ttl(&self) -> Option<u32> {
        self.all().iter().map(|rr| rr.ttl).min()
    }

    /// The texts of a TXT answer.
    pub fn texts(&self) -> Vec<String> {
        self.all().iter().filter_map(|rr| rr.data.txt()).collect()
    }
}

/// Where to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// Recursive servers, in order.
    pub resolvers: Vec<SocketAddr>,
    /// The root servers.
    pub hints: Vec<Server>,
    /// The port of authoritative servers: 53.
    pub port: u16,
    /// Whether the hints were given, as in a closed network: then the root comes first.
    pub closed: bool,
}

type Key = (String, u16);
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Finds names, and remembers for one run.
pub struct Names {
    world: Arc<dyn World>,
    sources: Sources,
    cuts: Mutex<HashMap<String, Arc<Cut>>>,
    found: Mutex<HashMap<Key, Arc<OnceCell<Arc<Found>>>>>,
    /// The zone under examination: asked of its own servers.
    own: Mutex<Option<String>>,
    /// Zones none of whose servers said anything at all: nobody waits for them twice.
    dead: Mutex<HashMap<String, Mute>>,
}

impl Names {
    /// Asks that world, at those places.
    pub fn new(world: Arc<dyn World>, sources: Sources) -> Self {
        let root = Arc::new(Cut { zone: ".".into(), servers: sources.hints.clone() });
        let cuts = Mutex::new(HashMap::from([(".".to_owned(), root)]));
        Self { world, sources, cuts, found: Mutex::default(), own: Mutex::default(), dead: Mutex::default() }
    }

    /// Where it asks.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The world it asks.
    pub fn world(&self) -> &Arc<dyn World> {
        &self.world
    }

    /// From here on, names in that zone are asked of its own servers.
    pub fn examine(&self, zone: &str) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(zone.to_owned());
    }

    /// What there is of that name and type; asked once per run.
    pub async fn find(&self, name: &str, kind: Rtype) -> Arc<Found> {
        let name = plain(name);
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry((name.clone(), kind.to_int())).or_default())
        };
        Arc::clone(cell.get_or_init(|| async { Arc::new(self.search(&name, kind).await) }).await)
    }

    async fn search(&self, name: &str, kind: Rtype) -> Found {
        if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) && name != "." {
            return Found::failed(Failure::Malformed(format!("not a name: {name}")));
        }
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ours = own.is_some_and(|zone| is_under(name, &zone));
        let has_resolver = !self.sources.resolvers.is_empty();
        if has_resolver && !ours && !self.sources.closed {
            let found = self.recurse(name, kind).await;
            if !is_trouble(&found) || self.sources.hints.is_empty() {
                return found;
            }
            let iterated = self.iterate(name, kind).await;
            return if is_trouble(&iterated) { found } else { iterated };
        }
        let found = self.iterate(name, kind).await;
        if is_trouble(&found) && has_resolver {
            let recursed = self.recurse(name, kind).await;
            if !is_trouble(&recursed) {
                return recursed;
            }
        }
        found
    }

    /// Asks the resolvers, in their order.
    pub async fn recurse(&self, name: &str, kind: Rtype) -> Found {
        let mut last = Failure::Timeout("no resolver is known".into());
        for resolver in &self.sources.resolvers {
            match self.packet(&Ask::recursive(*resolver, name, kind)).await {
                Ok(packet) if matches!(packet.rcode, 0 | 3) => return read(&packet, name, kind, Some(*resolver)).0,
                Ok(packet) => {
                    let extended = packet.extended.clone();
                    let why = format!("{} says {}{}", resolver.ip(), packet.rcode_name(), told(&extended));
                    last = if packet.rcode == 5 { Failure::Refused(why) } else { Failure::ServFail(why) };
                    // SERVFAIL is what a validating resolver says of a bogus zone: an answer.
                    if packet.rcode == 2 {
                        return Found { extended, server: Some(*resolver), ..Found::failed(last) };
                    }
                }
                Err(silence) => last = Failure::Timeout(format!("{}: {silence}", resolver.ip())),
            }
        }
        Found::failed(last)
    }

    /// Asks from the root down, or from the deepest zone known on the way.
    pub async fn iterate(&self, name: &str, kind: Rtype) -> Found {
        self.iterate_at(name, kind, 0).await
    }

    fn iterate_at<'a>(&'a self, name: &'a str, kind: Rtype, depth: usize) -> Boxed<'a, Found> {
        Box::pin(async move {
            let mut aliases: Vec<(String, String)> = Vec::new();
            let mut current = name.to_owned();
            for _ in 0..ALIASES_MAX {
                let (mut found, next) = match self.authoritative(&current, kind, depth).await {
                    Ok((packet, server)) => read(&packet, &current, kind, Some(server)),
                    Err(mute) => (Found::failed(Failure::Timeout(mute.told())), None),
                };
                aliases.append(&mut found.aliases);
                match next {
                    Some(next) if !aliases.iter().any(|(owner, _)| *owner == next) => current = next,
                    _ => return Found { aliases, ..found },
                }
            }
            Found::failed(Failure::Malformed(format!("the aliases of {name} do not come to an end")))
        })
    }

    /// The authoritative answer to a question, after all referrals.
    pub async fn authoritative(&self, name: &str, kind: Rtype, depth: usize) -> Result<(Packet, SocketAddr), Mute> {
        // RFC 4035 §3.1.4.1: DS lies in the parent.
        let seek = if kind == Rtype::DS { parent_of(name) } else { name.to_owned() };
        let mut cut = self.deepest_cut(&seek);
        for _ in 0..REFERRALS_MAX {
            let (packet, server) = self.ask_zone(&cut, name, kind, depth).await?;
            match packet.referral() {
                Some(below) if is_under(name, below) && below != cut.zone && is_under(below, &cut.zone) => {
                    cut = self.learn(below, &packet);
                }
                _ => return Ok((packet, server)),
            }
        }
        Err(Mute { zone: cut.zone.clone(), servers: Vec::new() })
    }

    /// The deepest delegation known above a name.
    pub fn deepest_cut(&self, name: &str) -> Arc<Cut> {
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut zone = name.to_owned();
        loop {
            if let Some(cut) = cuts.get(&zone) {
                return Arc::clone(cut);
            }
            if zone == "." {
                return Arc::new(Cut { zone: ".".into(), servers: Vec::new() });
            }
            zone = parent_of(&zone);
        }
    }

    /// Remembers a delegation from a referral.
    pub fn learn(&self, zone: &str, packet: &Packet) -> Arc<Cut> {
        let cut = Arc::new(cut_of(zone, &packet.authority, &packet.additional));
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        cuts.insert(zone.to_owned(), Arc::clone(&cut));
        cut
    }

    /// Remembers a delegation that was found otherwise.
    pub fn know(&self, cut: &Cut) {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        cuts.insert(cut.zone.clone(), Arc::new(cut.clone()));
    }

    /// From here on the servers of a zone that answer are asked before those that do not.
    pub fn prefer(&self, zone: &str, serving: &[IpAddr]) {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(cut) = cuts.get(zone) else { return };
        let mut cut = (**cut).clone();
        cut.servers.sort_by_key(|server| !server.ips.iter().any(|ip| serving.contains(ip)));
        for server in &mut cut.servers {
            server.ips.sort_by_key(|ip| !serving.contains(ip));
        }
        cuts.insert(zone.to_owned(), Arc::new(cut));
    }

    /// Asks the servers of a zone until one gives an answer that is worth something.
    pub async fn ask_zone(
        &self,
        cut: &Cut,
        name: &str,
        kind: Rtype,
        depth: usize,
    ) -> Result<(Packet, SocketAddr), Mute> {
        if let Some(mute) = self.dead.lock().unwrap_or_else(PoisonError::into_inner).get(&cut.zone) {
            return Err(mute.clone());
        }
        let mut mute = Mute { zone: cut.zone.clone(), servers: Vec::new() };
        let mut heard_any = false;
        let mut servers = cut.servers.iter();
        let mut waiting: Vec<SocketAddr> = Vec::new();
        let mut asked = 0;
        let mut running = FuturesUnordered::new();
        loop {
            while waiting.is_empty() {
                let Some(server) = servers.next() else { break };
                waiting = self.addresses(server, depth).await;
                waiting.reverse();
            }
            if asked < SERVERS_MAX
                && let Some(address) = waiting.pop()
            {
                asked += 1;
                let ask = Ask::authoritative(address, name, kind);
                running.push(async move { (address, self.packet(&ask).await) });
            } else if running.is_empty() {
                if !heard_any && !mute.servers.is_empty() {
                    self.dead.lock().unwrap_or_else(PoisonError::into_inner).insert(cut.zone.clone(), mute.clone());
                }
                return Err(mute);
            }
            let more = asked < SERVERS_MAX && (!waiting.is_empty() || servers.len() > 0);
            let hedge = if more { HEDGE } else { Duration::from_secs(60) };
            match tokio::time::timeout(hedge, running.next()).await {
                Ok(Some((address, Ok(packet)))) => match usefulness(&packet, name, &cut.zone) {
                    Ok(()) => return Ok((packet, address)),
                    Err(why) => {
                        heard_any = true;
                        mute.servers.push((address, why));
                    }
                },
                Ok(Some((address, Err(silence)))) => mute.servers.push((address, silence.to_string())),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// Where a server is; looked up when the referral did not say.
    pub async fn addresses(&self, server: &Server, depth: usize) -> Vec<SocketAddr> {
        let port = self.sources.port;
        if !server.ips.is_empty() {
            return server.ips.iter().copied().map(|ip| (ip, port).into()).collect();
        }
        if depth >= DEPTH_MAX {
            return Vec::new();
        }
        let mut addresses = Vec::new();
        for kind in [Rtype::A, Rtype::AAAA] {
            let mut found = self.iterate_at(&server.name, kind, depth + 1).await;
            if is_trouble(&found) && !self.sources.resolvers.is_empty() {
                found = self.recurse(&server.name, kind).await;
            }
            addresses
                .extend(found.all().iter().filter_map(|rr| rr.data.address()).map(|ip| SocketAddr::from((ip, port))));
            if !addresses.is_empty() {
                break;
            }
        }
        addresses
    }

    /// One question to one server, by TCP as well when the answer does not fit.
    pub async fn packet(&self, ask: &Ask) -> Result<Packet, Silence> {
        let read = |answered: Answered| {
            let packet = Packet::read(&answered.message?).map_err(|error| Silence::Garbage(error.to_string()))?;
            Ok(Packet { took: answered.took, ..packet })
        };
        let packet: Packet = read(self.world.ask(ask).await)?;
        if !packet.truncated || ask.by == Transport::Tcp {
            return Ok(packet);
        }
        let again = self.world.ask(&ask.clone().by(Transport::Tcp)).await;
        // What did come is better than nothing, and says that it is not all.
        if again.message.is_err() { Ok(packet) } else { read(again) }
    }
}

/// Whether there is no answer, as opposed to the answer that there is nothing.
fn is_trouble(found: &Found) -> bool {
    found.records.as_ref().is_err_and(|failure| !failure.is_absence())
}

/// Whether a packet by a server of that zone says something about the name.
fn usefulness(packet: &Packet, name: &str, zone: &str) -> Result<(), String> {
    if !matches!(packet.rcode, 0 | 3) {
        return Err(format!("{}{}", packet.rcode_name(), told(&packet.extended)));
    }
    if packet.authoritative {
        return Ok(());
    }
    match packet.referral() {
        Some(below) if below != zone && is_under(below, zone) && is_under(name, below) => Ok(()),
        Some(_) => Err("sends us elsewhere: it does not have the zone".into()),
        None => Err("does not claim authority".into()),
    }
}

/// Extended errors in words, for the end of a line.
pub(crate) fn told(extended: &[(u16, String)]) -> String {
    let words: Vec<&str> = extended.iter().map(|(_, text)| text.as_str()).filter(|text| !text.is_empty()).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}

/// A delegation from its records.
pub(crate) fn cut_of(zone: &str, ns: &[Rr], glue: &[Rr]) -> Cut {
    let mut servers: Vec<Server> = Vec::new();
    for rr in ns.iter().filter(|rr| rr.name == zone) {
        let Data::Ns(name) = &rr.data else { continue };
        if servers.iter().any(|server| server.name == *name) || servers.len() >= 20 {
            continue;
        }
        let mut ips: Vec<IpAddr> =
            glue.iter().filter(|rr| rr.name == *name).filter_map(|rr| rr.data.address()).collect();
        // IPv4 first: a machine without IPv6 must not wait for it.
        ips.sort_by_key(IpAddr::is_ipv6);
        servers.push(Server { name: name.clone(), ips });
    }
    Cut { zone: zone.to_owned(), servers }
}

/// Reads an answer; and the name to go on with when it ends in an alias.
fn read(packet: &Packet, name: &str, kind: Rtype, server: Option<SocketAddr>) -> (Found, Option<String>) {
    let mut aliases: Vec<(String, String)> = Vec::new();
    let mut current = name.to_owned();
    if kind != Rtype::CNAME {
        while let Some(target) = packet.of(Rtype::CNAME).find(|rr| rr.name == current).and_then(|rr| match &rr.data {
            Data::Cname(target) => Some(target.clone()),
            _ => None,
        }) {
            if aliases.len() >= ALIASES_MAX || aliases.iter().any(|(owner, _)| *owner == current) {
                break;
            }
            aliases.push((current, target.clone()));
            current = target;
        }
    }
    let records: Vec<Rr> = packet.of(kind).filter(|rr| rr.name == current).cloned().collect();
    let ttl = Duration::from_secs(packet.denial().map_or(0, |(_, ttl)| u64::from(ttl)));
    let next = (records.is_empty() && !aliases.is_empty() && packet.rcode == 0 && packet.denial().is_none())
        .then(|| current.clone());
    let records = match records.is_empty() {
        false => Ok(records),
        true if packet.rcode == 3 => Err(Failure::NoSuchDomain { ttl }),
        true => Err(Failure::NoData { ttl }),
    };
    (Found { records, aliases, server, authentic: packet.authentic, extended: packet.extended.clone() }, next)
}

/// A name as this crate writes names: lower case, no trailing dot.
pub fn plain(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let bare = lower.strip_suffix('.').unwrap_or(&lower);
    if bare.is_empty() { ".".to_owned() } else { bare.to_owned() }
}

/// Whether a name is a zone's name or below it.
pub fn is_under(name: &str, zone: &str) -> bool {
    zone == "." || name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

/// The name without its first label.
pub fn parent_of(name: &str) -> String {
    name.split_once('.').map_or(".", |(_, rest)| if rest.is_empty() { "." } else { rest }).to_owned()
}

/// So that all that is written over the mail look-ups can be asked here.
impl Resolver for Names {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        Box::pin(async move {
            let rtype = match kind {
                Kind::A => Rtype::A,
                Kind::Aaaa => Rtype::AAAA,
                Kind::Mx => Rtype::MX,
                Kind::Txt => Rtype::TXT,
                Kind::Ptr => Rtype::PTR,
                Kind::Tlsa => Rtype::TLSA,
                Kind::Ns => Rtype::NS,
                Kind::Soa => Rtype::SOA,
                Kind::Srv => Rtype::SRV,
                Kind::Cname => Rtype::CNAME,
            };
            let found = self.find(name, rtype).await;
            let records = found.records.as_ref().map_err(Clone::clone)?;
            let ttl = Duration::from_secs(u64::from(found.ttl().unwrap_or(0)));
            let canonical = found.aliases.last().map(|(_, target)| target.as_str().into());
            let records: Vec<Record> = records.iter().filter_map(|rr| record(&rr.data)).collect();
            if records.is_empty() {
                return Err(Failure::Malformed(format!("the {kind} record of {name} cannot be read")));
            }
            Ok(Answer { records, ttl, authentic: found.authentic, canonical })
        })
    }
}

fn record(data: &Data) -> Option<Record> {
    Some(match data {
        Data::A(ip) => Record::A(*ip),
        Data::Aaaa(ip) => Record::Aaaa(*ip),
        Data::Mx { preference, exchange } => {
            Record::Mx(Mx { preference: *preference, exchange: exchange.as_str().into() })
        }
        Data::Ns(name) => Record::Ns(name.as_str().into()),
        Data::Cname(name) => Record::Cname(name.as_str().into()),
        Data::Ptr(name) => Record::Ptr(name.as_str().into()),
        Data::Txt(_) => Record::Txt(data.txt()?.into()),
        Data::Soa { primary, mailbox, serial, minimum, .. } => Record::Soa(Soa {
            primary: primary.as_str().into(),
            mailbox: mailbox.as_str().into(),
            serial: *serial,
            minimum: *minimum,
        }),
        Data::Srv { priority, weight, port, target } => {
            Record::Srv(Srv { priority: *priority, weight: *weight, port: *port, target: target.as_str().into() })
        }
        Data::Tlsa { usage, selector, matching, data } => {
            Record::Tlsa(Tlsa { usage: *usage, selector: *selector, matching: *matching, data: data.clone().into() })
        }
        _ => return None,
    })
}
