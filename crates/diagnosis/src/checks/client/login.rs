//! Talking with the submission and the IMAP server, and logging in: one try at each, and none at the
//! second when the first does not take the password, so that no account is locked.
//!
//! A password goes out under TLS only.

use super::{ClientFacts, Mode, Offer, Password, Service, Wish};
use crate::ctx::Ctx;
use crate::finding::{Actor, Finding, Impact, Say, Severity};
use crate::imap::{FaultKind, Imap, ImapFault, ImapLimits, QuotaUse, Refusal, RefusalReason};
use crate::net::{Dial, TlsSeen};
use crate::session::{Plan, Session, SessionFacts, Tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postrider_smtp::Reply;
use postrider_smtp::client::{Credentials, Ended};
use postrider_transport::tls::client::CertificateFault;
use rustls::pki_types::{ServerName, UnixTime};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const REPLY_LIMIT: Duration = Duration::from_secs(8);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// What came of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// It was not tried: why.
    NotTried(String),
    /// It works.
    Works,
    /// It was refused.
    Refused(Refusal),
    /// The talk broke off over it.
    Broke(String),
}

/// The talk with the submission server.
#[derive(Debug, Clone)]
pub struct SubmissionSeen {
    /// Which server.
    pub offer: Offer,
    /// All that was said.
    pub session: SessionFacts,
    /// What the login came to.
    pub login: Login,
}

/// The talk with the IMAP server.
#[derive(Debug, Clone)]
pub struct ImapSeen {
    /// Which server.
    pub offer: Offer,
    /// Where.
    pub to: SocketAddr,
    /// What the handshake showed.
    pub tls: Option<TlsSeen>,
    /// Whether STARTTLS was offered in clear.
    pub starttls_offered: Option<bool>,
    /// What it said first.
    pub greeting: String,
    /// What it says it can do.
    pub capabilities: Vec<String>,
    /// What broke the talk before or behind the login.
    pub fault: Option<String>,
    /// What the login came to.
    pub login: Login,
    /// How full the mailbox is.
    pub quota: Vec<QuotaUse>,
}

/// Talks with the submission server.
pub(super) async fn submission(ctx: &Ctx, offer: Offer, to: SocketAddr, wish: &Wish, log_in: bool) -> SubmissionSeen {
    let until = Instant::now() + ctx.left();
    let tls = if offer.mode == Mode::Implicit { Tls::Implicit } else { Tls::WhenOffered };
    let plan = Plan {
        purpose: "submission".into(),
        tls,
        hello: ctx.settings.hello.clone(),
        connect: ctx.within(CONNECT_LIMIT),
        reply: ctx.within(REPLY_LIMIT),
        ..Plan::new(&offer.host, to, until)
    };
    let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
    let login = match (&wish.password, log_in) {
        (None, _) => Login::NotTried("no login was wanted".into()),
        (_, false) => {
            Login::NotTried("the other server did not take the password; a second try could lock the account".into())
        }
        (Some(_), true) if session.is_over() => Login::NotTried("the server takes no commands".into()),
        (Some(_), true) if !session.is_under_tls() => {
            Login::NotTried("there is no TLS, and the password is not sent in clear".into())
        }
        (Some(password), true) => one_try(&mut session, &user(wish, &offer), password).await,
    };
    if login == Login::Works {
        let address = wish.address();
        let mail = session.ask("mail", &format!("MAIL FROM:<{address}>")).await;
        if mail.is_some_and(|reply| reply.code().is_positive()) {
            // The own address: whoever may send at all may send to himself. No DATA follows.
            session.ask("rcpt", &format!("RCPT TO:<{address}>")).await;
            session.ask("reset", "RSET").await;
        }
    }
    SubmissionSeen { offer, session: session.quit().await, login }
}

/// The user name for a server: what the user said, or what its autoconfig file says, or the address.
pub(super) fn user(wish: &Wish, offer: &Offer) -> String {
    wish.user.clone().or_else(|| offer.user.clone()).unwrap_or_else(|| wish.address())
}

/// One AUTH, by one mechanism: a client that goes through all of them would use up all the tries
/// that a server allows.
async fn one_try(session: &mut Session, user: &str, password: &Password) -> Login {
    let offered = session.facts().peer().map(|peer| peer.auth).unwrap_or_default();
    let has = |name: &str| offered.iter().any(|offered| offered == name);
    let reply = if has("PLAIN") {
        // RFC 4616 §2: no authorization identity.
        let secret = BASE64.encode(format!("\0{user}\0{}", password.0));
        session.ask_shown("auth", &format!("AUTH PLAIN {secret}"), "AUTH PLAIN ****").await
    } else if has("LOGIN") {
        login_by_login(session, user, password).await
    } else if has("SCRAM-SHA-256") {
        let credentials = Credentials { user: user.to_owned(), password: password.0.clone(), in_clear: false };
        session.log_in(credentials).await;
        return match &session.facts().ended {
            None => Login::Works,
            Some(Ended::Refused { reply, .. }) => Login::Refused(refusal(reply, &password.0)),
            Some(ended) => Login::Broke(format!("{ended:?}")),
        };
    } else {
        return Login::Refused(Refusal { reason: RefusalReason::MechanismOff, said: offered.join(" ") });
    };
    match reply {
        Some(reply) if reply.code().is_positive() => Login::Works,
        Some(reply) => Login::Refused(refusal(&reply, &password.0)),
        None => match &session.facts().ended {
            Some(Ended::Refused { reply, .. }) => Login::Refused(refusal(reply, &password.0)),
            Some(Ended::Broken(trouble)) => Login::Broke(trouble.to_string()),
            _ => Login::Broke("the server said nothing to it".into()),
        },
    }
}

async fn login_by_login(session: &mut Session, user: &str, password: &Password) -> Option<Reply> {
    let mut reply = session.ask("auth", "AUTH LOGIN").await?;
    for secret in [user, &password.0] {
        if reply.code().number() != 334 {
            return Some(reply);
        }
        reply = session.ask_shown("auth", &BASE64.encode(secret), "****").await?;
    }
    Some(reply)
}

/// Why AUTH was refused: words first, then the code (RFC 4954 §6, RFC 5248 §2.4).
pub fn refusal(reply: &Reply, password: &str) -> Refusal {
    let mut said = reply.to_string();
    if password.len() > 3 {
        said = said.replace(password, "…");
    }
    let lower = said.to_lowercase();
    let by_code = match reply.code().number() {
        421 => RefusalReason::TooMany,
        432 => RefusalReason::Expired,
        400..=499 => RefusalReason::Unavailable,
        538 => RefusalReason::TlsNeeded,
        530 if lower.contains("tls") || lower.contains("encrypt") => RefusalReason::TlsNeeded,
        500 | 502 | 503 | 504 | 534 => RefusalReason::MechanismOff,
        535 => RefusalReason::WrongPassword,
        _ => RefusalReason::Unsaid,
    };
    let reason = if lower.contains("smtpclientauthentication is disabled") {
        RefusalReason::MechanismOff
    } else if lower.contains("via your web browser") {
        RefusalReason::Locked
    } else {
        let by_words = Refusal::read(&said).reason;
        let transient = reply.code().is_transient();
        match by_words {
            RefusalReason::Unsaid => by_code,
            // Words of failure beside a 4yz: it may work later.
            RefusalReason::WrongPassword if transient => by_code,
            // "Authentication failed: mechanism too weak" and the like: the code is more precise.
            RefusalReason::WrongPassword
                if matches!(by_code, RefusalReason::TlsNeeded | RefusalReason::MechanismOff) =>
            {
                by_code
            }
            reason => reason,
        }
    };
    Refusal { reason, said }
}

/// Talks with the IMAP server.
pub(super) async fn imap(ctx: &Ctx, offer: Offer, to: SocketAddr, wish: &Wish) -> ImapSeen {
    let mut seen = ImapSeen {
        offer,
        to,
        tls: None,
        starttls_offered: None,
        greeting: String::new(),
        capabilities: Vec::new(),
        fault: None,
        login: Login::NotTried("no login was wanted".into()),
        quota: Vec::new(),
    };
    if let Err(fault) = talk(ctx, &mut seen, wish).await {
        seen.fault = Some(fault);
        if wish.password.is_some() && matches!(seen.login, Login::NotTried(_)) {
            seen.login = Login::NotTried("the server could not be talked with".into());
        }
    }
    seen
}

async fn talk(ctx: &Ctx, seen: &mut ImapSeen, wish: &Wish) -> Result<(), String> {
    let dial = Dial { to: seen.to, purpose: "imap".into(), limit: ctx.within(CONNECT_LIMIT) };
    let mut wire = ctx.world.connect(&dial).await.map_err(|trouble| trouble.detail)?;
    // What is said from here on is not recorded: the login is part of it.
    wire.secret(wish.password.is_some());
    let limits = ImapLimits { answer: ctx.within(REPLY_LIMIT), ..ImapLimits::default() };
    let host = seen.offer.host.clone();
    let told = |fault: ImapFault| fault.to_string();
    let mut imap = if seen.offer.mode == Mode::Implicit {
        let tls = wire.start_tls(&ctx.tls, &host, ctx.within(REPLY_LIMIT)).await;
        seen.tls = Some(tls.map_err(|trouble| trouble.detail)?);
        Imap::greet(wire, true, limits).await.map_err(told)?
    } else {
        let imap = Imap::greet(wire, false, limits).await.map_err(told)?;
        seen.greeting = imap.greeting().to_owned();
        seen.capabilities = imap.capabilities().to_vec();
        seen.starttls_offered = Some(imap.can("STARTTLS"));
        if !imap.can("STARTTLS") {
            if wish.password.is_some() {
                seen.login = Login::NotTried("there is no TLS, and the password is not sent in clear".into());
            }
            imap.logout().await;
            return Ok(());
        }
        let mut wire = imap.starttls().await.map_err(told)?;
        let tls = wire.start_tls(&ctx.tls, &host, ctx.within(REPLY_LIMIT)).await;
        seen.tls = Some(tls.map_err(|trouble| format!("TLS behind STARTTLS fails: {}", trouble.detail))?);
        Imap::after_starttls(wire, limits).await.map_err(told)?
    };
    if seen.greeting.is_empty() {
        seen.greeting = imap.greeting().to_owned();
    }
    seen.capabilities = imap.capabilities().to_vec();
    if let Some(password) = &wish.password {
        seen.login = match imap.login(&user(wish, &seen.offer), &password.0, false).await {
            Ok(()) => Login::Works,
            Err(ImapFault { kind: FaultKind::Login(refusal), .. }) => Login::Refused(refusal),
            Err(fault) => Login::Broke(fault.to_string()),
        };
        if seen.login == Login::Works {
            seen.quota = imap.quota().await.map_err(told)?;
        }
    }
    imap.logout().await;
    Ok(())
}

/// Whether a chain is good for a name, at the time of the run.
pub(super) fn verdict(ctx: &Ctx, seen: &TlsSeen, host: &str) -> Result<(), CertificateFault> {
    let refused = |_| CertificateFault::Refused(rustls::Error::General(format!("{host} is no name for a certificate")));
    let name = ServerName::try_from(host.to_owned()).map_err(refused)?;
    let at = u64::try_from(ctx.now.seconds()).unwrap_or_default();
    ctx.tls.examine(&seen.certificates(), &name, UnixTime::since_unix_epoch(Duration::from_secs(at)))
}

/// Says what the logins came to.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    const ID: &str = "cl.auth";
    if !facts.with_login {
        return say.not_applicable(ID, "no login was wanted");
    }
    let imap = facts.imap.as_ref().map(|seen| (&seen.offer, &seen.login));
    let submission = facts.submission.as_ref().map(|seen| (&seen.offer, &seen.login));
    let all: Vec<(&Offer, &Login)> = imap.into_iter().chain(submission).collect();
    if all.is_empty() {
        return say.untested(ID, "no server for mail programs could be talked with");
    }
    let mut works = Vec::new();
    let mut untried = Vec::new();
    let mut findings = Vec::new();
    for (offer, login) in all {
        let at = format!("{}:{}", offer.host, offer.port);
        match login {
            Login::Works => works.push(at),
            Login::NotTried(why) => untried.push(format!("{at}: {why}")),
            Login::Refused(refusal) => findings.push(refused(facts, offer, refusal)),
            Login::Broke(why) => findings.push(
                Finding::problem(ID, &at, format!("{} hangs up over the login", offer.host))
                    .seen(kind(offer), &at, why)
                    .fix("Look into the server's log for that login; the user database behind it may be out of reach."),
            ),
        }
    }
    if findings.is_empty() && works.is_empty() {
        return say.untested(ID, untried.join("; "));
    }
    say.found_or_fine(ID, findings, format!("{} at {}", facts.user, works.join(" and ")));
}

const fn kind(offer: &Offer) -> &'static str {
    if matches!(offer.service, Service::Imap) { "imap" } else { "smtp" }
}

fn refused(facts: &ClientFacts, offer: &Offer, refusal: &Refusal) -> Finding {
    let at = format!("{}:{}", offer.host, offer.port);
    let (user, service) = (&facts.user, offer.service.name());
    let (title, fix) = match refusal.reason {
        RefusalReason::WrongPassword => (
            format!("{service} does not take the login of {user}: user name or password is wrong"),
            "Check the user name (the whole address, or only the part before the @?) and the password; set a new password if in doubt. One try was made.",
        ),
        RefusalReason::AppPassword => (
            format!("{service} wants a password made for mail programs from {user}, not the account's own"),
            "Make an app password in the account's settings at the provider, and give that to the mail program.",
        ),
        RefusalReason::MechanismOff => (
            format!("{service} offers {user} no login by password"),
            "Switch on password logins for this account at the provider, or use a mail program that can do what it wants (OAuth).",
        ),
        RefusalReason::TlsNeeded => (
            format!("{service} wants TLS before it hears a password"),
            "Set the mail program to SSL/TLS or STARTTLS for this server.",
        ),
        RefusalReason::Locked => (
            format!("The account {user} is locked, or may not use {service}"),
            "Ask the provider to unlock it, or to allow mail programs for it.",
        ),
        RefusalReason::Expired => {
            (format!("The password of {user} has expired"), "Set a new password at the provider.")
        }
        RefusalReason::TooMany => (
            format!("{service} has had too many logins of {user} and wants to be left alone for a while"),
            "Wait, close other mail programs, and try again.",
        ),
        RefusalReason::Unavailable => (
            format!("{service} cannot check passwords at the moment"),
            "Try again later; if it lasts, the provider must look at the user database behind the server.",
        ),
        RefusalReason::Unsaid => (
            format!("{service} refuses the login of {user} and does not say why"),
            "Check user name and password, then ask the provider.",
        ),
    };
    let passing = matches!(refusal.reason, RefusalReason::TooMany | RefusalReason::Unavailable);
    let severity = if passing { Severity::Warning } else { Severity::Problem };
    let said = if refusal.said.is_empty() { "(not even tried: nothing suitable is offered)" } else { &refusal.said };
    let finding = Finding::new("cl.auth", &at, severity, title).seen(kind(offer), &at, said).fix(fix);
    let finding = if passing { finding.act(Actor::Wait).client(Impact::AtRisk) } else { finding };
    finding.rfc(if offer.service == Service::Imap { "RFC 5530 §3" } else { "RFC 4954 §6" })
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
