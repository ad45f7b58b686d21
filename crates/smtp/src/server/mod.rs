//! The receiving side of a session, without a socket and without a clock.
//!
//! Octets go in by [`Server::input`], what to do comes out of [`Server::step`], and whatever the
//! protocol cannot decide is a [`Question`]. One driver serves a relay and a scripted mail host
//! alike: an [`Answer`] may carry any reply, and the end of the session.
//!
//! Invariants, kept here and nowhere else:
//! - Only CRLF.CRLF ends a message (see `body.rs`); what looks like another end closes the session.
//! - Whatever came before the TLS handshake is dropped, and what was learned is forgotten (RFC 3207 §4.2).
//! - The outcome never depends on how the octets were cut into pieces.
//! - Everything a client can make grow has a bound in [`Limits`].
//!
//! Deliberately not here: who may send to whom, what a password is worth, where the message goes.
//!
//! ```
//! use postrider_smtp::server::{Answer, Facts, Question, Server, Settings, Step};
//! use std::sync::Arc;
//! let now = std::time::Instant::now();
//! let mut server = Server::new(Arc::new(Settings::new("mx.example")), Facts::default());
//! assert_eq!(server.step(now), Step::Ask(Question::Greeting));
//! server.answer(Answer::accept());
//! assert_eq!(server.step(now), Step::Write("220 mx.example ESMTP Postrider\r\n".into()));
//! assert_eq!(server.step(now), Step::NeedInput);
//! ```

mod allowed;
mod auth;
mod body;
mod hello;
mod line;
mod message;
mod question;
mod saying;
mod scram;
mod settings;
mod transaction;

use crate::ReplyCode;
use crate::command::{Command, CommandError, Verb};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Instant;

pub use allowed::{Stage, allowed};
pub use question::{Answer, Message, Question, Reason, Refused, ScramKeys, Secret};
pub use settings::{BareLineEnds, Extensions, Limits, Settings, Timeouts};

use line::{Cut, Input};
use question::Says;

/// What the driver is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read, and hand what came to [`Server::input`]; or wait for [`Server::deadline`].
    NeedInput,
    /// Send this.
    Write(Bytes),
    /// Do the TLS handshake, then call [`Server::tls_begun`].
    StartTls,
    /// Decide, then call [`Server::answer`].
    Ask(Question),
    /// For the log and the counters; go on.
    Refused(Refused),
    /// Close the connection.
    Closed,
}

/// When AUTH is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthOffer {
    /// There are no users.
    #[default]
    Never,
    /// Under TLS only: a password in clear is a password given away.
    UnderTls,
    /// Also in clear.
    Always,
}

/// What is true of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether it is under TLS now.
    pub tls: bool,
    /// Whether STARTTLS can be offered.
    pub starttls: bool,
    /// When AUTH is offered.
    pub auth: AuthOffer,
    /// Whether AUTH SCRAM-SHA-256 can be offered: the driver keeps the keys for it.
    pub scram: bool,
    /// A client of our own: on a submission port, on loopback, in a listed network.
    pub own_client: bool,
}

/// Where the session stands. A field exists only in the states where it is true.
/// How long each may last is in `patience`, in `saying.rs`.
#[derive(Debug)]
enum State {
    /// Connected, nothing said.
    Connected,
    /// The greeting refused the client.
    Unwelcome,
    Fresh,
    Ready(Peer),
    Transaction(Peer, transaction::Draft),
    /// Within an AUTH exchange.
    Auth(Peer, auth::Exchange),
    /// Behind 354.
    Body(Peer, transaction::Draft, message::Dotted),
    /// Within a chunk of BDAT.
    Chunk(Peer, transaction::Draft, message::Counted),
    /// Between chunks.
    Chunks(Peer, transaction::Draft, body::Body),
    /// A question is out.
    Asked(Asked),
    /// STARTTLS was granted.
    Handshake,
    /// What is to be written is the last.
    Closing,
}

/// The question that is out, and how to go on.
#[derive(Debug)]
enum Asked {
    Greeting,
    Hello { peer: Peer, before: Option<Peer> },
    Password { peer: Peer, user: Arc<str> },
    ScramKeys { peer: Peer, first: scram::ClientFirst },
    ScramEnded { peer: Peer, user: Arc<str>, proven: bool },
    Mail { peer: Peer, draft: transaction::Draft },
    Rcpt { peer: Peer, draft: transaction::Draft, recipient: crate::Recipient },
    Data { peer: Peer, draft: transaction::Draft, chunk: Option<crate::command::Chunk> },
    Message { peer: Peer },
}

/// Who the client says it is.
#[derive(Debug, Clone)]
struct Peer {
    name: Arc<str>,
    /// By EHLO.
    extended: bool,
}

/// What advancing came to.
enum Progress {
    /// Something happened; go on.
    Made,
    Ask(Question),
    /// Nothing more without the client.
    Hungry,
}

/// What a session may do only so often.
#[derive(Debug, Default)]
struct Counts {
    errors: u32,
    failed_logins: u32,
    idle_commands: u32,
}

/// How the session was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    AfterTransaction,
    AtOnce,
}

/// The receiving side of one session.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    facts: Facts,
    state: State,
    user: Option<Arc<str>>,
    input: Input,
    output: BytesMut,
    refused: Option<Refused>,
    counts: Counts,
    stop: Stop,
    deadline: Option<Instant>,
    /// Whether the client did something since the deadline was set.
    stirred: bool,
    /// When the message at hand must be whole.
    body_deadline: Option<Instant>,
}

impl Server {
    /// A session that has just begun. The first step asks whether to greet.
    pub fn new(settings: Arc<Settings>, facts: Facts) -> Self {
        Self {
            settings,
            facts,
            state: State::Connected,
            user: None,
            input: Input::default(),
            output: BytesMut::new(),
            refused: None,
            counts: Counts::default(),
            stop: Stop::No,
            deadline: None,
            stirred: true,
            body_deadline: None,
        }
    }

    /// Takes octets from the client. To be called behind [`Step::NeedInput`] only: what is not
    /// used yet is kept.
    pub fn input(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if matches!(self.state, State::Handshake | State::Closing) {
            // RFC 3207 §4.2: what comes before the handshake was not said under TLS.
            return;
        }
        if self.input.is_empty() {
            let taken = self.feed(bytes);
            bytes = &bytes[taken..];
        }
        self.input.push(bytes);
    }

    /// What to do next, at this moment. To be called until it says [`Step::NeedInput`].
    pub fn step(&mut self, now: Instant) -> Step {
        loop {
            if let Some(refused) = self.refused.take() {
                return Step::Refused(refused);
            }
            if self.output.len() >= WRITE_BYTES_MAX {
                return self.write();
            }
            match self.advance() {
                Progress::Made => self.stirred = true,
                Progress::Ask(question) => return Step::Ask(question),
                Progress::Hungry if !self.output.is_empty() => return self.write(),
                Progress::Hungry if matches!(self.state, State::Handshake) => return Step::StartTls,
                Progress::Hungry if matches!(self.state, State::Closing) => return Step::Closed,
                Progress::Hungry if self.is_overdue(now) => self.time_out(),
                Progress::Hungry => return Step::NeedInput,
            }
        }
    }

    /// When [`Server::step`] wants to be called even if nothing came.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Answers the question that was asked last. Without an open question nothing happens.
    pub fn answer(&mut self, answer: Answer) {
        let asked = match self.take_state() {
            State::Asked(asked) => asked,
            state => {
                self.state = state;
                return;
            }
        };
        self.stirred = true;
        let close = answer.close;
        self.answered(asked, answer.says);
        if close {
            self.state = State::Closing;
        }
    }

    /// The handshake asked for by [`Step::StartTls`] is done.
    pub fn tls_begun(&mut self) {
        self.facts = Facts { tls: true, starttls: false, ..self.facts };
        self.input.clear();
        self.user = None;
        self.state = State::Fresh;
        self.stirred = true;
    }

    /// Whether the session is under TLS.
    pub fn is_tls(&self) -> bool {
        self.facts.tls
    }

    /// Whether a message is coming in, so that large reads are worth while.
    pub fn is_within_message(&self) -> bool {
        matches!(self.state, State::Body(..) | State::Chunk(..))
    }

    /// Ends the session with 421: at once, or as soon as it is in no transaction.
    pub fn stop(&mut self, at_once: bool) {
        self.stop = if at_once { Stop::AtOnce } else { Stop::AfterTransaction };
    }

    fn advance(&mut self) -> Progress {
        if self.is_to_stop() {
            self.refuse_and_close(Reason::Stopping, ReplyCode::UNAVAILABLE_421, "4.3.2 this host is going down");
            return Progress::Made;
        }
        match self.state {
            State::Connected => {
                self.state = State::Asked(Asked::Greeting);
                Progress::Ask(Question::Greeting)
            }
            State::Asked(_) | State::Handshake | State::Closing => Progress::Hungry,
            State::Body(..) | State::Chunk(..) => self.advance_body(),
            State::Auth(..) | State::Unwelcome | State::Fresh | State::Ready(_) => self.advance_line(),
            State::Transaction(..) | State::Chunks(..) => self.advance_line(),
        }
    }

    fn is_to_stop(&self) -> bool {
        match self.stop {
            Stop::No => false,
            Stop::AfterTransaction => {
                matches!(self.state, State::Connected | State::Fresh | State::Ready(_) | State::Unwelcome)
            }
            Stop::AtOnce => !matches!(self.state, State::Asked(_) | State::Closing),
        }
    }

    /// Takes one line, a command or an AUTH response.
    fn advance_line(&mut self) -> Progress {
        if matches!(self.state, State::Fresh) && self.input.unused().starts_with(b"\x16\x03") {
            // A TLS record of type handshake (RFC 8446 §5.1): no command begins like that.
            self.refuse_and_close(
                Reason::SpokeTls,
                ReplyCode::FAILED_554,
                "5.5.1 this port begins in clear and you began with TLS: use STARTTLS, or the port for implicit TLS (465)",
            );
            return Progress::Made;
        }
        let limits = &self.settings.limits;
        let is_auth = matches!(self.state, State::Auth(..))
            || self.input.unused().get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH"));
        let bytes_max = if is_auth { limits.auth_line_bytes_max } else { limits.line_bytes_max };
        match self.input.cut(bytes_max, limits.line_discard_bytes_max.max(bytes_max)) {
            Cut::More => Progress::Hungry,
            Cut::Line(line, whole) => {
                // The input is lent out, so that the line can be read in place.
                let input = std::mem::take(&mut self.input);
                let progress = self.line(&input.unused()[..line]);
                // What a command did to the input (a chunk to skip, a handshake) was done to the stand-in.
                self.give_back(input, whole);
                progress
            }
            Cut::TooLong => {
                // RFC 4954 §4: 5.5.6 within an exchange.
                let within = matches!(self.state, State::Auth(..));
                let text = if within { "5.5.6 the line is too long" } else { "5.5.2 the line is too long" };
                self.abandon_auth();
                self.refuse(Reason::LineTooLong, ReplyCode::UNRECOGNISED_500, text);
                Progress::Made
            }
            Cut::Endless => {
                self.refuse_and_close(Reason::LineTooLong, ReplyCode::UNAVAILABLE_421, "4.7.0 a line without end");
                Progress::Made
            }
        }
    }

    fn give_back(&mut self, mut input: Input, used: usize) {
        let skip = std::mem::take(&mut self.input).to_skip();
        input.consume(used);
        input.skip(skip);
        if !matches!(self.state, State::Handshake | State::Closing) {
            self.input = input;
        }
    }

    fn line(&mut self, line: &[u8]) -> Progress {
        if matches!(self.state, State::Auth(..)) {
            return self.auth_response(line);
        }
        match Command::parse(line) {
            Ok(command) => self.command(command),
            Err(error) => {
                self.not_a_command(line, &error);
                Progress::Made
            }
        }
    }

    fn command(&mut self, command: Command<'_>) -> Progress {
        if !matches!(command.verb(), Verb::Rcpt | Verb::Data | Verb::Bdat | Verb::Quit) {
            self.counts.idle_commands += 1;
            if self.counts.idle_commands > self.settings.limits.idle_commands_max {
                self.too_many("4.7.0 too many commands that bring no mail");
                return Progress::Made;
            }
        }
        if let Err(reply) = allowed(self.stage(), command.verb()) {
            self.refuse_reply(Reason::Sequence, reply);
            if let Command::Bdat(chunk) = command {
                self.skip_chunk(chunk);
            }
            return Progress::Made;
        }
        match command {
            Command::Ehlo(name) => return self.hello(name, true),
            Command::Helo(name) => return self.hello(name, false),
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(recipient) => return self.rcpt(recipient),
            Command::Data => return self.data(None),
            Command::Bdat(chunk) => return self.bdat(chunk),
            Command::Auth { mechanism, initial } => return self.auth(mechanism, initial),
            Command::StartTls => self.start_tls(),
            Command::Rset => self.reset(),
            Command::Noop => self.say("250 2.0.0 ok"),
            // RFC 5321 §3.5.3: 252 for a host that cannot or will not say.
            Command::Vrfy => self.say("252 2.5.2 send some mail, and see"),
            Command::Expn => self.say("252 2.5.2 lists are not shown here"),
            Command::Help => {
                self.say("214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY AUTH STARTTLS QUIT: RFC 5321")
            }
            Command::Quit => {
                self.say("221 2.0.0 goodbye");
                self.state = State::Closing;
            }
        }
        Progress::Made
    }

    fn stage(&self) -> Stage {
        match &self.state {
            State::Ready(_) | State::Auth(..) => Stage::Ready,
            State::Transaction(_, draft) if draft.has_recipients() => Stage::Recipients,
            State::Transaction(..) => Stage::Sender,
            State::Chunks(..) | State::Chunk(..) | State::Body(..) => Stage::Chunks,
            State::Unwelcome => Stage::Unwelcome,
            State::Connected | State::Fresh | State::Asked(_) | State::Handshake | State::Closing => Stage::Fresh,
        }
    }

    /// Says what is wrong with a line; a client that speaks another protocol is told so.
    fn not_a_command(&mut self, line: &[u8], error: &CommandError) {
        if *error == CommandError::Unknown && is_http(line) {
            let text = "5.5.1 this port speaks SMTP and you speak HTTP: you have the wrong port";
            return self.refuse_and_close(Reason::SpokeHttp, ReplyCode::FAILED_554, text);
        }
        let reason = match error {
            CommandError::Control | CommandError::EightBit => Reason::BadOctets,
            CommandError::UnknownParameter(_) => Reason::NotOffered,
            _ => Reason::Syntax,
        };
        let is_chunk = line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT"));
        self.refuse_reply(reason, error.reply());
        if is_chunk {
            // How many octets follow is not known: none of them may be taken for commands.
            self.state = State::Closing;
        }
    }

    fn answered(&mut self, asked: Asked, says: Says) {
        match asked {
            Asked::Greeting => self.greeting_answered(says),
            Asked::Hello { peer, before } => self.hello_answered(peer, before, says),
            Asked::Password { peer, user } => self.login_answered(peer, user, says),
            Asked::ScramKeys { peer, first } => self.scram_keys_answered(peer, first, says),
            Asked::ScramEnded { peer, user, proven } => {
                self.login_answered(peer, user, if proven { says } else { Says::RefuseLogin });
            }
            Asked::Mail { peer, draft } => self.mail_answered(peer, draft, says),
            Asked::Rcpt { peer, draft, recipient } => self.rcpt_answered(peer, draft, recipient, says),
            Asked::Data { peer, draft, chunk } => self.data_answered(peer, draft, chunk, says),
            Asked::Message { peer } => self.message_answered(peer, says),
        }
    }

    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Closing)
    }
}

/// So many octets of replies are sent at once, at most; more come of pipelining without end.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// Whether the line is the first of an HTTP request (RFC 9112 §3).
fn is_http(line: &[u8]) -> bool {
    let Some((method, rest)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else {
        return false;
    };
    let methods = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI"];
    methods.contains(&method) && (rest.starts_with(['/', '*']) || rest.contains("HTTP/"))
}
