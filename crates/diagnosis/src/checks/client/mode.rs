//! TLS from the first octet, or by STARTTLS: whether each port does what it is for.
//!
//! The mistake shows in mail programs as a time-out (they wait for a greeting where the server
//! waits for TLS) or as a TLS fault that names a wrong version (they begin TLS where the server
//! greets in clear), and never as what it is.

use super::login::{ImapSeen, SubmissionSeen};
use super::ports::{Protocol, Saw};
use super::{ClientFacts, Mode, NamedBy, Service};
use crate::finding::{Finding, Impact, Say};
use postrider_smtp::Phase;
use postrider_smtp::client::Ended;

const ID: &str = "cl.mode";

/// Says which ports have it the wrong way round.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    let mut findings = Vec::new();
    let mut looked = 0;
    for seen in &facts.ports {
        let Some((protocol, tls)) = seen.saw.speaks() else { continue };
        if !matches!(protocol, Protocol::Smtp | Protocol::Imap | Protocol::Pop | Protocol::Sieve) {
            continue;
        }
        looked += 1;
        let (host, port) = (seen.host.as_str(), seen.to.port());
        let offer = facts
            .offers
            .iter()
            .find(|offer| offer.host == host && offer.port == port && Protocol::of_service(offer.service) == protocol);
        let named = offer.filter(|offer| offer.by != NamedBy::Guess);
        // What is named decides; a port that nobody names is for what its number says.
        let Some(expected) = named.map(|offer| offer.mode).or_else(|| Mode::of_port(port)) else { continue };
        // The port does what its number says, and what names it says otherwise: that is the fault of the
        // record or the file, and told there.
        let does = if tls { Mode::Implicit } else { Mode::StartTls };
        if Mode::of_port(port) == Some(does) {
            continue;
        }
        let wrong = match (expected, tls) {
            (Mode::Implicit, false) => clear_where_tls(host, port, protocol),
            (Mode::StartTls | Mode::Clear, true) => tls_where_clear(host, port, protocol),
            _ => continue,
        };
        let line = match &seen.saw {
            Saw::Clear(_, line) => line.clone(),
            Saw::Tls { seen, .. } => format!("no greeting in clear; {} from the first octet", seen.version),
            _ => continue,
        };
        let kind = if tls { "tls" } else { "smtp" };
        let other_way = facts.offers.iter().any(|other| {
            other.by != NamedBy::Guess
                && offer.is_some_and(|offer| offer.service == other.service)
                && (&other.host, other.port) != (&seen.host, port)
                && works(facts, other)
        });
        let finding = wrong.seen(kind, seen.to.to_string(), line);
        findings.push(if named.is_some() && !other_way {
            finding.client(Impact::Broken)
        } else {
            crate::finding::Finding { severity: crate::finding::Severity::Warning, ..finding }.client(Impact::AtRisk)
        });
    }
    findings.extend(without_starttls(facts));
    // One machine with two names, or two addresses, is told once.
    findings.dedup_by(|one, other| one.subject == other.subject);
    if looked == 0 && findings.is_empty() {
        return say.untested(ID, "no port for mail programs answers");
    }
    say.found_or_fine(ID, findings, format!("{looked} ports do what they are for"));
}

/// Whether an offer's port speaks the right protocol the right way.
pub(super) fn works(facts: &ClientFacts, offer: &super::Offer) -> bool {
    let speaks = facts.saw(offer).and_then(|seen| seen.saw.speaks());
    speaks == Some((Protocol::of_service(offer.service), offer.mode == Mode::Implicit))
}

fn clear_where_tls(host: &str, port: u16, protocol: Protocol) -> Finding {
    let name = protocol.name();
    Finding::problem(
        ID,
        format!("{host}:{port}"),
        format!("{host}:{port} speaks {name} in clear, where mail programs begin with TLS"),
    )
    .meaning("Mail programs set to SSL/TLS fail there with a TLS fault (\"wrong version number\", \"packet length too long\").")
    .fix(format!(
        "Let port {port} speak TLS from the first octet{}.",
        match port {
            465 => " (Postfix: smtpd_tls_wrappermode=yes for submissions in master.cf)",
            993 | 995 => " (Dovecot: ssl = yes on the imaps and pop3s listeners)",
            _ => "",
        }
    ))
}

fn tls_where_clear(host: &str, port: u16, protocol: Protocol) -> Finding {
    let name = protocol.name();
    Finding::problem(
        ID,
        format!("{host}:{port}"),
        format!(
            "{host}:{port} speaks TLS from the first octet, where mail programs wait for {name} in clear and STARTTLS"
        ),
    )
    .meaning("Mail programs set to STARTTLS wait there for a greeting that never comes, and time out.")
    .fix(format!(
        "Let port {port} greet in clear and offer STARTTLS{}; TLS from the first octet belongs on {}.",
        if port == 587 { " (Postfix: smtpd_tls_wrappermode=no for submission in master.cf)" } else { "" },
        match protocol {
            Protocol::Imap => "993",
            Protocol::Pop => "995",
            _ => "465",
        }
    ))
}

/// STARTTLS is offered and does not come about.
fn starttls_fails(seen: &SubmissionSeen) -> Option<Finding> {
    let at = format!("{}:{}", seen.offer.host, seen.offer.port);
    let opening = &seen.session.opening;
    let why = match (&seen.session.tls_trouble, &opening.starttls, &seen.session.ended) {
        (Some(trouble), ..) => trouble.detail.clone(),
        (None, Some(reply), _) if !reply.code().is_positive() => reply.to_string(),
        (None, _, Some(Ended::Broken(trouble))) if trouble.phase == Phase::StartTls => trouble.detail.clone(),
        _ => return None,
    };
    let what =
        if seen.offer.mode == Mode::Implicit { "begins with TLS, which fails" } else { "offers STARTTLS, which fails" };
    Some(
        Finding::problem(ID, &at, format!("{at} {what}: {why}"))
            .client(Impact::Broken)
            .meaning("Mail programs do not send a password without TLS.")
            .seen("tls", &at, why)
            .fix("Look at the server's certificate and key, and into its log for this handshake.")
            .rfc("RFC 3207 §4"),
    )
}

/// A port in clear that offers no STARTTLS, as far as it was talked with.
fn without_starttls(facts: &ClientFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let finding = |host: &str, port: u16, what: &str| {
        Finding::problem(
            ID,
            format!("{host}:{port}"),
            format!("{host}:{port} offers no STARTTLS: {what} would cross the network in clear"),
        )
        .client(Impact::AtRisk)
        .meaning("Mail programs set to STARTTLS refuse to go on there.")
        .fix("Give the server a certificate and let it offer STARTTLS.")
        .rfc("RFC 8314 §3.3")
    };
    if let Some(seen) = &facts.submission
        && seen.offer.mode == Mode::StartTls
        && let Some(peer) = seen.session.peer_in_clear()
        && !peer.starttls
    {
        let line = seen.session.opening.in_clear.as_ref().map(|reply| reply.lines().collect::<Vec<_>>().join(", "));
        findings.push(finding(&seen.offer.host, seen.offer.port, "passwords").seen(
            "smtp",
            &seen.offer.host,
            line.unwrap_or_default(),
        ));
    }
    findings.extend(facts.submission.as_ref().and_then(starttls_fails));
    if let Some(ImapSeen { offer, capabilities, starttls_offered: Some(false), .. }) = &facts.imap
        && offer.service == Service::Imap
        && offer.mode == Mode::StartTls
    {
        let line = capabilities.join(" ");
        findings.push(finding(&offer.host, offer.port, "passwords and mail").seen("imap", &offer.host, line));
    }
    findings
}
