//! Whose mail the host takes and for whom: smtp.null, smtp.rcpt, smtp.grey, smtp.roles, smtp.relay.

use super::reach::about_us;
use super::view::{place, told};
use super::{AddressFacts, Again, HostFacts, View};
use crate::finding::{Actor, Finding, Impact, Say};
use crate::session::{Asked, SessionFacts};
use postrider_reply::{Cause, Who};
use postrider_smtp::{Phase, Reply};

const IDS: [&str; 5] = ["smtp.null", "smtp.rcpt", "smtp.grey", "smtp.roles", "smtp.relay"];

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let working = view.working();
    if working.is_empty() {
        for id in IDS {
            say.untested(id, "no mail host takes commands");
        }
    }
    for (host, address) in working {
        if view.is_submission(address) {
            for id in IDS {
                say.not_applicable(id, format!("port {} is for users who log in", address.to.port()));
            }
            continue;
        }
        null(view, host, address, say);
        recipients(view, host, address, say);
        relay(host, address, say);
    }
}

fn untested(address: &AddressFacts, host: &HostFacts) -> String {
    match address.limit() {
        Some(_) => format!("{}: rate limited", host.name),
        None => format!("{}: the session ended before it", host.name),
    }
}

fn null(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    let name = &host.name;
    let Some(reply) = talk.answer("mail") else { return say.untested("smtp.null", untested(address, host)) };
    if reply.code().is_positive() {
        return say.fine("smtp.null", format!("{name} takes mail from <>"));
    }
    if view.is_about_us(address, Phase::Mail, reply) {
        say.untested("smtp.null", format!("{name} refuses this machine"));
        return say.found(about_us(view, host, address, "smtp.rcpt", Phase::Mail, reply));
    }
    let verdict = view.verdict(address, Phase::Mail, reply);
    let other = talk.answer("mail-other");
    // Every sender is refused alike: then it is not about the empty one.
    let alike = other.is_none_or(|other| !other.code().is_positive());
    if alike && (reply.code().is_transient() || other.is_some()) {
        say.untested("smtp.null", format!("{name} takes no sender at all"));
        return say.found(no_sender(view, host, address, reply));
    }
    if reply.code().is_transient() {
        return say.untested("smtp.null", format!("{name}: {}", told(reply)));
    }
    say.found(
        Finding::problem("smtp.null", name.clone(), format!("{name} refuses mail from the empty sender <>"))
            .impact(Impact::AtRisk, Impact::AtRisk)
            .meaning("Notices about mail that could not be delivered come from <>: your users never learn of it. Hosts that call back to verify a sender refuse your mail.")
            .meaning(verdict.summary)
            .seen("smtp", place(host, address), told(reply))
            .fix("Take MAIL FROM:<> (RFC 5321 §4.5.5); fight false bounces at RCPT or with signed senders (BATV)."),
    );
}

fn no_sender(view: &View<'_>, host: &HostFacts, address: &AddressFacts, reply: &Reply) -> Finding {
    let verdict = view.verdict(address, Phase::Mail, reply);
    let name = &host.name;
    let lasting = reply.code().is_permanent();
    let title = format!("{name} answers {} to MAIL, whoever sends", reply.code());
    let finding = if lasting {
        let finding = view.dead("smtp.rcpt", host, address, title);
        // It does take commands, so `dead` counts it among the living.
        if view.hosts.len() == 1 { finding.impact(Impact::None, Impact::Broken) } else { finding }
    } else {
        Finding::warning("smtp.rcpt", name.clone(), title).impact(Impact::None, Impact::AtRisk).seen(
            "smtp",
            place(host, address),
            told(reply),
        )
    };
    finding.meaning(verdict.summary).fix(advice(&verdict.advice, "See the server's log for the reason."))
}

fn advice(advice: &[std::borrow::Cow<'static, str>], otherwise: &str) -> String {
    advice.first().map_or_else(|| otherwise.to_owned(), ToString::to_string)
}

fn recipients(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    let domain = &view.facts.domain;
    let asked: Vec<(&str, &Reply)> = ["rcpt", "postmaster", "random", "abuse"]
        .into_iter()
        .filter_map(|name| Some((name, talk.answer(name)?)))
        .collect();
    if domain.is_empty() {
        for id in ["smtp.rcpt", "smtp.grey", "smtp.roles"] {
            say.not_applicable(id, "no domain was named");
        }
        return;
    }
    if asked.is_empty() {
        for id in ["smtp.rcpt", "smtp.grey", "smtp.roles"] {
            say.untested(id, untested(address, host));
        }
        return;
    }
    if let Some(again) = address.again.as_ref().filter(|again| again.let_in) {
        say.found(learned(view, host, address, again));
        recipient(view, host, address, say);
        return roles(host, address, domain, say);
    }
    // A refusal that would meet any recipient says nothing of this one. Where one was taken, a
    // refusal for good is about its recipient.
    let one_taken = asked.iter().any(|(_, reply)| reply.code().is_positive());
    let doubtful = |reply: &Reply| !reply.code().is_positive() && (reply.code().is_transient() || !one_taken);
    let mut refused = asked.iter().filter(|(_, reply)| doubtful(reply));
    if let Some((_, reply)) = refused.find(|(_, reply)| is_about_everybody(view, address, reply)) {
        for id in ["smtp.rcpt", "smtp.roles"] {
            say.untested(id, format!("{}: {}", host.name, told(reply)));
        }
        if view.is_about_us(address, Phase::Rcpt, reply) {
            say.found(about_us(view, host, address, "smtp.rcpt", Phase::Rcpt, reply));
        } else {
            greylisted(view, host, address, reply, say);
        }
        return;
    }
    say.fine("smtp.grey", format!("{} puts nobody off", host.name));
    recipient(view, host, address, say);
    roles(host, address, domain, say);
}

/// Greylisting, rate limits and refusals of this machine.
fn is_about_everybody(view: &View<'_>, address: &AddressFacts, reply: &Reply) -> bool {
    let verdict = view.verdict(address, Phase::Rcpt, reply);
    matches!(verdict.cause, Cause::Greylisted | Cause::RateLimited | Cause::ServerBusy | Cause::ServerError)
        || view.is_about_us(address, Phase::Rcpt, reply)
}

fn greylisted(view: &View<'_>, host: &HostFacts, address: &AddressFacts, reply: &Reply, say: &mut Say) {
    let verdict = view.verdict(address, Phase::Rcpt, reply);
    let name = &host.name;
    if verdict.cause != Cause::Greylisted {
        let finding =
            Finding::warning("smtp.rcpt", name.clone(), format!("{name} puts recipients off with {}", reply.code()));
        say.untested("smtp.grey", format!("{name}: {}", told(reply)));
        return say.found(
            finding
                .impact(Impact::None, Impact::AtRisk)
                .meaning(verdict.summary)
                .seen("smtp", place(host, address), told(reply))
                .fix(advice(&verdict.advice, "See the server's log for the reason.")),
        );
    }
    let wait = verdict.retry_after_s.map(|seconds| format!(" It asks for {}.", crate::words::span(seconds)));
    let finding = Finding::note("smtp.grey", name.clone(), format!("{name} puts strangers off once (greylisting)"))
        .impact(Impact::None, Impact::None)
        .meaning(format!("That is no fault: a sender who comes again is let in.{}", wait.unwrap_or_default()))
        .seen("smtp", place(host, address), told(reply))
        .act(Actor::Wait);
    say.found(match &address.again {
        Some(again) => {
            let after = again.after.as_secs();
            let second = again.session.answer("postmaster").map_or_else(|| super::view::last_words(&again.session), told);
            finding
                .meaning(format!("A second try with the same sender and recipients, {after} s later, was not let in."))
                .seen("smtp", place(host, address), format!("after {after} s: {second}"))
                .fix("See how long the greylisting is set to; some let in only after an hour. Recipients were not tested for this reason.")
        }
        None => finding.fix("Nothing to do. Recipients were not tested for this reason; --wait comes again and tests them."),
    });
}

/// Greylisting, and how long it lasts, as the second try showed.
fn learned(view: &View<'_>, host: &HostFacts, address: &AddressFacts, again: &Again) -> Finding {
    let name = &host.name;
    let after = again.after.as_secs();
    let replies = ["rcpt", "postmaster"].into_iter().filter_map(|asked| address.first_talk().answer(asked));
    let first = replies.into_iter().find(|reply| reply.code().is_transient());
    let named = first.and_then(|reply| view.verdict(address, Phase::Rcpt, reply).retry_after_s);
    let mut finding = Finding::note(
        "smtp.grey",
        name.clone(),
        format!("{name} puts strangers off once (greylisting), and lets them in after {after} s"),
    )
    .impact(Impact::None, Impact::None)
    .act(Actor::Wait)
    .meaning(
        "That is no fault: a sender who comes again is let in. The first mail of a new sender comes that much later.",
    )
    .fix("Nothing to do.");
    if let Some(named) = named {
        finding = finding.meaning(format!("It asks for {}.", crate::words::span(named)));
    }
    if let Some(first) = first {
        finding = finding.seen("smtp", place(host, address), format!("at first: {}", told(first)));
    }
    let second = again.session.answer("rcpt").or_else(|| again.session.answer("postmaster"));
    match second {
        Some(second) => finding.seen("smtp", place(host, address), format!("after {after} s: {}", told(second))),
        None => finding,
    }
}

fn recipient(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    let name = &host.name;
    let domain = &view.facts.domain;
    let relays = talk.answer("relay").is_some_and(|reply| reply.code().is_positive());
    if let Some(reply) = talk.answer("rcpt") {
        let user = view.facts.settings.recipient.as_deref().unwrap_or_default();
        if reply.code().is_positive() {
            say.fine("smtp.rcpt", format!("{name} takes mail for {user}@{domain}"));
        } else {
            return say.found(refused(view, host, address, &format!("{user}@{domain}"), reply));
        }
    }
    match talk.answer("random") {
        Some(reply) if reply.code().is_positive() => {
            let finding = Finding::note(
                "smtp.rcpt",
                name.clone(),
                format!("{name} takes mail for any name at {domain}"),
            )
            .impact(Impact::None, Impact::None)
            .meaning("A catch-all, or a host that refuses later: whether a mailbox exists cannot be seen here.")
            .seen("smtp", place(host, address), told(reply))
            .fix("If it is not meant: refuse unknown recipients at RCPT, not by a later bounce (RFC 5321 §3.6.2).");
            say.found(if relays { finding.because_of("smtp.relay", name) } else { finding });
        }
        Some(_) => say.fine("smtp.rcpt", format!("{name} tells known recipients from unknown ones")),
        None => say.untested("smtp.rcpt", untested(address, host)),
    }
}

fn refused(view: &View<'_>, host: &HostFacts, address: &AddressFacts, whom: &str, reply: &Reply) -> Finding {
    let verdict = view.verdict(address, Phase::Rcpt, reply);
    let name = &host.name;
    let title = format!("{name} refuses {whom} with {}", reply.code());
    let finding = if reply.code().is_transient() {
        Finding::warning("smtp.rcpt", whom.to_owned(), title)
    } else {
        Finding::problem("smtp.rcpt", whom.to_owned(), title)
    };
    finding
        .meaning(verdict.summary)
        .seen("smtp", place(host, address), told(reply))
        .act(match verdict.who {
            Who::Recipient | Who::RecipientAdmin => Actor::Recipient,
            Who::Network => Actor::Isp,
            Who::Nobody => Actor::Wait,
            Who::Sender | Who::SenderAdmin => Actor::You,
        })
        .fix(advice(&verdict.advice, "Ask whoever runs the host for the reason."))
}

fn roles(host: &HostFacts, address: &AddressFacts, domain: &str, say: &mut Say) {
    let talk = address.talk();
    let name = &host.name;
    let mut all_taken = true;
    for (role, rule) in [("postmaster", "RFC 5321 §4.5.1"), ("abuse", "RFC 2142 §2")] {
        let Some(reply) = talk.answer(role) else {
            say.untested("smtp.roles", untested(address, host));
            all_taken = false;
            continue;
        };
        if reply.code().is_positive() {
            continue;
        }
        all_taken = false;
        if reply.code().is_transient() {
            say.untested("smtp.roles", format!("{name}: {}", told(reply)));
            continue;
        }
        let title = format!("{name} refuses {role}@{domain}");
        let finding = if role == "postmaster" {
            Finding::warning("smtp.roles", name.clone(), title).meaning(
                "Every domain that takes mail must take it for its postmaster: it is where others tell of trouble.",
            )
        } else {
            Finding::warning("smtp.roles", name.clone(), title)
                .meaning("Complaints about mail from the domain go there; lists and providers look for it.")
        };
        say.found(
            finding
                .impact(Impact::None, Impact::None)
                .rfc(rule)
                .seen("smtp", place(host, address), told(reply))
                .fix(format!("Make {role}@{domain} an alias of a mailbox that somebody reads.")),
        );
    }
    let refused = unknown_report_boxes(talk);
    for asked in &refused {
        all_taken = false;
        let address_of = asked.line.trim_start_matches("RCPT TO:<").trim_end_matches('>');
        let reply = asked.reply.as_ref().map(told).unwrap_or_default();
        say.found(
            Finding::note(
                "smtp.roles",
                name.clone(),
                format!("{name} refuses {address_of}, where the domain wants reports sent"),
            )
            .impact(Impact::None, Impact::None)
            .rfc("RFC 9989 §4.7")
            .meaning("Reports about mail in the name of the domain, or about TLS, are lost.")
            .seen("smtp", place(host, address), reply)
            .fix(format!("Make {address_of} a mailbox or an alias, or name another address in the record (rua, ruf).")),
        );
    }
    if all_taken {
        say.fine("smtp.roles", format!("{name} takes postmaster@ and abuse@"));
    }
}

fn relay(host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    let name = &host.name;
    let Some(reply) = talk.answer("relay") else {
        let refused = talk.answer("relay-mail").is_some_and(|reply| reply.code().is_permanent());
        if refused {
            return say.fine("smtp.relay", format!("{name} takes no mail from strangers to strangers"));
        }
        return say.untested("smtp.relay", untested(address, host));
    };
    if !reply.code().is_positive()
        && let Some(finding) = roundabout(host, address)
    {
        return say.found(finding);
    }
    if reply.code().is_permanent() {
        return say.fine("smtp.relay", format!("{name}: {}", told(reply)));
    }
    if reply.code().is_transient() {
        return say.untested("smtp.relay", format!("{name}: {}", told(reply)));
    }
    say.found(
        Finding::problem("smtp.relay", name.clone(), format!("{name} takes mail from anybody to anybody: an open relay"))
            .impact(Impact::AtRisk, Impact::AtRisk)
            .meaning("Spammers find such hosts within days, and block lists soon after: then nobody takes your mail.")
            .meaning("Only if the machine this runs on is one of its own clients (Postfix: mynetworks) is it as it should be.")
            .seen("smtp", place(host, address), format!("RCPT TO:<relay-test@example.net> -> {}", told(reply)))
            .fix("Take mail for your own domains only, and from logged-in users (Postfix: smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination)."),
    );
}

/// Recipients elsewhere that a host took because of how they were written. Only asked of hosts
/// that refuse unknown names of the domain, so that taking one is no catch-all.
fn roundabout(host: &HostFacts, address: &AddressFacts) -> Option<Finding> {
    let session = address.mine.as_ref()?.relays.as_ref()?;
    let taken = |asked: &&Asked| {
        asked.name == "relay-way" && asked.reply.as_ref().is_some_and(|reply| reply.code().is_positive())
    };
    let taken: Vec<&Asked> = session.asked.iter().filter(taken).collect();
    if taken.is_empty() {
        return None;
    }
    let name = &host.name;
    let finding = Finding::problem(
        "smtp.relay",
        name.clone(),
        format!("{name} takes mail from anybody to anybody when the recipient is written in a roundabout way"),
    )
    .impact(Impact::AtRisk, Impact::AtRisk)
    .meaning("Spammers know these ways, and block lists try them: then nobody takes your mail.")
    .meaning("Only if the machine this runs on is one of its own clients (Postfix: mynetworks) is it as it should be.")
    .fix("Refuse recipients with %, ! or a second @ before the domain, and those with a route (Postfix: allow_untrusted_routing = no, reject_unauth_destination).");
    Some(taken.iter().fold(finding, |finding, asked| {
        let reply = asked.reply.as_ref().map(told).unwrap_or_default();
        finding.seen("smtp", place(host, address), format!("{} -> {reply}", asked.line))
    }))
}

/// Addresses for reports that are refused just as an address that nobody has. A refusal in other
/// words may be about our empty sender, as lists and closed groups have it.
fn unknown_report_boxes(talk: &SessionFacts) -> Vec<&Asked> {
    let Some(nobody) = talk.answer("random").filter(|reply| reply.code().is_permanent()) else { return Vec::new() };
    let alike = |reply: &Reply| {
        reply.code() == nobody.code()
            && reply.enhanced() == nobody.enhanced()
            && (reply.enhanced().is_some() || reply.text() == nobody.text())
    };
    talk.asked.iter().filter(|asked| asked.name == "report" && asked.reply.as_ref().is_some_and(alike)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_smtp::ReplyCode;
    use std::time::Duration;

    #[test]
    fn an_address_for_reports_is_unknown_when_it_is_refused_as_nobody_is() {
        let none = "5.1.1 no such user";
        let table = [
            ((550, none), (550, "5.1.1 <x> unknown"), 1),
            ((550, none), (550, "5.7.1 members only"), 0),
            ((550, none), (250, "ok"), 0),
            ((550, none), (450, "4.7.1 later"), 0),
            ((550, "no"), (550, "no"), 1),
            ((550, "no"), (550, "not from you"), 0),
            // A catch-all takes reports as well; whatever it says to them is about something else.
            ((250, "ok"), (550, none), 0),
        ];
        for (random, report, want) in table {
            let mut talk = SessionFacts::new("mx", "192.0.2.1:25".parse().unwrap());
            for (name, (code, text)) in [("random", random), ("report", report)] {
                let reply = Some(Reply::new(ReplyCode::new(code).unwrap(), text));
                talk.asked.push(Asked { name, line: "RCPT TO:<r@x.example>".into(), reply, took: Duration::ZERO });
            }
            assert_eq!(unknown_report_boxes(&talk).len(), want, "{random:?} {report:?}");
        }
    }
}
