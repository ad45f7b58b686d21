//! What a user's mail program meets: how it finds its servers, which ports answer and how, and
//! whether it can log in, fetch and send.
//!
//! Two depths. A plain run looks only at what the domain publishes for mail programs (SRV
//! records, autoconfig, autodiscover) and stays silent where there is nothing. A run for one
//! mailbox ([`Wish`]) also knocks at the ports, listens which protocol speaks there and whether
//! in clear or under TLS, and logs in, once, when it is given a password. No mail is sent.

pub mod autoconfig;
pub mod autodiscover;
pub mod clock;
mod discover;
mod from;
pub mod inbox;
pub mod login;
mod mode;
pub mod ports;
mod settings;
pub mod srv;

pub use discover::{gather, gather_for};
pub use settings::{Ability, ClientAnswer, PortLine, Setting};

use crate::facts::Facts;
use crate::finding::Say;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Sending (RFC 6409).
    Submission,
    /// Reading mail on the server.
    Imap,
    /// Fetching mail.
    Pop,
    /// Filters (RFC 5804).
    Sieve,
}

impl Service {
    /// As users know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submission => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop => "POP3",
            Self::Sieve => "ManageSieve",
        }
    }
}

/// How TLS comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// From the first octet on.
    Implicit,
    /// By STARTTLS.
    StartTls,
    /// Not at all.
    Clear,
}

impl Mode {
    /// As mail programs call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Implicit => "SSL/TLS",
            Self::StartTls => "STARTTLS",
            Self::Clear => "none",
        }
    }

    /// What the well-known ports are for (RFC 8314 §3, RFC 5804 §1.8).
    pub const fn of_port(port: u16) -> Option<Self> {
        match port {
            465 | 993 | 995 => Some(Self::Implicit),
            25 | 110 | 143 | 587 | 2525 | 4190 => Some(Self::StartTls),
            _ => None,
        }
    }
}

/// Who names a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedBy {
    /// The user, on the command line.
    User,
    /// An SRV record.
    Srv,
    /// The domain's autoconfig file.
    Autoconfig,
    /// Its autodiscover answer.
    Autodiscover,
    /// Nobody: it is a usual name.
    Guess,
}

impl NamedBy {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::User => "you name it",
            Self::Srv => "its SRV record names it",
            Self::Autoconfig => "its autoconfig file names it",
            Self::Autodiscover => "its autodiscover answer names it",
            Self::Guess => "it is a usual name",
        }
    }
}

/// A server that a mail program would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What for.
    pub service: Service,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is to come about.
    pub mode: Mode,
    /// Who names it.
    pub by: NamedBy,
    /// The user name that is to be given there, when that was said.
    pub user: Option<String>,
}

/// What was found of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// What it is an alias of.
    pub alias: Option<String>,
    /// Why it could not be asked for; `None` when the answer was that there is nothing.
    pub failure: Option<String>,
}

impl Resolved {
    /// Whether it is known that there is no address.
    pub const fn is_absent(&self) -> bool {
        self.ips.is_empty() && self.failure.is_none()
    }
}

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What is to be looked at for one mailbox.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The local part.
    pub local: String,
    /// The domain, in A-labels.
    pub domain: String,
    /// The user name for logins, when it is not the address.
    pub user: Option<String>,
    /// The password; without it there is no login.
    pub password: Option<Password>,
    /// Servers that the user names.
    pub named: Vec<Offer>,
}

impl Wish {
    /// The address.
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// All that was seen.
#[derive(Debug, Clone, Default)]
pub struct ClientFacts {
    /// The domain.
    pub domain: String,
    /// The mailbox, when one was looked at; then ports and sessions were, too.
    pub address: Option<String>,
    /// The user name for logins.
    pub user: String,
    /// Whether a password was given.
    pub with_login: bool,
    /// The SRV records.
    pub srv: Vec<srv::SrvSet>,
    /// The autoconfig file.
    pub autoconfig: Option<autoconfig::AutoconfigSeen>,
    /// Autodiscover.
    pub autodiscover: Option<autodiscover::AutodiscoverSeen>,
    /// Whether any name below the domain has an address.
    pub wildcard: bool,
    /// What was found of the servers' names.
    pub names: BTreeMap<String, Resolved>,
    /// The servers, those named first.
    pub offers: Vec<Offer>,
    /// The ports.
    pub ports: Vec<ports::PortSeen>,
    /// The talk with the submission server.
    pub submission: Option<login::SubmissionSeen>,
    /// The talk with the IMAP server.
    pub imap: Option<login::ImapSeen>,
    /// The certificates of the servers that mail programs use.
    pub certificates: Vec<inbox::CertificateSeen>,
    /// What others said the time is.
    pub clocks: Vec<clock::Told>,
}

/// Lets the judges of mail programs speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    let Some(client) = &facts.client else { return };
    srv::judge(client, say);
    autoconfig::judge(client, say);
    autodiscover::judge(client, say);
    clock::judge(facts, client, say);
    if client.address.is_some() {
        ports::judge(client, say);
        mode::judge(client, say);
        login::judge(client, say);
        inbox::judge(client, say);
        from::judge(client, say);
    } else {
        for id in ["cl.port", "cl.mode", "cl.auth", "cl.imap", "cl.from"] {
            say.not_applicable(id, format!("asked for a mailbox only: postrider doctor client USER@{}", client.domain));
        }
    }
}
