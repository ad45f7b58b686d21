//! Whose turn it is, and how many at one time.

use crate::rig::{Rig, START, delivered, refused, to, verdict};
use postrider_queue::{Rate, Settings, SiteSettings, Target};
use postrider_reply::{Cause, Scope};
use postrider_smtp::Timestamp;
use std::time::Duration;

#[test]
fn a_giant_destination_does_not_stand_before_99_small_ones() {
    for (behind, why) in [("", "each its own site"), (".at.provider.example", "all behind one site")] {
        let mut rig = Rig::new(Settings::default());
        rig.admit(&format!("giant.example{behind}"), 1000);
        for n in 0..99 {
            rig.admit(&format!("small{n}.example{behind}"), 1);
        }
        let order = rig.deliver_all();
        assert_eq!(order.len(), 1099, "{why}");
        let last_small = order.iter().rposition(|name| name.starts_with("small")).unwrap();
        assert!(last_small < 400, "{why}: the last small one went as number {last_small}");
    }
}

#[test]
fn within_a_destination_first_in_is_first_out() {
    let mut rig = Rig::new(Settings { destination_connections_max: 1, ..Settings::default() });
    rig.admit("a.example", 5);
    for want in 1..=5 {
        let mut attempts = rig.round().attempts;
        assert_eq!(attempts.iter().map(|(_, job)| job.payload).collect::<Vec<_>>(), [want]);
        rig.finish(attempts.remove(0), &delivered());
    }
}

#[test]
fn limits_per_destination_per_site_and_in_all() {
    let site = |connections_max| SiteSettings { connections_max, connections_start: 99, ..SiteSettings::default() };
    // (in all, per site, per destination) → attempts at one time, of 10 jobs each for 2 destinations at each of 3 sites.
    for (all, per_site, per_destination, want, reason) in [
        (500, 20, 20, 60, None),
        (500, 7, 20, 21, Some("connection-limit")),
        (500, 20, 3, 18, Some("connection-limit")),
        (11, 20, 20, 11, Some("connections-max")),
    ] {
        let settings = Settings {
            connections_max: all,
            destination_connections_max: per_destination,
            site: site(per_site),
            ..Settings::default()
        };
        let mut rig = Rig::new(settings);
        for name in ["a.at.x.org", "b.at.x.org", "a.at.y.org", "b.at.y.org", "a.at.z.org", "b.at.z.org"] {
            rig.admit(name, 10);
        }
        assert_eq!(rig.round().attempts.len(), want, "{all} {per_site} {per_destination}");
        let rows = rig.queue.snapshot(1, rig.now).destinations;
        let waits = rows[0].reason.as_ref().map(ToString::to_string);
        assert_eq!(waits.as_deref(), reason, "{all} {per_site} {per_destination}");
    }
}

#[test]
fn a_site_starts_slow_grows_on_success_and_shrinks_on_trouble() {
    let mut rig = Rig::new(Settings::default());
    rig.admit("a.example", 500);
    let mut widths = Vec::new();
    for _ in 0..4 {
        let attempts = rig.round().attempts;
        widths.push(attempts.len());
        for attempt in attempts {
            rig.finish(attempt, &delivered());
        }
    }
    assert_eq!(widths, [5, 10, 20, 20]);
    let mut attempts = rig.round().attempts;
    rig.finish(attempts.remove(0), &refused());
    assert_eq!(rig.queue.snapshot(1, rig.now).sites[0].connections, 10);
    rig.finish(attempts.remove(0), &delivered());
    assert_eq!(rig.queue.snapshot(1, rig.now).sites[0].connections, 11);
    assert_eq!(rig.round().attempts.len(), 0, "18 go on, 11 may");
}

#[test]
fn a_rate_is_kept_and_says_so() {
    let rate = Some(Rate { attempts: 60, per: Duration::from_secs(60) });
    let site = SiteSettings { rate, connections_start: 20, ..SiteSettings::default() };
    let mut rig = Rig::new(Settings { site, ..Settings::default() });
    rig.admit("a.example", 100);
    let mut went = Vec::new();
    for _ in 0..5 {
        let round = rig.round();
        went.push(round.attempts.len());
        let row = rig.queue.snapshot(1, rig.now).sites.remove(0);
        assert_eq!(row.reason.map(|r| r.to_string()).as_deref(), Some("rate-limit"));
        assert_eq!(row.until, Some(round.sleep));
        for attempt in round.attempts {
            rig.finish(attempt, &delivered());
        }
        rig.now = round.sleep;
    }
    // A tenth of a minute's worth at once, then one each second.
    assert_eq!(went, [6, 1, 1, 1, 1]);
}

#[test]
fn what_is_held_goes_nowhere_until_released() {
    for target in [Target::Destination(to("a.at.x.org")), Target::Site("x.org".into())] {
        let mut rig = Rig::new(Settings::default());
        rig.admit("b.at.x.org", 1);
        rig.admit("a.at.x.org", 20);
        let going = rig.round().attempts.len();
        assert_eq!(going, 5);
        assert!(rig.queue.hold(&target, "audit", rig.now));
        rig.admit("a.at.x.org", 1);
        let round = rig.round();
        assert_eq!(round.attempts.len(), 0, "{target:?}");
        if target == Target::Site("x.org".into()) {
            assert_eq!(round.put_back[0].reason.to_string(), "held: audit");
        }
        assert!(rig.queue.release(&target, rig.now));
        assert!(!rig.queue.release(&target, rig.now), "not held any more");
        rig.admit("a.at.x.org", 1);
        rig.round();
        assert!(
            rig.queue.snapshot(1, rig.now).sites[0].reason.as_ref().is_none_or(|r| !r.to_string().contains("held"))
        );
    }
}

#[test]
fn what_is_held_while_it_has_its_turn_goes_back_in_the_same_round() {
    let mut rig = Rig::new(Settings::default());
    rig.admit("a.example", 1);
    rig.deliver_all();
    rig.admit("a.example", 3);
    assert!(rig.queue.hold(&Target::Destination(to("a.example")), "", rig.now));
    let round = rig.round();
    assert_eq!((round.attempts.len(), round.put_back[0].jobs.len()), (0, 3));
    assert_eq!(round.put_back[0].reason.to_string(), "held");
}

#[test]
fn idle_sites_and_destinations_are_forgotten() {
    let mut rig = Rig::new(Settings { destinations_max: 50, ..Settings::default() });
    for n in 0..200 {
        rig.admit(&format!("d{n}.example"), 1);
        assert_eq!(rig.deliver_all().len(), 1);
    }
    let seen = rig.queue.snapshot(0, rig.now);
    assert_eq!((seen.destinations_known, seen.sites_known), (50, 50));
    rig.pass(601);
    rig.round();
    let seen = rig.queue.snapshot(0, rig.now);
    assert_eq!((seen.destinations_known, seen.sites_known, seen.jobs), (0, 0, 0));
    assert_eq!(rig.round().sleep, Timestamp::NEVER);
}

#[test]
fn a_pause_is_remembered_until_it_would_not_count_for_the_next() {
    let mut rig = Rig::new(Settings::default());
    rig.admit("a.example", 1);
    let attempt = rig.round().attempts.remove(0);
    let mut said = verdict(Cause::RateLimited, Scope::Source);
    said.retry_after_s = Some(3600);
    rig.finish(attempt, &said);
    // (seconds passed) → destinations and sites known: the pause is an hour, its memory two more.
    for (passed, known) in [(3000, (1, 1)), (700, (0, 1)), (6900, (0, 1)), (1200, (0, 0))] {
        rig.pass(passed);
        rig.round();
        let seen = rig.queue.snapshot(0, rig.now);
        assert_eq!((seen.destinations_known, seen.sites_known), known, "{} s on", rig.now.since(START).as_secs());
    }
}
