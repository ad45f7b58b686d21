//! The neighbour behind a destination: one name for all domains with the same provider.
//!
//! Providers name a customer's MX hosts in one of three ways: the same hosts for all
//! (`gmail-smtp-in.l.google.com`), a host of its own for each (`example-com.mail.protection.outlook.com`),
//! or one of a numbered many (`mx03.mail.example`). In all three the name above the host is the
//! provider's, so the site is the domain that the best-preferred hosts stand in: their longest
//! common parent if they share one, else the first of their parents by name. A parent never shrinks to a
//! public suffix as far as two labels and a short table of second-level suffixes tell; a wrong
//! guess joins limits that could stand apart, and breaks nothing.

use postrider_dns::Mx;
use std::sync::Arc;

/// Labels that stand below a country and above an owner: `co.uk`, `com.au`, `ne.jp`.
const SECOND_LEVEL: [&str; 12] = ["ac", "co", "com", "edu", "go", "gov", "gob", "ne", "net", "or", "org", "gv"];

/// The site of a list of exchanges, the best first; `None` for an empty one.
pub(crate) fn of_exchanges(exchanges: &[Mx]) -> Option<Arc<str>> {
    let best = exchanges.first()?.preference;
    let mut parents: Vec<&str> =
        exchanges.iter().filter(|mx| mx.preference == best).map(|mx| parent(&mx.exchange)).collect();
    // The order of equal hosts is drawn, and must not choose the name.
    parents.sort_unstable();
    let first = *parents.first()?;
    let site = parents.iter().try_fold(first, |site, other| common(site, other)).unwrap_or(first);
    Some(site.into())
}

/// The domain a host stands in; the host itself when what is above it is a public suffix.
fn parent(host: &str) -> &str {
    match host.split_once('.') {
        Some((_, above)) if !is_public(above) => above,
        _ => host,
    }
}

fn is_public(name: &str) -> bool {
    match name.split_once('.') {
        None => true,
        Some((second, top)) => !top.contains('.') && top.len() == 2 && SECOND_LEVEL.contains(&second),
    }
}

/// The longest name both stand in, or are; not a public suffix.
fn common<'a>(one: &'a str, other: &str) -> Option<&'a str> {
    let mut name = one;
    loop {
        let rest = other.strip_suffix(name);
        if rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
            return Some(name);
        }
        name = name.split_once('.').map(|(_, above)| above).filter(|above| !is_public(above))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_and_their_site() {
        let table = [
            ("10 gmail-smtp-in.l.google.com, 20 alt1.gmail-smtp-in.l.google.com", "l.google.com"),
            ("0 example-com.mail.protection.outlook.com", "mail.protection.outlook.com"),
            ("10 mx01.mail.example, 10 mx02.mail.example", "mail.example"),
            ("10 a.west.mail.example, 10 b.east.mail.example", "mail.example"),
            ("10 mx.example.com", "example.com"),
            ("10 example.com", "example.com"),
            ("10 mx.co.uk", "mx.co.uk"),
            ("10 mx.shop.co.uk", "shop.co.uk"),
            ("10 localhost", "localhost"),
        ];
        for (text, want) in table {
            let mx = |pair: &str| {
                let (preference, exchange) = pair.split_once(' ').unwrap();
                Mx { preference: preference.parse().unwrap(), exchange: exchange.into() }
            };
            let exchanges: Vec<Mx> = text.split(", ").map(mx).collect();
            assert_eq!(of_exchanges(&exchanges).as_deref(), Some(want), "{text}");
        }
        assert_eq!(of_exchanges(&[]), None);
    }

    #[test]
    fn the_draw_among_equals_does_not_choose_the_site() {
        let mx = |exchange: &str| Mx { preference: 10, exchange: exchange.into() };
        let one = [mx("a.one.example"), mx("b.two.example"), mx("c.three.example")];
        let other = [mx("c.three.example"), mx("a.one.example"), mx("b.two.example")];
        assert_eq!(of_exchanges(&one), of_exchanges(&other));
    }
}
