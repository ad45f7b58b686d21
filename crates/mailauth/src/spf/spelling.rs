//! What a word that is no mechanism was meant to be.

use std::net::Ipv6Addr;

const MECHANISMS: [&str; 8] = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"];
/// Names people write out of habit.
const HABITS: [(&str, &str); 8] = [
    ("ipv4", "ip4"),
    ("ipv6", "ip6"),
    ("ip-4", "ip4"),
    ("ip-6", "ip6"),
    ("includes", "include"),
    ("incl", "include"),
    ("exist", "exists"),
    ("any", "all"),
];

/// The text to write in place of `name`, when it is plain. `value` begins with its colon.
pub(super) fn meant(name: &str, value: &str) -> Option<Box<str>> {
    let lower = name.to_ascii_lowercase();
    let address = value.strip_prefix(':').unwrap_or_default().split('/').next().unwrap_or_default();
    if lower == "ip" {
        return Some(if address.parse::<Ipv6Addr>().is_ok() { "ip6" } else { "ip4" }.into());
    }
    if let Some((_, right)) = HABITS.iter().find(|(habit, _)| *habit == lower) {
        return Some((*right).into());
    }
    // Punctuation that ends a sentence or a list in other languages.
    let bare = lower.trim_end_matches([',', ';', '.', '"', '\'']).trim_start_matches(['"', '\'']);
    if bare != lower && MECHANISMS.contains(&bare) {
        return Some(bare.into());
    }
    if let Some(close) = MECHANISMS.iter().find(|right| right.len() > 2 && is_one_slip(&lower, right)) {
        return Some((*close).into());
    }
    // A name of a host or an address that stands alone lost its mechanism.
    if value.is_empty() && name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(format!("ip4:{name}").into());
    }
    let is_host = value.is_empty()
        && name.contains('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    is_host.then(|| format!("include:{name}").into())
}

/// Whether one letter was added, left out, replaced, or two neighbours changed places.
fn is_one_slip(written: &str, right: &str) -> bool {
    let (a, b) = (written.as_bytes(), right.as_bytes());
    let front = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[front..], &b[front..]);
    match (a, b) {
        ([], []) => false,
        ([x, y, a @ ..], [p, q, b @ ..]) if x == q && y == p && a == b => true,
        _ if a.len() == b.len() => a[1..] == b[1..],
        _ if a.len() == b.len() + 1 => a[1..] == *b,
        _ if a.len() + 1 == b.len() => *a == b[1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_and_strangers_are_left_alone() {
        let table = [
            ("inlcude", ":x.example", Some("include")),
            ("includ", ":x.example", Some("include")),
            ("Alll", "", Some("all")),
            ("IPV6", ":2001:db8::1", Some("ip6")),
            ("ip", ":192.0.2.0/24", Some("ip4")),
            ("ip", ":2001:db8::/32", Some("ip6")),
            ("all;", "", Some("all")),
            ("spf.example.net", "", Some("include:spf.example.net")),
            ("192.0.2.1", "", Some("ip4:192.0.2.1")),
            ("moo", "", None),
            ("b", "", None),
            ("al1x", "", None),
        ];
        for (name, value, want) in table {
            assert_eq!(meant(name, value).as_deref(), want, "{name}{value}");
        }
    }
}
