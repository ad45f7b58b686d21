//! What fails of SPF, DKIM, ARC and DMARC, why, and how bad that is.
//!
//! How bad: a signature that fails beside one that carries the message harms nobody. And what the
//! receiver found when the message came counts more than what is found today: keys are
//! withdrawn, records change, and mailboxes alter what they keep.

use super::bisect::Change;
use super::claims;
use super::dmarc::{Dmarc, Result as DmarcResult, Stand};
use super::verify::{Outcome, Verified, Why};
use super::{Analysis, Chain, MessageFacts, arc};
use crate::finding::{Actor, Finding, Say, Severity};
use postrider_mailauth::dmarc::Policy;
use postrider_mailauth::spf;

const DKIM: &str = "dkim.verify";
const VERIFY: &str = "msg.verify";
const ALIGN: &str = "dmarc.align";

pub(super) fn judge(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    signatures(facts, analysis, say);
    sender_policy(facts, analysis, say);
    chain(analysis, say);
    alignment(facts, analysis, say);
}

/// Whether DMARC passes, so that nothing else matters much.
fn carried(analysis: &Analysis) -> bool {
    analysis.dmarc.as_ref().is_some_and(|dmarc| dmarc.result == DmarcResult::Pass)
}

/// Whether the receiver found a signature of that domain good.
fn was_good(facts: &MessageFacts, domain: &str) -> bool {
    claims::trusted(&facts.claims, "dkim").any(|result| {
        let named = result.domain("header.d").or_else(|| result.domain("header.i"));
        &*result.result == "pass" && named.is_some_and(|named| named.eq_ignore_ascii_case(domain))
    })
}

/// Whether the receiver found that DMARC passes.
pub(super) fn dmarc_was_good(facts: &MessageFacts) -> bool {
    claims::trusted(&facts.claims, "dmarc").any(|result| &*result.result == "pass")
}

fn signatures(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    if analysis.signatures.is_empty() {
        unsigned(facts, analysis, say);
        return say.not_applicable(DKIM, "the message is not signed");
    }
    for (index, verified) in analysis.signatures.iter().enumerate() {
        let called = verified.signature.as_ref().map_or_else(|| "a signature".into(), |signature| signature.called());
        match &verified.outcome {
            Outcome::Pass => say.fine(DKIM, format!("{called} holds")),
            Outcome::Unknown(why) => say.untested(DKIM, format!("{called}: {why}")),
            Outcome::Fail(why) => {
                let change = analysis.changes.get(index).and_then(Option::as_ref);
                say.found(failed(facts, analysis, verified, why, change));
            }
        }
    }
}

fn unsigned(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    // Only where nothing else vouches for it either, and a mail that travelled is looked at.
    let fails = |outcome| !matches!(outcome, spf::Outcome::Pass | spf::Outcome::TempError);
    let alone = facts.spf.as_ref().is_some_and(|spf| fails(spf.outcome));
    let notice = facts.envelope.sender.as_deref() == Some("");
    let grave = alone && !notice && !facts.way.hops.is_empty() && !carried(analysis) && !dmarc_was_good(facts);
    let severity = if grave { Severity::Warning } else { Severity::Note };
    let title = "the message is not signed with DKIM";
    let finding = Finding::new(VERIFY, "DKIM", severity, title)
        .meaning("Nothing vouches for it once it is forwarded, and large providers ask for a signature.")
        .fix("Let the mail host that sends for the domain sign with DKIM, and publish its key.");
    say.found(finding.rfc("RFC 6376 §3"));
}

fn failed(
    facts: &MessageFacts,
    analysis: &Analysis,
    verified: &Verified,
    why: &Why,
    change: Option<&Change>,
) -> Finding {
    let signature = verified.signature.as_ref();
    let subject = signature.map_or_else(|| format!("field {}", verified.field + 1), |signature| signature.key_name());
    let called =
        signature.map_or_else(|| "a DKIM signature".to_owned(), |s| format!("the DKIM signature of {}", s.domain));
    let good_then = signature.is_some_and(|signature| was_good(facts, &signature.domain));
    let severity = severity(analysis, verified, good_then);
    let reason = change.map_or_else(|| arc::told(why), |change| change.what.clone());
    let mut finding = Finding::new(DKIM, subject.clone(), severity, format!("{called} does not hold: {reason}"));
    finding = proof(finding, facts, verified, why);
    if let Some(change) = change.filter(|change| !change.proof.is_empty()) {
        finding = finding.seen("message", "", change.proof.clone());
    }
    if good_then {
        finding = finding.meaning(
            "The receiver found it good when it came: since then the key or the message was changed, by a filter, \
             the mailbox, or the way it was saved.",
        );
    }
    if change.is_none() {
        finding = unexplained(finding, verified, why);
    }
    remedy(finding, &subject, verified, why, change)
}

/// How bad it is that one signature fails.
fn severity(analysis: &Analysis, verified: &Verified, good_then: bool) -> Severity {
    let domain = verified.signature.as_ref().map(|signature| signature.domain.as_str());
    let beside = analysis.signatures.iter().any(|other| {
        other.outcome == Outcome::Pass && other.signature.as_ref().map(|other| other.domain.as_str()) == domain
    });
    let aligned = analysis.dmarc.as_ref().is_none_or(|dmarc| {
        let own = |stand: &&Stand| stand.by == "DKIM" && Some(stand.domain.as_str()) == domain;
        domain.is_none() || dmarc.stands.iter().find(own).is_none_or(|stand| stand.aligned != Some(false))
    });
    let unasked = analysis.dmarc.as_ref().is_some_and(|dmarc| dmarc.result == DmarcResult::NoRecord);
    match (carried(analysis), aligned) {
        _ if good_then || beside => Severity::Note,
        // Without a DMARC record nobody asks for more than the SPF that passes.
        (false, _) if unasked && sender_vouches(analysis) => Severity::Warning,
        (true, false) => Severity::Note,
        (true, true) | (false, false) => Severity::Warning,
        (false, true) if verified.testing || analysis.arc.chain == Chain::Pass => Severity::Warning,
        (false, true) => Severity::Problem,
    }
}

fn sender_vouches(analysis: &Analysis) -> bool {
    let stands = analysis.dmarc.iter().flat_map(|dmarc| &dmarc.stands);
    stands.into_iter().any(|stand| stand.by == "SPF" && stand.passed == Some(true))
}

fn proof(finding: Finding, facts: &MessageFacts, verified: &Verified, why: &Why) -> Finding {
    let Some(signature) = &verified.signature else {
        let text = facts.message.value(verified.field);
        let cut: String = text.chars().take(200).collect();
        return finding.seen("message", "", format!("DKIM-Signature: {cut}"));
    };
    let forms = format!("c={}/{}", signature.header.name(), signature.body.name());
    let line = format!("{} a={} {forms}", signature.called(), signature.algorithm.name());
    let finding = finding.seen("message", "DKIM-Signature", line);
    match (why, &verified.key) {
        (Why::Body, _) => {
            use base64::Engine as _;
            let signed = base64::engine::general_purpose::STANDARD.encode(&signature.body_hash);
            finding.seen("message", "", format!("bh={signed} is signed; the body has another hash"))
        }
        (Why::KeyKind | Why::Header, Some(key)) => finding.seen("dns", signature.key_name(), shortened(key)),
        (Why::NoKey | Why::KeyRevoked | Why::KeyUnusable(_), _) => {
            let texts = match facts.keys.get(&signature.key_name()) {
                Some(super::verify::KeyAnswer::Texts(texts)) => texts.join(" | "),
                _ => "no record".to_owned(),
            };
            finding.seen("dns", signature.key_name(), shortened(&texts))
        }
        _ => finding,
    }
}

fn shortened(text: &str) -> String {
    let cut: String = text.chars().take(200).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

fn unexplained(finding: Finding, verified: &Verified, why: &Why) -> Finding {
    match why {
        Why::Body => {
            let header = match verified.header {
                Some(true) => "The header is as it was signed and the key is right: only the body was changed.",
                Some(false) => "The signed fields were changed as well, or the key is another one.",
                None => "The key could not be had, so that nothing can be said of the header.",
            };
            finding.meaning(header).meaning(
                "Tried without success: the other form, other line ends, cutting a footer or a banner, unwrapping parts, \
                 undoing a new encoding. Words in the middle were changed, or links rewritten.",
            )
        }
        Why::Header => finding.meaning(
            "The body is as it was signed. Tried without success: the subject without prefixes, From as before a list, \
             other folds and quotation marks, each field left out. The key may also have been replaced.",
        ),
        _ => finding,
    }
}

fn remedy(finding: Finding, name: &str, verified: &Verified, why: &Why, change: Option<&Change>) -> Finding {
    match (why, change) {
        (Why::Body, Some(change)) if matches!(change.kind, "footer" | "banner" | "inside" | "part" | "wrapped") => finding
            .act(Actor::Recipient)
            .fix("Whoever added it (a list, a filter, a disclaimer at a gateway) must do so before signing, sign anew with \
                  its own domain and ARC, or leave the body alone. Own disclaimers go before the signer."),
        (Why::Header, Some(change)) if matches!(change.kind, "subject" | "from") => finding
            .act(Actor::Recipient)
            .fix("Whoever changed it (a list, a filter) must leave signed fields alone, or sign anew with its own domain \
                  and ARC. A filter of your own belongs before the signer."),
        (Why::Body | Why::Header, Some(change)) if matches!(change.kind, "blanks" | "folding") => {
            finding.fix("Sign with c=relaxed/relaxed.")
        }
        (Why::Body, Some(change)) if change.kind == "missing" => {
            finding.fix("Save the whole message, source and all, and inspect that.")
        }
        (Why::Body, _) => finding.fix(
            "Look what stands between the signer and the receiver (filters, disclaimers, gateways that rewrite links): \
             the signer must be the last that touches the message.",
        ),
        (Why::NoKey, _) => finding
            .act(Actor::You)
            .fix("Publish the public key of the signer there, or let the signer use a selector whose key is published."),
        (Why::KeyRevoked, _) => finding.fix("Let the signer use its current key: the one of this selector was withdrawn."),
        (Why::KeyUnusable(_) | Why::KeyKind, _) => {
            let corrected = verified.key.as_deref().map(postrider_mailauth::dkim_key::read).and_then(|read| read.corrected);
            let finding = finding.fix("Mend the key record: copy the public key anew from the signer.");
            match (corrected, &verified.key) {
                (Some(new), Some(old)) => finding.change("replace", name, "TXT", old, &new),
                _ => finding,
            }
        }
        (Why::Sha1, _) => finding.rfc("RFC 8301 §3.1").fix("Let the signer use rsa-sha256; nobody accepts rsa-sha1 any more."),
        (Why::FromUnsigned, _) => finding.rfc("RFC 6376 §5.4").fix("Put From into h= of the signer."),
        (Why::Expired(_), _) => finding.fix("Let the signer leave x= out, or set it a week or more after t=."),
        (Why::Header, _) => finding.fix(
            "Compare the key in the DNS with that of the signer; if they are the same, look which host changes signed fields.",
        ),
        (Why::Unreadable(_) | Why::Identity(_), _) => finding.fix("Mend the settings of the signer."),
    }
}

/// SPF.
fn sender_policy(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    let Some(evaluation) = &facts.spf else { return say.untested(VERIFY, format!("SPF: {}", facts.spf_untested)) };
    let domain = facts.envelope.domain();
    let ip = facts.envelope.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let outcome = evaluation.outcome;
    let signed = analysis.signatures.iter().any(|verified| verified.outcome == Outcome::Pass);
    let good = carried(analysis) || claims::trusted(&facts.claims, "spf").any(|result| &*result.result == "pass");
    let lesser = |severity: Severity| if good { Severity::Note } else { severity };
    let (severity, title) = match outcome {
        spf::Outcome::Pass => return say.fine(VERIFY, format!("SPF: {ip} may send for {domain}")),
        spf::Outcome::TempError => {
            let why = evaluation.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            return say.untested(VERIFY, format!("SPF: {why}"));
        }
        spf::Outcome::Fail => (
            lesser(if signed { Severity::Warning } else { Severity::Problem }),
            format!("SPF fails: {domain} says that {ip} may not send for it"),
        ),
        spf::Outcome::SoftFail => {
            (lesser(Severity::Warning), format!("SPF softfail: {domain} says that {ip} should not send for it"))
        }
        spf::Outcome::Neutral => (
            lesser(if signed { Severity::Note } else { Severity::Warning }),
            format!("SPF neutral: {domain} does not say whether {ip} may send"),
        ),
        spf::Outcome::None => {
            (lesser(if signed { Severity::Note } else { Severity::Warning }), format!("{domain} has no SPF record"))
        }
        spf::Outcome::PermError => {
            let why = evaluation.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            (lesser(Severity::Warning), format!("SPF of {domain} cannot be evaluated: {why}"))
        }
    };
    let mut finding = Finding::new(VERIFY, "SPF", severity, title).rfc("RFC 7208 §2.6");
    if let Some(place) = evaluation.decided_by() {
        let span = place.span();
        finding = finding.seen_at("dns", place.domain.to_string(), place.record.text.to_string(), span.start..span.end);
    }
    let helo = facts.envelope.helo.as_deref().unwrap_or("-");
    let sender = facts.envelope.sender.as_deref().unwrap_or("-");
    finding = finding.seen("message", "", format!("from {ip}, HELO {helo}, MAIL FROM <{sender}>"));
    if analysis.arc.chain == Chain::Pass || facts.way.hops.iter().filter(|hop| !hop.own).count() > 1 {
        finding = finding.meaning(
            "It was forwarded, as the Received fields show: then SPF fails by its nature, and DKIM must hold.",
        );
    }
    say.found(finding.fix(
        "If that host sends for the domain, put its address into the SPF record. If it forwards mail, it is to rewrite \
         the sender (SRS), and DKIM carries the message.",
    ));
}

/// ARC.
fn chain(analysis: &Analysis, say: &mut Say) {
    match &analysis.arc.chain {
        Chain::None => {}
        Chain::Pass => {
            let sealer = analysis.arc.sets.last().map(|set| set.seal.domain.clone()).unwrap_or_default();
            say.fine(VERIFY, format!("ARC: the chain holds, sealed last by {sealer}"));
        }
        Chain::Unknown(why) => say.untested(VERIFY, format!("ARC: {why}")),
        Chain::Fail(why) => {
            let finding = Finding::note(VERIFY, "ARC", format!("the ARC chain does not hold: {why}"))
                .meaning("Receivers then act as if there were none: what forwarders found does not count.")
                .act(Actor::Recipient)
                .fix("Whoever changed the message after it was sealed must seal it anew.");
            say.found(finding.rfc("RFC 8617 §5.2"));
        }
    }
}

/// DMARC.
fn alignment(facts: &MessageFacts, analysis: &Analysis, say: &mut Say) {
    let Some(dmarc) = &analysis.dmarc else {
        return say.not_applicable(ALIGN, "there is no domain in From");
    };
    match &dmarc.result {
        DmarcResult::Pass => say.fine(ALIGN, stands(dmarc).join("; ")),
        DmarcResult::NoRecord => say.not_applicable(ALIGN, format!("{} has no DMARC record", dmarc.domain)),
        DmarcResult::Unknown(why) => say.untested(ALIGN, why.clone()),
        DmarcResult::Fail => say.found(misaligned(facts, analysis, dmarc)),
    }
}

/// Each authenticated domain in words.
pub(super) fn stands(dmarc: &Dmarc) -> Vec<String> {
    let line = |stand: &Stand| {
        let passed = match stand.passed {
            Some(true) => "passes",
            Some(false) => "does not pass",
            None => "could not be told",
        };
        let aligned = match stand.aligned {
            Some(true) => "is aligned with From".to_owned(),
            Some(false) if stand.strict => "is of the same organization, and strict alignment is asked for".to_owned(),
            Some(false) => format!("is not of the organization of {}", dmarc.domain),
            None => "may or may not be aligned".to_owned(),
        };
        format!("{} for {} {passed}, and {aligned}", stand.by, stand.domain)
    };
    dmarc.stands.iter().map(line).collect()
}

fn misaligned(facts: &MessageFacts, analysis: &Analysis, dmarc: &Dmarc) -> Finding {
    let strange = |stand: &&Stand| stand.passed == Some(true) && stand.aligned == Some(false);
    let stranger = dmarc.stands.iter().find(strange);
    let why = match stranger {
        Some(stand) => format!("{} passes only for {}", stand.by, stand.domain),
        None => "neither SPF nor DKIM passes".to_owned(),
    };
    let asks = match dmarc.policy {
        Policy::None => "it asks receivers for nothing".to_owned(),
        policy => format!("it asks for {policy}"),
    };
    let severity = match dmarc.policy {
        _ if dmarc_was_good(facts) => Severity::Note,
        Policy::None => Severity::Warning,
        _ if analysis.arc.chain == Chain::Pass => Severity::Warning,
        _ => Severity::Problem,
    };
    let mut finding =
        Finding::new(ALIGN, dmarc.domain.clone(), severity, format!("DMARC fails for {}: {why}; {asks}", dmarc.domain));
    if let Some((place, text)) = &dmarc.record {
        finding = finding.seen("dns", place.clone(), text.clone());
    }
    for line in stands(dmarc) {
        finding = finding.meaning(line + ".");
    }
    if dmarc_was_good(facts) {
        finding = finding.meaning("The receiver found that it passes when it came.");
    }
    // What should have carried it, and did not, is the cause.
    for verified in &analysis.signatures {
        let Some(signature) = verified.signature.as_ref().filter(|_| matches!(verified.outcome, Outcome::Fail(_)))
        else {
            continue;
        };
        let own = dmarc
            .stands
            .iter()
            .any(|stand| stand.by == "DKIM" && stand.domain == signature.domain && stand.aligned == Some(true));
        if own {
            finding = finding.because_of(DKIM, &signature.key_name());
        }
    }
    if dmarc.stands.iter().any(|stand| stand.by == "SPF" && stand.aligned == Some(true) && stand.passed == Some(false))
    {
        finding = finding.because_of(VERIFY, "SPF");
    }
    match stranger {
        Some(stand) => finding.fix(format!(
            "Let whoever sends as {} sign with d={} and publish its key there, or use a sender address under {}: now it \
             vouches with {}.",
            dmarc.domain, dmarc.domain, dmarc.domain, stand.domain
        )),
        None => finding,
    }
}
