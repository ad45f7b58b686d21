//! Claims: who gets a turn, how often, and when to come back.

mod common;

use common::*;
use postrider_smtp::Timestamp;
use postrider_spool::{Claim, Engine};

#[test]
fn the_oldest_due_go_first_and_none_twice() {
    let directory = Directory::new();
    let engine = directory.open();
    engine
        .commit(&[
            waiting(1, &["a@x.example"], minute(3)),
            waiting(2, &["a@y.example", "b@y.example", "c@x.example"], minute(1)),
            waiting(3, &["a@x.example"], minute(2)),
        ])
        .unwrap();
    let nothing = engine.claim(&claim(NOW)).unwrap();
    assert_eq!((work(&nothing), nothing.next_due), (vec![], Some(minute(1))));
    let first = engine.claim(&claim(minute(2))).unwrap();
    assert_eq!(work(&first), ["2/2@x.example", "2/0,1@y.example", "3/0@x.example"]);
    assert_eq!((first.after, first.next_due), (None, Some(minute(3))));
    let second = engine.claim(&claim(minute(3))).unwrap();
    assert_eq!((work(&second), second.next_due), (vec!["1/0@x.example".to_owned()], None));
}

#[test]
fn limits_and_skips() {
    let directory = Directory::new();
    let engine = directory.open();
    let batch: Vec<_> = (0..6).map(|count| waiting(count, &["a@x.example", "b@y.example"], minute(count))).collect();
    engine.commit(&batch).unwrap();
    let now = minute(10);
    let two_each = Claim { per_destination_max: 2, ..claim(now) };
    let claimed = engine.claim(&two_each).unwrap();
    assert_eq!(work(&claimed), ["0/0@x.example", "0/1@y.example", "1/0@x.example", "1/1@y.example"]);
    assert_eq!(claimed.next_due, Some(now), "more is due at once");
    let not_x = Claim { skip: vec![destination("x.example")], work_max: 3, ..claim(now) };
    let claimed = engine.claim(&not_x).unwrap();
    assert_eq!(work(&claimed), ["2/1@y.example", "3/1@y.example", "4/1@y.example"]);
    assert_eq!(claimed.next_due, Some(now));
    let claimed = engine.claim(&not_x).unwrap();
    assert_eq!((work(&claimed), claimed.next_due), (vec!["5/1@y.example".to_owned()], None), "only x is left");
}

#[test]
fn a_large_backlog_hides_nobody() {
    let directory = Directory::new();
    let engine = directory.open();
    let backlog: Vec<_> = (0..9_000).map(|count| waiting(count, &["a@m.example"], minute(0))).collect();
    engine.commit(&backlog).unwrap();
    let names: Vec<String> =
        (0..40).map(|name| format!("a@{}{name}.example", if name < 20 { "b" } else { "z" })).collect();
    let small: Vec<_> = (0..).zip(&names).map(|(count, name)| waiting(10_000 + count, &[name], minute(1))).collect();
    engine.commit(&small).unwrap();
    let mut wanted = Claim { work_max: 15, per_destination_max: 5, ..claim(minute(1)) };
    let (mut served, mut claims) = (Vec::new(), 0);
    while served.len() < 40 {
        claims += 1;
        assert!(claims < 10, "served so far: {served:?}");
        let claimed = engine.claim(&wanted).unwrap();
        assert!(claimed.work.len() <= 15);
        let others = claimed.work.iter().filter(|work| work.destination != destination("m.example"));
        served.extend(others.map(|work| work.destination.clone()));
        wanted.after = claimed.after;
    }
    served.sort();
    served.dedup();
    assert_eq!(served.len(), 40, "everyone once");
}

#[test]
fn a_message_to_very_many_is_worked_in_pieces() {
    let directory = Directory::new();
    let engine = directory.open();
    let names: Vec<String> = (0..250).map(|name| format!("u{name}@x.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    engine.commit(&[waiting(1, &names, NOW)]).unwrap();
    let claimed = engine.claim(&claim(NOW)).unwrap();
    let sizes: Vec<_> = claimed.work.iter().map(|work| work.recipients.len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(claimed.work[1].recipients[0].index, 100);
}

#[test]
fn leases_run_out_unless_renewed_and_end_with_a_record() {
    let directory = Directory::new();
    let engine = directory.open();
    let batch: Vec<_> = (1..=3).map(|count| waiting(count, &["a@x.example"], NOW)).collect();
    engine.commit(&batch).unwrap();
    assert_eq!(engine.claim(&claim(NOW)).unwrap().work.len(), 3);
    engine.renew(&[id(2)], minute(60)).unwrap();
    engine.record(&[record(&[retry(3, 0, minute(1), "busy")])]).unwrap();
    assert_eq!(work(&engine.claim(&claim(minute(2))).unwrap()), ["3/0@x.example"]);
    assert_eq!(work(&engine.claim(&claim(minute(11))).unwrap()), ["1/0@x.example"]);
    let all = work(&engine.claim(&claim(minute(61))).unwrap());
    assert_eq!(all, ["1/0@x.example", "2/0@x.example", "3/0@x.example"]);
}

#[test]
fn the_end_of_time_is_not_due() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.commit(&[waiting(1, &["a@x.example"], Timestamp::NEVER)]).unwrap();
    let claimed = engine.claim(&claim(minute(1_000_000))).unwrap();
    assert_eq!((work(&claimed), claimed.next_due), (vec![], Some(Timestamp::NEVER)));
}
