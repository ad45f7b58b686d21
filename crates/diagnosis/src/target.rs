//! What the user named.

use crate::words::harmless;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A domain, and perhaps one mailbox of it.
    Domain {
        /// Its name in A-labels.
        name: String,
        /// The local part, when an address was named.
        user: Option<String>,
    },
    /// One host, on one port.
    Host {
        /// Its name in A-labels.
        name: String,
        /// The port.
        port: u16,
    },
    /// One address.
    Ip {
        /// The address.
        ip: IpAddr,
        /// The port, when one was named.
        port: Option<u16>,
    },
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// Nothing there.
    #[error("nothing to look at: name a domain, an address, a host or an IP address")]
    Empty,
    /// No such port.
    #[error("not a port: {0}; ports are numbers from 1 to 65535")]
    Port(String),
    /// A local part that no mail host takes.
    #[error("not a mail address: {0}: {1}")]
    Address(String, &'static str),
    /// A web address, a network: something of another kind.
    #[error("{0} is {1}; name the domain, host or address alone")]
    Other(String, &'static str),
    /// Not a name in the DNS's eyes.
    #[error("not a name the DNS can have: {0}: {1}")]
    Name(String, String),
}

impl Target {
    /// Reads what the user typed.
    ///
    /// ```
    /// use postrider_diagnosis::Target;
    /// assert_eq!(Target::parse("BÜCHER.example").unwrap().to_string(), "xn--bcher-kva.example");
    /// assert!(Target::parse("a..b").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, NotATarget> {
        let text = text.trim();
        let text = text.strip_prefix("mailto:").unwrap_or(text);
        if text.is_empty() {
            return Err(NotATarget::Empty);
        }
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').trim_start_matches("IPv6:").parse() {
            return Ok(Self::Ip { ip, port: None });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self::Ip { ip: address.ip(), port: Some(address.port()) });
        }
        if text.contains("://") {
            return Err(NotATarget::Other(shortened(text), "a web address"));
        }
        if text.split_once('/').is_some_and(|(ip, _)| ip.parse::<IpAddr>().is_ok()) {
            return Err(NotATarget::Other(shortened(text), "a network"));
        }
        if let Some((user, domain)) = text.rsplit_once('@') {
            if let Some(why) = not_a_local_part(user) {
                return Err(NotATarget::Address(shortened(text), why));
            }
            return Ok(Self::Domain { name: name(domain)?, user: Some(user.to_owned()) });
        }
        if text.split_once('%').is_some_and(|(ip, _)| ip.parse::<IpAddr>().is_ok()) {
            return Err(NotATarget::Other(shortened(text), "an address of one link only"));
        }
        match text.rsplit_once(':') {
            Some((host, port)) => {
                let number = port.parse().ok().filter(|port| *port != 0);
                let port = number.ok_or_else(|| NotATarget::Port(shortened(port)))?;
                Ok(Self::Host { name: name(host)?, port })
            }
            None => Ok(Self::Domain { name: name(text)?, user: None }),
        }
    }

    /// The name or address that is looked at.
    pub fn subject(&self) -> String {
        match self {
            Self::Domain { name, .. } | Self::Host { name, .. } => name.clone(),
            Self::Ip { ip, .. } => ip.to_string(),
        }
    }
}

/// Why a text cannot stand before the @ (RFC 5321 §4.1.2, §4.5.3.1.1).
fn not_a_local_part(user: &str) -> Option<&'static str> {
    match user {
        "" => Some("nothing stands before the @"),
        _ if user.len() > 64 => Some("more than 64 octets stand before the @ (RFC 5321 §4.5.3.1.1)"),
        _ if user.chars().any(|c| harmless(c) != c) => Some("it has control characters"),
        _ if user.len() > 1 && user.starts_with('"') && user.ends_with('"') => None,
        _ if user.chars().any(|c| " \"(),:;<>@[]\\".contains(c)) => Some("what stands before the @ needs quotes"),
        _ => None,
    }
}

/// A name in A-labels, or why it is none.
fn name(text: &str) -> Result<String, NotATarget> {
    let fault = |why: &str| NotATarget::Name(shortened(text), why.to_owned());
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.is_empty() {
        return Err(fault("it is empty"));
    }
    let ascii = if bare.is_ascii() {
        bare.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(bare).map_err(|_| fault("it cannot be written in A-labels (RFC 5891)"))?
    };
    if ascii.len() > 253 {
        return Err(fault(&format!("it has {} octets, and 253 is the most (RFC 1035 §2.3.4)", ascii.len())));
    }
    for label in ascii.split('.') {
        if label.is_empty() {
            return Err(fault("it has two dots side by side"));
        }
        if label.len() > 63 {
            return Err(fault(&format!("a part has {} octets, and 63 is the most (RFC 1035 §2.3.4)", label.len())));
        }
        if let Some(odd) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-' && *c != '_') {
            return Err(fault(&format!("{odd:?} cannot be in it")));
        }
    }
    Ok(ascii)
}

fn shortened(text: &str) -> String {
    let more = if text.chars().nth(60).is_some() { "…" } else { "" };
    text.chars().take(60).map(harmless).collect::<String>() + more
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { name, user: None } => f.write_str(name),
            Self::Domain { name, user: Some(user) } => write!(f, "{user}@{name}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Ip { ip, port: None } => write!(f, "{ip}"),
            Self::Ip { ip, port: Some(port) } => write!(f, "{}", SocketAddr::new(*ip, *port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_type() {
        let table = [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            ("tom@example.com", "tom@example.com"),
            ("mx1.example.com:2525", "mx1.example.com:2525"),
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:25", "192.0.2.1:25"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:25", "[2001:db8::1]:25"),
            ("example.com:0", "not a port: 0; ports are numbers from 1 to 65535"),
            ("exa mple.com", "not a name the DNS can have: exa mple.com: ' ' cannot be in it"),
            ("http://example.com/x", "http://example.com/x is a web address; name the domain, host or address alone"),
            ("192.0.2.0/24", "192.0.2.0/24 is a network; name the domain, host or address alone"),
            ("fe80::1%eth0", "fe80::1%eth0 is an address of one link only; name the domain, host or address alone"),
            ("@example.com", "not a mail address: @example.com: nothing stands before the @"),
            ("a@b@example.com", "not a mail address: a@b@example.com: what stands before the @ needs quotes"),
            ("\"a b\"@example.com", "\"a b\"@example.com"),
            ("a\u{1b}[2J@example.com", "not a mail address: a\u{fffd}[2J@example.com: it has control characters"),
            ("a\u{1b}[2J.com", "not a name the DNS can have: a\u{fffd}[2J.com: '\\u{1b}' cannot be in it"),
            ("", "nothing to look at: name a domain, an address, a host or an IP address"),
            ("a..b", "not a name the DNS can have: a..b: it has two dots side by side"),
        ];
        for (text, want) in table {
            let read = Target::parse(text).map_or_else(|fault| fault.to_string(), |target| target.to_string());
            assert_eq!(read, want, "{text}");
        }
        assert!(Target::parse(&"a.".repeat(128)).is_err());
        assert!(Target::parse(&"a".repeat(64)).is_err());
    }
}
