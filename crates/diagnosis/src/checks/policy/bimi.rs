//! BIMI: whether the record and the picture can be used, and whether DMARC lets it.

use super::PolicyFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say, Severity};
use crate::http::{Fetched, Stop};
use postrider_mailauth::bimi::{self, Oddity, PictureOddity};
use postrider_mailauth::dmarc::{Asked, Policy};
use postrider_transport::tls::client::CertificateFault;

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
    if let (Some(fetched), Some(url)) = (&seen.picture, place(text)) {
        found.extend(picture(&name, &url, fetched));
    }
    say.found_or_fine(ID, found, text.clone());
}

/// The page that a record names its picture at.
pub(super) fn place(text: &str) -> Option<String> {
    let record = bimi::is_like_record(text).then(|| bimi::read(text).value)?;
    let location = record.location?;
    location.starts_with("https://").then(|| location.into())
}

/// What is wrong with the picture; silence and a server's bad moment are not.
fn picture(name: &str, url: &str, fetched: &Fetched) -> Option<Finding> {
    let answer = match &fetched.end {
        Ok(answer) => answer,
        Err(Stop::NoAddress { why: None, .. } | Stop::Redirect(_) | Stop::NotHttp(..)) => {
            let why = fetched.end.as_ref().err().map(ToString::to_string).unwrap_or_default();
            return Some(
                note(name, "the BIMI picture cannot be fetched")
                    .seen("http", "", format!("GET {url}: {why}"))
                    .fix("Serve the picture at the address that the record names."),
            );
        }
        Err(_) => return None,
    };
    let certificate = fetched.hops.last().and_then(|hop| hop.certificate.as_ref());
    if let Some(Err(fault @ CertificateFault::Refused(_))) = certificate {
        return Some(
            note(name, "the BIMI picture is served with a certificate that is not good")
                .seen("tls", "", format!("{url}: {fault}"))
                .fix("Get a certificate by a public authority for that web server."),
        );
    }
    match answer.status {
        200 => {}
        404 | 410 => {
            return Some(
                note(name, "the BIMI picture is not there")
                    .seen("http", "", format!("GET {url}: {}", answer.line))
                    .fix("Serve the picture at the address that the record names."),
            );
        }
        _ => return None,
    }
    let text = String::from_utf8_lossy(&answer.body);
    // A compressed one is not looked into.
    if answer.body.starts_with(&[0x1f, 0x8b]) || text.starts_with('\u{1f}') {
        return None;
    }
    let remarks = bimi::read_picture(&text).remarks;
    // What was not read to its end is no whole XML; and that a square looks best is advice.
    let counts = |kind| kind != PictureOddity::NotSquare && !(answer.cut && kind == PictureOddity::NotXml);
    let few: Vec<_> = remarks.iter().filter(|remark| counts(remark.kind)).take(REMARKS_MAX).collect();
    let first = few.first()?;
    let quoted = |span: &std::ops::Range<usize>| {
        let part = text.get(span.clone()).unwrap_or_default();
        part.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>()
    };
    let finding = note(name, "the BIMI picture is not what receivers ask for (SVG Tiny PS)");
    let finding = few.iter().fold(finding, |finding, remark| finding.meaning(remark.text.clone()));
    Some(finding.seen("http", "", format!("GET {url}: {}", quoted(&first.span))).fix(
        "Have the picture written anew in the profile SVG Tiny PS; most drawing programs need a converter for it.",
    ))
}

/// What is told of one picture.
const REMARKS_MAX: usize = 5;

fn note(name: &str, title: &str) -> Finding {
    Finding::new(ID, name, Severity::Note, title).impact(Impact::None, Impact::None)
}
