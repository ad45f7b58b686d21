//! From what was said to a verdict, down the order of trust.

use crate::entry::Rank;
use crate::errno::Errnos;
use crate::hint;
use crate::knowledge::{CauseFacts, Knowledge};
use crate::registry::{self, Place, Row, Table};
use crate::weigh::{Candidate, EXACT_STATUS_POINTS, Weighing};
use crate::{Cause, Confidence, Disposition, Evidence, Verdict};
use postrider_smtp::{EnhancedStatus, Outcome, Phase, ReplyCode, Said, Trouble, TroubleKind};
use std::borrow::Cow;

/// What is known besides the words themselves. All of it may be left at its default.
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
/// use postrider_smtp::Said;
///
/// let decoder = Decoder::new();
/// let verdict = decoder.explain(&Said::parse("550 5.1.1 no such user"), &Context::default());
/// assert_eq!((verdict.cause, verdict.disposition), (Cause::MailboxUnknown, Disposition::Fail));
/// assert!(verdict.suppress);
/// ```
#[derive(Debug)]
pub struct Decoder {
    pub(crate) knowledge: Knowledge,
    pub(crate) enhanced: Table<(u16, u16)>,
    pub(crate) codes: Table<u16>,
    troubles: Table<&'static str>,
    pub(crate) errnos: Errnos,
}

/// The detail that stands for all that are not listed: behind every number.
const ANY_DETAIL: u16 = u16::MAX;
/// The key of an outcome in doubt among the troubles.
const IN_DOUBT: &str = "in-doubt";

impl Decoder {
    /// Reads the knowledge that is compiled in.
    pub fn new() -> Self {
        Self::with(Knowledge::compiled_in())
    }

    /// Reads the knowledge in some files, each a name without `.toml` and a text; gives all that
    /// is wrong with them beside it. For authors of knowledge: what is compiled in is right.
    pub fn of_files(files: &[(&str, &'static str)]) -> (Self, Vec<String>) {
        let (knowledge, mistakes) = Knowledge::read(files);
        (Self::with(knowledge), mistakes)
    }

    fn with(knowledge: Knowledge) -> Self {
        Self {
            knowledge,
            enhanced: Table::of(registry::ENHANCED, enhanced_key),
            codes: Table::of(registry::CODES, |key| key.parse().ok()),
            troubles: Table::of(registry::TROUBLES, |key| {
                let kind = TroubleKind::from_name(key).map(TroubleKind::name);
                kind.or_else(|| (key == IN_DOUBT).then_some(IN_DOUBT))
            }),
            errnos: Errnos::new(),
        }
    }

    /// What an outcome means. Total: there is always a verdict.
    pub fn decode(&self, outcome: &Outcome, context: &Context<'_>) -> Verdict {
        match outcome {
            Outcome::Replied { phase, reply } => self.explain(&Said::of_reply(reply, *phase), context),
            Outcome::Unreached(trouble) => self.decode_trouble(trouble.kind.name(), trouble),
            Outcome::InDoubt(trouble) => self.decode_trouble(IN_DOUBT, trouble),
        }
    }

    /// What words mean that somebody quotes. Total: there is always a verdict.
    pub fn explain(&self, said: &Said<'_>, context: &Context<'_>) -> Verdict {
        let place = Place::of(said, context.recipients_accepted > 0);
        // Success needs no words: 2yz and 3yz are what their digits say (RFC 5321 §4.2.1).
        let weighing = match said.class() {
            Some(2 | 3) => Weighing::default(),
            _ => Weighing::of(&self.knowledge, said, context.host),
        };
        // The order of trust.
        let found = self
            .entry(&weighing, said, place)
            .or_else(|| self.by_enhanced(said, place))
            .or_else(|| self.by_code(said, place))
            .or_else(|| self.by_digit(said, place));
        self.verdict(found, said, &weighing)
    }

    /// First the knowledge's words, weak ones only where the status says nothing exact.
    #[inline(never)]
    fn entry(&self, weighing: &Weighing, said: &Said<'_>, place: Place) -> Option<Found<'_>> {
        let best = weighing.best()?;
        let exact = best.points <= EXACT_STATUS_POINTS
            && self.registered(said, place).is_some_and(|row| row.trust == "exact" && row.cause.is_some());
        let matched = weighing.words(best).to_owned();
        (!exact).then_some(Found::Entry { best: *best, matched })
    }

    /// Second the enhanced status registry.
    #[inline(never)]
    fn by_enhanced(&self, said: &Said<'_>, place: Place) -> Option<Found<'_>> {
        let row = self.registered(said, place)?;
        row.cause.map(|_| Found::Row { row, confidence: Confidence::Enhanced, entry: None, matched: None })
    }

    /// The registry's row. It is about failures: a status beside 2yz or 3yz, and a status that
    /// says success beside 4yz or 5yz, say nothing.
    #[inline(never)]
    fn registered(&self, said: &Said<'_>, place: Place) -> Option<&Row> {
        let status = said.enhanced.filter(|status| status.class() > 2 && said.class() > Some(3))?;
        let listed = self.enhanced.get((status.subject(), status.detail()), place);
        listed.or_else(|| self.enhanced.get((status.subject(), ANY_DETAIL), place))
    }

    /// Third the reply code registry.
    fn by_code(&self, said: &Said<'_>, place: Place) -> Option<Found<'_>> {
        let row = self.codes.get(said.code?.number(), place)?;
        Some(Found::Row { row, confidence: Confidence::Code, entry: None, matched: None })
    }

    /// Last the first digit, which a client must always understand (RFC 5321 §4.3.2).
    fn by_digit(&self, said: &Said<'_>, place: Place) -> Option<Found<'_>> {
        let row = self.codes.get(said.class()?.into(), place)?;
        Some(Found::Row { row, confidence: Confidence::Digit, entry: None, matched: None })
    }

    fn decode_trouble(&self, key: &'static str, trouble: &Trouble) -> Verdict {
        let said = Said { phase: Some(trouble.phase), ..Said::default() };
        let found = self.troubles.get(key, Place::of(&said, false)).map(|row| Found::Row {
            row,
            confidence: Confidence::Entry,
            entry: Some(format!("trouble.{key}")),
            matched: self.errnos.explain(trouble),
        });
        self.verdict(found, &said, &Weighing::default())
    }

    #[inline(never)]
    fn verdict(&self, found: Option<Found<'_>>, said: &Said<'_>, weighing: &Weighing) -> Verdict {
        let evidence = Evidence {
            entry: None,
            matched: None,
            code: said.code,
            enhanced: said.enhanced,
            conflict: said.code.zip(said.enhanced).and_then(|(code, enhanced)| conflict(code, enhanced)),
        };
        let mut verdict = match found {
            Some(Found::Entry { best, matched }) => self.of_entry(&best, matched, said, evidence),
            Some(Found::Row { row, confidence, entry, matched }) => {
                let evidence = Evidence { entry: entry.map(Cow::Owned), matched, ..evidence };
                of_row(row, confidence, said, evidence)
            }
            None => of_nothing(self.knowledge.cause(Cause::Unknown), said, evidence),
        };
        let provider = weighing.provider.and_then(|provider| self.knowledge.providers.get(provider));
        verdict.provider = provider.map(|provider| provider.name.clone());
        verdict.suppress &= said.phase.is_none_or(|phase| may_be_about_recipient(phase, verdict.cause));
        verdict.suppress &= said.code.is_none_or(|code| !is_about_the_client(code));
        if verdict.disposition == Disposition::Retry {
            verdict.retry_after_s = hint::retry_after_s(&said.text);
        }
        verdict
    }

    #[inline(never)]
    fn of_entry(&self, best: &Candidate, matched: String, said: &Said<'_>, evidence: Evidence) -> Verdict {
        let entry = &self.knowledge.entries[best.entry()];
        let Some(facts) = self.knowledge.cause(entry.cause) else {
            return of_nothing(None, said, evidence);
        };
        let of_class = || by_class(said).unwrap_or(facts.otherwise);
        let disposition = entry.disposition.or(facts.disposition).unwrap_or_else(of_class);
        // Words that others have as well may come from others: then nothing is said of that provider.
        let own = !best.foreign || entry.rank == Rank::Strong;
        let summary = entry.summary.as_ref().filter(|_| own).unwrap_or(&facts.summary);
        let advice = if own && !entry.advice.is_empty() { &entry.advice } else { &facts.advice };
        let cited = entry.cited();
        let further = facts.references.iter().filter(|other| cited != Some(*other));
        let references = entry.references.iter().chain(cited).chain(further).cloned().collect();
        Verdict {
            cause: entry.cause,
            disposition,
            scope: entry.scope.unwrap_or(facts.scope),
            who: entry.who.unwrap_or(facts.who),
            confidence: Confidence::Entry,
            // Only what is permanent can be beyond cure.
            suppress: entry.suppress.unwrap_or(facts.suppress) && disposition == Disposition::Fail,
            retry_after_s: None,
            provider: None,
            summary: summary.clone(),
            advice: advice.clone(),
            evidence: Evidence {
                entry: Some(entry.id.clone()),
                matched: (!matched.is_empty()).then_some(matched),
                ..evidence
            },
            references,
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// What one step of the order of trust found.
enum Found<'a> {
    Entry { best: Candidate, matched: String },
    Row { row: &'a Row, confidence: Confidence, entry: Option<String>, matched: Option<String> },
}

/// `x.1.1` or `x.1.*`.
fn enhanced_key(key: &str) -> Option<(u16, u16)> {
    let (subject, detail) = key.strip_prefix("x.")?.split_once('.')?;
    let detail = if detail == "*" { ANY_DETAIL } else { detail.parse().ok()? };
    Some((subject.parse().ok()?, detail))
}

/// What the first digit says. Only 2yz to the final dot hands the message over.
fn by_class(said: &Said<'_>) -> Option<Disposition> {
    let to_the_dot = said.phase.unwrap_or_else(|| registry::usual_phase(said.code)) == Phase::Dot;
    Some(match said.class()? {
        2 if to_the_dot => Disposition::Delivered,
        5 => Disposition::Fail,
        _ => Disposition::Retry,
    })
}

/// Before a recipient is named, no answer is about one; that it takes no mail, a host may say at once.
fn may_be_about_recipient(phase: Phase, cause: Cause) -> bool {
    match phase {
        Phase::Connect => matches!(cause, Cause::NoMx | Cause::DomainNotFound),
        Phase::Ehlo | Phase::StartTls | Phase::Auth | Phase::Mail => false,
        Phase::Rcpt | Phase::Data | Phase::Dot => true,
    }
}

/// Codes that answer what the client did, whatever the words: commands out of place (RFC 5321 §4.2.2)
/// and logins (RFC 4954 §6).
fn is_about_the_client(code: ReplyCode) -> bool {
    matches!(code.number(), 500 | 502 | 503 | 530 | 534 | 535 | 538)
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

fn of_row(row: &Row, confidence: Confidence, said: &Said<'_>, evidence: Evidence) -> Verdict {
    let disposition = row.disposition.or_else(|| by_class(said)).unwrap_or(Disposition::Retry);
    Verdict {
        cause: row.cause.unwrap_or(Cause::Unknown),
        disposition,
        scope: row.scope,
        who: row.who,
        confidence,
        suppress: row.suppress && disposition == Disposition::Fail,
        retry_after_s: None,
        provider: None,
        summary: Cow::Borrowed(row.summary),
        advice: row.advice.iter().map(|step| Cow::Borrowed(*step)).collect(),
        evidence,
        references: vec![Cow::Borrowed(row.reference)],
    }
}

/// Words that nothing is known about, without a code that would speak for itself.
fn of_nothing(facts: Option<&CauseFacts>, said: &Said<'_>, evidence: Evidence) -> Verdict {
    Verdict {
        cause: Cause::Unknown,
        disposition: by_class(said).unwrap_or(Disposition::Retry),
        scope: crate::Scope::Recipient,
        who: crate::Who::RecipientAdmin,
        confidence: Confidence::Digit,
        suppress: false,
        retry_after_s: None,
        provider: None,
        summary: facts.map_or(Cow::Borrowed("Nothing is known about this."), |facts| facts.summary.clone()),
        advice: facts.map(|facts| facts.advice.clone()).unwrap_or_default(),
        evidence,
        references: Vec::new(),
    }
}
