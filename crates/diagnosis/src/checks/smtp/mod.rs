//! The mail hosts themselves: whether each can be reached, what it says, and how it behaves.
//!
//! At most three connections are made to an address, and none more once it said 421: a host
//! that limits strangers is not to be blamed for it. Nothing is ever sent behind DATA, except
//! to hosts that are the user's own.

mod cert;
mod demand;
mod gather;
mod helo;
mod manners;
mod mine;
mod patience;
mod reach;
mod secrecy;
mod six;
mod speed;
#[cfg(test)]
mod tests;
mod transaction;
mod view;

pub use cert::{CertificateFacts, Key, Trusted, examine};
pub use gather::gather;
pub use mine::MineFacts;
pub use patience::Again;
pub(crate) use patience::wait;
pub use reach::speaks;
pub(crate) use view::View;

use crate::facts::Facts;
use crate::finding::Say;
use crate::report::{Path, Timing};
use crate::session::SessionFacts;
use postrider_dns::Failure;
use postrider_smtp::Reply;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// One mail host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// Lower is tried first.
    pub preference: u16,
    /// Each address of it.
    pub addresses: Vec<AddressFacts>,
}

/// One address of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressFacts {
    /// Address and port.
    pub to: SocketAddr,
    /// The session: the opening, and the questions.
    pub main: SessionFacts,
    /// Another one in clear, where TLS failed.
    pub clear: Option<SessionFacts>,
    /// What it says to the TLS of old.
    pub old: Option<SessionFacts>,
    /// What was only asked of the user's own hosts.
    pub mine: Option<mine::MineFacts>,
    /// A second try, where the first was put off and there was time to wait.
    pub again: Option<Again>,
    /// Its certificate.
    pub certificate: Option<CertificateFacts>,
    /// Where the name leads that it greets with.
    pub greets_as: Option<GreetsAs>,
    /// How many connections were made.
    pub connections: u8,
}

/// What a host calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreetsAs {
    /// The name.
    pub name: String,
    /// Where it leads; or why that could not be found out.
    pub ips: Result<Vec<IpAddr>, Failure>,
}

impl AddressFacts {
    /// Of an address after its first session.
    pub fn new(to: SocketAddr, main: SessionFacts) -> Self {
        Self {
            to,
            main,
            clear: None,
            old: None,
            mine: None,
            again: None,
            certificate: None,
            greets_as: None,
            connections: 1,
        }
    }

    /// The session in which the questions were asked.
    pub fn talk(&self) -> &SessionFacts {
        if let Some(again) = self.again.as_ref().filter(|again| again.let_in) {
            return &again.session;
        }
        self.first_talk()
    }

    /// The session in which the questions were asked for the first time.
    pub fn first_talk(&self) -> &SessionFacts {
        self.clear.as_ref().filter(|clear| clear.peer().is_some()).unwrap_or(&self.main)
    }

    /// The 421 that ended any of its sessions.
    pub fn limit(&self) -> Option<&Reply> {
        [Some(&self.main), self.clear.as_ref(), self.old.as_ref()].into_iter().flatten().find_map(SessionFacts::limit)
    }
}

/// All checks of this room.
const IDS: [&str; 22] = [
    "net.class",
    "smtp.banner",
    "smtp.slow",
    "smtp.limit",
    "smtp.ehlo",
    "smtp.starttls",
    "smtp.strip",
    "tls.cert",
    "tls.vers",
    "smtp.auth",
    "smtp.relay",
    "smtp.vrfy",
    "smtp.roles",
    "smtp.null",
    "smtp.rcpt",
    "smtp.grey",
    "smtp.ext",
    "smtp.latency",
    "smtp.pipe",
    "smtp.smuggle",
    "smtp.inject",
    "helo.match",
];

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    let Some(hosts) = &facts.hosts else {
        for id in IDS {
            say.untested(id, "the mail hosts were not spoken to in time");
        }
        return;
    };
    if hosts.is_empty() {
        let why = if facts.mx.as_ref().is_some_and(crate::checks::mx::MxFacts::is_null) {
            "the domain takes no mail"
        } else {
            "there is no mail host to speak to"
        };
        for id in IDS {
            say.not_applicable(id, why);
        }
        return;
    }
    let view = View::of(facts, hosts);
    reach::judge(&view, say);
    speed::judge(&view, say);
    secrecy::judge(&view, say);
    cert::judge(&view, say);
    transaction::judge(&view, say);
    manners::judge(&view, say);
    mine::judge(&view, say);
    helo::judge(&view, say);
    six::judge(&view, say);
}

/// What is remembered of the hosts from run to run: a host that had TLS and has none any more,
/// or has another certificate, is seen on the timeline.
pub(crate) fn remember(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    for host in facts.hosts.iter().flatten() {
        let Some(address) = host.addresses.iter().find(|address| address.main.peer_in_clear().is_some()) else {
            continue;
        };
        let starttls = match &address.main.tls {
            Some(_) => "works",
            None if address.main.opening.starttls.is_some() => "fails",
            // A session that was cut short has not said that it has none.
            None if address.limit().is_some() => continue,
            None => "not offered",
        };
        seen.insert(format!("STARTTLS of {}", host.name), starttls.into());
        if let Some(certificate) = &address.certificate {
            seen.insert(format!("certificate of {}", host.name), certificate.line());
        }
    }
}

/// The way to each address, for the report.
pub(crate) fn paths(facts: &Facts) -> Vec<Path> {
    let hosts = facts.hosts.as_deref().unwrap_or_default();
    hosts
        .iter()
        .flat_map(|host| host.addresses.iter().map(move |address| (host, address)))
        .map(|(host, address)| Path {
            host: host.name.clone(),
            address: address.to.to_string(),
            end: view::end(address),
            steps: address
                .talk()
                .steps
                .iter()
                .map(|step| Timing { step: step.step.to_owned(), ms: step.took.as_secs_f64() * 1000.0 })
                .collect(),
        })
        .collect()
}
