//! What kind of address an address is (RFC 6890 and IANA's special-purpose registries).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds that matter to mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Anybody can reach it.
    Global,
    /// This machine itself.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// A carrier's inner network (RFC 6598).
    Shared,
    /// One link only (RFC 3927, RFC 4291).
    LinkLocal,
    /// For examples in documents (RFC 5737, RFC 3849).
    Documentation,
    /// No host can be there.
    Reserved,
}

impl Class {
    /// In a few words, to follow an address.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Global => "a public address",
            Self::Loopback => "a loopback address: every machine's own",
            Self::Private => "an address of a private network",
            Self::Shared => "an address inside a carrier's network (RFC 6598)",
            Self::LinkLocal => "an address that is valid on one link only",
            Self::Documentation => "an address for examples in documents",
            Self::Reserved => "a reserved address, where no host can be",
        }
    }
}

/// The kind of an address.
pub fn class_of(ip: IpAddr) -> Class {
    match ip {
        IpAddr::V4(ip) => class_of_v4(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| class_of_v6(ip), class_of_v4),
    }
}

fn class_of_v4(ip: Ipv4Addr) -> Class {
    match ip.octets() {
        [127, ..] => Class::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Class::Private,
        [100, 64..=127, ..] => Class::Shared,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        [0, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => Class::Reserved,
        _ => Class::Global,
    }
}

fn class_of_v6(ip: Ipv6Addr) -> Class {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Class::Documentation,
        [0, ..] | [0x0100, 0, 0, 0, ..] | [0xff00..=0xffff, ..] => Class::Reserved,
        _ => Class::Global,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_what_they_are() {
        let table = [
            ("8.8.8.8", Class::Global),
            ("127.53.2.3", Class::Loopback),
            ("10.1.2.3", Class::Private),
            ("172.15.0.1", Class::Global),
            ("172.31.0.1", Class::Private),
            ("100.64.0.1", Class::Shared),
            ("169.254.1.1", Class::LinkLocal),
            ("192.0.2.1", Class::Documentation),
            ("224.0.0.1", Class::Reserved),
            ("255.255.255.255", Class::Reserved),
            ("::1", Class::Loopback),
            ("::ffff:10.0.0.1", Class::Private),
            ("fd00::1", Class::Private),
            ("fe80::1", Class::LinkLocal),
            ("2001:db8::1", Class::Documentation),
            ("2a00:1450::1", Class::Global),
        ];
        for (ip, want) in table {
            assert_eq!(class_of(ip.parse().unwrap()), want, "{ip}");
        }
    }
}
