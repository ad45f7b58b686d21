//! Why there is no answer.

use std::time::Duration;

/// Why a look-up gave no records. Kinds are told apart where they call for different remedies:
/// the first two are answers, and final; the others are trouble, and may pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// NXDOMAIN: the name does not exist, with any type (RFC 8020).
    #[error("no such domain")]
    NoSuchDomain {
        /// How long that stays true (RFC 2308 §5); zero when the answer did not say.
        ttl: Duration,
    },
    /// The name exists, without a record of this type.
    #[error("no record of this type")]
    NoData {
        /// How long that stays true (RFC 2308 §5); zero when the answer did not say.
        ttl: Duration,
    },
    /// SERVFAIL: the name server could not find out, often a lame delegation or failed DNSSEC.
    #[error("the name server failed: {0}")]
    ServFail(String),
    /// REFUSED: the name server does not answer this question for us.
    #[error("the name server refuses to answer: {0}")]
    Refused(String),
    /// No name server answered, not in time or not at all.
    #[error("no name server answered: {0}")]
    Timeout(String),
    /// The question or the answer makes no sense: not a name, not a DNS message, an endless CNAME chain.
    #[error("the look-up makes no sense: {0}")]
    Malformed(String),
}

impl Failure {
    /// Whether the name server said that there is nothing: a fact, not trouble.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoSuchDomain { .. } | Self::NoData { .. })
    }

    /// How long the failure stays true, when the name server said so.
    pub fn ttl(&self) -> Option<Duration> {
        match self {
            Self::NoSuchDomain { ttl } | Self::NoData { ttl } => Some(*ttl),
            Self::ServFail(_) | Self::Refused(_) | Self::Timeout(_) | Self::Malformed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_they_are() {
        let minute = Duration::from_secs(60);
        let table = [
            (Failure::NoSuchDomain { ttl: minute }, true, Some(minute), "no such domain"),
            (Failure::NoData { ttl: minute }, true, Some(minute), "no record of this type"),
            (Failure::ServFail("lame".into()), false, None, "the name server failed: lame"),
            (Failure::Refused("9.9.9.9".into()), false, None, "the name server refuses to answer: 9.9.9.9"),
            (Failure::Timeout("5 s".into()), false, None, "no name server answered: 5 s"),
            (Failure::Malformed("a..b".into()), false, None, "the look-up makes no sense: a..b"),
        ];
        for (failure, absence, ttl, text) in table {
            assert_eq!((failure.is_absence(), failure.ttl(), failure.to_string()), (absence, ttl, text.to_owned()));
        }
    }
}
