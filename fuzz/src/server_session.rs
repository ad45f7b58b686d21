//! The receiving session against any client.
//!
//! However the bytes are cut into pieces, the same is asked and answered; the session comes to
//! rest, its output is bounded, and a message that it hands over is whole.

use crate::Text;
use crate::mutate::Random;
use postrider_smtp::server::{Answer, AuthOffer, Facts, Message, Question, Server, Settings, Step};
use postrider_smtp::{Reply, ReplyCode};
use std::sync::Arc;
use std::time::Instant;

/// Stands in the input where a handshake is over, if one was asked for: what comes before it and
/// behind STARTTLS came too early.
pub const HANDSHAKE_OVER: &[u8] = b"\xff\xfeTLS\xfe\xff";

const MESSAGE_BYTES_MAX: u64 = 2000;
const RECIPIENTS_MAX: usize = 5;
/// What a session may say to a client that says nothing, and per octet it says. An octet may be
/// an empty line, which costs an error of which there are few; a command of five may ask for the
/// list of extensions, and those are bounded too.
const OUTPUT_BYTES_MAX: usize = 128 * 1024;

/// The first octet says how the session is set up and what it is answered.
pub fn run(data: &[u8]) {
    let Some((&policy, data)) = data.split_first() else { return };
    let whole = Talk::of(policy, data, &mut |left: &[u8]| left.len());
    let single = Talk::of(policy, data, &mut |_: &[u8]| 1);
    assert_eq!(whole, single, "whole and octet by octet differ");
    let mut random = Random::new(data.len() as u64 ^ u64::from(policy));
    let pieces = Talk::of(policy, data, &mut |left: &[u8]| 1 + random.below(left.len().min(40)));
    assert_eq!(whole, pieces, "whole and in pieces differ");
    assert!(whole.output.0.len() <= OUTPUT_BYTES_MAX + 64 * data.len(), "{} octets said", whole.output.0.len());
}

/// All that can be seen of a session from outside.
#[derive(Debug, PartialEq, Eq, Default)]
struct Talk {
    output: Text,
    questions: Vec<Question>,
    refused: Vec<&'static str>,
    closed: bool,
}

impl Talk {
    fn of(policy: u8, data: &[u8], piece: &mut dyn FnMut(&[u8]) -> usize) -> Self {
        let now = Instant::now();
        let mut server = Server::new(Arc::new(settings(policy)), facts(policy));
        let mut talk = Self::default();
        let mut flights = Flights::of(data);
        // Each octet can bring about only so many steps.
        for _ in 0..100 + 20 * data.len() {
            match server.step(now) {
                Step::NeedInput => match flights.next_piece(piece) {
                    Some(bytes) => server.input(bytes),
                    None => return talk,
                },
                Step::Write(bytes) => talk.output.0.extend_from_slice(&bytes),
                Step::StartTls => {
                    // What came early is handed in, as a driver might have read it already.
                    server.input(flights.rest_of_flight());
                    server.tls_begun();
                }
                Step::Ask(question) => {
                    let answer = answer(policy, talk.questions.len(), &question);
                    talk.questions.push(question);
                    server.answer(answer);
                }
                Step::Refused(refused) => talk.refused.push(refused.reason.name()),
                Step::Closed => {
                    server.input(b"NOOP\r\n");
                    assert_eq!(server.step(now), Step::Closed, "closed is closed");
                    talk.closed = true;
                    return talk;
                }
            }
        }
        panic!("the session does not come to rest");
    }
}

/// The input, cut at the marks of handshakes: a piece never reaches over one.
struct Flights<'a> {
    /// What is left of the flight under way.
    left: &'a [u8],
    /// Those behind it, the next one last.
    later: Vec<&'a [u8]>,
}

impl<'a> Flights<'a> {
    fn of(data: &'a [u8]) -> Self {
        let mut later = Vec::new();
        let mut rest = data;
        while let Some(at) = rest.windows(HANDSHAKE_OVER.len()).position(|window| window == HANDSHAKE_OVER) {
            later.push(&rest[..at]);
            rest = &rest[at + HANDSHAKE_OVER.len()..];
        }
        later.push(rest);
        later.reverse();
        let left = later.pop().unwrap_or_default();
        Self { left, later }
    }

    fn next_piece(&mut self, piece: &mut dyn FnMut(&[u8]) -> usize) -> Option<&'a [u8]> {
        while self.left.is_empty() {
            self.left = self.later.pop()?;
        }
        let (taken, left) = self.left.split_at(piece(self.left).clamp(1, self.left.len()));
        self.left = left;
        Some(taken)
    }

    /// Gives what is left of the flight, and goes on to the next one.
    fn rest_of_flight(&mut self) -> &'a [u8] {
        std::mem::replace(&mut self.left, self.later.pop().unwrap_or_default())
    }
}

fn settings(policy: u8) -> Settings {
    let mut settings = Settings::new("fuzz.example");
    if policy & 1 != 0 {
        settings.limits.message_bytes_max = MESSAGE_BYTES_MAX;
        settings.limits.drain_bytes_max = MESSAGE_BYTES_MAX;
        settings.limits.recipients_max = RECIPIENTS_MAX;
    }
    settings
}

fn facts(policy: u8) -> Facts {
    let auth = if policy & 4 != 0 { AuthOffer::Always } else { AuthOffer::UnderTls };
    Facts { tls: false, starttls: policy & 2 != 0, auth, scram: false, own_client: policy & 8 != 0 }
}

/// Mostly yes; with two bits set every third time a no, in turns for now and for ever.
fn answer(policy: u8, turn: usize, question: &Question) -> Answer {
    if let Question::Message(message) = question {
        is_whole(policy, message);
    }
    match (question, policy & 0x30) {
        (Question::Password { .. }, 0x10) => Answer::refuse_login(),
        (_, 0x20) if turn % 3 == 2 => Answer::reply(Reply::new(ReplyCode::LOCAL_ERROR_451, "4.3.0 not now")),
        (_, 0x30) if turn % 4 == 3 => Answer::reply(Reply::new(ReplyCode::FAILED_554, "5.7.1 no")).and_close(),
        _ => Answer::accept(),
    }
}

/// What the relay may rely on.
fn is_whole(policy: u8, message: &Message) {
    let content = &message.content;
    assert!(content.is_empty() || content.ends_with(b"\r\n"), "the last line is not ended");
    assert!(!content.contains(&0), "NUL");
    let bare = content.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n'));
    assert!(!bare && content.first() != Some(&b'\n'), "a lone CR or LF");
    assert!(!message.envelope.recipients.is_empty(), "nobody to send to");
    if policy & 1 != 0 {
        assert!(message.envelope.recipients.len() <= RECIPIENTS_MAX);
        // An unended last line gets its two octets.
        assert!(content.len() as u64 <= MESSAGE_BYTES_MAX + 2, "{} octets", content.len());
    }
}
