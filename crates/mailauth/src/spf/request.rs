//! What a check is asked, and how far it may go.

use super::expand::dotted;
use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// How far one check may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Terms that look something up (RFC 7208 §4.6.4).
    pub lookups_max: usize,
    /// Of these, ones that find nothing (RFC 7208 §4.6.4).
    pub voids_max: usize,
    /// Mail exchanges of one `mx` (RFC 7208 §4.6.4).
    pub exchanges_max: usize,
    /// Names of the address that `ptr` and `%{p}` look at; others are passed over.
    pub names_max: usize,
    /// All of it together (RFC 7208 §4.6.4 wants 20 seconds at least).
    pub time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lookups_max: 10, voids_max: 2, exchanges_max: 10, names_max: 10, time_max: Duration::from_secs(20) }
    }
}

/// What is asked: may this address send for this domain?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who sends.
    pub ip: IpAddr,
    /// Whose record is evaluated.
    pub domain: String,
    /// In whose name, with local part and domain.
    pub sender: String,
    /// The name given with HELO or EHLO.
    pub helo: String,
    /// The name of who checks, for explanations.
    pub receiver: String,
    /// When, in seconds since 1970, for explanations.
    pub seconds: u64,
    /// How far the check may go.
    pub limits: Limits,
}

impl Request {
    /// A check of the envelope's sender. An empty one, as in reports, makes it a check of the
    /// HELO name (RFC 7208 §2.4), and a missing local part is `postmaster` (RFC 7208 §4.3).
    ///
    /// ```
    /// use postrider_mailauth::spf::Request;
    /// let request = Request::mail_from("192.0.2.1".parse().unwrap(), "mx.example.net", "a@example.com");
    /// assert_eq!(request.domain, "example.com");
    /// let request = Request::mail_from("192.0.2.1".parse().unwrap(), "mx.example.net", "");
    /// assert_eq!((request.domain.as_str(), request.sender.as_str()), ("mx.example.net", "postmaster@mx.example.net"));
    /// ```
    pub fn mail_from(ip: IpAddr, helo: &str, sender: &str) -> Self {
        let sender = if sender.is_empty() { helo } else { sender };
        let (local, domain) = sender.rsplit_once('@').unwrap_or(("", sender));
        let local = if local.is_empty() { "postmaster" } else { local };
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            ip,
            domain: domain.to_owned(),
            sender: format!("{local}@{domain}"),
            helo: helo.to_owned(),
            receiver: "unknown".to_owned(),
            seconds,
            limits: Limits::default(),
        }
    }

    /// A check of the HELO name (RFC 7208 §2.3).
    pub fn helo(ip: IpAddr, helo: &str) -> Self {
        Self::mail_from(ip, helo, "")
    }

    /// The address as it is compared: one of IPv4 also when it came as an IPv6 one that maps it
    /// (RFC 7208 §5).
    pub(super) fn address(&self) -> IpAddr {
        self.ip.to_canonical()
    }

    /// What a macro stands for (RFC 7208 §7.2); `p` is not known here.
    pub(super) fn value<'a>(&'a self, letter: u8, domain: &'a str) -> Option<Cow<'a, str>> {
        let (local, sender_domain) = self.sender.rsplit_once('@').unwrap_or(("postmaster", &self.sender));
        Some(match letter {
            b's' => Cow::Borrowed(&self.sender),
            b'l' => Cow::Borrowed(local),
            b'o' => Cow::Borrowed(sender_domain),
            b'd' => Cow::Borrowed(domain),
            b'i' => Cow::Owned(dotted(self.address())),
            b'v' => Cow::Borrowed(if self.address().is_ipv4() { "in-addr" } else { "ip6" }),
            b'h' => Cow::Borrowed(&self.helo),
            b'c' => Cow::Owned(self.address().to_string()),
            b'r' => Cow::Borrowed(&self.receiver),
            b't' => Cow::Owned(self.seconds.to_string()),
            _ => return None,
        })
    }
}
