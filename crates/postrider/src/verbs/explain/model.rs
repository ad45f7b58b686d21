//! What an input turned out to be, and what it means: the shape of the JSON, `postrider.verdict/1`.

use postrider_reply::reference::Popular;
use postrider_reply::{Considered, Disposition, Verdict};
use postrider_smtp::{EnhancedStatus, Phase, ReplyCode};
use serde::{Serialize, Serializer};

/// The name and version of the JSON.
pub(super) const SCHEMA: &str = "postrider.verdict/1";

/// What the input was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// One reply, or words in place of one.
    Reply,
    /// Several replies that have nothing to do with each other.
    Replies,
    /// Both sides of a session.
    Transcript,
    /// A number alone.
    Code,
    Bounce,
    Delay,
    Complaint,
    AutoReply,
    NotAReport,
    /// Lines of a mail server's log.
    Log,
    /// The header of a mail, without its body.
    Header,
    /// Nothing that can be read.
    Binary,
    Empty,
}

/// What one input means.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    pub(super) schema: &'static str,
    /// The input as given, up to a bound; octets that are no text are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    pub(super) kind: Kind,
    /// What was said, where the input is about one thing: a reply, a code, or a session's cause.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<Spoken>,
    /// Several replies, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replies: Vec<Spoken>,
    /// Whom a mail or log is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipients: Option<Vec<Spoken>>,
    /// The message that a report is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) original: Option<Original>,
    /// How a number is read besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) readings: Vec<Reading>,
    /// What else is to be said, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// What somebody said, and what it means.
#[derive(Debug, Serialize)]
pub(super) struct Spoken {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<String>,
    /// What a report says became of the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<&'static str>,
    /// The command that was answered, in a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    #[serde(serialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(serialize_with = "shown")]
    pub(super) code: Option<ReplyCode>,
    #[serde(serialize_with = "shown")]
    pub(super) enhanced: Option<EnhancedStatus>,
    pub(super) text: String,
    pub(super) verdict: Verdict,
    /// The entries that matched, the one that decided first; only with `--why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) considered: Option<Vec<Considered>>,
}

impl Spoken {
    /// Whether it says that something went wrong.
    pub(super) fn is_failure(&self) -> bool {
        self.verdict.disposition != Disposition::Delivered
            && self.code.is_none_or(|code| code.is_transient() || code.is_permanent())
    }
}

/// The message that a report is about.
#[derive(Debug, Default, Serialize)]
pub(super) struct Original {
    pub(super) message_id: Option<String>,
    pub(super) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
}

/// How a number is read: by the standard, by a system, by popular lists.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reading {
    /// Who reads it so: `standard`, `Linux`, `popular lists` …
    pub(super) by: String,
    pub(super) says: String,
}

impl Reading {
    pub(super) fn new(by: impl Into<String>, says: impl Into<String>) -> Self {
        Self { by: by.into(), says: says.into() }
    }

    /// Both readings of a code that popular lists explain, the standard's first.
    pub(super) fn of_popular(row: &Popular) -> Vec<Self> {
        use postrider_reply::reference::Standing;
        let by = match row.standing {
            Standing::Standard => "the standard (RFC 5321)",
            Standing::Extension => "an extension's standard",
            Standing::Unregistered => "no standard has it",
        };
        let mut readings = vec![Self::new(by, row.reading)];
        readings.extend(row.popular.map(|says| Self::new("popular lists", says)));
        readings.extend(row.remark.map(|says| Self::new("mind", says)));
        readings
    }
}

impl Explained {
    /// Nothing yet but its kind.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            schema: SCHEMA,
            input: None,
            kind,
            reply: None,
            replies: Vec::new(),
            recipients: None,
            original: None,
            readings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Everything that was said, once each.
    pub(super) fn spoken(&self) -> impl Iterator<Item = &Spoken> {
        self.reply.iter().chain(&self.replies).chain(self.recipients.iter().flatten())
    }
}

fn shown<T: std::fmt::Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

fn named<S: Serializer>(phase: &Option<Phase>, to: S) -> Result<S::Ok, S::Error> {
    shown(phase, to)
}
