//! What earlier runs saw, and what changed since.
//!
//! A [`Snapshot`] is the facts that matter, each a line under a name, and the problems there
//! were. [`remember`] adds one to a domain's history; a run that saw nothing new only moves
//! the last one's `until`, so a history grows by changes, not by runs.

use crate::checks::dkim::MEMORY as KEY;
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::report::{Change, moment};
use domain::base::iana::Rtype;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Snapshots kept of one domain.
pub const SNAPSHOTS_MAX: usize = 400;

/// What one run saw, or several that saw the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was first seen so, in milliseconds since 1970.
    pub at: i64,
    /// When it was last seen so.
    pub until: i64,
    /// What was seen: a name such as `MX` or `certificate mx1.example.com`, and its value.
    pub seen: BTreeMap<String, String>,
    /// The keys of the problems there were.
    pub problems: BTreeSet<String>,
}

/// What this run saw. Only what was answered is in it: silence is no change.
pub fn snapshot(facts: &Facts, findings: &[Finding]) -> Snapshot {
    let mut seen = BTreeMap::new();
    zone(facts, &mut seen);
    for remember in crate::checks::MEMORIES {
        remember(facts, &mut seen);
    }
    let problems = findings.iter().filter(|finding| finding.severity == Severity::Problem).map(Finding::key).collect();
    Snapshot { at: facts.now.0, until: facts.now.0, seen, problems }
}

/// The records of the zone that mail needs, as its servers agree on them.
fn zone(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    let Some(zone) = facts.zone.as_ref().filter(|zone| zone.serving().next().is_some()) else { return };
    let domain = &facts.domain;
    let mut note = |label: String, name: &str, kind: Rtype, wanted: &dyn Fn(&str) -> bool| {
        let Some(records) = zone.agreed(name, kind) else { return };
        let mut values: Vec<String> = records
            .iter()
            .map(|rr| rr.data.txt().unwrap_or_else(|| rr.data.to_string()))
            .filter(|value| wanted(value))
            .collect();
        values.sort();
        if !values.is_empty() {
            seen.insert(label, values.join(" | "));
        }
    };
    let any = |_: &str| true;
    note("NS".into(), &zone.zone, Rtype::NS, &any);
    note("MX".into(), domain, Rtype::MX, &any);
    note("SPF".into(), domain, Rtype::TXT, &|text| text.to_ascii_lowercase().starts_with("v=spf1"));
    note("DMARC".into(), &format!("_dmarc.{domain}"), Rtype::TXT, &any);
    note("MTA-STS".into(), &format!("_mta-sts.{domain}"), Rtype::TXT, &any);
    note("TLSRPT".into(), &format!("_smtp._tls.{domain}"), Rtype::TXT, &any);
    for host in facts.mx.iter().flat_map(|mx| &mx.hosts).filter(|host| !host.ips.is_empty()) {
        let mut ips: Vec<String> = host.ips.iter().map(ToString::to_string).collect();
        ips.sort();
        seen.insert(format!("address of {}", host.name), ips.join(" "));
    }
    let serial = zone.serving().filter_map(crate::dns::NsFacts::serial).max();
    if let Some(serial) = serial {
        seen.insert("serial".into(), serial.to_string());
    }
}

/// The history with this run in it. Facts that were not seen this time are taken over.
pub fn remember(mut history: Vec<Snapshot>, mut now: Snapshot) -> Vec<Snapshot> {
    if let Some(last) = history.last_mut() {
        for (name, value) in &last.seen {
            now.seen.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if last.seen == now.seen && last.problems == now.problems {
            last.until = now.at;
            return history;
        }
    }
    history.push(now);
    let surplus = history.len().saturating_sub(SNAPSHOTS_MAX);
    history.drain(..surplus);
    history
}

/// What changed from one snapshot to the next, each as a line; a serial alone is no news.
pub fn differences(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in &new.seen {
        match old.seen.get(name) {
            _ if name == "serial" => {}
            Some(before) if before == value => {}
            Some(before) => lines.push(format!("{name} changed: {} → {}", short(before), short(value))),
            None if !is_known_to_be_new(old, name) => {}
            None => lines.push(format!("{name} is new: {}", short(value))),
        }
    }
    lines
}

/// Whether the earlier run would have seen it. What was not asked for then, or not answered, as a
/// silent registry or host, is not new because it is seen now.
fn is_known_to_be_new(old: &Snapshot, name: &str) -> bool {
    let asked = |label: &str| old.seen.keys().any(|known| known.starts_with(label));
    match name {
        "MX" | "SPF" | "DMARC" | "MTA-STS" | "TLSRPT" => asked("NS"),
        _ if name.starts_with(KEY) => asked(KEY),
        _ => false,
    }
}

fn short(value: &str) -> String {
    if value.chars().count() <= 70 {
        value.to_owned()
    } else {
        format!("{}…", value.chars().take(69).collect::<String>())
    }
}

/// The timeline: changes between snapshots, and the dates that records themselves carry.
pub fn timeline(facts: &Facts, now: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    let history = &facts.settings.history;
    let pairs = history.windows(2).map(|pair| (&pair[0], &pair[1])).chain(history.last().map(|last| (last, now)));
    for (old, new) in pairs {
        for what in differences(old, new) {
            changes.push(Change {
                at: moment(new.at),
                what: format!("{what} (looked before at {})", moment(old.until)),
                source: "snapshot",
            });
        }
    }
    for tell in crate::checks::DATES {
        changes.extend(tell(facts));
    }
    let present = moment(facts.now.0);
    changes.retain(|change| change.at <= present);
    changes.sort();
    changes
}

/// Since when a problem has been seen without a break, when that is longer than now.
pub fn since(history: &[Snapshot], key: &str) -> Option<i64> {
    let with = history.iter().rev().take_while(|snapshot| snapshot.problems.contains(key));
    with.last().map(|snapshot| snapshot.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snap(at: i64, mx: &str, problems: &[&str]) -> Snapshot {
        Snapshot {
            at,
            until: at,
            seen: BTreeMap::from([("MX".into(), mx.into()), ("serial".into(), at.to_string())]),
            problems: problems.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn a_history_grows_by_changes() {
        let mut history = Vec::new();
        for (at, mx) in [(1, "a"), (2, "a"), (3, "b")] {
            let mut now = snap(at, mx, &[]);
            now.seen.remove("serial");
            history = remember(history, now);
        }
        assert_eq!(history.iter().map(|s| (s.at, s.until)).collect::<Vec<_>>(), [(1, 2), (3, 3)]);
    }

    #[test]
    fn silence_is_no_change() {
        let quiet = Snapshot { at: 2, until: 2, ..Snapshot::default() };
        let history = remember(vec![snap(1, "a", &[])], quiet);
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].until, 2);
    }

    #[test]
    fn differences_are_told_and_a_serial_is_not() {
        assert_eq!(differences(&snap(1, "10 a", &[]), &snap(2, "10 b", &[])), ["MX changed: 10 a → 10 b"]);
        assert!(differences(&snap(1, "a", &[]), &snap(2, "a", &[])).is_empty());
        let mut old = snap(1, "a", &[]);
        let mut new = snap(2, "a", &[]);
        for name in ["SPF", "DKIM key: mail", "DKIM key at own", "registrar", "certificate of mx"] {
            new.seen.insert(name.into(), "x".into());
        }
        assert!(differences(&old, &new).is_empty(), "an earlier run that saw no zone and no key");
        old.seen.insert("NS".into(), "ns1".into());
        assert_eq!(differences(&old, &new), ["SPF is new: x"]);
        old.seen.insert("DKIM key: default".into(), "x".into());
        // One that the user named today was there before, for all that is known.
        assert_eq!(differences(&old, &new), ["DKIM key: mail is new: x", "SPF is new: x"]);
    }

    #[test]
    fn since_when_a_problem_is_there_without_a_break() {
        let history = [snap(1, "a", &["x#y"]), snap(2, "a", &[]), snap(3, "a", &["x#y"]), snap(4, "b", &["x#y"])];
        assert_eq!(since(&history, "x#y"), Some(3));
        assert_eq!(since(&history, "other#y"), None);
    }
}
