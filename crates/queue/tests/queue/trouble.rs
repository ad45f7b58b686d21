//! Pauses: when a neighbour is left alone, and what becomes of the jobs that wait for it.

use crate::rig::{Rig, delivered, refused, to, verdict};
use postrider_queue::{Action, Admission, Routed, Settings, Target};
use postrider_reply::{Cause, Scope};
use postrider_smtp::Timestamp;
use std::time::Duration;

/// A site with 100 jobs, five of them just refused.
fn dead_site() -> Rig {
    let mut rig = Rig::new(Settings::default());
    rig.admit("a.at.x.org", 50);
    rig.admit("b.at.x.org", 50);
    for attempt in rig.round().attempts {
        rig.finish(attempt, &refused());
    }
    rig
}

#[test]
fn a_dead_site_burns_a_handful_of_attempts_and_the_others_wait_on_disk() {
    let mut rig = dead_site();
    let round = rig.round();
    assert_eq!(round.attempts.len(), 0);
    assert_eq!(round.put_back.iter().map(|p| p.jobs.len()).sum::<usize>(), 95);
    for put_back in &round.put_back {
        assert_eq!(put_back.reason.to_string(), "site-paused:connection-refused");
        assert_eq!(put_back.due, rig.now.plus(Duration::from_secs(60)));
        assert!(put_back.jobs.iter().all(|job| job.recipients[0].attempts == 0));
    }
    assert_eq!(rig.queue.jobs(), 0);
    let Admission::Later { due, reason } = rig.queue.admission(&to("b.at.x.org"), 1, rig.now) else { panic!() };
    assert_eq!((due, reason.to_string().as_str()), (round.put_back[0].due, "site-paused:connection-refused"));
    assert_eq!(rig.queue.admission(&to("c.org"), 1, rig.now), Admission::Now);
}

#[test]
fn after_a_pause_one_probe_decides() {
    for (well, next) in [(true, 2), (false, 0)] {
        let mut rig = dead_site();
        rig.round();
        rig.pass(60);
        rig.admit("a.at.x.org", 10);
        let mut probe = rig.round().attempts;
        assert_eq!(probe.len(), 1, "one at a time");
        assert_eq!(
            rig.queue.snapshot(1, rig.now).sites[0].reason.as_ref().unwrap().to_string(),
            "probing:connection-refused"
        );
        rig.finish(probe.remove(0), &if well { delivered() } else { refused() });
        let round = rig.round();
        assert_eq!(round.attempts.len(), next, "well: {well}");
        let put_back: Vec<_> = round.put_back.iter().map(|p| (p.jobs.len(), p.due.since(rig.now).as_secs())).collect();
        // The second pause is longer.
        assert_eq!(put_back, if well { vec![] } else { vec![(9, 120)] });
    }
}

#[test]
fn which_verdicts_pause_what() {
    // (cause, scope, asked) → what one such attempt does to the next admission: at this site, at this destination only.
    let table = [
        (Cause::RateLimited, Scope::Source, None, Some(60), Some(60)),
        (Cause::RateLimited, Scope::Destination, None, Some(60), Some(60)),
        (Cause::RateLimited, Scope::Source, Some(900), Some(900), Some(900)),
        (Cause::RateLimited, Scope::Recipient, None, None, None),
        (Cause::IpBlocklisted, Scope::Source, None, Some(60), Some(60)),
        (Cause::Greylisted, Scope::Source, None, None, None),
        (Cause::MailboxFull, Scope::Recipient, None, None, None),
        (Cause::ConnectionTimeout, Scope::Connection, None, None, None),
        (Cause::ServerBusy, Scope::Destination, None, None, None),
    ];
    for (cause, scope, asked, site, destination) in table {
        let mut rig = Rig::new(Settings::default());
        rig.admit("other.at.x.org", 1);
        rig.deliver_all();
        rig.admit("a.at.x.org", 1);
        let mut said = verdict(cause, scope);
        said.retry_after_s = asked;
        let attempt = rig.round().attempts.remove(0);
        rig.finish(attempt, &said);
        for (name, want) in [("other.at.x.org", site), ("a.at.x.org", destination)] {
            let got = match rig.queue.admission(&to(name), 1, rig.now) {
                Admission::Later { due, .. } => Some(due.since(rig.now).as_secs()),
                _ => None,
            };
            assert_eq!(got, want, "{cause:?} {scope:?} {asked:?} at {name}");
        }
    }
}

#[test]
fn a_rate_limit_that_comes_again_pauses_for_longer() {
    let mut rig = Rig::new(Settings::default());
    for want in [60, 120, 240] {
        rig.admit("a.example", 2);
        let attempts = rig.round().attempts;
        let well_first = attempts.into_iter().zip([delivered(), verdict(Cause::RateLimited, Scope::Source)]);
        for (attempt, said) in well_first {
            rig.finish(attempt, &said);
        }
        // The probe may be the only one: then the second goes now.
        for attempt in rig.round().attempts {
            rig.finish(attempt, &verdict(Cause::RateLimited, Scope::Source));
        }
        let Admission::Later { due, .. } = rig.queue.admission(&to("a.example"), 1, rig.now) else { panic!("{want}") };
        assert_eq!(due.since(rig.now).as_secs(), want);
        rig.now = due;
    }
}

#[test]
fn a_way_that_cannot_be_found_out_costs_one_job_an_attempt() {
    let mut rig = Rig::new(Settings::default());
    rig.admit("broken-dns.example", 100);
    assert!(matches!(rig.queue.next(rig.now), Action::Route(_)));
    rig.queue.routed(&to("broken-dns.example"), Routed::Unknown, rig.now);
    let mut attempts = rig.round().attempts;
    assert_eq!(attempts.len(), 1);
    rig.finish(attempts.remove(0), &verdict(Cause::RoutingFailed, Scope::Destination));
    let round = rig.round();
    assert_eq!((round.attempts.len(), round.put_back[0].jobs.len()), (0, 99));
    assert_eq!(round.put_back[0].reason.to_string(), "destination-paused:routing-failed");
}

#[test]
fn a_domain_that_leads_nowhere_gets_its_outcomes() {
    let mut rig = Rig::new(Settings::default());
    rig.admit("no-such.example", 3);
    assert!(matches!(rig.queue.next(rig.now), Action::Route(_)));
    rig.queue.routed(&to("no-such.example"), Routed::Nowhere, rig.now);
    assert_eq!(rig.round().attempts.len(), 3);
}

#[test]
fn what_grows_too_old_in_a_pause_is_given_up_without_an_attempt() {
    let mut rig = dead_site();
    rig.round();
    let old = rig.job("a.at.x.org");
    let old = postrider_queue::Job { accepted: Timestamp(rig.now.0 - 5 * 24 * 3_600_000), ..old };
    rig.queue.admit(old, rig.now);
    rig.admit("a.at.x.org", 1);
    let round = rig.round();
    assert_eq!(round.expired.len(), 1);
    assert_eq!(round.expired[0].1, "site-paused:connection-refused");
    assert_eq!((round.put_back.len(), rig.queue.jobs()), (1, 0));
}

#[test]
fn an_operator_may_end_pauses() {
    for all in [true, false] {
        let mut rig = dead_site();
        rig.round();
        if all {
            rig.queue.retry_all(rig.now)
        } else {
            rig.queue.retry(&Target::Site("x.org".into()), rig.now)
        }
        assert_eq!(rig.queue.admission(&to("a.at.x.org"), 1, rig.now), Admission::Now);
        rig.pass(1);
        assert_eq!(rig.round().wishes.len(), 1, "the disk is looked at");
    }
}
