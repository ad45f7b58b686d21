//! An SMTP session for looking at a host: [`postrider_smtp::client`] over a [`Wire`](crate::net::Wire), with the
//! time of each step, the certificates, and every line in both directions kept.
//!
//! Boundary: what is said and understood is the client's; this knows sockets, time and TLS.
//! Nothing is judged here, and no message is sent.

mod drive;
mod old_tls;
#[cfg(test)]
mod tests;

pub use drive::{Session, Watch};
pub use old_tls::OldTls;

use crate::net::TlsSeen;
use postrider_smtp::client::{Credentials, Ended, Opening, Peer};
use postrider_smtp::{Host, Reply, ReplyCode, Trouble};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A wait that was given up sooner was cut short by the end of the run: it tells nothing of the host.
pub const BRIEF: Duration = Duration::from_secs(1);

/// What is done about TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// None.
    Off,
    /// STARTTLS, where it is offered.
    WhenOffered,
    /// From the first octet on (RFC 8314 §3).
    Implicit,
    /// STARTTLS, and then only a greeting of TLS 1.1, to see whether it is still taken.
    Old,
    /// STARTTLS with a command glued to it in clear, to see whether it is answered under TLS.
    Glued,
}

/// What a session is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to.
    pub to: SocketAddr,
    /// The host's name: for SNI.
    pub host: String,
    /// What for, in a word; see [`crate::net::Dial`].
    pub purpose: String,
    /// What is done about TLS.
    pub tls: Tls,
    /// What we call ourselves.
    pub hello: Host,
    /// Who to log in as.
    pub credentials: Option<Credentials>,
    /// How long the connection may take.
    pub connect: Duration,
    /// How long each reply may take.
    pub reply: Duration,
    /// How long the TLS handshake may take.
    pub handshake: Duration,
    /// When all must be over.
    pub until: Instant,
}

impl Plan {
    /// To that host, until then.
    pub fn new(host: &str, to: SocketAddr, until: Instant) -> Self {
        Self {
            to,
            host: host.to_owned(),
            purpose: "smtp".to_owned(),
            tls: Tls::WhenOffered,
            hello: Host::Literal(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            credentials: None,
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(60),
            handshake: Duration::from_secs(20),
            until,
        }
    }
}

/// Who a line is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// We said it.
    Us,
    /// The host said it.
    Host,
    /// It happened without words.
    Note,
}

/// A line of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, since the connection was begun.
    pub at: Duration,
    /// By whom.
    pub by: By,
    /// Whether it went under TLS.
    pub encrypted: bool,
    /// It, without its line end; secrets masked.
    pub text: String,
}

/// A step, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// `connect`, `banner`, `ehlo`, `starttls`, `tls`, or the name of what was asked.
    pub step: &'static str,
    /// How long.
    pub took: Duration,
}

/// A command that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Under which name.
    pub name: &'static str,
    /// The command, as shown.
    pub line: String,
    /// The reply; `None` when none came.
    pub reply: Option<Reply>,
    /// How long that took.
    pub took: Duration,
}

/// Everything that was seen of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Where to.
    pub to: SocketAddr,
    /// The host's name.
    pub host: String,
    /// Why there was no connection.
    pub unreached: Option<Trouble>,
    /// What the host said until it took commands.
    pub opening: Opening,
    /// What it answered to words that came before its greeting; for hosts that wait for those.
    pub poked: Vec<u8>,
    /// What the handshake showed.
    pub tls: Option<TlsSeen>,
    /// Why there was none.
    pub tls_trouble: Option<Trouble>,
    /// What it says to the TLS of old.
    pub old: Option<OldTls>,
    /// What it said under TLS to what was glued to STARTTLS in clear.
    pub injected: Vec<u8>,
    /// What was asked.
    pub asked: Vec<Asked>,
    /// How it ended; `None` when it was ours to end and was not.
    pub ended: Option<Ended>,
    /// How long the wait was that was given up.
    pub gave_up: Option<Duration>,
    /// What each step took.
    pub steps: Vec<Took>,
    /// Every line.
    pub lines: Vec<Line>,
}

impl SessionFacts {
    /// Of a session that has not begun.
    pub fn new(host: &str, to: SocketAddr) -> Self {
        Self {
            to,
            host: host.to_owned(),
            unreached: None,
            opening: Opening::default(),
            poked: Vec::new(),
            tls: None,
            tls_trouble: None,
            old: None,
            injected: Vec::new(),
            asked: Vec::new(),
            ended: None,
            gave_up: None,
            steps: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// What it offers in clear.
    pub fn peer_in_clear(&self) -> Option<Peer> {
        let reply = self.opening.in_clear.as_ref().filter(|reply| reply.code().is_positive())?;
        Some(if self.opening.refused.is_some() { Peer::from_helo(reply) } else { Peer::from_ehlo(reply) })
    }

    /// What it offers at last: under TLS, if there is TLS.
    pub fn peer(&self) -> Option<Peer> {
        match &self.opening.under_tls {
            Some(reply) if reply.code().is_positive() => Some(Peer::from_ehlo(reply)),
            _ => self.peer_in_clear(),
        }
    }

    /// Its answer to what was asked under that name.
    pub fn answer(&self, name: &str) -> Option<&Reply> {
        self.asked.iter().find(|asked| asked.name == name).and_then(|asked| asked.reply.as_ref())
    }

    /// The 421 that ended it.
    pub fn limit(&self) -> Option<&Reply> {
        match &self.ended {
            Some(Ended::Refused { reply, .. }) if reply.code() == ReplyCode::UNAVAILABLE_421 => Some(reply),
            _ => None,
        }
    }

    /// What broke it, after the connection stood.
    pub fn broke(&self) -> Option<&Trouble> {
        match &self.ended {
            Some(Ended::Broken(trouble)) => Some(trouble),
            _ => None,
        }
    }

    /// How long a step took.
    pub fn took(&self, step: &str) -> Option<Duration> {
        self.steps.iter().find(|took| took.step == step).map(|took| took.took)
    }

    /// The last time of anything.
    pub fn took_in_all(&self) -> Duration {
        self.steps.iter().map(|took| took.took).sum()
    }
}
