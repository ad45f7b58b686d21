//! Why a check ended in an error.

use super::record::{Record, Span};
use postrider_dns::{Failure, Kind};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A term in the record of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose record it is.
    pub domain: Box<str>,
    /// The record.
    pub record: Arc<Record>,
    /// Which of its terms.
    pub term: usize,
}

impl Place {
    /// Where the term stands in the record's text.
    pub fn span(&self) -> Span {
        self.record.terms.get(self.term).map_or(Span::new(0, 0), |term| term.span)
    }

    /// The term as written.
    pub fn text(&self) -> &str {
        self.span().of(&self.record.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {}", self.text(), self.domain)
    }
}

/// Why the result is permerror or temperror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A domain has several records (RFC 7208 §4.5).
    #[error("{domain} has {} SPF records, and only one may be there", records.len())]
    ManyRecords {
        /// Which domain.
        domain: Box<str>,
        /// The records.
        records: Vec<Box<str>>,
    },
    /// A record has errors (RFC 7208 §4.6).
    #[error("the SPF record of {domain} cannot be read: {}", first_fault(record))]
    Syntax {
        /// Which domain.
        domain: Box<str>,
        /// Its record, with all faults.
        record: Arc<Record>,
    },
    /// `include` or `redirect` points to a domain without a record (RFC 7208 §5.2, §6.1).
    #[error("{domain} has no SPF record to go on with")]
    NoRecord {
        /// Which domain.
        domain: Box<str>,
    },
    /// More terms look something up than allowed (RFC 7208 §4.6.4).
    #[error("more than {limit} DNS look-ups are needed, which is the limit")]
    Lookups {
        /// How many are allowed.
        limit: usize,
    },
    /// More look-ups find nothing than allowed (RFC 7208 §4.6.4).
    #[error("more than {limit} DNS look-ups find nothing, the last one for {name}")]
    Voids {
        /// How many are allowed.
        limit: usize,
        /// What was asked for last.
        name: Box<str>,
    },
    /// `mx` meets more hosts than allowed (RFC 7208 §4.6.4).
    #[error("{name} has {count} mail exchanges, and SPF allows {limit}")]
    Exchanges {
        /// Whose mail exchanges.
        name: Box<str>,
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The DNS is in trouble (RFC 7208 §2.6.6).
    #[error("{kind} of {name} could not be looked up: {failure}")]
    Dns {
        /// What was asked.
        name: Box<str>,
        /// Which type.
        kind: Kind,
        /// What happened.
        failure: Failure,
    },
    /// It took too long (RFC 7208 §4.6.4).
    #[error("the check was not done after {} seconds", limit.as_secs())]
    Time {
        /// How long it may take.
        limit: Duration,
    },
}

impl Cause {
    /// Whether it may pass by itself: temperror, otherwise permerror.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Dns { .. } | Self::Time { .. })
    }
}

/// The first fault with its text, and how many others there are.
fn first_fault(record: &Record) -> String {
    let Some(fault) = record.faults.first() else { return "it has errors".to_owned() };
    let there = fault.span.of(&record.text);
    let more = match record.faults.len() {
        0 | 1 => String::new(),
        count => format!("; {} more", count - 1),
    };
    format!("at `{}`: {fault}{more}", there.escape_debug())
}
