//! What an SMTP reply means: code, enhanced status, phase and words become a verdict.
//!
//! [`Decoder::decode`] is total: every [`Outcome`](postrider_smtp::Outcome) gets a [`Verdict`].
//! All knowledge is data under `knowledge/`, compiled in and parsed once per [`Decoder`].

mod decode;
mod errno;
mod hint;
mod knowledge;
mod names;
pub mod verdict;
mod wire;
mod words;

pub use decode::{Context, Decoder};
pub use verdict::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
