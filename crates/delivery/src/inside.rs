//! Addresses that are inside somebody's house: nobody's MX record may send us there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is not one of the open internet: loopback, private, link-local, shared,
/// documentation, benchmark, multicast, reserved (RFC 6890 and the registries it began).
pub(crate) fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_inside_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or_else(|| embedded_v4(ip)) {
            Some(ip) => is_inside_v4(ip),
            None => is_inside_v6(ip),
        },
    }
}

fn is_inside_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        // "This network", private, carrier-grade NAT (RFC 6598), loopback, link-local.
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        // Protocol assignments, documentation, benchmarks.
        [192, 0, 0 | 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [first, ..] => first >= 224,
    }
}

fn is_inside_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let second = ip.segments()[1];
    // Only 2000::/3 is given out; of it, documentation and discard prefixes are taken off again.
    !(0x2000..0x4000).contains(&first) || (first == 0x2001 && second == 0xdb8) || (first == 0x3fff && second < 0x1000)
}

/// The IPv4 address within one of NAT64 (RFC 6052) or 6to4 (RFC 3056): a way around the table above.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_and_outside() {
        let inside = "0.0.0.0 10.1.2.3 127.0.0.1 169.254.1.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.0.1 \
            192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 255.255.255.255 :: ::1 fe80::1 fc00::1 fd12::1 ff02::1 \
            ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 2002:7f00:1:: 2001:db8::1 3fff:1::1";
        for ip in inside.split_whitespace() {
            assert!(is_inside(ip.parse().unwrap()), "{ip}");
        }
        let outside = "1.1.1.1 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.169.0.1 198.20.0.1 223.255.255.254 \
            2001:4860:4860::8888 2a00::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::";
        for ip in outside.split_whitespace() {
            assert!(!is_inside(ip.parse().unwrap()), "{ip}");
        }
    }
}
