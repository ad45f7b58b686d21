//! What the registry says of the domain, held against the DNS.
//!
//! Whatever a registry does not tell, or tells in a way that cannot be read, is no fault of the
//! domain. Where a domain is in the DNS in spite of what its registry says, mail still flows.

mod asked;
mod servers;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world_tests;

use crate::ctx::Ctx;
use crate::dns::names::is_under;
use crate::dns::survey::survey;
use crate::dns::{LostWay, Survey};
use crate::facts::Facts;
use crate::finding::{Checked, Finding, Say};
use crate::fold::fold;
use crate::registry::consult::{Consulted, Source, consult};
use crate::registry::name::registrable;
use crate::registry::{Field, Registration, company};
use crate::report::{Change, moment};
use domain::base::iana::Rtype;
use postrider_dns::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// Asks the registry; never longer than [`crate::registry::consult::LIMIT`].
pub(crate) async fn gather(ctx: &Ctx, domain: &str) -> Consulted {
    consult(ctx, domain).await
}

const NEED_A_RECORD: [&str; 6] = ["reg.hold", "reg.expiry", "reg.ds", "reg.nsmatch", "reg.changed", "reg.nsowner"];

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    asked::syntax(facts, say);
    let Some(consulted) = &facts.registry else {
        for id in ["reg.rdap", "reg.whois"].into_iter().chain(NEED_A_RECORD) {
            say.untested(id, "the registry did not answer in time");
        }
        return;
    };
    asked::rdap(facts, consulted, say);
    asked::whois(consulted, say);
    servers::owner(facts, consulted, say);
    let Some((record, source)) = &consulted.found else {
        state::unregistered(facts, consulted, say);
        for id in NEED_A_RECORD.into_iter().filter(|id| *id != "reg.nsowner") {
            match &consulted.nobody {
                Some(why) => say.not_applicable(id, why.clone()),
                None => say.untested(id, consulted.why_unknown()),
            }
        }
        return;
    };
    let seen = Seen { facts, domain: &consulted.domain, record, source };
    state::expiry(&seen, say);
    state::hold(&seen, say);
    state::changed(&seen, say);
    servers::same(&seen, say);
    servers::ds(&seen, say);
}

/// A record, and what it is held against.
struct Seen<'a> {
    facts: &'a Facts,
    /// The domain that is registered.
    domain: &'a str,
    record: &'a Registration,
    source: &'a Source,
}

impl Seen<'_> {
    /// The zone, when it is that of the registered domain.
    fn zone(&self) -> Option<&Survey> {
        self.facts.zone.as_ref().filter(|zone| zone.zone == self.domain)
    }

    /// Whether the DNS has the domain, as far as was seen.
    fn in_dns(&self) -> InDns {
        in_dns(self.facts, self.domain)
    }

    /// A finding with the words of a field as evidence.
    fn proven(&self, finding: Finding, field: Field) -> Finding {
        let (kind, server) = self.source.evidence();
        self.record.words(field).take(3).fold(finding, |finding, said| finding.seen(kind, server, &said.text))
    }

    /// Where the user goes: the registrar by name.
    fn registrar(&self) -> String {
        self.record.registrar.clone().unwrap_or_else(|| "the registrar".to_owned())
    }
}

/// Whether the DNS has a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InDns {
    /// The zone above delegates it.
    Yes,
    /// The zone above says that there is no such domain.
    No,
    /// Nobody could be asked.
    Unknown,
}

fn in_dns(facts: &Facts, domain: &str) -> InDns {
    let Some(zone) = &facts.zone else { return in_dns_by_mx(facts, domain) };
    match &zone.lost {
        Some(LostWay::NoSuchDomain(_)) => InDns::No,
        Some(LostWay::Above(_)) => InDns::Unknown,
        Some(LostWay::Dead(_) | LostWay::NoServer) => InDns::Yes,
        None if is_under(&zone.zone, domain) => InDns::Yes,
        // It lies in a zone above, or does not exist in it.
        None => in_dns_by_mx(facts, domain),
    }
}

fn in_dns_by_mx(facts: &Facts, domain: &str) -> InDns {
    match facts.mx.as_ref().map(|mx| &mx.records) {
        Some(Ok(_) | Err(Failure::NoData { .. })) => InDns::Yes,
        Some(Err(Failure::NoSuchDomain { .. })) if facts.domain == domain => InDns::No,
        _ => InDns::Unknown,
    }
}

/// Who runs the domain's name servers, in words: `Cloudflare`, or the domains of the hosts.
pub fn dns_company(facts: &Facts) -> Option<String> {
    let companies = company::of_nameservers(servers::names(facts).iter().map(String::as_str));
    if companies.is_empty() { None } else { Some(companies.join(" and ")) }
}

/// What the registry has for the timeline: its last change of the record, within a month.
pub fn timeline(facts: &Facts) -> Vec<Change> {
    const MONTH_MS: i64 = 31 * 86_400_000;
    let record = facts.registry.as_ref().and_then(|consulted| consulted.found.as_ref());
    let Some((record, _)) = record else { return Vec::new() };
    let events = [
        (record.created, "the domain was registered"),
        (record.changed, "the registry's record of the domain was changed"),
        (record.expires, "the registration ran out"),
    ];
    let lately = |at: i64| at <= facts.now.0 && facts.now.0 - at < MONTH_MS;
    events
        .into_iter()
        .filter_map(|(when, what)| Some((when?, what)))
        .filter(|(when, _)| lately(when.at.0))
        .map(|(when, what)| Change { at: moment(when.at.0), what: what.to_owned(), source: "registry" })
        .collect()
}

/// What the registry says, so that a change is news. WHOIS words things its own way: only what
/// the registry's own RDAP server says is held against another time.
pub(crate) fn remember(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    let found = facts.registry.as_ref().and_then(|consulted| consulted.found.as_ref());
    let Some((record, Source::Rdap(_))) = found else { return };
    if let Some(expires) = record.expires {
        seen.insert("registered until".into(), expires.day());
    }
    if let Some(registrar) = &record.registrar {
        seen.insert("registrar".into(), registrar.clone());
    }
    let states: BTreeSet<String> =
        record.statuses.iter().map(|status| status.text.trim().to_ascii_lowercase()).collect();
    if !states.is_empty() {
        seen.insert("registry status".into(), states.into_iter().collect::<Vec<_>>().join(", "));
    }
    let servers: BTreeSet<String> =
        record.nameservers.iter().flatten().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
    if !servers.is_empty() {
        seen.insert("name servers at the registry".into(), servers.into_iter().collect::<Vec<_>>().join(" "));
    }
}

/// What there is to know of a registration, by itself.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What was seen.
    pub facts: Facts,
    /// What is odd, the deepest first.
    pub findings: Vec<Finding>,
    /// What came of each check.
    pub checks: Vec<Checked>,
}

/// Looks at the registration of a domain and at its delegation, and at nothing else.
pub async fn look(ctx: &Ctx, domain: &str) -> Looked {
    let registered = registrable(domain).unwrap_or_else(|| domain.to_owned());
    let keys = [(registered.clone(), Rtype::DNSKEY)];
    let in_time = tokio::time::timeout(ctx.left(), survey(&ctx.names, &registered, &keys));
    let (zone, consulted) = tokio::join!(in_time, gather(ctx, domain));
    let facts = Facts {
        domain: registered,
        now: ctx.now,
        settings: (*ctx.settings).clone(),
        zone: zone.ok(),
        registry: Some(consulted),
        ..Facts::default()
    };
    let mut say = Say::default();
    judge(&facts, &mut say);
    let findings = fold(say.findings).roots.into_iter().flat_map(|(root, under)| std::iter::once(root).chain(under));
    Looked { findings: findings.collect(), checks: say.checked, facts }
}
