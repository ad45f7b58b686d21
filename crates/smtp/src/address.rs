//! Mail addresses as SMTP writes them (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! A [`Domain`] is kept in its ASCII form (A-labels), lower case, so that two spellings of one
//! domain are one value. The local part is kept as written: only the receiving host may
//! interpret it (RFC 5321 §2.3.11).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// The longest path we take, in octets, brackets not counted (RFC 5321 §4.5.3.1.3 with RFC 3696 erratum 1690).
pub const PATH_BYTES_MAX: usize = 320;
/// The longest domain name, in octets of its ASCII form (RFC 5321 §4.5.3.1.2, RFC 1035 §2.3.4).
pub const DOMAIN_BYTES_MAX: usize = 253;

/// Why a text is not an address, in words that may be shown to its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing at all where an address belongs.
    #[error("the address is empty")]
    Empty,
    /// No `@`, or nothing behind it.
    #[error("the address has no domain behind an @")]
    NoDomain,
    /// The part before the `@` breaks the grammar.
    #[error("the part before the @ is not well formed")]
    BadLocalPart,
    /// The domain breaks the grammar of host names.
    #[error("the domain name is not well formed")]
    BadDomain,
    /// An address literal that is neither IPv4 nor `IPv6:`.
    #[error("the address literal is neither an IPv4 address nor \"IPv6:\" and an IPv6 address")]
    BadLiteral,
    /// Longer than any address may be.
    #[error("the address is longer than {PATH_BYTES_MAX} octets")]
    TooLong,
}

/// A domain name: lower case, A-labels, no trailing dot. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Arc<str>);

impl Domain {
    /// Parses a domain; labels in Unicode are turned into A-labels (RFC 5891).
    ///
    /// ```
    /// use postrider_smtp::Domain;
    /// assert_eq!(Domain::parse("Bücher.Example").unwrap().as_str(), "xn--bcher-kva.example");
    /// assert!(Domain::parse("no..dots").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if text.is_ascii() && !text.contains("xn--") && !text.contains("XN--") {
            return Self::from_ascii(text);
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY)
            .map_err(|_| AddressError::BadDomain)?;
        Self::from_ascii(&ascii)
    }

    fn from_ascii(text: &str) -> Result<Self, AddressError> {
        if text.len() > DOMAIN_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        if !text.split('.').all(label_ok) {
            return Err(AddressError::BadDomain);
        }
        // An all-numeric last label would be an IP address in disguise (RFC 3696 §2).
        if text.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit())) {
            return Err(AddressError::BadDomain);
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        Ok(Self(text.into()))
    }

    /// The name in ASCII, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Underscores are not host names, but real mail domains carry them; they do no harm.
fn label_ok(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// What stands behind the `@`: a domain or an address literal (RFC 5321 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name to look up.
    Domain(Domain),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Literal(IpAddr),
}

impl Host {
    /// Parses a domain or a bracketed literal.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let Some(inner) = text.strip_prefix('[') else {
            return Domain::parse(text).map(Host::Domain);
        };
        let inner = inner.strip_suffix(']').ok_or(AddressError::BadLiteral)?;
        let tagged = inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
        let ip = if tagged {
            inner[5..].parse::<Ipv6Addr>().map(IpAddr::V6).ok()
        } else {
            inner.parse::<Ipv4Addr>().map(IpAddr::V4).ok()
        };
        ip.map(Host::Literal).ok_or(AddressError::BadLiteral)
    }

    /// The domain, when it is one.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Host::Domain(domain) => Some(domain),
            Host::Literal(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Domain(domain) => domain.fmt(f),
            Host::Literal(IpAddr::V4(ip)) => write!(f, "[{ip}]"),
            Host::Literal(IpAddr::V6(ip)) => write!(f, "[IPv6:{ip}]"),
        }
    }
}

impl FromStr for Host {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// A mailbox: local part and host.
///
/// ```
/// use postrider_smtp::Address;
/// let tom = Address::parse("Tom@Example.COM").unwrap();
/// assert_eq!(tom.to_string(), "Tom@example.com");
/// assert!(Address::parse("\"odd @ name\"@example.com").is_ok());
/// assert!(Address::parse("two@ats@example.com").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: Box<str>,
    host: Host,
}

impl Address {
    /// Parses `local@host`, without angle brackets. The local part may be a dot-atom or a
    /// quoted string, in UTF-8 (RFC 6531 §3.3). Misplaced dots (`a..b`, `a.`) are taken, as
    /// real mailboxes have them.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        let at = local_part_end(text)?;
        let host = text[at..].strip_prefix('@').filter(|host| !host.is_empty());
        let host = Host::parse(host.ok_or(AddressError::NoDomain)?)?;
        // A-labels and numbers can be longer than what was written, and what is kept must be read back.
        let kept = match &host {
            Host::Domain(domain) => domain.as_str().len(),
            Host::Literal(_) => host.to_string().len(),
        };
        if at + 1 + kept > PATH_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(Self { local: text[..at].into(), host })
    }

    /// The part before the `@`, as written, quotes included.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part behind the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the address names a host by number.
    pub fn domain(&self) -> Option<&Domain> {
        self.host.domain()
    }

    /// Whether writing it down takes SMTPUTF8 (RFC 6531 §3.4): the domain never does, as it is kept in A-labels.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

/// Finds where the local part ends, or says that there is none.
fn local_part_end(text: &str) -> Result<usize, AddressError> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        for (at, c) in quoted.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Ok(at + 2),
                c if c.is_control() => return Err(AddressError::BadLocalPart),
                _ => {}
            }
        }
        return Err(AddressError::BadLocalPart);
    }
    let at = text.find('@').ok_or(AddressError::NoDomain)?;
    let atom =
        |c: char| !c.is_ascii() && !c.is_control() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if at == 0 || !text[..at].chars().all(atom) {
        return Err(AddressError::BadLocalPart);
    }
    Ok(at)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.host)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}@{}>", self.local, self.host)
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_what_becomes_of_them() {
        let table = [
            ("a@b.example", Ok("a@b.example")),
            ("A.B+c@B.Example.", Ok("A.B+c@b.example")),
            ("a@[192.0.2.7]", Ok("a@[192.0.2.7]")),
            ("a@[IPv6:2001:DB8::1]", Ok("a@[IPv6:2001:db8::1]")),
            ("\"a b\\\"c\"@x.example", Ok("\"a b\\\"c\"@x.example")),
            ("jürgen@bücher.example", Ok("jürgen@xn--bcher-kva.example")),
            ("dots..dots.@x.example", Ok("dots..dots.@x.example")),
            ("", Err(AddressError::Empty)),
            ("nobody", Err(AddressError::NoDomain)),
            ("a@", Err(AddressError::NoDomain)),
            ("@b.example", Err(AddressError::BadLocalPart)),
            ("a b@c.example", Err(AddressError::BadLocalPart)),
            ("a\r\n@c.example", Err(AddressError::BadLocalPart)),
            ("\"a\r\n\"@c.example", Err(AddressError::BadLocalPart)),
            ("a@b@c.example", Err(AddressError::BadDomain)),
            ("a@-b.example", Err(AddressError::BadDomain)),
            ("a@192.0.2.7", Err(AddressError::BadDomain)),
            ("a@[192.0.2.777]", Err(AddressError::BadLiteral)),
            ("a@[x", Err(AddressError::BadLiteral)),
        ];
        for (text, want) in table {
            let got = Address::parse(text).map(|a| a.to_string());
            assert_eq!(got, want.map(str::to_owned), "{text:?}");
        }
        let long = format!("{}@b.example", "a".repeat(PATH_BYTES_MAX));
        assert_eq!(Address::parse(&long), Err(AddressError::TooLong));
        let longer_in_ascii = format!("{}@bücher.example", "a".repeat(PATH_BYTES_MAX - 16));
        assert_eq!(Address::parse(&longer_in_ascii), Err(AddressError::TooLong));
    }
}
