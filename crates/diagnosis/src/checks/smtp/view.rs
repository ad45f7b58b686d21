//! What the judges share: which hosts work, how much one that does not matters, and words.

use super::{AddressFacts, HostFacts};
use crate::address::{Class, class_of};
use crate::checks::egress;
use crate::facts::Facts;
use crate::finding::{Actor, Finding, Impact, Severity};
use crate::session::SessionFacts;
use postrider_reply::{Cause, Context, Verdict, Who};
use postrider_smtp::client::Ended;
use postrider_smtp::{Outcome, Phase, Reply, TroubleKind};
use std::net::IpAddr;
use std::time::Duration;

/// Silence shorter than this may be a host that is slow on purpose: RFC 5321 §4.5.3.2.1 has
/// senders wait five minutes, and delays of half a minute are in use against spam.
pub(super) const PATIENCE: Duration = Duration::from_secs(35);

/// How an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It takes commands.
    Works,
    /// It does not, and that is its own doing.
    Dead,
    /// That cannot be said from here.
    Unknown,
}

/// What is known of our own way out on port 25.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is open.
    Open,
    /// It is closed.
    Blocked,
    /// Somebody answers in the place of the hosts.
    Intercepted,
    /// Not known.
    Unknown,
}

/// The facts of this room, seen together.
pub(crate) struct View<'a> {
    pub(super) facts: &'a Facts,
    pub(super) hosts: &'a [HostFacts],
}

impl<'a> View<'a> {
    pub(super) fn of(facts: &'a Facts, hosts: &'a [HostFacts]) -> Self {
        Self { facts, hosts }
    }

    /// Every address with its host.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&'a HostFacts, &'a AddressFacts)> + use<'a> {
        let hosts = self.hosts;
        hosts.iter().flat_map(|host| host.addresses.iter().map(move |address| (host, address)))
    }

    /// Every address that takes commands.
    pub(super) fn working(&self) -> Vec<(&'a HostFacts, &'a AddressFacts)> {
        self.addresses().filter(|(_, address)| self.standing(address) == Standing::Works).collect()
    }

    /// What is known of our own way to that address.
    pub(super) fn way(&self, address: &AddressFacts) -> Way {
        self.way_out(address.to.is_ipv6())
    }

    fn way_out(&self, v6: bool) -> Way {
        match self.facts.egress.as_ref().map(|egress| egress.way(v6)) {
            Some(egress::Way::Open) => Way::Open,
            Some(egress::Way::Blocked(_)) => Way::Blocked,
            Some(egress::Way::Intercepted(_)) => Way::Intercepted,
            Some(egress::Way::Unknown(_)) | None => Way::Unknown,
        }
    }

    /// Whether our way out is open as far as the port goes: known to be, or shown by any host that answered.
    fn is_way_open(&self, v6: bool) -> bool {
        let reached = |address: &AddressFacts| {
            address.to.is_ipv6() == v6 && address.main.unreached.is_none() && !address.main.opening.first.is_empty()
        };
        self.way_out(v6) == Way::Open || self.addresses().any(|(_, address)| reached(address))
    }

    /// Whether the address is for mail programs, by its port: strangers are not let in there.
    pub(super) fn is_submission(&self, address: &AddressFacts) -> bool {
        address.to.port() != self.facts.settings.smtp_port
    }

    /// Whether silence is the address's own: the filters of those who connect us stand before
    /// the internet, not before this machine or its own network.
    fn is_reachable(&self, ip: IpAddr) -> bool {
        class_of(ip) != Class::Global || self.is_way_open(ip.is_ipv6())
    }

    pub(super) fn standing(&self, address: &AddressFacts) -> Standing {
        let talk = address.talk();
        if talk.peer().is_some() {
            return Standing::Works;
        }
        if matches!(self.way(address), Way::Blocked | Way::Intercepted) || talk.limit().is_some() {
            return Standing::Unknown;
        }
        match &address.main.unreached {
            Some(trouble) => match trouble.kind {
                TroubleKind::ConnectionRefused => Standing::Dead,
                TroubleKind::ConnectTimeout if self.is_reachable(address.to.ip()) => Standing::Dead,
                // No route to the internet at all is our own fault; to one host, its.
                TroubleKind::Unreachable if address.to.is_ipv4() && trouble.errno != Some(NETWORK_UNREACHABLE) => {
                    Standing::Dead
                }
                TroubleKind::ConnectionLost => Standing::Dead,
                _ => Standing::Unknown,
            },
            None => match (&talk.ended, talk.gave_up) {
                (_, Some(waited)) if waited < PATIENCE && talk.poked.is_empty() => Standing::Unknown,
                (Some(Ended::Refused { reply, phase }), _) if self.is_about_us(address, *phase, reply) => {
                    Standing::Unknown
                }
                (Some(_), _) => Standing::Dead,
                (None, _) => Standing::Unknown,
            },
        }
    }

    pub(super) fn host_works(&self, host: &HostFacts) -> bool {
        host.addresses.iter().any(|address| self.standing(address) == Standing::Works)
    }

    /// A finding about an address that takes no mail, as bad as that is for the domain.
    pub(super) fn dead(&self, id: &'static str, host: &HostFacts, address: &AddressFacts, title: String) -> Finding {
        let works = |other: &&HostFacts| self.host_works(other);
        let better = self.hosts.iter().filter(|other| other.preference < host.preference).any(|other| works(&other));
        let all_dead = self.addresses().all(|(_, other)| self.standing(other) == Standing::Dead);
        let (severity, receiving) = if better && !self.host_works(host) {
            (Severity::Note, Impact::None)
        } else if self.hosts.iter().any(|other| works(&other)) {
            (Severity::Warning, Impact::AtRisk)
        } else if all_dead {
            (Severity::Problem, Impact::Broken)
        } else {
            (Severity::Problem, Impact::AtRisk)
        };
        let mut finding =
            Finding::new(id, host.name.clone(), severity, title).impact(Impact::None, receiving).act(Actor::You);
        if severity == Severity::Note {
            finding = finding.meaning("A host that is tried before this one works, so mail arrives.");
        } else if severity == Severity::Warning {
            finding = finding.meaning("Another address takes the mail, later than need be.");
        }
        if self.facts.mx.as_ref().is_some_and(|mx| mx.implicit) {
            finding = finding.because_of("mx.none", &self.facts.domain);
        }
        // What lies deeper explains it: mail was sent to a host that is not meant for it.
        if self.facts.mx.as_ref().is_some_and(|mx| mx.implicit) {
            finding = finding.because_of("mx.none", "*");
        }
        finding.because_of("mx.private", &host.name).seen("smtp", place(host, address), last_words(address.talk()))
    }

    /// What a reply means.
    pub(super) fn verdict(&self, address: &AddressFacts, phase: Phase, reply: &Reply) -> Verdict {
        let outcome = Outcome::Replied { phase, reply: reply.clone() };
        let context = Context { host: &address.main.host, ..Context::default() };
        self.facts.decoder().decode(&outcome, &context)
    }

    /// Whether a refusal is about the machine this runs on, not about the host or the domain:
    /// from a home line, many hosts refuse everything.
    pub(super) fn is_about_us(&self, address: &AddressFacts, phase: Phase, reply: &Reply) -> bool {
        let verdict = self.verdict(address, phase, reply);
        verdict.who == Who::SenderAdmin
            && matches!(
                verdict.cause,
                Cause::IpBlocklisted | Cause::LowReputation | Cause::MissingPtr | Cause::RateLimited | Cause::SpfFailed
            )
    }
}

/// Linux: ENETUNREACH.
const NETWORK_UNREACHABLE: i32 = 101;

/// A host and its address, as evidence names them.
pub(super) fn place(host: &HostFacts, address: &AddressFacts) -> String {
    format!("{} [{}]:{}", host.name, address.to.ip(), address.to.port())
}

/// A reply as evidence has it: its first lines.
pub(super) fn told(reply: &Reply) -> String {
    let text = reply.to_string();
    let end = text.char_indices().nth(240).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { " …" } else { "" };
    harmless(&text[..end]) + more
}

/// Octets that may be anything, for people.
pub(super) fn octets(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(&octets[..octets.len().min(80)]).into_owned();
    harmless(text.lines().next().unwrap_or_default())
}

fn harmless(text: &str) -> String {
    text.chars().map(crate::words::harmless).collect()
}

/// The last thing that was heard, or what broke it.
pub(super) fn last_words(session: &SessionFacts) -> String {
    if let Some(trouble) = &session.unreached {
        return trouble.detail.clone();
    }
    match &session.ended {
        Some(Ended::Refused { reply, .. }) => told(reply),
        Some(Ended::Broken(trouble)) => trouble.detail.clone(),
        _ => session.opening.greeting.as_ref().map(told).unwrap_or_default(),
    }
}

/// How a session ended, in a word or two.
pub(super) fn end(address: &AddressFacts) -> String {
    let talk = address.talk();
    if let Some(trouble) = &talk.unreached {
        return match trouble.kind {
            TroubleKind::ConnectionRefused => "refused".into(),
            TroubleKind::ConnectTimeout => "no answer".into(),
            kind => kind.name().replace('-', " "),
        };
    }
    match &talk.ended {
        Some(Ended::Quit) | None => match talk.answer("postmaster").or_else(|| talk.answer("mail")) {
            Some(reply) if reply.code().is_positive() => "accepted".into(),
            Some(reply) => reply.code().to_string(),
            None => "answered".into(),
        },
        Some(Ended::Refused { reply, .. }) => reply.code().to_string(),
        Some(Ended::Broken(trouble)) => trouble.kind.name().replace('-', " "),
    }
}

/// A length of time for people.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
