//! How long a client waits, in one table.

use crate::Phase;
use std::time::Duration;

/// How long each phase may take before the peer is given up.
///
/// The defaults are what RFC 5321 §4.5.3.2 asks for; a shorter wait after the final dot makes
/// duplicates, see RFC 1047.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// RFC 5321 §4.5.3.2.1: five minutes for the greeting.
    pub greeting: Duration,
    /// EHLO and HELO; no section names it, so it is as the greeting.
    pub ehlo: Duration,
    /// The reply to STARTTLS, and then the handshake.
    pub starttls: Duration,
    /// Each step of AUTH (RFC 4954 §4 leaves it open).
    pub auth: Duration,
    /// RFC 5321 §4.5.3.2.2: five minutes for MAIL.
    pub mail: Duration,
    /// RFC 5321 §4.5.3.2.3: five minutes for RCPT.
    pub rcpt: Duration,
    /// RFC 5321 §4.5.3.2.4: two minutes for the 354.
    pub data: Duration,
    /// RFC 5321 §4.5.3.2.5: three minutes for each block that is sent.
    pub block: Duration,
    /// RFC 5321 §4.5.3.2.6: ten minutes for the reply to the final dot.
    pub dot: Duration,
    /// RSET, which is sent ahead of a transaction.
    pub reset: Duration,
    /// QUIT; nothing depends on its reply.
    pub quit: Duration,
}

impl Timeouts {
    /// How long a reply may take in that phase.
    pub(super) const fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Connect => self.reset,
            Phase::Ehlo => self.ehlo,
            Phase::StartTls => self.starttls,
            Phase::Auth => self.auth,
            Phase::Mail => self.mail,
            Phase::Rcpt => self.rcpt,
            Phase::Data => self.data,
            Phase::Dot => self.dot,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            greeting: minutes(5),
            ehlo: minutes(5),
            starttls: minutes(2),
            auth: minutes(2),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
            reset: Duration::from_secs(30),
            quit: Duration::from_secs(5),
        }
    }
}
