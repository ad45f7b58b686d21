//! What an SMTP reply means: code, enhanced status, phase and words become a verdict.
//!
//! [`Decoder::decode`] is total: every [`Outcome`](postrider_smtp::Outcome) gets a [`Verdict`].
//! All knowledge is data under `knowledge/`, compiled in and parsed once per [`Decoder`].

mod atoms;
mod decode;
pub mod entry;
mod errno;
mod hint;
mod knowledge;
mod names;
mod normal;
mod phrase;
pub mod proof;
pub mod reference;
mod registry;
mod tokens;
pub mod verdict;
mod weigh;
mod why;
mod wire;

pub use decode::{Context, Decoder};
pub use entry::{Entry, Provider};
pub use errno::Errno;
pub use knowledge::CauseFacts;
pub use verdict::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
pub use why::Considered;
