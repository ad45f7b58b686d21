//! SRV records for mail programs (RFC 6186, RFC 8314 §5.1, RFC 5804 §1.8).
//!
//! Having none is no fault: most domains do not. A record that leads nowhere is one.

use super::{ClientFacts, Mode, NamedBy, Offer, Service};
use crate::ctx::Ctx;
use crate::dns::Data;
use crate::finding::{Finding, Say};
use domain::base::iana::Rtype;
use futures_util::future::join_all;

/// The services that are asked for.
pub const LABELS: [(&str, Service, Mode); 7] = [
    ("_submissions", Service::Submission, Mode::Implicit),
    ("_submission", Service::Submission, Mode::StartTls),
    ("_imaps", Service::Imap, Mode::Implicit),
    ("_imap", Service::Imap, Mode::StartTls),
    ("_pop3s", Service::Pop, Mode::Implicit),
    ("_pop3", Service::Pop, Mode::StartTls),
    ("_sieve", Service::Sieve, Mode::StartTls),
];

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SrvRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// Among equals, more is tried more often.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that there is no such service.
    pub target: String,
}

/// What was found of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrvSet {
    /// The name asked for, as in `_imaps._tcp.example.com`.
    pub name: String,
    /// What for.
    pub service: Service,
    /// How TLS comes about there.
    pub mode: Mode,
    /// The records, first choice first.
    pub records: Vec<SrvRecord>,
    /// Why it could not be asked for.
    pub failure: Option<String>,
}

impl SrvSet {
    /// Whether the domain says that it has no such service (RFC 6186 §3.4).
    pub fn says_none(&self) -> bool {
        self.records.len() == 1 && self.records[0].target == "."
    }
}

/// Asks for all of them.
pub(super) async fn gather(ctx: &Ctx, domain: &str) -> Vec<SrvSet> {
    join_all(LABELS.map(|(label, service, mode)| async move {
        let name = format!("{label}._tcp.{domain}");
        let (records, failure) = ask(ctx, &name).await;
        SrvSet { name, service, mode, records, failure }
    }))
    .await
}

/// The records of a name, first choice first.
pub(super) async fn ask(ctx: &Ctx, name: &str) -> (Vec<SrvRecord>, Option<String>) {
    let found = ctx.find(name, Rtype::SRV).await;
    let mut records: Vec<SrvRecord> = found
        .all()
        .iter()
        .filter_map(|rr| match &rr.data {
            Data::Srv { priority, weight, port, target } => {
                Some(SrvRecord { priority: *priority, weight: *weight, port: *port, target: target.clone() })
            }
            _ => None,
        })
        .take(16)
        .collect();
    records.sort_by_key(|record| (record.priority, std::cmp::Reverse(record.weight), record.port));
    let failure = found.records.as_ref().err().filter(|failure| !failure.is_absence()).map(ToString::to_string);
    (records, failure)
}

/// The servers that they name.
pub(super) fn offers(sets: &[SrvSet]) -> Vec<Offer> {
    let named = |set: &SrvSet| {
        let (service, mode) = (set.service, set.mode);
        let records = set.records.clone().into_iter().filter(|record| record.target != ".");
        records.map(move |record| Offer {
            service,
            host: record.target,
            port: record.port,
            mode,
            by: NamedBy::Srv,
            user: None,
        })
    };
    sets.iter().flat_map(named).collect()
}

/// Says what the records are worth.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    const ID: &str = "cl.srv";
    let there: Vec<&SrvSet> = facts.srv.iter().filter(|set| !set.records.is_empty()).collect();
    if there.is_empty() {
        return match facts.srv.iter().find_map(|set| set.failure.as_ref()) {
            Some(why) => say.untested(ID, format!("the SRV records could not be asked for: {why}")),
            None => say.not_applicable(ID, "the domain publishes no SRV records for mail programs"),
        };
    }
    let mut findings = Vec::new();
    for set in &there {
        findings.extend(dead_targets(facts, set));
        findings.extend(said_twice(set));
        findings.extend(set.records.iter().filter_map(|record| odd_port(set, record)));
        findings.extend(set.records.iter().filter_map(|record| alias(facts, set, record)));
    }
    let told: Vec<String> = there
        .iter()
        .filter_map(|set| set.records.first().map(|first| (set, first)))
        .map(|(set, first)| {
            let label = set.name.split('.').next().unwrap_or_default();
            if first.target == "." {
                format!("{label}: none")
            } else {
                format!("{label}: {}:{}", first.target, first.port)
            }
        })
        .collect();
    say.found_or_fine(ID, findings, told.join(", "));
}

/// Targets without an address: a mail program that takes one is stuck.
fn dead_targets(facts: &ClientFacts, set: &SrvSet) -> Option<Finding> {
    let real: Vec<&SrvRecord> = set.records.iter().filter(|record| record.target != ".").collect();
    let is_dead = |record: &&&SrvRecord| facts.names.get(&record.target).is_some_and(super::Resolved::is_absent);
    let dead: Vec<&SrvRecord> = real.iter().filter(is_dead).copied().collect();
    let first = dead.first()?;
    let title = format!("{} points to {}, which has no address", set.name, first.target);
    let mut finding = if dead.len() == real.len() {
        Finding::problem("cl.srv", &set.name, title)
    } else {
        Finding::warning("cl.srv", &set.name, title)
    };
    finding = finding
        .meaning(format!("A mail program that finds its {} server by this record gets nowhere.", set.service.name()));
    for record in dead {
        let line = shown(set, record);
        finding = finding.seen("dns", "", &line).change("remove", &set.name, "SRV", &rdata(record), "");
    }
    Some(finding.fix("Point the record to the server's real name, or remove it."))
}

/// "No such service" beside a server (RFC 2782: `.` stands alone).
fn said_twice(set: &SrvSet) -> Option<Finding> {
    let none = set.records.iter().find(|record| record.target == ".")?;
    if set.records.len() == 1 {
        return None;
    }
    let line = shown(set, none);
    Some(
        Finding::warning(
            "cl.srv",
            &set.name,
            format!("{} says \"no such service\" and names a server as well", set.name),
        )
        .seen("dns", "", &line)
        .change("remove", &set.name, "SRV", &rdata(none), "")
        .fix("Keep one of the two.")
        .rfc("RFC 6186 §3.4"),
    )
}

/// A well-known port that is for the other way of TLS.
fn odd_port(set: &SrvSet, record: &SrvRecord) -> Option<Finding> {
    let usual = Mode::of_port(record.port)?;
    if record.target == "." || usual == set.mode || record.port == 25 {
        return None;
    }
    let label = set.name.split('.').next().unwrap_or_default();
    let title =
        format!("{label} promises {}, and port {} is the one for {}", set.mode.name(), record.port, usual.name());
    let right = LABELS.iter().find(|(_, service, mode)| *service == set.service && *mode == usual);
    let mut finding = Finding::warning("cl.srv", &set.name, title).seen("dns", "", shown(set, record));
    if let Some((right, ..)) = right {
        finding = finding.fix(format!("Publish port {} under {right}, or another port under {label}.", record.port));
    }
    Some(finding.rfc("RFC 8314 §5.1"))
}

/// RFC 2782 has no aliases there; mail programs follow them all the same.
fn alias(facts: &ClientFacts, set: &SrvSet, record: &SrvRecord) -> Option<Finding> {
    let resolved = facts.names.get(&record.target).filter(|resolved| !resolved.ips.is_empty())?;
    let to = resolved.alias.as_ref()?;
    Some(
        Finding::note(
            "cl.srv",
            &set.name,
            format!("{} points to {}, which is an alias of {to}", set.name, record.target),
        )
        .seen("dns", "", shown(set, record))
        .fix(format!("Name {to} in the record itself, if its certificate has that name."))
        .rfc("RFC 2782"),
    )
}

fn shown(set: &SrvSet, record: &SrvRecord) -> String {
    format!("{}. SRV {}", set.name, rdata(record))
}

/// A record's data as a zone file has it.
pub(super) fn rdata(record: &SrvRecord) -> String {
    let dot = if record.target == "." { "" } else { "." };
    let SrvRecord { priority, weight, port, target } = record;
    format!("{priority} {weight} {port} {target}{dot}")
}

#[cfg(test)]
mod tests {
    use super::super::Resolved;
    use super::*;
    use crate::finding::{Severity, State};

    fn facts(records: &[(&str, u16, &str)], addresses: &[(&str, &str)]) -> ClientFacts {
        let mut facts = ClientFacts { domain: "example.com".into(), ..ClientFacts::default() };
        for (label, service, mode) in LABELS {
            let of_it = records.iter().filter(|(of, ..)| *of == label);
            let records = of_it
                .map(|(_, port, target)| SrvRecord { priority: 0, weight: 1, port: *port, target: (*target).into() })
                .collect();
            let name = format!("{label}._tcp.example.com");
            facts.srv.push(SrvSet { name, service, mode, records, failure: None });
        }
        for (name, ip) in addresses {
            let resolved = match *ip {
                "" => Resolved::default(),
                "?" => Resolved { failure: Some("SERVFAIL".into()), ..Resolved::default() },
                ip => Resolved { ips: vec![ip.parse().unwrap()], ..Resolved::default() },
            };
            facts.names.insert((*name).to_owned(), resolved);
        }
        facts
    }

    #[test]
    fn records_and_what_is_said_of_them() {
        let good = ("imap.example.com", "192.0.2.1");
        type Case<'a> = (&'a str, &'a [(&'a str, u16, &'a str)], &'a [(&'a str, &'a str)], State, &'a [Severity]);
        let table: &[Case<'_>] = &[
            ("none", &[], &[], State::NotApplicable, &[]),
            ("good", &[("_imaps", 993, good.0), ("_submission", 587, good.0)], &[good], State::Fine, &[]),
            ("no such service", &[("_pop3", 0, ".")], &[], State::Fine, &[]),
            (
                "no name",
                &[("_imaps", 993, "gone.example.com")],
                &[("gone.example.com", "")],
                State::Found,
                &[Severity::Problem],
            ),
            (
                "one of two is gone",
                &[("_imaps", 993, "gone.example.com"), ("_imaps", 993, good.0)],
                &[("gone.example.com", ""), good],
                State::Found,
                &[Severity::Warning],
            ),
            ("name servers fail", &[("_imaps", 993, "x.example.com")], &[("x.example.com", "?")], State::Fine, &[]),
            ("both", &[("_imap", 0, "."), ("_imap", 143, good.0)], &[good], State::Found, &[Severity::Warning]),
            ("wrong port", &[("_imaps", 143, good.0)], &[good], State::Found, &[Severity::Warning]),
            ("own port", &[("_imaps", 10993, good.0)], &[good], State::Fine, &[]),
        ];
        for (name, records, addresses, state, severities) in table {
            let mut say = Say::default();
            judge(&facts(records, addresses), &mut say);
            let found: Vec<Severity> = say.findings().iter().map(|finding| finding.severity).collect();
            assert_eq!((say.state_of("cl.srv"), found.as_slice()), (Some(*state), *severities), "{name}");
        }
    }
}
