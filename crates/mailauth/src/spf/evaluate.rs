//! `check_host` (RFC 7208 §4): from a request to a result, and how it came about.
//!
//! The way is kept in a path of places: a term is put on it before it is looked at, and taken
//! off when it did not match. So whatever ends the check, the path leads to it. Mechanisms are
//! matched in `matching`.

use super::cause::{Cause, Place};
use super::expand::expand;
use super::macros::{self, MacroString};
use super::matching::Validated;
use super::names;
use super::parse::parse;
use super::record::{Form, Qualifier, Record, Span};
use super::request::Request;
use super::select::{Selected, is_spf, select};
use postrider_dns::{Failure, Kind, Record as DnsRecord, Resolver};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The longest explanation that is passed on.
const EXPLANATION_CHARS_MAX: usize = 500;

/// The result of a check (RFC 7208 §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// There is no record, or no domain to have one.
    None,
    /// The domain does not say.
    Neutral,
    /// The address may send.
    Pass,
    /// The address may not send.
    Fail,
    /// The address probably may not send.
    SoftFail,
    /// Something went wrong that may pass.
    TempError,
    /// The records are wrong.
    PermError,
}

impl Outcome {
    /// The word of RFC 8601 §2.7.2.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The result.
    pub outcome: Outcome,
    /// The domain's words for a fail, when it has any (RFC 7208 §6.2). They are a stranger's.
    pub explanation: Option<String>,
    /// The terms that led to the result, from the domain's own record inwards; the last one is
    /// the one that decided. Empty when no term did: no record, no match, an error before it.
    pub path: Vec<Place>,
    /// Why it is an error, when it is one.
    pub cause: Option<Cause>,
    /// How many look-ups were needed so far (RFC 7208 §4.6.4).
    pub lookups: usize,
    /// How many of them found nothing.
    pub voids: usize,
}

impl Evaluation {
    /// The term that decided.
    pub fn decided_by(&self) -> Option<&Place> {
        self.path.last()
    }
}

/// Whether the address of the request may send for its domain.
///
/// ```
/// use postrider_dns::Zone;
/// use postrider_mailauth::spf::{Outcome, Request, evaluate};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let zone = Zone::parse("example.test TXT \"v=spf1 include:mail.test -all\"\nmail.test TXT \"v=spf1 ip4:192.0.2.0/24\"").unwrap();
/// let request = Request::mail_from("192.0.2.7".parse().unwrap(), "mx.mail.test", "a@example.test");
/// let evaluation = evaluate(&zone, &request).await;
/// assert_eq!(evaluation.outcome, Outcome::Pass);
/// assert_eq!(evaluation.decided_by().unwrap().to_string(), "`ip4:192.0.2.0/24` of mail.test");
/// # });
/// ```
pub async fn evaluate(resolver: &dyn Resolver, request: &Request) -> Evaluation {
    let mut check = Check::new(resolver, request);
    let limit = request.limits.time_max;
    let ruling = tokio::time::timeout(limit, check.rule(request.domain.clone())).await;
    let ruling = ruling.unwrap_or(Err(Cause::Time { limit }));
    let (outcome, explanation, cause) = match ruling {
        Ok(Ruling::NoRecord) => (Outcome::None, None, None),
        Ok(Ruling::NoMatch) => (Outcome::Neutral, None, None),
        Ok(Ruling::Match(Qualifier::Pass, _)) => (Outcome::Pass, None, None),
        Ok(Ruling::Match(Qualifier::SoftFail, _)) => (Outcome::SoftFail, None, None),
        Ok(Ruling::Match(Qualifier::Neutral, _)) => (Outcome::Neutral, None, None),
        Ok(Ruling::Match(Qualifier::Fail, home)) => {
            let words = tokio::time::timeout(limit, check.explanation(&home)).await;
            (Outcome::Fail, words.ok().flatten(), None)
        }
        Err(cause) if cause.is_temporary() => (Outcome::TempError, None, Some(cause)),
        Err(cause) => (Outcome::PermError, None, Some(cause)),
    };
    let Check { path, lookups, voids, .. } = check;
    Evaluation { outcome, explanation, path, cause, lookups, voids }
}

/// What the record of a domain says to the request.
enum Ruling {
    /// There is none.
    NoRecord,
    /// No term matches, and there is none for that case.
    NoMatch,
    /// A directive matched; in which record, for its explanation.
    Match(Qualifier, Home),
}

/// A record and the domain it is of.
struct Home {
    domain: String,
    record: Arc<Record>,
}

/// What the DNS says to one question.
pub(super) enum Said {
    Records(Vec<DnsRecord>),
    /// It has nothing: a void look-up.
    Nothing,
    /// It cannot be asked such a name.
    NotAName,
}

/// A check under way.
pub(super) struct Check<'a> {
    pub(super) resolver: &'a dyn Resolver,
    pub(super) request: &'a Request,
    /// The names of the address that lead back to it, once they were needed.
    pub(super) validated: Option<Arc<Validated>>,
    path: Vec<Place>,
    lookups: usize,
    voids: usize,
}

/// A check of one domain under way: boxed, as domains include each other.
type Checking<'c, T> = Pin<Box<dyn Future<Output = Result<T, Cause>> + Send + 'c>>;

impl<'a> Check<'a> {
    fn new(resolver: &'a dyn Resolver, request: &'a Request) -> Self {
        Self { resolver, request, validated: None, path: Vec::new(), lookups: 0, voids: 0 }
    }

    /// Evaluates the record of one domain.
    fn rule<'c>(&'c mut self, domain: String) -> Checking<'c, Ruling> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else { return Ok(Ruling::NoRecord) };
            let depth = self.path.len();
            for (index, term) in record.terms.iter().enumerate() {
                let Form::Directive { qualifier, mechanism } = &term.form else { continue };
                self.path.push(Place { domain: domain.as_str().into(), record: Arc::clone(&record), term: index });
                if term.looks_up() {
                    self.count_lookup()?;
                }
                if self.matches(mechanism, &domain).await? {
                    return Ok(Ruling::Match(*qualifier, Home { domain, record }));
                }
                self.path.truncate(depth);
            }
            let Some((index, target)) = record.redirect() else { return Ok(Ruling::NoMatch) };
            self.path.push(Place { domain: domain.as_str().into(), record: Arc::clone(&record), term: index });
            self.count_lookup()?;
            let target = self.name(target, &domain).await;
            match self.rule(target.clone()).await? {
                // RFC 7208 §6.1: a redirect to nothing is an error.
                Ruling::NoRecord => Err(Cause::NoRecord { domain: target.into() }),
                ruling => Ok(ruling),
            }
        })
    }

    /// Whether the record of another domain gives pass (RFC 7208 §5.2).
    pub(super) async fn includes(&mut self, target: String) -> Result<bool, Cause> {
        match self.rule(target.clone()).await? {
            Ruling::Match(Qualifier::Pass, _) => Ok(true),
            Ruling::Match(..) | Ruling::NoMatch => Ok(false),
            Ruling::NoRecord => Err(Cause::NoRecord { domain: target.into() }),
        }
    }

    /// The record of a domain (RFC 7208 §4.3 to §4.6), when it has one.
    async fn record(&self, domain: &str) -> Result<Option<Arc<Record>>, Cause> {
        if !names::can_be_checked(domain) {
            return Ok(None);
        }
        let Said::Records(records) = self.ask(domain, Kind::Txt).await? else { return Ok(None) };
        let texts: Vec<Box<str>> = records
            .into_iter()
            .filter_map(|record| if let DnsRecord::Txt(text) = record { Some(text) } else { None })
            .collect();
        match select(&texts) {
            Selected::None => Ok(None),
            Selected::Many => {
                let records = texts.iter().filter(|text| is_spf(text)).cloned().collect();
                Err(Cause::ManyRecords { domain: domain.into(), records })
            }
            Selected::One(text) => {
                let record = Arc::new(parse(text));
                if record.is_valid() { Ok(Some(record)) } else { Err(Cause::Syntax { domain: domain.into(), record }) }
            }
        }
    }

    /// The words for a fail (RFC 7208 §6.2): whatever is wrong with them, there are none then.
    async fn explanation(&mut self, home: &Home) -> Option<String> {
        let target = home.record.explanation()?;
        let name = self.name(target, &home.domain).await;
        let Ok(Said::Records(records)) = self.ask(&name, Kind::Txt).await else { return None };
        let [DnsRecord::Txt(text)] = records.as_slice() else { return None };
        // They may end up in a reply or a log: no line breaks and the like.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return None;
        }
        let text = macros::read(text, Span::new(0, text.len()), macros::Setting::Free).ok()?;
        let words = self.expanded(&text, &home.domain).await?;
        let clean = words.chars().filter(|c| !c.is_control());
        Some(clean.take(EXPLANATION_CHARS_MAX).collect())
    }

    /// The name that a record points to, with its macros expanded.
    pub(super) async fn name(&mut self, target: &MacroString, domain: &str) -> String {
        // A name beyond all measure is no name, and is taken for one that does not exist.
        let expanded = self.expanded(target, domain).await.unwrap_or_default();
        names::fitting(expanded.strip_suffix('.').unwrap_or(&expanded)).to_owned()
    }

    async fn expanded(&mut self, text: &MacroString, domain: &str) -> Option<String> {
        let validated =
            if text.letters().any(|letter| letter == 'p') { Some(self.validated_name(domain).await) } else { None };
        expand(text, |letter| match (letter, &validated) {
            (b'p', Some(name)) => Some(Cow::Borrowed(name.as_str())),
            _ => self.request.value(letter, domain),
        })
    }

    /// RFC 7208 §4.6.4: ten terms that look something up, and no more.
    fn count_lookup(&mut self) -> Result<(), Cause> {
        self.lookups += 1;
        let limit = self.request.limits.lookups_max;
        if self.lookups > limit { Err(Cause::Lookups { limit }) } else { Ok(()) }
    }

    /// RFC 7208 §4.6.4: two of them may find nothing.
    pub(super) fn count_void(&mut self, name: &str) -> Result<(), Cause> {
        self.voids += 1;
        let limit = self.request.limits.voids_max;
        if self.voids > limit { Err(Cause::Voids { limit, name: name.into() }) } else { Ok(()) }
    }

    /// Asks the DNS; trouble ends the check (RFC 7208 §5).
    pub(super) async fn ask(&self, name: &str, kind: Kind) -> Result<Said, Cause> {
        if !names::can_be_asked(name) {
            return Ok(Said::NotAName);
        }
        match self.resolver.look_up(name, kind).await {
            Ok(answer) => Ok(Said::Records(answer.records)),
            Err(failure) if failure.is_absence() => Ok(Said::Nothing),
            Err(Failure::Malformed(_)) if !names::is_ordinary(name) => Ok(Said::NotAName),
            Err(failure) => Err(Cause::Dns { name: name.into(), kind, failure }),
        }
    }
}
