//! The addresses of one host, in the order they are tried.

use crate::inside::is_inside;
use crate::route::{dns_trouble, trouble};
use crate::{Delivery, Route, RouteHost};
use postrider_smtp::{Trouble, TroubleKind};
use std::net::IpAddr;

/// Why a host has no address to try.
pub(crate) enum NoAddress {
    /// It is this relay itself: neither it nor a less preferred host is to be tried.
    Ourselves(Trouble),
    /// Anything else: the next host may have one.
    Trouble(Trouble),
}

impl Delivery {
    /// Looks the addresses up, and leaves out those that are not to be used.
    pub(crate) async fn addresses(&self, route: &Route, host: &RouteHost) -> Result<Vec<IpAddr>, NoAddress> {
        let found = match host.address {
            Some(ip) => vec![ip],
            None => match postrider_dns::addresses(&*self.resolver, &host.name).await {
                Ok(answer) => answer.records,
                Err(failure) => {
                    return Err(NoAddress::Trouble(dns_trouble(&failure, &host.name, TroubleKind::NoAddress)));
                }
            },
        };
        // RFC 5321 §5.1, by number: we may be known under names that we do not know.
        if route.name.is_none() && found.iter().any(|ip| self.settings.own_addresses.contains(ip)) {
            let detail = format!("{} has an address of this relay, which is not set up to take this mail", host.name);
            return Err(NoAddress::Ourselves(trouble(TroubleKind::LoopsBack, detail)));
        }
        let open: Vec<IpAddr> = found.iter().copied().filter(|ip| route.private_addresses || !is_inside(*ip)).collect();
        if open.is_empty() {
            let list = found.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
            let detail = format!("{} is at an inside address, which may not be used: {list}", host.name);
            return Err(NoAddress::Trouble(trouble(TroubleKind::PrivateAddress, detail)));
        }
        let usable = self.usable(&open);
        if usable.is_empty() {
            let detail = format!("{} has no address of a kind that this machine can reach", host.name);
            return Err(NoAddress::Trouble(trouble(TroubleKind::Unreachable, detail)));
        }
        Ok(usable)
    }

    /// IPv4 and IPv6 in turn, IPv4 first: many hosts judge mail over IPv6 more harshly, and a
    /// refusal is not followed by a try of the other kind, as a failed connection is.
    fn usable(&self, open: &[IpAddr]) -> Vec<IpAddr> {
        let can = |ip: &&IpAddr| {
            let from =
                self.settings.sources.is_empty() || self.settings.sources.iter().any(|s| s.is_ipv4() == ip.is_ipv4());
            from && (ip.is_ipv4() || (self.settings.ipv6 && self.memory.has_ipv6()))
        };
        let (mut four, mut six): (Vec<IpAddr>, Vec<IpAddr>) = open.iter().filter(can).partition(|ip| ip.is_ipv4());
        // Equal addresses share the load, as equal hosts do.
        let draw = usize::try_from(self.draw() >> 1).unwrap_or(0);
        for list in [&mut four, &mut six].into_iter().filter(|list| !list.is_empty()) {
            let by = draw % list.len();
            list.rotate_left(by);
        }
        let (mut four, mut six) = (four.into_iter(), six.into_iter());
        let mut turns = Vec::with_capacity(open.len());
        loop {
            let pair = [four.next(), six.next()];
            if pair == [None, None] {
                return turns;
            }
            turns.extend(pair.into_iter().flatten());
        }
    }

    /// From which address a site is spoken to: always the same one, as its judgement of us sticks to it.
    pub(crate) fn source(&self, site: &str, target: IpAddr) -> Option<IpAddr> {
        let fitting: Vec<IpAddr> =
            self.settings.sources.iter().copied().filter(|source| source.is_ipv4() == target.is_ipv4()).collect();
        // FNV-1a: the same on every machine and in every version, unlike the standard library's.
        let hash = site
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let index = usize::try_from(hash % (fitting.len().max(1) as u64)).unwrap_or(0);
        fitting.get(index).copied()
    }
}
