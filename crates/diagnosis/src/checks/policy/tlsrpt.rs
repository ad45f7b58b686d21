//! TLS reporting: whether the record can be used.

use super::PolicyFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use postrider_mailauth::tlsrpt::{self, Oddity};

const ID: &str = "tlsrpt";

pub(super) fn judge(facts: &Facts, seen: &PolicyFacts, say: &mut Say) {
    let name = format!("_smtp._tls.{}", facts.domain);
    let texts = match &seen.tlsrpt {
        Ok(texts) => texts,
        Err(failure) if failure.is_absence() => return say.not_applicable(ID, "no TLS reports are asked for"),
        Err(failure) => return say.untested(ID, format!("{name} could not be asked for: {failure}")),
    };
    let like: Vec<&String> = texts.iter().filter(|text| tlsrpt::is_like_record(text)).collect();
    let records: Vec<&&String> = like.iter().filter(|text| tlsrpt::is_record(text)).collect();
    if records.len() > 1 {
        // RFC 8460 §3: unless there is just one, there is none.
        let title = format!("{name} has {} records, which count as none", records.len());
        let mut finding =
            Finding::warning(ID, &name, title).impact(Impact::None, Impact::None).fix("Keep one of the records.");
        for text in records {
            finding = finding.seen("dns", "", format!("{name} TXT {text:?}"));
        }
        return say.found(finding);
    }
    let Some(text) = records.first().map_or_else(|| like.first().copied(), |text| Some(**text)) else {
        return say.not_applicable(ID, "no TLS reports are asked for");
    };
    let read = tlsrpt::read(text);
    let harmless = |kind: Oddity| matches!(kind, Oddity::TagUnknown | Oddity::EmptyTag);
    let usable = read.value.recognized && !read.value.destinations.is_empty();
    if usable && read.remarks.iter().all(|remark| harmless(remark.kind)) {
        return say.fine(ID, text.clone());
    }
    let title = if usable {
        "a part of the TLSRPT record cannot be used"
    } else {
        "nobody can send reports by this TLSRPT record"
    };
    let mut finding = Finding::warning(ID, &name, title).impact(Impact::None, Impact::None);
    for remark in &read.remarks {
        finding = finding.meaning(remark.text.clone()).seen_at("dns", "", text.as_str(), remark.span.clone());
    }
    say.found(match &read.corrected {
        Some(corrected) => {
            finding.fix("Replace the record by the corrected one.").change("replace", &name, "TXT", text, corrected)
        }
        None => finding.fix("Name in rua= an address that takes reports: mailto: or https:."),
    });
}
