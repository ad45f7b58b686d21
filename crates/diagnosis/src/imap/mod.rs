//! A mailbox seen by IMAP (RFC 3501, RFC 9051), on the `async-imap` crate: greeting, login with the
//! reason it failed, folders and what they are for, finding a mail by a token, quota.
//!
//! Generic over the stream: a socket, TLS, or a tape of an earlier talk. Every wait has an end,
//! every answer a length (`guard`), and every fault is a sentence ([`ImapFault`]). Nothing here
//! marks mail as read. Not here: where the server is, and TLS itself: [`Imap::starttls`] hands the
//! stream back for it.

mod fault;
mod folder;
mod guard;
mod login;
mod mailbox;
mod read;

pub use fault::{FaultKind, ImapFault};
pub use folder::{Folder, FolderUse};
pub use login::{Refusal, RefusalReason};
pub(crate) use mailbox::MARK_FIELD;
pub use mailbox::{Fetched, Marks, QuotaUse};

use async_imap::Client;
use async_imap::imap_proto::{Response, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use guard::{Bounds, Guarded};
use read::Heard;
use std::fmt::Debug;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

/// What a stream must be for [`Imap`].
pub trait ImapStream: AsyncRead + AsyncWrite + Unpin + Debug + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Debug + Send> ImapStream for T {}

/// How long a server may take and how much it may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImapLimits {
    /// For the greeting, and for the whole answer to one command.
    pub answer: Duration,
    /// Octets of one response. Headers of a mail are the longest that is asked for.
    pub response_bytes_max: usize,
    /// Octets of the whole answer to one command: the list of folders of a large mailbox.
    pub answer_bytes_max: usize,
}

impl Default for ImapLimits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(20), response_bytes_max: 256 * 1024, answer_bytes_max: 4 * 1024 * 1024 }
    }
}

/// A talk with an IMAP server.
#[derive(Debug)]
pub struct Imap<S: ImapStream> {
    client: Client<Guarded<S>>,
    limits: ImapLimits,
    under_tls: bool,
    commands: u32,
    greeting: String,
    /// Upper case.
    capabilities: Vec<String>,
    /// What broke the talk; nothing more can be asked.
    dead: Option<ImapFault>,
}

impl<S: ImapStream> Imap<S> {
    /// Hears the greeting and asks what the server can do. `under_tls` says whether the stream is.
    pub async fn greet(stream: S, under_tls: bool, limits: ImapLimits) -> Result<Self, ImapFault> {
        let mut imap = Self::on(stream, under_tls, limits);
        let mut heard = Heard::default();
        match tokio::time::timeout(limits.answer, imap.hear(&mut heard, "greeting")).await {
            Err(_) => return Err(imap.told(ImapFault::new("greeting", FaultKind::Silent(limits.answer)))),
            Ok(Err(fault)) => return Err(imap.told(fault)),
            Ok(Ok(())) => {}
        }
        match heard.state {
            // PREAUTH is no login of ours (RFC 3501 §7.1.4), but as good a beginning.
            Some((Status::Ok | Status::PreAuth, said)) => imap.greeting = said,
            Some((Status::Bye, said)) => return Err(ImapFault::new("greeting", FaultKind::Goodbye(said))),
            _ => {
                let quote = imap.client.get_ref().quote();
                return Err(imap.told(ImapFault::new("greeting", FaultKind::NotImap(quote))));
            }
        }
        imap.learn(heard.capabilities).await?;
        Ok(imap)
    }

    /// Goes on after STARTTLS: no greeting comes, and what was learnt in clear is forgotten (RFC 3501 §6.2.1).
    pub async fn after_starttls(stream: S, limits: ImapLimits) -> Result<Self, ImapFault> {
        let mut imap = Self::on(stream, true, limits);
        imap.learn(Vec::new()).await?;
        Ok(imap)
    }

    fn on(stream: S, under_tls: bool, limits: ImapLimits) -> Self {
        let bounds =
            Bounds { response_bytes_max: limits.response_bytes_max, answer_bytes_max: limits.answer_bytes_max };
        Self {
            client: Client::new(Guarded::new(stream, bounds)),
            limits,
            under_tls,
            commands: 0,
            greeting: String::new(),
            capabilities: Vec::new(),
            dead: None,
        }
    }

    /// The words of the greeting.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// What the server says it can do, in upper case.
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Whether the server says it can do this.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// Asks for TLS, and gives the stream back for the handshake. Octets that came early are dropped.
    pub async fn starttls(mut self) -> Result<S, ImapFault> {
        if !self.can("STARTTLS") {
            return Err(ImapFault::new("STARTTLS", FaultKind::Refused("it does not offer STARTTLS".into())));
        }
        self.command("STARTTLS", "STARTTLS").await?;
        Ok(self.client.into_inner().into_inner())
    }

    /// Logs in, with one try. In clear only when `in_clear` allows it.
    pub async fn login(&mut self, user: &str, password: &str, in_clear: bool) -> Result<(), ImapFault> {
        let untried = |reason| ImapFault::new("LOGIN", FaultKind::Login(Refusal { reason, said: String::new() }));
        if !self.under_tls && !in_clear {
            return Err(untried(RefusalReason::TlsNeeded));
        }
        let (name, parts) = if self.can("AUTH=PLAIN") {
            // RFC 4616 §2: no authorization identity.
            let plain = BASE64.encode(format!("\0{user}\0{password}"));
            match self.can("SASL-IR") {
                true => ("AUTHENTICATE", vec![format!("AUTHENTICATE PLAIN {plain}")]),
                false => ("AUTHENTICATE", vec!["AUTHENTICATE PLAIN".to_owned(), plain]),
            }
        } else if self.can("LOGINDISABLED") {
            let reason = if self.under_tls { RefusalReason::MechanismOff } else { RefusalReason::TlsNeeded };
            return Err(untried(reason));
        } else {
            ("LOGIN", login_parts(user, password))
        };
        let mut heard = Heard::default();
        match self.exchange(name, parts, &mut heard).await {
            Ok(()) => self.learn(heard.capabilities).await,
            Err(ImapFault { kind: FaultKind::Refused(said), .. }) => {
                let said = if password.len() > 3 { said.replace(password, "…") } else { said };
                Err(ImapFault::new(name, FaultKind::Login(Refusal::read(&said))))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Says goodbye. Nothing depends on the answer.
    pub async fn logout(mut self) {
        let _ = tokio::time::timeout(GOODBYE, self.command("LOGOUT", "LOGOUT")).await;
    }

    /// Keeps what was said of capabilities, or asks.
    async fn learn(&mut self, said: Vec<String>) -> Result<(), ImapFault> {
        self.capabilities = said;
        if self.capabilities.is_empty() {
            self.capabilities = self.command("CAPABILITY", "CAPABILITY").await?.capabilities;
        }
        Ok(())
    }

    /// One command in one line.
    async fn command(&mut self, name: &'static str, line: &str) -> Result<Heard, ImapFault> {
        let mut heard = Heard::default();
        self.exchange(name, vec![line.to_owned()], &mut heard).await?;
        Ok(heard)
    }

    /// One command, whose further parts are sent when the server asks for them, and its answer.
    async fn exchange(&mut self, name: &'static str, parts: Vec<String>, heard: &mut Heard) -> Result<(), ImapFault> {
        if let Some(fault) = &self.dead {
            return Err(fault.clone());
        }
        let limit = self.limits.answer;
        let done = match tokio::time::timeout(limit, self.talk(name, parts, heard)).await {
            Ok(done) => done,
            Err(_) => Err(ImapFault::new(name, FaultKind::Silent(limit))),
        };
        match done {
            Err(fault) if !matches!(fault.kind, FaultKind::Refused(_)) => {
                self.dead = Some(fault.clone());
                Err(fault)
            }
            done => done,
        }
    }

    async fn talk(&mut self, name: &'static str, parts: Vec<String>, heard: &mut Heard) -> Result<(), ImapFault> {
        self.commands += 1;
        let tag = format!("P{}", self.commands);
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_default();
        self.client.get_mut().asked();
        self.say(name, format!("{tag} {first}\r\n")).await?;
        loop {
            heard.tagged = None;
            self.hear(heard, name).await?;
            if std::mem::take(&mut heard.wanted) {
                // Nothing left to say: the exchange is called off (RFC 3501 §6.2.2).
                let next = parts.next().unwrap_or_else(|| "*".to_owned());
                self.say(name, format!("{next}\r\n")).await?;
            }
            match heard.tagged.take() {
                Some((answered, status, said)) if answered == tag => {
                    return match status {
                        Status::Ok => Ok(()),
                        _ => Err(ImapFault::new(name, FaultKind::Refused(said))),
                    };
                }
                _ => {}
            }
        }
    }

    async fn say(&mut self, name: &'static str, octets: String) -> Result<(), ImapFault> {
        let stream = self.client.get_mut();
        let said = async {
            stream.write_all(octets.as_bytes()).await?;
            stream.flush().await
        };
        said.await.map_err(|error| ImapFault::of_io(name, &error, ""))
    }

    /// One response.
    async fn hear(&mut self, heard: &mut Heard, name: &'static str) -> Result<(), ImapFault> {
        match self.client.read_response().await {
            Ok(Some(response)) => {
                self.client.get_mut().understood();
                let parsed: &Response<'_> = response.parsed();
                heard.take(parsed);
                Ok(())
            }
            Ok(None) => match &heard.state {
                Some((Status::Bye, said)) => Err(ImapFault::new(name, FaultKind::Goodbye(said.clone()))),
                _ => Err(ImapFault::new(name, FaultKind::HungUp)),
            },
            Err(error) => Err(ImapFault::of_io(name, &error, &self.client.get_ref().quote())),
        }
    }

    /// A fault before the greeting may be another protocol's.
    fn told(&self, fault: ImapFault) -> ImapFault {
        match fault::other_protocol(self.client.get_ref().first()) {
            Some(protocol) => ImapFault::new(fault.command, FaultKind::Speaks(protocol)),
            None => fault,
        }
    }
}

/// LOGIN with quoted strings, or with literals for what they cannot hold (RFC 3501 §4.3).
fn login_parts(user: &str, password: &str) -> Vec<String> {
    let simple = |text: &str| text.is_ascii().then(|| folder::quoted(text)).flatten();
    match (simple(user), simple(password)) {
        (Some(user), Some(password)) => vec![format!("LOGIN {user} {password}")],
        _ => vec![format!("LOGIN {{{}}}", user.len()), format!("{user} {{{}}}", password.len()), password.to_owned()],
    }
}

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
