//! DMARC of one message (RFC 9989 §5.3): does anything that passed belong to the domain in From?

use super::verify::{Outcome, Verified};
use postrider_mailauth::dmarc::{Alignment, Asked, Found, Mode, Policy, Record, Walk, alignment};
use postrider_mailauth::spf;
use std::collections::HashMap;

/// The walks, by the domain they began at.
pub type Walks = HashMap<String, Walk>;

/// How one authenticated domain stands to the one in From.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// `SPF` or `DKIM`.
    pub by: &'static str,
    /// The authenticated domain.
    pub domain: String,
    /// Whether it was authenticated; `None` when that could not be told.
    pub passed: Option<bool>,
    /// Whether it is aligned; `None` when that could not be told.
    pub aligned: Option<bool>,
    /// Strict alignment is asked for, and only that keeps it from being aligned.
    pub strict: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Result {
    /// Something that passed is aligned.
    Pass,
    /// Nothing is.
    Fail,
    /// The domain has no record.
    NoRecord,
    /// It could not be told.
    Unknown(String),
}

/// DMARC of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dmarc {
    /// The domain in From.
    pub domain: String,
    /// What came of it.
    pub result: Result,
    /// What the domain asks for with mail that fails.
    pub policy: Policy,
    /// The record, and where it stands.
    pub record: Option<(String, String)>,
    /// Each authenticated domain.
    pub stands: Vec<Stand>,
}

/// Judges: the domain in From, what SPF says of which domain, and the signatures.
pub fn judge(domain: &str, spf: Option<(&str, spf::Outcome)>, signatures: &[Verified], walks: &Walks) -> Dmarc {
    let walk = walks.get(domain);
    let record = walk.and_then(applied);
    let (dkim_mode, spf_mode) =
        record.as_ref().map_or((Mode::Relaxed, Mode::Relaxed), |(_, read)| (read.dkim, read.spf));
    let mut stands = Vec::new();
    if let Some((by, outcome)) = spf {
        let passed = match outcome {
            spf::Outcome::Pass => Some(true),
            spf::Outcome::TempError => None,
            _ => Some(false),
        };
        stands.push(stand("SPF", by, passed, (domain, spf_mode), walks));
    }
    for verified in signatures {
        let Some(signature) = &verified.signature else { continue };
        let passed = match &verified.outcome {
            Outcome::Pass => Some(true),
            Outcome::Fail(_) => Some(false),
            Outcome::Unknown(_) => None,
        };
        stands.push(stand("DKIM", &signature.domain, passed, (domain, dkim_mode), walks));
    }
    let (policy, text) = match (walk.map(|walk| &walk.applied), record) {
        (Some(Asked::Known(applied)), Some((text, _))) => (applied.enforced, Some(text)),
        _ => (Policy::None, None),
    };
    let result = result(walk, &stands, spf.is_some());
    Dmarc { domain: domain.to_owned(), result, policy, record: text, stands }
}

/// The record that applies, with its place.
fn applied(walk: &Walk) -> Option<((String, String), &Record)> {
    let Asked::Known(applied) = &walk.applied else { return None };
    let step = walk.steps.get(applied.step)?;
    match &step.found {
        Found::Record { text, read } => Some(((step.name.to_string(), text.to_string()), &read.value)),
        _ => None,
    }
}

fn result(walk: Option<&Walk>, stands: &[Stand], spf_known: bool) -> Result {
    if stands.iter().any(|stand| stand.passed == Some(true) && stand.aligned == Some(true)) {
        // RFC 9989 §5.3.4: without a record nothing is asked, so that nothing passes.
        return match walk.map(|walk| &walk.applied) {
            Some(Asked::Known(applied)) if !applied.ignored => Result::Pass,
            Some(Asked::Known(_) | Asked::Absent) => Result::NoRecord,
            _ => Result::Unknown("the DMARC record could not be asked for".into()),
        };
    }
    match walk.map(|walk| &walk.applied) {
        None => return Result::Unknown("the DMARC record could not be asked for".into()),
        Some(Asked::Absent) => return Result::NoRecord,
        Some(Asked::Unknown(step)) => {
            let name = walk.and_then(|walk| walk.steps.get(*step)).map(|step| step.name.to_string());
            return Result::Unknown(format!("{} could not be looked up", name.unwrap_or_default()));
        }
        Some(Asked::Known(applied)) if applied.ignored => return Result::NoRecord,
        Some(Asked::Known(_)) => {}
    }
    let open = |stand: &&Stand| stand.passed != Some(false) && stand.aligned != Some(false);
    if let Some(stand) = stands.iter().find(open) {
        return Result::Unknown(format!("{} for {} could not be told", stand.by, stand.domain));
    }
    if !spf_known {
        return Result::Unknown("SPF could not be told, and no signature decides it".into());
    }
    Result::Fail
}

fn stand(by: &'static str, domain: &str, passed: Option<bool>, from: (&str, Mode), walks: &Walks) -> Stand {
    let (from, mode) = from;
    let organization =
        |domain: &str| walks.get(domain).and_then(|walk| walk.organization.as_deref()).map(str::to_owned);
    let same = domain.eq_ignore_ascii_case(from);
    let found = match (same, organization(from), organization(domain)) {
        (true, ..) => Some(Alignment::Identical),
        (false, Some(ours), Some(theirs)) => Some(alignment((from, &ours), (domain, &theirs))),
        // Domains with nothing in common to the right are never of one organization.
        (false, ..) if last_labels(from) != last_labels(domain) => Some(Alignment::None),
        (false, ..) => None,
    };
    let strict = found == Some(Alignment::SameOrganization) && mode == Mode::Strict;
    Stand { by, domain: domain.to_owned(), passed, aligned: found.map(|found| found.suffices(mode)), strict }
}

/// Whether two domains may be of one organization, so that it must be asked.
pub(crate) fn may_be_kin(author: &str, other: &str) -> bool {
    author != other && last_labels(author) == last_labels(other)
}

fn last_labels(name: &str) -> String {
    let labels: Vec<&str> = name.trim_end_matches('.').rsplitn(3, '.').take(2).collect();
    labels.join(".").to_ascii_lowercase()
}
