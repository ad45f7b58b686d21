//! Signatures that hold today and are weak, and what is said of the next version of DKIM.

use super::canon::{self, Ends};
use super::verify::{Outcome, Verified};
use super::{Analysis, MessageFacts};
use crate::finding::{Finding, Say};

const RISK: &str = "dkim.risk";

pub(super) fn judge(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    let findings: Vec<Finding> = analysis.signatures.iter().flat_map(|verified| risks(facts, verified)).collect();
    if analysis.signatures.is_empty() {
        say.not_applicable(RISK, "the message is not signed");
    } else {
        say.found_or_fine(RISK, findings, "no weak signature");
    }
    next_version(facts, say);
}

fn risks(facts: &MessageFacts, verified: &Verified) -> Vec<Finding> {
    let Some(signature) = &verified.signature else { return Vec::new() };
    let subject = signature.key_name();
    let line = signature.called();
    let mut findings = Vec::new();
    if let Some(length) = signature.length {
        let title = format!("the DKIM signature of {} covers only {length} octets of the body (l=)", signature.domain);
        let has = canon::body(facts.message.body(), signature.body, Ends::Crlf, None).1;
        let mut finding = Finding::warning(RISK, subject.clone(), title);
        if let Some(more) = has.checked_sub(length).filter(|more| *more > 0) {
            finding = finding.meaning(format!("{more} octets below are not signed: somebody may have added them."));
        }
        let finding = finding
            .meaning("Anybody may put more below, and it still holds: that has been used to forge mail.")
            .seen("message", "DKIM-Signature", format!("{line} l={length}"));
        findings.push(finding.rfc("RFC 6376 §8.2").fix("Let the signer leave l= out."));
    }
    if let (Some(signed), Some(expires)) = (signature.signed, signature.expires)
        && expires <= signed
    {
        let title = "the signature runs out before it was made (x= is not after t=)";
        let finding = Finding::warning(RISK, subject.clone(), title);
        findings.push(
            finding.seen("message", "DKIM-Signature", format!("{line} t={signed} x={expires}")).rfc("RFC 6376 §3.5"),
        );
    }
    if let Some(signed) = signature.signed.filter(|signed| *signed > facts.now.saturating_add(3600)) {
        let title = "the signature was made in the future (t=): the clock of the signer is ahead";
        findings.push(Finding::note(RISK, subject.clone(), title).seen(
            "message",
            "DKIM-Signature",
            format!("{line} t={signed}"),
        ));
    }
    if verified.outcome != Outcome::Pass {
        return findings;
    }
    let froms = facts.message.all("from").len();
    if signature.names.iter().filter(|name| &***name == "from").count() <= froms {
        let title = "a second From could be added without breaking the signature";
        let finding = Finding::note(RISK, subject.clone(), title).seen("message", "DKIM-Signature", line.clone());
        findings.push(finding.rfc("RFC 6376 §8.15").fix("Let the signer name From once more in h= than it is there."));
    }
    for name in ["subject", "date", "to"] {
        if facts.message.has(name) && !signature.signs(name) {
            let shown = super::bisect::shown(name);
            let title = format!("{shown} is not signed: anybody on the way may change it");
            let finding = Finding::note(RISK, subject.clone(), title).seen("message", "DKIM-Signature", line.clone());
            findings.push(finding.rfc("RFC 6376 §5.4.1").fix(format!("Put {shown} into h= of the signer.")));
        }
    }
    if let Some(bits) = verified.bits.filter(|bits| *bits < 2048) {
        let title = format!("the RSA key has {bits} bits; 2048 is what signers should use");
        let finding = Finding::note(RISK, subject, title).seen("message", "DKIM-Signature", line);
        findings.push(finding.rfc("RFC 8301 §3.2").fix("Make a new key of 2048 bits under a new selector."));
    }
    findings
}

/// DKIM2 is a draft: what is seen is said, and never judged.
fn next_version(facts: &MessageFacts, say: &mut Say) {
    let seen: Vec<&str> =
        ["dkim2-signature", "message-instance"].into_iter().filter(|name| facts.message.has(name)).collect();
    if seen.is_empty() {
        return say.not_applicable("dkim.2", "there are no fields of DKIM2");
    }
    say.fine("dkim.2", format!("fields of the draft DKIM2 are there and not judged: {}", seen.join(", ")));
}
