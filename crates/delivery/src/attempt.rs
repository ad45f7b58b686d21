//! One attempt: what is ordered, and what became of it.

use postrider_smtp::{Content, Destination, Envelope, MessageId, Outcome, Recipient};
use postrider_transport::TlsFacts;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Called right before the octets that end a message are handed to the socket: from then on
/// the message may arrive, whatever we hear of it. May be called again when another
/// transaction of the same attempt follows. It must not block.
#[derive(Clone)]
pub struct BeforeDot(Arc<dyn Fn(MessageId) + Send + Sync>);

impl BeforeDot {
    /// Calls this.
    pub fn new(call: impl Fn(MessageId) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    pub(crate) fn call(&self, message: MessageId) {
        (self.0)(message);
    }
}

impl fmt::Debug for BeforeDot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeforeDot")
    }
}

/// What is to be delivered: one message to some recipients of one destination.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which message.
    pub message: MessageId,
    /// Where it goes.
    pub destination: Destination,
    /// Sender and wishes; its recipients are not looked at.
    pub envelope: Envelope,
    /// Whom it goes to, each with its index in the whole envelope.
    pub recipients: Vec<(u32, Recipient)>,
    /// The message itself.
    pub content: Content,
    /// Whom to tell before a message is ended.
    pub before_dot: Option<BeforeDot>,
}

/// Whom an attempt spoke to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The host's name, or its address in brackets.
    pub host: Arc<str>,
    /// Address and port.
    pub address: SocketAddr,
    /// From which address.
    pub source: Option<IpAddr>,
    /// Version, cipher and certificate, when it was under TLS.
    pub tls: Option<TlsFacts>,
    /// How many messages the connection had carried before; 0 for a new one.
    pub messages_before: u32,
    /// Whether the host passes delivery notices on (RFC 3461): if not, `NOTIFY=SUCCESS` is ours to answer.
    pub dsn: bool,
}

/// Where the time went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Finding the hosts.
    pub route: Duration,
    /// Connecting, TLS, EHLO and AUTH, of all addresses tried; nothing for a kept connection.
    pub session: Duration,
    /// The message.
    pub transaction: Duration,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The neighbour it was for, when one was found.
    pub site: Option<Arc<str>>,
    /// Whom we spoke to last.
    pub spoken: Option<Spoken>,
    /// One outcome for each recipient of the order, in its order.
    pub outcomes: Vec<(u32, Outcome)>,
    /// The dialogue, of all hosts tried, secrets masked.
    pub transcript: String,
    /// Where the time went.
    pub timings: Timings,
}
