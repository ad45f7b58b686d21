//! Carries one job from due to settled. Nothing else in the workspace knows this order:
//! attempt, decode, settle, record, tell.
//!
//! Invariant: an outcome is recorded before anyone hears of it, and an outcome that cannot be
//! recorded (full disk) is kept and recorded later: a delivered message is not sent again
//! because our disk was full.

use crate::dots::Marks;
use crate::job::Cargo;
use crate::lease::while_leased;
use crate::notice::{Account, Ready};
use crate::shared::{Fresh, Live, Planned, Shared};
use crate::tell;
use postrider_delivery::{Attempt, BeforeDot, Order};
use postrider_events::Event;
use postrider_queue::{Job, Reason, Settled, Ticket};
use postrider_reply::{Context, Verdict};
use postrider_smtp::{Content, Outcome, Timestamp};
use postrider_spool::{AttemptRecord, Next, Origin, Progress, Record, SpoolError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// What one attempt came to for one recipient.
pub(crate) struct Settlement {
    /// `None` when it expired untried.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) verdict: Verdict,
    pub(crate) settled: Settled,
}

/// How long work waits whose content cannot be read: the disk may recover, and nothing is lost meanwhile.
const UNREADABLE_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// Carries one job.
pub(crate) async fn carry(shared: &Arc<Shared>, ticket: Ticket, mut job: Job<Cargo>) {
    // When outcomes cannot be written, attempts stop here: memory is bounded, and nothing more gets into doubt.
    let _unwritten = shared.unwritten_room.acquire().await;
    let mut ticket = Some(ticket);
    let content = job.payload.content.take();
    while_leased(shared, &job, attempt(shared, &mut ticket, &job, content)).await;
    // What came to no attempt gives its connection back all the same.
    if let Some(ticket) = ticket {
        finish(shared, ticket);
    }
}

fn finish(shared: &Arc<Shared>, ticket: Ticket) {
    shared.queue().finished(ticket, shared.clock.now());
    shared.wake.notify_one();
}

async fn attempt(shared: &Arc<Shared>, ticket: &mut Option<Ticket>, job: &Job<Cargo>, content: Option<Content>) {
    let began = shared.clock.now();
    let live = shared.live();
    let (content, _room) = match content {
        Some(content) => (content, None),
        None => match read(shared, job).await {
            Ok((content, room)) => (content, room),
            Err(error) => {
                ticket.take().into_iter().for_each(|ticket| finish(shared, ticket));
                return put_off_unreadable(shared, job, &error).await;
            }
        },
    };
    let marks = shared.dots.marks(job.recipients.first().map_or(0, |first| first.index));
    let attempt = live.delivery.attempt(order(&marks, job, content.clone())).await;
    let now = shared.clock.now();
    let Some(ticket) = ticket.take() else { return };
    let settlements = settle(shared, ticket, job, &attempt, now);
    let notices = Account {
        job,
        content: &content,
        settlements: &settlements,
        spoken: attempt.spoken.as_ref(),
        tried: Some(began),
        expires: shared.queue().expires(job),
    }
    .notices(&live.settings, now, || shared.next_id(now, live.settings.node));
    drop(content);
    let record = record_of(job, &settlements, Some((&attempt, began)));
    if let Some(kept) = keep(shared, &live, record, notices, now, job).await {
        let ticket = tell::attempt(shared, job, &settlements, &attempt, now);
        shared.dots.told(&marks, ticket);
        shared.dots.written(shared.sink.written());
        send_off(shared, kept, now, job);
    }
}

/// The content from the spool, within the room there is for it.
pub(crate) async fn read<'a>(
    shared: &'a Arc<Shared>,
    job: &Job<Cargo>,
) -> Result<(Content, Option<SemaphorePermit<'a>>), SpoolError> {
    let kib = u32::try_from(job.payload.size / 1024 + 1).unwrap_or(u32::MAX).min(shared.content_room_kib);
    let room = shared.content_room.acquire_many(kib).await.ok();
    Ok((shared.spool.content(job.message).await?, room))
}

/// What cannot be read waits: it is lost only if somebody gives it up.
async fn put_off_unreadable(shared: &Arc<Shared>, job: &Job<Cargo>, error: &SpoolError) {
    // The spool was closed: a restart finds the work leased.
    if matches!(error, SpoolError::Closed) {
        return;
    }
    let due = shared.clock.now().plus(UNREADABLE_AGAIN_AFTER);
    tracing::error!(message = %job.message, %error, "a message cannot be read; it is tried again in five minutes");
    let reason = format!("the message cannot be read from the spool: {error}");
    // Of a message that an operator dropped meanwhile this records nothing.
    record_durably(shared, &untried(job, due, &reason)).await;
}

fn order(marks: &Marks, job: &Job<Cargo>, content: Content) -> Order {
    let marks = marks.clone();
    Order {
        message: job.message,
        destination: job.destination.clone(),
        envelope: (*job.payload.envelope).clone(),
        recipients: job.recipients.iter().map(|r| r.index).zip(job.payload.people.iter().cloned()).collect(),
        content,
        before_dot: Some(BeforeDot::new(move |message| marks.mark(message))),
    }
}

fn settle(
    shared: &Arc<Shared>,
    mut ticket: Ticket,
    job: &Job<Cargo>,
    attempt: &Attempt,
    now: Timestamp,
) -> Vec<Settlement> {
    let host = attempt.spoken.as_ref().map_or("", |spoken| &*spoken.host);
    let mut accepted = 0;
    let mut decoded = Vec::with_capacity(attempt.outcomes.len());
    for (_, outcome) in &attempt.outcomes {
        let verdict = shared.decoder.decode(outcome, &Context { host, recipients_accepted: accepted });
        accepted += u32::from(outcome.is_delivered());
        decoded.push((outcome.clone(), verdict));
    }
    let settlements = {
        let mut queue = shared.queue();
        let settlements = (decoded.into_iter().zip(&job.recipients))
            .map(|((outcome, verdict), recipient)| {
                let in_doubt = matches!(outcome, Outcome::InDoubt(_));
                let settled = queue.settle(&mut ticket, job, recipient, &verdict, in_doubt, now);
                Settlement { outcome: Some(outcome), verdict, settled }
            })
            .collect();
        // The connection is free for the next job while this one's outcome is written.
        queue.finished(ticket, now);
        settlements
    };
    shared.wake.notify_one();
    settlements
}

/// What the spool is to keep of a finished job.
pub(crate) fn record_of(
    job: &Job<Cargo>,
    settlements: &[Settlement],
    attempt: Option<(&Attempt, Timestamp)>,
) -> Record {
    let mut record = Record::default();
    let mut stays = false;
    for (settlement, recipient) in settlements.iter().zip(&job.recipients) {
        let next = match &settlement.settled {
            Settled::Done | Settled::GiveUp { .. } => Next::Done,
            Settled::RetryAt { due, tell_delay, reason } => {
                stays = true;
                Next::Retry {
                    due: *due,
                    reason: why(settlement),
                    attempted: true,
                    delay_told: recipient.delay_told || *tell_delay,
                    in_doubt: *reason == Reason::InDoubt,
                }
            }
        };
        record.progress.push(Progress { message: job.message, recipient: recipient.index, next });
    }
    if let Some((attempt, began)) = attempt.filter(|_| stays) {
        record.attempt = Some((job.message, attempt_record(attempt, began)));
    }
    record
}

/// Why a recipient waits, in one line: the queue's reason, then what was said.
fn why(settlement: &Settlement) -> String {
    const CHARS_MAX: usize = 300;
    let said = settlement.outcome.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} ({said})", settlement.verdict.summary).chars().take(CHARS_MAX).collect()
}

fn attempt_record(attempt: &Attempt, began: Timestamp) -> AttemptRecord {
    let host = attempt.spoken.as_ref().map_or_else(String::new, |s| format!("{} ({})", s.host, s.address));
    let times = attempt.timings;
    AttemptRecord {
        at: began,
        took: times.route + times.session + times.transaction,
        host,
        outcomes: attempt.outcomes.iter().map(|(index, outcome)| (*index, outcome.to_string())).collect(),
        transcript: attempt.transcript.clone(),
    }
}

/// What the spool is to keep of a job that goes back untried.
pub(crate) fn untried(job: &Job<Cargo>, due: Timestamp, reason: &str) -> Record {
    let progress = (job.recipients.iter())
        .map(|recipient| Progress {
            message: job.message,
            recipient: recipient.index,
            next: Next::Retry {
                due,
                reason: reason.to_owned(),
                attempted: false,
                delay_told: recipient.delay_told,
                in_doubt: false,
            },
        })
        .collect();
    Record { progress, ..Record::default() }
}

/// A notice that was kept with the record it belongs to.
pub(crate) struct KeptNotice {
    ready: Ready,
    told: Event,
    jobs: Vec<Job<Cargo>>,
    waits_until: Option<Timestamp>,
}

/// Makes a record and its notices durable in one step. `None` when the relay stops before that.
/// The notices go on their way by [`send_off`], once the record is told.
pub(crate) async fn keep(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    mut record: Record,
    notices: Vec<Ready>,
    now: Timestamp,
    job: &Job<Cargo>,
) -> Option<Vec<KeptNotice>> {
    let mut planned = Vec::with_capacity(notices.len());
    for mut ready in notices {
        let fresh = Fresh {
            id: ready.id,
            origin: Origin::Notice,
            client: format!("about {}", job.message),
            envelope: std::mem::take(&mut ready.envelope),
            content: tell::signed(live, std::mem::take(&mut ready.content)).await,
        };
        let Planned { message, jobs, waits_until } = shared.plan(fresh, live, now);
        let told = tell::accepted(&message, "internal", None);
        record.notices.push(message);
        planned.push(KeptNotice { ready, told, jobs, waits_until });
    }
    record_durably(shared, &record).await.then_some(planned)
}

/// Tells of notices and sends them on their way.
pub(crate) fn send_off(shared: &Arc<Shared>, notices: Vec<KeptNotice>, now: Timestamp, about: &Job<Cargo>) {
    for KeptNotice { ready, told, jobs, waits_until } in notices {
        shared.sink.emit(&told);
        tell::noticed(shared, about, &ready, now);
        shared.admit(jobs, waits_until, now);
    }
}

/// Writes a record until it is written: an outcome is not given up because the disk is full.
/// Then the queue learns what waits on disk. False when the spool was closed first: a restart
/// finds the work leased, and does it again.
pub(crate) async fn record_durably(shared: &Arc<Shared>, record: &Record) -> bool {
    let mut failures = 0u32;
    while let Err(error) = shared.spool.record(record.clone()).await {
        if matches!(error, SpoolError::Closed) {
            return false;
        }
        failures += 1;
        if failures.is_power_of_two() {
            tracing::error!(%error, failures, "an outcome cannot be written; it is kept in memory and written again");
        }
        let again = shared.clock.now().plus(shared.live().settings.rewrite_after);
        shared.clock.sleep_until(again).await;
    }
    let due = |progress: &Progress| match progress.next {
        Next::Retry { due, .. } => Some(due),
        Next::Done => None,
    };
    if let Some(first) = record.progress.iter().filter_map(due).min() {
        shared.queue().kept(first);
        shared.wake.notify_one();
    }
    true
}
