//! What a client is told before it speaks.

use super::Timeouts;
use crate::Host;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// What to do about STARTTLS (RFC 3207).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StartTls {
    /// Never ask for it; also right for a stream that is under TLS from its first octet.
    Never,
    /// Take it when it is offered.
    #[default]
    WhenOffered,
    /// Take it, or end the session.
    Required,
}

/// A user name and a password. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who we are.
    pub user: String,
    /// And how we prove it.
    pub password: String,
    /// Whether the password itself may be sent in clear. SCRAM never sends it.
    pub in_clear: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.user)
    }
}

/// One session's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What we call ourselves (RFC 5321 §4.1.1.1).
    pub hello: Host,
    /// What to do about STARTTLS.
    pub starttls: StartTls,
    /// Whether the stream is under TLS from its first octet.
    pub under_tls: bool,
    /// Who we are; without it there is no AUTH.
    pub credentials: Option<Credentials>,
    /// Fresh random text for SCRAM: printable ASCII without commas (RFC 5802 §5.1). The machine has no source of its own.
    pub nonce: String,
    /// Whether BDAT is used where it is offered.
    pub chunking: bool,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hello: Host::Literal(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            starttls: StartTls::WhenOffered,
            under_tls: false,
            credentials: None,
            nonce: String::new(),
            chunking: true,
            timeouts: Timeouts::default(),
        }
    }
}
