//! How this relay delivers: what an operator may decide, each with its default and the reason for it.

use crate::pattern::Pattern;
use postrider_smtp::{Domain, Host};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a hop uses TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TlsMode {
    /// Never.
    None,
    /// When it is offered, with any certificate; in clear when the handshake fails.
    #[default]
    Opportunistic,
    /// Always, with any certificate.
    Required,
    /// Always, with a certificate of a trusted authority for the host's name.
    Verify,
    /// From the first octet (port 465), with a certificate of a trusted authority (RFC 8314 §3.3).
    Implicit,
}

impl TlsMode {
    /// All modes.
    pub const ALL: [Self; 5] = [Self::None, Self::Opportunistic, Self::Required, Self::Verify, Self::Implicit];

    /// The name used in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opportunistic => "opportunistic",
            Self::Required => "required",
            Self::Verify => "verify",
            Self::Implicit => "implicit",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// User and password for a smart host. Never shown: `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({}, …)", self.user)
    }
}

/// Where mail for some domains goes, whatever their MX records say.
#[derive(Debug, Clone)]
pub struct StaticRoute {
    /// The name under which its mail waits (`route:NAME`); unique.
    pub name: Arc<str>,
    /// For which domains.
    pub patterns: Vec<Pattern>,
    /// The host; a name is looked up for its addresses, not for its MX records.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How it uses TLS.
    pub tls: TlsMode,
    /// Who we are there.
    pub login: Option<Login>,
    /// Whether its addresses may be private: an operator who names a host means it.
    pub private_addresses: bool,
}

impl StaticRoute {
    /// A route to a host for one pattern, by the default port, with opportunistic TLS and no login.
    pub fn new(pattern: Pattern, host: Host, port: u16) -> Self {
        Self {
            name: pattern.to_string().into(),
            patterns: vec![pattern],
            host,
            port,
            tls: TlsMode::Opportunistic,
            login: None,
            private_addresses: true,
        }
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What we call ourselves in EHLO: a name that points to our address and back (RFC 5321 §4.1.4).
    pub hello: String,
    /// Names under which other hosts know this relay: an MX of such a name is ourselves.
    pub own_names: Vec<Domain>,
    /// Addresses at which this relay listens: a host at such an address and at [`Settings::port`] is ourselves.
    pub own_addresses: Vec<IpAddr>,
    /// The port of mail hosts found in the DNS. 25, but for tests and laboratories.
    pub port: u16,
    /// Routes that stand before the DNS; the most specific pattern wins.
    pub routes: Vec<StaticRoute>,
    /// Whether hosts found in the DNS may be at private, loopback and other inside addresses. No:
    /// or anybody's MX record reaches into our network.
    pub private_addresses: bool,
    /// Addresses to send from; empty leaves it to the operating system.
    pub sources: Vec<IpAddr>,
    /// Whether IPv6 is used where the machine has a route for it.
    pub ipv6: bool,
    /// How hosts found in the DNS use TLS.
    pub tls: TlsMode,
    /// A PEM file of authorities to trust in place of the operating system's.
    pub ca_file: Option<PathBuf>,
    /// At most so many MX hosts of one domain are looked at; a domain may have 300.
    pub hosts_max: usize,
    /// At most so many addresses are tried in one attempt: each may cost a connect time-out.
    pub addresses_max: usize,
    /// How long a connection may take. RFC 5321 names no time; the system would wait two minutes,
    /// and a host that is there answers within a second.
    pub connect_timeout: Duration,
    /// How long each phase of a session may take.
    pub timeouts: postrider_smtp::client::Timeouts,
    /// At most so many idle connections are kept in all.
    pub idle_connections_max: usize,
    /// An idle connection is kept for so long. Short: a host's slot is not ours to hold
    /// (Postfix keeps 2 s), and under load no connection is idle for so long.
    pub idle_max: Duration,
    /// A connection is used for so many messages. Large, as a kept connection is the cheapest;
    /// not endless, so that load moves when MX records do.
    pub messages_per_connection_max: u32,
    /// At most so many recipients in one transaction; every host must take 100 (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Whether BDAT is used where it is offered.
    pub chunking: bool,
    /// At most so many routes are remembered.
    pub routes_kept_max: usize,
    /// A route is remembered for at least so long, whatever its TTL, and for at most [`Settings::route_kept_max`].
    pub route_kept_min: Duration,
    /// See [`Settings::route_kept_min`].
    pub route_kept_max: Duration,
    /// For how long a host is remembered whose STARTTLS failed, to be spoken to in clear.
    pub tls_failure_kept: Duration,
    /// What draws among hosts of equal preference are made from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hello: "localhost.localdomain".into(),
            own_names: Vec::new(),
            own_addresses: Vec::new(),
            port: 25,
            routes: Vec::new(),
            private_addresses: false,
            sources: Vec::new(),
            ipv6: true,
            tls: TlsMode::Opportunistic,
            ca_file: None,
            hosts_max: 10,
            addresses_max: 8,
            connect_timeout: Duration::from_secs(30),
            timeouts: postrider_smtp::client::Timeouts::default(),
            idle_connections_max: 1000,
            idle_max: Duration::from_secs(5),
            messages_per_connection_max: 1000,
            recipients_max: 100,
            chunking: true,
            routes_kept_max: 50_000,
            route_kept_min: Duration::from_secs(5),
            route_kept_max: Duration::from_secs(3600),
            tls_failure_kept: Duration::from_secs(3600),
            seed: 0,
        }
    }
}
