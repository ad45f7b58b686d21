//! Answers the questions of one session.

use crate::admission::{Standing, check_loop, turned_away};
use crate::counters::Counters;
use crate::failures::Failures;
use crate::{Door, Settings, users};
use postrider_relay::accept::{Accept, Client, Origin, Received, Refusal};
use postrider_smtp::server::{Answer, Message, Question, Reason, Refused, Secret};
use postrider_smtp::{Address, MessageId, Phase, Recipient, Reply, ReplyCode};
use postrider_transport::TlsFacts;
use postrider_transport::accept::{Ended, Host};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Shared<A> {
    pub(crate) relay: Arc<A>,
    pub(crate) counters: Counters,
    pub(crate) failures: Failures,
}

/// One session, with the settings of the moment it began.
pub(crate) struct Session<A> {
    shared: Arc<Shared<A>>,
    settings: Arc<Settings>,
    peer: SocketAddr,
    standing: Standing,
    hello: Arc<str>,
    tls: Option<String>,
    user: Option<Arc<str>>,
    /// The reverse path of the transaction, for what is told of refusals.
    sender: Option<Address>,
    messages: u32,
    refusals: u32,
}

impl<A: Accept> Session<A> {
    pub(crate) fn new(shared: Arc<Shared<A>>, settings: Arc<Settings>, peer: SocketAddr, door: Door) -> Self {
        let standing = Standing { door, ip: peer.ip(), trusted: settings.trusts(peer.ip()), authenticated: false };
        Self {
            shared,
            settings,
            peer,
            standing,
            hello: "".into(),
            tls: None,
            user: None,
            sender: None,
            messages: 0,
            refusals: 0,
        }
    }

    async fn check_password(&mut self, user: Arc<str>, password: Secret) -> Answer {
        if let Some(answer) = self.turn_away() {
            return answer;
        }
        let holds = self.settings.users.check(&user, password).await;
        self.login(user, holds)
    }

    fn turn_away(&self) -> Option<Answer> {
        let settings = &self.settings;
        let (max, window) = (settings.login_failures_max, settings.login_failures_window);
        let left = self.shared.failures.turned_away(self.peer.ip(), max, window, Instant::now())?;
        self.shared.counters.turned_away();
        Some(Answer::reply(turned_away(left)).and_close())
    }

    fn login(&mut self, user: Arc<str>, holds: bool) -> Answer {
        if !holds {
            // The name may be a password typed into the wrong field: it is not logged.
            let window = self.settings.login_failures_window;
            self.shared.failures.record(self.peer.ip(), window, Instant::now());
            return Answer::refuse_login();
        }
        self.shared.failures.forgive(self.peer.ip());
        self.shared.counters.login();
        self.standing.authenticated = true;
        self.user = Some(user);
        Answer::accept()
    }

    fn mail(&self) -> Answer {
        if let Some(reply) = self.shared.relay.refuses_now() {
            return self.refuse(Phase::Mail, None, reply);
        }
        match self.standing.check_mail() {
            Ok(()) => Answer::accept(),
            Err(reply) => {
                self.shared.counters.relaying_denied();
                self.refuse(Phase::Mail, None, reply)
            }
        }
    }

    fn rcpt(&self, recipient: Recipient) -> Answer {
        match self.standing.check_rcpt() {
            Ok(()) => Answer::accept(),
            Err(reply) => {
                self.shared.counters.relaying_denied();
                self.refuse(Phase::Rcpt, Some(recipient.address), reply)
            }
        }
    }

    /// The client is told, and so is whoever reads the events.
    fn refuse(&self, phase: Phase, recipient: Option<Address>, reply: Reply) -> Answer {
        self.shared.relay.refused(Refusal {
            client: self.user.as_deref().map_or_else(|| self.peer.to_string(), str::to_owned),
            hello: self.hello.to_string(),
            phase,
            sender: self.sender.clone(),
            recipient,
            reply: reply.clone(),
        });
        Answer::reply(reply)
    }

    async fn take(&mut self, message: Message) -> Answer {
        if let Err(reply) = check_loop(&message.content, self.settings.received_fields_max) {
            return self.refuse(Phase::Dot, None, reply);
        }
        let octets = message.content.len();
        match self.shared.relay.accept(self.received(message)).await {
            Ok(id) => {
                self.messages += 1;
                self.shared.counters.message(octets);
                Answer::reply(taken(id))
            }
            Err(reply) => self.refuse(Phase::Dot, None, reply),
        }
    }

    fn received(&self, message: Message) -> Received {
        let own = self.user.is_some() || self.standing.door != Door::Relay;
        Received {
            origin: if own { Origin::Submission } else { Origin::Relay },
            client: Client {
                peer: Some(self.peer),
                hello: self.hello.to_string(),
                protocol: message.protocol,
                tls: self.tls.clone(),
                user: self.user.as_deref().map(str::to_owned),
            },
            envelope: message.envelope,
            message: message.content,
        }
    }

    /// The one line of the session.
    pub(crate) fn log_end(&self, ended: &Ended) {
        let (peer, door) = (self.peer, self.standing.door.name());
        let (hello, user) = (&*self.hello, self.user.as_deref().unwrap_or("-"));
        let (tls, messages, refusals) = (self.tls.as_deref().unwrap_or("-"), self.messages, self.refusals);
        match ended {
            Ended::SpokeClear => {
                self.shared.counters.spoke_clear();
                warn!(%peer, door, "the client spoke in clear where TLS was due: it should connect with TLS, or use the port for STARTTLS");
            }
            Ended::TlsFailed(why) => warn!(%peer, door, why, "the TLS handshake failed"),
            // Nothing to tell an operator: every message has its own line and event. Many clients
            // leave without QUIT once they have their 250.
            Ended::Closed if refusals == 0 => debug!(%peer, door, hello, user, tls, messages, "session ended"),
            Ended::Vanished if refusals == 0 && messages > 0 => {
                debug!(%peer, door, hello, user, tls, messages, "session ended without QUIT");
            }
            Ended::Closed => info!(%peer, door, hello, user, tls, messages, refusals, "session ended"),
            Ended::Vanished => {
                info!(%peer, door, hello, user, tls, messages, refusals, "session ended: the client left without QUIT");
            }
            Ended::WriteTimedOut => {
                info!(%peer, door, hello, user, tls, messages, refusals, "session ended: the client took no replies");
            }
            Ended::Broken(error) => {
                info!(%peer, door, hello, user, tls, messages, refusals, %error, "session ended: the connection broke");
            }
        }
    }
}

fn taken(id: MessageId) -> Reply {
    Reply::new(ReplyCode::OK_250, format!("2.0.0 ok, taken as {id}"))
}

impl<A: Accept> Host for Session<A> {
    async fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Greeting | Question::Data => Answer::accept(),
            Question::Hello { name, .. } => {
                self.hello = name;
                Answer::accept()
            }
            Question::Password { user, password } => self.check_password(user, password).await,
            Question::ScramKeys { user } => {
                let keys = || Answer::scram(self.settings.users.scram_keys(&user), users::nonce());
                self.turn_away().unwrap_or_else(keys)
            }
            Question::ScramEnded { user, proven } => self.login(user, proven),
            Question::Mail(mail) => {
                self.sender = mail.sender;
                self.mail()
            }
            Question::Rcpt(recipient) => self.rcpt(recipient),
            Question::Message(message) => self.take(*message).await,
        }
    }

    fn refused(&mut self, refused: &Refused) {
        self.refusals += 1;
        self.shared.counters.refusal(refused.reason);
        let (peer, door, reason, reply) = (self.peer, self.standing.door.name(), refused.reason, &refused.reply);
        match reason {
            // These look like attacks or like something set up wrong: a person should see them.
            Reason::Smuggling | Reason::LoginFailed | Reason::SpokeHttp | Reason::SpokeTls => {
                warn!(%peer, door, %reason, %reply, "refused");
            }
            _ => info!(%peer, door, %reason, %reply, "refused"),
        }
    }

    fn secured(&mut self, facts: &TlsFacts) {
        // RFC 3207 §4.2: what was learned in clear is forgotten.
        self.hello = "".into();
        self.user = None;
        self.standing.authenticated = false;
        self.tls = Some(format!("{} {}", facts.version, facts.cipher));
    }
}
