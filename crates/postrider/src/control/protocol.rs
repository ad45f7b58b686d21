//! The words of the control socket. `postrider queue --json` prints the same answers.

use postrider_events::Event;
use serde::{Deserialize, Serialize};

/// The schema of printed answers. Fields may be added under this name; anything else is a new name.
pub(crate) const SCHEMA: &str = "postrider.queue/1";
/// The most rows of one answer.
pub(crate) const ROWS_MAX: usize = 10_000;
/// The longest request line, in octets: a thousand recipients fit.
pub(crate) const REQUEST_BYTES_MAX: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Destinations with waiting mail, the longest queues first.
    Destinations,
    /// Recipients in a part of the queue.
    List(Page),
    /// One message, with its attempts.
    Show {
        /// Its id.
        message: String,
    },
    /// Change a part of the queue.
    Operate {
        /// Which part.
        part: Part,
        /// What is done to it.
        surgery: Operation,
    },
    /// Take a message over; its octets follow the line.
    Send(Handing),
}

/// A part of the queue: all that is named must hold; nothing named is the whole queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Only this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
    /// Only this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Only messages with this sender or recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// Some rows of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    /// Which part.
    #[serde(flatten)]
    pub(crate) part: Part,
    /// At most so many; 0 gives the counts only.
    pub(crate) rows: usize,
    /// Rows behind this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<(String, u32)>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    /// Due now.
    Retry,
    /// Not tried until released.
    Hold,
    /// Held no longer, due now.
    Release,
    /// Removed, without a bounce.
    Drop,
}

/// A message being handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handing {
    /// The sender; null is the null sender.
    pub(crate) sender: Option<String>,
    /// The recipients.
    pub(crate) recipients: Vec<String>,
    /// Who hands it in: the name of the local user.
    pub(crate) user: String,
    /// Octets of the message that follow.
    pub(crate) octets: u64,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// Destinations with waiting mail.
    Destinations {
        /// Recipients waiting in all.
        recipients: u64,
        /// Messages waiting in all.
        messages: u64,
        /// The longest queues.
        destinations: Vec<DestinationRow>,
    },
    /// Recipients in a part of the queue.
    List {
        /// Recipients in the part.
        recipients: u64,
        /// Messages in the part.
        messages: u64,
        /// Some of them.
        rows: Vec<RecipientRow>,
        /// Whether there are more rows.
        more: bool,
    },
    /// One message.
    Show(Box<Message>),
    /// The change was made.
    Operated {
        /// How many recipients it touched.
        touched: u64,
    },
    /// The message is on stable storage.
    Accepted {
        /// Its id.
        message: String,
    },
    /// The relay does not take the message.
    Refused {
        /// The reply an SMTP client would have had.
        reply: String,
        /// Whether another try may help.
        transient: bool,
    },
    /// The request could not be carried out.
    Trouble {
        /// What happened.
        message: String,
        /// Whether what was asked for does not exist.
        missing: bool,
    },
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationRow {
    /// Its name.
    pub(crate) destination: String,
    /// Recipients waiting or being tried.
    pub(crate) recipients: u64,
    /// Recipients held.
    pub(crate) held: u64,
    /// Recipients being tried now.
    pub(crate) in_flight: u64,
    /// When its oldest message was accepted, ms since 1970.
    pub(crate) oldest: i64,
    /// When it goes on, ms since 1970.
    pub(crate) next_due: Option<i64>,
    /// Why it waits.
    pub(crate) reason: String,
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecipientRow {
    /// The message.
    pub(crate) message: String,
    /// Its index in the envelope.
    pub(crate) index: u32,
    /// The sender; null is the null sender.
    pub(crate) sender: Option<String>,
    /// The address.
    pub(crate) recipient: String,
    /// Where it goes.
    pub(crate) destination: String,
    /// Octets of the message.
    pub(crate) size: u64,
    /// When the message was accepted, ms since 1970.
    pub(crate) accepted: i64,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// `waiting`, `in-flight` or `held`.
    pub(crate) state: State,
    /// When it is next tried, ms since 1970.
    pub(crate) due: Option<i64>,
    /// Why it waits.
    pub(crate) reason: String,
}

/// How a recipient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// To be tried when due.
    Waiting,
    /// Being tried.
    InFlight,
    /// Held by an operator.
    Held,
}

/// A message with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) message: String,
    /// Whether it is in the queue; if not, only its events are known.
    pub(crate) queued: bool,
    /// When it was accepted, ms since 1970.
    pub(crate) accepted: i64,
    /// Who handed it in.
    pub(crate) client: Option<String>,
    /// The sender; null is the null sender.
    pub(crate) sender: Option<String>,
    /// All recipients of the envelope, those that are done included.
    pub(crate) recipients: Vec<String>,
    /// Recipients that wait.
    pub(crate) waiting: Vec<RecipientRow>,
    /// What was tried, oldest first.
    pub(crate) attempts: Vec<AttemptRow>,
    /// Everything told about it, oldest first.
    pub(crate) events: Vec<Event>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptRow {
    /// When it began, ms since 1970.
    pub(crate) at: i64,
    /// How long it took, in ms.
    pub(crate) took: u64,
    /// Whom it spoke to.
    pub(crate) host: String,
    /// Index of the recipient, and the outcome in words.
    pub(crate) outcomes: Vec<(u32, String)>,
    /// The dialogue.
    pub(crate) transcript: String,
}
