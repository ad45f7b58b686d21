//! Mails about mail (RFC 3464, RFC 5965): written by [`compose`], read by [`read`].
//!
//! [`compose`] turns a [`Notice`] into a message. It is pure: the present, the id and the words
//! are arguments. What is said to people comes from the caller's verdicts; this crate knows
//! only how such a mail is built.
//!
//! [`read()`] turns any bytes into a [`Report`]: whom a mail tells about and in which words. What
//! the words mean is the `reply` crate's to say.

mod compose;
mod fields;
mod notice;
mod original;
mod people;
mod read;
mod text;

pub use compose::{Composed, compose};
pub use notice::{Fate, Notice, Tidings};
pub use read::{Action, Complaint, Kind, Original, Report, Reported, read};
