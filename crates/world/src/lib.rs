//! A small internet on loopback: name servers and mail hosts with the manners of real providers.

mod name_server;

pub use name_server::{NameServer, Transport, respond};
