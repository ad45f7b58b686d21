//! The answer: would a careful receiver take the message, what says what, and how long it took.

use super::dmarc::Result as DmarcResult;
use super::judge::{host, seconds};
use super::judge_auth::{dmarc_was_good, stands};
use super::verify::Outcome;
use super::{Analysis, Chain, MessageFacts, arc, claims};
use crate::finding::{Say, Severity};
use crate::report::moment;
use postrider_mailauth::dmarc::Policy;
use postrider_mailauth::spf;
use serde::Serialize;

/// Whether a careful receiver would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Acceptance {
    /// It would.
    Yes,
    /// It might, or put it among the spam.
    Doubtful,
    /// It would not.
    No,
    /// That cannot be told.
    Unknown,
}

/// What one method says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MethodSeen {
    /// `SPF`, `DKIM`, `ARC` or `DMARC`.
    pub method: &'static str,
    /// `pass`, `fail`, `none`, `untested`, and with SPF its other words.
    pub result: &'static str,
    /// In words.
    pub why: String,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HopSeen {
    /// Who handed it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// By which protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// With which TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// When (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Seconds since the hop before, as the clocks have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<i64>,
    /// Whether the receiver's own host wrote it, so that it may be believed.
    pub own: bool,
}

/// What somebody else found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimSeen {
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether it may be believed.
    pub trusted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'static str,
    /// In words.
    pub says: Vec<String>,
}

/// What was seen of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Whether a careful receiver would take it.
    pub accept: Acceptance,
    /// That in words.
    pub answer: String,
    /// From, decoded as far as it goes.
    pub from: String,
    /// To.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Date, as written.
    pub date: String,
    /// The methods.
    pub methods: Vec<MethodSeen>,
    /// The way, in the order of travel.
    pub hops: Vec<HopSeen>,
    /// Seconds from the first hop to the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// The time in words, and where it waited.
    pub took: String,
    /// What others found.
    pub claims: Vec<ClaimSeen>,
}

/// A field is shown up to this many letters.
const SHOWN_CHARS_MAX: usize = 200;

pub(super) fn draw(facts: &MessageFacts, analysis: &Analysis, say: &Say) -> Seen {
    let (accept, answer) = acceptance(facts, analysis, say);
    Seen {
        accept,
        answer,
        from: shown(facts, "from"),
        to: shown(facts, "to"),
        subject: shown(facts, "subject"),
        date: shown(facts, "date"),
        methods: methods(facts, analysis),
        hops: hops(facts),
        seconds: facts.way.total,
        took: took(facts),
        claims: facts.claims.iter().map(claim).collect(),
    }
}

/// A field for people: encoded words decoded, control characters taken out.
fn shown(facts: &MessageFacts, name: &str) -> String {
    use mail_parser::{HeaderValue, parsers::MessageStream};
    let value = facts.message.first(name).unwrap_or_default();
    let text = format!("{value}\r\n");
    let decoded = match MessageStream::new(text.as_bytes()).parse_unstructured() {
        HeaderValue::Text(decoded) => decoded.into_owned(),
        _ => value,
    };
    decoded.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Whether it would be taken; the words say what decides.
fn acceptance(facts: &MessageFacts, analysis: &Analysis, say: &Say) -> (Acceptance, String) {
    let broken =
        say.findings().iter().find(|finding| finding.id == "msg.lint" && finding.severity == Severity::Problem);
    if let Some(finding) = broken {
        return (Acceptance::No, format!("A careful receiver would refuse it: {}.", finding.title));
    }
    let Some(dmarc) = &analysis.dmarc else {
        return (Acceptance::No, "A careful receiver would refuse it: there is no domain in From.".into());
    };
    let domain = &dmarc.domain;
    let vouched = analysis.signatures.iter().find(|verified| verified.outcome == Outcome::Pass);
    let sender = facts.spf.as_ref().is_some_and(|spf| spf.outcome == spf::Outcome::Pass);
    match &dmarc.result {
        DmarcResult::Pass => (Acceptance::Yes, format!("A careful receiver would accept it: {domain} vouches for it.")),
        _ if dmarc_was_good(facts) => {
            (Acceptance::Yes, format!("The receiver found that {domain} vouches for it when it came, and accepted it."))
        }
        DmarcResult::Fail if analysis.arc.chain == Chain::Pass => {
            let sealer = analysis.arc.sets.last().map(|set| set.seal.domain.as_str()).unwrap_or_default();
            let words = format!(
                "DMARC fails for {domain}; a receiver that trusts the seal of {sealer} (ARC) may accept it all the same."
            );
            (Acceptance::Doubtful, words)
        }
        DmarcResult::Fail => match dmarc.policy {
            Policy::Reject => (
                Acceptance::No,
                format!(
                    "A careful receiver would refuse it: nothing vouches for {domain}, which asks for that (p=reject)."
                ),
            ),
            Policy::Quarantine => (
                Acceptance::Doubtful,
                format!(
                    "It would end among the spam: nothing vouches for {domain}, which asks for that (p=quarantine)."
                ),
            ),
            Policy::None => (
                Acceptance::Doubtful,
                format!("A careful receiver would doubt it: nothing vouches for {domain}, which asks for nothing."),
            ),
        },
        DmarcResult::NoRecord if vouched.is_some() || sender => {
            let by = vouched.and_then(|verified| verified.signature.as_ref()).map(|signature| signature.domain.clone());
            let by = by.unwrap_or_else(|| facts.envelope.domain());
            (
                Acceptance::Yes,
                format!("A careful receiver would accept it: {by} vouches for it; {domain} has no DMARC record."),
            )
        }
        DmarcResult::NoRecord if unsure(facts, analysis) => (
            Acceptance::Unknown,
            "Whether a receiver would accept it could not be told: not all could be asked.".into(),
        ),
        DmarcResult::NoRecord => (
            Acceptance::Doubtful,
            format!(
                "A careful receiver would doubt it: neither SPF nor DKIM vouches for it, and {domain} has no DMARC record."
            ),
        ),
        DmarcResult::Unknown(_) if claims::trusted(&facts.claims, "dmarc").any(|result| &*result.result == "fail") => (
            Acceptance::Doubtful,
            format!("The receiver found when it came that nothing vouches for {domain} (DMARC fails)."),
        ),
        DmarcResult::Unknown(why) => {
            (Acceptance::Unknown, format!("Whether a receiver would accept it could not be told: {why}."))
        }
    }
}

fn unsure(facts: &MessageFacts, analysis: &Analysis) -> bool {
    facts.spf.as_ref().is_none_or(|spf| spf.outcome == spf::Outcome::TempError)
        || analysis.signatures.iter().any(|verified| matches!(verified.outcome, Outcome::Unknown(_)))
}

fn methods(facts: &MessageFacts, analysis: &Analysis) -> Vec<MethodSeen> {
    let mut methods = vec![sender_policy(facts)];
    for (verified, change) in analysis.signatures.iter().zip(&analysis.changes) {
        let called = verified.signature.as_ref().map(|signature| signature.called()).unwrap_or_default();
        let (result, why) = match &verified.outcome {
            Outcome::Pass => ("pass", called),
            Outcome::Unknown(why) => ("untested", format!("{called}: {why}")),
            Outcome::Fail(why) => (
                "fail",
                format!("{called}: {}", change.as_ref().map_or_else(|| arc::told(why), |change| change.what.clone())),
            ),
        };
        methods.push(MethodSeen { method: "DKIM", result, why });
    }
    if analysis.signatures.is_empty() {
        methods.push(MethodSeen { method: "DKIM", result: "none", why: "it is not signed".into() });
    }
    let sealer = analysis.arc.sets.last().map(|set| format!("sealed last by {}", set.seal.domain)).unwrap_or_default();
    match &analysis.arc.chain {
        Chain::None => {}
        Chain::Pass => methods.push(MethodSeen { method: "ARC", result: "pass", why: sealer }),
        Chain::Fail(why) => methods.push(MethodSeen { method: "ARC", result: "fail", why: why.clone() }),
        Chain::Unknown(why) => methods.push(MethodSeen { method: "ARC", result: "untested", why: why.clone() }),
    }
    methods.extend(domain_policy(analysis));
    methods
}

fn sender_policy(facts: &MessageFacts) -> MethodSeen {
    let Some(evaluation) = &facts.spf else {
        return MethodSeen { method: "SPF", result: "untested", why: facts.spf_untested.clone() };
    };
    let domain = facts.envelope.domain();
    let ip = facts.envelope.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let by = evaluation.decided_by().map(|place| format!(" ({place})")).unwrap_or_default();
    let cause = evaluation.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
    MethodSeen { method: "SPF", result: evaluation.outcome.word(), why: format!("{ip} for {domain}{by}{cause}") }
}

fn domain_policy(analysis: &Analysis) -> Option<MethodSeen> {
    let dmarc = analysis.dmarc.as_ref()?;
    let (result, why) = match &dmarc.result {
        DmarcResult::Pass => {
            let by = dmarc.stands.iter().filter(|stand| stand.passed == Some(true) && stand.aligned == Some(true));
            let mut by: Vec<&str> = by.map(|stand| stand.by).collect();
            by.dedup();
            ("pass", format!("{} by {}", dmarc.domain, by.join(" and ")))
        }
        DmarcResult::Fail => {
            ("fail", format!("{} asks for {}; {}", dmarc.domain, dmarc.policy, stands(dmarc).join("; ")))
        }
        DmarcResult::NoRecord => ("none", format!("{} has no record", dmarc.domain)),
        DmarcResult::Unknown(why) => ("untested", why.clone()),
    };
    Some(MethodSeen { method: "DMARC", result, why })
}

fn hops(facts: &MessageFacts) -> Vec<HopSeen> {
    let hop = |hop: &super::way::Hop| {
        let received = &hop.received;
        HopSeen {
            from: received.name.clone().filter(|name| name != "unknown").or_else(|| received.helo.clone()),
            ip: received.ip.map(|ip| ip.to_string()),
            by: received.by.clone(),
            with: received.with.clone(),
            tls: received.tls.clone(),
            at: received.at.map(|at| moment(at.saturating_mul(1000))),
            delay: hop.delay,
            own: hop.own,
        }
    };
    facts.way.hops.iter().map(hop).collect()
}

fn took(facts: &MessageFacts) -> String {
    let way = &facts.way;
    let Some(total) = way.total else { return "how long it was under way cannot be told".into() };
    if total < 0 {
        return "how long it was under way cannot be told: the clocks on the way contradict each other".into();
    }
    let slow = way.slowest.and_then(|index| {
        let hop = way.hops.get(index)?;
        let before = index.checked_sub(1).and_then(|before| way.hops.get(before)).map(host)?;
        let waited = seconds(hop.waited?);
        if before == host(hop) {
            return Some(format!(", longest within {before}: {waited}"));
        }
        Some(format!(", longest at {before} before {} took it: {waited}", host(hop)))
    });
    format!("under way for {}{}", seconds(total), slow.unwrap_or_default())
}

fn claim(claim: &claims::Claim) -> ClaimSeen {
    let says = claim.read.results.iter().map(claims::words).collect();
    ClaimSeen { author: claim.author.clone(), trusted: claim.trusted, why: claim.why, says }
}
