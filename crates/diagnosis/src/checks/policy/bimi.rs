//! BIMI: whether the record can be used, and whether DMARC lets it.

use super::PolicyFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say, Severity};
use postrider_mailauth::bimi::{self, Oddity};
use postrider_mailauth::dmarc::{Asked, Policy};

const ID: &str = "bimi";

pub(super) fn judge(facts: &Facts, seen: &PolicyFacts, say: &mut Say) {
    let name = format!("default._bimi.{}", facts.domain);
    let texts = match &seen.bimi {
        Ok(texts) => texts,
        Err(failure) if failure.is_absence() => return say.not_applicable(ID, "the domain has no BIMI record"),
        Err(failure) => return say.untested(ID, format!("{name} could not be asked for: {failure}")),
    };
    let Some(text) = texts.iter().find(|text| bimi::is_like_record(text)) else {
        return say.not_applicable(ID, "the domain has no BIMI record");
    };
    let read = bimi::read(text);
    if read.value.declined {
        return say.fine(ID, "the domain asks for no picture");
    }
    let told = read
        .remarks
        .iter()
        .filter(|remark| remark.kind != Oddity::EvidenceMissing && remark.kind != Oddity::TagUnknown);
    let told: Vec<_> = told.collect();
    let mut found = Vec::new();
    if !told.is_empty() {
        let mut finding = note(&name, "the BIMI record is not as it should be");
        for remark in told {
            finding = finding.meaning(remark.text.clone()).seen_at("dns", "", text.as_str(), remark.span.clone());
        }
        found.push(match &read.corrected {
            Some(corrected) => {
                finding.fix("Replace the record by the corrected one.").change("replace", &name, "TXT", text, corrected)
            }
            None => finding.fix("Write the marked part anew."),
        });
    }
    if let Some(Asked::Known(applied)) = facts.dmarc.as_ref().map(|dmarc| &dmarc.walk.applied)
        && applied.enforced == Policy::None
    {
        found.push(
            note(&name, "there is a BIMI record, but DMARC only watches, so that no picture is shown")
                .seen("dns", "", text.as_str())
                .fix("BIMI needs a DMARC policy of quarantine or reject."),
        );
    }
    say.found_or_fine(ID, found, text.clone());
}

fn note(name: &str, title: &str) -> Finding {
    Finding::new(ID, name, Severity::Note, title).impact(Impact::None, Impact::None)
}
