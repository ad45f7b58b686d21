//! What mail servers' logs tell of one domain, as plain values.
//!
//! Who reads the logs fills it in; nothing here opens a file. It is part of the settings, so
//! that a case file carries it.

use postrider_reply::{Cause, Who};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What logs tell of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSeen {
    /// The logs' names.
    pub files: Vec<String>,
    /// The first moment in them, in milliseconds since 1970.
    pub first: Option<i64>,
    /// The last moment in them.
    pub last: Option<i64>,
    /// Mail from the domain, to others.
    pub sending: Flow,
    /// Mail to the domain.
    pub receiving: Flow,
    /// The addresses from which mail of the domain comes, as the hosts that refuse it name them.
    pub senders: Vec<IpAddr>,
}

/// One direction of mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// Messages, one for each recipient.
    pub tried: u64,
    /// Those that were taken in the end.
    pub accepted: u64,
    /// Those that were given up.
    pub failed: u64,
    /// Those that wait.
    pub deferred: u64,
    /// How often the door was shut: what is refused there is mostly rubbish.
    pub refused: u64,
    /// When one was last taken, and by which host.
    pub last_accepted: Option<i64>,
    /// The host that took it.
    pub last_accepted_by: String,
    /// When it began to fail.
    pub onset: Option<i64>,
    /// Failures since one was last taken.
    pub streak: Streak,
    /// Peers that take nothing any more, while others do.
    pub silent: Vec<Silent>,
    /// Why it failed, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// Failures behind the last success, of those that are not the recipient's own or one message's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Streak {
    /// How many.
    pub attempts: u64,
    /// Of how many messages.
    pub messages: u64,
    /// With how many peers.
    pub peers: u64,
    /// The most frequent reason among them.
    pub cause: Option<Cause>,
}

/// A peer that takes nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The recipients' domain.
    pub peer: String,
    /// Messages that failed since.
    pub messages: u64,
    /// Since when.
    pub since: i64,
    /// The most frequent reason.
    pub cause: Cause,
}

/// A reason, and how often it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Why.
    pub cause: Cause,
    /// Who must act.
    pub who: Who,
    /// In a sentence.
    pub summary: String,
    /// What to do.
    pub advice: Vec<String>,
    /// How often.
    pub count: u64,
    /// Said at the door of the log's own server.
    pub at_door: bool,
    /// It says something of the direction, not only of a recipient or a message.
    pub tells: bool,
    /// When it was first said.
    pub first: Option<i64>,
    /// When it was last said.
    pub last: Option<i64>,
    /// The words as they came first.
    pub words: String,
    /// The same in short: code, status, the beginning of the text.
    pub short: String,
    /// Who said so.
    pub by: String,
}

/// A log that ends longer ago says what was, not what is.
const FRESH_MS: i64 = 48 * 3600 * 1000;

impl LogSeen {
    /// Whether it still says what is, at that moment.
    pub fn is_fresh(&self, now: i64) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) <= FRESH_MS)
    }
}

impl Flow {
    /// Whether there is anything of it in the log.
    pub fn is_seen(&self) -> bool {
        self.tried > 0 || self.refused > 0
    }

    /// The reason of that cause.
    pub fn reason(&self, cause: Cause) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.cause == cause && reason.tells)
    }
}
