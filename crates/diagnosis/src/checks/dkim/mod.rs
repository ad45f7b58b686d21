//! DKIM keys: which selectors have one, and whether verifiers can use it.
//!
//! Without a message nobody can know the selectors of a domain, so that common ones are tried.
//! None among them is no fault; a key that is there and broken is one.

mod keys;
#[cfg(test)]
mod tests;

use crate::ctx::Ctx;
use crate::dns::Found;
use crate::dns::survey::RANDOM_LABEL;
use crate::facts::Facts;
use crate::finding::{Finding, Say};
use domain::base::iana::Rtype;
use futures_util::StreamExt as _;
use postrider_dns::Failure;
use std::collections::BTreeMap;

/// Selectors that are common, by servers and providers (seen 2026-11).
const COMMON: [&str; 72] = [
    "default",
    "dkim",
    "mail",
    "email",
    "smtp",
    "mx",
    "selector1",
    "selector2",
    "google",
    "s1",
    "s2",
    "k1",
    "k2",
    "k3",
    "key1",
    "key2",
    "key3",
    "dkim1",
    "dkim2",
    "dk",
    "dkim-rsa",
    "dkim-ed25519",
    "rsa",
    "ed25519",
    "ed",
    "x",
    "m1",
    "m2",
    "mta",
    "server",
    "sig1",
    "fm1",
    "fm2",
    "fm3",
    "fm4",
    "protonmail",
    "protonmail2",
    "protonmail3",
    "mbo0001",
    "mbo0002",
    "mbo0003",
    "mbo0004",
    "zoho",
    "zmail",
    "mandrill",
    "mailjet",
    "mte1",
    "mte2",
    "mailo",
    "pm",
    "hs1",
    "hs2",
    "ctct1",
    "ctct2",
    "cm",
    "sm",
    "titan1",
    "titan2",
    "s1-ionos",
    "s2-ionos",
    "strato-dkim-0002",
    "strato-dkim-0003",
    "modoboa",
    "turbo-smtp",
    "everlytickey1",
    "everlytickey2",
    "test",
    "2024",
    "2025",
    "2026",
    "202601",
    "mailcow",
];
/// Questions on their way at the same time.
const AT_ONCE: usize = 16;
const NAMED_MAX: usize = 32;

/// What there is at one selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The selector.
    pub selector: String,
    /// Whether the user named it, so that a key is expected there.
    pub named: bool,
    /// The texts at its name, or why there are none.
    pub texts: Result<Vec<String>, Failure>,
    /// Where an alias leads, as providers have it.
    pub alias: Option<String>,
}

/// What there is of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DkimFacts {
    /// The selectors that were named, and those that were tried and have something.
    pub selectors: Vec<Selector>,
    /// How many were tried.
    pub tried: usize,
    /// Whether there is nothing below `_domainkey`, by the word of the name servers.
    pub nothing_below: bool,
    /// Why it could not be found out whether there is.
    pub failure: Option<Failure>,
    /// What every name below `_domainkey` has, where there is a wildcard.
    pub wildcard: Vec<String>,
}

/// Asks for the keys of the selectors that were named, and of common ones.
pub(crate) async fn gather(ctx: &Ctx, domain: &str) -> DkimFacts {
    let above = format!("_domainkey.{domain}");
    let random = format!("{RANDOM_LABEL}.{above}");
    let (node, wildcard) = tokio::join!(ctx.find(&above, Rtype::TXT), ctx.find(&random, Rtype::TXT));
    let nothing_below = matches!(&node.records, Err(Failure::NoSuchDomain { .. }));
    let failure = node.records.as_ref().err().filter(|failure| !failure.is_absence()).cloned();
    let wildcard = wildcard.texts();
    let named: Vec<String> = ctx.settings.selectors.iter().take(NAMED_MAX).cloned().collect();
    // RFC 8020: below a name that does not exist, nothing does. And a server that does not answer
    // is not asked seventy times.
    let guesses = if nothing_below || failure.is_some() { &[][..] } else { &COMMON[..] };
    let guesses = guesses.iter().map(|guess| (*guess).to_owned()).filter(|guess| !named.contains(guess));
    let wanted: Vec<(String, bool)> =
        named.iter().cloned().map(|name| (name, true)).chain(guesses.map(|guess| (guess, false))).collect();
    let tried = wanted.len();
    let mut answers = futures_util::stream::iter(wanted)
        .map(|(selector, named)| {
            let name = format!("{selector}.{above}");
            async move { (selector, named, ctx.find(&name, Rtype::TXT).await) }
        })
        .buffered(AT_ONCE);
    let mut selectors = Vec::new();
    while let Some((selector, named, found)) = answers.next().await {
        let texts = found.records.as_ref().map(|_| found.texts()).map_err(Clone::clone);
        let guessed_right = texts.as_ref().is_ok_and(|texts| *texts != wildcard);
        if named || guessed_right {
            let alias = |found: &Found| found.aliases.last().map(|(_, target)| target.clone());
            selectors.push(Selector { selector, named, texts, alias: alias(&found) });
        }
    }
    DkimFacts { selectors, tried, nothing_below, failure, wildcard }
}

/// The keys that were found, each by its hash: a new one in its place is news. One that is only
/// asked for as the user named it is remembered under another name, as it is not new when it is
/// asked for the first time.
pub(crate) fn remember(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    for selector in facts.dkim.iter().flat_map(|dkim| &dkim.selectors) {
        let mut keys: Vec<String> = selector
            .texts
            .iter()
            .flatten()
            .filter(|text| keys::is_like_key(text))
            .map(|text| keys::hash(text))
            .collect();
        keys.sort();
        if keys.is_empty() {
            continue;
        }
        let label = if COMMON.contains(&selector.selector.as_str()) { MEMORY } else { "DKIM key at" };
        seen.insert(format!("{label} {}", selector.selector), keys.join(" "));
    }
}

/// How the memory of a key begins that is asked for in every run.
pub(crate) const MEMORY: &str = "DKIM key:";

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    let Some(dkim) = &facts.dkim else {
        for id in ["dkim.find", "dkim.key", "dkim.bits", "dkim.revoked"] {
            say.untested(id, "the keys were not asked for in time");
        }
        return;
    };
    find(facts, dkim, say);
    keys::judge(facts, dkim, say);
}

fn find(facts: &Facts, dkim: &DkimFacts, say: &mut Say) {
    let domain = &facts.domain;
    let found: Vec<&str> = dkim
        .selectors
        .iter()
        .filter(|selector| selector.texts.as_ref().is_ok_and(|texts| texts.iter().any(|text| keys::is_like_key(text))))
        .map(|selector| selector.selector.as_str())
        .collect();
    if !found.is_empty() {
        return say.fine("dkim.find", format!("keys at {}", found.join(", ")));
    }
    if let Some(failure) = &dkim.failure {
        return say.untested("dkim.find", format!("_domainkey.{domain} could not be asked for: {failure}"));
    }
    if !dkim.wildcard.is_empty() {
        return say
            .fine("dkim.find", format!("every name below _domainkey.{domain} has {:?}", dkim.wildcard.join(" ")));
    }
    if dkim.nothing_below {
        return say.found(
            Finding::note("dkim.find", domain, format!("{domain} has no DKIM key at all"))
                .seen("dns", "", format!("_domainkey.{domain}: no such name"))
                .meaning("Mail cannot be signed in the name of this domain; large receivers expect a signature.")
                .fix("Let your mail server make a key, publish it, and sign with it."),
        );
    }
    say.untested("dkim.find", format!("none of {} common selectors has a key; name yours with --selector", dkim.tried));
}
