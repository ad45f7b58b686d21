//! How long things take: smtp.slow, smtp.latency.

use super::view::{place, seconds};
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Finding, Impact, Say};
use postrider_smtp::client::Ended;
use postrider_smtp::{Phase, TroubleKind};
use std::time::Duration;

/// A greeting that takes longer than this is worth a word.
const BANNER_SLOW: Duration = Duration::from_secs(2);
/// A reply that takes longer than this, too.
const REPLY_SLOW: Duration = Duration::from_millis(900);

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    for (host, address) in view.addresses().filter(|(_, address)| address.main.unreached.is_none()) {
        slow(view, host, address, say);
        latency(host, address, say);
    }
    if view.addresses().all(|(_, address)| address.main.unreached.is_some()) {
        for id in ["smtp.slow", "smtp.latency"] {
            say.untested(id, "no mail host was reached");
        }
    }
}

fn slow(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    let name = &host.name;
    let banner = main.took("banner");
    if let Some(phase) = hung_at(address) {
        let works = view.working().iter().any(|(other, _)| other.name != host.name);
        say.found(
            Finding::warning(
                "smtp.slow",
                name.clone(),
                format!("{name} does not answer {} in {}", command(phase), seconds(main.gave_up.unwrap_or_default())),
            )
            .impact(Impact::None, if works { Impact::None } else { Impact::AtRisk })
            .meaning("Senders wait up to five minutes for such an answer, then try again later.")
            .seen("smtp", place(host, address), super::view::last_words(main))
            .fix("See what the server waits for at that moment: a name server, a block list, a filter, a database."),
        );
    } else if main.opening.greeting.is_none() && !main.opening.first.is_empty() && main.gave_up.is_some() {
        say.found(note(
            host,
            address,
            format!("{name} holds its greeting back: slow, not down"),
            main.gave_up.unwrap_or_default(),
        ));
    } else if let Some(took) = banner.filter(|took| *took > BANNER_SLOW) {
        say.found(note(host, address, format!("{name} takes {} to greet: slow, not down", seconds(took)), took));
    } else if let Some(took) = tarpit(address) {
        say.found(note(host, address, format!("{name} takes {} for each answer: slow, not down", seconds(took)), took));
    } else if let Some(took) = banner {
        say.fine("smtp.slow", format!("{name} greets after {}", seconds(took)));
    } else {
        say.untested("smtp.slow", format!("{name} did not greet"));
    }
}

fn note(host: &HostFacts, address: &AddressFacts, title: String, took: Duration) -> Finding {
    Finding::note("smtp.slow", host.name.clone(), title)
        .impact(Impact::None, Impact::None)
        .meaning("Senders wait up to five minutes (RFC 5321 §4.5.3.2), so mail arrives. Delays are often meant, against spam.")
        .seen("smtp", place(host, address), seconds(took))
        .fix("If it is not meant: look at name servers and block lists that the server asks before it greets.")
}

/// Where the host stopped answering within a session that had begun well.
fn hung_at(address: &AddressFacts) -> Option<Phase> {
    let main = &address.main;
    let waited = main.gave_up?;
    match &main.ended {
        // A tarpit that ran us out of time has not stopped answering.
        Some(Ended::Broken(trouble)) if trouble.kind == TroubleKind::Timeout && waited > REPLY_SLOW * 2 => {
            main.opening.greeting.as_ref().map(|_| trouble.phase)
        }
        _ => None,
    }
}

const fn command(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect | Phase::Ehlo => "EHLO",
        Phase::StartTls => "STARTTLS",
        Phase::Auth => "AUTH",
        Phase::Mail => "MAIL",
        Phase::Rcpt => "RCPT",
        Phase::Data | Phase::Dot => "DATA",
    }
}

/// The usual time of an answer, when it is long for several.
fn tarpit(address: &AddressFacts) -> Option<Duration> {
    let steps = address.main.steps.iter().filter(|step| !matches!(step.step, "connect" | "tls" | "quit" | "old-tls"));
    let slow: Vec<Duration> = steps.map(|step| step.took).filter(|took| *took > REPLY_SLOW).collect();
    (slow.len() >= 2).then(|| slow.iter().copied().min().unwrap_or_default())
}

fn latency(host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    if talk.opening.greeting.is_none() {
        return say.untested("smtp.latency", format!("{} did not greet", host.name));
    }
    let steps: Vec<String> =
        talk.steps.iter().map(|step| format!("{} {}", step.step, step.took.as_millis())).take(12).collect();
    say.fine("smtp.latency", format!("{}: {} ms", host.name, steps.join(", ")));
}
