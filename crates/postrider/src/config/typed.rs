//! The types a key may have: how each is read from text, and how it is called in messages.

use super::{suggest, units};
use postrider_delivery::{Pattern, TlsMode};
use postrider_inbound::Network;
use postrider_smtp::{Domain, Host};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A value that a key can hold. All are read from text, so that file, environment and command
/// line speak one language.
pub(crate) trait Typed: Sized {
    /// What it is, with its article: "a duration such as 5m".
    const KIND: &'static str;
    /// Whether several may be given, as an array or separated by commas.
    const LIST: bool = false;
    /// Reads it; the error says what to write.
    fn parse(text: &str) -> Result<Self, String>;
}

impl Typed for bool {
    const KIND: &'static str = "true or false";
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
}

impl Typed for u32 {
    const KIND: &'static str = "a number";
    fn parse(text: &str) -> Result<Self, String> {
        let plain: String = text.trim().chars().filter(|c| *c != '_').collect();
        plain.parse().map_err(|_| format!("{text:?} is not a whole number between 0 and {}", u32::MAX))
    }
}

impl Typed for u16 {
    const KIND: &'static str = "a port";
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("{text:?} is not a port between 1 and 65535")),
        }
    }
}

impl Typed for String {
    const KIND: &'static str = "a text";
    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("the text has a control character in it".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl Typed for PathBuf {
    const KIND: &'static str = "a path";
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Typed for Duration {
    const KIND: &'static str = "a duration such as 30s, 5m or 2h";
    fn parse(text: &str) -> Result<Self, String> {
        units::parse_duration(text)
    }
}

/// Octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Typed for Size {
    const KIND: &'static str = "a size such as 50MiB";
    fn parse(text: &str) -> Result<Self, String> {
        units::parse_size(text).map(Self)
    }
}

impl Typed for SocketAddr {
    const KIND: &'static str = "an address and port such as 127.0.0.1:2525";
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Err(format!("{text:?} has no port: write {}", SocketAddr::new(ip, 2525)));
        }
        // The shorthands everybody tries.
        if let Some(port) = text.strip_prefix(':').or_else(|| text.strip_prefix("*:")) {
            return u16::parse(port).map(|port| (Ipv6Addr::UNSPECIFIED, port).into());
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            return u16::parse(port).map(|port| (Ipv4Addr::LOCALHOST, port).into());
        }
        Err(format!(
            "{text:?} is not an address and port: write 127.0.0.1:2525, [::1]:2525, or :2525 for all addresses"
        ))
    }
}

impl Typed for IpAddr {
    const KIND: &'static str = "an IP address";
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("{text:?} is not an IPv4 or IPv6 address"))
    }
}

impl Typed for Domain {
    const KIND: &'static str = "a domain name";
    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).map_err(|error| format!("{text:?} is not a domain name: {error}"))
    }
}

impl Typed for Network {
    const KIND: &'static str = "a network such as 192.0.2.0/24";
    fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| format!("{text:?} is not a network: write 192.0.2.0/24, 2001:db8::/32 or one address"))
    }
}

/// A name server: an IP address, port 53 unless another is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameServer(pub(crate) SocketAddr);

impl Typed for NameServer {
    const KIND: &'static str = "a name server such as 192.0.2.53 or 127.0.0.1:5353";
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(SocketAddr::new(ip, 53)));
        }
        let address = text.parse().map_err(|_| format!("{text:?} is not a name server: write IP or IP:PORT"))?;
        Ok(Self(address))
    }
}

/// `HOST:PORT`; the port may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// A name, or an address without brackets' protocol tag.
    pub(crate) host: Host,
    /// The port, if one was given.
    pub(crate) port: Option<u16>,
}

impl Typed for HostPort {
    const KIND: &'static str = "a host and port such as smtp.example.com:587";
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                host: Host::Literal(address.ip()),
                port: Some(u16::parse(&address.port().to_string())?),
            });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { host: Host::Literal(ip), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(u16::parse(port)?)),
            _ => (text, None),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self { host: Host::Literal(ip), port });
        }
        let host = Host::parse(host).map_err(|error| format!("{text:?} names no host: {error}"))?;
        Ok(Self { host, port })
    }
}

impl Typed for Pattern {
    const KIND: &'static str = "a pattern: *, example.com, *.example.com or .example.com";
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("{text:?} is not {}", Self::KIND))
    }
}

/// Nothing, where the text is empty.
impl<T: Typed> Typed for Option<T> {
    const KIND: &'static str = T::KIND;
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
}

/// Several, separated by commas; none, where the text is empty or `off`.
impl<T: Typed> Typed for Vec<T> {
    const KIND: &'static str = T::KIND;
    const LIST: bool = true;
    fn parse(text: &str) -> Result<Self, String> {
        if matches!(text.trim(), "" | "off") {
            return Ok(Vec::new());
        }
        text.split(',').map(T::parse).collect()
    }
}

/// Declares an enum whose values are words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $kind:literal { $($(#[doc = $doc:literal])+ $word:literal => $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl Typed for $name {
            const KIND: &'static str = $kind;
            fn parse(text: &str) -> Result<Self, String> {
                match text.trim() {
                    $($word => Ok(Self::$variant),)+
                    _ => {
                        let near = suggest::nearest(text.trim(), [$($word),+]);
                        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                        Err(format!("{text:?} is not {}{near}", $kind))
                    }
                }
            }
        }
    };
}

words! {
    /// How the log is written.
    LogFormat: "one of text, json" {
        /// Lines for people.
        "text" => Text,
        /// One JSON object per line, for machines.
        "json" => Json,
    }
}

words! {
    /// How much the log says.
    LogLevel: "one of error, warn, info, debug, trace" {
        /// What needs a person.
        "error" => Error,
        /// What may need a person.
        "warn" => Warn,
        /// One line per message accepted and per attempt.
        "info" => Info,
        /// Each session.
        "debug" => Debug,
        /// Everything.
        "trace" => Trace,
    }
}

impl Typed for TlsMode {
    const KIND: &'static str = "one of none, opportunistic, required, verify, implicit";
    fn parse(text: &str) -> Result<Self, String> {
        Self::from_name(text.trim()).ok_or_else(|| {
            let near = suggest::nearest(text.trim(), Self::ALL.map(Self::name));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            format!("{text:?} is not {}{near}", Self::KIND)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_their_shorthands() {
        let table = [
            ("127.0.0.1:25", Ok("127.0.0.1:25")),
            ("[::1]:25", Ok("[::1]:25")),
            (":2525", Ok("[::]:2525")),
            ("*:2525", Ok("[::]:2525")),
            ("localhost:25", Ok("127.0.0.1:25")),
            ("127.0.0.1", Err("\"127.0.0.1\" has no port: write 127.0.0.1:2525")),
            ("::1", Err("\"::1\" has no port: write [::1]:2525")),
        ];
        for (text, want) in table {
            let got = <SocketAddr as Typed>::parse(text).map(|a| a.to_string());
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert!(<SocketAddr as Typed>::parse("mail.example:25").unwrap_err().contains("write 127.0.0.1:2525"));
    }

    #[test]
    fn hosts_with_and_without_port() {
        let table = [
            ("smtp.example.com:587", "smtp.example.com", Some(587)),
            ("smtp.example.com", "smtp.example.com", None),
            ("127.0.0.25:2600", "[127.0.0.25]", Some(2600)),
            ("[::1]:25", "[IPv6:::1]", Some(25)),
            ("[IPv6:::1]:25", "[IPv6:::1]", Some(25)),
            ("::1", "[IPv6:::1]", None),
        ];
        for (text, host, port) in table {
            let got = HostPort::parse(text).unwrap();
            assert_eq!((got.host.to_string().as_str(), got.port), (host, port), "{text}");
        }
        assert!(HostPort::parse("smtp.example.com:99999").is_err());
        assert!(HostPort::parse("").is_err());
    }

    #[test]
    fn networks_lists_and_words() {
        assert_eq!(<Network as Typed>::parse("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert!(<Network as Typed>::parse("192.0.2.0/33").is_err());
        assert_eq!(Vec::<u32>::parse("1, 2,3"), Ok(vec![1, 2, 3]));
        assert_eq!(Vec::<SocketAddr>::parse("off"), Ok(vec![]));
        assert_eq!(TlsMode::parse("verify"), Ok(TlsMode::Verify));
        assert!(TlsMode::parse("verfy").unwrap_err().ends_with("did you mean verify?"));
        assert_eq!(NameServer::parse("127.0.0.1").unwrap().0.to_string(), "127.0.0.1:53");
    }
}
