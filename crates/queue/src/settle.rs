//! What a verdict leads to for one recipient: done, again at a time, or given up.

use crate::health::grow;
use crate::{Job, JobRecipient, Reason, Settings};
use postrider_reply::{Cause, Confidence, Disposition, Verdict};
use postrider_smtp::{MessageId, Timestamp};
use std::time::Duration;

/// How many waits after greylisting are of the same length before they grow like others.
const GREYLISTED_EVEN: u32 = 4;

/// What now with one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The next hop has it.
    Done,
    /// Again at that time.
    RetryAt {
        /// When.
        due: Timestamp,
        /// Why it waits.
        reason: Reason,
        /// Whether the sender is to be told now that it is late. Said once, if it is recorded.
        tell_delay: bool,
    },
    /// No more attempts; the sender is to be told.
    GiveUp {
        /// Why.
        reason: GiveUp,
    },
}

/// Why no more attempts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// The verdict says that trying again does not help.
    Failed,
    /// It was tried for as long as it may be; the verdict is the last word.
    Expired,
    /// It was tried as often as it may be.
    AttemptsMax,
    /// It may have been delivered, more than once already: a further attempt would rather make a
    /// duplicate than a delivery.
    InDoubt,
}

impl GiveUp {
    /// The name used in events and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::AttemptsMax => "attempts-max",
            Self::InDoubt => "in-doubt",
        }
    }
}

impl Settings {
    /// When a message goes back to its sender.
    pub(crate) fn expires<J>(&self, job: &Job<J>) -> Timestamp {
        job.accepted.plus(if job.null_sender { self.expire_notices } else { self.expire })
    }

    /// The same for one recipient, after a verdict: what was refused for what it is, and not for the
    /// hour, goes back sooner.
    fn expires_after<J>(&self, job: &Job<J>, verdict: &Verdict) -> Timestamp {
        let expires = self.expires(job);
        if is_refusal(verdict) { expires.min(job.accepted.plus(self.expire_refused)) } else { expires }
    }

    /// Whether the sender is to be told now that this recipient is late.
    pub(crate) fn owes_delay<J>(&self, job: &Job<J>, recipient: &JobRecipient, now: Timestamp) -> bool {
        // A null sender is never told: RFC 3461 §6.2 with RFC 5321 §4.5.5.
        !job.null_sender
            && recipient.notify_delay
            && !recipient.delay_told
            && now.since(job.accepted) >= self.delay_notice_after
    }

    pub(crate) fn settle<J>(
        &self,
        job: &Job<J>,
        recipient: &JobRecipient,
        verdict: &Verdict,
        in_doubt: bool,
        now: Timestamp,
    ) -> Settled {
        match verdict.disposition {
            Disposition::Delivered => return Settled::Done,
            Disposition::Fail => return Settled::GiveUp { reason: GiveUp::Failed },
            Disposition::Retry => {}
        }
        if in_doubt && recipient.doubts >= self.retry.in_doubt_times {
            return Settled::GiveUp { reason: GiveUp::InDoubt };
        }
        let expires = self.expires_after(job, verdict);
        if now >= expires {
            return Settled::GiveUp { reason: GiveUp::Expired };
        }
        let attempts = recipient.attempts.saturating_add(1);
        if self.retry.attempts_max.is_some_and(|max| attempts >= max) {
            return Settled::GiveUp { reason: GiveUp::AttemptsMax };
        }
        let wait = self.wait(verdict, in_doubt, attempts);
        let wait =
            wait.mul_f64(1.0 + self.retry.jitter.clamp(0.0, 1.0) * self.chance(job.message, recipient, attempts));
        Settled::RetryAt {
            // The last attempt is made when the time is up, not a backoff earlier.
            due: now.plus(wait).min(expires),
            reason: if in_doubt { Reason::InDoubt } else { Reason::Retry(verdict.cause) },
            tell_delay: self.owes_delay(job, recipient, now),
        }
    }

    /// The wait after this many attempts, before jitter.
    fn wait(&self, verdict: &Verdict, in_doubt: bool, attempts: u32) -> Duration {
        let retry = &self.retry;
        let times = attempts.saturating_sub(1);
        let (first, times) = match verdict.cause {
            // RFC 1047 §3: what may have been taken is not sent again at once.
            _ if in_doubt => (retry.in_doubt, times),
            Cause::Greylisted => (retry.greylisted, attempts.saturating_sub(GREYLISTED_EVEN)),
            Cause::MailboxFull => (retry.mailbox_full, times),
            Cause::TooManyRecipients => (retry.too_many_recipients, times),
            _ => (retry.first, times),
        };
        let grown = grow(first, retry.factor, times, retry.max.max(first));
        match verdict.retry_after_s {
            Some(asked) if !in_doubt => self.believed(asked),
            _ => grown,
        }
    }

    /// A wait that the peer asked for, within bounds.
    pub(crate) fn believed(&self, seconds: u32) -> Duration {
        Duration::from_secs(u64::from(seconds)).min(self.retry.after_max).max(self.retry.after_min)
    }

    /// A number from 0 to 1 that looks random and is the same for the same attempt.
    fn chance(&self, message: MessageId, recipient: &JobRecipient, attempts: u32) -> f64 {
        let mixed = mix(self.seed ^ mix(message.to_i64().cast_unsigned()) ^ u64::from(recipient.index));
        // 53 bits: all that a double can hold.
        (mix(mixed ^ u64::from(attempts)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Whether a host would take the same mail no sooner tomorrow, though it said 4yz: somebody must
/// change the message, the sender, or a policy. Reputation is none of these, as it mends itself.
/// Only words say so: a temporary code alone may mean a mailbox that is busy.
fn is_refusal(verdict: &Verdict) -> bool {
    let refused = matches!(
        verdict.cause,
        Cause::Policy
            | Cause::SpamContent
            | Cause::ContentRejected
            | Cause::MessageMalformed
            | Cause::MessageTooLarge
            | Cause::SenderRejected
            | Cause::RecipientRejected
            | Cause::RelayingDenied
            | Cause::SpfFailed
            | Cause::DkimFailed
            | Cause::DmarcFailed
            | Cause::Unauthenticated
            | Cause::FeatureUnsupported
            | Cause::AddressSyntax
            | Cause::MailboxUnknown
            | Cause::MailboxDisabled
            | Cause::MailboxMoved
    );
    refused && verdict.confidence == Confidence::Entry
}

/// One step of splitmix64: every bit of the input changes half of the output's.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
