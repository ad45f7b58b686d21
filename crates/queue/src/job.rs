//! What is queued, and the right to try it.

use crate::sign::Sign;
use crate::slab::Key;
use postrider_smtp::{Destination, MessageId, Timestamp};

/// One message for one destination, with what the relay attached to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job<J> {
    /// Which message.
    pub message: MessageId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Whether it has the null sender: expires sooner, and nobody is told of its delay.
    pub null_sender: bool,
    /// Octets of content that are held in memory with it; 0 when they are still on disk.
    pub bytes_held: u64,
    /// Where it goes.
    pub destination: Destination,
    /// Which of its recipients are due there.
    pub recipients: Vec<JobRecipient>,
    /// The relay's own: envelope, content, leases.
    pub payload: J,
}

/// One recipient of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRecipient {
    /// Its index in the envelope.
    pub index: u32,
    /// Attempts made before.
    pub attempts: u32,
    /// Whether the sender has been told of the delay.
    pub delay_told: bool,
    /// Attempts before whose final dot got no reply.
    pub doubts: u32,
    /// Whether the sender wants to be told (RFC 3461 §4.1: `DELAY`, also when nothing was said).
    pub notify_delay: bool,
}

/// The right to one attempt, which takes one connection of its site. Not clonable; must go
/// back by [`crate::Queue::finished`], or the connection is never free again.
#[derive(Debug)]
#[must_use = "a ticket that is not finished keeps a connection of its site forever"]
pub struct Ticket {
    pub(crate) lane: Key,
    pub(crate) site: Key,
    pub(crate) bytes_held: u64,
    pub(crate) sign: Sign,
}
