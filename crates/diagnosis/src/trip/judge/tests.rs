//! The truth table: every fate of the mail there with every fate of the mail back.

use super::super::model::Place;
use super::*;
use postrider_reply::{Context, Decoder};
use postrider_smtp::Said;
use std::sync::LazyLock;

fn means(said: &str) -> Verdict {
    static DECODER: LazyLock<Decoder> = LazyLock::new(Decoder::new);
    DECODER.explain(&Said::parse(said), &Context::default())
}

fn taken() -> Taken {
    Taken { host: "smtp.x.test".into(), reply: "250 2.0.0 queued as 4F1".into(), steps: Vec::new(), in_doubt: false }
}

fn stop(stage: Stage, said: &str, named: bool) -> Leg {
    let means = (stage != Stage::Server).then(|| means(said));
    Leg::NotTaken(Stop {
        stage,
        host: Some("smtp.x.test".into()),
        said: said.into(),
        means,
        named,
        wrong_mode: false,
        steps: Vec::new(),
    })
}

fn wrong_mode() -> Leg {
    let said = "smtp.x.test:587 does not begin with TLS";
    let Leg::NotTaken(stop) = stop(Stage::Tls, said, true) else { unreachable!() };
    Leg::NotTaken(Stop { wrong_mode: true, ..stop })
}

fn bounce(said: &str) -> Leg {
    let bounce = Bounced { host: Some("mx.y.test".into()), said: said.into(), means: means(said) };
    Leg::Bounced { taken: taken(), bounce }
}

fn arrived(kind: PlaceKind, after_ms: u64) -> Leg {
    let folder = if kind == PlaceKind::Junk { "Spam" } else { "INBOX" };
    let place = Place { kind, folder: folder.into() };
    Leg::Arrived { taken: taken(), arrived: Arrived { place, after_ms, hops: Vec::new(), authentication: None } }
}

/// A fate with what is to be said of it: health, and who must act, as seen from the sender.
struct Fate {
    name: &'static str,
    leg: Leg,
    /// Of the mail there; and of the mail back, as B's trouble with B's own server says nothing about A.
    health: Health,
    back: Health,
    act: Part,
    words: &'static str,
}

#[derive(Clone, Copy)]
enum Part {
    Sender,
    SendersHost,
    Receiver,
    ReceiversHost,
    /// Who runs A's mail, whichever way the mail went.
    HostInQuestion,
    Nobody,
}

fn fates() -> Vec<Fate> {
    use Health::{AtRisk, Broken, Ok, Unknown};
    let fate = |name, leg, health, act, words| {
        let own = matches!(&leg, Leg::NotTaken(Stop { stage, .. }) if (*stage as u8) <= Stage::Sender as u8);
        Fate { name, leg, health, back: if own { Unknown } else { health }, act, words }
    };
    vec![
        fate(
            "not tried",
            Leg::NotTried { why: "no password".into() },
            Unknown,
            Part::Nobody,
            "was not tested: no password",
        ),
        fate(
            "no server",
            stop(Stage::Server, "nothing in DNS", false),
            Unknown,
            Part::Sender,
            "no server that takes mail",
        ),
        fate(
            "guesses fail",
            stop(Stage::Connect, "connection refused", false),
            Unknown,
            Part::Sender,
            "could be reached",
        ),
        fate(
            "unreachable",
            stop(Stage::Connect, "connection refused", true),
            Broken,
            Part::SendersHost,
            "cannot be reached",
        ),
        fate("no TLS", stop(Stage::Tls, "certificate expired", true), Broken, Part::SendersHost, "no trusted TLS"),
        fate("wrong mode", wrong_mode(), Broken, Part::Sender, "does not begin with TLS"),
        fate(
            "foreign sender",
            stop(Stage::Sender, "553 5.7.1 Sender address rejected: not owned by user", true),
            Broken,
            Part::Sender,
            "does not take mail from",
        ),
        fate(
            "login refused",
            stop(Stage::Login, "535 5.7.8 authentication failed", true),
            Broken,
            Part::Sender,
            "refuses the login",
        ),
        fate(
            "login down",
            stop(Stage::Login, "454 4.7.0 Temporary authentication failure", true),
            Broken,
            Part::SendersHost,
            "refuses the login",
        ),
        fate(
            "unknown recipient",
            stop(Stage::Recipient, "550 5.1.1 no such user", true),
            Broken,
            Part::Sender,
            "does not take mail from",
        ),
        fate(
            "full at RCPT",
            stop(Stage::Recipient, "552 5.2.2 mailbox full", true),
            Broken,
            Part::Receiver,
            "does not take mail from",
        ),
        fate("bounced full", bounce("552 5.2.2 mailbox full"), Broken, Part::Receiver, "came back from mx.y.test"),
        fate(
            "bounced for SPF",
            bounce("550 5.7.23 SPF validation failed"),
            Broken,
            Part::SendersHost,
            "came back from mx.y.test",
        ),
        fate("lost", Leg::Missing { taken: taken(), waited_ms: 55_000 }, Broken, Part::HostInQuestion, "within 55 s"),
        fate(
            "unseen",
            Leg::Unseen { taken: taken(), why: "it hung up".into() },
            Unknown,
            Part::ReceiversHost,
            "cannot be seen",
        ),
        fate("junk", arrived(PlaceKind::Junk, 900), AtRisk, Part::Receiver, "in \"Spam\""),
        fate("slow", arrived(PlaceKind::Inbox, 75_250), AtRisk, Part::ReceiversHost, "only after 75.250 s"),
        fate("sorted", arrived(PlaceKind::Elsewhere, 900), Ok, Part::Nobody, "after 0.900 s"),
        fate("arrived", arrived(PlaceKind::Inbox, 900), Ok, Part::Nobody, "after 0.900 s"),
    ]
}

fn actor(part: Part, sender_is_a: bool) -> Actor {
    match (part, sender_is_a) {
        (Part::Sender, true) | (Part::Receiver, false) => Actor::A,
        (Part::Sender, false) | (Part::Receiver, true) => Actor::B,
        (Part::SendersHost, true) | (Part::ReceiversHost, false) => Actor::AHost,
        (Part::SendersHost, false) | (Part::ReceiversHost, true) => Actor::BHost,
        (Part::HostInQuestion, _) => Actor::AHost,
        (Part::Nobody, _) => Actor::Nobody,
    }
}

fn facts(out: Leg, back: Leg) -> Facts {
    Facts {
        a: "a@x.test".into(),
        b: "b@y.test".into(),
        mailboxes: Vec::new(),
        out,
        back,
        one_way: false,
        left_behind: Vec::new(),
        took_ms: 0,
    }
}

#[test]
fn every_fate_there_with_every_fate_back() {
    let headlines = [
        // sending ok, at risk, broken, unknown; in each receiving in the same order
        [
            "both sending and receiving work",
            "both sending and receiving work, but receiving not well",
            "receiving is broken, sending works",
            "sending works; receiving could not be tested",
        ],
        [
            "both sending and receiving work, but sending not well",
            "both sending and receiving work, but neither well",
            "receiving is broken, sending works",
            "sending works; receiving could not be tested",
        ],
        [
            "sending is broken, receiving works",
            "sending is broken, receiving works",
            "neither sending nor receiving works",
            "sending is broken; receiving could not be tested",
        ],
        [
            "receiving works; sending could not be tested",
            "receiving works; sending could not be tested",
            "receiving is broken; sending could not be tested",
            "neither sending nor receiving could be tested",
        ],
    ];
    let place = |health| match health {
        Health::Ok => 0,
        Health::AtRisk => 1,
        Health::Broken => 2,
        Health::Unknown => 3,
    };
    let exits = [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 2, 2], [3, 3, 2, 3]];
    let all = fates();
    assert!(all.len() >= 17);
    for out in &all {
        for back in &all {
            let seen = facts(out.leg.clone(), back.leg.clone());
            let answer = judge(&seen);
            let name = format!("{} there, {} back", out.name, back.name);
            let (row, column) = (place(out.health), place(back.back));
            assert_eq!(answer.headline, headlines[row][column], "{name}");
            assert_eq!(exit_code(&seen, &answer), exits[row][column], "{name}");
            assert_eq!((answer.sending.health, answer.receiving.health), (out.health, back.back), "{name}");
            assert_eq!(answer.sending.act, actor(out.act, true), "{name}");
            assert_eq!(answer.receiving.act, actor(back.act, false), "{name}");
            assert!(answer.sending.sentence.contains(out.words), "{name}: {}", answer.sending.sentence);
            assert!(answer.receiving.sentence.contains(back.words), "{name}: {}", answer.receiving.sentence);
            let worst = if rank(back.back) > rank(out.health) { &answer.receiving } else { &answer.sending };
            assert_eq!(answer.act, worst.act, "{name}");
        }
    }
}

#[test]
fn only_the_way_that_was_asked_for_counts() {
    for fate in fates() {
        let mut seen = facts(fate.leg, Leg::NotTried { why: "only one way was asked for".into() });
        seen.one_way = true;
        let answer = judge(&seen);
        let (exit, words) = match fate.health {
            Health::Ok => (0, "sending works"),
            Health::AtRisk => (1, "sending works, but not well"),
            Health::Broken => (2, "sending is broken"),
            Health::Unknown => (3, "whether sending works could not be found out"),
        };
        assert_eq!((exit_code(&seen, &answer), answer.headline.as_str()), (exit, words), "{}", fate.name);
    }
}

#[test]
fn what_else_is_known_names_the_actor() {
    let mailbox = |full, login_refused| Mailbox {
        address: "b@y.test".into(),
        host: None,
        trouble: None,
        login_refused,
        full,
        steps: Vec::new(),
    };
    let mut seen = facts(Leg::Missing { taken: taken(), waited_ms: 1 }, arrived(PlaceKind::Inbox, 1));
    seen.mailboxes = vec![mailbox(true, false)];
    assert_eq!(judge(&seen).act, Actor::B);
    seen.out = Leg::Unseen { taken: taken(), why: "the password is wrong".into() };
    seen.mailboxes = vec![mailbox(false, true)];
    assert_eq!(judge(&seen).act, Actor::B);
    let authentication = Authentication { by: "mx.y.test".into(), spf: Some("fail".into()), dkim: None, dmarc: None };
    let place = Place { kind: PlaceKind::Junk, folder: "Junk".into() };
    let junk = Arrived { place, after_ms: 5, hops: Vec::new(), authentication: Some(authentication) };
    seen.out = Leg::Arrived { taken: taken(), arrived: junk };
    let answer = judge(&seen);
    assert_eq!(answer.act, Actor::AHost);
    assert_eq!(
        answer.sending.advice[0],
        "mx.y.test found SPF = fail: x.test should let its SPF record name the server that sends."
    );
}
