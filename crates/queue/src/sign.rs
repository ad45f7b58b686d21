//! What a verdict says about the neighbour, beside the recipient it is about.

use postrider_reply::{Cause, Disposition, Scope, Verdict};
use std::time::Duration;

/// How a neighbour came out of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sign {
    /// Nothing was learnt.
    #[default]
    None,
    /// Trouble that may be chance: counts towards a pause.
    Trouble(Reach, Cause),
    /// It took mail, or refused it for reasons of that mail: it works.
    Well,
    /// It asked to be left alone: a pause at once, of the time it named.
    Stop(Reach, Cause, Option<Duration>),
}

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Site,
    Destination,
}

impl Sign {
    pub(crate) fn of(verdict: &Verdict, in_doubt: bool) -> Self {
        let cause = verdict.cause;
        if in_doubt {
            return Self::Trouble(Reach::Site, cause);
        }
        if verdict.disposition != Disposition::Retry {
            return Self::of_final(verdict);
        }
        let asked = verdict.retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
        match (verdict.scope, cause) {
            (_, Cause::Greylisted | Cause::MailboxFull | Cause::TooManyRecipients)
            | (Scope::Recipient | Scope::Message | Scope::Sender, _) => Self::Well,
            (Scope::Source, _) | (_, Cause::RateLimited) => Self::Stop(Reach::Site, cause, asked),
            (_, Cause::DomainNotFound | Cause::NoMx | Cause::RoutingFailed) => Self::Trouble(Reach::Destination, cause),
            (Scope::Connection, _)
            | (_, Cause::ServerBusy | Cause::ServerError | Cause::ConnectionRefused | Cause::ConnectionTimeout) => {
                Self::Trouble(Reach::Site, cause)
            }
            (Scope::Destination, _) => Self::Trouble(Reach::Destination, cause),
        }
    }

    /// Delivered or failed. A refusal of this mail shows a working host; a failure of the way
    /// or of our source shows nothing new, as the next job will hear it too.
    fn of_final(verdict: &Verdict) -> Self {
        match (verdict.disposition, verdict.scope) {
            (Disposition::Delivered, _) | (_, Scope::Recipient | Scope::Message | Scope::Sender) => Self::Well,
            _ => Self::None,
        }
    }

    /// Of several recipients the strongest sign counts: stop, then well, then trouble.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Trouble(..) => 1,
            Self::Well => 2,
            Self::Stop(..) => 3,
        }
    }
}
