//! What every gatherer has at hand: the world, the names in it, the time, the settings.

use crate::dns::secure::Chains;
use crate::dns::{Found, Names, Sources};
use crate::history::Snapshot;
use crate::log::LogSeen;
use crate::net::World;
use domain::base::iana::Rtype;
use postrider_smtp::{Host, Timestamp};
use postrider_transport::tls::client::ClientTls;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a run is told. The defaults are those of a machine on the internet. It is part of a
/// case file, so that a replay is told the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where names are asked for.
    pub sources: Sources,
    /// DNSSEC trust anchors of the root, DS or DNSKEY records in zone-file form; empty for IANA's.
    pub anchors: Vec<String>,
    /// The port on which mail hosts take mail: 25.
    pub smtp_port: u16,
    /// The registry bootstrap, as IANA's dns.json; `None` for the one that is built in.
    pub rdap_bootstrap: Option<String>,
    /// The first WHOIS server, host and port.
    pub whois: (String, u16),
    /// What we call ourselves in EHLO.
    #[serde(with = "host")]
    pub hello: Host,
    /// How long the whole run may take.
    pub budget: Duration,
    /// Whether the hosts are the user's own: then intrusive checks are made.
    pub mine: bool,
    /// Whether to come again, minutes later, where strangers are put off once.
    pub wait: bool,
    /// IPv4 only, IPv6 only, or both.
    pub family: Family,
    /// Addresses that mail of the domain is sent from, where the user named them.
    pub senders: Vec<IpAddr>,
    /// DKIM selectors that the user named.
    pub selectors: Vec<String>,
    /// The recipient that the user named, local part only.
    pub recipient: Option<String>,
    /// Lists to ask for addresses and domains; empty for the usual ones.
    pub blocklists: Option<Vec<String>>,
    /// Hosts whose port 25 tells whether ours is blocked; empty for the usual ones.
    pub controls: Option<Vec<String>>,
    /// The MTA-STS policy and other web pages are fetched from this port; 443.
    pub https_port: u16,
    /// Whether the time was given by the user, so that it says nothing about this machine's clock.
    pub clock_is_given: bool,
    /// Checks and groups to judge; empty for all.
    pub only: Vec<String>,
    /// Checks and groups to leave out.
    pub skip: Vec<String>,
    /// What earlier runs saw, oldest first.
    pub history: Vec<Snapshot>,
    /// What mail servers' logs tell of the domain, where the user named some.
    pub log: Option<LogSeen>,
}

impl Settings {
    /// Whether a check is wanted, by its id or its group.
    pub fn wants(&self, id: &str) -> bool {
        let group = crate::catalogue::find(id).map_or("", |check| check.group);
        let named = |names: &[String]| names.iter().any(|name| name == id || name == group);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

/// A host in a case file.
mod host {
    use postrider_smtp::Host;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(host: &Host, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(host)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Host, D::Error> {
        Host::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Which addresses are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Whether an address may be tried.
    pub const fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sources: Sources { port: 53, ..Sources::default() },
            anchors: Vec::new(),
            smtp_port: 25,
            rdap_bootstrap: None,
            whois: ("whois.iana.org".into(), 43),
            hello: Host::Literal(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            budget: Duration::from_millis(4_700),
            mine: false,
            wait: false,
            family: Family::Any,
            senders: Vec::new(),
            selectors: Vec::new(),
            recipient: None,
            blocklists: None,
            controls: None,
            https_port: 443,
            clock_is_given: false,
            only: Vec::new(),
            skip: Vec::new(),
            history: Vec::new(),
            log: None,
        }
    }
}

/// One run's surroundings. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    /// The one way out.
    pub world: Arc<dyn World>,
    /// Finds names, through the world.
    pub names: Arc<Names>,
    /// How far names can be trusted, by DNSSEC.
    pub chains: Arc<Chains>,
    /// The client side of TLS.
    pub tls: Arc<ClientTls>,
    /// What time it is, for the whole run.
    pub now: Timestamp,
    /// What the run was told.
    pub settings: Arc<Settings>,
    began: Instant,
}

impl Ctx {
    /// A run that begins now.
    pub fn new(world: Arc<dyn World>, tls: Arc<ClientTls>, now: Timestamp, settings: Settings) -> Self {
        let names = Arc::new(Names::new(Arc::clone(&world), settings.sources.clone()));
        let chains = Arc::new(Chains::new(&settings.anchors, settings.sources.closed));
        Self { world, names, chains, tls, now, settings: Arc::new(settings), began: Instant::now() }
    }

    /// How much of the time is left.
    pub fn left(&self) -> Duration {
        self.settings.budget.saturating_sub(self.began.elapsed())
    }

    /// That long, or what is left when it is less.
    pub fn within(&self, limit: Duration) -> Duration {
        limit.min(self.left())
    }

    /// When the run began, for the live line.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// What there is of a name and type.
    pub async fn find(&self, name: &str, kind: Rtype) -> Arc<Found> {
        self.names.find(name, kind).await
    }

    /// The addresses of a host that may be tried, IPv4 first, and whether either question failed.
    pub async fn addresses(&self, host: &str) -> (Vec<IpAddr>, Option<postrider_dns::Failure>) {
        let (four, six) = tokio::join!(self.find(host, Rtype::A), self.find(host, Rtype::AAAA));
        let ips = four.all().iter().chain(six.all()).filter_map(|rr| rr.data.address());
        let ips: Vec<IpAddr> = ips.filter(|ip| self.settings.family.takes(*ip)).take(16).collect();
        let failure = [&four.records, &six.records].into_iter().filter_map(|records| records.as_ref().err());
        let worst = failure.max_by_key(|failure| !failure.is_absence()).cloned();
        let failure =
            if ips.is_empty() || worst.as_ref().is_some_and(|failure| !failure.is_absence()) { worst } else { None };
        (ips, failure)
    }

    /// Where a host takes mail.
    pub fn smtp(&self, ip: IpAddr) -> SocketAddr {
        (ip, self.settings.smtp_port).into()
    }
}
