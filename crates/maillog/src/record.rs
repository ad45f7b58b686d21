//! What one line of a log says, in one vocabulary for all servers.

use postrider_smtp::{EnhancedStatus, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A message was taken in; once per message.
    Received,
    /// A message was in the queue before the log begins, and is taken up again.
    Queued,
    /// The next host, or a mailbox, has taken it for one recipient.
    Delivered,
    /// It did not work out for one recipient, and is tried again.
    Deferred,
    /// One recipient is given up, because trying again will not help.
    Failed,
    /// One recipient is given up, because its time is used up.
    Expired,
    /// A client was told no; nothing was taken in.
    Rejected,
    /// The sender is told by a mail: a bounce or a delay notice.
    Noticed,
    /// The message has left the queue.
    Removed,
}

impl Kind {
    /// Its name in output for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Noticed => "noticed",
            Self::Removed => "removed",
        }
    }
}

/// Which way the mail went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To another host.
    Sending,
    /// Into this system: taken in, refused at the door, put into a mailbox.
    Receiving,
    /// To a filter on the same host, from which it comes back under another queue id.
    Within,
}

impl Direction {
    /// Its name in output for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Receiving => "receiving",
            Self::Within => "within",
        }
    }
}

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each name is the product's")]
pub enum Server {
    Postfix,
    Exim,
    Sendmail,
    OpenSmtpd,
    Qmail,
    Haraka,
    Exchange,
    KumoMta,
    PowerMta,
    Postrider,
}

impl Server {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Postfix,
        Self::Exim,
        Self::Sendmail,
        Self::OpenSmtpd,
        Self::Qmail,
        Self::Haraka,
        Self::Exchange,
        Self::KumoMta,
        Self::PowerMta,
        Self::Postrider,
    ];

    /// Its name as its makers write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postfix => "Postfix",
            Self::Exim => "Exim",
            Self::Sendmail => "Sendmail",
            Self::OpenSmtpd => "OpenSMTPD",
            Self::Qmail => "qmail",
            Self::Haraka => "Haraka",
            Self::Exchange => "Exchange",
            Self::KumoMta => "KumoMTA",
            Self::PowerMta => "PowerMTA",
            Self::Postrider => "Postrider",
        }
    }
}

/// One fact about one message, borrowed from its line and from what earlier lines said of it.
///
/// A field is `None` when neither its line nor an earlier one says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// When.
    pub at: Option<Timestamp>,
    /// What happened.
    pub kind: Kind,
    /// Which way the mail went.
    pub direction: Direction,
    /// Who says so.
    pub server: Server,
    /// The server's own name for the message.
    pub queue_id: Option<&'a str>,
    /// The Message-ID field without its brackets.
    pub message_id: Option<&'a str>,
    /// The envelope sender; empty is the null sender.
    pub from: Option<&'a str>,
    /// The envelope recipient.
    pub recipient: Option<&'a str>,
    /// The host it was sent to, by name or, where the log has no name, by address.
    pub host: Option<&'a str>,
    /// The host or user it came from.
    pub client: Option<&'a str>,
    /// Octets of the message.
    pub size: Option<u64>,
    /// The enhanced status, where the log has it in a field of its own.
    pub status: Option<EnhancedStatus>,
    /// The cause by its name in `postrider.verdict/1`, where the log has it: in our own events.
    pub cause: Option<&'a str>,
    /// The words of the server that answered, or of this one about its trouble.
    pub said: &'a str,
}

impl<'a> Record<'a> {
    /// A record with nothing but what happened.
    pub(crate) fn new(server: Server, at: Option<Timestamp>, kind: Kind, direction: Direction) -> Self {
        Self {
            at,
            kind,
            direction,
            server,
            queue_id: None,
            message_id: None,
            from: None,
            recipient: None,
            host: None,
            client: None,
            size: None,
            status: None,
            cause: None,
            said: "",
        }
    }

    /// The domain of the recipient; the recipient itself where it has none.
    pub fn domain(&self) -> Option<&'a str> {
        self.recipient.map(|recipient| recipient.rsplit_once('@').map_or(recipient, |(_, domain)| domain))
    }
}

/// Who takes the records.
pub(crate) type Sink<'s> = dyn FnMut(&Record<'_>) + 's;
