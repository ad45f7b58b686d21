//! The sending session against any server.
//!
//! Every transaction gets one outcome for each recipient, delivery and doubt are told only where
//! the end of the message was written, the session comes to rest, and no secret is shown.

use crate::Text;
use bytes::Bytes;
use postrider_smtp::client::{Client, Credentials, Settings, StartTls, Step, TRANSCRIPT_BYTES_MAX, Transaction};
use postrider_smtp::{Address, Content, Domain, Envelope, Host, Outcome, Recipient, TroubleKind};
use std::time::Instant;

const PASSWORD: &str = "open-sesame-7";
const TRANSACTIONS: usize = 3;

/// The first octet says how the session is set up; the rest is what the server says, one reply
/// whenever the client listens.
pub fn run(data: &[u8]) {
    let Some((&policy, data)) = data.split_first() else { return };
    let whole = Talk::of(policy, data, false);
    let single = Talk::of(policy, data, true);
    assert_eq!(whole, single, "whole replies and single octets differ");
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Talk {
    output: Text,
    outcomes: Vec<Vec<Outcome>>,
    ended: Option<postrider_smtp::client::Ended>,
    transcript: String,
}

impl Talk {
    fn of(policy: u8, data: &[u8], by_octets: bool) -> Self {
        let now = Instant::now();
        let mut client = Client::new(settings(policy));
        let mut talk = Self::default();
        let mut server = Server { left: data };
        let (mut begun, mut ends_written) = (0, 0);
        for _ in 0..200 + 20 * data.len() {
            match client.step(now) {
                Step::NeedInput => match server.says(by_octets) {
                    Some(bytes) => client.input(bytes),
                    None => client.lost(TroubleKind::ConnectionLost, None, "the server went away"),
                },
                Step::Write(flight) => {
                    for chunk in &flight.chunks {
                        assert!(!chunk.is_empty(), "an empty chunk");
                        talk.output.0.extend_from_slice(chunk);
                    }
                    ends_written += usize::from(flight.ends_message);
                    client.written();
                }
                Step::StartTls => client.tls_started(),
                Step::Ready if begun < TRANSACTIONS => {
                    begun += 1;
                    client.send(transaction(policy, begun));
                }
                Step::Ready => client.quit(),
                Step::Sent(sent) => {
                    assert_eq!(sent.outcomes.len(), recipients(policy), "one outcome for each recipient");
                    let decided = |outcome: &Outcome| outcome.is_delivered() || matches!(outcome, Outcome::InDoubt(_));
                    if sent.outcomes.iter().any(decided) {
                        assert!(ends_written > 0, "no message was ended: {:?}", sent.outcomes);
                    }
                    talk.outcomes.push(sent.outcomes);
                }
                Step::Answered(reply) => panic!("nothing was asked: {reply}"),
                Step::Closed(ended) => {
                    assert_eq!(talk.outcomes.len(), begun, "each transaction is told once");
                    talk.ended = Some(ended);
                    talk.transcript = client.take_transcript();
                    assert!(talk.transcript.len() <= 2 * TRANSCRIPT_BYTES_MAX, "{} octets", talk.transcript.len());
                    assert!(!talk.transcript.contains(PASSWORD), "{}", talk.transcript);
                    return talk;
                }
            }
        }
        panic!("the session does not come to rest");
    }
}

/// Says one reply at a time: whole, or its octets one by one.
struct Server<'a> {
    left: &'a [u8],
}

impl<'a> Server<'a> {
    fn says(&mut self, by_octets: bool) -> Option<&'a [u8]> {
        if self.left.is_empty() {
            return None;
        }
        let (said, left) = self.left.split_at(if by_octets { 1 } else { self.end_of_reply() });
        self.left = left;
        Some(said)
    }

    /// Behind the first line that does not say that another follows.
    fn end_of_reply(&self) -> usize {
        let mut end = 0;
        for line in self.left.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            if line.get(3) != Some(&b'-') {
                break;
            }
        }
        end
    }
}

fn settings(policy: u8) -> Settings {
    let credentials = Credentials { user: "ali".into(), password: PASSWORD.into(), in_clear: policy & 8 != 0 };
    Settings {
        hello: Host::Domain(domain("relay.example")),
        starttls: match policy & 3 {
            0 => StartTls::Never,
            1 => StartTls::Required,
            _ => StartTls::default(),
        },
        credentials: (policy & 4 != 0).then_some(credentials),
        nonce: "fyko+d2lbbFgONRv9qkxdawL".into(),
        chunking: policy & 0x10 != 0,
        ..Settings::default()
    }
}

fn recipients(policy: u8) -> usize {
    usize::from(policy >> 6) + 1
}

fn transaction(policy: u8, number: usize) -> Transaction {
    let mut envelope = Envelope { sender: address("list@sender.example"), ..Envelope::default() };
    envelope.require_tls = policy & 0x20 != 0 && number == 2;
    envelope.smtputf8 = policy & 0x20 != 0 && number == 3;
    let to = (0..recipients(policy)).filter_map(|index| address(&format!("to{index}@rcpt.example")));
    let message = Bytes::from_static(b"Subject: dots\r\n\r\nfirst\r\n.\r\n..two\r\nlast\r\n");
    Transaction { envelope, recipients: to.map(Recipient::new).collect(), content: Content::split(message) }
}

fn address(text: &str) -> Option<Address> {
    Address::parse(text).ok()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("a domain")
}
