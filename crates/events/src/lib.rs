//! Everything that can be said about a message, one fact at a time.
//!
//! An [`Event`] is made after the fact is durable, never before. It goes to a [`Sink`]; the one
//! of a relay is [`JsonLines`], whose lines [`history`] reads back. The schema of a line,
//! [`SCHEMA`], is documented in `docs/events.md`, and a test holds that page and this code together.
//!
//! Events are for telling. Nothing is decided from them, and the spool never depends on them.

mod event;
mod files;
mod history;
mod json_lines;
mod line;
mod sink;
mod wire;

pub use event::{
    Accepted, Attempted, Event, Expired, Found, Next, Noticed, Operated, Origin, Recovered, Refused, Tidings, Via,
};
pub use history::history;
pub use json_lines::{JsonLines, OpenError, Settings};
pub use line::{NotAnEvent, SCHEMA};
pub use sink::{Fan, Memory, Sink, Ticket};
