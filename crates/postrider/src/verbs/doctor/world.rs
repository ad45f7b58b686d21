//! The options that say where the world is: resolvers, roots, authorities, ports, the clock.

use crate::exit::{Exit, Failure};
use crate::verbs::now;
use clap::Args;
use postrider_diagnosis::ctx::{Ctx, Family, Settings};
use postrider_diagnosis::dns::Sources;
use postrider_diagnosis::dns::{anchors, hints};
use postrider_diagnosis::net::World;
use postrider_smtp::{Host, Timestamp};
use postrider_transport::tls::client::ClientTls;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the world is. None is needed on the internet; all are for closed networks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "The world")]
pub(crate) struct WorldArgs {
    /// Ask this resolver instead of the system's; may be repeated
    #[arg(long, value_name = "IP[:PORT]", global = true)]
    pub(crate) resolver: Vec<String>,
    /// The root servers, as in named.root
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) root_hints: Option<PathBuf>,
    /// The root's DNSSEC keys: DS or DNSKEY records
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) trust_anchor: Option<PathBuf>,
    /// The port on which name servers answer
    #[arg(long, value_name = "PORT", default_value_t = 53, global = true)]
    pub(crate) dns_port: u16,
    /// The port on which mail hosts take mail
    #[arg(long, value_name = "PORT", default_value_t = 25, global = true)]
    pub(crate) smtp_port: u16,
    /// The port on which policies are fetched
    #[arg(long, value_name = "PORT", default_value_t = 443, global = true)]
    pub(crate) https_port: u16,
    /// Which registry knows which domains, as IANA's dns.json
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) rdap_bootstrap: Option<PathBuf>,
    /// The first WHOIS server to ask [default: whois.iana.org]
    #[arg(long, value_name = "HOST[:PORT]", global = true)]
    pub(crate) whois: Option<String>,
    /// The certificate authorities, as PEM [default: the system's]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// What time it is, such as 2026-11-27T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", global = true)]
    pub(crate) now: Option<String>,
    /// Connect to mail hosts from this address
    #[arg(long, value_name = "IP", global = true)]
    pub(crate) source: Option<IpAddr>,
    /// What to call ourselves in EHLO [default: this machine's name]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) ehlo: Option<String>,
    /// Hosts by which to tell whether port 25 is closed from here; may be repeated
    #[arg(long = "control", value_name = "HOST[:PORT]", global = true)]
    pub(crate) controls: Vec<String>,
    /// Ask these blocklists instead of the usual ones; may be repeated
    #[arg(long = "blocklist", value_name = "ZONE", global = true)]
    pub(crate) blocklists: Vec<String>,
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", global = true)]
    pub(crate) ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, global = true)]
    pub(crate) ipv6: bool,
    /// How many seconds it may take
    #[arg(long, value_name = "S", default_value_t = USUAL_TIMEOUT, global = true)]
    pub(crate) timeout: f64,
}

impl WorldArgs {
    /// What a run is told by these options.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let budget = self.timeout.is_finite() && self.timeout > 0.0 && self.timeout <= 3600.0;
        if !budget {
            return Err(usage("--timeout", &self.timeout.to_string(), "seconds, more than 0 and at most 3600"));
        }
        let mut settings = Settings {
            sources: self.sources()?,
            smtp_port: self.smtp_port,
            https_port: self.https_port,
            budget: Duration::from_secs_f64(self.timeout),
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Family::V4,
                (_, true) => Family::V6,
                _ => Family::Any,
            },
            controls: (!self.controls.is_empty()).then(|| self.controls.clone()),
            blocklists: (!self.blocklists.is_empty()).then(|| self.blocklists.clone()),
            hello: self.hello()?,
            clock_is_given: self.now.is_some(),
            ..Settings::default()
        };
        if let Some(path) = &self.trust_anchor {
            settings.anchors = anchors::read(&file("--trust-anchor", path)?)
                .map_err(|fault| Failure::new(Exit::Data, format!("{}: {fault}", path.display())))?;
        }
        if let Some(path) = &self.rdap_bootstrap {
            settings.rdap_bootstrap = Some(file("--rdap-bootstrap", path)?);
        }
        if let Some(whois) = &self.whois {
            settings.whois = host_and_port("--whois", whois, 43)?;
        }
        Ok(settings)
    }

    fn sources(&self) -> Result<Sources, Failure> {
        let mut resolvers = Vec::new();
        for text in &self.resolver {
            let address = text.parse::<SocketAddr>().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
            resolvers.push(address.ok_or_else(|| usage("--resolver", text, "an IP address, perhaps with a port"))?);
        }
        let closed = self.root_hints.is_some();
        if resolvers.is_empty() && !closed {
            resolvers = system_resolvers();
        }
        let hints = match &self.root_hints {
            None => hints::iana(),
            Some(path) => hints::read(&file("--root-hints", path)?)
                .map_err(|fault| Failure::new(Exit::Data, format!("{}: {fault}", path.display())))?,
        };
        Ok(Sources { resolvers, hints, port: self.dns_port, closed })
    }

    fn hello(&self) -> Result<Host, Failure> {
        let given = self
            .ehlo
            .clone()
            .unwrap_or_else(|| rustix::system::uname().nodename().to_str().unwrap_or("localhost").to_owned());
        let host = Host::parse(&given);
        match (&self.ehlo, host) {
            (_, Ok(host)) => Ok(host),
            (None, Err(_)) => Ok(Settings::default().hello),
            (Some(text), Err(fault)) => Err(usage("--ehlo", text, &fault.to_string())),
        }
    }

    /// Whether the time a run may take was left as it is.
    pub(crate) fn has_usual_timeout(&self) -> bool {
        (self.timeout - USUAL_TIMEOUT).abs() < f64::EPSILON
    }

    /// The time it is to be.
    pub(crate) fn clock(&self) -> Result<Timestamp, Failure> {
        let Some(text) = &self.now else { return Ok(now()) };
        if let Ok(seconds) = text.parse::<i64>() {
            return Ok(Timestamp(seconds.saturating_mul(1000)));
        }
        text.parse::<jiff::Timestamp>()
            .map(|at| Timestamp(at.as_millisecond()))
            .map_err(|_| usage("--now", text, "a time such as 2026-11-27T12:00:00Z, or seconds since 1970"))
    }

    /// The client side of TLS.
    pub(crate) fn tls(&self) -> Result<Arc<ClientTls>, Failure> {
        let tls = ClientTls::new(self.ca.as_deref()).map_err(|fault| Failure::new(Exit::NoInput, fault.to_string()))?;
        Ok(Arc::new(tls))
    }

    /// A run in that world, with those settings.
    pub(crate) fn ctx(&self, world: Arc<dyn World>, settings: Settings) -> Result<Ctx, Failure> {
        Ok(Ctx::new(world, self.tls()?, self.clock()?, settings))
    }
}

/// Seconds that a run may take.
const USUAL_TIMEOUT: f64 = 4.7;

fn usage(option: &str, text: &str, wanted: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{option} {text}: not understood; it takes {wanted}"))
}

fn file(option: &str, path: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::NoInput, format!("{option} {}: {error}", path.display())))
}

/// A host with a port, or with the usual one.
pub(crate) fn host_and_port(option: &str, text: &str, usual: u16) -> Result<(String, u16), Failure> {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text.to_owned(), usual));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    match text.rsplit_once(':') {
        None if !text.is_empty() => Ok((text.to_owned(), usual)),
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok((host.to_owned(), port.parse().unwrap_or(usual)))
        }
        _ => Err(usage(option, text, "a host, perhaps with a port")),
    }
}

/// The name servers of resolv.conf (resolv.conf(5): at most three).
fn system_resolvers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    // An address with a zone, fe80::1%eth0, cannot be asked without the zone's number.
    servers.filter_map(|rest| rest.trim().parse::<IpAddr>().ok()).map(|ip| SocketAddr::new(ip, 53)).take(3).collect()
}
