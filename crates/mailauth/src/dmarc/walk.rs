//! The walk up the tree (RFC 9989 §4.10): which record applies to a domain, and which domain is
//! its organizational domain.
//!
//! Every question is kept with its answer, so that it can be shown. A question without an answer
//! does not end the walk; what then cannot be known is `None`, and never guessed.

use super::record::{self, Oddity, Policy, Psd, Record};
use crate::reading::Reading;
use postrider_dns::{Failure, Kind, Resolver};

/// RFC 9989 §4.10: not more questions than this, however long the name is.
pub const QUERIES_MAX: usize = 8;

/// One question for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The domain it is about.
    pub domain: Box<str>,
    /// The name that was asked for.
    pub name: Box<str>,
    /// What came.
    pub found: Found,
}

/// What there is at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The name server says: nothing.
    Nothing(Failure),
    /// Nobody could say.
    Trouble(Failure),
    /// Texts, none of which receivers take for a DMARC record; those that were meant to be one are
    /// told by [`record::is_like_record`].
    NoRecord(Vec<Box<str>>),
    /// Several records, which count as none (RFC 9989 §4.10 step 2).
    Several(Vec<Box<str>>),
    /// One.
    Record {
        /// As it stands there.
        text: Box<str>,
        /// What it says.
        read: Box<Reading<Record, Oddity>>,
    },
}

/// The whole walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Where it began.
    pub domain: Box<str>,
    /// Each question, the longest name first.
    pub steps: Vec<Step>,
    /// The organizational domain; `None` when a question that matters for it has no answer.
    pub organization: Option<Box<str>>,
    /// Which record applies.
    pub applied: Asked<Applied>,
}

/// Something that was to be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<T> {
    /// It was.
    Known(T),
    /// There is none.
    Absent,
    /// The step of this number has no answer, and might change everything.
    Unknown(usize),
}

/// The record that applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The number of its step.
    pub step: usize,
    /// Where it was found.
    pub source: Source,
    /// Whether the domain exists, asked only where `sp` and `np` make a difference.
    pub exists: Option<bool>,
    /// The tag the policy is from: `p`, `sp` or `np`; `p` also where none is there.
    pub tag: &'static str,
    /// What is asked for with mail of this domain that fails; before `t=y`.
    pub policy: Policy,
    /// The same with `t=y` reckoned in.
    pub enforced: Policy,
    /// The record is so faulty that receivers leave the domain alone (RFC 9989 §4.10.1).
    pub ignored: bool,
}

/// Whose record it is, in the order in which they are preferred (RFC 9989 §4.10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The domain's own.
    Domain,
    /// That of its organizational domain.
    Organization,
    /// That of the public suffix above.
    PublicSuffix,
}

/// The domains whose records are asked for, in this order.
///
/// ```
/// use postrider_mailauth::dmarc::targets;
/// assert_eq!(targets("a.mail.example.com."), ["a.mail.example.com", "mail.example.com", "example.com", "com"]);
/// ```
pub fn targets(domain: &str) -> Vec<&str> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let mut above: Vec<&str> =
        std::iter::successors(Some(domain), |name| name.split_once('.').map(|(_, above)| above)).skip(1).collect();
    let surplus = above.len().saturating_sub(QUERIES_MAX - 1);
    let mut targets = vec![domain];
    targets.extend(above.drain(surplus..));
    targets
}

/// Walks up from a domain.
pub async fn discover(resolver: &dyn Resolver, domain: &str) -> Walk {
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
    let mut steps = Vec::new();
    for target in targets(&domain) {
        let name = format!("_dmarc.{target}");
        let found = match postrider_dns::txt(resolver, &name).await {
            Ok(answer) => found(answer.records),
            Err(failure) if failure.is_absence() => Found::Nothing(failure),
            Err(failure) => Found::Trouble(failure),
        };
        let last = matches!(&found, Found::Record { read, .. } if read.value.psd != Psd::Unknown);
        steps.push(Step { domain: target.into(), name: name.into(), found });
        if last {
            break;
        }
    }
    let organization = organization(&domain, &steps);
    let mut applied = choice(&steps, organization.as_deref());
    if let Asked::Known(applied) = &mut applied
        && applied.source != Source::Domain
        && let Some(record) = record_of(&steps, applied.step)
    {
        if record.nonexistent.is_some() && record.nonexistent != record.subdomains.or(record.policy) {
            applied.exists = exists(resolver, &domain).await;
        }
        below(applied, record);
    }
    Walk { domain: domain.into(), steps, organization, applied }
}

fn found(texts: Vec<Box<str>>) -> Found {
    let records: Vec<&Box<str>> = texts.iter().filter(|text| record::is_record(text)).collect();
    match records.as_slice() {
        [] => Found::NoRecord(texts),
        [text] => Found::Record { text: (*text).clone(), read: Box::new(record::read(text)) },
        several => Found::Several(several.iter().map(|text| (*text).clone()).collect()),
    }
}

fn record_of(steps: &[Step], step: usize) -> Option<&Record> {
    match &steps.get(step)?.found {
        Found::Record { read, .. } => Some(&read.value),
        _ => None,
    }
}

/// RFC 9989 §4.10.2. A step without an answer leaves it open, unless a longer name decided it.
fn organization(domain: &str, steps: &[Step]) -> Option<Box<str>> {
    let mut shortest = domain;
    let mut sure = true;
    for (index, step) in steps.iter().enumerate() {
        match (&step.found, record_of(steps, index)) {
            (Found::Trouble(_), _) => sure = false,
            (_, Some(record)) => match record.psd {
                Psd::No => return sure.then(|| step.domain.clone()),
                Psd::Yes if index > 0 => return sure.then(|| one_below(domain, &step.domain)),
                Psd::Yes | Psd::Unknown => shortest = &step.domain,
            },
            _ => {}
        }
    }
    sure.then(|| shortest.into())
}

/// The part of `domain` that has one label more than `above`.
fn one_below(domain: &str, above: &str) -> Box<str> {
    let rest = domain.len().saturating_sub(above.len() + 1);
    let start = domain.get(..rest).and_then(|rest| rest.rfind('.')).map_or(0, |dot| dot + 1);
    domain.get(start..).unwrap_or(domain).into()
}

/// RFC 9989 §4.10.1: the domain's own record, that of its organization, that of the suffix.
fn choice(steps: &[Step], organization: Option<&str>) -> Asked<Applied> {
    if let Some(record) = record_of(steps, 0) {
        return Asked::Known(applied(0, Source::Domain, record));
    }
    if let Some(step) = steps.iter().position(|step| matches!(step.found, Found::Trouble(_))) {
        return Asked::Unknown(step);
    }
    let at_organization = steps.iter().position(|step| organization == Some(&*step.domain));
    if let Some((step, record)) = at_organization.and_then(|step| Some((step, record_of(steps, step)?))) {
        return Asked::Known(applied(step, Source::Organization, record));
    }
    let suffix = (1..steps.len()).find_map(|step| Some((step, record_of(steps, step)?)));
    match suffix.filter(|(_, record)| record.psd == Psd::Yes) {
        Some((step, record)) => Asked::Known(applied(step, Source::PublicSuffix, record)),
        None => Asked::Absent,
    }
}

fn applied(step: usize, source: Source, record: &Record) -> Applied {
    let policy = record.policy.filter(|_| !record.policy_void).unwrap_or(Policy::None);
    let readable = record.aggregate_reports.iter().any(|uri| uri.address.is_some() || uri.text.contains(':'));
    Applied {
        step,
        source,
        exists: None,
        tag: "p",
        policy,
        enforced: if record.testing { policy.relaxed() } else { policy },
        // Without p a record counts as p=none anyway; both come to the same for mail.
        ignored: record.policy_void && !readable,
    }
}

/// The policy for a domain below the record's.
fn below(applied: &mut Applied, record: &Record) {
    if record.policy_void {
        return;
    }
    let chosen = match (record.nonexistent, record.subdomains) {
        (Some(policy), _) if applied.exists == Some(false) => Some(("np", policy)),
        (_, Some(policy)) => Some(("sp", policy)),
        _ => None,
    };
    if let Some((tag, policy)) = chosen {
        applied.tag = tag;
        applied.policy = policy;
        applied.enforced = if record.testing { policy.relaxed() } else { policy };
    }
}

/// RFC 9989 §3.2.13: a domain is there when it has an address or mail exchanges.
async fn exists(resolver: &dyn Resolver, domain: &str) -> Option<bool> {
    let mut sure = true;
    for kind in [Kind::Mx, Kind::A, Kind::Aaaa] {
        match resolver.look_up(domain, kind).await {
            Ok(_) => return Some(true),
            Err(Failure::NoSuchDomain { .. }) => return Some(false),
            Err(failure) => sure &= failure.is_absence(),
        }
    }
    sure.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_dns::Zone;

    const ZONE: &str = r#"
        a.example                 A    192.0.2.1
        _dmarc.a.example          TXT  "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:r@a.example"
        m.a.example               A    192.0.2.1
        _dmarc.own.a.example      TXT  "v=DMARC1; p=none; rua=mailto:r@a.example"
        _dmarc.dept.a.example     TXT  "v=DMARC1; p=none; psd=n; rua=mailto:r@a.example"
        _dmarc.two.test           TXT  "v=DMARC1; p=none"
        _dmarc.two.test           TXT  "v=DMARC1; p=reject"
        _dmarc.near.test          TXT  "v=DMARC1 p=reject"
        _dmarc.suffix             TXT  "v=DMARC1; p=reject; sp=quarantine; psd=y"
        _dmarc.trial.test         TXT  "v=DMARC1; p=reject; t=y"
        _dmarc.typo.test          TXT  "v=DMARC1; p=rejct"
        _dmarc.slow.test          TIMEOUT
        _dmarc.b.c.d.e.f.g.h.deep TXT  "v=DMARC1; p=reject; psd=n"
        _dmarc.deep               TXT  "v=DMARC1; p=quarantine"
    "#;

    /// The walk in one line.
    fn walk(domain: &str) -> String {
        let zone = Zone::parse(ZONE).unwrap();
        let look = discover(&zone, domain);
        let walk = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(look);
        let steps: Vec<String> =
            walk.steps.iter().map(|step| format!("{} {}", step.domain, shown(&step.found))).collect();
        let applied = match &walk.applied {
            Asked::Known(Applied { step, source, tag, policy, enforced, ignored, .. }) => {
                let ignored = if *ignored { " ignored" } else { "" };
                format!("{source:?} #{step} {tag}={policy} as {enforced}{ignored}")
            }
            Asked::Absent => "none".to_owned(),
            Asked::Unknown(step) => format!("unknown for #{step}"),
        };
        format!("{}; org {}; {applied}", steps.join(", "), walk.organization.as_deref().unwrap_or("unknown"))
    }

    fn shown(found: &Found) -> &'static str {
        match found {
            Found::Nothing(_) => "-",
            Found::Trouble(_) => "!",
            Found::NoRecord(_) => "~",
            Found::Several(_) => "2",
            Found::Record { .. } => "+",
        }
    }

    #[test]
    fn walks_and_where_they_end() {
        let table = [
            ("A.example.", "a.example +, example -; org a.example; Domain #0 p=reject as reject"),
            (
                "m.a.example",
                "m.a.example -, a.example +, example -; org a.example; Organization #1 sp=quarantine as quarantine",
            ),
            (
                "no.a.example",
                "no.a.example -, a.example +, example -; org a.example; Organization #1 np=reject as reject",
            ),
            ("own.a.example", "own.a.example +, a.example +, example -; org a.example; Domain #0 p=none as none"),
            (
                "x.dept.a.example",
                "x.dept.a.example -, dept.a.example +; org dept.a.example; Organization #1 p=none as none",
            ),
            ("two.test", "two.test 2, test -; org two.test; none"),
            ("near.test", "near.test ~, test -; org near.test; none"),
            (
                "x.b.suffix",
                "x.b.suffix -, b.suffix -, suffix +; org b.suffix; PublicSuffix #2 sp=quarantine as quarantine",
            ),
            ("suffix", "suffix +; org suffix; Domain #0 p=reject as reject"),
            ("trial.test", "trial.test +, test -; org trial.test; Domain #0 p=reject as quarantine"),
            ("typo.test", "typo.test +, test -; org typo.test; Domain #0 p=none as none ignored"),
            ("slow.test", "slow.test !, test -; org unknown; unknown for #0"),
            (
                "a.b.c.d.e.f.g.h.deep",
                "a.b.c.d.e.f.g.h.deep -, c.d.e.f.g.h.deep -, d.e.f.g.h.deep -, e.f.g.h.deep -, f.g.h.deep -, g.h.deep -, h.deep -, deep +; \
                 org deep; Organization #7 p=quarantine as quarantine",
            ),
        ];
        for (domain, want) in table {
            assert_eq!(walk(domain), want, "{domain}");
        }
    }

    #[test]
    fn never_more_than_eight_questions() {
        let long = "a.b.c.d.e.f.g.h.i.j.mail.example.com";
        let targets = targets(long);
        assert_eq!((targets.len(), targets[1], targets[7]), (QUERIES_MAX, "g.h.i.j.mail.example.com", "com"));
        assert_eq!(super::targets("com"), ["com"]);
        assert_eq!(super::targets(""), [""]);
    }
}
