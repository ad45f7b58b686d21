//! The ports of mail programs: which answer, which protocol speaks there, in clear or under TLS.
//!
//! Each port gets one connection: it is listened at first, as most servers greet in clear; where
//! nothing comes, TLS is begun on the same connection. Ports that nobody names may be closed.

use super::login::SubmissionSeen;
use super::{ClientFacts, Mode, NamedBy, Offer, Service};
use crate::checks::egress::Knock;
use crate::ctx::Ctx;
use crate::finding::{Confidence, Finding, Impact, Say};
use crate::net::{Dial, TlsSeen, Wire};
use futures_util::future::join_all;
use postrider_smtp::client::Ended;
use std::net::SocketAddr;
use std::time::Duration;

/// The matrix.
pub const PORTS: [u16; 9] = [25, 465, 587, 2525, 143, 993, 110, 995, 4190];

const CONNECT_LIMIT: Duration = Duration::from_millis(3_000);
/// A port for TLS from the first octet is silent; one that is not says so at once.
const IMPLICIT_WAIT: Duration = Duration::from_millis(400);
/// Servers that let greetings wait do so for good reasons, yet not on ports of mail programs.
const CLEAR_WAIT: Duration = Duration::from_millis(2_500);
const TLS_LIMIT: Duration = Duration::from_millis(3_000);
const GREETING_BYTES_MAX: usize = 512;

/// Who speaks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP.
    Smtp,
    /// IMAP.
    Imap,
    /// POP3.
    Pop,
    /// ManageSieve.
    Sieve,
    /// HTTP.
    Http,
    /// SSH.
    Ssh,
    /// Nothing that is known.
    Unknown,
}

impl Protocol {
    /// By the first octets.
    pub fn of(first: &[u8]) -> Self {
        let begins = |with: &[u8]| first.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
        let code = first.len() >= 4
            && first[..3].iter().all(u8::is_ascii_digit)
            && matches!(first[0], b'2' | b'4' | b'5')
            && matches!(first[3], b' ' | b'-');
        if begins(b"* OK") || begins(b"* BYE") || begins(b"* PREAUTH") {
            Self::Imap
        } else if begins(b"+OK") || begins(b"-ERR") {
            Self::Pop
        } else if begins(b"\"IMPLEMENTATION\"") || begins(b"\"SASL\"") || begins(b"\"SIEVE\"") {
            Self::Sieve
        } else if begins(b"SSH-") {
            Self::Ssh
        } else if begins(b"HTTP/") {
            Self::Http
        } else if code {
            Self::Smtp
        } else {
            Self::Unknown
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop => "POP3",
            Self::Sieve => "ManageSieve",
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::Unknown => "something else",
        }
    }

    /// What serves that.
    pub const fn of_service(service: Service) -> Self {
        match service {
            Service::Submission => Self::Smtp,
            Service::Imap => Self::Imap,
            Service::Pop => Self::Pop,
            Service::Sieve => Self::Sieve,
        }
    }
}

/// What a port does.
#[derive(Debug, Clone, PartialEq)]
pub enum Saw {
    /// It does not answer.
    Closed(Knock),
    /// It greets in clear.
    Clear(Protocol, String),
    /// It is silent until TLS begins; then it greets.
    Tls {
        /// What the handshake showed.
        seen: TlsSeen,
        /// Who speaks.
        protocol: Protocol,
        /// The greeting.
        line: String,
    },
    /// It takes the connection, says nothing, and no TLS either.
    Mute(String),
    /// It takes the connection and hangs up.
    Dropped,
}

impl Saw {
    /// In a few words, for a table.
    pub fn words(&self) -> String {
        match self {
            Self::Closed(Knock::TimedOut) => "filtered".into(),
            Self::Closed(knock) => knock.to_string(),
            Self::Clear(protocol, _) => format!("{} in clear", protocol.name()),
            Self::Tls { protocol, .. } => format!("{} under TLS from the first octet", protocol.name()),
            Self::Mute(_) => "connects, and says nothing".into(),
            Self::Dropped => "connects, and hangs up".into(),
        }
    }

    /// Who speaks, and how.
    pub const fn speaks(&self) -> Option<(Protocol, bool)> {
        match self {
            Self::Clear(protocol, _) => Some((*protocol, false)),
            Self::Tls { protocol, .. } => Some((*protocol, true)),
            _ => None,
        }
    }
}

/// One port of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct PortSeen {
    /// The host.
    pub host: String,
    /// Its address and port.
    pub to: SocketAddr,
    /// What it did.
    pub saw: Saw,
}

/// Knocks at all ports of a host, and at those that offers name.
pub(super) async fn gather(ctx: &Ctx, hosts: &[(String, SocketAddr)]) -> Vec<PortSeen> {
    join_all(hosts.iter().map(|(host, to)| async move {
        let implicit = Mode::of_port(to.port()) == Some(Mode::Implicit);
        let wait = if implicit { IMPLICIT_WAIT } else { CLEAR_WAIT };
        PortSeen { host: host.clone(), to: *to, saw: look(ctx, host, *to, wait).await }
    }))
    .await
}

/// Waits so long for a greeting in clear, then begins TLS.
async fn look(ctx: &Ctx, host: &str, to: SocketAddr, wait: Duration) -> Saw {
    let dial = Dial { to, purpose: "port".into(), limit: ctx.within(CONNECT_LIMIT) };
    let mut wire = match ctx.world.connect(&dial).await {
        Ok(wire) => wire,
        Err(trouble) => return Saw::Closed(Knock::of(&trouble)),
    };
    match greeting(&mut wire, ctx.within(wait)).await {
        Some(octets) if octets.is_empty() => return Saw::Dropped,
        Some(octets) => {
            let (protocol, line) = (Protocol::of(&octets), shown(&octets));
            part(ctx, &mut wire, protocol).await;
            return Saw::Clear(protocol, line);
        }
        None => {}
    }
    match wire.start_tls(&ctx.tls, host, ctx.within(TLS_LIMIT)).await {
        Ok(seen) => {
            let octets = greeting(&mut wire, ctx.within(CLEAR_WAIT)).await.unwrap_or_default();
            let protocol = Protocol::of(&octets);
            part(ctx, &mut wire, protocol).await;
            Saw::Tls { seen, protocol, line: shown(&octets) }
        }
        Err(trouble) => Saw::Mute(trouble.detail),
    }
}

/// Good manners: servers note connections that just break off.
async fn part(ctx: &Ctx, wire: &mut Wire, protocol: Protocol) {
    let words: &[u8] = match protocol {
        Protocol::Smtp | Protocol::Pop => b"QUIT\r\n",
        Protocol::Imap => b"P LOGOUT\r\n",
        Protocol::Sieve => b"LOGOUT\r\n",
        _ => return,
    };
    let _ = wire.say(words, ctx.within(Duration::from_millis(200))).await;
}

/// The first line; empty when the peer hung up, `None` when nothing came.
async fn greeting(wire: &mut Wire, limit: Duration) -> Option<Vec<u8>> {
    let mut heard = Vec::new();
    while heard.len() < GREETING_BYTES_MAX && !heard.contains(&b'\n') {
        match wire.hear(limit).await {
            Ok(octets) if octets.is_empty() => break,
            Ok(octets) => heard.extend_from_slice(&octets),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut && heard.is_empty() => return None,
            Err(_) => break,
        }
    }
    heard.truncate(GREETING_BYTES_MAX);
    Some(heard)
}

fn shown(octets: &[u8]) -> String {
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).trim_end().chars().filter(|c| !c.is_control()).take(200).collect()
}

impl ClientFacts {
    /// What the port of an offer does: the best of the host's addresses.
    pub(super) fn saw(&self, offer: &Offer) -> Option<&PortSeen> {
        let mut of_it = self.ports.iter().filter(|seen| seen.host == offer.host && seen.to.port() == offer.port);
        let first = of_it.clone().next();
        of_it.find(|seen| seen.saw.speaks().is_some()).or(first)
    }

    /// Whether the right protocol speaks at the port of an offer.
    pub(super) fn serves(&self, offer: &Offer) -> bool {
        let speaks = self.saw(offer).and_then(|seen| seen.saw.speaks());
        speaks.is_some_and(|(protocol, _)| protocol == Protocol::of_service(offer.service))
    }
}

/// Says which ports that are named do not answer.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    const ID: &str = "cl.port";
    if facts.ports.is_empty() {
        return say.untested(ID, "no server for mail programs is known: name one with --imap and --smtp");
    }
    let named: Vec<&Offer> = facts.offers.iter().filter(|offer| offer.by != NamedBy::Guess).collect();
    let open: Vec<String> = facts
        .ports
        .iter()
        .filter_map(|seen| {
            seen.saw.speaks().map(|(protocol, _)| format!("{}:{} {}", seen.host, seen.to.port(), protocol.name()))
        })
        .collect();
    // Nothing answers at all, from any host: that is this machine's network, or its firewall.
    let all_silent = facts
        .ports
        .iter()
        .all(|seen| matches!(seen.saw, Saw::Closed(Knock::TimedOut | Knock::Unreachable(_) | Knock::Untried(_))));
    let hosts: std::collections::BTreeSet<&str> = facts.ports.iter().map(|seen| seen.host.as_str()).collect();
    if all_silent && (hosts.len() > 1 || named.is_empty()) {
        return say.untested(ID, "none of the servers can be reached from here, on any port");
    }
    let mut findings: Vec<Finding> = named.iter().filter_map(|offer| closed(facts, offer)).collect();
    findings.extend(facts.submission.as_ref().and_then(broken_off));
    if findings.is_empty() && open.is_empty() {
        return say
            .untested(ID, "the usual names answer on none of the ports; name the servers with --imap and --smtp");
    }
    say.found_or_fine(ID, findings, open.join(", "));
}

/// A submission server that answers, and then does not take commands. A TLS fault is for the judge of modes.
fn broken_off(seen: &SubmissionSeen) -> Option<Finding> {
    let session = &seen.session;
    if session.peer().is_some() || session.tls_trouble.is_some() {
        return None;
    }
    let at = format!("{}:{}", seen.offer.host, seen.offer.port);
    let (title, line, passing) = match session.ended.as_ref()? {
        Ended::Refused { reply, .. } => {
            (format!("SMTP at {at} turns this machine away: {reply}"), reply.to_string(), reply.code().is_transient())
        }
        Ended::Broken(trouble) => {
            (format!("The talk with SMTP at {at} breaks off: {}", trouble.detail), trouble.detail.clone(), false)
        }
        Ended::Quit => return None,
    };
    let finding = if passing {
        Finding::warning("cl.port", &at, title).client(Impact::AtRisk)
    } else {
        Finding::problem("cl.port", &at, title).client(Impact::Broken)
    };
    Some(
        finding
            .confidence(Confidence::Medium)
            .because_of("cl.mode", &at)
            .seen("smtp", session.to.to_string(), line)
            .fix("Look into the server's log for this connection."),
    )
}

fn closed(facts: &ClientFacts, offer: &Offer) -> Option<Finding> {
    let seen = facts.saw(offer)?;
    let at = format!("{}:{}", offer.host, offer.port);
    let what = offer.service.name();
    let (title, fix, confidence) = match &seen.saw {
        Saw::Closed(Knock::TimedOut) => (
            format!("{what} at {at} is filtered: connections get no answer"),
            "Open the port in the server's firewall, or ask the provider; if it answers from another network, the network here filters it.",
            Confidence::Medium,
        ),
        Saw::Closed(Knock::Refused) => (
            format!("{what} at {at} is refused: nothing listens on that port"),
            "Start the service on that port, or name the port on which it listens.",
            Confidence::High,
        ),
        Saw::Closed(_) => return None,
        Saw::Dropped => (
            format!("{what} at {at} hangs up before it says a word"),
            "Look at the server's log for the connection; a limit or a filter may turn this address away.",
            Confidence::Medium,
        ),
        Saw::Mute(_) => (
            format!("{what} at {at} takes connections and says nothing, neither in clear nor under TLS"),
            "Look at the server: something listens there and does not work.",
            Confidence::High,
        ),
        Saw::Clear(protocol, _) | Saw::Tls { protocol, .. } => {
            if *protocol == Protocol::of_service(offer.service) || *protocol == Protocol::Unknown {
                return None;
            }
            (
                format!("{at} is to be {what}, and {} speaks there", protocol.name()),
                "Name the port on which the right service listens.",
                Confidence::High,
            )
        }
    };
    // What only a guess found helps nobody who goes by what is published.
    let others = facts
        .offers
        .iter()
        .any(|other| other.by != NamedBy::Guess && other.service == offer.service && facts.serves(other));
    let optional = others || offer.service == Service::Sieve;
    let finding =
        if optional { Finding::warning("cl.port", &at, title) } else { Finding::problem("cl.port", &at, title) };
    let impact = match (optional, offer.service) {
        (_, Service::Sieve) => Impact::None,
        (true, _) => Impact::AtRisk,
        (false, _) => Impact::Broken,
    };
    Some(
        finding
            .client(impact)
            .meaning(format!("Mail programs go there, as {}.", offer.by.words()))
            .confidence(confidence)
            .seen(if offer.service == Service::Imap { "imap" } else { "smtp" }, seen.to.to_string(), seen.saw.words())
            .fix(fix),
    )
}

#[cfg(test)]
#[path = "ports_tests.rs"]
mod tests;
