//! An address or a network in CIDR notation (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address or network: {0:?}; want 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct NotANetwork(String);

impl Network {
    /// Whether the address is in it. IPv4 addresses mapped into IPv6 are taken for what they are.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, plain(ip)) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (base.to_bits() ^ ip.to_bits()) & mask == 0
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (base.to_bits() ^ ip.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// `::ffff:192.0.2.7`, as a socket that takes both families shows it, is `192.0.2.7`.
pub(crate) fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Whom limits count as one: an IPv4 address, or the /64 that one IPv6 site has.
pub(crate) fn client_key(ip: IpAddr) -> IpAddr {
    match plain(ip) {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
    }
}

impl FromStr for Network {
    type Err = NotANetwork;
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let base: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let bits_max = if base.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
        let bits = bits.map_or(Ok(bits_max), |bits| bits.trim().parse::<u32>().map_err(|_| wrong()))?;
        let bits = u8::try_from(bits.min(bits_max + 1)).map_err(|_| wrong())?;
        if u32::from(bits) > bits_max {
            return Err(wrong());
        }
        Ok(Self { base, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_which_network() {
        let table = [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ];
        for (network, ip, want) in table {
            let got = network.parse::<Network>().unwrap().contains(ip.parse().unwrap());
            assert_eq!(got, want, "{ip} in {network}");
        }
    }

    #[test]
    fn what_is_not_a_network() {
        for text in ["", "example.com", "192.0.2.0/33", "192.0.2/24", "::1/129", "::1/-1", "192.0.2.0/24/1"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork(text.to_owned())));
        }
    }

    #[test]
    fn an_ipv6_site_counts_as_one_client() {
        let key = |text: &str| client_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:0:1::7"), key("2001:db8:0:1:ffff::9"));
        assert_ne!(key("2001:db8:0:1::7"), key("2001:db8:0:2::7"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
