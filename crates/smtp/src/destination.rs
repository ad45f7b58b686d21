//! Where mail waits for the same next hop: the unit of queueing.

use crate::{Address, AddressError, Domain, Host};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// The next hop of a recipient, before it is looked up.
///
/// Written `example.com`, `[192.0.2.1]` or `route:NAME`, and read back from that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// The hosts behind a domain's MX records.
    Domain(Domain),
    /// One host by number.
    Literal(IpAddr),
    /// A route of the configuration, by its name: a smart host, or a host for some domains.
    Route(Arc<str>),
}

impl Destination {
    /// Where an address goes when no route of the configuration says otherwise.
    pub fn of(address: &Address) -> Self {
        match address.host() {
            Host::Domain(domain) => Self::Domain(domain.clone()),
            Host::Literal(ip) => Self::Literal(*ip),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(ip) => Host::Literal(*ip).fmt(f),
            Self::Route(name) => write!(f, "route:{name}"),
        }
    }
}

impl FromStr for Destination {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(name) = text.strip_prefix("route:") {
            return Ok(Self::Route(name.into()));
        }
        Ok(match Host::parse(text)? {
            Host::Domain(domain) => Self::Domain(domain),
            Host::Literal(ip) => Self::Literal(ip),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]", "route:smart host"] {
            assert_eq!(text.parse::<Destination>().map(|d| d.to_string()), Ok(text.to_owned()));
        }
    }
}
