//! Can the host be reached, does it greet, does it take commands: net.class, smtp.banner,
//! smtp.limit, smtp.ehlo.

use super::view::{PATIENCE, Standing, Way, last_words, octets, place, seconds, told};
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Actor, Confidence, Finding, Impact, Say};
use crate::session::BRIEF;
use postrider_smtp::client::Ended;
use postrider_smtp::{Phase, Reply, Trouble, TroubleKind};

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    for (host, address) in view.addresses() {
        connection(view, host, address, say);
    }
    if view.hosts.iter().all(|host| host.addresses.is_empty()) {
        for id in ["net.class", "smtp.banner", "smtp.ehlo"] {
            say.untested(id, "no mail host has an address");
        }
    }
}

fn connection(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let Some(trouble) = &address.main.unreached else {
        if matches!(view.way(address), Way::Intercepted) {
            for id in ["net.class", "smtp.banner", "smtp.ehlo"] {
                say.untested(id, "somebody on the way answers in the place of the host");
            }
            return;
        }
        return greeting(view, host, address, say);
    };
    for id in ["smtp.banner", "smtp.ehlo"] {
        say.untested(id, format!("no connection to {}", place(host, address)));
    }
    if view.standing(address) != Standing::Dead {
        return say.untested("net.class", unknown(view, address, trouble));
    }
    let name = &host.name;
    let ip = address.to.ip();
    let port = address.to.port();
    let (title, meaning, fix) = match trouble.kind {
        TroubleKind::ConnectionRefused => (
            format!("{name} refuses connections on port {port}"),
            "The machine is up, and nothing takes mail there.",
            format!(
                "Start the mail server on {name} ({ip}), let it listen on that address, or take the host out of the MX records."
            ),
        ),
        TroubleKind::ConnectTimeout => (
            format!("{name} does not answer on port {port}: a firewall drops the attempts, or the machine is down"),
            "Senders wait for each attempt to time out before they try elsewhere.",
            format!("Open port {port} to {ip} in the firewall in front of it, or take the host out of the MX records."),
        ),
        TroubleKind::ConnectionLost => (
            format!("{name} resets connections on port {port}"),
            "The connection stands for a moment and is cut off: a filter, or a server that crashes.",
            format!("Look at the log of the mail server and the firewall of {ip}."),
        ),
        _ => (
            format!("{name} cannot be reached: the network says there is no way to {ip}"),
            "A router on the way, or the last one before the host, says that it knows no way there.",
            format!("See whether the machine is on and its address is still {ip}."),
        ),
    };
    let mut finding = view.dead("net.class", host, address, title).meaning(meaning).fix(fix);
    if trouble.kind == TroubleKind::Unreachable {
        finding = finding.confidence(Confidence::Medium);
    }
    say.found(finding);
}

fn unknown(view: &View<'_>, address: &AddressFacts, trouble: &Trouble) -> String {
    let ip = address.to.ip();
    match (view.way(address), trouble.kind) {
        (Way::Blocked, _) => format!("{ip}: this machine's own way out on port 25 is closed"),
        (_, TroubleKind::ConnectTimeout) => {
            format!("{ip} does not answer, and it is not known whether this machine may use port 25")
        }
        _ if address.to.is_ipv6() => format!("{ip}: no way there by IPv6 from here ({})", trouble.detail),
        _ => format!("{ip}: {}", trouble.detail),
    }
}

fn greeting(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    if main.opening.greeting.as_ref().is_some_and(|reply| reply.code().is_positive()) {
        say.fine("net.class", format!("{} takes connections", place(host, address)));
        say.fine("smtp.banner", main.opening.greeting.as_ref().map(told).unwrap_or_default());
        return hello(view, host, address, say);
    }
    say.untested("smtp.ehlo", format!("{} did not greet", host.name));
    match &main.ended {
        Some(Ended::Refused { reply, .. }) => {
            say.fine("net.class", format!("{} takes connections", place(host, address)));
            refused_at_once(view, host, address, reply, say);
        }
        Some(Ended::Broken(trouble)) if trouble.kind == TroubleKind::Timeout => silence(view, host, address, say),
        Some(Ended::Broken(trouble)) if trouble.kind == TroubleKind::ConnectionLost => {
            let title = format!("{} takes the connection and cuts it off without a greeting", host.name);
            say.found(
                view.dead("net.class", host, address, title)
                    .meaning("A filter in front of the server does so, or a server that cannot start a session.")
                    .fix("Look at the server's log at that moment; see whether a filter or a limit per address is in front."),
            );
            say.untested("smtp.banner", format!("{} cut the connection off", place(host, address)));
        }
        Some(Ended::Broken(_)) => not_smtp(view, host, address, &main.opening.first, say),
        Some(Ended::Quit) | None => say.untested("smtp.banner", "the session was cut short"),
    }
}

fn silence(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    if !main.poked.is_empty() {
        return not_smtp(view, host, address, &main.poked, say);
    }
    let waited = main.gave_up.unwrap_or_default();
    let name = &host.name;
    if !main.opening.first.is_empty() {
        // A first line, and the rest held back: RFC 5321 §4.2.1 allows it, and postscreen does it.
        say.untested("smtp.banner", format!("{name} had not finished its greeting after {}", seconds(waited)));
        return;
    }
    if waited < BRIEF {
        say.untested("smtp.banner", format!("no time was left to wait for the greeting of {name}"));
        return;
    }
    let title = format!("{name} takes connections and says nothing for {}", seconds(waited));
    if waited >= PATIENCE {
        say.found(
            view.dead("smtp.banner", host, address, title)
                .meaning("Senders wait up to five minutes for the greeting, then give up and try later.")
                .fix("Look at the mail server: it may wait for a name server, be out of processes, or hang."),
        );
        return;
    }
    let works = view.hosts.iter().any(|host| view.host_works(host));
    say.found(
        Finding::warning("smtp.banner", name.clone(), title)
            .confidence(Confidence::Medium)
            .impact(Impact::None, if works { Impact::None } else { Impact::AtRisk })
            .meaning("It may be slow on purpose, as a trap for spam, or it hangs. Senders wait up to five minutes.")
            .seen("smtp", place(host, address), last_words(main))
            .fix(format!("Wait longer to tell: postrider probe {name} --timeout 60. If nothing comes, look at the mail server: it may wait for a name server, be out of processes, or hang.")),
    );
}

fn refused_at_once(view: &View<'_>, host: &HostFacts, address: &AddressFacts, reply: &Reply, say: &mut Say) {
    let name = &host.name;
    if address.main.limit().is_some() {
        return limited(view, host, address, Phase::Connect, reply, say);
    }
    if view.is_about_us(address, Phase::Connect, reply) {
        say.found(about_us(view, host, address, "smtp.banner", Phase::Connect, reply));
        return;
    }
    let verdict = view.verdict(address, Phase::Connect, reply);
    say.found(
        view.dead("smtp.banner", host, address, format!("{name} answers {} in place of a greeting: it takes no mail", reply.code()))
            .meaning(verdict.summary)
            .fix("Set the server up to take mail from strangers, or take the host out of the MX records. If it refuses this machine only, look from another one."),
    );
}

/// A refusal that is about the machine this runs on.
pub(super) fn about_us(
    view: &View<'_>,
    host: &HostFacts,
    address: &AddressFacts,
    id: &'static str,
    phase: Phase,
    reply: &Reply,
) -> Finding {
    let verdict = view.verdict(address, phase, reply);
    Finding::note(
        id,
        host.name.clone(),
        format!("{} refuses this machine: what it does for others is not known", host.name),
    )
    .impact(Impact::None, Impact::None)
    .meaning(verdict.summary)
    .seen("smtp", place(host, address), told(reply))
    .act(Actor::You)
    .fix(verdict.advice.first().map(ToString::to_string).unwrap_or_default())
}

/// 421: it does not want us now, which says nothing of others.
fn limited(view: &View<'_>, host: &HostFacts, address: &AddressFacts, phase: Phase, reply: &Reply, say: &mut Say) {
    let verdict = view.verdict(address, phase, reply);
    let name = &host.name;
    say.untested("smtp.banner", format!("not tested: {name} closed with 421"));
    let title = format!("{name} closes with 421: it takes no more of this machine for now, or is shutting down");
    let works = view.hosts.iter().any(|host| view.host_works(host));
    let limit = verdict.cause == postrider_reply::Cause::RateLimited;
    let finding = if limit || works {
        Finding::note("smtp.limit", name.clone(), title).impact(Impact::None, Impact::None)
    } else {
        Finding::warning("smtp.limit", name.clone(), title).impact(Impact::None, Impact::AtRisk)
    };
    say.found(
        finding
            .meaning(verdict.summary)
            .meaning("What comes behind was not tested.")
            .seen("smtp", place(host, address), told(reply))
            .act(Actor::Wait)
            .fix(
                "Look again in a quarter of an hour. If it lasts, raise the server's limit of connections per client.",
            ),
    );
}

fn not_smtp(view: &View<'_>, host: &HostFacts, address: &AddressFacts, first: &[u8], say: &mut Say) {
    let name = &host.name;
    let what = speaks(first);
    let title = match what {
        Some(what) => format!("{what} answers on port {} of {name}, not a mail server", address.to.port()),
        None => format!("what {name} says on port {} is not SMTP", address.to.port()),
    };
    say.fine("net.class", format!("{} takes connections", place(host, address)));
    let mut finding = view
        .dead("smtp.banner", host, address, title)
        .fix("Stop what listens there, or send the port to the mail server: a port forwarding may lead to the wrong machine.");
    finding.evidence.clear();
    say.found(finding.seen("smtp", place(host, address), octets(first)));
}

/// What speaks so.
pub fn speaks(first: &[u8]) -> Option<&'static str> {
    let begins = |with: &str| first.starts_with(with.as_bytes());
    if begins("SSH-") {
        Some("an SSH server")
    } else if begins("HTTP/") || begins("<!DOCTYPE") || begins("<html") {
        Some("a web server")
    } else if begins("* OK") || begins("* BYE") {
        Some("an IMAP server")
    } else if begins("+OK") {
        Some("a POP server")
    } else if begins("RFB ") {
        Some("a VNC server")
    } else if first.len() > 2 && matches!(first[0], 21 | 22) && first[1] == 3 {
        Some("a server that wants TLS from the first octet")
    } else {
        None
    }
}

fn hello(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    let name = &host.name;
    let Some(peer) = main.peer_in_clear().or_else(|| main.peer()) else { return no_hello(view, host, address, say) };
    let mangled = main.opening.in_clear.as_ref().and_then(mangled);
    if let Some(line) = mangled {
        say.found(
            Finding::warning("smtp.ehlo", name.clone(), format!("something in front of {name} overwrites what it offers"))
                .meaning("A firewall that \"inspects\" SMTP (PIX fixup, ASA inspection) hides STARTTLS and other extensions: mail goes unencrypted.")
                .seen("smtp", place(host, address), line)
                .fix("Switch the SMTP inspection of the firewall off: on a Cisco ASA, `no inspect esmtp`."),
        );
    } else if let Some(refused) = &main.opening.refused {
        say.found(
            Finding::warning("smtp.ehlo", name.clone(), format!("{name} does not know EHLO, only HELO"))
                .meaning("Mail arrives, without encryption and without any extension.")
                .impact(Impact::None, Impact::None)
                .seen("smtp", place(host, address), told(refused))
                .fix("Switch ESMTP on, or replace the server; a firewall that inspects SMTP may also swallow EHLO."),
        );
    } else {
        say.fine(
            "smtp.ehlo",
            format!("{} offers {}", name, if peer.starttls { "STARTTLS and more" } else { "no STARTTLS" }),
        );
    }
    if let Some(reply) = address.limit() {
        limited_later(host, address, reply, say);
    } else {
        say.fine("smtp.limit", format!("{} connections to {}", address.connections, address.to.ip()));
    }
}

fn limited_later(host: &HostFacts, address: &AddressFacts, reply: &Reply, say: &mut Say) {
    say.found(
        Finding::note(
            "smtp.limit",
            host.name.clone(),
            format!("{} had enough of us: some things are not tested", host.name),
        )
        .impact(Impact::None, Impact::None)
        .meaning("A limit on strangers is no fault.")
        .seen("smtp", place(host, address), told(reply))
        .act(Actor::Wait)
        .fix("Nothing to do. Look again in a quarter of an hour to test the rest."),
    );
}

fn no_hello(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    let name = &host.name;
    match &main.ended {
        Some(Ended::Refused { reply, phase }) if main.limit().is_some() => {
            limited(view, host, address, *phase, reply, say);
            say.untested("smtp.ehlo", format!("{name} closed with 421"));
        }
        Some(Ended::Refused { reply, phase }) if view.is_about_us(address, *phase, reply) => {
            say.found(about_us(view, host, address, "smtp.ehlo", *phase, reply));
        }
        Some(Ended::Refused { reply, .. }) => {
            let title = format!("{name} refuses EHLO and HELO with {}", reply.code());
            let finding = view.dead("smtp.ehlo", host, address, title);
            say.found(finding.fix(
                "See in the server's log why; it may dislike the name we give, or be set up for its own clients only.",
            ));
        }
        Some(Ended::Broken(trouble)) if trouble.kind == TroubleKind::Timeout => {
            say.untested("smtp.ehlo", format!("{name}: {}", trouble.detail));
        }
        Some(Ended::Broken(trouble)) => {
            let early = trouble.kind == TroubleKind::ProtocolViolation;
            let title = if early {
                format!("{name} answers EHLO before it is asked, or with what is no answer")
            } else {
                format!("{name} greets, and closes the connection at EHLO")
            };
            let finding = view.dead("smtp.ehlo", host, address, title);
            say.found(finding.fix("Look at the server's log, and at any filter in front of it."));
        }
        Some(Ended::Quit) | None => say.untested("smtp.ehlo", "the session was cut short"),
    }
}

/// The line of an EHLO reply that a firewall wrote over.
fn mangled(reply: &Reply) -> Option<String> {
    let is_mangled = |line: &&str| {
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        word.len() >= 4 && word.bytes().filter(|byte| *byte == b'X').count() + 1 >= word.len()
    };
    reply.lines().skip(1).find(is_mangled).map(|line| format!("{} {line}", reply.code()))
}
