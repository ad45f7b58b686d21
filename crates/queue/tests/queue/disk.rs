//! Memory is bounded, and the disk is asked when it is worth asking.

use crate::rig::{Rig, delivered, refused, to};
use postrider_queue::{Admission, Settings, SiteSettings};
use postrider_smtp::Timestamp;
use std::time::Duration;

#[test]
fn an_idle_queue_sleeps_until_something_is_due() {
    let mut rig = Rig::new(Settings::default());
    assert_eq!(rig.round().sleep, Timestamp::NEVER);
    let due = rig.now.plus(Duration::from_secs(300));
    rig.queue.kept(due.plus(Duration::from_secs(5)));
    rig.queue.kept(due);
    assert_eq!(rig.round().sleep, due);
    rig.now = due;
    let round = rig.round();
    assert_eq!((round.wishes.len(), round.sleep), (1, Timestamp::NEVER), "one claim at a time");
    // What falls due behind the claim's back is not lost.
    rig.queue.kept(due);
    let job = rig.job("a.example");
    rig.claimed(vec![job], Some(due.plus(Duration::from_secs(60))), false);
    let round = rig.round();
    assert_eq!((round.attempts.len(), round.wishes.len()), (1, 0));
    assert_eq!(round.sleep, due.plus(Duration::from_millis(100)), "but claims keep their distance");
}

#[test]
fn a_claim_that_saw_not_all_is_followed_by_another() {
    let mut rig = Rig::new(Settings::default());
    rig.queue.kept(rig.now);
    rig.pass(1);
    for more in [true, true, false] {
        let round = rig.round();
        assert_eq!(round.wishes.len(), 1);
        let jobs = (0..10).map(|_| rig.job("a.example")).collect();
        rig.claimed(jobs, None, more);
    }
    assert_eq!(rig.round().wishes.len(), 0);
}

#[test]
fn bounds_of_memory_and_what_is_told_at_them() {
    let settings =
        Settings { jobs_max: 100, bytes_max: 1000, per_destination_max: 30, claim_max: 20, ..Settings::default() };
    let mut rig = Rig::new(settings);
    // (octets, in memory for a) → admission
    for (bytes, ready, want) in
        [(1000, 0, Admission::Now), (1001, 0, Admission::Spill), (0, 29, Admission::Now), (0, 30, Admission::Spill)]
    {
        let have = rig.queue.jobs();
        rig.admit("a.example", ready - have);
        assert_eq!(rig.queue.admission(&to("a.example"), bytes, rig.now), want, "{bytes} {ready}");
    }
    rig.admit("b.example", 30);
    rig.admit("c.example", 30);
    rig.admit("d.example", 10);
    assert_eq!(rig.queue.admission(&to("e.example"), 0, rig.now), Admission::Spill);
    // Told `Now` before, and too late.
    rig.admit("e.example", 3);
    let round = rig.round();
    assert_eq!(round.put_back.iter().map(|p| p.jobs.len()).sum::<usize>(), 3);
    assert_eq!(round.put_back[0].reason.to_string(), "memory");
    assert_eq!(rig.queue.jobs(), 100);
}

#[test]
fn contents_in_memory_count_until_the_attempt_is_over() {
    let mut rig = Rig::new(Settings { bytes_max: 1000, ..Settings::default() });
    let mut job = rig.job("a.example");
    job.bytes_held = 900;
    rig.queue.admit(job, rig.now);
    assert_eq!(rig.queue.admission(&to("b.example"), 200, rig.now), Admission::Spill);
    let attempt = rig.round().attempts.remove(0);
    assert_eq!(rig.queue.admission(&to("b.example"), 200, rig.now), Admission::Spill);
    rig.finish(attempt, &delivered());
    assert_eq!(rig.queue.admission(&to("b.example"), 200, rig.now), Admission::Now);
}

#[test]
fn claims_leave_out_what_is_full_or_paused_and_come_back_to_it() {
    let mut rig = Rig::new(Settings { per_destination_max: 10, ..Settings::default() });
    rig.admit("full.example", 15);
    rig.admit("dead.example", 9);
    let (full, dead): (Vec<_>, Vec<_>) =
        rig.round().attempts.into_iter().partition(|(_, job)| job.destination == to("full.example"));
    for attempt in dead {
        rig.finish(attempt, &refused());
    }
    rig.round();
    rig.queue.kept(rig.now);
    rig.pass(1);
    let mut wish = rig.round().wishes.remove(0);
    wish.skip.sort();
    assert_eq!(wish.skip, [to("dead.example"), to("full.example")]);
    assert_eq!(wish.per_destination_max, 5);
    rig.claimed(Vec::new(), None, false);
    rig.pass(1);
    // The pause ends in 58 seconds.
    assert_eq!(rig.round().sleep.since(rig.now).as_secs(), 58);
    for attempt in full {
        rig.finish(attempt, &delivered());
    }
    let round = rig.round();
    assert_eq!(round.wishes.len(), 1, "there is room for it again");
    assert_eq!(round.wishes[0].skip, [to("dead.example")]);
}

#[test]
fn fresh_messages_do_not_keep_out_what_is_due_on_disk() {
    let mut rig = Rig::new(Settings { jobs_max: 100, claim_max: 20, ..Settings::default() });
    rig.pass(1);
    rig.admit("a.example", 70);
    assert_eq!(rig.queue.admission(&to("b.example"), 0, rig.now), Admission::Now);
    rig.queue.kept(rig.now);
    assert_eq!(rig.queue.admission(&to("b.example"), 0, rig.now), Admission::Spill);
    let mut claimed = 0;
    while claimed == 0 {
        let round = rig.round();
        claimed += round.wishes.len();
        for attempt in round.attempts {
            rig.finish(attempt, &delivered());
        }
    }
    assert_eq!(rig.queue.admission(&to("b.example"), 0, rig.now), Admission::Now);
}

#[test]
fn claims_leave_out_what_lies_behind_a_full_site_until_it_is_half_empty() {
    let site = SiteSettings { connections_max: 1, connections_start: 1, ..SiteSettings::default() };
    let mut rig = Rig::new(Settings { per_site_max: 10, site, ..Settings::default() });
    rig.admit("a.at.x.org", 1);
    rig.admit("b.at.x.org", 1);
    rig.deliver_all();
    rig.admit("a.at.x.org", 15);
    rig.admit("b.at.x.org", 1);
    rig.queue.kept(rig.now);
    rig.pass(1);
    // What each claim leaves out, by how much is ready before it.
    let mut seen = Vec::new();
    loop {
        let ready = rig.queue.snapshot(1, rig.now).sites[0].ready;
        let mut round = rig.round();
        for wish in &round.wishes {
            seen.push((ready, wish.skip.len()));
            rig.claimed(Vec::new(), None, false);
        }
        rig.pass(1);
        let Some(attempt) = round.attempts.pop() else { break };
        rig.finish(attempt, &delivered());
    }
    assert_eq!(seen, [(16, 2), (6, 0)]);
}
