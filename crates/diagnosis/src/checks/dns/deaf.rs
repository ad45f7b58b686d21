//! Servers that serve the zone and never answer questions of one type: a filter in front of
//! them, or software that drops what it does not know. Mail needs TXT as much as MX.

use super::{seat, whose};
use crate::dns::NsFacts;
use crate::dns::Survey;
use crate::finding::{Actor, Finding, Impact, Say, Severity};
use crate::net::Silence;
use domain::base::iana::Rtype;

/// The types without which mail suffers.
const NEEDED: [Rtype; 4] = [Rtype::MX, Rtype::TXT, Rtype::A, Rtype::AAAA];

pub(super) fn judge(zone: &Survey, say: &mut Say) {
    let serving: Vec<&NsFacts> = zone.serving().collect();
    for kind in NEEDED {
        let deaf: Vec<&&NsFacts> = serving.iter().filter(|server| is_deaf(server, kind)).collect();
        if deaf.is_empty() {
            continue;
        }
        let all = deaf.len() == serving.len();
        let names: Vec<String> = deaf.iter().map(|server| server.name.clone()).collect();
        let severity = if all { Severity::Problem } else { Severity::Warning };
        let title = format!(
            "{} never answer{} questions for {kind} records",
            names.join(", "),
            if deaf.len() == 1 { "s" } else { "" }
        );
        let impact = if all { Impact::Broken } else { Impact::AtRisk };
        let (sending, receiving) = match kind {
            Rtype::TXT => (Impact::AtRisk, Impact::None),
            Rtype::MX => (Impact::AtRisk, impact),
            _ => (Impact::None, impact),
        };
        let mut finding = Finding::new("dns.unreach", names.join(" "), severity, title)
            .impact(sending, receiving)
            .act(Actor::DnsHost)
            .meaning(match kind {
                Rtype::TXT => "SPF, DKIM and DMARC stand in TXT records: receivers cannot check mail from the domain.",
                _ => "Whoever asks waits in vain, and mail with them.",
            })
            .fix(format!(
                "Ask {} why these questions are dropped; a firewall or an old load balancer in front of the server does so.",
                deaf.first().map(|server| whose(&server.name)).unwrap_or_default()
            ));
        for server in deaf {
            finding =
                finding.seen("dns", seat(server), format!("{kind} questions: no answer; other questions are answered"));
        }
        say.found(finding);
    }
}

/// Whether every question of that type was met with silence, and some other was not.
fn is_deaf(server: &NsFacts, kind: Rtype) -> bool {
    let (mut asked, mut silent, mut others) = (0, 0, 0);
    for ((_, asked_for), heard) in &server.answers {
        if *asked_for == kind {
            asked += 1;
            silent += usize::from(matches!(heard, Err(Silence::TimedOut)));
        } else {
            others += usize::from(heard.is_ok());
        }
    }
    // One silence may be a lost datagram.
    asked >= 2 && silent == asked && others >= 2
}
