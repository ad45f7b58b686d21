//! The crash-safe store of messages and of each recipient's progress.
//!
//! [`Engine`] is the seam: what a store must do, fit for one file and for a database.
//! [`SqliteEngine`] is the embedded one. [`Spool`] is what the relay holds: group commit, reading
//! off the runtime's workers, the dot journal, and the watch over free room.
//!
//! Invariant: `Ok` means on stable storage. Nothing here knows *when* to try what, or what a reply
//! means; that is the queue's and the decoder's.

mod batch;
mod codec;
mod lease;

pub mod dots;
pub mod engine;
pub mod spool;
pub mod sqlite;

pub use dots::{Dots, Slot};
pub use engine::{
    AttemptRecord, Claim, Claimed, Due, Engine, Kept, NewMessage, Next, Origin, Progress, QueueDestination, QueuePage,
    QueueQuery, QueueRow, Record, Recovery, SpoolError, Standing, Surgery, Work,
};
pub use spool::{Settings, Spool};
pub use sqlite::{SqliteEngine, SqliteSettings};
