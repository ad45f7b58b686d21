//! Hosts that break off, stall, babble or flood at every stage: the session ends, and every
//! recipient has exactly one outcome, in doubt only where the message was out.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use postrider_smtp::client::{Client, Credentials, Ended, Settings, Step, Transaction};
use postrider_smtp::{Content, Envelope, Outcome, Recipient, TroubleKind};
use std::time::Instant;

/// What a well-behaved host says, turn by turn; `TLS` stands for the handshake.
const IN_ONE_FLIGHT: &[&str] =
    &["220 mx", "250-mx\r\n250 PIPELINING", "250 ok\r\n250 ok\r\n250 ok\r\n354 go on", "250 kept"];
const IN_LOCKSTEP: &[&str] = &["220 mx", "250 mx", "250 ok", "250 ok", "250 ok", "354 go on", "250 kept"];
const SECURED: &[&str] = &[
    "220 mx",
    "250-mx\r\n250 STARTTLS",
    "220 go",
    "TLS",
    "250-mx\r\n250-AUTH LOGIN\r\n250-PIPELINING\r\n250 CHUNKING",
    "334 VXNlcm5hbWU6",
    "334 UGFzc3dvcmQ6",
    "235 welcome",
    "250 ok\r\n250 ok\r\n250 ok",
    "250 kept",
];

/// What a host does in place of a turn.
#[derive(Debug, Clone, Copy)]
enum Mischief {
    Closes,
    Stalls,
    Says421,
    Babbles,
    EndlessLine,
    EndlessReply,
    SaysMore,
    Hesitates,
}

use Mischief::{Babbles, Closes, EndlessLine, EndlessReply, Hesitates, Says421, SaysMore, Stalls};

struct Seen {
    outcomes: Vec<Outcome>,
    ended: Option<Ended>,
}

fn play(turns: &[&str], at: usize, mischief: Mischief) -> Seen {
    let needs_auth = turns.contains(&"235 welcome");
    let who = Credentials { user: "tom".into(), password: "secret".into(), in_clear: false };
    let mut client = Client::new(Settings { credentials: needs_auth.then_some(who), ..Settings::default() });
    let recipient = |address: &str| Recipient::new(address.parse().expect("an address"));
    client.send(Transaction {
        envelope: Envelope::default(),
        recipients: vec![recipient("b@y.example"), recipient("c@y.example")],
        content: Content::split(Bytes::from_static(b"Subject: hi\r\n\r\nhello\r\n")),
    });
    let mut now = Instant::now();
    let mut seen = Seen { outcomes: Vec::new(), ended: None };
    let mut turn = 0;
    for _ in 0..100_000 {
        match client.step(now) {
            Step::Write(_) => client.written(),
            Step::StartTls => {
                assert_eq!(turns[turn], "TLS");
                turn += 1;
                client.tls_started();
            }
            Step::Sent(sent) => seen.outcomes.extend(sent.outcomes),
            Step::Answered(reply) => panic!("nothing was asked: {reply}"),
            Step::Ready => return seen,
            Step::Closed(ended) => {
                seen.ended = Some(ended);
                return seen;
            }
            Step::NeedInput if turn == at => match mischief {
                Closes => client.lost(TroubleKind::ConnectionLost, None, "closed"),
                Stalls => now = client.deadline().expect("a deadline"),
                Says421 => client.input(b"421 4.3.2 going down\r\n"),
                Babbles => client.input(b"\0\xff\xfe what?\r\n"),
                // 10 MB, if it were let.
                EndlessLine => client.input(&[b'2'; 1000]),
                EndlessReply => client.input(b"250-and so on\r\n"),
                SaysMore => client.input(format!("{}\r\n250 and more\r\n", turns[turn]).as_bytes()),
                Hesitates => {
                    client.input(&turns[turn].as_bytes()[..2]);
                    now = client.deadline().expect("a deadline");
                }
            },
            Step::NeedInput => {
                client.input(format!("{}\r\n", turns[turn]).as_bytes());
                turn += 1;
            }
        }
    }
    panic!("{mischief:?} at turn {at} has no end");
}

#[test]
fn every_mischief_at_every_stage_ends_the_session_with_one_outcome_each() {
    let table = [
        (Closes, TroubleKind::ConnectionLost),
        (Stalls, TroubleKind::Timeout),
        (Babbles, TroubleKind::ProtocolViolation),
        (EndlessLine, TroubleKind::ProtocolViolation),
        (EndlessReply, TroubleKind::ProtocolViolation),
        (Hesitates, TroubleKind::Timeout),
    ];
    for turns in [IN_ONE_FLIGHT, IN_LOCKSTEP, SECURED] {
        for at in (0..turns.len()).filter(|at| turns[*at] != "TLS") {
            for (mischief, want) in table {
                let Seen { outcomes, ended } = play(turns, at, mischief);
                let place = format!("{mischief:?} in place of {:?}", turns[at]);
                assert!(matches!(&ended, Some(Ended::Broken(trouble)) if trouble.kind == want), "{place}: {ended:?}");
                assert_eq!(outcomes.len(), 2, "{place}");
                let last = at + 1 == turns.len();
                for outcome in outcomes {
                    match outcome {
                        Outcome::InDoubt(trouble) if last => assert_eq!(trouble.kind, want, "{place}"),
                        Outcome::Unreached(trouble) if !last => assert_eq!(trouble.kind, want, "{place}"),
                        other => panic!("{place}: {other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_421_is_heard_at_every_stage() {
    for turns in [IN_ONE_FLIGHT, IN_LOCKSTEP, SECURED] {
        for at in (0..turns.len()).filter(|at| turns[*at] != "TLS") {
            let Seen { outcomes, ended } = play(turns, at, Says421);
            assert!(matches!(ended, Some(Ended::Refused { .. })), "in place of {:?}: {ended:?}", turns[at]);
            assert_eq!(outcomes.len(), 2);
            for outcome in outcomes {
                assert!(outcome.to_string().ends_with("421 4.3.2 going down"), "{outcome}");
            }
        }
    }
}

#[test]
fn a_reply_too_many_at_any_stage_ends_the_session_and_nothing_is_taken_for_delivered() {
    for turns in [IN_ONE_FLIGHT, IN_LOCKSTEP, SECURED] {
        for at in (0..turns.len() - 1).filter(|at| turns[*at] != "TLS") {
            let Seen { outcomes, ended } = play(turns, at, SaysMore);
            let place = format!("behind {:?}", turns[at]);
            assert!(matches!(&ended, Some(Ended::Broken(t)) if t.kind == TroubleKind::ProtocolViolation), "{place}");
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unreached(_))), "{place}: {outcomes:?}");
        }
    }
}
