//! Who may send for the domain (SPF, RFC 7208): its record, the tree below it, and what it says
//! of the addresses that are known to send.
//!
//! Reading, evaluating and surveying is `postrider_mailauth::spf`; here is what it means.

mod lighter;
mod policy;
mod record;
#[cfg(test)]
mod tests;
mod tree;

use crate::ctx::Ctx;
use crate::dns::Data;
use crate::facts::Facts;
use crate::finding::Say;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_dns::Resolver;
use postrider_mailauth::spf::{Bounds, Evaluation, Found, Limits, Node, Request, Tree, evaluate, is_spf, survey};
use std::net::IpAddr;
use std::time::Duration;

/// Senders that are checked.
const SENDERS_MAX: usize = 16;
/// How long the records below the domain's may take.
const TIME_MAX: Duration = Duration::from_secs(3);
/// Where records stand that were meant for the domain itself.
const MISPLACED: [&str; 3] = ["_spf", "spf", "www"];
/// The checks of this room.
const IDS: [&str; 11] = [
    "spf.one",
    "spf.syntax",
    "spf.loop",
    "spf.lookups",
    "spf.void",
    "spf.covers",
    "spf.mxptr",
    "spf.all",
    "spf.size",
    "spf.wide",
    "spf.helo",
];

/// What is known of the domain's SPF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfFacts {
    /// The domain's record and all below it.
    pub tree: Tree,
    /// The strings of its SPF record, as they stand in the DNS; joined they are the record.
    pub strings: Vec<String>,
    /// Who said so.
    pub server: String,
    /// About how many octets an answer with all its texts has.
    pub octets: usize,
    /// Records at names where nobody looks, for want of one where it belongs.
    pub misplaced: Vec<(String, String)>,
    /// Whether there is a record of the old type SPF (99).
    pub old_type: bool,
    /// What comes of a check for each address that is known to send.
    pub senders: Vec<(IpAddr, Evaluation)>,
    /// The same for the names of these addresses, as when a bounce is sent.
    pub hellos: Vec<(IpAddr, String, Evaluation)>,
}

/// Asks for the domain's record, for all it includes, and checks the addresses that were named.
pub(crate) async fn gather(ctx: &Ctx, domain: &str) -> SpfFacts {
    let bounds = Bounds { time_max: ctx.within(TIME_MAX), ..Bounds::default() };
    let names: &dyn Resolver = &*ctx.names;
    let (tree, texts) = tokio::join!(survey(names, domain, &bounds), ctx.find(domain, Rtype::TXT));
    let missing = matches!(tree.root.found, Found::NoRecord { .. });
    let elsewhere = async { if missing { elsewhere(ctx, domain).await } else { (Vec::new(), false) } };
    let senders = async {
        let senders = ctx.settings.senders.iter().take(SENDERS_MAX);
        join_all(senders.map(|ip| check(ctx, *ip, domain))).await
    };
    let ((misplaced, old_type), checked) = tokio::join!(elsewhere, senders);
    let mut facts = SpfFacts {
        tree,
        strings: texts.all().iter().filter_map(|rr| strings_of_record(&rr.data)).next().unwrap_or_default(),
        server: texts.server.map(|server| server.ip().to_string()).unwrap_or_default(),
        octets: 40 + texts.all().iter().map(|rr| 12 + octets(&rr.data)).sum::<usize>(),
        misplaced,
        old_type,
        senders: Vec::new(),
        hellos: Vec::new(),
    };
    for (ip, evaluation, hello) in checked {
        facts.senders.push((ip, evaluation));
        facts.hellos.extend(hello.map(|(name, evaluation)| (ip, name, evaluation)));
    }
    facts
}

/// The strings of a text that is an SPF record.
fn strings_of_record(data: &Data) -> Option<Vec<String>> {
    let Data::Txt(strings) = data else { return None };
    is_spf(&data.txt()?).then(|| strings.iter().map(|string| String::from_utf8_lossy(string).into_owned()).collect())
}

fn octets(data: &Data) -> usize {
    if let Data::Txt(strings) = data { strings.iter().map(|string| string.len() + 1).sum() } else { 0 }
}

async fn elsewhere(ctx: &Ctx, domain: &str) -> (Vec<(String, String)>, bool) {
    let asked = MISPLACED.iter().map(|label| async move {
        let name = format!("{label}.{domain}");
        let texts = ctx.find(&name, Rtype::TXT).await.texts();
        texts.into_iter().find(|text| is_spf(text)).map(|text| (name, text))
    });
    let (found, old) = tokio::join!(join_all(asked), ctx.find(domain, Rtype::SPF));
    (found.into_iter().flatten().collect(), !old.all().is_empty())
}

type Hello = Option<(String, Evaluation)>;

/// Checks an address for the domain, and for its own name.
async fn check(ctx: &Ctx, ip: IpAddr, domain: &str) -> (IpAddr, Evaluation, Hello) {
    let names: &dyn Resolver = &*ctx.names;
    let limits = Limits { time_max: ctx.within(TIME_MAX), ..Limits::default() };
    let name = postrider_dns::ptr(names, ip).await.ok().and_then(|names| names.records.into_iter().next());
    let helo = name.as_deref().unwrap_or(domain);
    let request = Request { limits: limits.clone(), ..Request::mail_from(ip, helo, &format!("postmaster@{domain}")) };
    let evaluation = evaluate(names, &request).await;
    let hello = match &name {
        Some(name) => {
            let request = Request { limits, ..Request::helo(ip, name) };
            Some((name.to_string(), evaluate(names, &request).await))
        }
        None => None,
    };
    (ip, evaluation, hello)
}

pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return IDS.iter().for_each(|id| say.not_applicable(id, "no domain was named"));
    }
    let Some(spf) = &facts.spf else {
        return IDS.iter().for_each(|id| say.untested(id, "the record was not looked up in time"));
    };
    match &spf.tree.root.found {
        Found::Record(_) => {
            say.fine("spf.one", "one record");
            record::judge(facts, spf, say);
            tree::judge(facts, spf, say);
            policy::judge(facts, spf, say);
        }
        Found::Failed(failure) => {
            let why = format!("the TXT records of {} could not be looked up: {failure}", facts.domain);
            IDS.iter().for_each(|id| say.untested(id, why.as_str()));
        }
        Found::NotAsked | Found::Loop => {
            IDS.iter().for_each(|id| say.untested(id, "the record was not looked up in time"));
        }
        Found::NotAName => IDS.iter().for_each(|id| say.not_applicable(id, "no such name can have a record")),
        Found::NoRecord { absence: Some(postrider_dns::Failure::NoSuchDomain { .. }), .. } => {
            IDS.iter().for_each(|id| say.not_applicable(id, "the domain does not exist"));
        }
        Found::NoRecord { texts, .. } => {
            record::none(facts, spf, texts, say);
            others(say, "there is no SPF record");
            policy::senders(facts, spf, say);
        }
        Found::Many(records) => {
            record::many(facts, spf, records, say);
            others(say, "several records stand against each other");
            policy::senders(facts, spf, say);
        }
    }
}

/// What is left when the domain has not one record.
fn others(say: &mut Say, why: &str) {
    for id in IDS.iter().filter(|id| !["spf.one", "spf.covers", "spf.helo"].contains(id)) {
        say.not_applicable(id, why);
    }
}

/// Whether a name belongs to the domain: then its owner can mend it.
fn is_own(facts: &Facts, name: &str) -> bool {
    let zone = facts.zone.as_ref().map(|zone| zone.zone.as_str()).filter(|zone| !zone.is_empty());
    [Some(facts.domain.as_str()), zone].into_iter().flatten().any(|own| crate::dns::names::is_under(name, own))
}

/// The record that a node has, as evidence: `name TXT "…"`, and where its text begins there.
fn shown(node: &Node) -> (String, usize) {
    let head = format!("{} TXT \"", node.domain);
    let text = node.record().map(|record| &*record.text).unwrap_or_default();
    (format!("{head}{text}\""), head.len())
}
