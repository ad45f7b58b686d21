//! One event of each kind, as `docs/events.md` shows them.

use postrider_events::{
    Accepted, Attempted, Event, Expired, Found, Next, Noticed, Operated, Origin, Recovered, Refused, Tidings, Via,
};
use postrider_reply::{Context, Decoder};
use postrider_smtp::{Address, MessageId, Outcome, Phase, Reply, ReplyCode, Timestamp, Trouble, TroubleKind};

/// 2025-11-24T16:50:08Z: in the past of every test, as histories are searched by age.
const NOW: i64 = 1_764_003_008_000;

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp(NOW + ms)
}

pub(crate) fn message() -> MessageId {
    MessageId::at(at(0), 1)
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn attempted(ms: i64, outcome: Outcome, next: Option<Next>) -> Attempted {
    Attempted {
        at: at(ms),
        message: message(),
        sender: Some(address("ann@shop.example")),
        recipient: address("tom@customer.example"),
        destination: "customer.example".parse().unwrap(),
        attempt: 1,
        took_ms: 84,
        via: Via {
            site: Some("mx.mailhost.example".into()),
            host: Some("mx1.mailhost.example".into()),
            address: Some("192.0.2.25:25".parse().unwrap()),
            source: Some("198.51.100.7".parse().unwrap()),
            tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384, certificate not verified".into()),
        },
        verdict: Decoder::new().decode(&outcome, &Context::default()),
        outcome,
        next,
        transcript: None,
    }
}

fn replied(phase: Phase, code: ReplyCode, text: &str) -> Outcome {
    Outcome::Replied { phase, reply: Reply::new(code, text) }
}

fn operated() -> Box<Operated> {
    Box::new(Operated {
        at: at(600_000),
        message: None,
        destination: Some("customer.example".parse().unwrap()),
        address: None,
        recipients: 120,
        by: "postrider queue".into(),
    })
}

pub(crate) fn delivered() -> Event {
    Event::Delivered(Box::new(attempted(
        97,
        replied(Phase::Dot, ReplyCode::OK_250, "2.0.0 Ok: queued as 4bXyZ1"),
        None,
    )))
}

pub(crate) fn all() -> Vec<Event> {
    let retry = |ms, reason: &str| Some(Next { due: at(ms), reason: reason.into() });
    let lost = Trouble {
        phase: Phase::Dot,
        kind: TroubleKind::ConnectionLost,
        errno: Some(104),
        detail: "connection reset by peer".into(),
    };
    let greylisted = replied(Phase::Rcpt, ReplyCode::LOCAL_ERROR_451, "4.7.1 Greylisted, try again in 300 seconds");
    let unknown = replied(Phase::Rcpt, ReplyCode::MAILBOX_UNAVAILABLE_550, "5.1.1 No such user here");
    let mut deferred = attempted(120, greylisted, retry(300_120, "the host asks to wait 300 s"));
    deferred.transcript = Some(
        "S: 220 mx1.mailhost.example ESMTP\nC: EHLO relay.shop.example\n…\nS: 451 4.7.1 Greylisted, try again in 300 seconds\n".into(),
    );
    vec![
        Event::Accepted(Box::new(Accepted {
            at: at(0),
            message: message(),
            origin: Origin::Submission,
            client: "shop".into(),
            protocol: "ESMTPSA".into(),
            tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384".into()),
            sender: Some(address("ann@shop.example")),
            recipients: vec![address("tom@customer.example"), address("jürgen@other.example")],
            size: 10_240,
            header_id: Some("order-4711@shop.example".into()),
        })),
        Event::Refused(Box::new(Refused {
            at: at(5),
            client: "203.0.113.9:40222".into(),
            hello: "localhost".into(),
            phase: Phase::Rcpt,
            sender: Some(address("ann@shop.example")),
            recipient: Some("tom@customer.example".into()),
            reply: Reply::new(ReplyCode::FAILED_554, "5.7.1 Relaying is not allowed for you"),
            reason: "203.0.113.9 is neither in smtp.networks nor authenticated".into(),
        })),
        delivered(),
        Event::Deferred(Box::new(deferred)),
        Event::InDoubt(Box::new(attempted(130, Outcome::InDoubt(lost), retry(1_800_130, "no reply to the final dot")))),
        Event::Failed(Box::new(attempted(140, unknown, None))),
        Event::Expired(Box::new(Expired {
            at: at(432_000_000),
            message: message(),
            sender: Some(address("ann@shop.example")),
            recipient: address("tom@customer.example"),
            destination: "customer.example".parse().unwrap(),
            attempts: 31,
            reason: "expired".into(),
        })),
        Event::Noticed(Box::new(Noticed {
            at: at(432_000_010),
            message: message(),
            notice: MessageId::at(at(432_000_010), 1),
            tidings: Tidings::Failure,
            to: address("ann@shop.example"),
            recipients: vec![address("tom@customer.example")],
        })),
        Event::Held(operated()),
        Event::Released(operated()),
        Event::Retried(Box::new(Operated {
            message: Some(message()),
            destination: None,
            recipients: 1,
            ..*operated()
        })),
        Event::Dropped(Box::new(Operated {
            address: Some("ann@shop.example".into()),
            destination: None,
            recipients: 3,
            ..*operated()
        })),
        Event::Recovered(Box::new(Recovered {
            at: at(60_000),
            message: message(),
            found: Found::InDoubt,
            recipients: vec![0],
        })),
    ]
}
