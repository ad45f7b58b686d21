//! The key at a selector, remark by remark.

use super::{DkimFacts, Selector};
use crate::facts::Facts;
use crate::finding::{Confidence, Finding, Say, Severity};
use postrider_mailauth::dkim_key::{self, Algorithm, Key, KeyRecord, Oddity};
use postrider_mailauth::{Reading, Remark};
use sha2::{Digest as _, Sha256};

/// Whether a text was meant to be a key.
pub(super) fn is_like_key(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| !c.is_whitespace() && *c != '"').take(100).collect();
    let letters = letters.to_ascii_lowercase();
    letters.starts_with("v=dkim") || letters.starts_with("p=") || letters.contains(";p=") || letters.starts_with("k=")
}

/// A key to be known again, without writing it down: the first octets of the SHA-256 of its `p=`.
pub(super) fn hash(text: &str) -> String {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    let tag = bare.split(';').find_map(|tag| tag.strip_prefix("p=")).unwrap_or(&bare);
    match tag {
        "" => "revoked".to_owned(),
        key => Sha256::digest(key.as_bytes()).iter().take(8).map(|octet| format!("{octet:02x}")).collect(),
    }
}

pub(super) fn judge(facts: &Facts, dkim: &DkimFacts, say: &mut Say) {
    let mut seen = [("dkim.key", Vec::new()), ("dkim.bits", Vec::new()), ("dkim.revoked", Vec::new())];
    let mut untested = None;
    let usable = dkim.selectors.iter().any(|selector| {
        selector.texts.iter().flatten().any(|text| is_like_key(text) && dkim_key::read(text).value.usable)
    });
    for selector in &dkim.selectors {
        let name = format!("{}._domainkey.{}", selector.selector, facts.domain);
        match &selector.texts {
            Ok(texts) => {
                let keys: Vec<&str> = texts.iter().map(String::as_str).filter(|text| is_like_key(text)).collect();
                at_selector(&name, selector, &keys, usable, &mut seen, say);
            }
            Err(failure) if failure.is_absence() => say.found(
                Finding::problem(
                    "dkim.key",
                    &name,
                    format!("there is no DKIM key at the selector {}", selector.selector),
                )
                .seen("dns", "", format!("{name} TXT: {failure}"))
                .meaning("Signatures with this selector fail everywhere.")
                .fix("Publish the key of this selector, or sign with one that is published."),
            ),
            Err(failure) => untested = Some(format!("{name} could not be asked for: {failure}")),
        }
    }
    for (id, seen) in seen {
        match (say.state_of(id), &untested) {
            (Some(_), _) => {}
            (None, Some(why)) => say.untested(id, why),
            (None, None) if seen.is_empty() => say.not_applicable(id, "no key was found to look at"),
            (None, None) => say.fine(id, seen.join(", ")),
        }
    }
}

type Seen = [(&'static str, Vec<String>); 3];

fn at_selector(name: &str, selector: &Selector, keys: &[&str], usable: bool, seen: &mut Seen, say: &mut Say) {
    let text = match keys {
        [] if selector.named => {
            let texts = selector.texts.as_deref().unwrap_or_default().join(" ");
            return say.found(
                Finding::problem("dkim.key", name, format!("what stands at {name} is no DKIM key"))
                    .seen("dns", "", format!("{name} TXT {texts:?}"))
                    .fix("Publish the key that your server signs with at this name."),
            );
        }
        [] => return,
        [text] => *text,
        several => {
            let mut finding = Finding::problem(
                "dkim.key",
                name,
                format!("{name} has {} keys, of which verifiers take any", several.len()),
            )
            .meaning("A selector has one record; with several, signatures fail now and then.")
            .fix("Keep the record whose key your server signs with, and remove the others.")
            .rfc("RFC 6376 §3.6.2.2");
            for text in several {
                finding = finding.seen("dns", "", format!("{name} TXT {text:?}"));
            }
            return say.found(finding);
        }
    };
    let read = dkim_key::read(text);
    let shown = shown(&read.value);
    for (id, seen) in seen {
        let worst = read
            .remarks
            .iter()
            .filter_map(|remark| Some((weight(id, remark.kind, &read, selector.named, usable)?, remark)))
            .max_by_key(|(severity, _)| *severity);
        match worst {
            Some((severity, worst)) => say.found(finding(id, name, severity, worst, text, &read, selector)),
            None => seen.push(format!("{}: {shown}", selector.selector)),
        }
    }
}

fn shown(record: &KeyRecord) -> String {
    match record.key {
        Key::Rsa { bits } => format!("RSA, {bits} bits"),
        Key::Ed25519 => "Ed25519".to_owned(),
        Key::Revoked => "withdrawn".to_owned(),
        Key::Missing | Key::Unreadable => "no key".to_owned(),
    }
}

/// How bad a remark is for a check; `None` where it is another check's, or not worth a word.
fn weight(id: &str, kind: Oddity, read: &Reading<KeyRecord, Oddity>, named: bool, another: bool) -> Option<Severity> {
    use Oddity as O;
    let or_note = |bad: bool| if bad { Severity::Problem } else { Severity::Note };
    let (its, severity) = match kind {
        O::RsaBelow1024 => ("dkim.bits", Severity::Problem),
        O::RsaBelow2048 | O::RsaAbove4096 => ("dkim.bits", Severity::Note),
        // Old selectors are left behind withdrawn; that is good manners where there is another key.
        O::Revoked if named => ("dkim.revoked", Severity::Problem),
        O::Revoked if another => return None,
        O::Revoked => ("dkim.revoked", Severity::Warning),
        O::OnlySha1 | O::KeyTypeUnknown | O::KeyTypeDiffers | O::NotForMail => ("dkim.revoked", Severity::Problem),
        O::Testing | O::FlagUnknown | O::HashUnknown => ("dkim.revoked", Severity::Note),
        O::ExactDomainOnly | O::TagUnknown | O::Granularity => return None,
        O::RsaWithoutEnvelope | O::Ed25519InEnvelope => ("dkim.key", Severity::Warning),
        // These alone do not keep verifiers from the key.
        O::EmptyTag | O::SignatureTag => ("dkim.key", Severity::Note),
        O::TagCase => ("dkim.key", or_note(read.value.key == Key::Missing || !read.value.usable)),
        _ => ("dkim.key", or_note(!read.value.usable)),
    };
    (its == id).then_some(severity)
}

fn finding(
    id: &'static str,
    name: &str,
    severity: Severity,
    worst: &Remark<Oddity>,
    text: &str,
    read: &Reading<KeyRecord, Oddity>,
    selector: &Selector,
) -> Finding {
    let mut finding =
        Finding::new(id, name, severity, title(&selector.selector, worst, read)).meaning(worst.text.clone());
    // Only the remarks of that weight are shown; a withdrawn key's other faults mean nothing.
    for remark in read.remarks.iter().filter(|remark| weight(id, remark.kind, read, selector.named, false).is_some()) {
        finding = finding.seen_at("dns", "", text, remark.span.clone());
    }
    if !selector.named && severity == Severity::Problem {
        // The selector was guessed: it may be one that nobody signs with any more.
        finding = finding.confidence(Confidence::Medium);
    }
    match (&read.corrected, worst.kind) {
        (Some(corrected), kind) if kind != Oddity::Revoked => {
            finding.fix("Replace the record by the corrected one.").change("replace", name, "TXT", text, corrected)
        }
        (_, Oddity::PrivateKey) => finding.fix("Make a new pair of keys at once, publish the public one, and sign with the other."),
        (_, Oddity::KeyCutOff | Oddity::Base64Broken) => finding.fix(
            "Publish the key again, all of it: beyond 255 characters it must be split into several strings of one record.",
        ),
        (_, Oddity::RsaBelow1024 | Oddity::RsaBelow2048) => {
            finding.fix("Make an RSA key of 2048 bits at a new selector, and sign with that.")
        }
        (_, Oddity::Revoked) => finding.fix("Sign with another selector, or publish a new key."),
        (_, Oddity::Testing) => finding.fix("Remove t=y once signing works."),
        _ => finding.fix("Publish the key again as your mail server prints it."),
    }
}

fn title(selector: &str, worst: &Remark<Oddity>, read: &Reading<KeyRecord, Oddity>) -> String {
    match (worst.kind, read.value.key, read.value.algorithm) {
        (Oddity::Revoked, ..) => format!("the DKIM key {selector} was withdrawn"),
        (Oddity::RsaBelow1024, Key::Rsa { bits }, _) => {
            format!("the DKIM key {selector} has only {bits} bits, too few to count")
        }
        (Oddity::RsaBelow2048, Key::Rsa { bits }, _) => {
            format!("the DKIM key {selector} has {bits} bits; 2048 are better")
        }
        (Oddity::PrivateKey, ..) => format!("the private DKIM key {selector} is published"),
        (Oddity::Testing, ..) => format!("the DKIM key {selector} is marked as being tried out"),
        (Oddity::KeyTypeUnknown, _, Algorithm::Unknown) => format!("the DKIM key {selector} is of a type nobody knows"),
        _ if !read.value.usable => format!("the DKIM key {selector} cannot be used"),
        _ => format!("the DKIM record {selector} is not as it should be"),
    }
}
