//! From outcome to verdict, down the order of trust.

use crate::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
use postrider_smtp::Outcome;
use std::borrow::Cow;

/// What is known besides the outcome itself. All of it may be left at its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context<'a> {
    /// The host that answered, as its MX record names it; tells the provider.
    pub host: &'a str,
    /// Recipients this host had accepted in the same transaction before this outcome: tells
    /// "too many recipients" from "mailbox full" where a code means both.
    pub recipients_accepted: u32,
}

/// The knowledge, parsed and ready. Build it once and share it behind an `Arc`.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    /// Parses the knowledge that is compiled in.
    pub fn new() -> Self {
        Self {}
    }

    /// What an outcome means. Total: there is always a verdict.
    pub fn decode(&self, outcome: &Outcome, _context: &Context<'_>) -> Verdict {
        let (cause, disposition) = match outcome {
            _ if outcome.is_delivered() => (Cause::Delivered, Disposition::Delivered),
            Outcome::Replied { reply, .. } if reply.code().is_permanent() => (Cause::Unknown, Disposition::Fail),
            _ => (Cause::Unknown, Disposition::Retry),
        };
        Verdict {
            cause,
            disposition,
            scope: Scope::Recipient,
            who: Who::Nobody,
            confidence: Confidence::Digit,
            suppress: false,
            retry_after_s: None,
            provider: None,
            summary: Cow::Borrowed(""),
            advice: Vec::new(),
            evidence: Evidence::default(),
            references: Vec::new(),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
