//! The greeting, EHLO and HELO, STARTTLS.

use super::question::Says;
use super::{Asked, AuthOffer, Peer, Progress, Question, Reason, Server, State};
use crate::ReplyCode;
use std::sync::Arc;

impl Server {
    pub(super) fn greeting_answered(&mut self, says: Says) {
        let greeting = format!("220 {} {}", self.settings.hostname, self.settings.greeting);
        // RFC 5321 §3.1: a client that was refused may still say QUIT.
        self.state = if self.say_answer(says, &greeting) { State::Fresh } else { State::Unwelcome };
    }

    pub(super) fn hello(&mut self, name: &str, extended: bool) -> Progress {
        let before = match self.take_state() {
            State::Ready(peer) | State::Transaction(peer, _) | State::Chunks(peer, ..) => Some(peer),
            _ => None,
        };
        let name: Arc<str> = name.into();
        let peer = Peer { name: name.clone(), extended };
        self.state = State::Asked(Asked::Hello { peer, before });
        Progress::Ask(Question::Hello { name, extended })
    }

    pub(super) fn hello_answered(&mut self, peer: Peer, before: Option<Peer>, says: Says) {
        let usual = if peer.extended { self.offer(&peer) } else { format!("250 {}", self.settings.hostname) };
        if self.say_answer(says, &usual) {
            self.state = State::Ready(peer);
        } else {
            self.state = before.map_or(State::Fresh, State::Ready);
        }
    }

    /// The reply to EHLO, its last line end left off.
    fn offer(&self, peer: &Peer) -> String {
        let (extensions, facts) = (&self.settings.extensions, &self.facts);
        let words = [
            (extensions.pipelining, "PIPELINING"),
            (extensions.eight_bit_mime, "8BITMIME"),
            (extensions.smtputf8, "SMTPUTF8"),
            (extensions.chunking, "CHUNKING"),
            (extensions.binary_mime && extensions.chunking, "BINARYMIME"),
            (extensions.dsn, "DSN"),
            (extensions.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
            (facts.starttls && !facts.tls, "STARTTLS"),
            (extensions.require_tls && facts.tls, "REQUIRETLS"),
            (self.is_auth_offered() && facts.scram, "AUTH PLAIN LOGIN SCRAM-SHA-256"),
            (self.is_auth_offered() && !facts.scram, "AUTH PLAIN LOGIN"),
        ];
        let mut offer = format!("250-{} hello {}\r\n", self.settings.hostname, peer.name);
        for (_, word) in words.into_iter().filter(|(offered, _)| *offered) {
            offer.push_str("250-");
            offer.push_str(word);
            offer.push_str("\r\n");
        }
        offer.push_str(&format!("250 SIZE {}", self.settings.limits.message_bytes_max));
        offer
    }

    pub(super) fn is_auth_offered(&self) -> bool {
        match self.facts.auth {
            AuthOffer::Never => false,
            AuthOffer::UnderTls => self.facts.tls,
            AuthOffer::Always => true,
        }
    }

    pub(super) fn start_tls(&mut self) {
        if self.facts.tls {
            let text = "5.5.1 the session is under TLS already";
            return self.refuse(Reason::Sequence, ReplyCode::BAD_SEQUENCE_503, text);
        }
        if !self.facts.starttls {
            let text = "5.5.1 STARTTLS is not offered here";
            return self.refuse(Reason::NotOffered, ReplyCode::NOT_IMPLEMENTED_502, text);
        }
        self.say("220 2.0.0 go on with TLS");
        // RFC 3207 §4.2: commands pipelined behind STARTTLS are dropped with the input, not run under TLS.
        self.state = State::Handshake;
    }
}
