//! The answer for one mailbox: can its mail program fetch, can it send, and what to type into it.

use super::login::Login;
use super::ports::{Protocol, Saw};
use super::{ClientFacts, Mode, NamedBy, Offer, Service, mode};
use crate::finding::{Finding, Impact};
use crate::report::Health;
use serde::Serialize;

/// One server to type into a mail program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// `IMAP`, `POP3` or `SMTP`.
    pub service: &'static str,
    /// The server.
    pub server: String,
    /// The port.
    pub port: u16,
    /// `SSL/TLS` or `STARTTLS`.
    pub tls: &'static str,
    /// The user name.
    pub user: String,
    /// Whether it answers there as it should.
    pub answers: bool,
    /// Who names it.
    pub named_by: &'static str,
}

/// One port of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortLine {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What it does.
    pub does: String,
}

/// Whether something can be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ability {
    /// Whether.
    pub health: Health,
    /// Why, in a line.
    pub why: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientAnswer {
    /// The mailbox.
    pub address: String,
    /// Whether mail can be fetched.
    pub fetch: Ability,
    /// Whether mail can be sent.
    pub send: Ability,
    /// What to type in, best first.
    pub settings: Vec<Setting>,
    /// All ports.
    pub ports: Vec<PortLine>,
}

impl ClientAnswer {
    /// Draws the answer; `None` when no mailbox was looked at.
    pub(crate) fn draw(facts: &ClientFacts, findings: &[Finding]) -> Option<Self> {
        let address = facts.address.clone()?;
        let ports = facts.ports.iter().map(|seen| PortLine {
            host: seen.host.clone(),
            port: seen.to.port(),
            does: seen.saw.words(),
        });
        Some(Self {
            address,
            fetch: fetch(facts, findings),
            send: send(facts, findings),
            settings: settings(facts),
            ports: ports.collect(),
        })
    }
}

fn ability(health: Health, why: impl Into<String>) -> Ability {
    Ability { health, why: why.into() }
}

fn fetch(facts: &ClientFacts, findings: &[Finding]) -> Ability {
    let login = facts.imap.as_ref().map(|seen| &seen.login);
    let login = match (login, &facts.imap) {
        (Some(login), Some(seen)) => Some((login, seen.offer.clone())),
        _ => None,
    };
    of(facts, findings, login, &[Service::Imap, Service::Pop])
}

fn send(facts: &ClientFacts, findings: &[Finding]) -> Ability {
    let login = facts.submission.as_ref().map(|seen| (&seen.login, seen.offer.clone()));
    let may_not = findings.iter().find(|finding| finding.id == "cl.from" && finding.client == Impact::Broken);
    match may_not {
        Some(finding) => ability(Health::Broken, &finding.title),
        None => of(facts, findings, login, &[Service::Submission]),
    }
}

/// By what was found about the servers of that kind, and by the login.
fn of(facts: &ClientFacts, findings: &[Finding], login: Option<(&Login, Offer)>, services: &[Service]) -> Ability {
    let ours: Vec<&Offer> = facts.offers.iter().filter(|offer| services.contains(&offer.service)).collect();
    let subject_is_ours = |finding: &Finding| {
        ours.iter().any(|offer| finding.subject == format!("{}:{}", offer.host, offer.port))
            || finding.id == "cl.srv" && services.iter().any(|service| is_label_of(&finding.subject, *service))
    };
    // Of equals the first: findings come in the order in which they are to be told.
    let worst = findings.iter().filter(|finding| subject_is_ours(finding)).rev().max_by_key(|finding| finding.client);
    if let Some(finding) = worst.filter(|finding| finding.client == Impact::Broken) {
        return ability(Health::Broken, &finding.title);
    }
    let risk = worst.filter(|finding| finding.client == Impact::AtRisk);
    match login {
        Some((Login::Works, offer)) => match risk {
            Some(finding) => ability(Health::AtRisk, &finding.title),
            None => ability(Health::Ok, format!("the login at {}:{} works", offer.host, offer.port)),
        },
        Some((Login::NotTried(why), offer)) => match risk {
            Some(finding) => ability(Health::AtRisk, &finding.title),
            None if facts.with_login => ability(Health::Unknown, why),
            None => ability(Health::Ok, format!("{}:{} answers; the login was not tried", offer.host, offer.port)),
        },
        Some((Login::Refused(refusal), _)) => ability(Health::AtRisk, refusal.to_string()),
        Some((Login::Broke(why), _)) => ability(Health::Broken, why),
        None => match ours.iter().find(|offer| mode::works(facts, offer)) {
            Some(offer) => {
                ability(Health::Ok, format!("{}:{} answers; the login was not tried", offer.host, offer.port))
            }
            None if ours.is_empty() => ability(Health::Unknown, "no server is known"),
            None => ability(Health::Unknown, "no server answers here"),
        },
    }
}

fn is_label_of(subject: &str, service: Service) -> bool {
    super::srv::LABELS.iter().any(|(label, of, _)| *of == service && subject.starts_with(&format!("{label}.")))
}

/// What to type in: what answers as it should first, then what is named.
fn settings(facts: &ClientFacts) -> Vec<Setting> {
    let mut offers: Vec<&Offer> = facts
        .offers
        .iter()
        .filter(|offer| offer.service != Service::Sieve && offer.mode != Mode::Clear && offer.port != 25)
        .collect();
    offers.sort_by_key(|offer| (rank(offer.service), !mode::works(facts, offer), offer.by, offer.mode));
    let mut settings: Vec<Setting> = Vec::new();
    for offer in offers {
        let answers = mode::works(facts, offer);
        let known = settings.iter().any(|known| {
            known.service == offer.service.name() && known.server == offer.host && known.port == offer.port
        });
        // What only a guess names is told when it works.
        if known || offer.by == NamedBy::Guess && !answers {
            continue;
        }
        settings.push(Setting {
            service: offer.service.name(),
            server: offer.host.clone(),
            port: offer.port,
            tls: offer.mode.name(),
            user: offer.user.clone().unwrap_or_else(|| facts.user.clone()),
            answers,
            named_by: offer.by.words(),
        });
    }
    settings
}

const fn rank(service: Service) -> u8 {
    match service {
        Service::Imap => 0,
        Service::Pop => 1,
        Service::Submission => 2,
        Service::Sieve => 3,
    }
}

/// Ports that speak what mail programs want, of hosts that nobody named: each is an offer.
pub(super) fn guessed(facts: &ClientFacts) -> Vec<Offer> {
    let offer = |seen: &super::ports::PortSeen| {
        let (protocol, tls) = seen.saw.speaks()?;
        let service = match (protocol, seen.to.port()) {
            (_, 25) => return None,
            (Protocol::Smtp, _) => Service::Submission,
            (Protocol::Imap, _) => Service::Imap,
            (Protocol::Pop, _) => Service::Pop,
            _ => return None,
        };
        // What the port is for, not what it does: the difference is for the judge of modes.
        let does = if tls { Mode::Implicit } else { Mode::StartTls };
        let mode = Mode::of_port(seen.to.port()).unwrap_or(does);
        let (host, port) = (seen.host.clone(), seen.to.port());
        Some(Offer { service, host, port, mode, by: NamedBy::Guess, user: None })
    };
    let open = facts.ports.iter().filter(|seen| matches!(seen.saw, Saw::Clear(..) | Saw::Tls { .. }));
    open.filter_map(offer)
        .filter(|guess| {
            let named =
                |offer: &Offer| (&offer.host, offer.port, offer.service) == (&guess.host, guess.port, guess.service);
            !facts.offers.iter().any(named)
        })
        .collect()
}
