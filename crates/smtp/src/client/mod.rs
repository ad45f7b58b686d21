//! The sending side of a session, without sockets.

mod timeouts;

pub use timeouts::Timeouts;
