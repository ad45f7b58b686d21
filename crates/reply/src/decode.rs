//! From outcome to verdict, down the order of trust.

use crate::errno::Errnos;
use crate::hint;
use crate::knowledge::{self, Place, Row, Table};
use crate::words::Words;
use crate::{Cause, Confidence, Disposition, Evidence, Verdict};
use postrider_smtp::{EnhancedStatus, Outcome, Phase, Reply, ReplyCode, Trouble, TroubleKind};
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
///
/// ```
/// use postrider_reply::{Cause, Context, Decoder, Disposition};
/// use postrider_smtp::{Outcome, Phase, Reply, ReplyCode};
///
/// let decoder = Decoder::new();
/// let reply = Reply::new(ReplyCode::MAILBOX_UNAVAILABLE_550, "5.1.1 no such user");
/// let verdict = decoder.decode(&Outcome::Replied { phase: Phase::Rcpt, reply }, &Context::default());
/// assert_eq!((verdict.cause, verdict.disposition), (Cause::MailboxUnknown, Disposition::Fail));
/// assert!(verdict.suppress);
/// ```
#[derive(Debug)]
pub struct Decoder {
    words: Words,
    enhanced: Table<(u16, u16)>,
    codes: Table<u16>,
    troubles: Table<&'static str>,
    errnos: Errnos,
}

/// The detail that stands for all that are not listed: behind every number.
const ANY_DETAIL: u16 = u16::MAX;
/// The key of an outcome in doubt among the troubles.
const IN_DOUBT: &str = "in-doubt";

/// What one step of the order of trust found.
struct Found<'a> {
    row: &'a Row,
    confidence: Confidence,
    entry: Option<Cow<'static, str>>,
    matched: Option<String>,
}

impl<'a> Found<'a> {
    fn by(row: &'a Row, confidence: Confidence) -> Self {
        Self { row, confidence, entry: None, matched: None }
    }
}

impl Decoder {
    /// Parses the knowledge that is compiled in.
    pub fn new() -> Self {
        Self {
            words: Words::new(),
            enhanced: Table::of(knowledge::ENHANCED, enhanced_key),
            codes: Table::of(knowledge::CODES, |key| key.parse().ok()),
            troubles: Table::of(knowledge::TROUBLES, |key| {
                let kind = TroubleKind::from_name(key).map(TroubleKind::name);
                kind.or_else(|| (key == IN_DOUBT).then_some(IN_DOUBT))
            }),
            errnos: Errnos::new(),
        }
    }

    /// What an outcome means. Total: there is always a verdict.
    pub fn decode(&self, outcome: &Outcome, context: &Context<'_>) -> Verdict {
        match outcome {
            Outcome::Replied { phase, reply } => self.decode_reply(reply, *phase, context),
            Outcome::Unreached(trouble) => self.decode_trouble(trouble.kind.name(), trouble),
            Outcome::InDoubt(trouble) => self.decode_trouble(IN_DOUBT, trouble),
        }
    }

    fn decode_reply(&self, reply: &Reply, phase: Phase, context: &Context<'_>) -> Verdict {
        let place = Place { phase, recipients_accepted: context.recipients_accepted > 0 };
        let (code, enhanced) = (reply.code(), reply.enhanced());
        // The order of trust. Provider entries will stand first, in `entry`.
        let found = self
            .entry(reply, enhanced, place)
            .or_else(|| self.by_enhanced(code, enhanced, place))
            .or_else(|| self.by_code(code, place))
            .or_else(|| self.by_digit(code, place));
        let disposition =
            found.as_ref().and_then(|found| found.row.disposition).unwrap_or_else(|| by_class(code, phase));
        let evidence = Evidence {
            entry: None,
            matched: None,
            code: Some(code),
            enhanced,
            conflict: enhanced.and_then(|enhanced| conflict(code, enhanced)),
        };
        let mut verdict = verdict(found, disposition, evidence);
        if disposition == Disposition::Retry {
            verdict.retry_after_s = hint::retry_after_s(&reply.text());
        }
        verdict
    }

    /// First knowledge entries. General words speak only where the status is missing or vague.
    fn entry(&self, reply: &Reply, enhanced: Option<EnhancedStatus>, place: Place) -> Option<Found<'_>> {
        if reply.code().class() < 4 {
            return None;
        }
        let by_status = self.by_enhanced(reply.code(), enhanced, place);
        if by_status.is_some_and(|found| found.row.trust == "exact") {
            return None;
        }
        let (row, matched) = self.words.find(reply, place)?;
        let entry = Some(Cow::Owned(format!("words.{}", row.key)));
        Some(Found { row, confidence: Confidence::Entry, entry, matched: Some(matched) })
    }

    /// Second the enhanced status registry. It is about failures: a status beside 2yz or 3yz, and
    /// a status that says success beside 4yz or 5yz, say nothing.
    fn by_enhanced(&self, code: ReplyCode, enhanced: Option<EnhancedStatus>, place: Place) -> Option<Found<'_>> {
        let status = enhanced.filter(|status| status.class() > 2 && code.class() > 3)?;
        let listed = self.enhanced.get((status.subject(), status.detail()), place);
        let row = listed.or_else(|| self.enhanced.get((status.subject(), ANY_DETAIL), place))?;
        row.cause.map(|_| Found::by(row, Confidence::Enhanced))
    }

    /// Third the reply code registry.
    fn by_code(&self, code: ReplyCode, place: Place) -> Option<Found<'_>> {
        self.codes.get(code.number(), place).map(|row| Found::by(row, Confidence::Code))
    }

    /// Last the first digit, which a client must always understand (RFC 5321 §4.3.2).
    fn by_digit(&self, code: ReplyCode, place: Place) -> Option<Found<'_>> {
        self.codes.get(code.class().into(), place).map(|row| Found::by(row, Confidence::Digit))
    }

    fn decode_trouble(&self, key: &'static str, trouble: &Trouble) -> Verdict {
        let place = Place { phase: trouble.phase, recipients_accepted: false };
        let found = self.troubles.get(key, place).map(|row| Found {
            row,
            confidence: Confidence::Entry,
            entry: Some(Cow::Owned(format!("trouble.{key}"))),
            matched: self.errnos.explain(trouble),
        });
        verdict(found, Disposition::Retry, Evidence::default())
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// `x.1.1` or `x.1.*`.
fn enhanced_key(key: &str) -> Option<(u16, u16)> {
    let (subject, detail) = key.strip_prefix("x.")?.split_once('.')?;
    let detail = if detail == "*" { ANY_DETAIL } else { detail.parse().ok()? };
    Some((subject.parse().ok()?, detail))
}

/// What the first digit says. Only 2yz to the final dot hands the message over.
fn by_class(code: ReplyCode, phase: Phase) -> Disposition {
    match code.class() {
        2 if phase == Phase::Dot => Disposition::Delivered,
        5 => Disposition::Fail,
        _ => Disposition::Retry,
    }
}

/// Where the two codes disagree, the basic one decides (RFC 5321 §4.2, RFC 3463 §2).
fn conflict(code: ReplyCode, enhanced: EnhancedStatus) -> Option<String> {
    let says = |class| match class {
        2 => "success",
        3 => "go on",
        4 => "not now",
        _ => "never",
    };
    (code.class() != enhanced.class()).then(|| {
        let (basic, status) = (says(code.class()), says(enhanced.class()));
        format!("the reply code {code} says {basic:?}, the enhanced status {enhanced} says {status:?}; the reply code decides")
    })
}

/// `None` is found only if the knowledge files lack their last rows, which a test rules out.
fn verdict(found: Option<Found<'_>>, disposition: Disposition, evidence: Evidence) -> Verdict {
    let Some(Found { row, confidence, entry, matched }) = found else {
        return bare(disposition, evidence);
    };
    let disposition = row.disposition.unwrap_or(disposition);
    Verdict {
        cause: row.cause.unwrap_or(Cause::Unknown),
        disposition,
        scope: row.scope,
        who: row.who,
        confidence,
        // Only what is permanent can be beyond cure.
        suppress: row.suppress && disposition == Disposition::Fail,
        retry_after_s: None,
        provider: None,
        summary: Cow::Borrowed(row.summary),
        advice: row.advice.iter().map(|step| Cow::Borrowed(*step)).collect(),
        evidence: Evidence { entry, matched, ..evidence },
        references: vec![Cow::Borrowed(row.reference)],
    }
}

fn bare(disposition: Disposition, evidence: Evidence) -> Verdict {
    Verdict {
        cause: Cause::Unknown,
        disposition,
        scope: crate::Scope::Recipient,
        who: crate::Who::Nobody,
        confidence: Confidence::Digit,
        suppress: false,
        retry_after_s: None,
        provider: None,
        summary: Cow::Borrowed("Nothing is known about this outcome."),
        advice: Vec::new(),
        evidence,
        references: Vec::new(),
    }
}
