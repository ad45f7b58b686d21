//! What is only asked of the user's own hosts, as it looks like an attack: smtp.inject,
//! smtp.smuggle, smtp.pipe, and the ways around a closed relay of smtp.relay.

use super::View;
use super::view::{octets, place, told};
use crate::ctx::Ctx;
use crate::finding::{Finding, Impact, Say};
use crate::session::{Plan, Session, SessionFacts, Tls};
use std::time::Duration;

/// A host that takes the end of data for one answers at once; one that does not waits for more.
const WAIT: Duration = Duration::from_millis(700);

/// What the user's own host did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MineFacts {
    /// A command was glued to STARTTLS.
    pub glued: Option<SessionFacts>,
    /// A message was ended by a dot between bare line feeds.
    pub smuggled: Option<SessionFacts>,
    /// Three commands went in one flight.
    pub piped: Option<SessionFacts>,
    /// Recipients elsewhere were written in ways that lead around a closed relay.
    pub relays: Option<SessionFacts>,
}

pub(super) async fn gather(ctx: &Ctx, domain: &str, plan: &Plan, main: &SessionFacts) -> MineFacts {
    let offers = main.peer_in_clear().unwrap_or_default();
    let mut seen = MineFacts { glued: None, smuggled: None, piped: None, relays: None };
    if offers.starttls {
        let plan = Plan { purpose: "glued".into(), tls: Tls::Glued, ..plan.clone() };
        seen.glued = Some(Session::open(&*ctx.world, &ctx.tls, plan, None).await.quit().await);
    }
    if main.peer().is_some_and(|peer| peer.pipelining) {
        let plan = Plan { purpose: "piped".into(), ..plan.clone() };
        let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
        session.ask_together("piped", &["NOOP", "NOOP", "RSET"]).await;
        seen.piped = Some(session.quit().await);
    }
    // A host that takes any name here, or puts all off, shows nothing by taking one more.
    if main.answer("random").is_some_and(|reply| reply.code().is_permanent()) {
        seen.relays = Some(relays(ctx, domain, plan).await);
    }
    if main.answer("postmaster").is_some_and(|reply| reply.code().is_positive()) {
        seen.smuggled = Some(smuggle(ctx, domain, plan).await);
    }
    seen
}

/// Ways to write a recipient elsewhere so that a careless host takes it for one of its own
/// (RFC 2505 §2.1; source routes: RFC 5321 §3.6.1). RCPT only; what follows is RSET.
async fn relays(ctx: &Ctx, domain: &str, plan: &Plan) -> SessionFacts {
    let own = ctx.settings.hello.domain().map(ToString::to_string).filter(|name| name.contains('.'));
    let own = own.as_deref().unwrap_or("example.org");
    let plan = Plan { purpose: "relays".into(), ..plan.clone() };
    let host = plan.host.clone();
    let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
    let begun = session.ask("relay-mail", &format!("MAIL FROM:<relay-test@{own}>")).await;
    if begun.is_some_and(|reply| reply.code().is_positive()) {
        let ways = [
            format!("relay-test%example.net@{domain}"),
            format!("relay-test%example.net@{host}"),
            format!("\"relay-test@example.net\"@{domain}"),
            format!("@{domain}:relay-test@example.net"),
            format!("@{host}:relay-test@example.net"),
        ];
        for way in ways {
            session.ask("relay-way", &format!("RCPT TO:<{way}>")).await;
        }
        session.ask("rset", "RSET").await;
    }
    let begun = session.ask("relay-mail", "MAIL FROM:<>").await;
    if begun.is_some_and(|reply| reply.code().is_positive()) {
        session.ask("relay-way", "RCPT TO:<relay-test@example.net>").await;
        session.ask("rset", "RSET").await;
    }
    session.quit().await
}

async fn smuggle(ctx: &Ctx, domain: &str, plan: &Plan) -> SessionFacts {
    let plan = Plan { purpose: "smuggled".into(), ..plan.clone() };
    let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
    session.ask("mail", "MAIL FROM:<>").await;
    session.ask("postmaster", &format!("RCPT TO:<postmaster@{domain}>")).await;
    let go = session.ask("data", "DATA").await;
    if go.is_some_and(|reply| reply.code().is_intermediate()) {
        session.hurry(WAIT);
        let message = "Subject: a test of this mail server\r\n\r\nThis came because postrider doctor looked at the server with --mine,\r\nand the server takes a dot between bare line feeds for the end of a message.\n.";
        session.ask_shown("smuggled", &format!("{message}\n"), "(a message that ends in LF . LF)").await;
    }
    // No farewell: what would end the message properly must not follow.
    session.give()
}

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    const IDS: [&str; 3] = ["smtp.smuggle", "smtp.inject", "smtp.pipe"];
    if !view.facts.settings.mine {
        for id in IDS {
            say.not_applicable(id, "only asked of your own hosts: --mine");
        }
        return;
    }
    let mut asked = false;
    for (host, address) in view.addresses() {
        let Some(mine) = &address.mine else { continue };
        asked = true;
        let at = place(host, address);
        inject(&host.name, &at, mine, say);
        smuggled(&host.name, &at, mine, say);
        piped(&host.name, &at, mine, say);
    }
    if !asked {
        for id in IDS {
            say.untested(id, "no mail host takes commands, or no time was left");
        }
    }
}

fn inject(name: &str, at: &str, mine: &MineFacts, say: &mut Say) {
    match &mine.glued {
        Some(session) if !session.injected.is_empty() => say.found(
            Finding::problem("smtp.inject", name, format!("{name} obeys under TLS what it was told in clear before"))
                .impact(Impact::None, Impact::AtRisk)
                .meaning("Somebody on the way can put commands into a session that looks secure (CVE-2011-0411).")
                .seen("smtp", at, format!("NOOP in clear, answered under TLS: {}", octets(&session.injected)))
                .fix("Update the mail server: what comes before the TLS handshake must be thrown away."),
        ),
        Some(session) if session.tls.is_some() => say.fine("smtp.inject", format!("{name} forgets what came in clear")),
        Some(_) => say.fine("smtp.inject", format!("{name} breaks off when something is glued to STARTTLS")),
        None => say.not_applicable("smtp.inject", format!("{name} does no STARTTLS")),
    }
}

fn smuggled(name: &str, at: &str, mine: &MineFacts, say: &mut Say) {
    let Some(session) = &mine.smuggled else {
        return say.untested("smtp.smuggle", format!("{name} took no recipient to test with"));
    };
    match session.answer("smuggled") {
        Some(reply) if reply.code().is_positive() => say.found(
            Finding::problem("smtp.smuggle", name, format!("{name} takes a dot between bare line feeds for the end of a message"))
                .impact(Impact::None, Impact::AtRisk)
                .meaning("A second message can be hidden in one that another server sends: with a sender that passes SPF and DMARC (SMTP smuggling, CVE-2023-51764).")
                .seen("smtp", at, told(reply))
                .fix("Postfix: smtpd_forbid_bare_newline = normalize, from 3.5.24, 3.6.14, 3.7.10, 3.8.5 on. Others: update.")
                .command("postconf -e smtpd_forbid_bare_newline=normalize && postfix reload"),
        ),
        Some(reply) => say.fine("smtp.smuggle", format!("{name}: {}", told(reply))),
        None if session.answer("data").is_some_and(|reply| reply.code().is_intermediate()) => {
            say.fine("smtp.smuggle", format!("{name} ends a message by CRLF . CRLF only"));
        }
        None => say.untested("smtp.smuggle", format!("{name} took no message to test with")),
    }
}

fn piped(name: &str, at: &str, mine: &MineFacts, say: &mut Say) {
    let Some(session) = &mine.piped else {
        return say.not_applicable("smtp.pipe", format!("{name} does not offer PIPELINING"));
    };
    let asked = session.asked.iter().filter(|asked| asked.name == "piped");
    let answered = asked.clone().filter(|asked| asked.reply.is_some()).count();
    match asked.count() {
        0 => say.untested("smtp.pipe", format!("{name}: the session ended before it")),
        3 if answered == 3 => say.fine("smtp.pipe", format!("{name} answers commands in one flight")),
        _ => say.found(
            Finding::warning(
                "smtp.pipe",
                name,
                format!("{name} offers PIPELINING and loses commands that come in one flight"),
            )
            .impact(Impact::None, Impact::AtRisk)
            .meaning("Senders use what is offered: their sessions hang or break.")
            .seen("smtp", at, format!("{answered} answers to 3 commands"))
            .fix("Take PIPELINING out of what is offered, or mend what reads the commands: often a filter in front."),
        ),
    }
}
