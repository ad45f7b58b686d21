//! Says what is broken with a domain's mail, in which direction, and who must act.
//!
//! The way of a run: [`run()`] makes a [`ctx::Ctx`], lets every subject under `checks/` gather
//! its facts through the one way out ([`net::World`]), keeps them in [`Facts`], and hands
//! those to the judges; their findings are folded (a consequence goes under its root), the
//! answer is drawn from them, and the [`Report`] is what text, JSON and pages are made of.
//!
//! Boundary: judges are pure; only `gather` asks, and only through [`net`]. Nothing here
//! writes to a terminal or reads a file.

pub mod address;
pub mod case;
pub mod catalogue;
pub mod checks;
pub mod ctx;
pub mod dns;
mod facts;
pub mod finding;
mod fold;
pub mod history;
pub mod http;
pub mod imap;
pub mod log;
pub mod message;
pub mod net;
mod page;
pub mod registry;
mod report;
mod run;
pub mod session;
mod target;
pub mod trip;
mod words;

pub use checks::dns::look as name_service;
pub use checks::registration;
pub use facts::Facts;
pub use page::page;
pub use report::{Answer, Change, Health, Path, Report, Timing, Vantage, moment};
pub use run::{Progress, run, run_client};
pub use target::{NotATarget, Target};
pub use words::harmless;
