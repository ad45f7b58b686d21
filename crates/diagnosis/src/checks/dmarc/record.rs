//! What is wrong with the record, and what it asks for.

use super::DmarcFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say, Severity};
use crate::history::Snapshot;
use postrider_mailauth::dmarc::{self, Applied, Asked, Found, Oddity, Policy, Psd, Record, Step};
use postrider_mailauth::{Reading, Remark};

/// Whether something at the domain's own name was meant to be a record and is none.
pub(super) fn has_own_trouble(dmarc: &DmarcFacts) -> bool {
    let own = dmarc.walk.steps.first().is_some_and(|step| match &step.found {
        Found::NoRecord(texts) => texts.iter().any(|text| dmarc::is_like_record(text)),
        Found::Several(_) => true,
        _ => false,
    });
    own || !dmarc.misplaced.is_empty()
}

pub(super) fn judge(facts: &Facts, dmarc: &DmarcFacts, say: &mut Say) {
    syntax(dmarc, say);
    match (&dmarc.walk.applied, dmarc.record()) {
        (Asked::Known(applied), Some((step, text, record))) => {
            let long = watched_since(facts).filter(|since| facts.now.0.saturating_sub(*since) >= YEAR_MS);
            policy(applied, step, text, record, long, say);
            subdomains(applied, step, text, record, say);
        }
        (Asked::Unknown(_), _) => {
            say.untested("dmarc.policy", "the record that applies is not known");
            say.untested("dmarc.sub", "the record that applies is not known");
        }
        _ => {
            say.not_applicable("dmarc.policy", "there is no record");
            say.not_applicable("dmarc.sub", "there is no record");
        }
    }
}

fn syntax(dmarc: &DmarcFacts, say: &mut Say) {
    let walk = &dmarc.walk;
    let mut found = Vec::new();
    if let Some(step) = walk.steps.first() {
        match &step.found {
            Found::Several(texts) => found.push(several(step, texts)),
            Found::NoRecord(texts) => {
                found.extend(texts.iter().find(|text| dmarc::is_like_record(text)).map(|text| ignored(step, text)));
            }
            _ => {}
        }
    }
    if let Some((step, text, _)) = dmarc.record()
        && let Found::Record { read, .. } = &step.found
    {
        found.extend(faults(step, text, read));
    }
    let own_record = walk.steps.first().is_some_and(|step| matches!(step.found, Found::Record { .. }));
    if let Some(text) = dmarc.misplaced.first().filter(|_| !own_record) {
        let domain = &walk.domain;
        found.push(
            Finding::problem(
                "dmarc.syntax",
                &**domain,
                format!("the DMARC record of {domain} stands at the wrong name"),
            )
            .seen("dns", "", format!("{domain} TXT {text:?}"))
            .meaning("Receivers look for it at _dmarc and nowhere else.")
            .fix("Move the record.")
            .change("add", &format!("_dmarc.{domain}"), "TXT", "", text)
            .change("remove", domain, "TXT", text, ""),
        );
    }
    match (&walk.applied, walk.steps.first().map(|step| &step.found)) {
        _ if !found.is_empty() => say.found_or_fine("dmarc.syntax", found, ""),
        (Asked::Known(_), _) => say.fine("dmarc.syntax", "the record is well-formed"),
        (Asked::Unknown(_), _) | (_, Some(Found::Trouble(_))) => {
            say.untested("dmarc.syntax", "the record could not be asked for");
        }
        _ => say.not_applicable("dmarc.syntax", "there is no record"),
    }
}

fn several(step: &Step, texts: &[Box<str>]) -> Finding {
    let title = format!("{} has {} DMARC records, which count as none", step.domain, texts.len());
    let mut finding = Finding::problem("dmarc.syntax", &*step.name, title)
        .fix("Keep one of the records and remove the others.")
        .rfc("RFC 9989 §4.10");
    for text in texts {
        finding = finding.seen("dns", "", format!("{} TXT {text:?}", step.name));
    }
    finding
}

fn ignored(step: &Step, text: &str) -> Finding {
    let read = dmarc::read(text);
    let title = format!("receivers ignore the DMARC record of {}", step.domain);
    let finding = Finding::problem("dmarc.syntax", &*step.name, title);
    let finding =
        read.remarks.iter().filter(|remark| weight(remark.kind).is_some()).fold(finding, |finding, remark| {
            finding.meaning(remark.text.clone()).seen_at("dns", "", text, remark.span.clone())
        });
    corrected(finding, step, text, &read)
}

fn corrected(finding: Finding, step: &Step, text: &str, read: &Reading<Record, Oddity>) -> Finding {
    match &read.corrected {
        Some(corrected) => finding
            .fix("Replace the record by the corrected one.")
            .change("replace", &step.name, "TXT", text, corrected),
        None => finding.fix("Write the marked part anew."),
    }
}

/// How bad it is in a record that receivers heed; `None` for what other checks tell of.
fn weight(kind: Oddity) -> Option<Severity> {
    use Oddity as O;
    match kind {
        O::PolicyUnknown => Some(Severity::Problem),
        O::ValueUnknown | O::TagTwice | O::TagCase | O::WordsWithoutTag | O::EscapesLeftIn => Some(Severity::Warning),
        O::VersionMissing | O::VersionNotFirst | O::VersionWrong | O::SemicolonMissing => Some(Severity::Problem),
        // Without p it counts as none, and some receivers of the old rule pass over the record.
        O::PolicyMissing => Some(Severity::Warning),
        O::TagRemoved | O::TagUnknown | O::PolicyNotSecond | O::EmptyTag => Some(Severity::Note),
        _ => None,
    }
}

fn faults(step: &Step, text: &str, read: &Reading<Record, Oddity>) -> Option<Finding> {
    let weighed: Vec<(Severity, &Remark<Oddity>)> =
        read.remarks.iter().filter_map(|remark| Some((weight(remark.kind)?, remark))).collect();
    let worst = weighed.iter().map(|(severity, _)| *severity).max()?;
    let title = match worst {
        Severity::Problem => format!("the DMARC record of {} does not say what it should", step.domain),
        Severity::Warning => format!("a part of the DMARC record of {} is not understood", step.domain),
        Severity::Note => format!("the DMARC record of {} has parts that may go", step.domain),
    };
    let finding = Finding::new("dmarc.syntax", &*step.name, worst, title);
    let finding = weighed.iter().fold(finding, |finding, (_, remark)| {
        finding.meaning(remark.text.clone()).seen_at("dns", "", text, remark.span.clone())
    });
    Some(corrected(finding, step, text, read))
}

/// So long nobody needs to look at reports.
const YEAR_MS: i64 = 365 * 86_400_000;

/// Since when runs have seen the domain's own record ask for nothing, without a break.
fn watched_since(facts: &Facts) -> Option<i64> {
    let watches = |snapshot: &&Snapshot| {
        let texts = snapshot.seen.get("DMARC");
        texts.is_some_and(|text| dmarc::read(text).value.policy == Some(Policy::None))
    };
    facts.settings.history.iter().rev().take_while(watches).last().map(|snapshot| snapshot.at)
}

fn policy(applied: &Applied, step: &Step, text: &str, record: &Record, long: Option<i64>, say: &mut Say) {
    let at = |kind: Oddity| dmarc::read(text).find(kind).map_or(0..0, |remark| remark.span.clone());
    let note = |title: String| Finding::note("dmarc.policy", &*step.name, title);
    let mut found = Vec::new();
    if record.psd == Psd::Yes
        && applied.step == 0
        && step.domain.contains('.')
        && psl::suffix_str(&step.domain) != Some(&*step.domain)
    {
        found.push(
            Finding::warning("dmarc.policy", &*step.name, format!("{} calls itself a public suffix", step.domain))
                .meaning(
                    "Receivers then take each of its subdomains for a domain of somebody else, and nothing is aligned.",
                )
                .seen_at("dns", "", text, at(Oddity::PublicSuffix))
                .fix("Remove psd=y, unless others register their own domains below this one."),
        );
    }
    if record.policy_void {
        // dmarc.syntax tells of it.
        return say.found_or_fine("dmarc.policy", found, "no policy that can be read");
    }
    if applied.policy == Policy::None && applied.tag == "p" {
        let mut title = format!("DMARC of {} only watches: {}=none", step.domain, applied.tag);
        if let Some(since) = long.filter(|_| applied.step == 0) {
            let day: String = crate::report::moment(since).chars().take(10).collect();
            title = format!("{title}, for more than a year now (seen so since {day})");
        }
        found.push(
            note(title)
                .seen_at("dns", "", text, at(Oddity::PolicyNone))
                .fix("Once the reports show that all your mail passes, go on to quarantine, then to reject."),
        );
    } else if record.testing {
        found.push(
            note(format!(
                "DMARC of {} is in test mode: {} counts as {}",
                step.domain, applied.policy, applied.enforced
            ))
            .seen_at("dns", "", text, at(Oddity::TestMode))
            .fix("Remove t=y once all your mail passes."),
        );
    } else if let Some(percent @ 0..100) = record.percent {
        found.push(
            note(format!("old receivers apply the policy of {} to {percent} of 100 messages", step.domain))
                .seen_at("dns", "", text, at(Oddity::PercentBelow100))
                .fix("Remove pct; t=y is what says that a policy is being tried out."),
        );
    }
    say.found_or_fine("dmarc.policy", found, format!("{}={}", applied.tag, applied.policy));
}

fn subdomains(applied: &Applied, step: &Step, text: &str, record: &Record, say: &mut Say) {
    let Some(policy) = record.policy.filter(|_| !record.policy_void) else {
        return say.not_applicable("dmarc.sub", "there is no policy that can be read");
    };
    // sp and np count only where the record is that of an organizational domain.
    let weaker = record.subdomains.filter(|sub| *sub < policy && applied.step == 0);
    match weaker {
        Some(sub) => say.found(
            Finding::note(
                "dmarc.sub",
                &*step.name,
                format!("subdomains of {} are less protected than itself: sp={sub}", step.domain),
            )
            .impact(Impact::None, Impact::None)
            .seen("dns", "", text)
            .fix("Make sp as strict as p once mail from subdomains passes; np=reject at least covers those that do not exist."),
        ),
        None => say.fine("dmarc.sub", "subdomains are as protected as the domain"),
    }
}
