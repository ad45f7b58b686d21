//! From the greeting to a session that takes transactions: EHLO or HELO, STARTTLS, AUTH.

use super::auth::{Exchange, Mechanism, Next};
use super::{Client, Ended, Peer, StartTls, State, Violation};
use crate::{Phase, Reply, ReplyCode, TroubleKind};

impl Client {
    pub(super) fn greeted(&mut self, reply: Reply) {
        self.opening.greeting = Some(reply.clone());
        match reply.code() {
            ReplyCode::READY_220 => self.say_hello(false),
            code if code.is_transient() || code.is_permanent() => {
                self.end(Ended::Refused { phase: Phase::Connect, reply });
            }
            _ => self.violated(&Violation::UnexpectedReply(reply.to_string(), "a new connection")),
        }
    }

    pub(super) fn say_hello(&mut self, helo: bool) {
        let line = format!("{} {}", if helo { "HELO" } else { "EHLO" }, self.settings.hello);
        self.state = State::Hello { helo };
        self.say(&line, &line);
    }

    pub(super) fn answered_hello(&mut self, helo: bool, reply: Reply) {
        let code = reply.code();
        self.opening.heard_hello(&reply, helo, self.under_tls);
        if code.is_positive() {
            self.peer = if helo { Peer::from_helo(&reply) } else { Peer::from_ehlo(&reply) };
            return self.secure();
        }
        // RFC 5321 §3.2: a host that does not know EHLO is asked with HELO.
        if code.is_permanent() && !helo {
            return self.say_hello(true);
        }
        if code.is_intermediate() {
            return self.violated(&Violation::UnexpectedReply(reply.to_string(), "EHLO"));
        }
        self.end(Ended::Refused { phase: Phase::Ehlo, reply });
    }

    /// STARTTLS, if it is called for.
    fn secure(&mut self) {
        if self.under_tls || self.settings.starttls == StartTls::Never {
            return self.log_in();
        }
        if self.peer.starttls {
            self.state = State::StartTls;
            return self.say("STARTTLS", "STARTTLS");
        }
        if self.settings.starttls == StartTls::Required {
            return self.broken(TroubleKind::TlsNotOffered, "the host does not offer STARTTLS".into());
        }
        self.log_in();
    }

    pub(super) fn answered_starttls(&mut self, reply: Reply) {
        self.opening.starttls = Some(reply.clone());
        if reply.code().is_positive() {
            return match self.inbox.refuse_early(Phase::StartTls) {
                Ok(()) => self.state = State::Handshake,
                Err(violation) => self.violated(&violation),
            };
        }
        // Refused, yet the session stands (RFC 3207 §4): whoever does not insist goes on in clear.
        match self.settings.starttls {
            StartTls::Required => self.end(Ended::Refused { phase: Phase::StartTls, reply }),
            StartTls::WhenOffered | StartTls::Never => self.log_in(),
        }
    }

    /// AUTH, if we have somebody to be.
    pub(super) fn log_in(&mut self) {
        let Some(credentials) = &self.settings.credentials else {
            self.state = State::Idle;
            return;
        };
        let mechanisms = Mechanism::offered(&self.peer, credentials, self.under_tls);
        let offered = self.peer.auth.join(" ");
        self.state = State::Idle;
        if !self.begin_auth(mechanisms) {
            let detail = match (offered.is_empty(), self.under_tls) {
                (true, _) => "the host does not offer AUTH".into(),
                (false, true) => format!("the host offers none of our AUTH mechanisms: {offered}"),
                (false, false) => format!("the host offers AUTH {offered} in clear only, where no password is sent"),
            };
            let ended = crate::Trouble { phase: Phase::Auth, kind: TroubleKind::AuthNotOffered, errno: None, detail };
            self.end(Ended::Broken(ended));
        }
    }

    /// Begins with the first of these mechanisms; false when there is none.
    fn begin_auth(&mut self, mut mechanisms: Vec<Mechanism>) -> bool {
        let Some(credentials) = &self.settings.credentials else { return false };
        if mechanisms.is_empty() {
            return false;
        }
        let mechanism = mechanisms.remove(0);
        let (exchange, command) = Exchange::begin(mechanism, mechanisms, credentials, &self.settings.nonce);
        self.state = State::Auth(exchange);
        // RFC 4954 §4: the initial response is a secret.
        let shown = match command.match_indices(' ').nth(1) {
            Some((at, _)) => format!("{} ****", &command[..at]),
            None => command.clone(),
        };
        self.say(&command, &shown);
        true
    }

    pub(super) fn answered_auth(&mut self, reply: Reply) {
        let State::Auth(exchange) = &mut self.state else { return };
        let code = reply.code();
        if code == ReplyCode::CHALLENGE_334 {
            match exchange.challenge(&reply) {
                Next::Line(line) => self.say(&line, "****"),
                Next::Cancel(error) => self.violated(&Violation::Auth(error)),
            }
        } else if code.is_positive() {
            match exchange.success(&reply) {
                Ok(()) => self.state = State::Idle,
                Err(error) => self.violated(&Violation::Auth(error)),
            }
        } else if code.is_intermediate() {
            self.violated(&Violation::UnexpectedReply(reply.to_string(), "AUTH"));
        } else {
            let others = std::mem::take(&mut exchange.others);
            if code.is_transient() || !self.begin_auth(others) {
                self.end(Ended::Refused { phase: Phase::Auth, reply });
            }
        }
    }
}
