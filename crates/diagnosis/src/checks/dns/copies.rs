//! The copies of the zone: whether all servers have the same one, and say the same.

use super::{asked, row, seat, unique, whose};
use crate::dns::survey::{RANDOM_LABEL, is_newer};
use crate::dns::{Data, NsFacts, Packet, Rr, Survey};
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use crate::net::Silence;
use crate::report::moment;
use crate::words::span;
use domain::base::iana::Rtype;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn judge(facts: &Facts, zone: &Survey, say: &mut Say) {
    same(facts, zone, say);
    serial(zone, say);
    codes(zone, say);
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// It says where mail goes.
    Way,
    /// It proves mail from the domain.
    Proof,
    /// It says how mail is to be carried.
    Carriage,
    /// Nothing of mail's.
    Other,
}

fn role(zone: &Survey, name: &str, kind: Rtype) -> Role {
    let domain = &zone.domain;
    let no_mx = zone.agreed(domain, Rtype::MX).is_none_or(|records| records.is_empty());
    if name.contains(RANDOM_LABEL) {
        return Role::Other;
    }
    match kind {
        Rtype::MX if name == domain => Role::Way,
        // RFC 5321 §5.1: without MX, the address takes the mail.
        Rtype::A | Rtype::AAAA if name == domain && no_mx => Role::Way,
        Rtype::A | Rtype::AAAA if name != domain && !name.starts_with("mta-sts.") => Role::Way,
        Rtype::TXT if name == domain || name.starts_with("_dmarc.") => Role::Proof,
        Rtype::TXT if name.contains("._domainkey.") => Role::Proof,
        Rtype::TXT if name.starts_with("_mta-sts.") || name.starts_with("_smtp._tls.") => Role::Carriage,
        Rtype::TLSA => Role::Carriage,
        _ => Role::Other,
    }
}

/// One name and type of which the servers do not say the same.
struct Split<'a> {
    name: &'a str,
    kind: Rtype,
    role: Role,
    /// What each says.
    said: Vec<(&'a NsFacts, Vec<Rr>)>,
    /// What most say that have the newest copy.
    right: Vec<Data>,
}

impl Split<'_> {
    fn odd(&self) -> impl Iterator<Item = &(&NsFacts, Vec<Rr>)> {
        self.said.iter().filter(|(_, records)| data(records) != self.right)
    }
}

fn data(records: &[Rr]) -> Vec<Data> {
    let mut data: Vec<Data> = records.iter().map(|rr| rr.data.clone()).collect();
    data.sort();
    data.dedup();
    data
}

/// The records that matter of an answer: of TXT at the domain itself, SPF alone.
fn relevant(zone: &Survey, packet: &Packet, name: &str, kind: Rtype) -> Vec<Rr> {
    let spf = |rr: &&Rr| rr.data.txt().is_some_and(|text| text.to_ascii_lowercase().starts_with("v=spf1"));
    if kind == Rtype::TXT && name == zone.domain {
        return packet.of(kind).filter(spf).cloned().collect();
    }
    packet.answers.iter().filter(|rr| rr.kind == kind || rr.kind == Rtype::CNAME).cloned().collect()
}

fn splits(zone: &Survey) -> Vec<Split<'_>> {
    let questions: BTreeSet<&(String, Rtype)> = zone.serving().flat_map(|server| server.answers.keys()).collect();
    let mut splits = Vec::new();
    for question in questions {
        let (name, kind) = (question.0.as_str(), question.1);
        let role = role(zone, name, kind);
        if role == Role::Other || zone.servers.iter().any(|server| server.varies.contains(question)) {
            continue;
        }
        let whole = |packet: &&Packet| matches!(packet.rcode, 0 | 3) && !packet.truncated && packet.authoritative;
        let said: Vec<(&NsFacts, Vec<Rr>)> = zone
            .serving()
            .filter(|server| !server.stray)
            .filter_map(|server| {
                let packet = server.answer(name, kind).filter(whole)?;
                Some((server, relevant(zone, packet, name, kind)))
            })
            .collect();
        let right = right(zone, &said);
        if said.iter().any(|(_, records)| data(records) != right) {
            splits.push(Split { name, kind, role, said, right });
        }
    }
    splits.sort_by_key(|split| (split.role, split.kind != Rtype::MX));
    splits
}

/// What most of the servers with the newest copy say.
fn right(zone: &Survey, said: &[(&NsFacts, Vec<Rr>)]) -> Vec<Data> {
    let newest = zone.newest();
    let mut votes: BTreeMap<Vec<Data>, (usize, usize)> = BTreeMap::new();
    for (server, records) in said {
        let vote = votes.entry(data(records)).or_default();
        vote.0 += usize::from(server.serial() == newest);
        vote.1 += 1;
    }
    votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(data, _)| data).unwrap_or_default()
}

fn same(facts: &Facts, zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.rrsame";
    if zone.serving().count() < 2 {
        return say.not_applicable(ID, "only one name server serves the zone");
    }
    let splits = splits(zone);
    let Some(first) = splits.first() else {
        return say.fine(ID, format!("{} name servers give the same answers", zone.serving().count()));
    };
    let odd = unique(splits.iter().flat_map(Split::odd).map(|(server, _)| server.name.clone()));
    let what = unique(splits.iter().map(|split| what(zone, split.name, split.kind)));
    let title = if odd.len() == 1 {
        format!("{} gives another answer than the rest: {}", odd[0], row(&what))
    } else {
        format!("the name servers give different answers: {}", row(&what))
    };
    let has = |role: Role| splits.iter().any(|split| split.role == role);
    let receiving = if has(Role::Way) {
        Impact::Broken
    } else if has(Role::Carriage) {
        Impact::AtRisk
    } else {
        Impact::None
    };
    let sending = if has(Role::Proof) { Impact::AtRisk } else { Impact::None };
    let mut finding = Finding::problem(ID, &zone.domain, title).impact(sending, receiving);
    finding = finding.meaning(format!(
        "About {} in {} askers get the other answer, and keep it.",
        first.odd().count(),
        first.said.len()
    ));
    for split in splits.iter().take(4) {
        finding = table(finding, zone, split);
    }
    say.found(remedy(facts, zone, &splits, &odd, finding));
}

fn what(zone: &Survey, name: &str, kind: Rtype) -> String {
    match kind {
        Rtype::MX => "MX".into(),
        Rtype::TXT if name == zone.domain => "SPF".into(),
        Rtype::TXT if name.starts_with("_dmarc.") => "DMARC".into(),
        Rtype::TXT if name.contains("._domainkey.") => "DKIM".into(),
        Rtype::TXT if name.starts_with("_mta-sts.") => "MTA-STS".into(),
        Rtype::TXT => "TLS reporting".into(),
        kind => format!("{kind} of {name}"),
    }
}

/// A line for each server: serial, value, time to live; the odd ones marked.
fn table(mut finding: Finding, zone: &Survey, split: &Split<'_>) -> Finding {
    let newest = zone.newest();
    for (server, records) in &split.said {
        let serial = server.serial().map_or_else(|| "?".to_owned(), |serial| serial.to_string());
        let ttl = records.iter().map(|rr| rr.ttl).min().map_or_else(String::new, |ttl| format!("  TTL {}", span(ttl)));
        let odd = data(records) != split.right;
        let mark = match (odd, server.serial() == newest) {
            (false, _) => "",
            (true, false) => "  <- old",
            (true, true) => "  <- differs",
        };
        let value = super::shown(records);
        let text = format!("serial {serial}  {}  {value}{ttl}{mark}", asked(split.name, split.kind));
        finding = finding.seen("dns", seat(server), text);
    }
    finding
}

fn remedy(facts: &Facts, zone: &Survey, splits: &[Split<'_>], odd: &[String], finding: Finding) -> Finding {
    let stale: Vec<String> = unique(
        splits
            .iter()
            .flat_map(Split::odd)
            .filter(|(server, _)| server.serial() != zone.newest())
            .map(|(server, _)| server.name.clone()),
    );
    let ttl = splits.iter().flat_map(Split::odd).flat_map(|(_, records)| records).map(|rr| rr.ttl).max();
    let host = odd.first().map_or_else(String::new, |name| whose(name));
    let finding = if stale.is_empty() {
        finding.fix(format!(
            "Ask {host} why {} has other records though its serial is the same; then raise the serial and reload.",
            row(odd)
        ))
    } else {
        finding
            .fix(format!("{} missed the last change: have the zone loaded there again, or ask {host} to.", row(&stale)))
    };
    match ttl {
        Some(ttl) => {
            let until = moment(facts.now.0.saturating_add(i64::from(ttl) * 1000));
            finding
                .then(format!("after that, old answers can live in caches for {} more: now until {until}", span(ttl)))
        }
        None => finding,
    }
}

fn serial(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.serial";
    let told: Vec<(&NsFacts, u32)> =
        zone.serving().filter(|server| !server.stray).filter_map(|server| Some((server, server.serial()?))).collect();
    let Some(newest) = zone.newest() else { return say.untested(ID, "no server tells its serial") };
    let behind: Vec<&(&NsFacts, u32)> = told.iter().filter(|(_, serial)| *serial != newest).collect();
    if behind.is_empty() {
        return say.fine(ID, format!("serial {newest} at all {} servers", told.len()));
    }
    let names = unique(behind.iter().map(|(server, _)| server.name.clone()));
    let alike = splits(zone).is_empty();
    // Two providers that each keep the zone count serials each in its own way.
    let separate = alike && primaries(zone).len() > 1;
    let finding = if separate {
        Finding::note(ID, &zone.zone, "the name servers count serials differently, and have the same records")
            .fix("Nothing, when two providers keep the zone on purpose.")
    } else {
        let gap = behind.iter().map(|(_, serial)| newest.wrapping_sub(*serial)).max().unwrap_or(0);
        let title = format!("{} has an older copy of the zone than the other name servers", row(&names));
        let title = if names.len() > 1 { title.replacen(" has ", " have ", 1) } else { title };
        let finding = Finding::warning(ID, &zone.zone, title).because_of("dns.rrsame", &zone.domain);
        // Where records differ, dns.rrsame says what comes of it; where they do not, nothing does.
        let finding = finding.impact(Impact::None, Impact::None);
        finding
            .meaning(if gap <= 2 && alike {
                "The records of mail are the same. Just after a change this is normal for some minutes."
            } else {
                "It does not fetch new copies, and will stop to answer when its copy expires."
            })
            .fix(format!(
                "When it stays so, have the zone loaded again on {}, and look why transfers to it fail.",
                row(&names)
            ))
    };
    say.found(told.iter().fold(finding, |finding, (server, serial)| {
        let mark = if is_newer(newest, *serial) { "  <- old" } else { "" };
        finding.seen("dns", seat(server), format!("{} SOA serial {serial}{mark}", zone.zone))
    }));
}

/// The primaries that the servers' SOA records name.
fn primaries(zone: &Survey) -> BTreeSet<String> {
    let soa = |server: &NsFacts| {
        [&server.udp, &server.tcp].into_iter().flatten().flat_map(|packet| packet.of(Rtype::SOA)).find_map(|rr| {
            match &rr.data {
                Data::Soa { primary, .. } => Some(primary.clone()),
                _ => None,
            }
        })
    };
    zone.serving().filter_map(soa).collect()
}

/// Names for which servers fail, or say that there is no such name when there is.
fn codes(zone: &Survey, say: &mut Say) {
    const ID: &str = "dns.rcode";
    let mut found: Vec<Finding> = Vec::new();
    let questions: BTreeSet<&(String, Rtype)> = zone.serving().flat_map(|server| server.answers.keys()).collect();
    // What matters to mail comes first, and takes what else fails at its name along.
    let mut questions: Vec<&(String, Rtype)> = questions.into_iter().collect();
    questions.sort_by_key(|(name, kind)| role(zone, name, *kind));
    for (name, kind) in questions {
        let bad: Vec<(&NsFacts, String)> =
            zone.serving().filter_map(|server| Some((server, failing(server, name, *kind)?))).collect();
        let Some((_, how)) = bad.first() else { continue };
        if let Some(known) = found.iter_mut().find(|finding| finding.subject == *name) {
            known.evidence.extend(bad.iter().map(|(server, how)| line(server, name, *kind, how)));
            continue;
        }
        let all = bad.len() == zone.serving().count();
        let who = if all {
            "all name servers".to_owned()
        } else {
            row(&unique(bad.iter().map(|(server, _)| server.name.clone())))
        };
        let title = format!("{who} fail for {}: {how}", asked(name, *kind));
        let title = if all || bad.len() > 1 { title } else { title.replacen(" fail ", " fails ", 1) };
        let mail = role(zone, name, *kind) != Role::Other;
        let mut finding =
            if all && mail { Finding::problem(ID, name, title) } else { Finding::warning(ID, name, title) };
        let role = role(zone, name, *kind);
        let worst = if all && role == Role::Way { Impact::Broken } else { Impact::AtRisk };
        finding = match role {
            Role::Way => finding.impact(Impact::None, worst),
            Role::Proof => finding.impact(Impact::AtRisk, Impact::None),
            Role::Carriage => finding.impact(Impact::None, Impact::AtRisk),
            Role::Other => finding.impact(Impact::None, Impact::None),
        };
        finding.evidence.extend(bad.iter().map(|(server, how)| line(server, name, *kind, how)));
        let host = bad.first().map_or_else(String::new, |(server, _)| whose(&server.name));
        found.push(
            finding
                .meaning("A failure is not the same as \"there is none\": senders wait and try again, and in the end give up.")
                .fix(format!("Ask {host} why the server fails for {}.", asked(name, *kind))),
        );
    }
    found.extend(denied_with_others(zone));
    say.found_or_fine(ID, found, "names that do not exist, empty answers and failures are told apart");
}

fn line(server: &NsFacts, name: &str, kind: Rtype, how: &str) -> crate::finding::Evidence {
    crate::finding::Evidence {
        kind: "dns",
        server: seat(server),
        text: format!("{}: {how}", asked(name, kind)),
        span: None,
    }
}

/// How a server that serves the zone fails for one name.
fn failing(server: &NsFacts, name: &str, kind: Rtype) -> Option<String> {
    match server.answers.get(&(name.to_owned(), kind))? {
        Ok(packet) if matches!(packet.rcode, 0 | 3) => None,
        Ok(packet) => Some(format!("{}{}", packet.rcode_name(), crate::dns::names::told(&packet.extended))),
        Err(Silence::Garbage(why)) => Some(format!("its answer makes no sense: {why}")),
        // A question may have been lost among so many; when all were, the server is silent.
        Err(_) => None,
    }
}

/// A name that has records of one type, and of which the same server says that it does not exist.
fn denied_with_others(zone: &Survey) -> Option<Finding> {
    for server in zone.serving() {
        let exists: BTreeSet<&str> = server
            .answers
            .iter()
            .filter(|((name, _), heard)| {
                heard.as_ref().is_ok_and(|packet| packet.answers.iter().any(|rr| rr.name == *name))
            })
            .map(|((name, _), _)| name.as_str())
            .collect();
        let denied = server.answers.iter().find(|((name, kind), heard)| {
            // RFC 8020 §2: NXDOMAIN is about the name with all types, and all names below.
            heard.as_ref().is_ok_and(|packet| packet.rcode == 3 && packet.answers.is_empty())
                && *kind != Rtype::NSEC3PARAM
                && exists.iter().any(|other| crate::dns::names::is_under(other, name))
        });
        if let Some(((name, kind), _)) = denied {
            let other =
                exists.iter().find(|other| crate::dns::names::is_under(other, name)).copied().unwrap_or_default();
            return Some(
                Finding::warning(
                    "dns.rcode",
                    name,
                    format!("{} says that {name} does not exist, though it has {other}", server.name),
                )
                .seen("dns", seat(server), format!("{}: NXDOMAIN", asked(name, *kind)))
                .meaning("Resolvers that believe it stop to look for other records of that name, and names below it.")
                .fix(format!(
                    "Ask {} to mend the name server: it is to answer NOERROR without records.",
                    whose(&server.name)
                )),
            );
        }
    }
    None
}
