//! The first step: what came in at a door, and what the door is told.

use bytes::Bytes;
use postrider_smtp::{Address, Envelope, MessageId, Phase, Reply};
pub use postrider_spool::Origin;
use std::future::Future;
use std::net::SocketAddr;

/// What the door knows of the client, for the Received field (RFC 5321 §4.4) and for people.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it connected from; `None` for the command line.
    pub peer: Option<SocketAddr>,
    /// What it called itself in EHLO or HELO; empty for the command line.
    pub hello: String,
    /// The `with` word: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA and their UTF8 kin (RFC 3848, RFC 6531 §4.3).
    pub protocol: &'static str,
    /// TLS version and cipher, when the session had them.
    pub tls: Option<String>,
    /// Who authenticated.
    pub user: Option<String>,
}

/// A message as it came in: nothing added yet.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which kind of door.
    pub origin: Origin,
    /// Who brought it.
    pub client: Client,
    /// Sender, recipients, wishes.
    pub envelope: Envelope,
    /// The message: CRLF line ends, not dot-stuffed, the last line ended.
    pub message: Bytes,
}

/// Something that a door refused: there is no message, and it is told all the same.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Who: user name, or client address.
    pub client: String,
    /// What it called itself.
    pub hello: String,
    /// At which command.
    pub phase: Phase,
    /// The reverse path, when it had been said.
    pub sender: Option<Address>,
    /// The forward path, when that was refused.
    pub recipient: Option<Address>,
    /// What the client was told.
    pub reply: Reply,
}

/// What a door needs of the relay; the relay is the real one, tests have theirs.
pub trait Accept: Send + Sync + 'static {
    /// Takes a message over. `Ok` means that it is on stable storage; only then may 250 be written.
    /// `Err` is the reply to the final dot.
    fn accept(&self, received: Received) -> impl Future<Output = Result<MessageId, Reply>> + Send;

    /// Why nothing is taken at the moment (full disk, memory limit, shutting down): the reply to MAIL.
    fn refuses_now(&self) -> Option<Reply>;

    /// Hears of a sender, recipient or message that the door refused.
    fn refused(&self, refusal: Refusal);
}
