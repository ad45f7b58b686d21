//! The one way out: every question to the world goes through [`World`].
//!
//! Two questions are enough: a DNS question to one server, and a connection ([`Wire`]) to one
//! address. [`Live`] asks the real world; [`Tape::recording`] keeps what it hears, and
//! [`Replay`] hears it again, octet for octet and with the times it had, so that a case can be
//! judged again elsewhere and later. Tests bring a world of their own.
//!
//! Boundary: nothing here knows what is asked for, or judges.

mod live;
#[cfg(test)]
pub(crate) mod paper;
mod question;
mod replay;
mod tape;
mod wire;

pub use live::Live;
pub use question::query;
pub(crate) use replay::SCHEMA as CASE_SCHEMA;
pub use replay::{Replay, ReplayError};
pub use tape::{Entry, Heading, Tape};
pub use wire::{TlsSeen, Wire};

use domain::base::iana::Rtype;
use postrider_smtp::Trouble;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

/// Something under way.
pub type Under<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a DNS question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// By a connection of its own.
    Tcp,
}

/// One DNS question to one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Who is asked.
    pub server: SocketAddr,
    /// How.
    pub by: Transport,
    /// The name, without the trailing dot; the root is `"."`.
    pub name: String,
    /// The type.
    pub kind: Rtype,
    /// Whether the server is to find out for us (RD).
    pub recursion: bool,
    /// The size of datagram offered by EDNS; `None` asks without EDNS.
    pub edns: Option<u16>,
    /// How long the answer may take.
    pub limit: Duration,
}

impl Ask {
    /// A question to an authoritative server: by UDP, no recursion, DNSSEC records wanted.
    pub fn authoritative(server: SocketAddr, name: &str, kind: Rtype) -> Self {
        Self {
            server,
            by: Transport::Udp,
            name: name.to_owned(),
            kind,
            recursion: false,
            edns: Some(EDNS_BYTES),
            limit: ANSWER_LIMIT,
        }
    }

    /// A question to a recursive server.
    pub fn recursive(server: SocketAddr, name: &str, kind: Rtype) -> Self {
        Self { recursion: true, limit: RECURSION_LIMIT, ..Self::authoritative(server, name, kind) }
    }

    /// The same by another transport.
    #[must_use]
    pub fn by(self, by: Transport) -> Self {
        Self { by, ..self }
    }
}

/// RFC 9715 §3.1: what passes most paths unfragmented.
pub const EDNS_BYTES: u16 = 1232;
/// An authoritative server across the world answers within this, when at all.
const ANSWER_LIMIT: Duration = Duration::from_millis(1200);
/// A recursive one may have to ask around.
const RECURSION_LIMIT: Duration = Duration::from_millis(2500);

/// Why a DNS server gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// Nothing came.
    TimedOut,
    /// The host says that nothing listens there.
    Refused,
    /// No way there from here.
    Unreachable,
    /// The connection was closed before the answer was whole.
    Closed,
    /// What came is no answer to the question: why.
    Garbage(String),
    /// Our own side failed: how.
    Local(String),
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer"),
            Self::Refused => f.write_str("nothing listens on port 53"),
            Self::Unreachable => f.write_str("no route to it from here"),
            Self::Closed => f.write_str("it closes the connection without an answer"),
            Self::Garbage(what) => write!(f, "its answer makes no sense: {what}"),
            Self::Local(what) => write!(f, "could not ask: {what}"),
        }
    }
}

/// What came of a DNS question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The message as it came, or why there is none.
    pub message: Result<Vec<u8>, Silence>,
    /// How long that took.
    pub took: Duration,
}

/// A connection to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dial {
    /// Where to.
    pub to: SocketAddr,
    /// What for, in a word or two. Two connections to one address at the same time have
    /// different ones, so that a replay can tell them apart.
    pub purpose: String,
    /// How long it may take.
    pub limit: Duration,
}

/// The world: a real one, one that is recorded or replayed, or one of a test.
pub trait World: Send + Sync + 'static {
    /// Asks a DNS server.
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered>;

    /// Opens a connection.
    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>>;

    /// Whether it is happening: then waiting makes a difference. A recording has happened.
    fn is_now(&self) -> bool {
        true
    }

    /// From which address of this machine a way there would begin; nothing is sent. A replayed
    /// world has no machine.
    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        let _ = to;
        None
    }
}
