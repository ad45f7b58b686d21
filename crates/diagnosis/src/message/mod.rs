//! A message that was received, judged: would a careful receiver take it, what fails and why,
//! how long was it under way and where did it wait.
//!
//! [`inspect`] reads the message ([`Message`]), its way ([`way`]), and what the receiver's hosts
//! say of it ([`claims`]); asks for keys, SPF and DMARC records through the one way out
//! ([`gather`]); works all out again ([`analyse`], pure) and judges. The [`Report`] is that of
//! the doctor, so that the same renderers show it.
//!
//! Not here: whether its words are spam.

mod answer;
mod arc;
pub mod bisect;
mod canon;
pub mod claims;
pub mod dmarc;
mod gather;
mod judge;
mod judge_auth;
mod lint;
mod raw;
pub mod received;
mod risk;
pub mod signature;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod way;

pub use answer::{Acceptance, ClaimSeen, HopSeen, MethodSeen, Seen};
pub use arc::{Arc as ArcChain, Chain};
pub use canon::Form;
pub use gather::{Envelope, MessageFacts, gather, read};
pub use raw::{MESSAGE_BYTES_MAX, Message};

use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::finding::Say;
use crate::report::{Health, Report};
use bisect::Change;
use dmarc::Dmarc;
use serde::Serialize;
use std::net::IpAddr;
use verify::{Bodies, Outcome, Verified, Why};

/// What the user says beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The address it came from, instead of what Received says.
    pub ip: Option<IpAddr>,
    /// The name that the client gave.
    pub helo: Option<String>,
    /// The envelope's sender.
    pub mail_from: Option<String>,
    /// Names whose Authentication-Results are believed.
    pub trust: Vec<String>,
    /// Ask nobody.
    pub offline: bool,
}

/// A report, and what was seen of the message.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// As of the doctor.
    #[serde(flatten)]
    pub report: Report,
    /// The message.
    pub message: Seen,
}

/// All that is worked out from the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// When it came, in seconds: the receiver's clock, or ours.
    pub came: i64,
    /// Each DKIM signature.
    pub signatures: Vec<Verified>,
    /// For each of them, what was done to the message, if that can be told.
    pub changes: Vec<Option<Change>>,
    /// The chain of forwarders.
    pub arc: ArcChain,
    /// DMARC, when there is a domain in From.
    pub dmarc: Option<Dmarc>,
}

/// Inspects a message of that name.
pub async fn inspect(ctx: &Ctx, name: &str, octets: Vec<u8>, options: Options) -> Inspection {
    let facts = read(name, octets, options, ctx.now.0.div_euclid(1000));
    let facts = gather(ctx.names.as_ref(), facts, ctx.left()).await;
    conclude(ctx, &facts)
}

fn conclude(ctx: &Ctx, facts: &MessageFacts) -> Inspection {
    let analysis = analyse(facts);
    let (mut say, seen) = judge(facts, &analysis);
    // Left out of what is told, and not of the answer.
    say.checked.retain(|checked| ctx.settings.wants(checked.id));
    say.findings.retain(|finding| ctx.settings.wants(finding.id));
    let house = Facts { now: ctx.now, settings: (*ctx.settings).clone(), ..Facts::default() };
    let mut report = Report::draw(&house, say);
    report.target.clone_from(&facts.name);
    report.timings.insert("all".into(), ctx.began().elapsed().as_secs_f64() * 1000.0);
    report.verdict.sending = match seen.accept {
        Acceptance::Yes => Health::Ok,
        Acceptance::Doubtful => Health::AtRisk,
        Acceptance::No => Health::Broken,
        Acceptance::Unknown => Health::Unknown,
    };
    Inspection { report, message: seen }
}

/// Works all out; pure.
pub fn analyse(facts: &MessageFacts) -> Analysis {
    let message = &facts.message;
    // A clock of a stranger that is ahead of ours is not to be believed.
    let came = facts.way.came().filter(|came| *came <= facts.now + 86_400).unwrap_or(facts.now);
    let mut bodies = Bodies::new();
    let mut signatures = Vec::new();
    for read in &facts.signatures {
        signatures.push(match read {
            (_, Ok(signature)) => verify::verify(message, signature.clone(), &facts.keys, came, &mut bodies),
            (field, Err(why)) => Verified {
                field: *field,
                signature: None,
                outcome: Outcome::Fail(Why::Unreadable(why.clone())),
                body: None,
                header: None,
                key: None,
                bits: None,
                testing: false,
            },
        });
    }
    let changes = signatures.iter().map(|verified| change(facts, verified)).collect();
    let mut arc = facts.arc.clone();
    arc::verify(message, &mut arc, &facts.keys, came, &mut bodies);
    let spf = facts.spf.as_ref().map(|spf| (facts.envelope.domain(), spf.outcome));
    let spf = spf.as_ref().map(|(domain, outcome)| (domain.as_str(), *outcome));
    let dmarc = facts.author.as_deref().map(|domain| dmarc::judge(domain, spf, &signatures, &facts.walks));
    Analysis { came, signatures, changes, arc, dmarc }
}

fn change(facts: &MessageFacts, verified: &Verified) -> Option<Change> {
    let signature = verified.signature.as_ref()?;
    match verified.outcome {
        Outcome::Fail(Why::Body) => {
            let body = bisect::body(&facts.message, signature)?;
            // Lists do both; the header is hashed apart from the body.
            let header = verified.header == Some(false);
            let header = header.then(|| bisect::header(&facts.message, signature, &facts.keys)).flatten();
            Some(match header {
                Some(header) => Change { what: format!("{}, and {}", body.what, header.what), ..body },
                None => body,
            })
        }
        Outcome::Fail(Why::Header) => bisect::header(&facts.message, signature, &facts.keys),
        _ => None,
    }
}

/// Judges, and draws what is shown; pure.
pub fn judge(facts: &MessageFacts, analysis: &Analysis) -> (Say, Seen) {
    let mut say = Say::default();
    judge_auth::judge(facts, analysis, &mut say);
    risk::judge(facts, analysis, &mut say);
    judge::judge(facts, analysis, &mut say);
    let seen = answer::draw(facts, analysis, &say);
    (say, seen)
}
