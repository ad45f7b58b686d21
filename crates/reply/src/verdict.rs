//! The verdict: what a reply means, for a queue and for a person.

use postrider_smtp::{EnhancedStatus, ReplyCode};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// *Why* a recipient got this outcome. The names are the ones in events, API and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each name says it; Cause::meaning has the sentence")]
pub enum Cause {
    Delivered,
    MailboxUnknown,
    MailboxFull,
    MailboxDisabled,
    MailboxMoved,
    AddressSyntax,
    RecipientRejected,
    DomainNotFound,
    NoMx,
    RoutingFailed,
    Loop,
    ConnectionRefused,
    ConnectionTimeout,
    Expired,
    RelayingDenied,
    AuthRequired,
    TlsRequired,
    SpfFailed,
    DkimFailed,
    DmarcFailed,
    Unauthenticated,
    IpBlocklisted,
    DomainBlocklisted,
    LowReputation,
    MissingPtr,
    SenderRejected,
    RateLimited,
    TooManyRecipients,
    Greylisted,
    SpamContent,
    ContentRejected,
    MessageTooLarge,
    MessageMalformed,
    Policy,
    ServerBusy,
    ServerError,
    ProtocolError,
    FeatureUnsupported,
    Complaint,
    AutoReply,
    Unknown,
}

/// *What now*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// The next hop has taken it.
    Delivered,
    /// Trying again may help.
    Retry,
    /// Trying the same again will not help.
    Fail,
}

/// *Whose trouble*: how far the outcome reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// This recipient only.
    Recipient,
    /// This message, whoever receives it.
    Message,
    /// Everything from this sender.
    Sender,
    /// Everything from our source address to that site.
    Source,
    /// Everything to that destination.
    Destination,
    /// This one connection; another host or another try may do.
    Connection,
}

/// *Who must act*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Who wrote the mail, or owns the list.
    Sender,
    /// Who runs the sending system or its DNS.
    SenderAdmin,
    /// Who was to receive it.
    Recipient,
    /// Who runs the receiving system or its DNS.
    RecipientAdmin,
    /// Who runs the network in between.
    Network,
    /// No one: waiting is enough, or nothing is wrong.
    Nobody,
}

/// How far down the order of trust the decoder had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A knowledge entry's words matched, or the trouble is our own observation.
    Entry,
    /// The enhanced status registry spoke.
    Enhanced,
    /// The reply code registry spoke.
    Code,
    /// Only the first digit spoke.
    Digit,
}

/// What the verdict rests on, so that it can be argued with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The knowledge entry, if one matched.
    pub entry: Option<Cow<'static, str>>,
    /// The words that matched.
    pub matched: Option<String>,
    /// The reply code.
    #[serde(with = "crate::wire::code")]
    pub code: Option<ReplyCode>,
    /// The enhanced status code.
    #[serde(with = "crate::wire::enhanced")]
    pub enhanced: Option<EnhancedStatus>,
    /// Where code and enhanced status disagree: in words.
    pub conflict: Option<String>,
}

/// What an outcome means. See the crate's page for the order of trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Why.
    pub cause: Cause,
    /// What now.
    pub disposition: Disposition,
    /// Whose trouble.
    pub scope: Scope,
    /// Who must act.
    pub who: Who,
    /// How sure.
    pub confidence: Confidence,
    /// Whether the address should get no more mail: recipient faults that repeating cannot cure.
    pub suppress: bool,
    /// How long the reply itself asks to wait, in seconds.
    pub retry_after_s: Option<u32>,
    /// The mailbox provider, when it is known.
    pub provider: Option<Cow<'static, str>>,
    /// One sentence for a person.
    pub summary: Cow<'static, str>,
    /// Steps to take.
    pub advice: Vec<Cow<'static, str>>,
    /// What it rests on.
    pub evidence: Evidence,
    /// Where to read on: RFC sections and links.
    pub references: Vec<Cow<'static, str>>,
}
