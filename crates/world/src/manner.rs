//! What a host says to what a session asks, by its manner.
//!
//! The words are of our own making, but for codes, statuses and the turns of phrase by which
//! real hosts are recognised. Nothing here opens a socket or reads a clock.

use crate::persona::{Manner, Persona};
use crate::tally::{Taken, Tally};
use crate::world::Settings;
use postrider_smtp::server::{self, Answer, Message, Question};
use postrider_smtp::{Address, Recipient, Reply, ReplyCode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Triplets a greylisting host remembers; then it forgets them all.
const TRIPLETS_MAX: usize = 200_000;
/// What a content filter takes for spam: its own mark, and the one agreed on for tests of such filters.
pub const SPAM_MARK: &str = "FREE MONEY";
const GTUBE: &[u8] = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// A host: its persona, and what it remembers.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) persona: &'static Persona,
    settings: Settings,
    tally: Arc<Tally>,
    began: Instant,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    triplets: HashMap<(IpAddr, String, String), Instant>,
    window_began: Instant,
    window_messages: u32,
    draw: Draw,
}

/// What a host knows of one session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: IpAddr,
    pub(crate) tls: bool,
    sender: Option<Address>,
}

impl Session {
    pub(crate) fn new(client: IpAddr) -> Self {
        Self { client, tls: false, sender: None }
    }
}

/// A decision, and how long it takes to make it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) answer: Answer,
    pub(crate) pause: Duration,
}

impl Host {
    pub(crate) fn new(persona: &'static Persona, settings: Settings, tally: Arc<Tally>, now: Instant) -> Self {
        let draw = Draw(settings.seed ^ u64::from(persona.octet()));
        let memory = Memory { triplets: HashMap::new(), window_began: now, window_messages: 0, draw };
        Self { persona, settings, tally, began: now, memory: Mutex::new(memory) }
    }

    /// The session's settings that go with the manner.
    pub(crate) fn smtp_settings(&self) -> server::Settings {
        let mut settings = server::Settings::new(self.persona.host());
        settings.greeting = "ESMTP ready".into();
        match self.persona.manner {
            Manner::SizeLimited => settings.limits.message_bytes_max = self.settings.small_bytes_max,
            Manner::Old => {
                settings.greeting = "Mail service ready".into();
                settings.extensions.pipelining = false;
                settings.extensions.eight_bit_mime = false;
                settings.extensions.smtputf8 = false;
                settings.extensions.chunking = false;
                settings.extensions.dsn = false;
                settings.extensions.enhanced_status_codes = false;
            }
            _ => {}
        }
        settings
    }

    /// Whether STARTTLS is offered: by one who asks for it, and by some who do not.
    pub(crate) fn offers_tls(&self) -> bool {
        matches!(self.persona.manner, Manner::RequiresTls | Manner::Greylists | Manner::MailboxFull)
    }

    /// A client has connected.
    pub(crate) fn connected(&self) {
        self.tally.connected(self.persona.domain);
    }

    /// What to say.
    pub(crate) fn decide(&self, session: &mut Session, question: Question, now: Instant) -> Decision {
        if let Question::Mail(mail) = &question {
            session.sender.clone_from(&mail.sender);
        }
        let slow = self.persona.manner == Manner::Slow;
        let pause = if slow { self.settings.slow_pause } else { Duration::ZERO };
        let answer = if let Some(answer) = self.drop_connection(&question) {
            answer
        } else if let Some(answer) = self.objection(session, &question, now) {
            self.tally.refused(self.persona.domain);
            answer
        } else {
            match question {
                Question::Message(message) => self.take(*message, true),
                // There are no users here.
                Question::Password { .. } | Question::ScramKeys { .. } => Answer::refuse_login(),
                _ => Answer::accept(),
            }
        };
        Decision { answer, pause }
    }

    /// Why the host does not do what it is asked for, if so.
    fn objection(&self, session: &Session, question: &Question, now: Instant) -> Option<Answer> {
        match (self.persona.manner, question) {
            (Manner::BlocksUs, Question::Greeting) => Some(blocked(session.client)),
            (Manner::Greylists, Question::Rcpt(recipient)) => self.greylist(session, recipient, now),
            (Manner::LimitsRate, Question::Mail(_)) => self.limit_rate(session.client, now),
            (Manner::MailboxFull, Question::Rcpt(recipient)) => Some(say(
                ReplyCode::NO_STORAGE_452,
                &format!("4.2.2 The mailbox of {} is over quota. Please try again later", recipient.address),
            )),
            (Manner::MailboxOverfull, Question::Rcpt(recipient)) => Some(say(
                ReplyCode::TOO_BIG_552,
                &format!("5.2.2 {}: mailbox is full, quota exceeded", recipient.address),
            )),
            (Manner::UnknownUsers, Question::Rcpt(recipient)) if recipient.address.local().starts_with("gone") => Some(
                say(ReplyCode::MAILBOX_UNAVAILABLE_550, &format!("5.1.1 <{}>: no such user here", recipient.address)),
            ),
            (Manner::RequiresTls, Question::Mail(_)) if !session.tls => {
                Some(say(ReplyCode::AUTH_REQUIRED_530, "5.7.0 Must issue a STARTTLS command first"))
            }
            (Manner::FiltersContent, Question::Message(message)) if is_spam(&message.content) => Some(say(
                ReplyCode::MAILBOX_UNAVAILABLE_550,
                "5.7.1 Message rejected as spam by our content filter; reference filter.test/why",
            )),
            (Manner::TroubleAtFirst, Question::Mail(_)) if now < self.began + self.settings.trouble_for => Some(say(
                ReplyCode::LOCAL_ERROR_451,
                "4.3.2 The system is not accepting mail at the moment, try again later",
            )),
            (Manner::Old, Question::Hello { extended: true, .. }) => {
                Some(say(ReplyCode::NOT_IMPLEMENTED_502, "Command not implemented"))
            }
            _ => None,
        }
    }

    /// RFC 6647 §2.4: the first attempt of a triplet is put off, a later one is taken.
    fn greylist(&self, session: &Session, recipient: &Recipient, now: Instant) -> Option<Answer> {
        let sender = session.sender.as_ref().map(Address::to_string).unwrap_or_default();
        let triplet = (session.client, sender, recipient.address.to_string());
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.triplets.len() >= TRIPLETS_MAX {
            memory.triplets.clear();
        }
        let first_seen = *memory.triplets.entry(triplet).or_insert(now);
        let left = (first_seen + self.settings.greylist_for).checked_duration_since(now)?;
        if left.is_zero() {
            return None;
        }
        let seconds = left.as_secs_f32().ceil();
        Some(say(ReplyCode::LOCAL_ERROR_451, &format!("4.7.1 Greylisted, please try again in {seconds} seconds")))
    }

    fn limit_rate(&self, client: IpAddr, now: Instant) -> Option<Answer> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(memory.window_began) >= self.settings.rate_window {
            memory.window_began = now;
            memory.window_messages = 0;
        }
        memory.window_messages += 1;
        if memory.window_messages <= self.settings.rate_messages_max {
            return None;
        }
        let text = format!("4.7.28 Unusual rate of mail from [{client}]; it is limited for a while, try again later");
        Some(say(ReplyCode::UNAVAILABLE_421, &text).and_close())
    }

    /// One time in ten each: at the greeting, at MAIL, at RCPT. Behind the final dot one time in
    /// three, and then the message is taken every other time, so that the sender cannot know.
    fn drop_connection(&self, question: &Question) -> Option<Answer> {
        if self.persona.manner != Manner::DropsConnections {
            return None;
        }
        let one_in = |count: u64| {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.draw.below(count) == 0
        };
        match question {
            Question::Greeting | Question::Mail(_) | Question::Rcpt(_) if one_in(10) => Some(Answer::hang_up()),
            Question::Message(message) if one_in(3) => {
                Some(if one_in(2) { self.take(Message::clone(message), false) } else { Answer::hang_up() })
            }
            _ => None,
        }
    }

    fn take(&self, message: Message, told: bool) -> Answer {
        let taken = Taken {
            domain: self.persona.domain,
            sender: message.envelope.sender.map(|sender| sender.to_string()).unwrap_or_default(),
            recipients: message.envelope.recipients.iter().map(|r| r.address.to_string()).collect(),
            content: message.content,
        };
        self.tally.took(taken, told);
        if told { say(ReplyCode::OK_250, "2.0.0 Ok: taken") } else { Answer::hang_up() }
    }
}

fn blocked(client: IpAddr) -> Answer {
    let text = format!(
        "5.7.1 Service unavailable; client host [{client}] blocked using list.dnsbl.test; \
         see https://list.dnsbl.test/query/{client}"
    );
    say(ReplyCode::FAILED_554, &text).and_close()
}

fn is_spam(content: &[u8]) -> bool {
    let has = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    has(SPAM_MARK.as_bytes()) || has(GTUBE)
}

fn say(code: ReplyCode, text: &str) -> Answer {
    Answer::reply(Reply::new(code, text))
}

/// SplitMix64: the same draws for the same seed.
#[derive(Debug)]
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound.max(1)
    }
}
