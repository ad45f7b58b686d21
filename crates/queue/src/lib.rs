//! When to try what: backoff, fairness, limits and giving up, without I/O and without a clock.
//!
//! The relay drives one [`Queue`] from one loop: it tells what happened (`admit`, `routed`,
//! `claimed`, `finished`, `kept`), calls [`Queue::next`] until that says
//! [`Action::SleepUntil`], and does what the other actions ask. The present is an argument,
//! the only randomness is the seed in [`Settings`], so that a run can be played again.
//!
//! - A *job* is one message for one destination, with all its due recipients there. Jobs in
//!   memory are bounded in number and octets; whatever is more waits on disk, and is claimed
//!   when there is room.
//! - A *destination* is what an address names. A *site* is the neighbour found behind it: a
//!   thousand domains at one provider are one site. Limits, pauses and turns attach to sites;
//!   within a site destinations take turns; within a destination jobs go in order.
//! - A *ticket* is the right to one attempt. It is made by `next`, told of each verdict by
//!   [`Queue::settle`], and given back by [`Queue::finished`].
//!
//! Invariant: each job that is given in comes out exactly once, as an attempt, put back, or
//! expired. Not here: what a reply means (`postrider-reply`), and what is on disk
//! (`postrider-spool`), which is why nothing here is lost by a crash.

mod action;
mod claim;
mod finish;
mod forget;
mod health;
mod job;
mod lane;
mod operate;
mod queue;
mod reason;
mod settings;
mod settle;
mod sign;
mod site;
mod slab;
mod snapshot;
mod timers;

pub use action::{Action, Admission, ClaimWish, Claimed, PutBack, Routed, Target};
pub use job::{Job, JobRecipient, Ticket};
pub use queue::Queue;
pub use reason::Reason;
pub use settings::{Rate, RetrySettings, Settings, SiteSettings};
pub use settle::{GiveUp, Settled};
pub use snapshot::{DestinationRow, SiteRow, Snapshot};
