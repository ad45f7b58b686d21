//! Whether a login may send as the address: MAIL and RCPT behind AUTH, never DATA.

use super::login::{Login, SubmissionSeen};
use super::{ClientFacts, NamedBy};
use crate::finding::{Finding, Impact, Say};
use postrider_smtp::Reply;

const ID: &str = "cl.from";

/// Says whether it may.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    let Some(seen) = &facts.submission else {
        return say.untested(ID, "no submission server could be talked with");
    };
    if seen.login != Login::Works {
        return if facts.with_login {
            say.untested(ID, "there was no login at the submission server")
        } else {
            say.not_applicable(ID, "no login was wanted")
        };
    }
    let address = facts.address.as_deref().unwrap_or_default();
    let mail = seen.session.answer("mail");
    let rcpt = seen.session.answer("rcpt");
    match (mail, rcpt) {
        (None, _) => say.untested(ID, "the server did not answer to MAIL"),
        (Some(mail), _) if mail.code().is_permanent() => say.found(not_as(facts, seen, address, "MAIL FROM", mail)),
        (Some(mail), _) if !mail.code().is_positive() => say.untested(ID, format!("the server wants to wait: {mail}")),
        (Some(_), None) => say.untested(ID, "the server did not answer to RCPT"),
        (Some(_), Some(rcpt)) if rcpt.code().is_positive() => {
            say.fine(ID, format!("{} may send as {address}", facts.user))
        }
        (Some(_), Some(rcpt)) if rcpt.code().is_transient() => {
            say.untested(ID, format!("the server wants to wait: {rcpt}"));
        }
        (Some(_), Some(rcpt)) => say.found(at_rcpt(facts, seen, address, rcpt)),
    }
}

fn not_as(facts: &ClientFacts, seen: &SubmissionSeen, address: &str, command: &str, reply: &Reply) -> Finding {
    let at = format!("{}:{}", seen.offer.host, seen.offer.port);
    Finding::problem(ID, address, format!("The login {} may not send as {address}", facts.user))
        .impact(Impact::Broken, Impact::None)
        .client(Impact::Broken)
        .meaning("The login works; each mail with that sender is turned away.")
        .seen("smtp", at, format!("{command}:<{address}>: {reply}"))
        .fix(format!("Let the login send as {address} at the server, or set the mail program's address to one of the login's own."))
}

/// Some servers judge the sender only at RCPT; others refuse the recipient itself.
fn at_rcpt(facts: &ClientFacts, seen: &SubmissionSeen, address: &str, reply: &Reply) -> Finding {
    let lower = reply.to_string().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let at = format!("{}:{}", seen.offer.host, seen.offer.port);
    let line = format!("RCPT TO:<{address}>: {reply}");
    if says(&["not owned", "sender address", "not allowed to send", "send as", "not permitted to send", "sendasdenied"])
    {
        return not_as(facts, seen, address, "RCPT TO", reply);
    }
    if says(&["relay", "not authenticated", "authentication required"]) {
        return Finding::problem(
            ID,
            address,
            "The server does not let its own user send on: it refuses to relay behind the login",
        )
        .impact(Impact::Broken, Impact::None)
        .client(Impact::Broken)
        .seen("smtp", at, line)
        .fix("Let logged-in users send on (Postfix: permit_sasl_authenticated before reject_unauth_destination).");
    }
    // That says something about the mailbox, not about what the login may do.
    let named = if seen.offer.by == NamedBy::Guess { " (or the server is not the domain's)" } else { "" };
    Finding::warning(
        ID,
        address,
        format!("The submission server takes the login and does not know {address} as a recipient{named}"),
    )
    .client(Impact::AtRisk)
    .seen("smtp", at, line)
    .fix("Look whether the mailbox is there under that address.")
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Offer, Service};
    use super::*;
    use crate::finding::{Severity, State};
    use crate::session::{Asked, SessionFacts};
    use postrider_smtp::ReplyCode;
    use std::time::Duration;

    fn said(login: Login, mail: &str, rcpt: &str) -> (Option<State>, Option<Severity>) {
        let to = "192.0.2.1:587".parse().unwrap();
        let mut session = SessionFacts::new("smtp.example.com", to);
        for (name, text) in [("mail", mail), ("rcpt", rcpt)] {
            let Some((code, words)) = text.split_once(' ') else { continue };
            let reply = Some(Reply::new(ReplyCode::new(code.parse().unwrap()).unwrap(), words));
            session.asked.push(Asked { name, line: name.to_uppercase(), reply, took: Duration::ZERO });
        }
        let offer = Offer {
            service: Service::Submission,
            host: "smtp.example.com".into(),
            port: 587,
            mode: Mode::StartTls,
            by: NamedBy::Srv,
            user: None,
        };
        let facts = ClientFacts {
            address: Some("tom@example.com".into()),
            with_login: true,
            submission: Some(SubmissionSeen { offer, session, login }),
            ..ClientFacts::default()
        };
        let mut say = Say::default();
        judge(&facts, &mut say);
        (say.state_of(ID), say.findings().first().map(|finding| finding.severity))
    }

    #[test]
    fn what_a_login_may_send_as() {
        let problem = (Some(State::Found), Some(Severity::Problem));
        let untested = (Some(State::Untested), None);
        let table = [
            ("250 ok", "250 ok", (Some(State::Fine), None)),
            ("553 5.7.1 not yours", "", problem),
            ("550 5.7.60 SendAsDenied", "", problem),
            ("451 later", "", untested),
            ("", "", untested),
            ("250 ok", "553 5.7.1 <tom@example.com>: Sender address rejected: not owned by user bob", problem),
            ("250 ok", "554 5.7.1 Relay access denied", problem),
            ("250 ok", "550 5.1.1 User unknown", (Some(State::Found), Some(Severity::Warning))),
            ("250 ok", "450 greylisted", untested),
        ];
        for (mail, rcpt, want) in table {
            assert_eq!(said(Login::Works, mail, rcpt), want, "{mail} / {rcpt}");
        }
        assert_eq!(said(Login::NotTried("x".into()), "250 ok", "250 ok"), untested);
    }
}
