//! Work from disk is leased for a time; whoever is not done by then must not go on with it.
//!
//! A job may stand in line for longer than its lease, behind a slow neighbour or in front of a
//! full disk. Invariant: a job is worked on under a lease that holds from before the first octet
//! until its record is durable; one whose lease ran out in line is let go, as it is due on disk
//! and another claim may have it already.

use crate::job::Cargo;
use crate::shared::Shared;
use postrider_queue::Job;
use postrider_smtp::Timestamp;
use std::pin::pin;
use std::sync::Arc;

/// Does the work while the lease is held longer again and again; `None`, and nothing is done,
/// when the lease ran out before.
pub(crate) async fn while_leased<T>(
    shared: &Arc<Shared>,
    job: &Job<Cargo>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut until = job.payload.leased_until;
    // The first attempt from memory: nobody else can claim it.
    if until == Timestamp::NEVER {
        return Some(work.await);
    }
    if is_half_over(shared, until) {
        until = renewed(shared, job, until).await?;
    }
    let mut work = pin!(work);
    loop {
        let half = until.since(Timestamp::default()).saturating_sub(shared.live().settings.lease / 2);
        tokio::select! {
            done = &mut work => return Some(done),
            () = shared.clock.sleep_until(Timestamp::default().plus(half)) => {}
        }
        if is_half_over(shared, until) {
            // What is begun is finished: a lease that cannot be renewed any more is not a reason to stop in the middle.
            until = renewed(shared, job, until).await.unwrap_or(Timestamp::NEVER);
        }
    }
}

fn is_half_over(shared: &Shared, until: Timestamp) -> bool {
    until.since(shared.clock.now()) < shared.live().settings.lease / 2
}

/// Until when the lease holds now; `None` when it ran out before it could be renewed.
async fn renewed(shared: &Arc<Shared>, job: &Job<Cargo>, until: Timestamp) -> Option<Timestamp> {
    let longer = shared.clock.now().plus(shared.live().settings.lease);
    let done = shared.spool.renew(vec![job.message], longer).await;
    // Asked after the renewal: a lease that was over in between may have gone to another claim.
    let held = done.is_ok() && shared.clock.now() < until;
    if !held {
        tracing::info!(message = %job.message, "its lease ran out in line; it is claimed again");
        shared.queue().kept(shared.clock.now());
        shared.wake.notify_one();
    }
    held.then_some(longer)
}
