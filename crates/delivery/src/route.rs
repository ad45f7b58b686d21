//! The hosts behind a destination: from a static route, from MX records, or from a number.

use crate::{Delivery, Login, StaticRoute, TlsMode, site};
use postrider_dns::{Exchanges, Failure, Mx, exchanges, mx};
use postrider_smtp::{Destination, Domain, Host, Phase, Trouble, TroubleKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The way to a destination: its hosts, in the order they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The neighbour behind the destination: one name for all domains with the same provider.
    pub site: Arc<str>,
    /// The hosts, best first; at least one.
    pub hosts: Vec<RouteHost>,
    /// Their port.
    pub port: u16,
    /// How they use TLS.
    pub tls: TlsMode,
    /// The static route that it is, when it is one.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) login: Option<Login>,
    pub(crate) private_addresses: bool,
}

/// One host of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHost {
    /// Its name, or its address in brackets.
    pub name: Arc<str>,
    /// Its MX preference; 0 when there is no MX record.
    pub preference: u16,
    /// Its address, when it is known without asking.
    pub address: Option<IpAddr>,
}

impl RouteHost {
    fn new(host: &Host) -> Self {
        let address = match host {
            Host::Literal(ip) => Some(*ip),
            Host::Domain(_) => None,
        };
        Self { name: host.to_string().into(), preference: 0, address }
    }
}

impl Delivery {
    /// Asks the DNS, or not; also says for how long the answer stands.
    pub(crate) async fn find_route(&self, destination: &Destination) -> Result<(Route, Duration), Trouble> {
        match destination {
            Destination::Route(name) => match self.settings.routes.iter().find(|route| route.name == *name) {
                Some(route) => Ok((static_route(route), self.settings.route_kept_max)),
                None => Err(trouble(TroubleKind::LocalFault, format!("the configuration has no route named {name}"))),
            },
            Destination::Literal(ip) => {
                let host = Host::Literal(*ip);
                let route = self.route_to(host.to_string().into(), vec![RouteHost::new(&host)]);
                Ok((route, self.settings.route_kept_max))
            }
            Destination::Domain(domain) => self.route_by_exchanges(domain).await,
        }
    }

    async fn route_by_exchanges(&self, domain: &Domain) -> Result<(Route, Duration), Trouble> {
        let (records, ttl) = match mx(&*self.resolver, domain.as_str()).await {
            Ok(answer) => (answer.records, answer.ttl),
            // RFC 5321 §5.1: without MX records the domain itself is its mail host.
            Err(Failure::NoData { ttl }) => (vec![Mx { preference: 0, exchange: domain.as_str().into() }], ttl),
            Err(failure) => return Err(dns_trouble(&failure, domain.as_str(), TroubleKind::DomainNotFound)),
        };
        let ordered = match exchanges(records, self.draw()) {
            // No fallback to A here: a null MX means no mail, RFC 7505 §3.
            Exchanges::Null => return Err(trouble(TroubleKind::NullMx, format!("{domain} takes no mail (null MX)"))),
            Exchanges::Hosts(hosts) => hosts,
        };
        if ordered.is_empty() {
            return Err(trouble(TroubleKind::NoAddress, format!("the MX records of {domain} name no host")));
        }
        let others = self.before_ourselves(domain, ordered)?;
        let site = site::of_exchanges(&others).unwrap_or_else(|| domain.as_str().into());
        let host = |mx: Mx| RouteHost { name: mx.exchange.into(), preference: mx.preference, address: None };
        let hosts = others.into_iter().take(self.settings.hosts_max).map(host).collect();
        Ok((self.route_to(site, hosts), ttl))
    }

    /// RFC 5321 §5.1: when we are among the exchanges, we and all less preferred are left out;
    /// when nobody is left, the mail would come back to us for ever.
    fn before_ourselves(&self, domain: &Domain, mut hosts: Vec<Mx>) -> Result<Vec<Mx>, Trouble> {
        let is_own = |mx: &&Mx| self.settings.own_names.iter().any(|name| name.as_str() == &*mx.exchange);
        let Some(ours) = hosts.iter().filter(is_own).map(|mx| mx.preference).min() else { return Ok(hosts) };
        hosts.retain(|mx| mx.preference < ours);
        if hosts.is_empty() {
            let detail = format!("the best mail host of {domain} is this relay, which is not set up to take its mail");
            return Err(trouble(TroubleKind::LoopsBack, detail));
        }
        Ok(hosts)
    }

    fn route_to(&self, site: Arc<str>, hosts: Vec<RouteHost>) -> Route {
        Route {
            site,
            hosts,
            port: self.settings.port,
            tls: self.settings.tls,
            name: None,
            login: None,
            private_addresses: self.settings.private_addresses,
        }
    }
}

fn static_route(route: &StaticRoute) -> Route {
    let host = RouteHost::new(&route.host);
    Route {
        site: host.name.clone(),
        hosts: vec![host],
        port: route.port,
        tls: route.tls,
        name: Some(route.name.clone()),
        login: route.login.clone(),
        private_addresses: route.private_addresses,
    }
}

pub(crate) fn trouble(kind: TroubleKind, detail: String) -> Trouble {
    Trouble { phase: Phase::Connect, kind, errno: None, detail }
}

/// What a failed look-up means; `absent` is what it means that there is nothing.
pub(crate) fn dns_trouble(failure: &Failure, name: &str, absent: TroubleKind) -> Trouble {
    let kind = match failure {
        Failure::NoSuchDomain { .. } => absent,
        Failure::NoData { .. } => TroubleKind::NoAddress,
        Failure::Timeout(_) => TroubleKind::DnsTimeout,
        Failure::ServFail(_) | Failure::Refused(_) | Failure::Malformed(_) => TroubleKind::DnsFailed,
    };
    trouble(kind, format!("{name}: {failure}"))
}
