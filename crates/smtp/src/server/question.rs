//! What the session asks its driver, and what it is told.

use crate::command::Mail;
use crate::{Envelope, Recipient, Reply};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Something the protocol cannot decide. The session waits for [`super::Server::answer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A client has connected: greet it?
    Greeting,
    /// EHLO or HELO.
    Hello {
        /// What the client calls itself.
        name: Arc<str>,
        /// Whether it was EHLO.
        extended: bool,
    },
    /// AUTH PLAIN or LOGIN: is this the user's password? Answer [`Answer::accept`] or [`Answer::refuse_login`].
    Password {
        /// The user name.
        user: Arc<str>,
        /// The password.
        password: Secret,
    },
    /// AUTH SCRAM-SHA-256: what is kept of this user? Answer [`Answer::scram`]; for an unknown
    /// user with keys made up, or [`Answer::refuse_login`].
    ScramKeys {
        /// The user name.
        user: Arc<str>,
    },
    /// Did AUTH go well? Told when SCRAM ended, as the driver cannot know; answer [`Answer::accept`].
    ScramEnded {
        /// The user name.
        user: Arc<str>,
        /// Whether the client proved that it knows the password.
        proven: bool,
    },
    /// May this MAIL be taken?
    Mail(Mail),
    /// May this recipient be taken?
    Rcpt(Recipient),
    /// DATA, or the first BDAT, with at least one recipient. No reply is due to BDAT here unless it is refused.
    Data,
    /// The whole message is here: take it? [`Answer::accept`] is 250 and only right once it is on stable storage.
    Message(Box<Message>),
}

/// A message with all that was said around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Sender, recipients, wishes.
    pub envelope: Envelope,
    /// The message: CRLF line ends, not dot-stuffed, the last line ended.
    pub content: Bytes,
    /// The `with` word of the Received field (RFC 3848, RFC 6531 §4.3).
    pub protocol: &'static str,
    /// What the client calls itself.
    pub hello: Arc<str>,
    /// Who authenticated.
    pub user: Option<Arc<str>>,
}

/// A password on its way to being checked. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<Box<str>>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one who checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is kept of a user for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The salt.
    pub salt: Box<[u8]>,
    /// How often the hash was iterated.
    pub iterations: u32,
    /// StoredKey.
    pub stored_key: [u8; 32],
    /// ServerKey.
    pub server_key: [u8; 32],
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The driver's decision. It may carry words of its own, and the end of the session.
///
/// ```
/// use postrider_smtp::server::Answer;
/// use postrider_smtp::{Reply, ReplyCode};
/// Answer::accept(); // the usual words
/// Answer::reply(Reply::new(ReplyCode::MAILBOX_UNAVAILABLE_550, "5.1.1 no such user"));
/// Answer::reply(Reply::new(ReplyCode::UNAVAILABLE_421, "4.3.2 going down")).and_close();
/// Answer::hang_up(); // not a word
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) says: Says,
    pub(super) close: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// Yes, in the session's usual words.
    Accept,
    /// The reply's own first digit says whether it is a yes: 2, or 3 for DATA.
    Reply(Reply),
    /// The login does not hold; the session counts it and may end.
    RefuseLogin,
    Scram {
        keys: Box<ScramKeys>,
        nonce: Box<str>,
    },
    Nothing,
}

impl Answer {
    /// Yes, in the usual words.
    pub fn accept() -> Self {
        Self { says: Says::Accept, close: false }
    }

    /// This reply. 2yz (and 3yz for DATA) is a yes, all else a no.
    pub fn reply(reply: Reply) -> Self {
        Self { says: Says::Reply(reply), close: false }
    }

    /// The user name or the password is wrong: 535, counted against [`super::Limits::auth_attempts_max`].
    pub fn refuse_login() -> Self {
        Self { says: Says::RefuseLogin, close: false }
    }

    /// The keys of a user, and a fresh random nonce of printable characters without a comma.
    pub fn scram(keys: ScramKeys, nonce: impl Into<Box<str>>) -> Self {
        Self { says: Says::Scram { keys: Box::new(keys), nonce: nonce.into() }, close: false }
    }

    /// Close the connection without a word.
    pub fn hang_up() -> Self {
        Self { says: Says::Nothing, close: true }
    }

    /// And close the connection behind the reply.
    #[must_use]
    pub fn and_close(mut self) -> Self {
        self.close = true;
        self
    }
}

/// Something was refused, for the log and the counters. The reply is already on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// What the client was told.
    pub reply: Reply,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The driver said no.
    Answered,
    /// The command is not one, or its argument is not well formed.
    Syntax,
    /// The command does not belong here.
    Sequence,
    /// A parameter that is not offered.
    NotOffered,
    /// A command line without end.
    LineTooLong,
    /// NUL, control characters or 8-bit octets where they do not belong.
    BadOctets,
    /// A CR or LF standing alone, or NUL, within the message.
    BareLineEnd,
    /// A dot between line ends that are not CRLF: an attempt to smuggle a second message in.
    Smuggling,
    /// Larger than the limit.
    TooBig,
    /// More recipients than the limit.
    TooManyRecipients,
    /// Too many errors, or too many commands without mail.
    TooManyErrors,
    /// User name or password wrong.
    LoginFailed,
    /// Took too long.
    TimedOut,
    /// HTTP on the SMTP port.
    SpokeHttp,
    /// TLS on the port that begins in clear.
    SpokeTls,
    /// The driver asked the session to end.
    Stopping,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::Answered,
        Self::Syntax,
        Self::Sequence,
        Self::NotOffered,
        Self::LineTooLong,
        Self::BadOctets,
        Self::BareLineEnd,
        Self::Smuggling,
        Self::TooBig,
        Self::TooManyRecipients,
        Self::TooManyErrors,
        Self::LoginFailed,
        Self::TimedOut,
        Self::SpokeHttp,
        Self::SpokeTls,
        Self::Stopping,
    ];

    /// The name used in logs and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Syntax => "syntax",
            Self::Sequence => "sequence",
            Self::NotOffered => "not-offered",
            Self::LineTooLong => "line-too-long",
            Self::BadOctets => "bad-octets",
            Self::BareLineEnd => "bare-line-end",
            Self::Smuggling => "smuggling",
            Self::TooBig => "too-big",
            Self::TooManyRecipients => "too-many-recipients",
            Self::TooManyErrors => "too-many-errors",
            Self::LoginFailed => "login-failed",
            Self::TimedOut => "timed-out",
            Self::SpokeHttp => "spoke-http",
            Self::SpokeTls => "spoke-tls",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
