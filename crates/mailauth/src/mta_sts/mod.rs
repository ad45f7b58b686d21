//! MTA-STS (RFC 8461): the TXT record, the policy file, and which hosts a policy allows.
//!
//! Not here: fetching the file (RFC 8461 §3.3), which asks the network.

mod policy;
mod record;

pub use policy::{Mode, Policy, PolicyOddity, read_policy};
pub use record::{Oddity, Record, is_like_record, is_record, read};

/// Whether a host of an MX record is allowed by one pattern (RFC 8461 §4.1): `*.` stands for just
/// one label.
///
/// ```
/// use postrider_mailauth::mta_sts::matches;
/// assert!(matches("*.example.com", "MX1.example.com."));
/// assert!(!matches("*.example.com", "a.mx1.example.com") && !matches("*.example.com", "example.com"));
/// ```
pub fn matches(pattern: &str, host: &str) -> bool {
    let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let (pattern, host) = (plain(pattern), plain(host));
    match pattern.strip_prefix("*.") {
        Some(above) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == above),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_hosts() {
        let table = [
            ("mx.a.example", "mx.a.example", true),
            ("MX.a.example.", "mx.A.example", true),
            ("*.a.example", "mx.a.example", true),
            ("*.a.example", "x.mx.a.example", false),
            ("*.a.example", "a.example", false),
            ("*.a.example", ".a.example", false),
            ("*", "a", false),
            ("mx.a.example", "mx.b.example", false),
        ];
        for (pattern, host, want) in table {
            assert_eq!(matches(pattern, host), want, "{pattern} {host}");
        }
    }
}
