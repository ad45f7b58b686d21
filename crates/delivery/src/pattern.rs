//! Which domains a static route is for.

use postrider_smtp::{Address, AddressError, Domain, Host};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A set of domains. Written and read as:
///
/// | text | for |
/// | --- | --- |
/// | `*` | all mail |
/// | `example.com` | that domain |
/// | `*.example.com` | all domains below it, not itself |
/// | `.example.com` | that domain and all below it |
/// | `[192.0.2.1]` | that address literal |
///
/// ```
/// use postrider_delivery::Pattern;
/// let pattern: Pattern = ".example.com".parse().unwrap();
/// assert!(pattern.covers(&"tom@example.com".parse().unwrap()));
/// assert!(pattern.covers(&"tom@a.b.example.com".parse().unwrap()));
/// assert!(!pattern.covers(&"tom@example.org".parse().unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// `*`
    All,
    /// `*.example.com`
    Below(Domain),
    /// `.example.com`
    Whole(Domain),
    /// `example.com`
    Domain(Domain),
    /// `[192.0.2.1]`
    Literal(IpAddr),
}

impl Pattern {
    /// Whether mail for the address is in the set.
    pub fn covers(&self, address: &Address) -> bool {
        match (self, address.host()) {
            (Self::All, _) => true,
            (Self::Literal(mine), Host::Literal(ip)) => mine == ip,
            (Self::Domain(mine), Host::Domain(domain)) => mine == domain,
            (Self::Below(mine), Host::Domain(domain)) => is_below(domain, mine),
            (Self::Whole(mine), Host::Domain(domain)) => mine == domain || is_below(domain, mine),
            (Self::Literal(_), Host::Domain(_)) => false,
            (Self::Domain(_) | Self::Below(_) | Self::Whole(_), Host::Literal(_)) => false,
        }
    }

    /// How narrow the set is: of two that cover one domain, the one with the greater value wins.
    /// An exact name before all others, then the longer suffix, `*.x` before `.x`, and `*` last.
    pub(crate) fn narrowness(&self) -> (usize, u8) {
        match self {
            Self::All => (0, 0),
            Self::Whole(domain) => (domain.as_str().len(), 1),
            Self::Below(domain) => (domain.as_str().len(), 2),
            Self::Domain(_) | Self::Literal(_) => (usize::MAX, 3),
        }
    }
}

fn is_below(domain: &Domain, parent: &Domain) -> bool {
    let rest = domain.as_str().strip_suffix(parent.as_str());
    rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

impl FromStr for Pattern {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(parent) = text.strip_prefix("*.") {
            return Domain::parse(parent).map(Self::Below);
        }
        if let Some(parent) = text.strip_prefix('.') {
            return Domain::parse(parent).map(Self::Whole);
        }
        Ok(match Host::parse(text)? {
            Host::Domain(domain) => Self::Domain(domain),
            Host::Literal(ip) => Self::Literal(ip),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Whole(domain) => write!(f, ".{domain}"),
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(ip) => Host::Literal(*ip).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_what_they_cover() {
        let table = [
            ("*", "a@example.com", true),
            ("*", "a@[192.0.2.1]", true),
            ("example.com", "a@EXAMPLE.com", true),
            ("example.com", "a@mail.example.com", false),
            ("*.example.com", "a@mail.example.com", true),
            ("*.example.com", "a@x.mail.example.com", true),
            ("*.example.com", "a@example.com", false),
            ("*.example.com", "a@notexample.com", false),
            (".example.com", "a@example.com", true),
            (".example.com", "a@mail.example.com", true),
            (".example.com", "a@notexample.com", false),
            ("[192.0.2.1]", "a@[192.0.2.1]", true),
            ("[192.0.2.1]", "a@[192.0.2.2]", false),
        ];
        for (pattern, address, want) in table {
            let parsed: Pattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            assert_eq!(parsed.covers(&address.parse().unwrap()), want, "{pattern} and {address}");
        }
        for text in ["", "*example.com", "**", "a..b", "[x]"] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }
}
