//! The order of things: from an accepted message to its last event.
//!
//! [`Relay`] composes the parts that know nothing of each other: the spool keeps, the queue
//! decides when, delivery does, the decoder says what it means, events tell. The order is in
//! [`carry`](self) and in [`Relay::accept`](Accept::accept), and nowhere else.
//!
//! Invariants: nothing is promised before it is durable, nothing is told before it is recorded,
//! and a message with the null sender never makes another.

pub mod accept;
pub mod clock;

mod carry;
mod dots;
mod job;
mod lease;
mod notice;
mod prepare;
mod pump;
mod relay;
mod settings;
mod shared;
mod tell;

pub use accept::{Accept, Client, Received, Refusal};
pub use clock::{Clock, SystemClock};
pub use relay::{Parts, Relay};
pub use settings::Settings;
