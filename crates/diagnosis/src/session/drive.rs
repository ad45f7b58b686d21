//! The driver: it reads, writes, waits and looks at the clock, and has no word of SMTP but those
//! it is given.

use super::{Asked, BRIEF, By, Line, OldTls, Plan, SessionFacts, Tls, Took, old_tls};
use crate::net::{Dial, Wire, World};
use bytes::Bytes;
use postrider_smtp::client::{Client, Credentials, Flight, Settings, StartTls, Step};
use postrider_smtp::{Reply, TroubleKind};
use postrider_transport::tls::client::{ClientTls, NO_END};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Told every line as it happens.
pub type Watch = Arc<dyn Fn(&Line) + Send + Sync>;

/// Lines that are kept.
const LINES_MAX: usize = 600;
/// A host that waits for us to speak first has so long to answer.
const POKE: Duration = Duration::from_millis(500);
/// Longer than a host's answer to QUIT is worth.
const FAREWELL: Duration = Duration::from_millis(300);
/// An answer to a command from before TLS comes at once.
const GLUED: Duration = Duration::from_millis(300);
/// What is kept of octets that are no SMTP.
const OCTETS_MAX: usize = 512;

/// Whether octets begin as a reply does (RFC 5321 §4.2).
fn is_reply(octets: &[u8]) -> bool {
    matches!(octets, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-' | b'\r' | b'\n', ..])
}

/// Why the driver came back.
enum Pause {
    Ready,
    Answered(Reply),
    Over,
}

/// A session under way.
pub struct Session {
    tls: Arc<ClientTls>,
    plan: Plan,
    /// `None` when it is over.
    wire: Option<Wire>,
    client: Client,
    facts: SessionFacts,
    watch: Option<Watch>,
    /// When the last step ended.
    at: Duration,
    /// What is said next is a secret, as the client masks it.
    secret: bool,
}

impl Session {
    /// Connects, and goes on until the host takes commands or the session is over.
    pub async fn open(world: &dyn World, tls: &Arc<ClientTls>, plan: Plan, watch: Option<Watch>) -> Self {
        let facts = SessionFacts::new(&plan.host, plan.to);
        let client = Client::new(settings(&plan, tls));
        let mut session =
            Self { tls: Arc::clone(tls), plan, wire: None, client, facts, watch, at: Duration::ZERO, secret: false };
        let dial = Dial {
            to: session.plan.to,
            purpose: session.plan.purpose.clone(),
            limit: session.plan.connect.min(session.left()),
        };
        match world.connect(&dial).await {
            Ok(wire) => {
                session.wire = Some(wire);
                session.stamp("connect");
                if session.plan.tls == Tls::Implicit {
                    session.handshake().await;
                }
                session.run().await;
                session.stamp_login();
            }
            Err(trouble) => {
                session.line(By::Note, trouble.to_string());
                session.facts.unreached = Some(trouble);
            }
        }
        session
    }

    /// Asks a command, under a name; `None` when the session came to its end over it.
    pub async fn ask(&mut self, name: &'static str, line: &str) -> Option<Reply> {
        self.ask_shown(name, line, line).await
    }

    /// The same, shown as something else, for secrets.
    pub async fn ask_shown(&mut self, name: &'static str, line: &str, shown: &str) -> Option<Reply> {
        self.ask_all(name, &[line], &[shown]).await.into_iter().next()
    }

    /// Asks several in one flight.
    pub async fn ask_together(&mut self, name: &'static str, lines: &[&str]) -> Vec<Reply> {
        self.ask_all(name, lines, lines).await
    }

    async fn ask_all(&mut self, name: &'static str, lines: &[&str], shown: &[&str]) -> Vec<Reply> {
        if self.is_over() {
            return Vec::new();
        }
        self.client.ask_together(lines, shown);
        let mut replies = Vec::new();
        for line in shown {
            let reply = match self.run().await {
                Pause::Answered(reply) => Some(reply),
                Pause::Ready | Pause::Over => None,
            };
            let took = self.stamp(name);
            self.facts.asked.push(Asked { name, line: (*line).to_owned(), reply: reply.clone(), took });
            replies.extend(reply);
        }
        replies
    }

    /// Begins TLS now.
    pub async fn start_tls(&mut self) {
        self.client.start_tls();
        self.run().await;
    }

    /// Logs in now.
    pub async fn log_in(&mut self, credentials: Credentials) {
        let nonce = self.tls.nonce().unwrap_or_default();
        self.plan.credentials = Some(credentials.clone());
        self.client.log_in_as(credentials, nonce);
        self.run().await;
        self.stamp_login();
    }

    /// Says QUIT, unless it is over already, and gives what was seen.
    pub async fn quit(mut self) -> SessionFacts {
        if !self.is_over() {
            self.plan.reply = FAREWELL;
            self.client.quit();
            self.run().await;
            self.stamp("quit");
        }
        self.give()
    }

    /// Ends it without a word.
    pub fn give(mut self) -> SessionFacts {
        self.facts.opening = self.client.opening().clone();
        self.facts
    }

    /// What was seen so far.
    pub fn facts(&mut self) -> &SessionFacts {
        self.facts.opening = self.client.opening().clone();
        &self.facts
    }

    /// Whether nothing more can be asked.
    pub fn is_over(&self) -> bool {
        self.wire.is_none()
    }

    /// Whether it is under TLS.
    pub fn is_under_tls(&self) -> bool {
        self.facts.tls.is_some()
    }

    /// From here on replies are not waited for longer than that.
    pub fn hurry(&mut self, reply: Duration) {
        self.plan.reply = reply;
    }

    /// Grants more time, for a session in which a person thinks.
    pub fn extend(&mut self, until: Instant) {
        self.plan.until = until;
    }

    fn left(&self) -> Duration {
        self.plan.until.saturating_duration_since(Instant::now())
    }

    async fn run(&mut self) -> Pause {
        loop {
            let step = self.client.step(Instant::now());
            self.take_lines();
            self.stamp_opening();
            match step {
                Step::NeedInput => self.read().await,
                Step::Write(flight) => self.write(flight).await,
                Step::StartTls if self.plan.tls == Tls::Old => {
                    self.ask_old().await;
                    self.wire = None;
                    return Pause::Over;
                }
                Step::StartTls => self.handshake().await,
                Step::Ready => return Pause::Ready,
                Step::Answered(reply) => return Pause::Answered(reply),
                Step::Sent(_) => {}
                Step::Closed(ended) => {
                    self.facts.ended = Some(ended);
                    self.wire = None;
                    return Pause::Over;
                }
            }
            if self.wire.is_none() {
                // The client hears of it, and closes.
                self.client.lost(TroubleKind::ConnectionLost, None, "the connection is gone");
            }
        }
    }

    async fn read(&mut self) {
        let unheard = self.client.opening().first.is_empty() && !self.is_under_tls();
        let deadline = self.client.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let spare = if unheard { POKE } else { Duration::ZERO };
        let limit = deadline.unwrap_or(self.plan.reply).min(self.plan.reply).min(self.left().saturating_sub(spare));
        let Some(wire) = &mut self.wire else { return };
        match wire.hear(limit).await {
            Ok(octets) if octets.is_empty() => {
                self.client.lost(TroubleKind::ConnectionLost, None, "the host closed the connection");
            }
            Ok(octets) => self.client.input(&octets),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let waited = wire.elapsed().saturating_sub(self.at);
                self.facts.gave_up = Some(waited);
                if unheard {
                    self.poke().await;
                }
                let detail = format!("nothing came in {:.1} s", waited.as_secs_f64());
                self.line(By::Note, detail.clone());
                self.client.lost(TroubleKind::Timeout, None, detail);
            }
            Err(error) => self.broke(&error),
        }
    }

    /// A host that never greets may be one that wants to be spoken to: a web server, say.
    async fn poke(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        let words = format!("EHLO {}\r\n\r\n", self.plan.hello);
        if wire.say(words.as_bytes(), POKE).await.is_ok()
            && let Ok(mut octets) = wire.hear(POKE).await
        {
            octets.truncate(OCTETS_MAX);
            // A greeting that came at last is no other protocol: the host is slow.
            if !is_reply(&octets) {
                self.facts.poked = octets;
            }
        }
    }

    async fn write(&mut self, flight: Flight) {
        let mut octets = flight.chunks.concat();
        if self.plan.tls == Tls::Glued && octets == b"STARTTLS\r\n" {
            octets.extend(b"NOOP\r\n");
        }
        let limit = self.plan.reply.min(self.left());
        let Some(wire) = &mut self.wire else { return };
        wire.secret(self.secret);
        let said = wire.say(&Bytes::from(octets), limit).await;
        wire.secret(false);
        self.client.written();
        if let Err(error) = said {
            // A host may refuse, close, and never read: its parting words are worth more than the error.
            if let Some(wire) = &mut self.wire
                && let Ok(octets) = wire.hear(Duration::from_millis(1)).await
            {
                self.client.input(&octets);
            }
            self.broke(&error);
        }
    }

    fn broke(&mut self, error: &io::Error) {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut => TroubleKind::Timeout,
            _ => TroubleKind::ConnectionLost,
        };
        self.client.lost(kind, error.raw_os_error(), error.to_string());
    }

    async fn handshake(&mut self) {
        let limit = self.plan.handshake.min(self.left());
        let begun = self.at;
        let Some(wire) = &mut self.wire else { return };
        match wire.start_tls(&self.tls, &self.plan.host, limit).await {
            Ok(seen) => {
                let facts = format!("{} {}", seen.version, seen.cipher);
                self.facts.tls = Some(seen);
                self.stamp("tls");
                if self.plan.tls == Tls::Glued {
                    self.hear_glued().await;
                }
                self.line(By::Note, facts);
                self.client.tls_started();
            }
            Err(trouble) => {
                self.stamp("tls");
                self.line(By::Note, trouble.detail.clone());
                let waited = self.at.saturating_sub(begun);
                if trouble.detail.starts_with(NO_END) && waited < BRIEF {
                    // It was our time that was over, which says nothing of the host's TLS.
                    self.facts.gave_up = Some(waited);
                    self.client.lost(TroubleKind::Timeout, None, trouble.detail);
                    return;
                }
                self.client.lost(trouble.kind, trouble.errno, trouble.detail.clone());
                self.facts.tls_trouble = Some(trouble);
            }
        }
    }

    /// RFC 3207 §4.2: a host must have forgotten what it was told in clear.
    async fn hear_glued(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        if let Ok(mut octets) = wire.hear(GLUED).await {
            octets.truncate(OCTETS_MAX);
            self.facts.injected = octets;
        }
    }

    async fn ask_old(&mut self) {
        let limit = self.plan.reply.min(self.left());
        // Nothing is encrypted with it, so it need not be a secret; it is to differ.
        let random = self.tls.nonce().unwrap_or_default();
        let mut octets = [0x5a; 32];
        for (octet, byte) in octets.iter_mut().zip(random.bytes()) {
            *octet = byte;
        }
        let Some(wire) = &mut self.wire else { return };
        let mut heard = Vec::new();
        let mut answer = None;
        if wire.say(&old_tls::client_hello(&self.plan.host, octets), limit).await.is_ok() {
            while answer.is_none() && heard.len() < 16 * 1024 {
                match wire.hear(limit).await {
                    Ok(more) if more.is_empty() => break,
                    Ok(more) => heard.extend(more),
                    // Silence is no answer, and a reset is one.
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => return,
                    Err(_) => break,
                }
                answer = old_tls::read_answer(&heard);
            }
        }
        self.facts.old = Some(answer.unwrap_or(OldTls::Nothing));
        self.stamp("old-tls");
    }

    /// Ends a step, and says how long it took.
    fn stamp(&mut self, step: &'static str) -> Duration {
        let now = self.wire.as_ref().map_or(self.at, Wire::elapsed);
        let took = now.saturating_sub(self.at);
        self.at = now.max(self.at);
        self.facts.steps.push(Took { step, took });
        took
    }

    fn stamp_login(&mut self) {
        if self.plan.credentials.is_some() && self.client.opening().greeting.is_some() {
            self.stamp("auth");
        }
    }

    fn stamp_opening(&mut self) {
        let opening = self.client.opening();
        let heard = [
            ("banner", opening.greeting.is_some()),
            ("ehlo", opening.in_clear.is_some()),
            ("starttls", opening.starttls.is_some()),
            ("ehlo-tls", opening.under_tls.is_some()),
        ];
        for (step, heard) in heard {
            if heard && self.facts.took(step).is_none() {
                self.stamp(step);
            }
        }
    }

    fn take_lines(&mut self) {
        for line in self.client.take_transcript().lines() {
            let (by, text) = match line.split_at_checked(3) {
                Some(("C: ", text)) => (By::Us, text),
                Some(("S: ", text)) => (By::Host, text),
                Some(("-- ", text)) => (By::Note, text),
                _ => (By::Note, line),
            };
            self.line(by, text.to_owned());
        }
    }

    fn line(&mut self, by: By, text: String) {
        let at = self.wire.as_ref().map_or(self.at, Wire::elapsed);
        if by == By::Us {
            self.secret = text.ends_with("****");
        }
        let line = Line { at, by, encrypted: self.is_under_tls(), text };
        if let Some(watch) = &self.watch {
            watch(&line);
        }
        if self.facts.lines.len() < LINES_MAX {
            self.facts.lines.push(line);
        }
    }
}

fn settings(plan: &Plan, tls: &ClientTls) -> Settings {
    Settings {
        hello: plan.hello.clone(),
        starttls: match plan.tls {
            Tls::Off | Tls::Implicit => StartTls::Never,
            Tls::WhenOffered | Tls::Old | Tls::Glued => StartTls::WhenOffered,
        },
        under_tls: plan.tls == Tls::Implicit,
        credentials: plan.credentials.clone(),
        nonce: if plan.credentials.is_some() { tls.nonce().unwrap_or_default() } else { String::new() },
        ..Settings::default()
    }
}
