//! What a round trip saw, as values: the facts that are judged, and the report that is shown.

use postrider_reply::Verdict;
use serde::Serialize;
use std::time::Duration;

/// The name and version of the JSON.
pub const SCHEMA: &str = "postrider.roundtrip/1";

/// Something that took time on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was done.
    pub what: String,
    /// How long it took.
    pub ms: u64,
}

/// Where handing a mail in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No server for outgoing mail was found.
    Server,
    /// None of them could be reached.
    Connect,
    /// TLS could not be had.
    Tls,
    /// The login was refused.
    Login,
    /// The sender was refused.
    Sender,
    /// The recipient was refused.
    Recipient,
    /// The mail itself was refused.
    Message,
}

/// A mail that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stop {
    /// Where it ended.
    pub stage: Stage,
    /// The server, if it came so far.
    pub host: Option<String>,
    /// Its words, or what stood in the way.
    pub said: String,
    /// What the words mean; `None` where no server was asked.
    pub means: Option<Verdict>,
    /// Somebody names the server, the user or DNS; without that, servers were guessed.
    pub named: bool,
    /// TLS was begun where the server does not begin it, or the other way round.
    pub wrong_mode: bool,
    /// What was done before, and how long it took.
    pub steps: Vec<Step>,
}

/// A mail that its sender's server took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The server.
    pub host: String,
    /// Its reply, in which its own name for the mail often is.
    pub reply: String,
    /// What was done, and how long it took.
    pub steps: Vec<Step>,
    /// The server's answer did not come, so that it may have the mail or not.
    pub in_doubt: bool,
}

/// Where a mail was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceKind {
    /// Where new mail belongs.
    Inbox,
    /// Taken for spam.
    Junk,
    /// Moved by a rule of the mailbox.
    Elsewhere,
}

/// A folder in which a mail was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What sort of folder.
    pub kind: PlaceKind,
    /// Its name.
    pub folder: String,
}

/// One host that the mail passed, by a Received field (RFC 5321 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Who had it before.
    pub from: Option<String>,
    /// Who took it.
    pub by: Option<String>,
    /// By what protocol.
    pub with: Option<String>,
    /// When, in seconds since 1970.
    pub at: Option<i64>,
    /// How long after the hop before; negative where clocks differ.
    pub after_s: Option<i64>,
}

/// What the mailbox's server thinks of who sent the mail (RFC 8601).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Authentication {
    /// Who says so.
    pub by: String,
    /// `pass`, `fail`, `none` … for SPF.
    pub spf: Option<String>,
    /// The same for DKIM.
    pub dkim: Option<String>,
    /// The same for DMARC.
    pub dmarc: Option<String>,
}

/// A mail that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrived {
    /// Where.
    pub place: Place,
    /// How long after its server took it.
    pub after_ms: u64,
    /// The hosts it passed, first to last.
    pub hops: Vec<Hop>,
    /// What its receiver thinks of its sender.
    pub authentication: Option<Authentication>,
}

/// A mail that came back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounced {
    /// The host that refused it, where that is told.
    pub host: Option<String>,
    /// Its words.
    pub said: String,
    /// What they mean.
    pub means: Verdict,
}

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Leg {
    /// It was not sent.
    NotTried {
        /// Why not.
        why: String,
    },
    /// Its sender's server did not take it.
    NotTaken(Stop),
    /// It was taken, and came back.
    Bounced {
        /// By whom it was taken.
        taken: Taken,
        /// What the bounce says.
        bounce: Bounced,
    },
    /// It was taken, and was not seen in time.
    Missing {
        /// By whom it was taken.
        taken: Taken,
        /// So long it was looked for.
        waited_ms: u64,
    },
    /// It was taken, and the mailbox could not be looked into.
    Unseen {
        /// By whom it was taken.
        taken: Taken,
        /// Why not.
        why: String,
    },
    /// It arrived.
    Arrived {
        /// By whom it was taken.
        taken: Taken,
        /// Where and when it arrived.
        arrived: Arrived,
    },
}

/// How a mailbox looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mailbox {
    /// Whose it is.
    pub address: String,
    /// Its server, where one was found.
    pub host: Option<String>,
    /// Why it could not be opened; `None` when it was.
    pub trouble: Option<String>,
    /// The login was refused: the user must look at it, not who runs the server.
    pub login_refused: bool,
    /// Nothing more fits in it.
    pub full: bool,
    /// What was done to open it, and how long it took.
    pub steps: Vec<Step>,
}

impl Mailbox {
    /// One of which no server is known yet.
    pub(super) fn closed(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            host: None,
            trouble: Some("DNS names no IMAP server for the domain, and none has a usual name".to_owned()),
            login_refused: false,
            full: false,
            steps: Vec::new(),
        }
    }
}

/// All that was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// The one whose mail is in question.
    pub a: String,
    /// The other one.
    pub b: String,
    /// The mailboxes of both.
    pub mailboxes: Vec<Mailbox>,
    /// The mail from A to B.
    pub out: Leg,
    /// The mail from B to A.
    pub back: Leg,
    /// Only A to B was asked for.
    pub one_way: bool,
    /// Test mails that could not be removed, in words.
    pub left_behind: Vec<String>,
    /// From beginning to end.
    pub took_ms: u64,
}

/// How one direction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It works.
    Ok,
    /// It works, but not as it should.
    AtRisk,
    /// It does not work.
    Broken,
    /// It could not be found out.
    Unknown,
}

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The person at A: settings, password, mailbox.
    A,
    /// Who runs A's mail.
    AHost,
    /// The person at B.
    B,
    /// Who runs B's mail.
    BHost,
    /// Who runs the network that this was tried from.
    Network,
    /// No one.
    Nobody,
}

/// What is said of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Direction {
    /// How it stands.
    pub health: Health,
    /// In one sentence.
    pub sentence: String,
    /// Who must act.
    pub act: Actor,
    /// What to do.
    pub advice: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// A's mail goes out.
    pub sending: Direction,
    /// Mail to A arrives.
    pub receiving: Direction,
    /// Both in one sentence.
    pub headline: String,
    /// Who must act first.
    pub act: Actor,
}

/// The report: the answer, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was made, in seconds since 1970.
    pub at: i64,
    /// The answer.
    pub verdict: Answer,
    /// What was seen.
    pub facts: Facts,
}

/// Whole milliseconds.
pub(super) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
