use super::*;
use crate::history::Snapshot;
use crate::log::{Silent, Streak};
use postrider_reply::Decoder;
use postrider_smtp::Timestamp;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
/// 2026-11-24 17:06:40 UTC.
const NOW: i64 = 1_795_540_000_000;

/// Failures of a cause behind the last success, of so many messages with so many peers.
fn failing(cause: Cause, messages: u64, peers: u64) -> Flow {
    let decoder = Decoder::new();
    let known = decoder.cause(cause).unwrap();
    Flow {
        tried: messages + 1,
        accepted: 1,
        deferred: messages,
        last_accepted: Some(NOW - 3 * HOUR),
        last_accepted_by: "mx.example.net".into(),
        onset: Some(NOW - 2 * HOUR),
        streak: Streak { attempts: messages, messages, peers, cause: Some(cause) },
        reasons: vec![Reason {
            cause,
            who: known.who,
            summary: known.summary.to_string(),
            advice: Vec::new(),
            count: messages,
            at_door: false,
            tells: true,
            first: Some(NOW - 2 * HOUR),
            last: Some(NOW - HOUR),
            words: "550 5.7.0 the whole words".into(),
            short: "550 5.7.0 words".into(),
            by: "mx.example.org".into(),
        }],
        ..Flow::default()
    }
}

fn facts(sending: Flow, receiving: Flow, last: i64) -> Facts {
    let mut facts = Facts { domain: "good.test".into(), now: Timestamp(NOW), ..Facts::default() };
    let files = vec!["mail.log".into()];
    facts.settings.log =
        Some(LogSeen { files, first: Some(NOW - 9 * HOUR), last: Some(last), sending, receiving, senders: Vec::new() });
    facts
}

/// What the direction comes to: severity, sending, receiving, who acts.
fn told(facts: &Facts) -> Vec<(Severity, Impact, Impact, Actor)> {
    let mut say = Say::default();
    judge(facts, &mut say);
    let found = say.findings().iter().filter(|finding| finding.id == "log.dir");
    found.map(|it| (it.severity, it.sending, it.receiving, it.act)).collect()
}

#[test]
fn which_direction_is_broken() {
    use Impact::{AtRisk, Broken, None};
    use Severity::{Problem, Warning};
    let well = || Flow { tried: 9, accepted: 9, ..Flow::default() };
    let table = [
        // All destinations refuse what is ours to mend.
        (Way::Out, failing(Cause::Unauthenticated, 5, 3), vec![(Problem, Broken, None, Actor::You)]),
        (Way::Out, failing(Cause::Unauthenticated, 5, 1), vec![(Problem, AtRisk, None, Actor::You)]),
        (Way::Out, failing(Cause::SpfFailed, 1, 1), vec![(Warning, AtRisk, None, Actor::You)]),
        // No way out at all; but one dead destination, however often it is tried, is its own fault.
        (Way::Out, failing(Cause::ConnectionTimeout, 5, 4), vec![(Problem, Broken, None, Actor::Isp)]),
        (Way::Out, failing(Cause::ConnectionTimeout, 50, 1), vec![]),
        (Way::Out, failing(Cause::RateLimited, 1, 1), vec![]),
        // Whoever sends it: the domain's host does not answer.
        (Way::In, failing(Cause::ConnectionRefused, 4, 1), vec![(Problem, None, Broken, Actor::You)]),
        (Way::In, failing(Cause::NoMx, 4, 1), vec![(Problem, None, Broken, Actor::You)]),
        (Way::In, failing(Cause::ConnectionTimeout, 1, 1), vec![]),
        (Way::In, failing(Cause::NoMx, 1, 1), vec![(Warning, None, AtRisk, Actor::You)]),
        // The sender of this log has a bad name: the domain's host is right.
        (Way::In, failing(Cause::IpBlocklisted, 4, 1), vec![(Warning, None, AtRisk, Actor::Recipient)]),
        (Way::In, well(), vec![]),
        (Way::Out, well(), vec![]),
    ];
    for (index, (way, flow, want)) in table.into_iter().enumerate() {
        let facts = match way {
            Way::Out => facts(flow, well(), NOW - HOUR),
            Way::In => facts(well(), flow, NOW - HOUR),
        };
        assert_eq!(told(&facts), want, "row {index}");
    }
}

#[test]
fn peers_that_take_nothing_while_others_do() {
    let silent = |peer: &str, cause| Silent { peer: peer.into(), messages: 4, since: NOW - HOUR, cause };
    let mut flow = failing(Cause::DmarcFailed, 4, 1);
    flow.streak = Streak::default();
    flow.silent = vec![silent("gmail.com", Cause::DmarcFailed)];
    let warned = (Severity::Warning, Impact::AtRisk, Impact::None, Actor::You);
    assert_eq!(told(&facts(flow.clone(), Flow::default(), NOW)), [warned]);
    flow.silent.push(silent("yahoo.com", Cause::DmarcFailed));
    assert_eq!(told(&facts(flow.clone(), Flow::default(), NOW))[0].0, Severity::Problem);
    // Two messages at one peer prove it where the reason holds for all mail, else three are needed.
    let mut few = flow.clone();
    few.silent = vec![Silent { messages: 2, ..silent("gmail.com", Cause::DmarcFailed) }];
    assert_eq!(told(&facts(few, Flow::default(), NOW)), [warned]);
    let mut slow = failing(Cause::RateLimited, 2, 1);
    slow.streak = Streak::default();
    slow.silent = vec![Silent { messages: 2, ..silent("gmail.com", Cause::RateLimited) }];
    assert!(told(&facts(slow, Flow::default(), NOW)).is_empty());
    let mut dead = failing(Cause::ConnectionTimeout, 4, 1);
    dead.streak = Streak::default();
    dead.silent = vec![silent("dead.test", Cause::ConnectionTimeout)];
    assert!(told(&facts(dead, Flow::default(), NOW)).is_empty());
}

#[test]
fn an_old_log_proves_nothing_of_today() {
    let old = facts(failing(Cause::SpfFailed, 9, 4), Flow::default(), NOW - 72 * HOUR);
    assert_eq!(told(&old)[0].0, Severity::Warning);
}

#[test]
fn what_answers_now_may_be_over() {
    let table = [(Cause::ConnectionRefused, Severity::Warning), (Cause::ServerError, Severity::Problem)];
    for (cause, want) in table {
        let mut say = Say::default();
        say.fine("smtp.banner", "220");
        judge(&facts(Flow::default(), failing(cause, 5, 1), NOW), &mut say);
        assert_eq!(say.findings()[0].severity, want, "{cause:?}");
    }
}

#[test]
fn without_a_log_nothing_is_reproached() {
    for (log, want) in [(None, State::NotApplicable), (Some(LogSeen::default()), State::Untested)] {
        let mut facts = facts(Flow::default(), Flow::default(), NOW);
        facts.settings.log = log;
        let mut say = Say::default();
        judge(&facts, &mut say);
        for id in ["log.dir", "log.onset", "log.reasons"] {
            assert_eq!(say.state_of(id), Some(want), "{id}");
        }
        assert!(say.findings().is_empty() && timeline(&facts).is_empty());
    }
}

#[test]
fn what_was_found_elsewhere_is_the_cause() {
    let facts = facts(failing(Cause::SpfFailed, 5, 3), Flow::default(), NOW);
    let mut say = Say::default();
    say.found(Finding::problem("mx.none", "good.test", "no MX"));
    say.found(Finding::problem("spf.covers", "192.0.2.1", "not covered").impact(Impact::AtRisk, Impact::None));
    judge(&facts, &mut say);
    let finding = say.findings().iter().find(|finding| finding.id == "log.dir").unwrap();
    assert_eq!(finding.because_of, ["spf.covers#192.0.2.1"]);
    assert_eq!(since(&facts, finding), Some(NOW - 2 * HOUR));
    let other = Finding::problem("mx.none", "good.test", "no MX").impact(Impact::None, Impact::Broken);
    assert_eq!(since(&facts, &other), None);
}

#[test]
fn the_onset_is_lined_up_with_the_change_before_it() {
    let onset = NOW - 2 * HOUR;
    let looks = |times: [(i64, i64, &str); 3]| {
        let snap = |(at, until, mx): (i64, i64, &str)| Snapshot {
            at,
            until,
            seen: BTreeMap::from([("MX".to_owned(), mx.to_owned())]),
            ..Snapshot::default()
        };
        times.map(snap).to_vec()
    };
    let week = 7 * 24 * HOUR;
    let table = [
        // Two changes before: the nearer one.
        (
            looks([
                (onset - 9 * HOUR, onset - 8 * HOUR, "a"),
                (onset - 7 * HOUR, onset - HOUR, "b"),
                (onset - 660_000, NOW, "c"),
            ]),
            "11 min after: MX changed: b → c",
        ),
        // One look before the onset, one behind it.
        (
            looks([
                (onset - 9 * HOUR, onset - 8 * HOUR, "a"),
                (onset - 7 * HOUR, onset - HOUR, "a"),
                (onset + HOUR, NOW, "c"),
            ]),
            "It lies between 2026-11-24T14:06:40Z and 2026-11-24T16:06:40Z, when this changed: MX changed: a → c",
        ),
        // Behind it, or long before it.
        (
            looks([(onset + 1, onset + 2, "a"), (onset + 3, onset + 4, "b"), (onset + 5, NOW, "b")]),
            "No change is known",
        ),
        (
            looks([(onset - 9 * week, onset - 8 * week, "a"), (onset - 7 * week, onset, "b"), (onset + 5, NOW, "b")]),
            "No change is known",
        ),
    ];
    for (history, want) in table {
        let mut facts = facts(failing(Cause::SpfFailed, 5, 3), Flow::default(), NOW);
        facts.settings.history = history;
        let mut say = Say::default();
        judge(&facts, &mut say);
        let finding = say.findings().iter().find(|finding| finding.id == "log.onset").unwrap();
        assert!(finding.meaning[0].starts_with(want), "{:?}", finding.meaning);
        let entries: Vec<String> = timeline(&facts).into_iter().map(|change| change.what).collect();
        assert!(
            entries.iter().any(|what| what == "mail from the domain: first '550 5.7.0 words' from mx.example.org"),
            "{entries:?}"
        );
        assert!(
            entries.iter().any(|what| what == "mail from the domain: last one accepted by mx.example.net"),
            "{entries:?}"
        );
    }
}
