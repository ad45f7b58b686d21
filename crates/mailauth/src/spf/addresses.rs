//! Sets of addresses: whether one lies in a network, and how many there are in all.

use std::net::IpAddr;

/// Whether an address lies in a network; never across the kinds (RFC 7208 §5).
pub(super) fn is_in(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => (u32::from(ip) ^ u32::from(network)) & mask(32, prefix) as u32 == 0,
        (IpAddr::V6(ip), IpAddr::V6(network)) => (u128::from(ip) ^ u128::from(network)) & mask(128, prefix) == 0,
        _ => false,
    }
}

/// `prefix` ones and then zeros, of `width` bits.
fn mask(width: u8, prefix: u8) -> u128 {
    let zeros = u32::from(width.saturating_sub(prefix));
    let ones = u128::MAX.checked_shl(zeros).unwrap_or(0);
    if width == 32 { ones & u128::from(u32::MAX) } else { ones }
}

/// A set of addresses, of IPv4 and of IPv6, as ranges that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl Addresses {
    /// All addresses there are.
    pub fn all() -> Self {
        Self { v4: vec![(0, u32::MAX.into())], v6: vec![(0, u128::MAX)] }
    }

    /// The addresses of one network.
    pub fn network(network: IpAddr, prefix: u8) -> Self {
        let range = |bits: u128, width| {
            let mask = mask(width, prefix);
            let width_mask = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
            (bits & mask, bits | (!mask & width_mask))
        };
        match network {
            IpAddr::V4(ip) => Self { v4: vec![range(u32::from(ip).into(), 32)], v6: Vec::new() },
            IpAddr::V6(ip) => Self { v4: Vec::new(), v6: vec![range(ip.into(), 128)] },
        }
    }

    /// The addresses of all sets together, each once.
    pub fn union(sets: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for set in sets {
            all.v4.extend(set.v4);
            all.v6.extend(set.v6);
        }
        merge(&mut all.v4);
        merge(&mut all.v6);
        all
    }

    /// Whether an address is one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (ranges, bits) = match ip.to_canonical() {
            IpAddr::V4(ip) => (&self.v4, u128::from(u32::from(ip))),
            IpAddr::V6(ip) => (&self.v6, u128::from(ip)),
        };
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&bits))
    }

    /// Whether every address of another set is one of them.
    pub fn covers(&self, other: &Self) -> bool {
        let covers = |ours: &[(u128, u128)], theirs: &[(u128, u128)]| {
            theirs.iter().all(|(first, last)| ours.iter().any(|(from, to)| from <= first && last <= to))
        };
        covers(&self.v4, &other.v4) && covers(&self.v6, &other.v6)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// How many of IPv4: up to 2³².
    pub fn count_v4(&self) -> u64 {
        u64::try_from(count(&self.v4)).unwrap_or(u64::MAX)
    }

    /// How many of IPv6; all of them are told as one less than there are.
    pub fn count_v6(&self) -> u128 {
        count(&self.v6)
    }
}

fn count(ranges: &[(u128, u128)]) -> u128 {
    ranges.iter().fold(0, |sum: u128, (first, last)| sum.saturating_add(last - first).saturating_add(1))
}

/// Puts ranges in order and joins those that overlap or touch.
fn merge(ranges: &mut Vec<(u128, u128)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1.saturating_add(1);
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Addresses {
        let (ip, prefix) = text.split_once('/').unwrap();
        Addresses::network(ip.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn membership_at_the_edges_of_prefixes() {
        let table = [
            ("192.0.2.1", "192.0.2.0", 24, true),
            ("192.0.3.1", "192.0.2.0", 24, false),
            ("192.0.2.1", "192.0.2.2", 32, false),
            ("203.0.113.9", "192.0.2.2", 0, true),
            ("2001:db8::1", "2001:db8::", 32, true),
            ("2001:db9::1", "2001:db8::", 32, false),
            ("2001:db9::1", "::", 0, true),
            ("192.0.2.1", "::", 0, false),
            ("::1", "0.0.0.0", 0, false),
        ];
        for (ip, net, prefix, want) in table {
            assert_eq!(is_in(ip.parse().unwrap(), net.parse().unwrap(), prefix), want, "{ip} in {net}/{prefix}");
        }
    }

    #[test]
    fn addresses_are_counted_once() {
        let all = Addresses::union(
            ["192.0.2.0/24", "192.0.2.128/25", "192.0.3.0/24", "198.51.100.7/32", "2001:db8::/64"].map(network),
        );
        assert_eq!((all.count_v4(), all.count_v6()), (513, 1 << 64));
        assert_eq!(all.v4.len(), 2);
        assert!(all.covers(&network("192.0.2.7/23")) && !all.covers(&network("192.0.0.0/22")));
        assert!(all.contains("::ffff:192.0.2.9".parse().unwrap()));
        assert_eq!(Addresses::all().count_v4(), 1 << 32);
        assert_eq!(Addresses::all().count_v6(), u128::MAX);
        assert_eq!(Addresses::union([Addresses::all(), network("::/0")]), Addresses::all());
    }
}
