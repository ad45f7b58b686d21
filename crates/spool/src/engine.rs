//! The seam between the relay and a store: one trait, fit for an embedded file and for a database.

use postrider_smtp::{Content, Destination, Envelope, MessageId, Recipient, Timestamp};
use std::time::Duration;

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A server or a listed network, on the relay port.
    Relay,
    /// An authenticated or local user.
    Submission,
    /// This relay itself: a bounce or a delay notice. Never makes another notice.
    Notice,
}

/// When a recipient is next looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// The committing relay attempts it right away, from memory: leased to it from birth, until
    /// it is recorded or the relay starts anew.
    Leased,
    /// It waits until then.
    At(Timestamp),
}

/// A message to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id, made by the relay so that the Received field can name it.
    pub id: MessageId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// Who handed it in: user name, or client address. For people.
    pub client: String,
    /// Sender, recipients, wishes.
    pub envelope: Envelope,
    /// The message.
    pub content: Content,
    /// For each recipient of the envelope, in the same order: where it goes and when.
    pub plan: Vec<(Destination, Due)>,
}

/// What became of one recipient; the unit of [`Engine::record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which message.
    pub message: MessageId,
    /// Which recipient: its index in the envelope.
    pub recipient: u32,
    /// What now.
    pub next: Next,
}

/// What now with one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Delivered, failed, or dropped: nothing more to do. The row goes, and with the last row the message.
    Done,
    /// To be tried again at `due`.
    Retry {
        /// When.
        due: Timestamp,
        /// Why it waits, for people.
        reason: String,
        /// Whether this was an attempt and counts as one (a hold-back by a limit does not).
        attempted: bool,
        /// Whether the sender has now been told of the delay.
        delay_told: bool,
        /// Whether the final dot got no reply, so that the next attempt may make a duplicate.
        in_doubt: bool,
    },
}

/// One attempt at a message, kept while the message is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The host and address that was spoken to, or why there was none.
    pub host: String,
    /// One line for each recipient: its index, and the outcome in words.
    pub outcomes: Vec<(u32, String)>,
    /// The dialogue, secrets masked.
    pub transcript: String,
}

/// All that one finished job changes; durable as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// What became of recipients.
    pub progress: Vec<Progress>,
    /// The attempt that led to it, kept only while its message is.
    pub attempt: Option<(MessageId, AttemptRecord)>,
    /// Bounces and delay notices it makes.
    pub notices: Vec<NewMessage>,
}

/// A recipient as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its index in the envelope.
    pub index: u32,
    /// Address and wishes.
    pub recipient: Recipient,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether the sender has been told of the delay.
    pub delay_told: bool,
    /// Attempts whose final dot got no reply.
    pub doubts: u32,
}

/// Due work: one message, one destination, all its due recipients there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Which message.
    pub message: MessageId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// The envelope without recipients.
    pub envelope: Envelope,
    /// Octets of the content.
    pub size: u64,
    /// Where it goes.
    pub destination: Destination,
    /// Which recipients are due.
    pub recipients: Vec<Standing>,
}

/// What work is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The present.
    pub now: Timestamp,
    /// Until when the lease holds; a dead node's work is free again after that.
    pub until: Timestamp,
    /// At most so many pieces of work in all.
    pub work_max: usize,
    /// At most so many for one destination: one large backlog must not hide the others.
    pub per_destination_max: usize,
    /// Destinations that can take no more now.
    pub skip: Vec<Destination>,
    /// Where the last claim ended; the next goes on behind it, round and round.
    pub after: Option<Destination>,
}

/// Work claimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// The work, leased to the caller.
    pub work: Vec<Work>,
    /// Where to go on; `None` when all destinations were seen.
    pub after: Option<Destination>,
    /// When to claim again: the claim's own `now` when due work was left over, else when the next
    /// recipient falls due, if any waits. It may be too early, for a recipient at a skipped
    /// destination, but never too late; what is leased now comes back by its record.
    pub next_due: Option<Timestamp>,
}

/// Which part of the queue a person wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueQuery {
    /// Only this destination.
    pub destination: Option<Destination>,
    /// Only this message.
    pub message: Option<MessageId>,
    /// Only messages with this sender or recipient.
    pub address: Option<String>,
    /// At most so many rows; 0 means counts only.
    pub rows_max: usize,
    /// Rows behind this one.
    pub after: Option<(MessageId, u32)>,
}

/// One recipient in the queue, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Which message.
    pub message: MessageId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// The sender; `None` is the null sender.
    pub sender: Option<String>,
    /// Octets of the content.
    pub size: u64,
    /// Index, address, attempts.
    pub standing: Standing,
    /// Where it goes.
    pub destination: Destination,
    /// When it is next tried; `None` while it is being tried or held.
    pub due: Option<Timestamp>,
    /// Held by an operator.
    pub held: bool,
    /// Why it waits.
    pub reason: String,
}

/// One destination in the queue, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDestination {
    /// Which.
    pub destination: Destination,
    /// Recipients waiting there, leased ones included, held ones not.
    pub recipients: u64,
    /// Recipients held.
    pub held: u64,
    /// Recipients leased to a relay now.
    pub leased: u64,
    /// The oldest message's acceptance.
    pub oldest: Timestamp,
    /// The next due time of a waiting recipient.
    pub next_due: Option<Timestamp>,
    /// The reason most recently recorded.
    pub reason: String,
}

/// What [`Engine::look`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueuePage {
    /// Recipients in the queue, of those asked for.
    pub recipients: u64,
    /// Messages in the queue, of those asked for.
    pub messages: u64,
    /// Rows, by message id and recipient index.
    pub rows: Vec<QueueRow>,
    /// Whether there are more rows.
    pub more: bool,
}

/// What an operator does to a part of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surgery {
    /// Due now.
    Retry,
    /// Not tried until released.
    Hold,
    /// Held no longer, due now.
    Release,
    /// Removed, without a bounce.
    Drop,
}

/// A message on the spool, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// Who handed it in.
    pub client: String,
    /// The envelope with all its recipients as accepted.
    pub envelope: Envelope,
    /// What was tried so far, oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// What a restart found of the life before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Messages in their first attempt when this node died: due again now. (An engine that keeps
    /// leases in memory cannot name those in a later attempt; they are due again all the same.)
    pub recovered: Vec<(MessageId, u32)>,
    /// Of messages in the spool: the final dot was out, the reply was not recorded. These may come twice.
    pub in_doubt: Vec<MessageId>,
    /// The final dot was out and the message is recorded as done, but its event may not have been written.
    pub untold: Vec<MessageId>,
    /// Destinations that an operator holds.
    pub held: Vec<Destination>,
    /// The largest id in the spool: new ones must be larger, whatever the clock says.
    pub newest: Option<MessageId>,
}

/// Why the store could not do its job.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// No room: answer 452 and go on.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Reading, writing or syncing failed.
    #[error("the spool cannot be used: {0}")]
    Disk(String),
    /// Another process has this spool open.
    #[error("the spool is in use by another process: {0}")]
    InUse(String),
    /// The file is of a version or kind that this program does not know.
    #[error("the spool file is not ours: {0}")]
    Foreign(String),
    /// What was asked for is not there.
    #[error("no message {0} in the spool")]
    NoSuchMessage(MessageId),
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
}

/// A store of messages and per-recipient progress.
///
/// Calls block; the relay calls them from threads of its own (see [`crate::Spool`]). Whatever
/// returns `Ok` is on stable storage, but for leases, which a restart gives up anyway.
pub trait Engine: Send + Sync + 'static {
    /// Keeps messages; all or none.
    fn commit(&self, batch: &[NewMessage]) -> Result<(), SpoolError>;
    /// Leases due work.
    fn claim(&self, claim: &Claim) -> Result<Claimed, SpoolError>;
    /// Keeps what became of jobs; all or none. Unknown recipients are passed over: they were dropped meanwhile.
    fn record(&self, batch: &[Record]) -> Result<(), SpoolError>;
    /// Commits and records in one step, for group commit.
    fn write(&self, commits: &[NewMessage], records: &[Record]) -> Result<(), SpoolError>;
    /// Holds leases longer.
    fn renew(&self, messages: &[MessageId], until: Timestamp) -> Result<(), SpoolError>;
    /// The bytes of a message.
    fn content(&self, message: MessageId) -> Result<Content, SpoolError>;
    /// A message with its history.
    fn kept(&self, message: MessageId) -> Result<Kept, SpoolError>;
    /// A look at recipients, for people.
    fn look(&self, query: &QueueQuery) -> Result<QueuePage, SpoolError>;
    /// A look at destinations, the longest queues first, for people.
    fn destinations(&self, rows_max: usize) -> Result<Vec<QueueDestination>, SpoolError>;
    /// Changes a part of the queue; gives how many recipients it touched. Leased ones are passed over by `Drop` and `Hold`.
    ///
    /// A `Hold` narrowed by nothing but a destination holds the destination itself: what comes to
    /// wait there later is held too, until a `Release` of that destination or of the whole queue.
    fn operate(&self, query: &QueueQuery, surgery: &Surgery, now: Timestamp) -> Result<u64, SpoolError>;
    /// Destinations that are held as such; see [`Engine::operate`].
    fn held(&self) -> Result<Vec<Destination>, SpoolError>;
    /// The largest id of a message, cheaply.
    fn newest(&self) -> Result<Option<MessageId>, SpoolError>;
    /// How many messages and recipients there are, cheaply.
    fn count(&self) -> Result<(u64, u64), SpoolError>;
    /// How many octets can still be kept, cheaply.
    fn room(&self) -> Result<u64, SpoolError>;
    /// Called when nothing is to be done for a while: housekeeping that may take a moment.
    fn rest(&self) -> Result<(), SpoolError> {
        Ok(())
    }
}
