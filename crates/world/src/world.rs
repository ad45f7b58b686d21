//! The world itself: a network of loopback addresses, a name server, and the hosts.

use crate::manner::Host;
use crate::name_server::NameServer;
use crate::persona::{HOME, Manner, PERSONAS, Persona};
use crate::session;
use crate::tally::{HostTally, Taken, Tally};
use postrider_dns::Zone;
use postrider_transport::tls::server::ServerTls;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The network of the world is 127.77.0.0/24: loopback on Linux without any set-up.
const NETWORK: [u8; 3] = [127, 77, 0];
/// How often a port is looked for that is free at all hosts.
const PORT_ATTEMPTS_MAX: u32 = 50;

/// How the world behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where chance begins: the same seed makes `flaky.test` drop the same connections.
    pub seed: u64,
    /// How long `greylist.test` puts a triplet off. Five minutes, as most do.
    pub greylist_for: Duration,
    /// The window of `rate.test`.
    pub rate_window: Duration,
    /// Messages that `rate.test` takes in one window.
    pub rate_messages_max: u32,
    /// How long `busy.test` is out of order.
    pub trouble_for: Duration,
    /// How long `slow.test` thinks before each reply.
    pub slow_pause: Duration,
    /// Octets of the largest message that `small.test` takes.
    pub small_bytes_max: u64,
    /// Messages whose content is kept, of all hosts together; the counters count on.
    pub messages_kept_max: usize,
    /// Further lines for the zone, see [`Zone::parse`].
    pub zone: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            greylist_for: Duration::from_secs(300),
            rate_window: Duration::from_secs(60),
            rate_messages_max: 20,
            trouble_for: Duration::from_secs(60),
            slow_pause: Duration::from_secs(1),
            small_bytes_max: 64 * 1024,
            messages_kept_max: 1000,
            zone: String::new(),
        }
    }
}

/// A running world; it ends when it is dropped.
#[derive(Debug)]
pub struct World {
    names: NameServer,
    smtp_port: u16,
    tally: Arc<Tally>,
    _hosts: JoinSet<()>,
}

impl World {
    /// Starts the name server and all hosts.
    ///
    /// All hosts listen on one port, which is free at each of them: a relay is told it once, as
    /// port 25 is out of reach for an ordinary user.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let zone = Zone::parse(&zone_text(&settings.zone))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("zone: {error}")))?;
        let names = NameServer::start(address(53), zone).await?;
        let listeners = bind_all().await?;
        let smtp_port = listeners.first().map_or(Ok(0), |(_, first)| first.local_addr().map(|at| at.port()))?;
        let tally = Arc::new(Tally::new(settings.messages_kept_max));
        // Nobody has signed it but itself, as with many real mail hosts.
        let tls = ServerTls::self_signed(&["mx.tls.test", "localhost"]).map_err(io::Error::other)?;
        let now = Instant::now();
        let mut hosts = JoinSet::new();
        for (persona, listener) in listeners {
            let host = Host::new(persona, settings.clone(), Arc::clone(&tally), now);
            hosts.spawn(session::listen(listener, Arc::new(host), tls.clone()));
        }
        Ok(Self { names, smtp_port, tally, _hosts: hosts })
    }

    /// Where the name server listens, by UDP and TCP.
    pub fn name_server(&self) -> SocketAddr {
        self.names.address()
    }

    /// The names of this world, without a socket.
    pub fn zone(&self) -> &Zone {
        self.names.zone()
    }

    /// The port on which all hosts listen.
    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// Where the host of a domain listens; `None` for domains without a host of their own.
    pub fn host(&self, domain: &str) -> Option<SocketAddr> {
        let persona = Persona::of(domain).filter(|persona| persona.manner.listens())?;
        Some(SocketAddr::new(address(persona.octet()).into(), self.smtp_port))
    }

    /// What each host saw so far; hosts that saw nothing are not in it. Mail for `hosted.test`
    /// and `backup.test` is taken by the host of `open.test`.
    pub fn tally(&self) -> BTreeMap<&'static str, HostTally> {
        self.tally.hosts()
    }

    /// How often each message id was taken. A message to several hosts comes to each of them.
    pub fn copies(&self) -> HashMap<Box<str>, u32> {
        self.tally.copies()
    }

    /// The first messages taken, up to [`Settings::messages_kept_max`].
    pub fn kept(&self) -> Vec<Taken> {
        self.tally.kept()
    }
}

fn address(octet: u8) -> Ipv4Addr {
    let [a, b, c] = NETWORK;
    Ipv4Addr::new(a, b, c, octet)
}

/// One listener per host, all on one port: the system picks it for the first, and when somebody
/// has it at another address, it is asked again.
async fn bind_all() -> io::Result<Vec<(&'static Persona, TcpListener)>> {
    let mut attempt = 0;
    loop {
        match bind_on_one_port().await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < PORT_ATTEMPTS_MAX => attempt += 1,
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                let [a, b, c] = NETWORK;
                return Err(io::Error::other(format!("no loopback network {a}.{b}.{c}.0/24 on this machine: {error}")));
            }
            result => return result,
        }
    }
}

async fn bind_on_one_port() -> io::Result<Vec<(&'static Persona, TcpListener)>> {
    let mut listeners = Vec::new();
    let mut port = 0;
    for persona in PERSONAS.iter().filter(|persona| persona.manner.listens()) {
        let listener = TcpListener::bind((address(persona.octet()), port)).await?;
        port = listener.local_addr()?.port();
        listeners.push((persona, listener));
    }
    Ok(listeners)
}

/// The names of all personas, and the further lines.
fn zone_text(further: &str) -> String {
    let open = Persona::of("open.test").map_or(0, Persona::octet);
    let mut text = format!("$TTL 60\nns.test A {}\n*.hosted.test MX 10 mx.open.test\n", address(53));
    for persona in &PERSONAS {
        let (domain, host, ip) = (persona.domain, persona.host(), address(persona.octet()));
        let [a, b, c, d] = ip.octets();
        text.push_str(&match persona.manner {
            Manner::BrokenDns => format!("{domain} SERVFAIL\n"),
            Manner::SilentDns => format!("{domain} TIMEOUT\n"),
            Manner::NoSuchDomain => format!("{domain} NXDOMAIN\n"),
            Manner::NullMx => format!("{domain} MX 0 .\n"),
            Manner::FirstHostDown => format!(
                "{domain} MX 10 {host}\n{host} A {ip}\n{domain} MX 20 mx2.{domain}\nmx2.{domain} A {}\n",
                address(open)
            ),
            _ => format!("{domain} MX 10 {host}\n{host} A {ip}\n{d}.{c}.{b}.{a}.in-addr.arpa PTR {host}\n"),
        });
    }
    text.push_str(&format!("{HOME} TXT \"v=spf1 ip4:127.0.0.0/8 -all\"\n"));
    text.push_str(further);
    text
}
