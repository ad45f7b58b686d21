//! Who is let in, and how much of it.

use crate::{Network, Users};
use postrider_smtp::server;
use postrider_transport::accept::Patience;
use postrider_transport::tls::server::ServerTls;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Settings of all listeners; a change holds for connections made after it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the sessions: name, limits, time-outs.
    pub smtp: Arc<server::Settings>,
    /// Certificate and key; without them neither STARTTLS nor the TLS port can be offered.
    pub tls: Option<ServerTls>,
    /// How long a client may keep us waiting below SMTP.
    pub patience: Patience,
    /// Whether this machine may relay without AUTH: what a relay beside an application is for.
    pub trust_loopback: bool,
    /// Who else may relay without AUTH.
    pub networks: Vec<Network>,
    /// Who may relay with AUTH.
    pub users: Arc<Users>,
    /// Whether AUTH is offered in clear to others than this machine. A password in clear is a password given away.
    pub auth_in_clear: bool,
    /// Sessions at once. Each idle one costs a few kilobytes.
    pub connections_max: usize,
    /// Sessions at once of one client address (IPv6: one /64) that is not trusted.
    pub connections_per_client_max: usize,
    /// Failed logins of one client address within [`Settings::login_failures_window`] before it is turned away.
    pub login_failures_max: u32,
    /// How long a failed login is remembered.
    pub login_failures_window: Duration,
    /// Received fields of a message before it is taken for a loop. RFC 5321 §6.3 says at least
    /// 100 hops might be; none of our days' paths has a third of that, and loops double.
    pub received_fields_max: usize,
}

impl Settings {
    /// The defaults under this host's name: loopback relays, nobody else does.
    pub fn new(hostname: impl Into<Arc<str>>) -> Self {
        Self {
            smtp: Arc::new(server::Settings::new(hostname)),
            tls: None,
            patience: Patience::default(),
            trust_loopback: true,
            networks: Vec::new(),
            users: Arc::new(Users::default()),
            auth_in_clear: false,
            connections_max: 5000,
            connections_per_client_max: 50,
            login_failures_max: 10,
            login_failures_window: Duration::from_secs(10 * 60),
            received_fields_max: 50,
        }
    }

    /// Whether this address may relay without AUTH.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        let ip = crate::network::plain(ip);
        self.trust_loopback && ip.is_loopback() || self.networks.iter().any(|network| network.contains(ip))
    }
}

/// Which kind of port a client came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// Port 25, between hosts.
    Relay,
    /// Port 587, from users (RFC 6409): in clear first, with STARTTLS.
    Submission,
    /// Port 465, from users (RFC 8314): under TLS from the first octet.
    SubmissionTls,
}

impl Door {
    /// The name used in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Submission => "submission",
            Self::SubmissionTls => "submission-tls",
        }
    }
}
