//! The workloads: how real senders differ, as a table.

use crate::load::source::Plan;
use std::net::SocketAddr;

/// One way of sending.
pub(crate) struct Workload {
    /// Its name on the command line and in the figures.
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) about: &'static str,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Octets of each body.
    pub(crate) body_bytes: usize,
    /// Messages per connection.
    pub(crate) per_connection: Option<u64>,
    /// Recipient domains; more than one are found by MX, else all goes one static way.
    pub(crate) domains: usize,
}

/// All of them.
pub(crate) static ALL: [Workload; 5] = [
    Workload {
        name: "10k",
        about: "10 KB over 20 kept connections",
        connections: 20,
        body_bytes: 10_240,
        per_connection: None,
        domains: 1,
    },
    Workload {
        name: "single",
        about: "10 KB, one message per connection",
        connections: 20,
        body_bytes: 10_240,
        per_connection: Some(1),
        domains: 1,
    },
    Workload {
        name: "1k",
        about: "1 KB over 20 kept connections",
        connections: 20,
        body_bytes: 1024,
        per_connection: None,
        domains: 1,
    },
    Workload {
        name: "100k",
        about: "100 KB over 20 kept connections",
        connections: 20,
        body_bytes: 102_400,
        per_connection: None,
        domains: 1,
    },
    Workload {
        name: "domains",
        about: "10 KB to a thousand domains, each with its own host",
        connections: 20,
        body_bytes: 10_240,
        per_connection: None,
        domains: 1000,
    },
];

impl Workload {
    /// The source's orders.
    pub(crate) fn plan(&self, to: SocketAddr, first: u64, messages: u64, pipelined: bool) -> Plan {
        Plan {
            to,
            connections: self.connections,
            first,
            messages,
            body_bytes: self.body_bytes,
            per_connection: self.per_connection,
            domains: self.domains,
            pipelined,
        }
    }

    /// Whether recipients are found by MX.
    pub(crate) fn by_mx(&self) -> bool {
        self.domains > 1
    }
}

/// The workload of that name.
pub(crate) fn named(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}
