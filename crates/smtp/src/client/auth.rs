//! AUTH (RFC 4954): which mechanism, and what to say next.

use super::scram::{Opened, Proven, ScramError};
use super::{Credentials, Peer};
use crate::Reply;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The mechanisms we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    ScramSha256,
    Plain,
    Login,
}

impl Mechanism {
    const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Those to be tried in turn: what keeps the password secret first. One that the peer
    /// refuses makes room for the next, as hosts offer SCRAM for users they only know by a hash.
    pub(super) fn offered(peer: &Peer, credentials: &Credentials, under_tls: bool) -> Vec<Self> {
        let in_clear_ok = under_tls || credentials.in_clear;
        let usable =
            |m: &Self| peer.auth.iter().any(|name| name == m.name()) && (in_clear_ok || matches!(m, Self::ScramSha256));
        [Self::ScramSha256, Self::Plain, Self::Login].into_iter().filter(usable).collect()
    }
}

/// An exchange under way: what the next challenge will be answered with.
pub(super) struct Exchange {
    state: State,
    /// Mechanisms still to be tried should this one be refused.
    pub(super) others: Vec<Mechanism>,
}

enum State {
    /// Everything was said.
    Said,
    LoginUser {
        user: String,
        password: String,
    },
    LoginPassword {
        password: String,
    },
    ScramFirst(Opened),
    ScramLast(Proven),
    ScramChecked,
}

/// What a challenge leads to.
pub(super) enum Next {
    /// This is to be sent.
    Line(String),
    /// The challenge makes no sense in this place: the exchange is cancelled.
    Cancel(ScramError),
}

impl Exchange {
    /// Begins; also gives the command and how it is shown.
    pub(super) fn begin(
        mechanism: Mechanism,
        others: Vec<Mechanism>,
        who: &Credentials,
        nonce: &str,
    ) -> (Self, String) {
        let (state, initial) = match mechanism {
            Mechanism::ScramSha256 => {
                let (opened, first) = Opened::new(&who.user, &who.password, nonce);
                (State::ScramFirst(opened), Some(BASE64.encode(first)))
            }
            // RFC 4616 §2: no authorization identity.
            Mechanism::Plain => (State::Said, Some(BASE64.encode(format!("\0{}\0{}", who.user, who.password)))),
            // No initial response for LOGIN: hosts differ on whether they take one.
            Mechanism::Login => (State::LoginUser { user: who.user.clone(), password: who.password.clone() }, None),
        };
        let command = match initial {
            Some(initial) => format!("AUTH {} {initial}", mechanism.name()),
            None => format!("AUTH {}", mechanism.name()),
        };
        (Self { state, others }, command)
    }

    /// Answers a 334.
    pub(super) fn challenge(&mut self, reply: &Reply) -> Next {
        let text = reply.lines().next().unwrap_or_default().trim();
        match std::mem::replace(&mut self.state, State::Said) {
            State::LoginUser { user, password } => {
                self.state = State::LoginPassword { password };
                Next::Line(BASE64.encode(user))
            }
            State::LoginPassword { password } => Next::Line(BASE64.encode(password)),
            State::ScramFirst(opened) => match decoded(text).and_then(|text| opened.prove(&text)) {
                Ok((proven, line)) => {
                    self.state = State::ScramLast(proven);
                    Next::Line(BASE64.encode(line))
                }
                Err(error) => Next::Cancel(error),
            },
            State::ScramLast(proven) => match decoded(text).and_then(|text| proven.check(&text)) {
                Ok(()) => {
                    self.state = State::ScramChecked;
                    Next::Line(String::new())
                }
                Err(error) => Next::Cancel(error),
            },
            State::Said | State::ScramChecked => Next::Cancel(ScramError::Malformed),
        }
    }

    /// Looks at a 235: a server that was to prove itself must have done so. It may do it in the
    /// reply itself (RFC 5802 §5 with RFC 4954 §4: additional data with success is not in SMTP, but seen).
    pub(super) fn success(&self, reply: &Reply) -> Result<(), ScramError> {
        match &self.state {
            State::ScramFirst(_) => Err(ScramError::BadServerProof),
            State::ScramLast(proven) => {
                let mut words = reply.lines().flat_map(str::split_ascii_whitespace);
                let last = words.find_map(|word| decoded(word).ok().filter(|text| text.starts_with("v=")));
                proven.check(&last.ok_or(ScramError::BadServerProof)?)
            }
            _ => Ok(()),
        }
    }
}

fn decoded(text: &str) -> Result<String, ScramError> {
    let bytes = BASE64.decode(text).map_err(|_| ScramError::Malformed)?;
    String::from_utf8(bytes).map_err(|_| ScramError::Malformed)
}
