//! Records as mail needs them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The types that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Mail exchange.
    Mx,
    /// Text: SPF, DKIM, DMARC and others.
    Txt,
    /// Name of an address, asked under `in-addr.arpa` or `ip6.arpa`; see [`crate::reverse_name`].
    Ptr,
    /// Certificate association for DANE (RFC 6698).
    Tlsa,
    /// Name server.
    Ns,
    /// Start of authority.
    Soa,
    /// Where a service of a domain is (RFC 2782), asked under names such as `_imaps._tcp.example.com`.
    Srv,
    /// Alias. Asking for it gives the alias itself, which is not followed.
    Cname,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 10] =
        [Self::A, Self::Aaaa, Self::Mx, Self::Txt, Self::Ptr, Self::Tlsa, Self::Ns, Self::Soa, Self::Srv, Self::Cname];

    /// The name zone files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ptr => "PTR",
            Self::Tlsa => "TLSA",
            Self::Ns => "NS",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Cname => "CNAME",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record type we know: {0}; known are A, AAAA, MX, TXT, PTR, TLSA, NS, SOA, SRV, CNAME")]
pub struct NotAKind(String);

impl FromStr for Kind {
    type Err = NotAKind;
    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| NotAKind(text.to_owned()))
    }
}

/// One mail exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host; `"."` says that there is none.
    pub exchange: Box<str>,
}

/// A certificate association (RFC 6698 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tlsa {
    /// Certificate usage.
    pub usage: u8,
    /// Selector.
    pub selector: u8,
    /// Matching type.
    pub matching: u8,
    /// The certificate, its key, or a digest of one of them.
    pub data: Box<[u8]>,
}

/// A start of authority (RFC 1035 §3.3.13).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Soa {
    /// The primary name server.
    pub primary: Box<str>,
    /// The mailbox of who is responsible, as a domain name.
    pub mailbox: Box<str>,
    /// The version of the zone.
    pub serial: u32,
    /// For how many seconds absence stays true (RFC 2308 §4).
    pub minimum: u32,
}

/// Where a service is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Srv {
    /// Lower is tried first.
    pub priority: u16,
    /// Among equals, how large a share of the clients.
    pub weight: u16,
    /// The port there.
    pub port: u16,
    /// The host; `"."` says that the domain does not have the service.
    pub target: Box<str>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    /// IPv4 address.
    A(Ipv4Addr),
    /// IPv6 address.
    Aaaa(Ipv6Addr),
    /// Mail exchange.
    Mx(Mx),
    /// All strings of one TXT record, joined without a space (RFC 7208 §3.3); octets that are
    /// not UTF-8 were replaced by U+FFFD.
    Txt(Box<str>),
    /// Name of an address.
    Ptr(Box<str>),
    /// Certificate association.
    Tlsa(Tlsa),
    /// Name server.
    Ns(Box<str>),
    /// Start of authority.
    Soa(Soa),
    /// Where a service is.
    Srv(Srv),
    /// Alias of.
    Cname(Box<str>),
}

impl Record {
    /// Its type.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::A(_) => Kind::A,
            Self::Aaaa(_) => Kind::Aaaa,
            Self::Mx(_) => Kind::Mx,
            Self::Txt(_) => Kind::Txt,
            Self::Ptr(_) => Kind::Ptr,
            Self::Tlsa(_) => Kind::Tlsa,
            Self::Ns(_) => Kind::Ns,
            Self::Soa(_) => Kind::Soa,
            Self::Srv(_) => Kind::Srv,
            Self::Cname(_) => Kind::Cname,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().to_ascii_lowercase().parse(), Ok(kind));
        }
        assert_eq!("HINFO".parse::<Kind>(), Err(NotAKind("HINFO".into())));
    }
}
