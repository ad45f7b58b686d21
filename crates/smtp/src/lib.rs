//! SMTP without sockets: the words of RFC 5321 and both sides of a session.
//!
//! The words are plain values that cannot be built wrong: [`Address`], [`Domain`],
//! [`Envelope`], [`Reply`], [`ReplyCode`], [`EnhancedStatus`], [`Phase`], [`Outcome`].
//! The sessions are sans-IO: bytes go in, steps come out, time is an argument.
//!
//! Nothing here opens a socket, reads a clock, or knows what a reply *means*; meaning is the
//! `postrider-reply` crate's.

pub mod address;
pub mod client;
pub mod code;
pub mod command;
pub mod destination;
pub mod envelope;
pub mod message;
pub mod outcome;
pub mod reply;
pub mod said;
pub mod server;

pub use address::{Address, AddressError, Domain, Host};
pub use code::{EnhancedStatus, ReplyCode};
pub use destination::Destination;
pub use envelope::{BodyType, DsnReturn, Envelope, Notify, Recipient};
pub use message::{Content, MessageId, Timestamp};
pub use outcome::{Outcome, Phase, Trouble, TroubleKind};
pub use reply::{Reply, ReplyError};
pub use said::Said;
