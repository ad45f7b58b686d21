//! The order of things: from an accepted message to its last event.

pub mod accept;
pub mod clock;
mod prepare;

pub use accept::{Accept, Client, Received};
