//! SMTP listeners: who may connect, who may relay, and the hand-over.
//!
//! [`Inbound`] takes listeners that are bound already (by the binary, for socket activation and
//! reload), runs a session of [`postrider_smtp::server`] on each connection, decides what the
//! protocol cannot, and hands whole messages to [`postrider_relay::Accept`].
//!
//! Invariants: nobody relays who is neither in a trusted network nor authenticated; 250 is said
//! only when the relay has the message on stable storage; secrets reach neither log nor counters;
//! every table has a bound.
//!
//! Deliberately not here: what is written into a message (the relay's), SPF and DKIM checks of
//! what comes in, XCLIENT, milters.

mod admission;
mod counters;
mod failures;
mod gate;
mod listener;
mod network;
mod session;
mod settings;
mod users;

pub use counters::{Counters, Snapshot};
pub use listener::Inbound;
pub use network::{Network, NotANetwork};
pub use settings::{Door, Settings};
pub use users::{BadHash, Users};
