//! What a session may cost, what it offers, and how long it waits.

use std::sync::Arc;
use std::time::Duration;

/// Settings of the receiving side, shared by its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name this host gives itself in the greeting and in the reply to EHLO.
    pub hostname: Arc<str>,
    /// What stands behind the name in the greeting.
    pub greeting: Arc<str>,
    /// What EHLO offers.
    pub extensions: Extensions,
    /// Bounds.
    pub limits: Limits,
    /// How long to wait for the client, state by state.
    pub timeouts: Timeouts,
    /// What is done about line ends that are not CRLF, within the message.
    pub bare_line_ends: BareLineEnds,
}

impl Settings {
    /// The defaults under this host's name.
    pub fn new(hostname: impl Into<Arc<str>>) -> Self {
        Self {
            hostname: hostname.into(),
            greeting: "ESMTP Postrider".into(),
            extensions: Extensions::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            bare_line_ends: BareLineEnds::default(),
        }
    }
}

/// What is offered in the reply to EHLO; SIZE always is, with [`Limits::message_bytes_max`].
/// STARTTLS, AUTH and REQUIRETLS depend on the connection: see [`super::Facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one switch per independent extension")]
pub struct Extensions {
    /// PIPELINING (RFC 2920). The session takes pipelined commands anyway.
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030). Off: who relays must be able to hand it on, and few hosts take it.
    pub binary_mime: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034). The replies carry them anyway.
    pub enhanced_status_codes: bool,
    /// REQUIRETLS, under TLS only (RFC 8689 §2).
    pub require_tls: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            pipelining: true,
            eight_bit_mime: true,
            smtputf8: true,
            chunking: true,
            binary_mime: false,
            dsn: true,
            enhanced_status_codes: true,
            require_tls: true,
        }
    }
}

/// Bounds of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line, its end included. RFC 5321 §4.5.3.1.4 says 512; parameters add
    /// to that, and libraries pad.
    pub line_bytes_max: usize,
    /// Octets of an AUTH line (RFC 4954 §4).
    pub auth_line_bytes_max: usize,
    /// Octets of a line without end that are read away before the connection is given up.
    pub line_discard_bytes_max: usize,
    /// Recipients of one message. RFC 5321 §4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// Octets of one message as announced by SIZE (RFC 1870).
    pub message_bytes_max: u64,
    /// Octets beyond `message_bytes_max` that are read away so that the client can hear 552;
    /// behind that the connection is given up.
    pub drain_bytes_max: u64,
    /// Refused commands before the session ends.
    pub errors_max: u32,
    /// Refused recipients of one message before the session ends: a guessing client is not a
    /// mailing list with a few dead addresses.
    pub refused_recipients_max: u32,
    /// Recipients beyond `recipients_max` that are refused one by one before the session ends: a
    /// client that sends them in one flight cannot know sooner.
    pub recipients_overshoot_max: u32,
    /// AUTH attempts that failed before the session ends.
    pub auth_attempts_max: u32,
    /// Commands in a row that do not bring mail (NOOP, RSET, VRFY, EHLO …) before the session ends.
    pub idle_commands_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: 2048,
            auth_line_bytes_max: 12_288,
            line_discard_bytes_max: 64 * 1024,
            recipients_max: 1000,
            message_bytes_max: 50 * 1024 * 1024,
            drain_bytes_max: 50 * 1024 * 1024,
            errors_max: 20,
            refused_recipients_max: 200,
            recipients_overshoot_max: 1000,
            auth_attempts_max: 3,
            idle_commands_max: 100,
        }
    }
}

/// How long the client may take, state by state. Each is for the whole of what is waited for,
/// so that a client that drips octets gains nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The next command. RFC 5321 §4.5.3.2.7: at least five minutes.
    pub command: Duration,
    /// The next step of an AUTH exchange.
    pub auth: Duration,
    /// The next octets of a message. RFC 5321 §4.5.3.2.5: three minutes a block.
    pub body_block: Duration,
    /// A whole message, from 354 to its end.
    pub body_whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(5 * 60),
            auth: Duration::from_secs(5 * 60),
            body_block: Duration::from_secs(3 * 60),
            body_whole: Duration::from_secs(60 * 60),
        }
    }
}

/// What is done about a CR or LF that stands alone within a message. Around a dot that would end
/// the message somewhere else, it is refused whatever is set here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareLineEnds {
    /// The message is refused: two hosts must not see two messages in one (RFC 5321 §2.3.8).
    Refuse,
    /// Made CRLF for clients of our own ([`super::Facts::own_client`]) and authenticated users:
    /// they send files as they lie on the disk. Refused from others.
    #[default]
    NormaliseForOwn,
    /// Made CRLF for everybody.
    Normalise,
}
