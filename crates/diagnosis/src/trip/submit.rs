//! Hands a marked mail to its sender's server: a session of `smtp::client`, as every mail program has it.

use super::model::{Stage, Step, Stop, Taken, ms};
use super::open::{NO_TLS_HERE, Opened, Tools, trouble};
use super::plan::{Server, TlsBegins};
use bytes::Bytes;
use postrider_reply::Context;
use postrider_smtp::client::{Client, Credentials, Ended, Settings, StartTls, Timeouts, Transaction};
use postrider_smtp::{Address, Content, Envelope, Outcome, Phase, Recipient, Trouble, TroubleKind};
use postrider_transport::client::{Happened, Session, TlsPlan};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Who somebody is at their servers. `Debug` does not show the password.
#[derive(Clone)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({}, …)", self.user)
    }
}

/// A mail to be handed in.
pub(super) struct Mail<'a> {
    pub(super) from: &'a Address,
    pub(super) to: &'a Address,
    pub(super) octets: Vec<u8>,
}

/// Hands it to the first of the servers that can be reached.
pub(super) async fn hand_in(
    tools: &Tools,
    servers: &[Server],
    login: &Login,
    mail: &Mail<'_>,
    until: Instant,
) -> Result<Taken, Stop> {
    let mut last: Option<Stop> = None;
    for server in servers {
        let mut steps = Vec::new();
        let talk = attempt(tools, server, login, mail, &mut steps);
        let done = match tokio::time::timeout_at(until.into(), talk).await {
            Ok(done) => done,
            Err(_) => Err(Outcome::Unreached(trouble(TroubleKind::Timeout, time_up(&steps)))),
        };
        let outcome = match done {
            Ok((reply, in_doubt)) => return Ok(Taken { host: server.host.clone(), reply, steps, in_doubt }),
            Err(outcome) => outcome,
        };
        let stop = stopped(tools, server, &outcome, steps);
        let go_on = matches!(stop.stage, Stage::Connect) || stop.stage == Stage::Tls && !server.is_stated();
        // Of several that fail, the one that came furthest says most.
        if last.as_ref().is_none_or(|last| stop.stage as u8 > last.stage as u8) {
            last = Some(stop);
        }
        if !go_on {
            break;
        }
    }
    Err(last.unwrap_or_else(|| Stop {
        stage: Stage::Server,
        host: None,
        said: "DNS names none for the domain".into(),
        means: None,
        named: false,
        wrong_mode: false,
        steps: Vec::new(),
    }))
}

fn stopped(tools: &Tools, server: &Server, outcome: &Outcome, steps: Vec<Step>) -> Stop {
    let mut wrong_mode = false;
    let (stage, said) = match outcome {
        // Connected, and not a word: a server that waits for TLS to begin.
        Outcome::Unreached(trouble) if is_mute(trouble, server, &steps) => {
            wrong_mode = true;
            let said = format!("{} takes the connection and says nothing: it may begin with TLS", server.shown());
            (Stage::Tls, said)
        }
        Outcome::Unreached(trouble) if trouble.detail.contains(NO_TLS_HERE) => {
            wrong_mode = true;
            (Stage::Tls, trouble.detail.clone())
        }
        Outcome::Replied { phase, reply } => (stage_of(*phase), reply.to_string()),
        Outcome::Unreached(trouble) | Outcome::InDoubt(trouble) => (stage_of_trouble(trouble), trouble.detail.clone()),
    };
    let means = tools.decoder.decode(outcome, &Context { host: &server.host, ..Context::default() });
    let said = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Stop { stage, host: Some(server.shown()), said, means: Some(means), named: server.is_stated(), wrong_mode, steps }
}

fn is_mute(trouble: &Trouble, server: &Server, steps: &[Step]) -> bool {
    trouble.kind == TroubleKind::Timeout
        && trouble.phase == Phase::Connect
        && server.tls == TlsBegins::ByStartTls
        && steps.last().is_some_and(|step| step.what.starts_with("connect"))
}

const fn stage_of(phase: Phase) -> Stage {
    match phase {
        Phase::Connect | Phase::Ehlo => Stage::Connect,
        Phase::StartTls => Stage::Tls,
        Phase::Auth => Stage::Login,
        Phase::Mail => Stage::Sender,
        Phase::Rcpt => Stage::Recipient,
        Phase::Data | Phase::Dot => Stage::Message,
    }
}

fn stage_of_trouble(trouble: &Trouble) -> Stage {
    match trouble.kind {
        TroubleKind::TlsFailed | TroubleKind::TlsNotOffered => Stage::Tls,
        TroubleKind::AuthNotOffered => Stage::Login,
        _ => stage_of(trouble.phase),
    }
}

/// One connection: the server's reply, and whether it is in doubt.
async fn attempt(
    tools: &Tools,
    server: &Server,
    login: &Login,
    mail: &Mail<'_>,
    steps: &mut Vec<Step>,
) -> Result<(String, bool), Outcome> {
    let opened = tools.open(server, steps).await.map_err(Outcome::Unreached)?;
    let began = Instant::now();
    let mut session = session(tools, server, login, opened).map_err(Outcome::Unreached)?;
    match session.run(&|| {}).await {
        Happened::Ready => {}
        Happened::Closed(ended) => return Err(ended.outcome()),
        Happened::Sent(_) => return Err(Ended::Quit.outcome()),
    }
    let what = match server.tls {
        TlsBegins::ByStartTls if session.tls().is_some() => "greeting, STARTTLS, login",
        _ => "greeting, login",
    };
    steps.push(Step { what: what.to_owned(), ms: ms(began.elapsed()) });
    let outcome = send(&mut session, mail, steps).await;
    session.quit().await;
    match outcome {
        Outcome::Replied { reply, .. } if outcome_is_taken(&reply) => Ok((reply.to_string(), false)),
        Outcome::InDoubt(trouble) => Ok((trouble.detail, true)),
        other => Err(other),
    }
}

fn outcome_is_taken(reply: &postrider_smtp::Reply) -> bool {
    reply.code().is_positive()
}

fn session(tools: &Tools, server: &Server, login: &Login, opened: Opened) -> Result<Session, Trouble> {
    let in_clear_ok = opened.loopback;
    let settings = Settings {
        hello: tools.hello.clone(),
        starttls: match server.tls {
            TlsBegins::AtOnce => StartTls::Never,
            TlsBegins::ByStartTls if in_clear_ok => StartTls::WhenOffered,
            TlsBegins::ByStartTls => StartTls::Required,
        },
        under_tls: server.tls == TlsBegins::AtOnce,
        credentials: Some(Credentials {
            user: login.user.clone(),
            password: login.password.clone(),
            in_clear: in_clear_ok,
        }),
        nonce: tools.tls.nonce()?,
        chunking: true,
        timeouts: TIMEOUTS,
    };
    let plan = TlsPlan { tls: tools.tls.clone(), host: server.host.as_str().into(), trust: opened.trust };
    Ok(Session::new(Client::new(settings), opened.stream, plan, opened.tls))
}

async fn send(session: &mut Session, mail: &Mail<'_>, steps: &mut Vec<Step>) -> Outcome {
    let began = Instant::now();
    let smtputf8 = mail.from.needs_smtputf8() || mail.to.needs_smtputf8();
    session.send(Arc::new(Transaction {
        envelope: Envelope { sender: Some(mail.from.clone()), smtputf8, ..Envelope::default() },
        recipients: vec![Recipient::new(mail.to.clone())],
        content: Content::split(Bytes::from(mail.octets.clone())),
    }));
    let end: Mutex<Option<Instant>> = Mutex::new(None);
    let note = || *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    let outcome = match session.run(&note).await {
        Happened::Sent(sent) => sent.outcomes.into_iter().next(),
        Happened::Closed(ended) => Some(ended.outcome()),
        Happened::Ready => None,
    };
    let end = end.into_inner().unwrap_or_else(PoisonError::into_inner);
    let envelope = end.map_or(began.elapsed(), |end| end.duration_since(began));
    steps.push(Step { what: "sender, recipient".into(), ms: ms(envelope) });
    if let Some(end) = end {
        steps.push(Step { what: "mail taken".into(), ms: ms(end.elapsed()) });
    }
    outcome.unwrap_or_else(|| Ended::Quit.outcome())
}

/// How far it came before the time was up.
fn time_up(steps: &[Step]) -> String {
    match steps.last() {
        Some(step) => format!("the time was up; the last that was done: {}", step.what),
        None => "the time was up before a connection was made".to_owned(),
    }
}

/// Shorter than RFC 5321 §4.5.3.2 has them for relays: a person waits. Slow greeters take 15 s.
const TIMEOUTS: Timeouts = {
    let (short, long) = (Duration::from_secs(30), Duration::from_secs(60));
    Timeouts {
        greeting: long,
        ehlo: short,
        starttls: short,
        auth: short,
        mail: short,
        rcpt: long,
        data: short,
        block: short,
        dot: long,
        reset: short,
        quit: Duration::from_secs(2),
    }
};
