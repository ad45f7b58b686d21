//! AUTH PLAIN, LOGIN and SCRAM-SHA-256 (RFC 4954, RFC 4616, RFC 7677).

use super::question::Says;
use super::scram::{ClientFirst, Proof};
use super::{Asked, AuthOffer, Peer, Progress, Question, Reason, Secret, Server, State};
use crate::ReplyCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::sync::Arc;

/// What the next line of the client is.
#[derive(Debug)]
pub(super) enum Exchange {
    /// `authzid NUL user NUL password`.
    Plain,
    LoginUser,
    LoginPassword(Arc<str>),
    ScramFirst,
    ScramLast(Box<Proof>),
    /// An empty line behind the server's last message.
    ScramEnd(Arc<str>),
}

impl Server {
    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Progress {
        if self.user.is_some() {
            self.refuse(Reason::Sequence, ReplyCode::BAD_SEQUENCE_503, "5.5.1 you are authenticated already");
            return Progress::Made;
        }
        if !self.is_auth_offered() {
            self.refuse_auth();
            return Progress::Made;
        }
        let (exchange, challenge) = match mechanism {
            m if m.eq_ignore_ascii_case("PLAIN") => (Exchange::Plain, "334 "),
            // Some libraries compare these prompts letter by letter, or decode them: gen_smtp, POCO.
            m if m.eq_ignore_ascii_case("LOGIN") => (Exchange::LoginUser, "334 VXNlcm5hbWU6"),
            m if m.eq_ignore_ascii_case("SCRAM-SHA-256") && self.facts.scram => (Exchange::ScramFirst, "334 "),
            _ => {
                let text = "5.5.4 AUTH mechanism not offered";
                self.refuse(Reason::NotOffered, ReplyCode::BAD_PARAMETER_504, text);
                return Progress::Made;
            }
        };
        let State::Ready(peer) = self.take_state() else { return Progress::Made };
        self.state = State::Auth(peer, exchange);
        match initial {
            // RFC 4954 §4: "=" is an initial response of no octets.
            Some("=") => self.auth_response(b""),
            Some(initial) => self.auth_response(initial.as_bytes()),
            None => {
                self.say(challenge);
                Progress::Made
            }
        }
    }

    fn refuse_auth(&mut self) {
        if self.facts.auth == AuthOffer::UnderTls {
            // RFC 4954 §6.
            let text = "5.7.11 AUTH needs TLS here: STARTTLS first";
            self.refuse(Reason::NotOffered, ReplyCode::ENCRYPTION_REQUIRED_538, text);
        } else {
            self.refuse(Reason::NotOffered, ReplyCode::NOT_IMPLEMENTED_502, "5.5.1 AUTH is not offered here");
        }
    }

    /// A line within the exchange.
    pub(super) fn auth_response(&mut self, line: &[u8]) -> Progress {
        let State::Auth(peer, exchange) = self.take_state() else { return Progress::Made };
        self.state = State::Ready(peer.clone());
        if line == b"*" {
            self.refuse(Reason::Syntax, ReplyCode::BAD_ARGUMENT_501, "5.7.0 AUTH given up");
            return Progress::Made;
        }
        let decoded = BASE64.decode(line.trim_ascii()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = decoded else {
            self.refuse(Reason::Syntax, ReplyCode::BAD_ARGUMENT_501, "5.5.2 that is not base64 of UTF-8 text");
            return Progress::Made;
        };
        match exchange {
            Exchange::Plain => match split_plain(&text) {
                Some((user, password)) => return self.ask_password(peer, user.into(), password),
                None => self.malformed_auth(),
            },
            Exchange::LoginUser if text.is_empty() => self.malformed_auth(),
            Exchange::LoginUser => {
                self.say("334 UGFzc3dvcmQ6");
                self.state = State::Auth(peer, Exchange::LoginPassword(text.into()));
            }
            Exchange::LoginPassword(user) => return self.ask_password(peer, user, &text),
            Exchange::ScramFirst => match ClientFirst::parse(&text) {
                Some(first) => {
                    let user = first.user.clone();
                    self.state = State::Asked(Asked::ScramKeys { peer, first });
                    return Progress::Ask(Question::ScramKeys { user });
                }
                None => self.malformed_auth(),
            },
            Exchange::ScramLast(proof) => match proof.check(&text) {
                Some(last) => {
                    self.challenge(&last);
                    self.state = State::Auth(peer, Exchange::ScramEnd(proof.user));
                }
                None => return self.scram_ended(peer, proof.user, false),
            },
            Exchange::ScramEnd(user) => return self.scram_ended(peer, user, true),
        }
        Progress::Made
    }

    fn malformed_auth(&mut self) {
        self.refuse(Reason::Syntax, ReplyCode::BAD_ARGUMENT_501, "5.5.2 that is not what the AUTH mechanism says");
    }

    fn ask_password(&mut self, peer: Peer, user: Arc<str>, password: &str) -> Progress {
        self.state = State::Asked(Asked::Password { peer, user: user.clone() });
        Progress::Ask(Question::Password { user, password: Secret::new(password) })
    }

    fn scram_ended(&mut self, peer: Peer, user: Arc<str>, proven: bool) -> Progress {
        self.state = State::Asked(Asked::ScramEnded { peer, user: user.clone(), proven });
        Progress::Ask(Question::ScramEnded { user, proven })
    }

    fn challenge(&mut self, text: &str) {
        self.say(&format!("334 {}", BASE64.encode(text)));
    }

    pub(super) fn scram_keys_answered(&mut self, peer: Peer, first: ClientFirst, says: Says) {
        let Says::Scram { keys, nonce } = says else {
            let user = first.user;
            // Without keys nothing can be proven, whatever the answer says.
            return self.login_answered(peer, user, if says == Says::Accept { Says::RefuseLogin } else { says });
        };
        let (challenge, proof) = first.challenge(*keys, &nonce);
        self.challenge(&challenge);
        self.state = State::Auth(peer, Exchange::ScramLast(Box::new(proof)));
    }

    pub(super) fn login_answered(&mut self, peer: Peer, user: Arc<str>, says: Says) {
        self.state = State::Ready(peer);
        if self.say_answer(says, "235 2.7.0 welcome") {
            self.user = Some(user);
            return;
        }
        self.counts.failed_logins += 1;
        if self.counts.failed_logins >= self.settings.limits.auth_attempts_max {
            self.refuse_and_close(Reason::LoginFailed, ReplyCode::UNAVAILABLE_421, "4.7.0 too many failed logins");
        }
    }

    /// A line that could not be read ends the exchange.
    pub(super) fn abandon_auth(&mut self) {
        match self.take_state() {
            State::Auth(peer, _) => self.state = State::Ready(peer),
            state => self.state = state,
        }
    }
}

/// RFC 4616 §2. An authorisation identity is taken when it is the user's own (Racket sends it).
fn split_plain(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('\0');
    let (identity, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let own = identity.is_empty() || identity == user;
    (own && !user.is_empty() && parts.next().is_none()).then_some((user, password))
}
