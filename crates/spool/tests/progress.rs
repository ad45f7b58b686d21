//! What becomes of recipients, step by step: commit, record, restart, and the operator's hand.

mod common;

use common::*;
use postrider_smtp::Address;
use postrider_spool::{
    AttemptRecord, Due, Engine, Next, Progress, QueueQuery, Record, SpoolError, SqliteEngine, Surgery,
};
use std::time::Duration;

#[test]
fn a_message_delivered_at_once_leaves_nothing() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["a@x.example", "b@x.example"])]).unwrap();
    assert_eq!(queue(&engine), ["1/0 x.example leased 0", "1/1 x.example leased 0"]);
    assert_eq!(engine.content(id(1)).unwrap().body, "body 1\r\n");
    engine.record(&[record(&[done(1, 0), done(1, 1)])]).unwrap();
    assert_eq!((queue(&engine), engine.count().unwrap()), (vec![], (0, 0)));
    assert!(matches!(engine.content(id(1)), Err(SpoolError::NoSuchMessage(gone)) if gone == id(1)));
    assert!(matches!(engine.kept(id(1)), Err(SpoolError::NoSuchMessage(_))));
}

#[test]
fn a_commit_and_its_record_may_share_one_transaction() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.write(&[leased(1, &["a@x.example"])], &[record(&[done(1, 0)])]).unwrap();
    assert_eq!(engine.count().unwrap(), (0, 0));
}

#[test]
fn recipients_go_their_own_ways() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["a@x.example", "b@y.example", "c@z.example", "d@z.example"])]).unwrap();
    let steps = [
        (vec![done(1, 0)], vec!["1/1 y.example leased 0", "1/2 z.example leased 0", "1/3 z.example leased 0"]),
        (
            vec![retry(1, 2, minute(5), "greylisted"), done(1, 3)],
            vec!["1/1 y.example leased 0", "1/2 z.example +5 1 greylisted"],
        ),
        (vec![done(1, 1), done(1, 1)], vec!["1/2 z.example +5 1 greylisted"]),
        (vec![done(1, 9), done(7, 0)], vec!["1/2 z.example +5 1 greylisted"]),
        (vec![retry(1, 2, minute(15), "busy")], vec!["1/2 z.example +15 2 busy"]),
        (vec![done(1, 2)], vec![]),
    ];
    for (progress, want) in steps {
        engine.record(&[record(&progress)]).unwrap();
        assert_eq!(queue(&engine), want, "after {progress:?}");
    }
    assert_eq!(engine.count().unwrap(), (0, 0));
}

/// What may have been delivered is counted, through restarts and put-backs that are no attempts.
#[test]
fn doubts_are_counted() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["a@x.example"]), waiting(2, &["b@x.example"], NOW)]).unwrap();
    let step =
        |attempted, in_doubt| Next::Retry { due: NOW, reason: "x".to_owned(), attempted, delay_told: false, in_doubt };
    for message in [1, 2] {
        for next in [step(true, true), step(false, false), step(true, false)] {
            engine.record(&[record(&[Progress { message: id(message), recipient: 0, next }])]).unwrap();
        }
    }
    drop(engine);
    let claimed = directory.open().claim(&claim(minute(1))).unwrap();
    let doubts: Vec<_> =
        claimed.work.iter().map(|work| (work.recipients[0].attempts, work.recipients[0].doubts)).collect();
    assert_eq!(doubts, [(2, 1), (2, 1)]);
}

#[test]
fn what_was_in_flight_is_due_again_after_a_restart() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["a@x.example", "b@y.example"]), leased(2, &["c@x.example"])]).unwrap();
    engine.commit(&[waiting(3, &["d@x.example"], minute(9))]).unwrap();
    engine.record(&[record(&[done(1, 0)])]).unwrap();
    drop(engine);
    let (engine, recovered) = SqliteEngine::open(directory.settings()).unwrap();
    assert_eq!(recovered, [(id(2), 0)], "message 1 had been moved to those that wait");
    assert_eq!(queue(&engine), ["1/1 y.example +0 0", "2/0 x.example +0 0", "3/0 x.example +9 0"]);
    assert_eq!(work(&engine.claim(&claim(NOW)).unwrap()), ["2/0@x.example", "1/1@y.example"]);
}

#[test]
fn the_newest_attempts_are_kept_with_their_message() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["a@x.example"])]).unwrap();
    let attempt = |number: i64| AttemptRecord {
        at: minute(number),
        took: Duration::from_millis(1234),
        host: "mx.x.example [192.0.2.1]".to_owned(),
        outcomes: vec![(0, format!("rcpt: 450 4.2.0 try {number}"))],
        transcript: "C: MAIL\nS: 250\n".repeat(10_000),
    };
    for number in 1..=23 {
        let progress = vec![retry(1, 0, minute(number + 5), "greylisted")];
        engine.record(&[Record { progress, attempt: Some((id(1), attempt(number))), notices: vec![] }]).unwrap();
    }
    let kept = engine.kept(id(1)).unwrap();
    assert_eq!((kept.client.as_str(), kept.accepted), ("tom", NOW));
    assert_eq!(kept.envelope, leased(1, &["a@x.example"]).envelope);
    assert_eq!(kept.attempts.len(), 20);
    assert_eq!(kept.attempts[0].at, minute(4));
    let last = &kept.attempts[19];
    assert_eq!((&last.outcomes, last.took), (&attempt(23).outcomes, attempt(23).took));
    assert_eq!(last.transcript.len(), postrider_spool::sqlite::TRANSCRIPT_BYTES_MAX);
    let last = Record { progress: vec![done(1, 0)], attempt: Some((id(1), attempt(24))), notices: vec![] };
    engine.record(&[last]).unwrap();
    assert!(matches!(engine.kept(id(1)), Err(SpoolError::NoSuchMessage(_))));
}

#[test]
fn a_bounce_is_kept_in_the_same_step_as_the_failure_it_tells_of() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[leased(1, &["gone@x.example"])]).unwrap();
    let bounce = waiting(2, &["from@sender.example"], NOW);
    engine.record(&[Record { progress: vec![done(1, 0)], attempt: None, notices: vec![bounce] }]).unwrap();
    assert_eq!(queue(&engine), ["2/0 sender.example +0 0"]);
}

#[test]
fn a_batch_is_kept_whole_or_not_at_all() {
    let directory = Directory::new();
    let engine = directory.open();
    let one = leased(1, &["a@x.example"]);
    // The same id twice cannot be: a fault of the caller, and nothing of the batch may stay.
    assert!(engine.commit(&[one.clone(), leased(2, &["b@x.example"]), one.clone()]).is_err());
    assert_eq!(engine.count().unwrap(), (0, 0));
    engine.commit(&[one]).unwrap();
    assert_eq!(engine.count().unwrap(), (1, 1));
}

#[test]
fn an_operator_holds_releases_retries_and_drops() {
    let directory = Directory::new();
    let engine = directory.open();
    engine
        .commit(&[
            waiting(1, &["a@x.example", "b@y.example"], minute(5)),
            waiting(2, &["c@x.example"], minute(6)),
            leased(3, &["d@x.example"]),
        ])
        .unwrap();
    let of =
        |destination_of: &str| QueueQuery { destination: Some(destination(destination_of)), ..QueueQuery::default() };
    let steps = [
        (of("x.example"), Surgery::Hold, 2, ["held", "+5", "held"]),
        (QueueQuery::default(), Surgery::Retry, 1, ["held", "+1", "held"]),
        (QueueQuery { message: Some(id(2)), ..QueueQuery::default() }, Surgery::Release, 1, ["held", "+1", "+1"]),
        (
            QueueQuery { address: Some("A@X.example".to_owned()), ..QueueQuery::default() },
            Surgery::Release,
            1,
            ["+1", "+1", "+1"],
        ),
    ];
    for (query, surgery, touched, [a, b, c]) in steps {
        assert_eq!(engine.operate(&query, &surgery, minute(1)).unwrap(), touched, "{surgery:?}");
        let want = [
            format!("1/0 x.example {a} 0"),
            format!("1/1 y.example {b} 0"),
            format!("2/0 x.example {c} 0"),
            "3/0 x.example leased 0".to_owned(),
        ];
        assert_eq!(queue(&engine), want, "{surgery:?}");
    }
    assert_eq!(work(&engine.claim(&claim(minute(1))).unwrap()).len(), 3);
    assert_eq!(engine.operate(&QueueQuery::default(), &Surgery::Drop, minute(1)).unwrap(), 0, "all are leased");
    engine.record(&[record(&[retry(1, 0, minute(9), "busy"), retry(2, 0, minute(9), "busy")])]).unwrap();
    assert_eq!(engine.operate(&of("x.example"), &Surgery::Drop, minute(1)).unwrap(), 2);
    assert_eq!(queue(&engine), ["1/1 y.example leased 0", "3/0 x.example leased 0"]);
    assert!(matches!(engine.content(id(2)), Err(SpoolError::NoSuchMessage(_))));
}

#[test]
fn surgery_reaches_every_slice_of_a_long_queue() {
    let directory = Directory::new();
    let engine = directory.open();
    let batch: Vec<_> = (1..=2500).map(|count| waiting(count, &["a@x.example"], minute(5))).collect();
    engine.commit(&batch).unwrap();
    assert_eq!(engine.operate(&QueueQuery::default(), &Surgery::Hold, NOW).unwrap(), 2500);
    assert_eq!(engine.operate(&QueueQuery::default(), &Surgery::Release, NOW).unwrap(), 2500);
    assert_eq!(engine.operate(&QueueQuery::default(), &Surgery::Drop, NOW).unwrap(), 2500);
    assert_eq!(engine.count().unwrap(), (0, 0));
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let directory = Directory::new();
    let engine = directory.open();
    engine
        .commit(&[
            waiting(1, &["a@x.example", "b@x.example"], NOW),
            leased(2, &["c@x.example"]),
            waiting(3, &["d@y.example", "a@x.example"], NOW),
        ])
        .unwrap();
    let mut query = QueueQuery { rows_max: 2, ..QueueQuery::default() };
    let mut pages = Vec::new();
    loop {
        let page = engine.look(&query).unwrap();
        assert_eq!((page.recipients, page.messages), (5, 3));
        let seats: Vec<_> = page.rows.iter().map(|row| (row.message, row.standing.index)).collect();
        query.after = seats.last().copied();
        pages.push(seats);
        if !page.more {
            break;
        }
    }
    let want = vec![vec![(id(1), 0), (id(1), 1)], vec![(id(2), 0), (id(3), 0)], vec![(id(3), 1)]];
    assert_eq!(pages, want);

    let counts = [
        (QueueQuery { destination: Some(destination("x.example")), ..QueueQuery::default() }, (4, 3)),
        (QueueQuery { message: Some(id(3)), ..QueueQuery::default() }, (2, 1)),
        (QueueQuery { address: Some("a@x.example".into()), ..QueueQuery::default() }, (2, 2)),
        (QueueQuery { address: Some("from@sender.example".into()), ..QueueQuery::default() }, (5, 3)),
        (QueueQuery { address: Some("nobody@x.example".into()), ..QueueQuery::default() }, (0, 0)),
    ];
    for (query, want) in counts {
        let page = engine.look(&query).unwrap();
        assert_eq!((page.recipients, page.messages), want, "{query:?}");
        assert!(page.rows.is_empty() && !page.more);
    }
}

#[test]
fn destinations_come_longest_queue_first_with_why_they_wait() {
    let directory = Directory::new();
    let engine = directory.open();
    engine
        .commit(&[
            waiting(1, &["a@y.example", "b@x.example"], minute(5)),
            waiting(2, &["c@x.example"], minute(3)),
            leased(3, &["d@x.example"]),
            waiting(4, &["e@z.example"], minute(3)),
        ])
        .unwrap();
    engine.record(&[record(&[retry(1, 1, minute(7), "rate limited")])]).unwrap();
    let hold = QueueQuery { destination: Some(destination("z.example")), ..QueueQuery::default() };
    engine.operate(&hold, &Surgery::Hold, NOW).unwrap();
    let line = |d: &postrider_spool::QueueDestination| {
        let due = d.next_due.map_or(-1, |due| (due.0 - NOW.0) / 60_000);
        format!("{} {} {} {} {due} {}", d.destination, d.recipients, d.held, d.leased, d.reason)
    };
    let found: Vec<_> = engine.destinations(10).unwrap().iter().map(line).collect();
    assert_eq!(found, ["x.example 3 0 1 3 rate limited", "y.example 1 0 0 5 ", "z.example 0 1 0 -1 "]);
    assert_eq!(engine.destinations(1).unwrap().len(), 1);
}

#[test]
fn everything_a_client_may_ask_for_is_kept() {
    let directory = Directory::new();
    let engine = directory.open();
    let mut new = message(1, &[("ü@[192.0.2.1]", Due::Leased), ("b@x.example", Due::At(minute(1)))]);
    new.envelope.sender = None;
    new.envelope.smtputf8 = true;
    new.envelope.recipients[1].orcpt = Some("rfc822;old@x.example".into());
    new.plan[1].0 = destination("route:smart host");
    engine.commit(std::slice::from_ref(&new)).unwrap();
    assert_eq!(engine.kept(id(1)).unwrap().envelope, new.envelope);
    let claimed = engine.claim(&claim(minute(1))).unwrap();
    assert_eq!(work(&claimed), ["1/1@route:smart host"]);
    let work = &claimed.work[0];
    assert_eq!(work.recipients[0].recipient, new.envelope.recipients[1]);
    assert_eq!((work.size, work.envelope.smtputf8), (new.content.len() as u64, true));
    assert!(work.envelope.recipients.is_empty() && work.envelope.sender.is_none());
    assert_eq!(new.envelope.recipients[0].address, Address::parse("ü@[192.0.2.1]").unwrap());
}
