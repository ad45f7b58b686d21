//! What the queue asks of the relay, and how the relay answers.

use crate::{Job, Reason, Ticket};
use postrider_smtp::{Destination, Timestamp};
use std::sync::Arc;

/// What to do next.
#[derive(Debug)]
pub enum Action<J> {
    /// Find the site behind this destination; answer by [`crate::Queue::routed`].
    Route(Destination),
    /// Try this job; [`crate::Queue::settle`] each recipient, then [`crate::Queue::finished`].
    Attempt(Ticket, Job<J>),
    /// Record these jobs as waiting, not as attempted; then [`crate::Queue::kept`].
    PutBack(PutBack<J>),
    /// This job became too old while its site or destination was paused: give all its
    /// recipients up. The reason is why it could not go.
    Expire(Job<J>, Reason),
    /// Claim work from disk; answer by [`crate::Queue::claimed`], also when that failed.
    Claim(ClaimWish),
    /// Nothing until then, or until something is told.
    SleepUntil(Timestamp),
}

/// Jobs that leave memory untried.
#[derive(Debug)]
pub struct PutBack<J> {
    /// The jobs, all of one destination; at most [`PutBack::JOBS_MAX`].
    pub jobs: Vec<Job<J>>,
    /// When they are due again.
    pub due: Timestamp,
    /// Why they wait.
    pub reason: Reason,
}

impl PutBack<()> {
    /// The most jobs in one action: one transaction's worth.
    pub const JOBS_MAX: usize = 256;
}

/// Which work is wanted from disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimWish {
    /// At most so many jobs in all.
    pub work_max: usize,
    /// At most so many for one destination.
    pub per_destination_max: usize,
    /// Destinations that can take no more now; at most [`ClaimWish::SKIP_MAX`].
    pub skip: Vec<Destination>,
}

impl ClaimWish {
    /// The most destinations named to be skipped; of the others a claim may bring jobs that
    /// have to be put back.
    pub const SKIP_MAX: usize = 500;
}

/// What a claim brought.
#[derive(Debug)]
pub struct Claimed<J> {
    /// The jobs.
    pub jobs: Vec<Job<J>>,
    /// When the next job that is not skipped falls due, if any waits.
    pub next_due: Option<Timestamp>,
    /// Whether the claim stopped before it had seen all that is due.
    pub more: bool,
}

/// What is known of the way to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// The neighbour behind it.
    Site {
        /// Its name.
        site: Arc<str>,
        /// When to ask again.
        fresh_until: Timestamp,
    },
    /// There is none: its jobs are given out all the same, so that each gets its outcome.
    Nowhere,
    /// It could not be found out: one job is given out, the others wait for what becomes of it.
    Unknown,
}

/// Whether a fresh message may be tried from memory; asked before it is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Commit it as leased, then [`crate::Queue::admit`] it.
    Now,
    /// Commit it as waiting until then.
    Later {
        /// Until when.
        due: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// No room in memory: commit it as waiting, due now; it will be claimed.
    Spill,
}

/// What an operator points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One destination.
    Destination(Destination),
    /// A site by its name, and so all destinations behind it.
    Site(Arc<str>),
}
