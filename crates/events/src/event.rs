//! The facts, each with what a person or program needs to make sense of it alone.

use crate::wire;
use postrider_reply::Verdict;
use postrider_smtp::{Address, Destination, MessageId, Outcome, Phase, Reply, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One fact about a message, a recipient, or a piece of the queue.
///
/// The life of a recipient is one `Accepted`, then `Deferred` or `InDoubt` any number of times,
/// and one of `Delivered`, `Failed`, `Expired` and `Dropped` at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A message is on stable storage; its client has been or is about to be told 250.
    Accepted(Box<Accepted>),
    /// Something was refused at the door; there is no message.
    Refused(Box<Refused>),
    /// The next hop has taken the message for one recipient.
    Delivered(Box<Attempted>),
    /// One attempt at one recipient did not succeed, and another may.
    Deferred(Box<Attempted>),
    /// The final dot was sent and no reply came: the next attempt may double the message.
    InDoubt(Box<Attempted>),
    /// One recipient is given up, because trying the same again will not help.
    Failed(Box<Attempted>),
    /// One recipient is given up, because its time is used up.
    Expired(Box<Expired>),
    /// A bounce, delay notice or success notice was made, and is itself on stable storage.
    Noticed(Box<Noticed>),
    /// An operator holds a part of the queue.
    Held(Box<Operated>),
    /// An operator lets go of what was held.
    Released(Box<Operated>),
    /// An operator made a part of the queue due now.
    Retried(Box<Operated>),
    /// An operator removed a part of the queue, without a bounce.
    Dropped(Box<Operated>),
    /// A restart found work that the life before it had begun.
    Recovered(Box<Recovered>),
}

/// A message was taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Its id.
    #[serde(with = "wire::shown")]
    pub message: MessageId,
    /// Which kind of door.
    pub origin: Origin,
    /// Who handed it in: user name, or client address.
    pub client: String,
    /// How: SMTP, ESMTPS and their kin.
    pub protocol: String,
    /// TLS version and cipher of that session.
    pub tls: Option<String>,
    /// The reverse path; null is the null sender.
    #[serde(with = "wire::shown_option")]
    pub sender: Option<Address>,
    /// The forward paths.
    #[serde(with = "wire::shown_list")]
    pub recipients: Vec<Address>,
    /// Octets of the message as kept.
    pub size: u64,
    /// The Message-ID field, without its brackets; by this other systems' logs name the message.
    pub header_id: Option<String>,
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A server or a listed network, on the relay port.
    Relay,
    /// An authenticated or local user.
    Submission,
    /// This relay itself.
    Notice,
}

/// A client was told no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Who: user name, or client address.
    pub client: String,
    /// What it called itself.
    pub hello: String,
    /// At which command.
    #[serde(with = "wire::phase")]
    pub phase: Phase,
    /// The reverse path, when it had been said; null also for the null sender.
    #[serde(with = "wire::shown_option")]
    pub sender: Option<Address>,
    /// The forward path that was refused, when it was one.
    pub recipient: Option<String>,
    /// What the client was told.
    #[serde(with = "wire::reply")]
    pub reply: Reply,
    /// Why, for the operator; may say more than the client was told.
    pub reason: String,
}

/// One attempt at one recipient, and what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempted {
    /// When the outcome was had.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Which message.
    #[serde(with = "wire::shown")]
    pub message: MessageId,
    /// The reverse path; null is the null sender.
    #[serde(with = "wire::shown_option")]
    pub sender: Option<Address>,
    /// The forward path.
    #[serde(with = "wire::shown")]
    pub recipient: Address,
    /// Where it goes.
    #[serde(with = "wire::shown")]
    pub destination: Destination,
    /// The first attempt at this recipient is 1.
    pub attempt: u32,
    /// How long the attempt took, all its recipients together.
    pub took_ms: u64,
    /// Who was spoken to.
    pub via: Via,
    /// What was said, or why nothing was.
    #[serde(with = "wire::outcome")]
    pub outcome: Outcome,
    /// What it means.
    pub verdict: Verdict,
    /// When the next attempt is due; null when there is none.
    pub next: Option<Next>,
    /// The dialogue, secrets masked. Only the first event of an attempt carries it.
    #[serde(with = "wire::shared")]
    pub transcript: Option<Arc<str>>,
}

/// The neighbour of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The neighbour behind the MX, to which limits apply.
    #[serde(with = "wire::shared")]
    pub site: Option<Arc<str>>,
    /// The host's name.
    #[serde(with = "wire::shared")]
    pub host: Option<Arc<str>>,
    /// Its address and port.
    pub address: Option<SocketAddr>,
    /// Our address.
    pub source: Option<IpAddr>,
    /// TLS version, cipher, and whether the certificate was verified.
    #[serde(with = "wire::shared")]
    pub tls: Option<Arc<str>>,
}

/// When a recipient is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub due: Timestamp,
    /// Why then.
    pub reason: String,
}

/// A recipient's time was used up. The last attempt has its own event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expired {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Which message.
    #[serde(with = "wire::shown")]
    pub message: MessageId,
    /// The reverse path; null is the null sender.
    #[serde(with = "wire::shown_option")]
    pub sender: Option<Address>,
    /// The forward path.
    #[serde(with = "wire::shown")]
    pub recipient: Address,
    /// Where it was to go.
    #[serde(with = "wire::shown")]
    pub destination: Destination,
    /// How often it was tried.
    pub attempts: u32,
    /// What it waited for at last.
    pub reason: String,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tidings {
    /// Recipients failed: a bounce.
    Failure,
    /// Recipients are late.
    Delay,
    /// Recipients were passed on, and the sender asked to hear of it.
    Success,
}

/// The sender is told by mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noticed {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// The message it is about.
    #[serde(with = "wire::shown")]
    pub message: MessageId,
    /// The notice's own id.
    #[serde(with = "wire::shown")]
    pub notice: MessageId,
    /// What it tells.
    pub tidings: Tidings,
    /// To whom: the sender of the message.
    #[serde(with = "wire::shown")]
    pub to: Address,
    /// About which recipients.
    #[serde(with = "wire::shown_list")]
    pub recipients: Vec<Address>,
}

/// An operator's hand on the queue. What is null was not narrowed down: all three null is the whole queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operated {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Only this message.
    #[serde(with = "wire::shown_option")]
    pub message: Option<MessageId>,
    /// Only this destination.
    #[serde(with = "wire::shown_option")]
    pub destination: Option<Destination>,
    /// Only messages with this sender or recipient.
    pub address: Option<String>,
    /// How many recipients it touched.
    pub recipients: u64,
    /// Who did it, and by which way.
    pub by: String,
}

/// In which state a restart found a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// An attempt had begun; the final dot was not out.
    Begun,
    /// The final dot was out and the reply is not recorded: the message may come twice.
    InDoubt,
    /// It was done and recorded, but perhaps not told: this may be all that is ever said of its end.
    Untold,
}

/// A restart found a message that the life before it was working on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// When.
    #[serde(with = "wire::timestamp")]
    pub at: Timestamp,
    /// Which message.
    #[serde(with = "wire::shown")]
    pub message: MessageId,
    /// In which state.
    pub found: Found,
    /// Which recipients, by their index in the envelope; empty when it is not known.
    pub recipients: Vec<u32>,
}

impl Event {
    /// The names of all kinds.
    pub const NAMES: [&str; 13] = [
        "accepted",
        "refused",
        "delivered",
        "deferred",
        "in-doubt",
        "failed",
        "expired",
        "noticed",
        "held",
        "released",
        "retried",
        "dropped",
        "recovered",
    ];

    /// The name of its kind, as in the line's `event`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Refused(_) => "refused",
            Self::Delivered(_) => "delivered",
            Self::Deferred(_) => "deferred",
            Self::InDoubt(_) => "in-doubt",
            Self::Failed(_) => "failed",
            Self::Expired(_) => "expired",
            Self::Noticed(_) => "noticed",
            Self::Held(_) => "held",
            Self::Released(_) => "released",
            Self::Retried(_) => "retried",
            Self::Dropped(_) => "dropped",
            Self::Recovered(_) => "recovered",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Accepted(it) => it.at,
            Self::Refused(it) => it.at,
            Self::Delivered(it) | Self::Deferred(it) | Self::InDoubt(it) | Self::Failed(it) => it.at,
            Self::Expired(it) => it.at,
            Self::Noticed(it) => it.at,
            Self::Held(it) | Self::Released(it) | Self::Retried(it) | Self::Dropped(it) => it.at,
            Self::Recovered(it) => it.at,
        }
    }

    /// The message it is about, if it is about one.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Accepted(it) => Some(it.message),
            Self::Refused(_) => None,
            Self::Delivered(it) | Self::Deferred(it) | Self::InDoubt(it) | Self::Failed(it) => Some(it.message),
            Self::Expired(it) => Some(it.message),
            Self::Noticed(it) => Some(it.message),
            Self::Held(it) | Self::Released(it) | Self::Retried(it) | Self::Dropped(it) => it.message,
            Self::Recovered(it) => Some(it.message),
        }
    }

    /// The attempt it tells of, if it does.
    pub fn attempted(&self) -> Option<&Attempted> {
        match self {
            Self::Delivered(it) | Self::Deferred(it) | Self::InDoubt(it) | Self::Failed(it) => Some(it),
            _ => None,
        }
    }
}
