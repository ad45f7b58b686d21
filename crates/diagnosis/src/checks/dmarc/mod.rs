//! DMARC: the record that applies, what it asks for, and whether its reports arrive.

mod record;
mod reports;
#[cfg(test)]
mod tests;

pub use reports::ReportHost;

use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use domain::base::iana::Rtype;
use postrider_mailauth::dmarc::{self, Asked, Found, Record, Source, Step, Walk};

/// What there is of DMARC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcFacts {
    /// The walk up the tree, each step.
    pub walk: Walk,
    /// Where aggregate and failure reports go, and whether they are wanted there.
    pub hosts: Vec<ReportHost>,
    /// DMARC records that stand at the domain itself, where nobody looks for them.
    pub misplaced: Vec<String>,
}

impl DmarcFacts {
    /// The record that applies, with its text and the name it stands at.
    pub fn record(&self) -> Option<(&Step, &str, &Record)> {
        let Asked::Known(applied) = &self.walk.applied else { return None };
        let step = self.walk.steps.get(applied.step)?;
        match &step.found {
            Found::Record { text, read } => Some((step, text, &read.value)),
            _ => None,
        }
    }
}

/// Walks up the tree, and asks those whom reports are sent to whether they want them.
pub(crate) async fn gather(ctx: &Ctx, domain: &str) -> DmarcFacts {
    let (walk, apex) = tokio::join!(dmarc::discover(&*ctx.names, domain), ctx.find(domain, Rtype::TXT));
    let misplaced = apex.texts().into_iter().filter(|text| dmarc::is_like_record(text)).collect();
    let mut facts = DmarcFacts { walk, hosts: Vec::new(), misplaced };
    if let Some((step, _, record)) = facts.record() {
        let organization = facts.walk.organization.as_deref().unwrap_or(&step.domain);
        facts.hosts = reports::gather(ctx, &step.domain, organization, record).await;
    }
    facts
}

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    say.not_applicable("dmarc.align", "there is no message to look at");
    let Some(dmarc) = &facts.dmarc else {
        for id in ["dmarc.find", "dmarc.syntax", "dmarc.policy", "dmarc.rua", "dmarc.sub"] {
            say.untested(id, "the DMARC record was not asked for in time");
        }
        return;
    };
    find(facts, dmarc, say);
    record::judge(facts, dmarc, say);
    reports::judge(dmarc, say);
}

fn find(facts: &Facts, dmarc: &DmarcFacts, say: &mut Say) {
    let domain = &facts.domain;
    let walk = &dmarc.walk;
    match &walk.applied {
        Asked::Known(applied) => {
            let whose = match applied.source {
                Source::Domain => "its own",
                Source::Organization => "that of its organizational domain",
                Source::PublicSuffix => "that of the public suffix above it",
            };
            let at = walk.steps.get(applied.step).map_or("", |step| &step.name);
            let organization = walk.organization.as_deref().unwrap_or("unknown");
            let seen = format!(
                "{at}, {whose}: {}={}; organizational domain {organization}; {}",
                applied.tag,
                applied.policy,
                steps(walk)
            );
            say.fine("dmarc.find", seen);
        }
        Asked::Unknown(step) => {
            let why = walk.steps.get(*step).map(told).unwrap_or_default();
            say.untested("dmarc.find", format!("a name could not be asked for: {why}"));
        }
        // A record that was meant to be one is told by dmarc.syntax.
        Asked::Absent if record::has_own_trouble(dmarc) => {
            say.fine("dmarc.find", format!("there is something at _dmarc.{domain}"));
        }
        Asked::Absent => {
            let no_mail = facts.mx.as_ref().is_some_and(crate::checks::mx::MxFacts::is_null);
            let title = format!("{domain} has no DMARC record");
            let finding = if no_mail {
                Finding::note("dmarc.find", domain, title)
            } else {
                Finding::warning("dmarc.find", domain, title)
            };
            let mut finding = finding
                // Mail flows without one; large receivers ask it of those who send much.
                .impact(Impact::None, Impact::None)
                .meaning("Receivers do not know what to do with mail that only claims to be from this domain.")
                .fix("Begin with a record that asks for nothing but reports, and go on from there.")
                .change(
                    "add",
                    &format!("_dmarc.{domain}"),
                    "TXT",
                    "",
                    &format!("v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
                );
            for step in &walk.steps {
                finding = finding.seen("dns", "", told(step));
            }
            say.found(finding);
        }
    }
}

fn steps(walk: &Walk) -> String {
    walk.steps.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// One step in a line.
fn told(step: &Step) -> String {
    match &step.found {
        Found::Nothing(failure) | Found::Trouble(failure) => format!("{} TXT: {failure}", step.name),
        Found::NoRecord(texts) => format!("{} TXT: no DMARC record among {}", step.name, texts.len()),
        Found::Several(texts) => format!("{} TXT: {} DMARC records", step.name, texts.len()),
        Found::Record { text, .. } => format!("{} TXT {text:?}", step.name),
    }
}
