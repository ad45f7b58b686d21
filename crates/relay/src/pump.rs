//! The one loop: asks the queue what to do next, and has it done.
//!
//! Each action becomes a task; the loop itself never waits for the world, only for the queue's
//! next moment or for a wake.

use crate::carry::{self, Settlement, carry, keep, record_durably, record_of, send_off};
use crate::job::{Cargo, claimed_job};
use crate::lease::while_leased;
use crate::notice::Account;
use crate::shared::Shared;
use crate::tell;
use postrider_queue::{Action, ClaimWish, Claimed, GiveUp, Job, PutBack, Reason, Routed, Settled};
use postrider_reply::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
use postrider_smtp::{Content, Destination, Timestamp, TroubleKind};
use postrider_spool::Claim;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the queue may rely on a route before it asks again; the route's own cache knows its TTL.
const ROUTE_FRESH: Duration = Duration::from_secs(300);
/// How soon slots of the dot journal are looked at again whose events were not written yet.
const DOTS_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long after a failed claim the next is made.
const CLAIM_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Starts the loop, as a task that a stop waits for: once it is over, nothing more is begun.
pub(crate) fn start(shared: &Arc<Shared>) {
    spawn(shared, pump);
}

/// Runs until the relay stops.
async fn pump(shared: Arc<Shared>) {
    while !shared.stopping.load(Ordering::Acquire) {
        let now = shared.clock.now();
        let action = shared.queue().next(now);
        match action {
            Action::Attempt(ticket, job) => spawn(&shared, move |shared| async move {
                carry(&shared, ticket, job).await;
            }),
            Action::Route(destination) => spawn(&shared, move |shared| async move {
                route(&shared, destination).await;
            }),
            Action::Claim(wish) => spawn(&shared, move |shared| async move {
                claim(&shared, wish).await;
            }),
            Action::PutBack(PutBack { jobs, due, reason }) => {
                // Each by itself: the spool gathers them into one transaction, and one that cannot
                // be written does not hold up the others.
                for job in jobs {
                    let reason = reason.clone();
                    spawn(&shared, move |shared| async move { put_back(&shared, &job, due, &reason).await });
                }
            }
            Action::Expire(job, reason) => spawn(&shared, move |shared| async move {
                while_leased(&shared, &job, expire(&shared, &job, &reason)).await;
            }),
            Action::SleepUntil(moment) => {
                let untold = shared.dots.written(shared.sink.written());
                let moment = if untold { moment.min(now.plus(DOTS_AGAIN_AFTER)) } else { moment };
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = shared.clock.sleep_until(moment) => {}
                }
            }
        }
    }
}

fn spawn<F: Future<Output = ()> + Send + 'static>(shared: &Arc<Shared>, task: impl FnOnce(Arc<Shared>) -> F) {
    drop(run(shared, task));
}

/// Starts a task that a stop waits for.
pub(crate) fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    shared: &Arc<Shared>,
    task: impl FnOnce(Arc<Shared>) -> F,
) -> JoinHandle<T> {
    struct Carrying(Arc<Shared>);
    impl Drop for Carrying {
        fn drop(&mut self) {
            self.0.carrying.send_modify(|count| *count -= 1);
        }
    }
    shared.carrying.send_modify(|count| *count += 1);
    let carrying = Carrying(shared.clone());
    let task = task(shared.clone());
    tokio::spawn(async move {
        let done = task.await;
        drop(carrying);
        done
    })
}

async fn route(shared: &Arc<Shared>, destination: Destination) {
    let routed = match shared.live().delivery.route(&destination).await {
        Ok(route) => Routed::Site { site: route.site.clone(), fresh_until: shared.clock.now().plus(ROUTE_FRESH) },
        Err(trouble) => match trouble.kind {
            TroubleKind::DnsFailed | TroubleKind::DnsTimeout | TroubleKind::LocalFault => Routed::Unknown,
            _ => Routed::Nowhere,
        },
    };
    shared.queue().routed(&destination, routed, shared.clock.now());
    shared.wake.notify_one();
}

async fn claim(shared: &Arc<Shared>, wish: ClaimWish) {
    // While outcomes cannot be written no more work is taken into memory.
    let _unwritten = shared.unwritten_room.acquire().await;
    let now = shared.clock.now();
    let until = now.plus(shared.live().settings.lease);
    let after = shared.claim_after.lock().unwrap_or_else(PoisonError::into_inner).take();
    let claim = Claim {
        now,
        until,
        work_max: wish.work_max,
        per_destination_max: wish.per_destination_max,
        skip: wish.skip,
        after,
    };
    let claimed = match shared.spool.claim(claim).await {
        Ok(claimed) => {
            let more = claimed.after.is_some();
            *shared.claim_after.lock().unwrap_or_else(PoisonError::into_inner) = claimed.after;
            let jobs = claimed.work.into_iter().map(|work| claimed_job(work, until)).collect();
            Claimed { jobs, next_due: claimed.next_due, more }
        }
        Err(error) => {
            tracing::error!(%error, "due mail cannot be read from the spool; asked again in five seconds");
            Claimed { jobs: Vec::new(), next_due: Some(now.plus(CLAIM_AGAIN_AFTER)), more: false }
        }
    };
    shared.queue().claimed(claimed, shared.clock.now());
    shared.wake.notify_one();
}

/// A job of a paused destination goes to disk. If it is late enough its sender is told.
async fn put_back(shared: &Arc<Shared>, job: &Job<Cargo>, due: Timestamp, reason: &Reason) {
    let _unwritten = shared.unwritten_room.acquire().await;
    let now = shared.clock.now();
    let owes: Vec<bool> = {
        let queue = shared.queue();
        job.recipients.iter().map(|recipient| queue.owes_delay(job, recipient, now)).collect()
    };
    while_leased(shared, job, async {
        if owes.contains(&true) {
            put_back_and_tell(shared, job, &owes, due, reason, now).await;
        } else {
            record_durably(shared, &carry::untried(job, due, &reason.to_string())).await;
        }
    })
    .await;
}

async fn put_back_and_tell(
    shared: &Arc<Shared>,
    job: &Job<Cargo>,
    owes: &[bool],
    due: Timestamp,
    reason: &Reason,
    now: Timestamp,
) {
    let settlements: Vec<Settlement> = (owes.iter())
        .map(|owes| Settlement {
            outcome: None,
            verdict: waiting(reason, Disposition::Retry),
            settled: Settled::RetryAt { due, reason: reason.clone(), tell_delay: *owes },
        })
        .collect();
    finish_untried(shared, job, &settlements, now, || ()).await;
}

/// A job became too old while it could not be tried: its sender is told.
async fn expire(shared: &Arc<Shared>, job: &Job<Cargo>, reason: &Reason) {
    let now = shared.clock.now();
    let settlements: Vec<Settlement> = (job.recipients.iter())
        .map(|_| Settlement {
            outcome: None,
            verdict: waiting(reason, Disposition::Fail),
            settled: Settled::GiveUp { reason: GiveUp::Expired },
        })
        .collect();
    finish_untried(shared, job, &settlements, now, || {
        for recipient in &job.recipients {
            tell::expired(shared, job, recipient.index, recipient.attempts, &reason.to_string(), now);
        }
    })
    .await;
}

/// Records what became of a job without an attempt, with the notices it owes, and tells of it.
async fn finish_untried(
    shared: &Arc<Shared>,
    job: &Job<Cargo>,
    settlements: &[Settlement],
    now: Timestamp,
    tell: impl FnOnce(),
) {
    let live = shared.live();
    // The notice does without the original when that cannot be read.
    let (content, _room) = match &job.payload.content {
        Some(content) => (content.clone(), None),
        None => carry::read(shared, job).await.unwrap_or_else(|_| (Content::default(), None)),
    };
    let expires = shared.queue().expires(job);
    let account = Account { job, content: &content, settlements, spoken: None, tried: None, expires };
    let notices = account.notices(&live.settings, now, || shared.next_id(now, live.settings.node));
    let mut record = record_of(job, settlements, None);
    // It was not tried, and does not count as tried.
    for progress in &mut record.progress {
        if let postrider_spool::Next::Retry { attempted, .. } = &mut progress.next {
            *attempted = false;
        }
    }
    if let Some(kept) = keep(shared, &live, record, notices, now, job).await {
        tell();
        send_off(shared, kept, now, job);
    }
}

/// What waiting for a paused neighbour means, in the words of a verdict.
fn waiting(reason: &Reason, disposition: Disposition) -> Verdict {
    let cause = match reason {
        Reason::SitePaused(cause)
        | Reason::DestinationPaused(cause)
        | Reason::Probing(cause)
        | Reason::Retry(cause) => *cause,
        _ => Cause::Expired,
    };
    let who = if matches!(reason, Reason::Held(_)) { Who::SenderAdmin } else { Who::RecipientAdmin };
    Verdict {
        cause,
        disposition,
        scope: Scope::Destination,
        who,
        confidence: Confidence::Entry,
        suppress: false,
        retry_after_s: None,
        provider: None,
        summary: format!("The receiving system could not be used for a long time ({reason}).").into(),
        advice: Vec::new(),
        evidence: Evidence::default(),
        references: Vec::new(),
    }
}
