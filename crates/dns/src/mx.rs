//! In which order mail exchanges are tried (RFC 5321 §5.1), and when there are none (RFC 7505).

use crate::Mx;

/// What MX records say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanges {
    /// The domain takes no mail at all: one record, and its host is the root (RFC 7505 §3).
    Null,
    /// The hosts, the first to be tried first. Empty when no record names a host.
    Hosts(Vec<Mx>),
}

/// Puts mail exchanges in the order they are tried.
///
/// Lower preference first; hosts of equal preference in an order drawn from `seed`, so that
/// load is spread and yet a test can repeat it (RFC 5321 §5.1). A host named twice is tried
/// once, at its better preference. A root host among others is no host, and no null MX
/// (RFC 7505 §3).
///
/// ```
/// use postrider_dns::{Exchanges, Mx, exchanges};
/// let mx = |preference, exchange: &str| Mx { preference, exchange: exchange.into() };
/// let far_near = vec![mx(20, "far.example"), mx(10, "near.example")];
/// assert_eq!(exchanges(far_near, 7), Exchanges::Hosts(vec![mx(10, "near.example"), mx(20, "far.example")]));
/// assert_eq!(exchanges(vec![mx(0, ".")], 7), Exchanges::Null);
/// ```
pub fn exchanges(mut records: Vec<Mx>, seed: u64) -> Exchanges {
    if let [only] = records.as_slice()
        && is_root(&only.exchange)
    {
        return Exchanges::Null;
    }
    records.retain(|mx| !is_root(&mx.exchange));
    for mx in &mut records {
        mx.exchange.make_ascii_lowercase();
    }
    // Sorting by name first makes the draw independent of the order the name server gave.
    records.sort_unstable_by(|a, b| (&a.exchange, a.preference).cmp(&(&b.exchange, b.preference)));
    records.dedup_by(|later, kept| later.exchange == kept.exchange);
    shuffle(&mut records, seed);
    records.sort_by_key(|mx| mx.preference);
    Exchanges::Hosts(records)
}

fn is_root(host: &str) -> bool {
    matches!(host, "." | "")
}

/// Fisher and Yates with SplitMix64: fair enough for load, and the same for the same seed.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        let other = usize::try_from(word % (last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn records(text: &str) -> Vec<Mx> {
        let pair = |pair: &str| {
            let (preference, exchange) = pair.split_once(' ').unwrap();
            Mx { preference: preference.parse().unwrap(), exchange: exchange.into() }
        };
        text.split(", ").filter(|pair| !pair.is_empty()).map(pair).collect()
    }

    fn ordered(text: &str, seed: u64) -> String {
        match exchanges(records(text), seed) {
            Exchanges::Null => "null".into(),
            Exchanges::Hosts(hosts) => {
                hosts.iter().map(|mx| format!("{} {}", mx.preference, mx.exchange)).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn mail_exchanges_in_the_order_they_are_tried() {
        let table = [
            ("", ""),
            ("10 a", "10 a"),
            ("30 c, 10 a, 20 b", "10 a, 20 b, 30 c"),
            ("65535 z, 0 a", "0 a, 65535 z"),
            ("0 .", "null"),
            ("10 .", "null"),
            ("0 ., 10 a", "10 a"),
            ("0 ., 0 .", ""),
            ("20 A, 10 a, 30 b", "10 a, 30 b"),
        ];
        for (given, want) in table {
            for seed in 0..20 {
                assert_eq!(ordered(given, seed), want, "{given:?} with seed {seed}");
            }
        }
    }

    #[test]
    fn equal_preference_is_drawn_and_the_draw_repeats() {
        let seen: BTreeSet<String> = (0..100).map(|seed| ordered("10 a, 10 b, 10 c, 20 d", seed)).collect();
        assert_eq!(seen.len(), 6, "all six orders turn up: {seen:?}");
        assert!(seen.iter().all(|order| order.ends_with(", 20 d")));
        assert_eq!(ordered("10 a, 10 b, 10 c", 5), ordered("10 c, 10 a, 10 b", 5));
    }

    #[test]
    fn load_is_spread_evenly() {
        let first = (0..3000).filter(|seed| ordered("10 a, 10 b, 10 c", *seed).starts_with("10 a")).count();
        assert!((900..1100).contains(&first), "{first} of 3000");
    }
}
