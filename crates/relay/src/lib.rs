//! The order of things: from an accepted message to its last event.

pub mod accept;

pub use accept::{Accept, Client, Received};
