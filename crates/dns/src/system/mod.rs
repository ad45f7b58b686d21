//! A resolver that asks real name servers: those of the system, or a given list.
//!
//! Wire format, sockets, retransmission, spoofing defences, and the turn to TCP when an answer
//! does not fit a datagram are hickory's. Ours are the order in which servers are asked, the
//! CNAME chain, the cache, and telling failures apart with the server's address in the text.
//!
//! Identical questions asked at the same time are one question on the wire. Answers, absences
//! and trouble are all kept for a while; the number kept is bounded.
//!
//! Not here: the hosts file and search lists (mail is routed by the DNS alone, RFC 5321 §5.1),
//! and DNSSEC validation (see [`Settings::trust_authentic`]).

mod cache;
mod chain;

use crate::resolver::canonical;
use crate::zone::ALIASES_MAX;
use crate::{Answer, Failure, Kind, Looking, Resolver};
use cache::Cache;
use chain::{Found, record_type};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig, system_conf};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The largest answer asked for in one datagram; larger ones come by TCP (RFC 9715 §3.2).
const DATAGRAM_BYTES_MAX: u16 = 1232;

/// How name servers are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name servers, tried in this order; empty means those of the system's configuration.
    pub servers: Vec<SocketAddr>,
    /// How long one server is waited for. Three seconds: a recursive server that has to walk
    /// from the root through a lossy path takes one or two; lost datagrams are repeated within it.
    pub server_timeout: Duration,
    /// How often the servers that did not answer are asked. Two: mail is queued, a look-up that
    /// fails is tried again by the queue anyway, and a worker should not wait for a minute.
    pub rounds: u32,
    /// Questions on the wire at the same time. Well within the descriptors of an ordinary
    /// process, and more than a name server likes to get from one client.
    pub queries_max: usize,
    /// Answers kept. At some 300 bytes each, 20 MB when full.
    pub cache_entries_max: usize,
    /// Answers are kept at least so long. A second: a TTL of zero must not make each mail of a burst ask.
    pub ttl_min: Duration,
    /// Answers are kept at most so long. A day (RFC 8767 §4 says a week at most).
    pub ttl_max: Duration,
    /// Absence is kept at most so long. An hour (RFC 2308 §5): a domain set up just now should get its mail.
    pub absence_ttl_max: Duration,
    /// SERVFAIL, REFUSED and time-outs are kept so long. Five seconds: RFC 9520 §3.2 asks for
    /// one at least, and the next attempt of the queue should ask anew.
    pub trouble_ttl: Duration,
    /// Whether a server that is not on this machine is believed when it says that it has
    /// validated an answer. No: the path to it is not protected (RFC 7672 §2.2).
    pub trust_authentic: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            server_timeout: Duration::from_secs(3),
            rounds: 2,
            queries_max: 128,
            cache_entries_max: 65_536,
            ttl_min: Duration::from_secs(1),
            ttl_max: Duration::from_secs(86_400),
            absence_ttl_max: Duration::from_secs(3_600),
            trouble_ttl: Duration::from_secs(5),
            trust_authentic: false,
        }
    }
}

/// Why the adapter cannot work at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SystemError {
    /// The system's configuration could not be read.
    #[error("the system's DNS configuration cannot be read; name a server by its address instead: {0}")]
    Configuration(String),
}

/// The resolver for real name servers. Cheap to share, not to make.
pub struct System {
    settings: Settings,
    servers: Vec<Server>,
    /// Which server answered last; the others are asked after it.
    preferred: AtomicUsize,
    permits: Semaphore,
    cache: Cache,
}

struct Server {
    address: SocketAddr,
    /// A pool of this one server: it shares identical questions, and turns to TCP where needed.
    pool: NameServerPool<TokioRuntimeProvider>,
}

impl System {
    /// A resolver; nothing is asked yet.
    pub fn new(settings: Settings) -> Result<Self, SystemError> {
        let addresses = if settings.servers.is_empty() { system_servers() } else { settings.servers.clone() };
        let servers =
            addresses.into_iter().map(|address| Server::new(address, &settings)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            servers,
            preferred: AtomicUsize::new(0),
            permits: Semaphore::new(settings.queries_max.max(1)),
            cache: Cache::new(settings.cache_entries_max),
            settings,
        })
    }

    /// The servers that are asked, in their configured order.
    pub fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(|server| server.address)
    }

    /// Forgets all that is kept, so that the next questions are asked anew.
    pub fn forget(&self) {
        self.cache.clear();
    }

    /// Asks until the end of the CNAME chain is found.
    async fn resolve(&self, name: &str, kind: Kind) -> Result<Answer, Failure> {
        let mut target = chain::parsed(name)?;
        let mut ttl = u32::MAX;
        let mut authentic = true;
        let mut hops = 0;
        loop {
            let (response, trusted) = self.ask(&target, kind).await?;
            authentic &= trusted && response.metadata.authentic_data;
            let found = chain::follow(&response, &target, kind)?;
            hops += found.hops();
            ttl = ttl.min(found.ttl());
            match found {
                Found::Records { records, owner, .. } => {
                    let canonical = (hops > 0).then(|| chain::shown(&owner));
                    return Ok(Answer { records, ttl: Duration::from_secs(ttl.into()), authentic, canonical });
                }
                Found::Alias { owner, .. } if hops <= ALIASES_MAX => target = owner,
                Found::Alias { .. } => {
                    return Err(Failure::Malformed(format!("more than {ALIASES_MAX} CNAMEs in a chain")));
                }
            }
        }
    }

    /// Asks server by server; gives the answer, and whether its word on authenticity is taken.
    async fn ask(&self, name: &Name, kind: Kind) -> Result<(DnsResponse, bool), Failure> {
        let _permit = self.permits.acquire().await;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut silent: Vec<usize> = (0..self.servers.len()).map(|at| (first + at) % self.servers.len()).collect();
        let mut told: Option<Failure> = None;
        let mut silence = Failure::Timeout("there is no name server to ask".into());
        for _ in 0..self.settings.rounds.max(1) {
            // A server that said what it had to say is not asked again; a silent one is.
            for index in std::mem::take(&mut silent) {
                let Some(server) = self.servers.get(index) else { continue };
                match server.ask(name, kind, self.settings.server_timeout).await {
                    Ok(response) => {
                        self.preferred.store(index, Ordering::Relaxed);
                        let trusted = self.settings.trust_authentic || server.address.ip().is_loopback();
                        return Ok((response, trusted));
                    }
                    Err(failure) if failure.is_absence() => {
                        self.preferred.store(index, Ordering::Relaxed);
                        return Err(failure);
                    }
                    Err(failure @ Failure::Timeout(_)) => {
                        silent.push(index);
                        silence = failure;
                    }
                    Err(failure) => told = Some(failure),
                }
            }
        }
        Err(told.unwrap_or(silence))
    }

    /// Puts the time an answer stays true into our bounds.
    fn bounded(&self, result: Result<Answer, Failure>) -> (Result<Answer, Failure>, Duration) {
        let Settings { ttl_min, ttl_max, absence_ttl_max, trouble_ttl, .. } = &self.settings;
        let absent = |ttl: Duration| ttl.min(*absence_ttl_max).max(*ttl_min);
        match result {
            Ok(answer) => {
                let ttl = answer.ttl.min(*ttl_max).max(*ttl_min);
                (Ok(Answer { ttl, ..answer }), ttl)
            }
            Err(Failure::NoSuchDomain { ttl }) => (Err(Failure::NoSuchDomain { ttl: absent(ttl) }), absent(ttl)),
            Err(Failure::NoData { ttl }) => (Err(Failure::NoData { ttl: absent(ttl) }), absent(ttl)),
            Err(trouble) => (Err(trouble), *trouble_ttl),
        }
    }
}

impl Resolver for System {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        let name = canonical(name);
        if let Some(kept) = self.cache.look(&name, kind, Instant::now()) {
            return Box::pin(std::future::ready(kept));
        }
        Box::pin(async move {
            let (result, keep) = self.bounded(self.resolve(&name, kind).await);
            self.cache.keep(&name, kind, &result, Instant::now() + keep);
            result
        })
    }
}

impl Server {
    fn new(address: SocketAddr, settings: &Settings) -> Result<Self, SystemError> {
        let mut options = ResolverOpts::default();
        options.timeout = settings.server_timeout;
        options.max_active_requests = settings.queries_max;
        options.edns_payload_len = DATAGRAM_BYTES_MAX;
        let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
        udp.port = address.port();
        tcp.port = address.port();
        let config = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
        let tls = TlsConfig::new().map_err(|error| SystemError::Configuration(error.to_string()))?;
        let context = Arc::new(PoolContext::new(options, tls));
        let pool = NameServerPool::from_config([config], context, TokioRuntimeProvider::default());
        Ok(Self { address, pool })
    }

    async fn ask(&self, name: &Name, kind: Kind, timeout: Duration) -> Result<DnsResponse, Failure> {
        let mut options = DnsRequestOptions::default();
        options.edns_payload_len = DATAGRAM_BYTES_MAX;
        let query = Query::query(name.clone(), record_type(kind));
        let mut request = DnsRequest::from_query(query, options);
        // RFC 6840 §5.7: AD in a question asks for AD in the answer, without the signatures DO would bring.
        request.metadata.authentic_data = true;
        match tokio::time::timeout(timeout, self.pool.send(request).first_answer()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failure(error, timeout)),
            Err(_) => Err(self.failure(NetError::Timeout, timeout)),
        }
    }

    fn failure(&self, error: NetError, timeout: Duration) -> Failure {
        let address = self.address;
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => absence(address, &none),
            NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Failure::Refused(address.to_string()),
            NetError::Dns(error) => Failure::ServFail(format!("{address}: {error}")),
            NetError::Timeout => Failure::Timeout(format!("{address} within {} s", timeout.as_secs_f32())),
            error @ (NetError::Busy | NetError::NoConnections | NetError::Io(_)) => {
                Failure::Timeout(format!("{address}: {error}"))
            }
            error => Failure::Malformed(format!("{address}: {error}")),
        }
    }
}

/// NXDOMAIN, no data, or a referral, which is no answer at all.
fn absence(address: SocketAddr, none: &NoRecords) -> Failure {
    let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
    match none.response_code {
        ResponseCode::NXDomain => Failure::NoSuchDomain { ttl },
        ResponseCode::NoError if none.soa.is_none() && none.ns.is_some() => {
            Failure::ServFail(format!("{address} refers to other name servers: it does not resolve names for us"))
        }
        ResponseCode::NoError => Failure::NoData { ttl },
        code => Failure::ServFail(format!("{address}: {code}")),
    }
}

/// The servers of the system's configuration; without any, the one on this machine (resolv.conf(5)).
fn system_servers() -> Vec<SocketAddr> {
    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
    let Ok((config, _)) = system_conf::read_system_conf() else {
        return vec![LOCAL];
    };
    let mut servers: Vec<SocketAddr> =
        config.name_servers.iter().map(|server| SocketAddr::new(server.ip, 53)).collect();
    servers.dedup();
    if servers.is_empty() { vec![LOCAL] } else { servers }
}
