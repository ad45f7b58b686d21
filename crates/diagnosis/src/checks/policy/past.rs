//! `sts.id`: the MTA-STS policy against what earlier runs saw of it.
//!
//! Senders keep a policy for its `max_age` and look at nothing but the record's id in between
//! (RFC 8461 §3.3): a new policy under an old id is not heard of for weeks.

use super::PolicyFacts;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use crate::history::Snapshot;
use crate::report::moment;
use postrider_mailauth::mta_sts::{self, Mode, Policy};
use std::collections::BTreeMap;

const ID: &str = "sts.id";
/// The names under which runs remember.
const POLICY: &str = "MTA-STS policy";
const RECORD: &str = "MTA-STS";
/// Trying out takes weeks, not months.
const TESTING_LONG_MS: i64 = 60 * 86_400_000;

/// The policy in a line: what has to be known again.
fn line(policy: &Policy) -> String {
    let mode = policy.mode.map_or("none", Mode::name);
    let mut hosts: Vec<&str> = policy.mx.iter().map(|host| &**host).collect();
    hosts.sort_unstable();
    format!("mode: {mode}, mx: {}, max_age: {}", hosts.join(" "), policy.max_age.unwrap_or(0))
}

/// All of the line but how long the policy is kept, which harms nobody.
fn without_age(line: &str) -> &str {
    line.rsplit_once(", max_age: ").map_or(line, |(rest, _)| rest)
}

/// The policy that was got, where it can be used.
pub(crate) fn remember(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    let answer = facts.policy.as_ref().and_then(|policy| policy.policy.as_ref()?.end.as_ref().ok());
    let Some(answer) = answer.filter(|answer| answer.status == 200 && !answer.cut) else { return };
    let policy = mta_sts::read_policy(&String::from_utf8_lossy(&answer.body)).value;
    if policy.valid() {
        seen.insert(POLICY.into(), line(&policy));
    }
}

fn id_of(text: &str) -> Option<Box<str>> {
    text.split(" | ").find(|text| mta_sts::is_record(text)).and_then(|text| mta_sts::read(text).value.id)
}

/// The policy that stood before this one, when it stood under the same id.
fn before<'a>(history: &'a [Snapshot], now: &str, id: &str) -> Option<&'a Snapshot> {
    let with = |snapshot: &&Snapshot| snapshot.seen.contains_key(POLICY);
    let old = history.iter().rev().filter(with).find(|snapshot| snapshot.seen[POLICY] != now)?;
    // Where it once stood under another id, the id was changed along with it, if not in one moment.
    let same = |snapshot: &&Snapshot| snapshot.seen.get(POLICY) == old.seen.get(POLICY);
    let ids: Vec<Option<Box<str>>> =
        history.iter().filter(same).map(|snapshot| id_of(snapshot.seen.get(RECORD)?)).collect();
    ids.iter().all(|known| known.as_deref() == Some(id)).then_some(old)
}

/// Since when runs have seen mode testing without a break.
fn testing_since(history: &[Snapshot]) -> Option<i64> {
    let testing = |snapshot: &&Snapshot| {
        snapshot.seen.get(POLICY).is_some_and(|line| line.starts_with(&format!("mode: {},", Mode::Testing.name())))
    };
    history.iter().rev().take_while(testing).last().map(|snapshot| snapshot.at)
}

pub(super) fn judge(facts: &Facts, seen: &PolicyFacts, policy: &Policy, say: &mut Say) {
    let mut found = Vec::new();
    found.extend(stale_id(facts, seen, policy));
    let since = testing_since(&facts.settings.history).filter(|_| policy.mode == Some(Mode::Testing));
    if let Some(since) = since.filter(|since| facts.now.0.saturating_sub(*since) > TESTING_LONG_MS) {
        let days = facts.now.0.saturating_sub(since) / 86_400_000;
        found.push(
            Finding::note(ID, &facts.domain, format!("the MTA-STS policy has been in mode testing for {days} days"))
                .impact(Impact::None, Impact::None)
                .meaning("In mode testing it protects nothing: senders report what is wrong and deliver all the same.")
                .seen(
                    "http",
                    format!("mta-sts.{}", facts.domain),
                    format!("mode: testing, seen so since {}", moment(since)),
                )
                .fix("If the reports are clean, set mode: enforce and change the id in the record.")
                .rfc("RFC 8461 §5.1"),
        );
    }
    let seconds = policy.max_age.unwrap_or(0);
    // Two weeks and more is what the RFC hopes for; below a day it protects hardly anything.
    if seconds < 86_400 && policy.mode == Some(Mode::Enforce) {
        found.push(
            Finding::note(
                ID,
                &facts.domain,
                format!("senders forget the MTA-STS policy after {}", crate::words::span(seconds)),
            )
            .impact(Impact::None, Impact::None)
            .seen("http", format!("mta-sts.{}", facts.domain), format!("max_age: {seconds}"))
            .fix("Set max_age to two weeks or more: 1209600.")
            .rfc("RFC 8461 §3.2"),
        );
    }
    let mode = policy.mode.map_or("none", Mode::name);
    say.found_or_fine(ID, found, format!("mode {mode}, kept for {}", crate::words::span(seconds)));
}

fn stale_id(facts: &Facts, seen: &PolicyFacts, policy: &Policy) -> Option<Finding> {
    let record = seen.sts.as_ref().ok()?.iter().find(|text| mta_sts::is_record(text))?;
    let id = mta_sts::read(record).value.id?;
    let now = line(policy);
    let old = before(&facts.settings.history, &now, &id)?;
    let was = &old.seen[POLICY];
    let domain = &facts.domain;
    let title = format!("the MTA-STS policy of {domain} was changed, and its id was not");
    let finding = if without_age(was) == without_age(&now) {
        Finding::note(ID, domain, title).impact(Impact::None, Impact::None)
    } else {
        Finding::warning(ID, domain, title)
    };
    let fresh = moment(facts.now.0).chars().filter(char::is_ascii_digit).collect::<String>();
    let name = format!("_mta-sts.{domain}");
    Some(
        finding
            .meaning("Senders that know the old policy fetch the new one only when the id changes, or when the old one runs out.")
            .seen("http", format!("mta-sts.{domain}"), format!("until {}: {was}", moment(old.until)))
            .seen("http", format!("mta-sts.{domain}"), format!("now: {now}"))
            .seen("dns", "", format!("{name} TXT {record:?}"))
            .fix("Give the record a new id now that the policy is new.")
            .change("replace", &name, "TXT", record, &format!("v=STSv1; id={fresh};")),
    )
}
