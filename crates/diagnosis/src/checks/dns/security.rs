//! DNSSEC: whether the names of mail are proved, and will be tomorrow.

use super::{asked, row, seat, unique, whose};
use crate::ctx::Ctx;
use crate::dns::anchors::digest_of;
use crate::dns::secure::{Bogus, Fault, Sealed, Security, Trust, algorithm_name};
use crate::dns::survey::Question;
use crate::dns::{Data, Survey, secure_status};
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Impact, Say, Severity};
use crate::words::span;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What one server's answer is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSeal {
    /// The server's name.
    pub server: String,
    /// Its address.
    pub ip: IpAddr,
    /// What it was asked.
    pub question: Question,
    /// The proof; `None` for one that could not be followed.
    pub seal: Result<Option<Sealed>, Fault>,
}

/// What was found of DNSSEC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityFacts {
    /// The zones on the way down, and what is known of their keys. Empty when the zone above
    /// has no DS for the zone: then there is nothing to prove.
    pub chain: Vec<(String, Arc<Trust>)>,
    /// How far each name of mail can be trusted.
    pub names: Vec<(Question, Security)>,
    /// Each answer of each server, under the zone's keys.
    pub seals: Vec<ServerSeal>,
}

/// Walks the chain to the zone and to the mail hosts, and looks at every server's signatures.
pub async fn gather(ctx: &Ctx, zone: &Survey, hosts: &[String]) -> SecurityFacts {
    let mut facts = SecurityFacts::default();
    if zone.zone.is_empty() {
        return facts;
    }
    let signed = !zone.ds.is_empty() || !zone.ds_known;
    let domain = &zone.domain;
    let mut questions: Vec<Question> = Vec::new();
    if signed {
        let own = [(domain.clone(), Rtype::MX), (domain.clone(), Rtype::TXT), (format!("_dmarc.{domain}"), Rtype::TXT)];
        questions.extend(own);
    }
    for host in hosts.iter().take(8) {
        if signed || !crate::dns::names::is_under(host, &zone.zone) {
            questions.extend([(host.clone(), Rtype::A), (host.clone(), Rtype::AAAA)]);
        }
    }
    let statuses = join_all(questions.iter().map(|(name, kind)| secure_status(ctx, name, *kind)));
    let chain = async {
        if !signed {
            return Vec::new();
        }
        let mut names: Vec<String> = zone.steps.iter().map(|step| step.zone.clone()).collect();
        if names.last() != Some(&zone.zone) {
            names.push(zone.zone.clone());
        }
        let now = ctx.now.0 / 1000;
        let trusts = join_all(names.iter().map(|name| ctx.chains.trust(&ctx.names, now, name))).await;
        names.into_iter().zip(trusts).collect()
    };
    let (statuses, chain) = tokio::join!(statuses, chain);
    facts.names = questions.into_iter().zip(statuses).collect();
    facts.chain = chain;
    facts.seals = seals(ctx, zone, &facts).await;
    facts
}

async fn seals(ctx: &Ctx, zone: &Survey, facts: &SecurityFacts) -> Vec<ServerSeal> {
    let Some((_, trust)) = facts.chain.last() else { return Vec::new() };
    let Trust::Keys(keys) = &**trust else { return Vec::new() };
    let now = ctx.now.0 / 1000;
    let mut seals = Vec::new();
    for server in zone.serving() {
        let whole = server.answers.iter().filter_map(|(question, heard)| Some((question, heard.as_ref().ok()?)));
        for (question, packet) in whole.filter(|(_, packet)| !packet.truncated && matches!(packet.rcode, 0 | 3)) {
            let (name, kind) = question;
            let positive = packet.of(*kind).any(|rr| rr.name == *name);
            // A name behind an alias, or in a zone below, is another zone's matter.
            if !positive && !packet.answers.is_empty() || packet.referral().is_some() {
                continue;
            }
            let seal = if positive {
                ctx.chains.sealed(keys, now, packet, name, *kind).map(Some)
            } else {
                ctx.chains.under(keys, now, packet, name, *kind).map(|_| None)
            };
            let seal = match seal {
                // One server may have a zone and another below it, which need not be signed.
                Err(_) => match ctx.chains.of_packet(&ctx.names, now, packet, name, *kind).await {
                    Security::Bogus(bogus) if bogus.zone == keys.zone => Err(bogus.fault),
                    _ => Ok(None),
                },
                proved => proved,
            };
            seals.push(ServerSeal { server: server.name.clone(), ip: server.ip, question: question.clone(), seal });
        }
    }
    seals
}

pub(super) fn judge(facts: &Facts, zone: &Survey, say: &mut Say) {
    let Some(seen) = &facts.dnssec else {
        for id in ["dns.sec", "dns.sig", "dns.alg"] {
            say.untested(id, "the chain of trust was not walked");
        }
        return;
    };
    if zone.zone.is_empty() {
        for id in ["dns.sec", "dns.sig", "dns.alg"] {
            say.not_applicable(id, "there is no zone");
        }
        return;
    }
    let found = broken(facts, zone, seen);
    if found.is_empty() {
        whole(zone, seen, say);
    }
    for finding in found {
        say.found(finding);
    }
    signatures(facts, zone, seen, say);
    algorithms(zone, seen, say);
}

/// The state of `dns.sec` when nothing is broken.
fn whole(zone: &Survey, seen: &SecurityFacts, say: &mut Say) {
    const ID: &str = "dns.sec";
    let Some((_, trust)) = seen.chain.last() else {
        return say.not_applicable(ID, format!("{} is not signed: the zone above has no DS for it", zone.zone));
    };
    match &**trust {
        Trust::Keys(keys) if keys.doubt.is_none() => {
            let way: Vec<&str> = seen.chain.iter().map(|(zone, _)| zone.as_str()).collect();
            say.fine(ID, format!("proved: {}", way.join(" > ")));
        }
        Trust::Keys(keys) => {
            say.untested(ID, format!("signed and whole, but {}", keys.doubt.as_deref().unwrap_or_default()));
        }
        Trust::Insecure(why) => say.not_applicable(ID, why.clone()),
        Trust::Indeterminate(why) => say.untested(ID, why.clone()),
        Trust::Bogus(bogus) => say.untested(ID, bogus.to_string()),
    }
}

/// What does not prove, one finding for each root.
fn broken(facts: &Facts, zone: &Survey, seen: &SecurityFacts) -> Vec<Finding> {
    if let Some((_, trust)) = seen.chain.last()
        && let Trust::Bogus(bogus) = &**trust
    {
        return vec![whole_zone(zone, seen, bogus)];
    }
    let mut found = Vec::new();
    let own: Vec<(&Question, &Bogus)> = bogus_names(seen).filter(|(_, bogus)| bogus.zone == zone.zone).collect();
    let everywhere: Vec<(&Question, &Bogus)> =
        own.into_iter().filter(|(question, _)| !some_server_proves(seen, question)).collect();
    if let Some((_, first)) = everywhere.first() {
        let questions: Vec<&Question> = everywhere.iter().map(|(question, _)| *question).collect();
        found.push(some_names(zone, &questions, first));
    }
    let others: Vec<(&Question, &Bogus)> = bogus_names(seen).filter(|(_, bogus)| bogus.zone != zone.zone).collect();
    let hosts = facts.mx.as_ref().map_or(0, |mx| mx.hosts.len());
    let zones = unique(others.iter().map(|(_, bogus)| bogus.zone.clone()));
    for other in zones {
        let of: Vec<&(&Question, &Bogus)> = others.iter().filter(|(_, bogus)| bogus.zone == other).collect();
        let names: BTreeSet<&str> = of.iter().map(|(question, _)| question.0.as_str()).collect();
        let Some((_, first)) = of.first() else { continue };
        let worst = if names.len() >= hosts { Impact::Broken } else { Impact::AtRisk };
        let shown: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        found.push(
            Finding::problem(
                "dns.sec",
                &other,
                format!("the mail hosts {} cannot be found by resolvers that validate: {first}", row(&shown)),
            )
            .seen("dns", &other, first.to_string())
            .impact(Impact::None, worst)
            .client(Impact::None)
            .fix(format!("Tell {} that the zone {other} is broken: {}.", whose(&other), first.fault)),
        );
    }
    found
}

fn bogus_names(seen: &SecurityFacts) -> impl Iterator<Item = (&Question, &Bogus)> {
    seen.names.iter().filter_map(|(question, security)| match security {
        Security::Bogus(bogus) => Some((question, bogus)),
        _ => None,
    })
}

fn some_server_proves(seen: &SecurityFacts, question: &Question) -> bool {
    seen.seals.iter().any(|seal| seal.question == *question && seal.seal.is_ok())
}

/// The chain breaks before the zone's own records: all of it is lost to validating resolvers.
fn whole_zone(zone: &Survey, seen: &SecurityFacts, bogus: &Bogus) -> Finding {
    let name = &zone.zone;
    let title = format!("DNSSEC of {} is broken: {}", bogus.name, bogus.fault);
    let mut finding = Finding::problem("dns.sec", name, title)
        .impact(Impact::Broken, Impact::Broken)
        .meaning("Resolvers that validate, among them the largest, answer SERVFAIL for everything in the domain.");
    for (link, trust) in &seen.chain {
        finding = finding.seen("dns", link, told(trust));
    }
    finding = finding.seen("dns", &zone.parent, format!("{name} DS {}", super::shown(&zone.ds)));
    let keys = zone.agreed(name, Rtype::DNSKEY).unwrap_or_default();
    finding = finding.seen("dns", name, format!("{name} DNSKEY {}", super::shown(&keys)));
    if bogus.name != *name {
        return finding.act(Actor::DnsHost).fix(format!(
            "The fault lies in the zone {} above yours: tell its registry. Nothing can be done in your zone.",
            bogus.zone
        ));
    }
    mend(zone, &bogus.fault, finding)
}

pub(super) fn told(trust: &Trust) -> String {
    match trust {
        Trust::Keys(keys) => {
            let tags: Vec<String> = keys.keys.iter().map(|key| key.key_tag().to_string()).collect();
            format!("proved, by key {}", tags.join(", "))
        }
        Trust::Insecure(why) => format!("not signed: {why}"),
        Trust::Bogus(bogus) => format!("broken: {bogus}"),
        Trust::Indeterminate(why) => format!("not known: {why}"),
    }
}

fn mend(zone: &Survey, fault: &Fault, finding: Finding) -> Finding {
    let name = &zone.zone;
    let host = zone.servers.first().map_or_else(String::new, |server| whose(&server.name));
    let lasts = zone.ds.iter().map(|rr| rr.ttl).max().unwrap_or(0);
    let then = format!("resolvers keep the old DS for up to {}", span(lasts.max(300)));
    match fault {
        Fault::NoMatch { .. } | Fault::Digest { .. } => {
            let new = current_ds(zone);
            let mut finding = finding.act(Actor::You).then(then).fix(if new.is_empty() {
                "At the registrar, remove the DS record, or enter that of the key that signs the zone.".to_owned()
            } else {
                "At the registrar, replace the DS record by that of the key that signs the zone.".to_owned()
            });
            for old in &zone.ds {
                finding = finding.change("remove", name, "DS", &old.data.to_string(), "");
            }
            new.iter().fold(finding, |finding, new| finding.change("add", name, "DS", "", new))
        }
        Fault::Unsigned => zone
            .ds
            .iter()
            .fold(finding.act(Actor::You).then(then), |finding, old| {
                finding.change("remove", name, "DS", &old.data.to_string(), "")
            })
            .fix(format!("Remove the DS record at the registrar, or have {host} sign the zone again.")),
        Fault::Expired { .. } => finding
            .act(Actor::DnsHost)
            .fix(format!("Have {host} sign the zone again today, and look why the signer has stopped.")),
        Fault::NotYet { .. } => finding
            .act(Actor::DnsHost)
            .fix(format!("Have {host} set the clock of the signer right, and sign the zone again.")),
        _ => finding.act(Actor::DnsHost).fix(format!("Have {host} sign the zone again, with the keys that are in it.")),
    }
}

/// The DS records of the keys that are marked as entry points (RFC 4034 §2.1.1).
fn current_ds(zone: &Survey) -> Vec<String> {
    let keys = zone.agreed(&zone.zone, Rtype::DNSKEY).unwrap_or_default();
    let ds = |data: &Data| match data {
        Data::Dnskey { flags, algorithm, tag, key } if flags & 1 == 1 => {
            let algorithm_number = domain::base::iana::SecurityAlgorithm::from_int(*algorithm);
            let key = domain::rdata::Dnskey::new(*flags, 3, algorithm_number, key.clone()).ok()?;
            let digest = digest_of(&key, &zone.zone, 2)?;
            let digest: String = digest.iter().map(|octet| format!("{octet:02X}")).collect();
            Some(format!("{tag} {algorithm} 2 {digest}"))
        }
        _ => None,
    };
    keys.iter().filter_map(|rr| ds(&rr.data)).collect()
}

/// Some names of the zone do not prove, at any server.
fn some_names(zone: &Survey, questions: &[&Question], bogus: &Bogus) -> Finding {
    let names: Vec<String> = questions.iter().map(|(name, kind)| asked(name, *kind)).collect();
    let ways = questions.iter().any(|(_, kind)| matches!(*kind, Rtype::MX | Rtype::A | Rtype::AAAA | Rtype::CNAME));
    let proofs = questions.iter().any(|(_, kind)| *kind == Rtype::TXT);
    let broken = |is: bool| if is { Impact::Broken } else { Impact::None };
    let finding =
        Finding::problem("dns.sec", &zone.zone, format!("DNSSEC of {} is broken: {}", row(&names), bogus.fault))
            .impact(broken(proofs), broken(ways))
            .client(Impact::None)
            .seen("dns", &zone.zone, bogus.to_string())
            .meaning("Resolvers that validate, among them the largest, answer SERVFAIL for these names.");
    mend(zone, &bogus.fault, finding)
}

const HOUR: i64 = 3600;

fn signatures(facts: &Facts, zone: &Survey, seen: &SecurityFacts, say: &mut Say) {
    const ID: &str = "dns.sig";
    if seen.chain.is_empty() {
        return say.not_applicable(ID, "the zone is not signed");
    }
    let mut found: Vec<Finding> = Vec::new();
    if let Some((_, trust)) = seen.chain.last()
        && let Trust::Bogus(Bogus { fault: fault @ (Fault::Expired { .. } | Fault::NotYet { .. }), name, .. }) =
            &**trust
    {
        let finding = Finding::problem(ID, name, format!("the signature of the keys of {name}: {fault}"));
        found.push(finding.because_of("dns.sec", &zone.zone).seen("dns", name, fault.to_string()));
    }
    found.extend(servers_apart(zone, seen));
    if seen.seals.is_empty() && found.is_empty() {
        return say.untested(ID, "the zone's keys are not proved, so its signatures are not looked at");
    }
    found.extend(soon_over(facts, zone, seen));
    say.found_or_fine(ID, found, "all signatures hold for days to come");
}

/// Servers whose signatures fail: alone, or because all do.
fn servers_apart(zone: &Survey, seen: &SecurityFacts) -> Vec<Finding> {
    let failing: Vec<&ServerSeal> = seen
        .seals
        .iter()
        .filter(|seal| seal.seal.as_ref().is_err_and(|fault| !matches!(fault, Fault::Unsupported { .. })))
        .collect();
    let mut found = Vec::new();
    for server in unique(failing.iter().map(|seal| seal.server.clone())) {
        let here: Vec<&&ServerSeal> = failing.iter().filter(|seal| seal.server == server).collect();
        let Some(Err(fault)) = here.first().map(|seal| &seal.seal) else { continue };
        let apart = here.iter().any(|seal| some_server_proves(seen, &seal.question));
        let names = unique(here.iter().map(|seal| asked(&seal.question.0, seal.question.1)));
        let few: Vec<String> = names.iter().take(3).cloned().collect();
        let rest = names.len().saturating_sub(few.len());
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let mut finding = Finding::problem(
            "dns.sig",
            &server,
            format!("{server} gives records that do not prove: {}{more}: {fault}", few.join(", ")),
        );
        if apart {
            finding = finding
                .impact(Impact::AtRisk, Impact::AtRisk)
                .meaning("Resolvers that validate go on to another server; some give up.");
        } else {
            finding = finding.because_of("dns.sec", &zone.zone);
        }
        for seal in here.iter().take(6) {
            let text = seal.seal.as_ref().err().map(ToString::to_string).unwrap_or_default();
            finding = finding.seen(
                "dns",
                format!("{} {}", seal.server, seal.ip),
                format!("{}: {text}", asked(&seal.question.0, seal.question.1)),
            );
        }
        found.push(finding.fix(format!("Ask {} to load the newly signed zone on {server}.", whose(&server))));
    }
    found
}

/// Signatures that end soon. Measured by how long they hold in all it is a warning, as the
/// signer is late; short ones in their prime are a note, as who signs anew for every answer
/// has such.
fn soon_over(facts: &Facts, zone: &Survey, seen: &SecurityFacts) -> Option<Finding> {
    let now = facts.now.0 / 1000;
    let soon = |seal: &&ServerSeal| {
        let Ok(Some(sealed)) = &seal.seal else { return false };
        let left = sealed.until - now;
        left < 72 * HOUR
    };
    let first = seen.seals.iter().filter(soon).min_by_key(|seal| match &seal.seal {
        Ok(Some(sealed)) => sealed.until,
        _ => i64::MAX,
    })?;
    let Ok(Some(sealed)) = &first.seal else { return None };
    let left = u32::try_from(sealed.until - now).unwrap_or(0);
    let until = crate::moment(sealed.until.saturating_mul(1000));
    let server = zone.servers.iter().find(|server| server.ip == first.ip);
    let host = whose(&first.server);
    let late = i64::from(left) * 4 < sealed.until - sealed.from;
    let severity = if late { Severity::Warning } else { Severity::Note };
    Some(
        Finding::new("dns.sig", &zone.zone, severity, format!("signatures of {} end in {}", zone.zone, span(left)))
            .seen(
                "dns",
                server.map_or_else(|| first.server.clone(), seat),
                format!("{}: signed by key {} until {until}", asked(&first.question.0, first.question.1), sealed.tag),
            )
            .meaning("When they end, resolvers that validate find nothing of the domain any more.")
            .act(Actor::DnsHost)
            .fix(format!(
                "Have {host} sign the zone again before {until}; if that is not done by a program, let it be."
            )),
    )
}

fn algorithms(zone: &Survey, seen: &SecurityFacts, say: &mut Say) {
    const ID: &str = "dns.alg";
    if seen.chain.is_empty() {
        return say.not_applicable(ID, "the zone is not signed");
    }
    let of = |kind| zone.agreed(&zone.zone, kind).unwrap_or_default();
    let mut wrong: Vec<String> = Vec::new();
    let weak = |algorithm: u8| matches!(algorithm, 1 | 3 | 5 | 6 | 7 | 12);
    let keys = of(Rtype::DNSKEY);
    let used = keys.iter().filter_map(|rr| match rr.data {
        Data::Dnskey { algorithm, .. } if weak(algorithm) => Some(algorithm),
        _ => None,
    });
    for algorithm in used.collect::<BTreeSet<u8>>() {
        wrong.push(format!("it is signed with {}, which validators are giving up", algorithm_name(algorithm)));
    }
    let digests: BTreeSet<u8> = zone
        .ds
        .iter()
        .filter_map(|rr| match rr.data {
            Data::Ds { digest_type, .. } => Some(digest_type),
            _ => None,
        })
        .collect();
    if !digests.is_empty() && digests.iter().all(|digest| *digest == 1) {
        wrong.push("its only DS record is a SHA-1 digest".into());
    }
    let params = of(Rtype::NSEC3PARAM);
    let iterations = params.iter().filter_map(|rr| match rr.data {
        Data::Nsec3Param { iterations, .. } => Some(iterations),
        _ => None,
    });
    let iterations = iterations.max().unwrap_or(0);
    if iterations > 0 {
        wrong.push(format!("its NSEC3 hashes are iterated {iterations} times, and should not be (RFC 9276)"));
    }
    if wrong.is_empty() {
        return say.fine(ID, "algorithms of today");
    }
    let title = format!("DNSSEC of {}: {}", zone.zone, wrong.join("; "));
    // RFC 9276 §3.2: from some hundred on, validators take the zone for unsigned or broken.
    let finding =
        if iterations > 100 { Finding::warning(ID, &zone.zone, title) } else { Finding::note(ID, &zone.zone, title) };
    say.found(
        finding
            .seen("dns", &zone.zone, format!("DNSKEY {}", super::shown(&keys)))
            .seen("dns", &zone.parent, format!("DS {}", super::shown(&zone.ds)))
            .fix("Sign with ECDSA P-256 (13) and a SHA-256 DS; NSEC3 with 0 iterations and no salt, or NSEC."),
    );
}
