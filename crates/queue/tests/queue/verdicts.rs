//! Verdict in, what now out.

use crate::rig::{Rig, delivered, verdict};
use postrider_queue::{GiveUp, RetrySettings, Settings, Settled};
use postrider_reply::{Cause, Confidence, Disposition, Scope};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn even() -> Settings {
    Settings { retry: RetrySettings { jitter: 0.0, ..RetrySettings::default() }, ..Settings::default() }
}

/// What one attempt leads to: seconds to wait, or the name of the end.
struct Case {
    cause: Cause,
    attempts: u32,
    age: u64,
    null_sender: bool,
    in_doubt: bool,
    doubts: u32,
    /// How the cause is known.
    confidence: Confidence,
    asked: Option<u32>,
}

const CASE: Case = Case {
    cause: Cause::ServerBusy,
    attempts: 0,
    age: 0,
    null_sender: false,
    in_doubt: false,
    doubts: 0,
    confidence: Confidence::Entry,
    asked: None,
};

fn settle(settings: Settings, case: &Case) -> Result<u64, GiveUp> {
    let mut rig = Rig::new(settings);
    let mut job = rig.job("a.example");
    job.null_sender = case.null_sender;
    job.recipients[0].attempts = case.attempts;
    job.recipients[0].doubts = case.doubts;
    rig.pass(case.age);
    rig.queue.admit(job, rig.now);
    let (mut ticket, job) = rig.round().attempts.remove(0);
    let mut said = verdict(case.cause, Scope::Recipient);
    said.retry_after_s = case.asked;
    said.confidence = case.confidence;
    let settled = rig.queue.settle(&mut ticket, &job, &job.recipients[0], &said, case.in_doubt, rig.now);
    rig.queue.finished(ticket, rig.now);
    match settled {
        Settled::RetryAt { due, .. } => Ok(due.since(rig.now).as_secs()),
        Settled::GiveUp { reason } => Err(reason),
        Settled::Done => panic!("done"),
    }
}

#[test]
fn how_long_each_trouble_waits() {
    let table = [
        (Case { ..CASE }, Ok(5 * MINUTE)),
        (Case { attempts: 1, ..CASE }, Ok(10 * MINUTE)),
        (Case { attempts: 2, ..CASE }, Ok(20 * MINUTE)),
        (Case { attempts: 9, ..CASE }, Ok(4 * HOUR)),
        (Case { attempts: u32::MAX, ..CASE }, Ok(4 * HOUR)),
        // Greylisting: even waits first.
        (Case { cause: Cause::Greylisted, ..CASE }, Ok(5 * MINUTE)),
        (Case { cause: Cause::Greylisted, attempts: 3, ..CASE }, Ok(5 * MINUTE)),
        (Case { cause: Cause::Greylisted, attempts: 4, ..CASE }, Ok(10 * MINUTE)),
        (Case { cause: Cause::MailboxFull, ..CASE }, Ok(HOUR)),
        (Case { cause: Cause::TooManyRecipients, ..CASE }, Ok(2)),
        // The reply's own time, within bounds; not for what may have been delivered.
        (Case { asked: Some(600), attempts: 7, ..CASE }, Ok(600)),
        (Case { asked: Some(0), ..CASE }, Ok(10)),
        (Case { asked: Some(u32::MAX), ..CASE }, Ok(DAY)),
        (Case { asked: Some(0), in_doubt: true, ..CASE }, Ok(15 * MINUTE)),
        (Case { in_doubt: true, attempts: 1, ..CASE }, Ok(30 * MINUTE)),
        // The last attempt is when the time is up.
        (Case { attempts: 9, age: 5 * DAY - HOUR, ..CASE }, Ok(HOUR)),
        (Case { attempts: 9, age: 5 * DAY, ..CASE }, Err(GiveUp::Expired)),
        (Case { age: DAY - 1, null_sender: true, ..CASE }, Ok(1)),
        (Case { age: DAY, null_sender: true, ..CASE }, Err(GiveUp::Expired)),
        (Case { age: 6 * DAY, in_doubt: true, ..CASE }, Err(GiveUp::Expired)),
        // A full mailbox is looked at again hours later, a refusal for what it is goes back after a day.
        (Case { cause: Cause::MailboxFull, attempts: 2, age: 3 * DAY, ..CASE }, Ok(4 * HOUR)),
        (Case { cause: Cause::Policy, age: DAY - HOUR, attempts: 9, ..CASE }, Ok(HOUR)),
        (Case { cause: Cause::Policy, age: DAY, ..CASE }, Err(GiveUp::Expired)),
        // A code alone is no such refusal: 450 4.2.1 may be a mailbox that is busy.
        (Case { cause: Cause::Policy, age: DAY, confidence: Confidence::Code, ..CASE }, Ok(5 * MINUTE)),
        (Case { cause: Cause::MailboxDisabled, age: DAY, confidence: Confidence::Enhanced, ..CASE }, Ok(5 * MINUTE)),
        (Case { cause: Cause::LowReputation, age: DAY, attempts: 9, ..CASE }, Ok(4 * HOUR)),
        // What may have been delivered is sent once more, and not again.
        (Case { in_doubt: true, doubts: 1, attempts: 1, ..CASE }, Err(GiveUp::InDoubt)),
        (Case { doubts: 1, attempts: 1, ..CASE }, Ok(10 * MINUTE)),
    ];
    for (row, (case, want)) in table.iter().enumerate() {
        assert_eq!(settle(even(), case), *want, "row {row}");
    }
}

#[test]
fn attempts_may_be_counted_too() {
    let mut settings = even();
    settings.retry.attempts_max = Some(3);
    assert_eq!(settle(settings.clone(), &Case { attempts: 1, ..CASE }), Ok(10 * MINUTE));
    assert_eq!(settle(settings, &Case { attempts: 2, ..CASE }), Err(GiveUp::AttemptsMax));
}

#[test]
fn delivered_is_done_and_failed_is_given_up() {
    let mut rig = Rig::new(even());
    rig.admit("a.example", 2);
    let mut attempts = rig.round().attempts;
    assert_eq!(rig.finish(attempts.remove(0), &delivered()), Settled::Done);
    let mut said = verdict(Cause::MailboxUnknown, Scope::Recipient);
    said.disposition = Disposition::Fail;
    assert_eq!(rig.finish(attempts.remove(0), &said), Settled::GiveUp { reason: GiveUp::Failed });
}

#[test]
fn jitter_makes_waits_longer_by_a_fifth_at_most_and_is_played_again_by_its_seed() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2, 3, 4, 5] {
        let wait = settle(Settings { seed, ..Settings::default() }, &CASE).unwrap();
        assert!((300..=360).contains(&wait), "{wait}");
        seen.push(wait);
    }
    assert_eq!(seen[0], seen[1]);
    seen.dedup();
    assert!(seen.len() > 3, "{seen:?}");
}

#[test]
fn a_delay_is_told_once_and_only_to_who_wants_it() {
    // (age, null sender, wanted, told before) → told now
    for (age, null_sender, notify_delay, delay_told, want) in [
        (4 * HOUR - 1, false, true, false, false),
        (4 * HOUR, false, true, false, true),
        (4 * HOUR, false, true, true, false),
        (4 * HOUR, false, false, false, false),
        (4 * HOUR, true, true, false, false),
    ] {
        let mut rig = Rig::new(even());
        let mut job = rig.job("a.example");
        job.null_sender = null_sender;
        (job.recipients[0].notify_delay, job.recipients[0].delay_told) = (notify_delay, delay_told);
        rig.pass(age);
        assert_eq!(rig.queue.owes_delay(&job, &job.recipients[0], rig.now), want);
        rig.queue.admit(job, rig.now);
        let attempt = rig.round().attempts.remove(0);
        let settled = rig.finish(attempt, &verdict(Cause::ServerBusy, Scope::Recipient));
        let told = matches!(settled, Settled::RetryAt { tell_delay: true, .. });
        assert_eq!(told, want, "{age} {null_sender} {notify_delay} {delay_told}");
    }
}
