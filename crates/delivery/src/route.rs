//! The hosts behind a destination.

use crate::TlsMode;
use std::net::IpAddr;
use std::sync::Arc;

/// The way to a destination: its hosts, in the order they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The neighbour behind the destination: one name for all domains with the same provider.
    pub site: Arc<str>,
    /// The hosts, best first.
    pub hosts: Vec<RouteHost>,
    /// Their port.
    pub port: u16,
    /// How they use TLS.
    pub tls: TlsMode,
}

/// One host of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHost {
    /// Its name, or its address in brackets.
    pub name: Arc<str>,
    /// Its MX preference; 0 when there is no MX record.
    pub preference: u16,
    /// Its addresses, when they are known without asking.
    pub addresses: Vec<IpAddr>,
}
