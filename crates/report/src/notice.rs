//! What a notice tells, before it is a mail.

use postrider_smtp::{Address, Content, DsnReturn, MessageId, Outcome, Recipient, Timestamp};
use std::borrow::Cow;
use std::time::Duration;

/// Which kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tidings {
    /// Recipients failed: a bounce.
    Failure,
    /// Recipients are late and still being tried.
    Delay,
    /// Recipients were passed on to a host that will not tell the sender itself (RFC 3461 §5.2.2: `relayed`).
    Success,
}

/// One notice about one message, for its sender.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// Which kind.
    pub tidings: Tidings,
    /// The notice's own id; its Message-ID and its MIME boundary are made of it.
    pub id: MessageId,
    /// The present.
    pub now: Timestamp,
    /// The name of this relay, as in its greeting.
    pub reporter: &'a str,
    /// The sender of the message: whom the notice goes to.
    pub to: &'a Address,
    /// The message it is about.
    pub about: MessageId,
    /// When that was accepted.
    pub accepted: Timestamp,
    /// `ENVID`, in xtext as given.
    pub envid: Option<&'a str>,
    /// `RET`.
    pub ret: Option<DsnReturn>,
    /// The message.
    pub original: &'a Content,
    /// A larger message comes back as its headers only.
    pub original_bytes_max: usize,
    /// What became of which recipients: at least one.
    pub fates: Vec<Fate<'a>>,
}

/// What became of one recipient.
#[derive(Debug, Clone)]
pub struct Fate<'a> {
    /// Which, and what was asked about it.
    pub recipient: &'a Recipient,
    /// The last outcome; `None` when it was never tried.
    pub outcome: Option<&'a Outcome>,
    /// The host that was spoken to last.
    pub host: Option<&'a str>,
    /// When it was last tried.
    pub tried: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// Given up because its time is used up, not because of the outcome.
    pub expired: Option<Duration>,
    /// Until when it will be tried, in a delay notice.
    pub retry_until: Option<Timestamp>,
    /// What happened, in one sentence.
    pub summary: &'a str,
    /// Who must act, in words.
    pub who: &'a str,
    /// What to do.
    pub advice: &'a [Cow<'static, str>],
}
