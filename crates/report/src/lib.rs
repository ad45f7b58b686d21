//! Bounce, delay and success mails (RFC 3464): written here; reading them will be.
//!
//! [`compose`] turns a [`Notice`] into a message. It is pure: the present, the id and the words
//! are arguments. What is said to people comes from the caller's verdicts; this crate knows
//! only how such a mail is built.

mod compose;
mod fields;
mod notice;
mod original;
mod people;
mod text;

pub use compose::{Composed, compose};
pub use notice::{Fate, Notice, Tidings};
