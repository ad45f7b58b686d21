//! What a mail about a mail says, once it is read: values only.

use postrider_smtp::{EnhancedStatus, Phase, Said};
use std::fmt;

/// Everything that was found in one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What sort of mail it is.
    pub kind: Kind,
    /// Who was not reached or is late, in the order of the mail, each once.
    pub recipients: Vec<Reported>,
    /// The message it is about.
    pub original: Original,
    /// The host that wrote it, where it says so (RFC 3464 §2.2.2; RFC 5965 §3.2 for complaints).
    pub reporting_mta: Option<String>,
    /// Which reader recognised it: `rfc3464`, `qmail`, `exim` …; `none` for what is not a report.
    pub format: &'static str,
    /// What is said about a complaint; `None` for every other kind.
    pub complaint: Option<Complaint>,
}

/// The sorts of mail that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// At least one recipient was not reached and will not be.
    Bounce,
    /// Recipients are late and still being tried.
    Delay,
    /// Somebody, or somebody's filter, objects to a message (RFC 5965, RFC 6591).
    Complaint,
    /// A person's program answered: away, left, or asks who is writing (RFC 3834).
    AutoReply,
    /// None of these: ordinary mail, list traffic, statistics, news of success.
    NotAReport,
}

impl Kind {
    /// The name used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Delay => "delay",
            Self::Complaint => "complaint",
            Self::AutoReply => "auto-reply",
            Self::NotAReport => "not-a-report",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is reported about one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// The final recipient, as a bare address.
    pub recipient: String,
    /// The recipient that the sender named, where that is another one (RFC 3464 §2.3.1).
    pub original_recipient: Option<String>,
    /// What became of it.
    pub action: Option<Action>,
    /// The status of the report (RFC 3464 §2.3.4), or the one in the words.
    pub status: Option<EnhancedStatus>,
    /// The words to be decoded: the diagnostic code without `smtp;`, or what the text says about
    /// this recipient.
    pub said: String,
    /// The host that said it (`Remote-MTA`), where it is named.
    pub host: Option<String>,
    /// Which command was answered, where the mail says so.
    pub phase: Option<Phase>,
}

impl Reported {
    /// Whether nothing is wrong with it: a report may tell of those who were reached, too.
    pub(super) fn is_done(&self) -> bool {
        match self.action {
            Some(action) => matches!(action, Action::Delivered | Action::Relayed | Action::Expanded),
            None => self.status.is_some_and(|status| status.class() == 2),
        }
    }

    /// The words as a quoted reply, completed by what the report says beside them.
    pub fn quoted(&self) -> Said<'_> {
        let said = Said::parse(&self.said);
        // What was given up or is late was not answered by yes: such a number is no code.
        let code = said.code.filter(|code| code.class() > 3);
        Said {
            code,
            enhanced: said.enhanced.or(self.status),
            phase: said.phase.or(self.phase),
            host: self.host.as_deref().or(said.host),
            ..said
        }
    }

    /// Takes from another report about the same recipient what this one does not tell.
    pub(super) fn fill(&mut self, other: Self) {
        self.original_recipient = self.original_recipient.take().or(other.original_recipient);
        self.action = self.action.or(other.action);
        self.status = self.status.or(other.status);
        self.host = self.host.take().or(other.host);
        self.phase = self.phase.or(other.phase);
        if self.said.is_empty() {
            self.said = other.said;
        }
    }
}

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still being tried.
    Delayed,
    /// In the mailbox.
    Delivered,
    /// Passed on to a host that will not tell more.
    Relayed,
    /// Passed on to several.
    Expanded,
}

impl Action {
    /// The name of RFC 3464 §2.3.3.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The message that a report is about, as far as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Original {
    /// Its Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// Its subject, decoded.
    pub subject: Option<String>,
    /// The address of its From field.
    pub from: Option<String>,
    /// The first address of its To field.
    pub to: Option<String>,
    /// Its Date field, as written.
    pub date: Option<String>,
}

/// What a complaint says about itself (RFC 5965 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Complaint {
    /// `abuse`, `fraud`, `auth-failure`, `opt-out` …, in lower case; `abuse` where none is said.
    pub feedback_type: String,
    /// The program that wrote it.
    pub user_agent: Option<String>,
    /// From where the message came.
    pub source_ip: Option<String>,
    /// The domain that is blamed.
    pub reported_domain: Option<String>,
}
