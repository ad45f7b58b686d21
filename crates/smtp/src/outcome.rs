//! What became of one recipient in one attempt.

use crate::Reply;
use std::fmt;

/// Where in a session something was said. The same 554 means three things in three phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// From looking up the host to its greeting.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// The DATA command, before any byte of the message.
    Data,
    /// The message and the final dot, or the last BDAT chunk.
    Dot,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 8] =
        [Self::Connect, Self::Ehlo, Self::StartTls, Self::Auth, Self::Mail, Self::Rcpt, Self::Data, Self::Dot];

    /// The name used in events, logs and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
        }
    }

    /// The phase of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why no reply was had. Kinds are told apart where they call for different remedies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// NXDOMAIN: the domain does not exist.
    DomainNotFound,
    /// The domain says that it takes no mail: null MX (RFC 7505).
    NullMx,
    /// Neither MX nor address records, or an MX whose hosts have no address.
    NoAddress,
    /// SERVFAIL, REFUSED, or an answer that makes no sense.
    DnsFailed,
    /// No name server answered in time.
    DnsTimeout,
    /// The best MX is this relay itself (RFC 5321 §5.1).
    LoopsBack,
    /// All hosts are at private or loopback addresses, which this relay is told not to use.
    PrivateAddress,
    /// Nothing listens there, or a firewall says so.
    ConnectionRefused,
    /// No answer to the connection attempt.
    ConnectTimeout,
    /// No route to the host or its network.
    Unreachable,
    /// The connection was closed or reset.
    ConnectionLost,
    /// The peer stopped talking.
    Timeout,
    /// The TLS handshake failed, or the certificate was not acceptable.
    TlsFailed,
    /// TLS is asked for and the peer does not offer it.
    TlsNotOffered,
    /// The peer broke the protocol.
    ProtocolViolation,
    /// The route asks for AUTH, and the peer offers no mechanism we have.
    AuthNotOffered,
    /// The message needs 8BITMIME, BINARYMIME, SMTPUTF8 or REQUIRETLS, and the peer does not offer it.
    FeatureNotOffered,
    /// The message is larger than the peer's announced SIZE.
    TooLargeForPeer,
    /// A fault on our own side: no source address, no file descriptors, no memory.
    LocalFault,
}

impl TroubleKind {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::DomainNotFound,
        Self::NullMx,
        Self::NoAddress,
        Self::DnsFailed,
        Self::DnsTimeout,
        Self::LoopsBack,
        Self::PrivateAddress,
        Self::ConnectionRefused,
        Self::ConnectTimeout,
        Self::Unreachable,
        Self::ConnectionLost,
        Self::Timeout,
        Self::TlsFailed,
        Self::TlsNotOffered,
        Self::ProtocolViolation,
        Self::AuthNotOffered,
        Self::FeatureNotOffered,
        Self::TooLargeForPeer,
        Self::LocalFault,
    ];

    /// The name used in events and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DomainNotFound => "domain-not-found",
            Self::NullMx => "null-mx",
            Self::NoAddress => "no-address",
            Self::DnsFailed => "dns-failed",
            Self::DnsTimeout => "dns-timeout",
            Self::LoopsBack => "loops-back",
            Self::PrivateAddress => "private-address",
            Self::ConnectionRefused => "connection-refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::Unreachable => "unreachable",
            Self::ConnectionLost => "connection-lost",
            Self::Timeout => "timeout",
            Self::TlsFailed => "tls-failed",
            Self::TlsNotOffered => "tls-not-offered",
            Self::ProtocolViolation => "protocol-violation",
            Self::AuthNotOffered => "auth-not-offered",
            Self::FeatureNotOffered => "feature-not-offered",
            Self::TooLargeForPeer => "too-large-for-peer",
            Self::LocalFault => "local-fault",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for TroubleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Trouble without a reply: what, where in the session, and the operating system's own number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where in the session.
    pub phase: Phase,
    /// What.
    pub kind: TroubleKind,
    /// The operating system's error number, when it gave one.
    pub errno: Option<i32>,
    /// In words, as said by the operating system, the TLS library or the resolver.
    pub detail: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

/// What became of one recipient in one attempt. All three are decoded, none is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The peer decided.
    Replied {
        /// Which command it answered.
        phase: Phase,
        /// Its words.
        reply: Reply,
    },
    /// No reply was had, and the peer cannot have taken the message.
    Unreached(Trouble),
    /// The final dot was sent and no reply came: the peer may have taken the message
    /// (RFC 5321 §4.5.4.1, RFC 1047).
    InDoubt(Trouble),
}

impl Outcome {
    /// Whether the peer took the message for this recipient: 2yz to the final dot.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Replied { phase: Phase::Dot, reply } if reply.code().is_positive())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replied { phase, reply } => write!(f, "{phase}: {reply}"),
            Self::Unreached(trouble) => write!(f, "{}: {trouble}", trouble.phase),
            Self::InDoubt(trouble) => write!(f, "{}: no reply to the final dot: {}", trouble.phase, trouble.detail),
        }
    }
}
