//! The queue from outside: what the relay tells it, what it asks for, and a hand-moved present.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod disk;
mod rig;
mod sim;
mod trouble;
mod turns;
mod verdicts;
