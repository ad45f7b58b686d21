//! The receiving side of a session, without a socket.

mod question;
mod settings;

use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

pub use question::{Answer, Message, Question, Reason, Refused, ScramKeys, Secret};
pub use settings::{BareLineEnds, Extensions, Limits, Settings, Timeouts};

/// What the driver is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read, and hand what came to [`Server::input`]; or wait for [`Server::deadline`].
    NeedInput,
    /// Send this.
    Write(Bytes),
    /// Do the TLS handshake, then call [`Server::tls_begun`].
    StartTls,
    /// Decide, then call [`Server::answer`].
    Ask(Question),
    /// For the log and the counters; go on.
    Refused(Refused),
    /// Close the connection.
    Closed,
}

/// When AUTH is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthOffer {
    /// There are no users.
    #[default]
    Never,
    /// Under TLS only: a password in clear is a password given away.
    UnderTls,
    /// Also in clear.
    Always,
}

/// What is true of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether it is under TLS from the first octet.
    pub tls: bool,
    /// Whether STARTTLS can be offered.
    pub starttls: bool,
    /// When AUTH is offered.
    pub auth: AuthOffer,
    /// Whether AUTH SCRAM-SHA-256 can be offered: the driver keeps the keys for it.
    pub scram: bool,
    /// A client of our own: on a submission port, on loopback, in a listed network.
    pub own_client: bool,
}

/// The receiving side of one session.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    facts: Facts,
}

impl Server {
    /// A session that has just begun. The first step asks whether to greet.
    pub fn new(settings: Arc<Settings>, facts: Facts) -> Self {
        Self { settings, facts }
    }

    /// Takes octets from the client.
    pub fn input(&mut self, bytes: &[u8]) {
        let _ = (bytes, &self.settings, &self.facts);
    }

    /// What to do next, at this moment. To be called until it says [`Step::NeedInput`].
    pub fn step(&mut self, now: Instant) -> Step {
        let _ = now;
        Step::NeedInput
    }

    /// When [`Server::step`] wants to be called even if nothing came.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Answers the question that was asked last.
    pub fn answer(&mut self, answer: Answer) {
        let _ = answer;
    }

    /// The handshake asked for by [`Step::StartTls`] is done.
    pub fn tls_begun(&mut self) {}

    /// Ends the session with 421: after the transaction it is in, or at once.
    pub fn stop(&mut self, at_once: bool) {
        let _ = at_once;
    }
}
