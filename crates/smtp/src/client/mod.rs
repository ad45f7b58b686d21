//! The sending side of a session, without sockets: greeting, EHLO or HELO, STARTTLS, AUTH, then
//! any number of transactions, then QUIT (RFC 5321 §3, §4).
//!
//! Bytes go in by [`Client::input`], steps come out by [`Client::step`], time is an argument.
//! Nothing fails: a peer that refuses, breaks the protocol or vanishes ends the session, and
//! every recipient under way gets its [`Outcome`] first.
//!
//! Invariants, each with a dialogue under `tests/dialogues/client`:
//! - What was learnt in clear is forgotten when TLS begins, and octets that came early end the
//!   session (RFC 3207 §4.2).
//! - A peer that speaks before it was asked ends the session; only 421 may come at any moment.
//! - A connection lost before the final dot was written is no doubt; one lost after it is.
//! - No secret is in the transcript.
//!
//! Not here: whom to connect to, whether to try again, and what a reply means. Messages are
//! not converted: see [`transaction`].

mod auth;
mod body;
mod hello;
mod inbox;
mod opening;
mod peer;
mod question;
mod scram;
mod settings;
mod timeouts;
pub mod transaction;
mod transcript;

pub use opening::{OPENING_BYTES_MAX, Opening};
pub use peer::Peer;
pub use scram::ScramError;
pub use settings::{Credentials, Settings, StartTls};
pub use timeouts::Timeouts;
pub use transaction::{Sent, Transaction};
pub use transcript::TRANSCRIPT_BYTES_MAX;

use crate::{Outcome, Phase, Reply, ReplyCode, ReplyError, Trouble, TroubleKind};
use auth::Exchange;
use bytes::Bytes;
use inbox::Inbox;
use question::Question;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use transaction::{Doing, Sending};
use transcript::Transcript;

/// How the peer broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// What it said is not a reply.
    #[error("not a reply: {0}")]
    Reply(#[from] ReplyError),
    /// It spoke before it was asked.
    #[error("the peer spoke before it was asked: {0:?}")]
    Unasked(String),
    /// Octets in clear behind the reply to STARTTLS.
    #[error("the peer went on in clear behind its reply to STARTTLS: {0:?}")]
    BeforeTls(String),
    /// It took the message before it had it.
    #[error("the peer took the message before its end was sent: {0}")]
    EarlyAcceptance(String),
    /// More than a peer can have to say.
    #[error("the peer sends more than any reply is long")]
    Flood,
    /// A code that is no answer to what was asked.
    #[error("{0} is no answer to {1}")]
    UnexpectedReply(String, &'static str),
    /// It failed its part of AUTH.
    #[error("{0}")]
    Auth(#[from] ScramError),
}

/// Bytes to be written as one, the slices in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// Never empty; shared with the message, not copied.
    pub chunks: Vec<Bytes>,
    /// Whether the end of a message is in it: once it is written, the message may be delivered.
    pub ends_message: bool,
}

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read, and hand in what came; or come back at the deadline.
    NeedInput,
    /// Write this, then call [`Client::written`].
    Write(Flight),
    /// Begin TLS, then call [`Client::tls_started`], or [`Client::lost`] when it fails.
    StartTls,
    /// Nothing to do: the session takes a transaction, or QUIT.
    Ready,
    /// A transaction came to its end; the session may go on.
    Sent(Sent),
    /// The reply to a command of [`Client::ask`]; the session may go on.
    Answered(Reply),
    /// Close the stream; the session is over.
    Closed(Ended),
}

/// How a session came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// We said QUIT.
    Quit,
    /// The peer does not want us: a refused greeting, EHLO, STARTTLS or AUTH, or 421.
    Refused {
        /// What it answered.
        phase: Phase,
        /// Its words.
        reply: Reply,
    },
    /// The connection or the protocol broke.
    Broken(Trouble),
}

impl Ended {
    /// What this means for a recipient whose message was not sent.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Refused { phase, reply } => Outcome::Replied { phase: *phase, reply: reply.clone() },
            Self::Broken(trouble) => Outcome::Unreached(trouble.clone()),
            Self::Quit => Outcome::Unreached(Trouble {
                phase: Phase::Mail,
                kind: TroubleKind::ConnectionLost,
                errno: None,
                detail: "the session was already over".into(),
            }),
        }
    }
}

/// A field exists only in the states where it is true.
enum State {
    Greeting,
    Hello {
        helo: bool,
    },
    StartTls,
    Handshake,
    Auth(Exchange),
    Idle,
    /// Plain commands were asked; so many replies are owed.
    Asking {
        phase: Phase,
        owed: usize,
    },
    Busy(Box<Sending>),
    Quitting,
    Closed(Ended),
}

/// One session with one peer.
pub struct Client {
    settings: Settings,
    peer: Peer,
    under_tls: bool,
    state: State,
    inbox: Inbox,
    outgoing: Option<Flight>,
    /// A flight is with the driver and not yet written.
    writing: bool,
    queued: Option<Arc<Transaction>>,
    question: Option<Question>,
    answers: VecDeque<Reply>,
    /// The last answer was a 354: what is asked next is a message.
    message_wanted: bool,
    opening: Opening,
    quit_wanted: bool,
    /// The last transaction left the peer with a sender: RSET goes ahead of the next.
    needs_reset: bool,
    sent: Option<Sent>,
    lost: Option<Trouble>,
    deadline: Option<Instant>,
    transcript: Transcript,
}

impl Client {
    /// A session on a fresh connection.
    pub fn new(settings: Settings) -> Self {
        Self {
            under_tls: settings.under_tls,
            settings,
            peer: Peer::default(),
            state: State::Greeting,
            inbox: Inbox::default(),
            outgoing: None,
            writing: false,
            queued: None,
            question: None,
            answers: VecDeque::new(),
            message_wanted: false,
            opening: Opening::default(),
            quit_wanted: false,
            needs_reset: false,
            sent: None,
            lost: None,
            deadline: None,
            transcript: Transcript::default(),
        }
    }

    /// Takes bytes from the peer.
    pub fn input(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Greeting) {
            self.opening.keep(bytes);
        }
        self.inbox.push(bytes);
    }

    /// What to do next. Time-outs fall when `now` is past the [`Client::deadline`].
    pub fn step(&mut self, now: Instant) -> Step {
        loop {
            if let Some(sent) = self.sent.take() {
                return Step::Sent(sent);
            }
            if let Some(reply) = self.answers.pop_front() {
                return Step::Answered(reply);
            }
            if let Some(flight) = self.outgoing.take() {
                self.writing = true;
                return Step::Write(flight);
            }
            match &self.state {
                State::Closed(ended) => match self.queued.take() {
                    Some(transaction) => self.sent = Some(transaction.unsent(&ended.outcome())),
                    None => return Step::Closed(ended.clone()),
                },
                State::Handshake if self.lost.is_none() => return Step::StartTls,
                _ => {
                    if let Some(step) = self.listen(now) {
                        return step;
                    }
                }
            }
        }
    }

    /// Until when the peer must have answered; `None` while nothing is owed.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long one write may make no progress.
    pub fn write_timeout(&self) -> Duration {
        self.settings.timeouts.block
    }

    /// How long the TLS handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        self.settings.timeouts.starttls
    }

    /// The flight was written: from here on the peer may have all of it.
    pub fn written(&mut self) {
        self.writing = false;
        self.deadline = None;
    }

    /// Whether the peer has answered a message that is still being written: its end is not to be sent.
    pub fn is_cut_short(&self) -> bool {
        self.writing && self.inbox.has_line() && matches!(&self.state, State::Busy(sending) if sending.is_in_message())
    }

    /// TLS has begun: RFC 3207 §4.2 has us forget what we learnt and begin again.
    pub fn tls_started(&mut self) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        self.inbox.clear();
        self.peer = Peer::default();
        self.under_tls = true;
        self.say_hello(false);
    }

    /// The stream broke, or ended. What was read before is still heard.
    pub fn lost(&mut self, kind: TroubleKind, errno: Option<i32>, detail: impl Into<String>) {
        if self.lost.is_none() {
            self.lost = Some(Trouble { phase: self.phase(), kind, errno, detail: detail.into() });
        }
    }

    /// Hands in a transaction. It begins when the session is ready, and ends as [`Step::Sent`];
    /// one at a time: another one takes the place of one that has not begun.
    pub fn send(&mut self, transaction: impl Into<Arc<Transaction>>) {
        self.queued = Some(transaction.into());
    }

    /// Says QUIT when the session is next ready.
    pub fn quit(&mut self) {
        self.quit_wanted = true;
    }

    /// What the peer offers.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether the stream is under TLS.
    pub fn is_under_tls(&self) -> bool {
        self.under_tls
    }

    /// What the peer said until the session took transactions.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Adds a line to the transcript: what happened below the session.
    pub fn note(&mut self, line: &str) {
        self.transcript.note(line);
    }

    /// The dialogue since it was last taken: `C: …` and `S: …` lines, secrets masked, at most
    /// [`TRANSCRIPT_BYTES_MAX`] and a line.
    pub fn take_transcript(&mut self) -> String {
        self.transcript.take()
    }

    /// Waits for a reply, or begins what is queued.
    fn listen(&mut self, now: Instant) -> Option<Step> {
        match self.inbox.next() {
            Err(violation) => self.violated(&violation),
            Ok(Some(reply)) => {
                self.deadline = None;
                self.transcript.heard(&reply);
                self.heard(reply);
            }
            Ok(None) => {
                if let Some(trouble) = self.lost.take() {
                    self.end(if matches!(self.state, State::Quitting) { Ended::Quit } else { Ended::Broken(trouble) });
                } else if matches!(self.state, State::Idle) {
                    return self.begin();
                } else if self.deadline.is_some_and(|deadline| now >= deadline) {
                    self.timed_out();
                } else {
                    let wait = self.wait();
                    self.deadline.get_or_insert(now + wait);
                    return Some(Step::NeedInput);
                }
            }
        }
        None
    }

    /// Idle: a transaction, QUIT, or nothing.
    fn begin(&mut self) -> Option<Step> {
        if let Some(transaction) = self.queued.take() {
            let reset = std::mem::take(&mut self.needs_reset);
            let sending = Sending::new(transaction, &self.peer, reset, self.settings.chunking);
            self.state = State::Busy(Box::new(sending));
            self.proceed();
        } else if let Some(question) = self.question.take() {
            self.put(question);
        } else if self.quit_wanted {
            self.state = State::Quitting;
            self.say("QUIT", "QUIT");
        } else {
            return Some(Step::Ready);
        }
        None
    }

    fn heard(&mut self, reply: Reply) {
        // RFC 5321 §3.8: 421 may answer any command, and comes before the connection is closed.
        if reply.code() == ReplyCode::UNAVAILABLE_421 && !matches!(self.state, State::Quitting) {
            return self.end(Ended::Refused { phase: self.phase(), reply });
        }
        match &mut self.state {
            State::Greeting => self.greeted(reply),
            State::Hello { helo } => {
                let helo = *helo;
                self.answered_hello(helo, reply);
            }
            State::StartTls => self.answered_starttls(reply),
            State::Auth(_) => self.answered_auth(reply),
            State::Busy(sending) => match sending.heard(reply, self.writing) {
                Ok(()) => self.proceed(),
                Err(violation) => self.violated(&violation),
            },
            State::Asking { owed, .. } => {
                *owed -= 1;
                if *owed == 0 {
                    self.state = State::Idle;
                }
                self.answered(reply);
            }
            State::Quitting => self.end(Ended::Quit),
            State::Idle | State::Handshake | State::Closed(_) => self.violated(&Violation::Unasked(reply.to_string())),
        }
    }

    /// Carries the transaction on as far as it goes without another reply.
    fn proceed(&mut self) {
        let State::Busy(sending) = &mut self.state else { return };
        match sending.advance(&self.peer, &mut self.transcript) {
            Doing::Ask(flight) => {
                // RFC 2920 §3.1: replies come in the order of the commands; none may be there before them.
                match self.inbox.refuse_early(self.phase()) {
                    Ok(()) => self.outgoing = Some(flight),
                    Err(violation) => {
                        // Nothing of the flight was written, so there can be no doubt about it.
                        self.writing = true;
                        self.violated(&violation);
                    }
                }
            }
            Doing::Await => {}
            Doing::CutShort(ended) => self.end(ended),
            Doing::Done { needs_reset } => {
                self.sent = Some(sending.finish());
                self.needs_reset = needs_reset;
                self.state = State::Idle;
            }
        }
    }

    fn say(&mut self, line: &str, shown: &str) {
        if let Err(violation) = self.inbox.refuse_early(self.phase()) {
            return self.spoken_to_early(&violation);
        }
        self.transcript.said(shown);
        self.outgoing = Some(Flight { chunks: vec![Bytes::from(format!("{line}\r\n"))], ends_message: false });
    }

    /// Something waits that nobody asked for. RFC 5321 §3.8: a 421 may come at any moment.
    fn spoken_to_early(&mut self, violation: &Violation) {
        match self.inbox.next() {
            Ok(Some(reply)) if reply.code() == ReplyCode::UNAVAILABLE_421 && !self.is_in_handshake() => {
                self.transcript.heard(&reply);
                self.end(Ended::Refused { phase: self.phase(), reply });
            }
            _ => self.violated(violation),
        }
    }

    fn is_in_handshake(&self) -> bool {
        matches!(self.state, State::StartTls | State::Handshake)
    }

    fn violated(&mut self, violation: &Violation) {
        let detail = violation.to_string();
        self.transcript.note(&detail);
        self.broken(TroubleKind::ProtocolViolation, detail);
    }

    fn timed_out(&mut self) {
        let phase = self.phase();
        let detail = format!("no reply in {} s ({phase})", self.wait().as_secs());
        self.transcript.note(&detail);
        if matches!(self.state, State::Quitting) {
            return self.end(Ended::Quit);
        }
        self.broken(TroubleKind::Timeout, detail);
    }

    fn broken(&mut self, kind: TroubleKind, detail: String) {
        self.end(Ended::Broken(Trouble { phase: self.phase(), kind, errno: None, detail }));
    }

    fn end(&mut self, ended: Ended) {
        if let State::Busy(sending) = &mut self.state {
            sending.end(&ended, self.writing);
            self.sent = Some(sending.finish());
        }
        self.outgoing = None;
        self.writing = false;
        self.deadline = None;
        self.state = State::Closed(ended);
    }

    /// Which phase the peer is in.
    fn phase(&self) -> Phase {
        match &self.state {
            State::Greeting => Phase::Connect,
            State::Hello { .. } => Phase::Ehlo,
            State::StartTls | State::Handshake => Phase::StartTls,
            State::Auth(_) => Phase::Auth,
            State::Busy(sending) => sending.phase(),
            State::Asking { phase, .. } => *phase,
            State::Idle | State::Quitting | State::Closed(_) => Phase::Mail,
        }
    }

    /// How long the reply that is owed may take.
    fn wait(&self) -> Duration {
        let timeouts = &self.settings.timeouts;
        match &self.state {
            State::Greeting => timeouts.greeting,
            State::Hello { .. } => timeouts.ehlo,
            State::StartTls | State::Handshake => timeouts.starttls,
            State::Auth(_) => timeouts.auth,
            State::Busy(sending) => sending.wait(timeouts),
            State::Asking { phase, .. } => timeouts.of(*phase),
            State::Idle | State::Quitting | State::Closed(_) => timeouts.quit,
        }
    }
}
