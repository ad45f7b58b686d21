//! A small internet on loopback: name servers and mail hosts with the manners of real providers.
//!
//! [`World::start`] opens real sockets on loopback addresses: a name server that serves a
//! [`postrider_dns::Zone`], and one mail host per row of [`PERSONAS`], each built on
//! `postrider_smtp::server`. One greylists, one is full, one drops connections behind the final
//! dot. What the hosts took is counted, so that a test or the demo can hold it against what a
//! relay says.
//!
//! Nothing leaves the machine, and nothing outlives the [`World`] value.
//!
//! Not here: any opinion on what a sender should do about all that.

mod manner;
mod name_server;
mod persona;
mod session;
mod tally;
mod world;

pub use manner::SPAM_MARK;
pub use name_server::{NameServer, Transport, respond};
pub use persona::{HOME, Manner, PERSONAS, Persona};
pub use tally::{HostTally, MESSAGE_IDS_MAX, Taken};
pub use world::{Settings, World};
