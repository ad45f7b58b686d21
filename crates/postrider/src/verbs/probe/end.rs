//! How a probe came out: accepted, with warnings, refused, or nothing that can be told.

use super::place::{Nowhere, Place};
use crate::exit::Exit;
use postrider_diagnosis::checks::smtp::{CertificateFacts, examine, speaks};
use postrider_diagnosis::ctx::Ctx;
use postrider_diagnosis::session::{Plan, Session, SessionFacts, Tls};
use postrider_smtp::client::Ended;
use postrider_smtp::{Reply, TroubleKind};
use std::time::{Duration, Instant};

/// The outcome.
pub(super) struct End {
    exit: Exit,
    /// In a line.
    pub(super) why: String,
    /// What is not as it should be, and did not stop anything.
    pub(super) warnings: Vec<String>,
    /// The certificate.
    pub(super) certificate: Option<CertificateFacts>,
}

impl End {
    /// There is nobody to talk to.
    pub(super) fn nowhere(nowhere: Nowhere) -> Self {
        Self { exit: nowhere.exit, why: nowhere.why, warnings: Vec::new(), certificate: None }
    }

    /// Of a session.
    pub(super) fn of(ctx: &Ctx, facts: &SessionFacts, tls: Tls, recipients: usize, login: Option<&str>) -> Self {
        let shown = facts.tls.as_ref();
        let certificate = shown.and_then(|tls| examine(&ctx.tls, &facts.host, &tls.chain, ctx.now));
        let (exit, why) = outcome(facts, recipients, login);
        let mut warnings = Vec::new();
        if let Some(certificate) = &certificate {
            warnings.extend(
                certificate.faults(&facts.host, ctx.now).into_iter().map(|fault| format!("the certificate {fault}")),
            );
        }
        let offers = facts.peer_in_clear().is_some_and(|peer| peer.starttls);
        if tls == Tls::WhenOffered && facts.peer_in_clear().is_some() && !offers {
            warnings.push("it does not offer STARTTLS: all of this was in clear".into());
        } else if tls == Tls::WhenOffered && offers && facts.tls.is_none() && facts.tls_trouble.is_none() {
            warnings.push("it offers STARTTLS and refuses it: all of this was in clear".into());
        }
        let exit = if exit == Exit::Ok && !warnings.is_empty() { Exit::Failed } else { exit };
        Self { exit, why, warnings, certificate }
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// In a word, for JSON.
    pub(super) fn word(&self) -> &'static str {
        match self.exit {
            Exit::Ok => "accepted",
            Exit::Failed => "accepted-with-warnings",
            Exit::Problem => "refused-or-broken",
            _ => "unknown",
        }
    }

    /// A host that wants TLS at once, or not at once, is told from one that is out of order by
    /// trying the other way.
    pub(super) async fn mind_mode(&mut self, ctx: &Ctx, place: &Place, facts: &SessionFacts, tls: Tls) {
        let port = place.port;
        let silent = facts.opening.first.is_empty() && facts.unreached.is_none() && tls != Tls::Implicit;
        if silent {
            let wants_tls = speaks(&facts.poked).is_some_and(|what| what.contains("TLS"))
                || again(ctx, place, facts, Tls::Implicit).await.is_some_and(|other| other.tls.is_some());
            if wants_tls {
                self.exit = Exit::Problem;
                self.why = format!("port {port} of {} wants TLS from the first octet: use --tls implicit", place.host);
            }
        } else if tls == Tls::Implicit && facts.tls_trouble.is_some() {
            let other = again(ctx, place, facts, Tls::Off).await;
            if other.is_some_and(|other| other.opening.greeting.is_some()) {
                self.why = format!(
                    "port {port} of {} greets in clear, it does not take TLS from the first octet: use --tls starttls",
                    place.host
                );
            }
        }
    }
}

async fn again(ctx: &Ctx, place: &Place, facts: &SessionFacts, tls: Tls) -> Option<SessionFacts> {
    let until = Instant::now() + Duration::from_secs(3);
    let plan = Plan {
        tls,
        purpose: "the other way".into(),
        hello: ctx.settings.hello.clone(),
        ..Plan::new(&place.host, facts.to, until)
    };
    let other = Session::open(&*ctx.world, &ctx.tls, plan, None).await.quit().await;
    other.unreached.is_none().then_some(other)
}

fn outcome(facts: &SessionFacts, recipients: usize, login: Option<&str>) -> (Exit, String) {
    let host = &facts.host;
    if let Some(trouble) = &facts.unreached {
        return match trouble.kind {
            TroubleKind::ConnectionRefused => {
                (Exit::Problem, format!("{} refuses connections: nothing listens there", facts.to))
            }
            TroubleKind::ConnectTimeout => (
                Exit::Unsure,
                format!(
                    "{} does not answer: a firewall there, or here (many networks close port 25), or no such machine",
                    facts.to
                ),
            ),
            _ => (Exit::Unsure, format!("no connection to {}: {}", facts.to, trouble.detail)),
        };
    }
    match &facts.ended {
        Some(Ended::Refused { phase, reply }) => {
            return (Exit::Problem, format!("{host} refuses at {}: {}", phase_words(phase.name()), shown(reply)));
        }
        Some(Ended::Broken(trouble)) => return broken(facts, trouble),
        Some(Ended::Quit) | None => {}
    }
    let refused = facts.asked.iter().find_map(|asked| {
        let reply = asked.reply.as_ref()?;
        (asked.name != "rset" && !reply.code().is_positive() && !reply.code().is_intermediate())
            .then_some((asked, reply))
    });
    let taken = facts
        .asked
        .iter()
        .filter(|asked| asked.name == "rcpt" && asked.reply.as_ref().is_some_and(|reply| reply.code().is_positive()));
    match refused {
        Some((asked, reply)) => (Exit::Problem, format!("{host} refuses {}: {}", asked.line, shown(reply))),
        None if recipients > 0 && taken.count() == recipients => {
            (Exit::Ok, format!("{host} takes mail for every recipient that was asked for"))
        }
        None => match login {
            Some(user) => (Exit::Ok, format!("{host} lets {user} in")),
            None => (Exit::Ok, format!("{host} takes commands")),
        },
    }
}

fn broken(facts: &SessionFacts, trouble: &postrider_smtp::Trouble) -> (Exit, String) {
    let host = &facts.host;
    let first = if facts.opening.first.is_empty() { &facts.poked } else { &facts.opening.first };
    if facts.opening.greeting.is_none()
        && let Some(what) = speaks(first)
    {
        return (Exit::Problem, format!("{what} answers on port {}, not a mail server", facts.to.port()));
    }
    match trouble.kind {
        TroubleKind::Timeout if facts.opening.greeting.is_none() => {
            (Exit::Unsure, format!("{host} takes the connection and does not greet: {}", trouble.detail))
        }
        TroubleKind::TlsFailed => (Exit::Problem, format!("TLS with {host} fails: {}", trouble.detail)),
        TroubleKind::AuthNotOffered => (Exit::Problem, trouble.detail.clone()),
        _ => (Exit::Problem, format!("the session with {host} broke: {}", trouble.detail)),
    }
}

fn phase_words(name: &str) -> String {
    match name {
        "connect" => "the greeting".into(),
        other => other.to_ascii_uppercase(),
    }
}

fn shown(reply: &Reply) -> String {
    let text: String = reply.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    text
}
