//! What an SMTP reply means: code, enhanced status, phase and words become a verdict.

pub mod verdict;

pub use verdict::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
