//! The questions mail asks, one function each.

use crate::{Answer, Failure, Kind, Mx, Record, Resolver, Soa, Srv, Tlsa};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Defines one typed question; the records of another type cannot be there, and are passed over.
macro_rules! question {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $record:ty) => {
        $(#[$doc])*
        pub async fn $name(resolver: &dyn Resolver, name: &str) -> Result<Answer<$record>, Failure> {
            let answer = resolver.look_up(name, Kind::$kind).await?;
            Ok(answer.filter_map(|record| if let Record::$kind(value) = record { Some(value) } else { None }))
        }
    };
}

question!(
    /// The mail exchanges of a domain, as they came; [`crate::exchanges`] puts them in order.
    mx, Mx, Mx
);
question!(
    /// The IPv4 addresses of a host.
    ipv4, A, Ipv4Addr
);
question!(
    /// The IPv6 addresses of a host.
    ipv6, Aaaa, Ipv6Addr
);
question!(
    /// The texts of a name, each with its strings joined.
    txt, Txt, Box<str>
);
question!(
    /// The certificate associations of a name such as `_25._tcp.mx.example` (RFC 7672 §2.2).
    tlsa, Tlsa, Tlsa
);
question!(
    /// The name servers of a zone.
    ns, Ns, Box<str>
);
question!(
    /// The start of authority of a zone.
    soa, Soa, Soa
);
question!(
    /// Where a service is, for names such as `_imaps._tcp.example.com` (RFC 2782).
    srv, Srv, Srv
);
question!(
    /// What a name is an alias of, one step.
    cname, Cname, Box<str>
);

/// The names of an address.
pub async fn ptr(resolver: &dyn Resolver, ip: IpAddr) -> Result<Answer<Box<str>>, Failure> {
    let answer = resolver.look_up(&reverse_name(ip), Kind::Ptr).await?;
    Ok(answer.filter_map(|record| if let Record::Ptr(name) = record { Some(name) } else { None }))
}

/// The addresses of a host, of both kinds, IPv6 first; both are asked for at the same time.
///
/// One kind is enough: trouble with the other is passed over. With neither, trouble is told
/// before absence, as it may pass; and `NoData` before `NoSuchDomain` cannot both be true.
pub async fn addresses(resolver: &dyn Resolver, host: &str) -> Result<Answer<IpAddr>, Failure> {
    let (six, four) = tokio::join!(ipv6(resolver, host), ipv4(resolver, host));
    let six = six.map(|answer| answer.filter_map(|ip| Some(IpAddr::V6(ip))));
    let four = four.map(|answer| answer.filter_map(|ip| Some(IpAddr::V4(ip))));
    match (six, four) {
        (Ok(mut six), Ok(four)) => {
            six.records.extend(four.records);
            six.ttl = six.ttl.min(four.ttl);
            six.authentic &= four.authentic;
            Ok(six)
        }
        // While one kind is in trouble, the answer is not the whole answer: it is not kept for long.
        (Ok(found), Err(other)) | (Err(other), Ok(found)) => {
            Ok(Answer { ttl: if other.is_absence() { found.ttl } else { Duration::ZERO }, ..found })
        }
        (Err(six), Err(four)) => Err(if four.is_absence() && !six.is_absence() { six } else { four }),
    }
}

/// The name under which an address has its PTR record (RFC 1035 §3.5, RFC 3596 §2.5).
///
/// ```
/// use postrider_dns::reverse_name;
/// assert_eq!(reverse_name("192.0.2.7".parse().unwrap()), "7.2.0.192.in-addr.arpa");
/// assert!(reverse_name("2001:db8::1".parse().unwrap()).starts_with("1.0.0.0."));
/// ```
pub fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let mut name = String::with_capacity(72);
            for octet in ip.octets().iter().rev() {
                // Writing to a String cannot fail.
                let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
            }
            name.push_str("ip6.arpa");
            name
        }
    }
}
