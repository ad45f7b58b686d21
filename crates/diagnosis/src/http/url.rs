//! As much of URLs (RFC 3986) as a client needs that only gets pages by http and https.

use std::fmt;
use std::net::IpAddr;

/// A page's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// Whether by https.
    pub tls: bool,
    /// The host: a name in lower case, or an IP address without brackets.
    pub host: String,
    /// The port, where one is named.
    pub port: Option<u16>,
    /// Path and query, with the slash at the beginning.
    pub path: String,
}

const URL_MAX: usize = 2_000;

impl Url {
    /// Reads an absolute URL; `None` when it is none of those this client can get.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > URL_MAX || text.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // Names and passwords in a URL are for people who want to be fooled.
        if authority.contains('@') {
            return None;
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0)?),
        };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() || host.len() > 253 {
            return None;
        }
        let path = match path.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'?') => format!("/{path}"),
            Some(_) => path.to_owned(),
        };
        Some(Self { tls, host, port, path })
    }

    /// Where a page sends on to: a URL, or what stands for a part of one (RFC 3986 §4.2).
    pub fn join(&self, location: &str) -> Option<Self> {
        let location = location.trim();
        let scheme = if self.tls { "https" } else { "http" };
        if let Some(rest) = location.strip_prefix("//") {
            return Self::read(&format!("{scheme}://{rest}"));
        }
        if location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::read(location);
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let bare = self.path.split('?').next().unwrap_or_default();
            let folder = bare.rfind('/').map_or("/", |slash| &bare[..=slash]);
            format!("{folder}{location}")
        };
        Self::read(&format!("{scheme}://{}{path}", self.authority()))
    }

    /// Host and port as they are written in a URL and in the Host field.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The host as an address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_and_what_is_meant() {
        for (text, wanted) in [
            ("https://rdap.test/domain/x", Some("https://rdap.test/domain/x")),
            ("HTTP://Rdap.Test.:8080", Some("http://rdap.test:8080/")),
            ("http://[::1]:80/a?b=c#d", Some("http://[::1]:80/a?b=c")),
            ("http://x?y", Some("http://x/?y")),
            ("http://x:/", Some("http://x/")),
            ("ftp://x/", None),
            ("http:///", None),
            ("http://user@x/", None),
            ("http://x:0/", None),
            ("http://x:99999/", None),
            ("http://[x]/", None),
            ("http://x/a b", None),
            ("http://x/\r\nHost: y", None),
            ("x", None),
        ] {
            assert_eq!(Url::read(text).map(|url| url.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn sent_on() {
        let from = Url::read("https://a.test:8443/x/y?z").unwrap();
        for (location, wanted) in [
            ("http://b.test/", Some("http://b.test/")),
            ("//b.test/c", Some("https://b.test/c")),
            ("/c", Some("https://a.test:8443/c")),
            ("c?d=e:f", Some("https://a.test:8443/x/c?d=e:f")),
            ("", Some("https://a.test:8443/x/")),
            ("mailto:x@y", None),
        ] {
            assert_eq!(from.join(location).map(|url| url.to_string()).as_deref(), wanted, "{location}");
        }
    }
}
