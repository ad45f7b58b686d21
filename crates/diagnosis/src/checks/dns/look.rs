//! A look at the DNS service alone, for a screen of its own.

use super::servers::standing;
use super::{gather_security, gather_views, judge};
use crate::checks::{dkim, mx};
use crate::ctx::Ctx;
use crate::dns::secure::Trust;
use crate::dns::survey::{self, Question, RANDOM_LABEL};
use crate::dns::{NsFacts, Rr, Survey};
use crate::facts::Facts;
use crate::finding::{Checked, Finding, Say};
use crate::fold::fold;
use crate::history;
use crate::report::Change;
use domain::base::iana::Rtype;
use std::collections::BTreeSet;

/// What a look at the name servers saw.
#[derive(Debug, Clone)]
pub struct Looked {
    /// All of it.
    pub facts: Facts,
    /// What is not as it should be, worst first; behind each what it explains.
    pub findings: Vec<(Finding, Vec<Finding>)>,
    /// What came of each check.
    pub checks: Vec<Checked>,
    /// What changed, oldest first.
    pub timeline: Vec<Change>,
}

/// Looks at the name servers of a domain: each copy, the chain of trust, the resolvers.
pub async fn look(ctx: &Ctx, domain: &str) -> Looked {
    let mut facts =
        Facts { domain: domain.to_owned(), now: ctx.now, settings: (*ctx.settings).clone(), ..Facts::default() };
    let gathering = gather(ctx, domain, &mut facts);
    // What is known when the time is over is judged.
    let _ = tokio::time::timeout(ctx.left(), gathering).await;
    let mut say = Say::default();
    judge(&facts, &mut say);
    let known = history::snapshot(&facts, &[]);
    let timeline = history::timeline(&facts, &known);
    Looked { findings: fold(say.findings).roots, checks: say.checked, timeline, facts }
}

async fn gather(ctx: &Ctx, domain: &str, facts: &mut Facts) {
    let mut zone = survey::survey(&ctx.names, domain, &[]).await;
    facts.zone = Some(zone.clone());
    let agreed = zone.agreed(domain, Rtype::MX);
    let (exchanges, keys) = tokio::join!(mx::gather(ctx, domain, agreed.as_deref()), dkim::gather(ctx, domain));
    let hosts: Vec<String> = exchanges.hosts.iter().map(|host| host.name.clone()).collect();
    let found = keys.selectors.iter().filter(|key| key.texts.is_ok());
    let mut questions = survey::host_questions(&hosts);
    questions.extend(found.map(|key| (format!("{}._domainkey.{domain}", key.selector), Rtype::TXT)));
    (facts.mx, facts.dkim) = (Some(exchanges), Some(keys));
    survey::ask_all(&ctx.names, &mut zone, &questions).await;
    facts.zone = Some(zone.clone());
    let (proofs, views) = tokio::join!(gather_security(ctx, &zone, &hosts), gather_views(ctx, domain, &hosts));
    (facts.dnssec, facts.views) = (Some(proofs), Some(views));
}

/// What a server does with questions about the zone, in words.
pub fn does(zone: &Survey, server: &NsFacts) -> String {
    standing(zone, server).to_string()
}

/// What is known of a zone's keys, in words.
pub fn proof(trust: &Trust) -> String {
    super::security::told(trust)
}

/// The questions about mail of which some server has records, those that lead mail first.
pub fn questions(zone: &Survey) -> Vec<Question> {
    let all: BTreeSet<&Question> = zone.serving().flat_map(|server| server.answers.keys()).collect();
    let wanted = |(name, kind): &&Question| {
        !name.contains(RANDOM_LABEL)
            && matches!(*kind, Rtype::NS | Rtype::MX | Rtype::TXT | Rtype::A | Rtype::AAAA | Rtype::TLSA)
            && zone
                .serving()
                .any(|server| records(server, &((*name).clone(), *kind)).is_some_and(|records| !records.is_empty()))
    };
    let mut questions: Vec<Question> = all.into_iter().filter(wanted).cloned().collect();
    let order = |kind: Rtype| match kind {
        Rtype::MX => 0,
        Rtype::A | Rtype::AAAA => 1,
        Rtype::TXT => 2,
        Rtype::TLSA => 3,
        _ => 4,
    };
    questions.sort_by_key(|(name, kind)| (order(*kind), name.clone()));
    questions
}

/// What a server says to a question; `None` when it said nothing.
pub fn records(server: &NsFacts, question: &Question) -> Option<Vec<Rr>> {
    let packet = server.answer(&question.0, question.1).filter(|packet| matches!(packet.rcode, 0 | 3))?;
    let mut records: Vec<Rr> =
        packet.answers.iter().filter(|rr| rr.kind == question.1 || rr.kind == Rtype::CNAME).cloned().collect();
    records.sort_by(|one, other| one.data.cmp(&other.data));
    Some(records)
}
