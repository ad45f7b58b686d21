//! The crash-safe store of messages and of each recipient's progress.

pub mod engine;

pub use engine::{
    AttemptRecord, Claim, Claimed, Due, Engine, Kept, NewMessage, Next, Origin, Progress, QueueDestination, QueuePage,
    QueueQuery, QueueRow, Record, Recovery, SpoolError, Standing, Surgery, Work,
};
