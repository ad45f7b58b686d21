//! The queue from outside: what the relay tells it, what it asks for, and a hand-moved present.

mod disk;
mod rig;
mod sim;
mod trouble;
mod turns;
mod verdicts;
