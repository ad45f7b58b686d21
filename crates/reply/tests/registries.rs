//! Every code of the registries, every trouble, and the order of trust.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use postrider_reply::{Cause, Confidence, Context, Decoder, Disposition, Scope, Verdict};
use postrider_smtp::{Outcome, Phase, Reply, ReplyCode, Trouble, TroubleKind};
use std::sync::LazyLock;

static DECODER: LazyLock<Decoder> = LazyLock::new(Decoder::new);

fn replied(phase: Phase, code: u16, text: &str) -> Outcome {
    Outcome::Replied { phase, reply: Reply::new(ReplyCode::new(code).unwrap(), text) }
}

fn decode(phase: Phase, code: u16, text: &str) -> Verdict {
    DECODER.decode(&replied(phase, code, text), &Context::default())
}

/// All subject.detail pairs of IANA's registry of enhanced status codes, as of 2026-08.
const REGISTERED: [(u16, &[u16]); 8] = [
    (0, &[0]),
    (1, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (2, &[0, 1, 2, 3, 4]),
    (3, &[0, 1, 2, 3, 4, 5, 6]),
    (4, &[0, 1, 2, 3, 4, 5, 6, 7]),
    (5, &[0, 1, 2, 3, 4, 5, 6]),
    (6, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (
        7,
        &[
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
            29, 30,
        ],
    ),
];

#[test]
fn every_registered_status_is_known_in_every_phase() {
    let decoder = &*DECODER;
    for (subject, details) in REGISTERED {
        for (detail, phase) in details.iter().flat_map(|detail| Phase::ALL.map(|phase| (detail, phase))) {
            for (code, class) in [(451, 4), (554, 5)] {
                let text = format!("{class}.{subject}.{detail} whatever");
                let verdict = decoder.decode(&replied(phase, code, &text), &Context::default());
                let want = if subject == 0 { Confidence::Code } else { Confidence::Enhanced };
                // An entry may know the status better than the registry.
                assert!(
                    verdict.confidence == want || verdict.confidence == Confidence::Entry,
                    "{code} {text} at {phase}"
                );
                assert!(!verdict.summary.is_empty() && !verdict.references.is_empty(), "{text}");
                assert!(verdict.evidence.conflict.is_none(), "{text}");
            }
        }
    }
}

#[test]
fn every_registered_code_is_known_in_every_phase() {
    let codes = [
        211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 432, 450, 451, 452, 454, 455, 458, 459, 500, 501, 502,
        503, 504, 521, 523, 524, 525, 530, 533, 534, 535, 538, 550, 551, 552, 553, 554, 555, 556,
    ];
    let decoder = &*DECODER;
    for (code, phase) in codes.iter().flat_map(|code| Phase::ALL.map(|phase| (*code, phase))) {
        let verdict = decoder.decode(&replied(phase, code, "whatever"), &Context::default());
        // An odd yes to the final dot is a yes all the same, by its first digit.
        let done = phase == Phase::Dot && code < 300;
        let odd = done && !matches!(code, 250 | 251);
        let confidence = if odd { Confidence::Digit } else { Confidence::Code };
        assert!(verdict.confidence == confidence || verdict.confidence == Confidence::Entry, "{code} at {phase}");
        assert_eq!(verdict.cause == Cause::Delivered, done, "{code} at {phase}");
        let want = match code {
            200..=299 if done => Disposition::Delivered,
            500..=599 => Disposition::Fail,
            _ => Disposition::Retry,
        };
        assert_eq!(verdict.disposition, want, "{code} at {phase}");
        // RFC 5321 says nothing about the address by the code alone: only 556 does.
        let named = !matches!(phase, Phase::Ehlo | Phase::StartTls | Phase::Auth | Phase::Mail);
        assert_eq!(verdict.suppress, code == 556 && named, "{code} at {phase}");
    }
}

#[test]
fn every_trouble_has_a_cause_and_advice() {
    use Disposition::{Fail, Retry};
    use TroubleKind::*;
    let table = [
        (DomainNotFound, Cause::DomainNotFound, Fail, true),
        (NullMx, Cause::NoMx, Fail, true),
        (NoAddress, Cause::NoMx, Fail, false),
        (DnsFailed, Cause::RoutingFailed, Retry, false),
        (DnsTimeout, Cause::RoutingFailed, Retry, false),
        (LoopsBack, Cause::Loop, Fail, false),
        (PrivateAddress, Cause::RoutingFailed, Fail, false),
        (ConnectionRefused, Cause::ConnectionRefused, Retry, false),
        (ConnectTimeout, Cause::ConnectionTimeout, Retry, false),
        (Unreachable, Cause::ConnectionRefused, Retry, false),
        (ConnectionLost, Cause::ConnectionTimeout, Retry, false),
        (Timeout, Cause::ConnectionTimeout, Retry, false),
        (TlsFailed, Cause::TlsRequired, Retry, false),
        (TlsNotOffered, Cause::TlsRequired, Retry, false),
        (ProtocolViolation, Cause::ProtocolError, Retry, false),
        (AuthNotOffered, Cause::AuthRequired, Retry, false),
        (FeatureNotOffered, Cause::FeatureUnsupported, Fail, false),
        (TooLargeForPeer, Cause::MessageTooLarge, Fail, false),
        (LocalFault, Cause::ServerError, Retry, false),
    ];
    assert_eq!(table.map(|row| row.0), TroubleKind::ALL);
    let decoder = &*DECODER;
    for (kind, cause, disposition, suppress) in table {
        let trouble = Trouble { phase: Phase::Connect, kind, errno: None, detail: "x".into() };
        let verdict = decoder.decode(&Outcome::Unreached(trouble.clone()), &Context::default());
        assert_eq!((verdict.cause, verdict.disposition, verdict.suppress), (cause, disposition, suppress), "{kind}");
        assert!(!verdict.advice.is_empty(), "{kind}");
        let doubt = decoder.decode(&Outcome::InDoubt(trouble), &Context::default());
        assert_eq!((doubt.disposition, doubt.suppress), (Disposition::Retry, false), "{kind} in doubt");
        assert!(doubt.summary.contains("may double"), "{kind} in doubt");
    }
}

#[test]
fn errno_is_explained_beside_the_trouble() {
    let trouble = Trouble {
        phase: Phase::Connect,
        kind: TroubleKind::ConnectionRefused,
        errno: Some(111),
        detail: "Connection refused".into(),
    };
    let verdict = Decoder::new().decode(&Outcome::Unreached(trouble), &Context::default());
    assert!(verdict.evidence.matched.unwrap().contains("ECONNREFUSED"));
}

/// The same code in three phases is three different things.
#[test]
fn the_phase_tells_whose_trouble_it_is() {
    let table = [
        (Phase::Connect, 554, "no", Cause::Policy, Scope::Source),
        (Phase::Rcpt, 554, "no", Cause::RecipientRejected, Scope::Recipient),
        (Phase::Dot, 554, "no", Cause::Policy, Scope::Message),
        (Phase::Mail, 550, "no", Cause::SenderRejected, Scope::Sender),
        (Phase::Connect, 550, "5.7.1 no", Cause::Policy, Scope::Source),
        (Phase::Mail, 550, "5.7.1 no", Cause::SenderRejected, Scope::Sender),
        (Phase::Rcpt, 550, "5.7.1 no", Cause::Policy, Scope::Recipient),
        (Phase::Dot, 550, "5.7.1 no", Cause::Policy, Scope::Message),
        (Phase::Connect, 421, "no", Cause::ServerBusy, Scope::Connection),
        (Phase::Mail, 421, "no", Cause::ServerBusy, Scope::Connection),
        (Phase::Dot, 421, "no", Cause::ServerBusy, Scope::Connection),
        (Phase::Rcpt, 501, "no", Cause::AddressSyntax, Scope::Recipient),
        (Phase::Ehlo, 501, "no", Cause::ProtocolError, Scope::Connection),
        (Phase::Data, 554, "no valid recipients", Cause::ProtocolError, Scope::Connection),
        (Phase::StartTls, 454, "no", Cause::TlsRequired, Scope::Connection),
        (Phase::Auth, 454, "no", Cause::AuthRequired, Scope::Source),
    ];
    for (phase, code, text, cause, scope) in table {
        let verdict = decode(phase, code, text);
        assert_eq!((verdict.cause, verdict.scope), (cause, scope), "{code} {text} at {phase}");
    }
}

#[test]
fn words_speak_only_where_codes_are_vague() {
    use Disposition::{Fail, Retry};
    let table = [
        (Phase::Rcpt, 450, "4.2.0 Greylisted, try again in 300 seconds", Cause::Greylisted, Retry, false),
        (Phase::Rcpt, 451, "4.7.1 Greylisting in action", Cause::Greylisted, Retry, false),
        (Phase::Rcpt, 550, "no such user here", Cause::MailboxUnknown, Fail, true),
        (Phase::Rcpt, 450, "no such user here", Cause::MailboxUnknown, Retry, false),
        (Phase::Rcpt, 550, "5.1.1 mailbox full", Cause::MailboxFull, Fail, false),
        (Phase::Rcpt, 452, "4.2.2 user unknown", Cause::MailboxUnknown, Retry, false),
        (Phase::Rcpt, 552, "user is over quota", Cause::MailboxFull, Fail, false),
        (Phase::Rcpt, 554, "5.7.1 blocked using our dnsbl", Cause::IpBlocklisted, Fail, false),
        (Phase::Connect, 554, "your IP address is blocked", Cause::IpBlocklisted, Fail, false),
        (Phase::Connect, 421, "4.7.0 too many connections", Cause::RateLimited, Retry, false),
        (Phase::Dot, 550, "message looks like spam", Cause::SpamContent, Fail, false),
        (Phase::Rcpt, 554, "5.7.1 Relay access denied", Cause::RelayingDenied, Fail, false),
        (Phase::Dot, 250, "2.0.0 user unknown, spam, greylisted", Cause::Delivered, Disposition::Delivered, false),
        (Phase::Dot, 250, "2.6.0 queued", Cause::Delivered, Disposition::Delivered, false),
    ];
    for (phase, code, text, cause, disposition, suppress) in table {
        let verdict = decode(phase, code, text);
        assert_eq!((verdict.cause, verdict.disposition, verdict.suppress), (cause, disposition, suppress), "{text}");
    }
    let verdict = decode(Phase::Rcpt, 550, "Sorry, NO SUCH USER here");
    assert_eq!(verdict.evidence.entry.as_deref(), Some("servers.unknown"));
    assert!(verdict.evidence.matched.is_some_and(|words| words.contains("no such user")));
}

/// Before a recipient is named, no answer can be about one; that a host takes no mail at all, it
/// may say at once.
#[test]
fn no_address_is_given_up_before_it_was_named() {
    let table = [
        (Phase::Ehlo, 550, "5.1.1 user unknown", false),
        (Phase::Mail, 550, "5.1.1 no such user", false),
        (Phase::Mail, 553, "5.1.2 domain does not exist", false),
        (Phase::Rcpt, 550, "5.1.1 no such user", true),
        (Phase::Connect, 550, "no such user", false),
        (Phase::Rcpt, 503, "5.5.1 no such user", false),
        (Phase::Rcpt, 535, "5.7.8 user does not exist", false),
        (Phase::Connect, 521, "this host accepts no mail", true),
    ];
    for (phase, code, text, suppress) in table {
        assert_eq!(decode(phase, code, text).suppress, suppress, "{code} {text} at {phase}");
    }
}

/// RFC 5321 §4.5.3.1.10: 452 is too many recipients, and 552 in its place is to be taken as temporary.
#[test]
fn too_many_recipients_is_never_permanent() {
    let decoder = &*DECODER;
    let after = |recipients_accepted| Context { recipients_accepted, ..Context::default() };
    let table = [
        (452, "no", 0, Cause::ServerBusy, Disposition::Retry),
        (452, "no", 100, Cause::TooManyRecipients, Disposition::Retry),
        (552, "no", 0, Cause::MailboxFull, Disposition::Fail),
        (552, "no", 100, Cause::TooManyRecipients, Disposition::Retry),
        (552, "too many recipients", 0, Cause::TooManyRecipients, Disposition::Retry),
        (552, "5.5.3 no", 0, Cause::TooManyRecipients, Disposition::Retry),
        (552, "5.2.2 no", 100, Cause::MailboxFull, Disposition::Fail),
        (552, "quota exceeded", 100, Cause::MailboxFull, Disposition::Fail),
        (552, "5.3.4 no", 100, Cause::MessageTooLarge, Disposition::Fail),
    ];
    for (code, text, accepted, cause, disposition) in table {
        let verdict = decoder.decode(&replied(Phase::Rcpt, code, text), &after(accepted));
        assert_eq!((verdict.cause, verdict.disposition), (cause, disposition), "{code} {text} after {accepted}");
    }
}

#[test]
fn the_basic_code_decides_and_the_conflict_is_named() {
    for (code, text, disposition, suppress) in [
        (550, "4.1.1 hm", Disposition::Fail, true),
        (450, "5.1.1 hm", Disposition::Retry, false),
        (550, "2.1.5 hm", Disposition::Fail, false),
    ] {
        let verdict = decode(Phase::Rcpt, code, text);
        assert_eq!((verdict.disposition, verdict.suppress), (disposition, suppress), "{code} {text}");
        assert!(verdict.evidence.conflict.unwrap().contains("the reply code decides"), "{code} {text}");
    }
    assert_eq!(decode(Phase::Rcpt, 421, "5.7.1 go away").disposition, Disposition::Retry);
}

#[test]
fn unknown_codes_fall_to_their_first_digit_and_say_so() {
    for (code, disposition) in [(499, Disposition::Retry), (599, Disposition::Fail), (399, Disposition::Retry)] {
        let verdict = decode(Phase::Rcpt, code, "what?");
        assert_eq!((verdict.confidence, verdict.disposition), (Confidence::Digit, disposition), "{code}");
        assert_eq!((verdict.cause, verdict.suppress), (Cause::Unknown, false), "{code}");
    }
    let unlisted = decode(Phase::Rcpt, 550, "5.1.99 new");
    assert_eq!((unlisted.cause, unlisted.confidence), (Cause::RecipientRejected, Confidence::Enhanced));
    let foreign = decode(Phase::Rcpt, 550, "5.9.9 new");
    assert_eq!(foreign.confidence, Confidence::Code);
}

#[test]
fn a_wait_is_taken_from_any_line_and_only_for_a_retry() {
    let reply = Reply::from_lines(ReplyCode::MAILBOX_BUSY_450, ["4.7.1 Greylisted", "4.7.1 try again in 5 minutes"]);
    let outcome = Outcome::Replied { phase: Phase::Rcpt, reply };
    let verdict = Decoder::new().decode(&outcome, &Context::default());
    assert_eq!((verdict.cause, verdict.retry_after_s), (Cause::Greylisted, Some(300)));
    assert_eq!(decode(Phase::Rcpt, 550, "try again in 5 minutes").retry_after_s, None);
}

/// The exact shape of the JSON is a promise: fields in order, nothing left out.
#[test]
fn a_verdict_as_json() {
    let verdict = decode(Phase::Rcpt, 450, "4.7.1 Greylisted, try again in 300 seconds");
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"cause":"greylisted","disposition":"retry","scope":"recipient","who":"nobody","confidence":"entry","#,
            r#""suppress":false,"retry_after_s":300,"provider":null,"#,
            r#""summary":"The host makes strangers wait before it takes their mail (greylisting).","#,
            r#""advice":["Nothing is to be done: a mail server tries again by itself, and then it is taken."],"#,
            r#""evidence":{"entry":"topic-rate.greylisted","matched":"try again in 300 seconds","code":"450","enhanced":"4.7.1","conflict":null},"#,
            r#""references":["RFC 6647 §2"]}"#
        )
    );
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
}

/// Total: whatever a host says, there is a verdict, and a 5yz without a known recipient's fault never suppresses.
#[test]
fn arbitrary_bytes_get_a_verdict() {
    let decoder = &*DECODER;
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..3000 {
        let length = (next() % 80) as usize;
        let bytes: Vec<u8> = (0..length)
            .map(|_| if next() % 3 == 0 { b"0123456789. in again s\n"[(next() % 23) as usize] } else { next() as u8 })
            .collect();
        let code = ReplyCode::new(200 + (next() % 400) as u16).unwrap();
        let phase = Phase::ALL[(next() % 8) as usize];
        let reply = Reply::new(code, String::from_utf8_lossy(&bytes));
        let context = Context { recipients_accepted: (next() % 2) as u32, ..Context::default() };
        let verdict = decoder.decode(&Outcome::Replied { phase, reply }, &context);
        assert!(!verdict.suppress || verdict.disposition == Disposition::Fail);
        assert!(verdict.retry_after_s.is_none_or(|s| (1..=86_400).contains(&s)));
        assert_eq!(verdict.disposition == Disposition::Delivered, phase == Phase::Dot && code.is_positive());
    }
}
