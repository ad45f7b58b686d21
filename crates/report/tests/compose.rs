//! Notices, read back by somebody else's parser.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use bytes::Bytes;
use mail_parser::{Message, MessageParser, MimeHeaders};
use postrider_report::{Composed, Fate, Notice, Tidings, compose};
use postrider_smtp::{
    Address, BodyType, Content, DsnReturn, MessageId, Outcome, Phase, Recipient, Reply, ReplyCode, Timestamp, Trouble,
    TroubleKind,
};
use std::borrow::Cow;
use std::time::Duration;

/// 2025-11-24T16:50:08Z.
const NOW: Timestamp = Timestamp(1_764_003_008_000);
const ORIGINAL: &str =
    "Message-ID: <order-4711@shop.example>\r\nFrom: ann@shop.example\r\nSubject: Your order\r\n\r\nHello Tom.\r\n";

/// What a test may change about a notice.
struct Case {
    tidings: Tidings,
    to: &'static str,
    recipient: Recipient,
    outcome: Option<Outcome>,
    expired: Option<Duration>,
    original: Vec<u8>,
    original_bytes_max: usize,
    ret: Option<DsnReturn>,
    reporter: &'static str,
    host: &'static str,
    summary: &'static str,
}

impl Default for Case {
    fn default() -> Self {
        let reply = Reply::from_lines(ReplyCode::MAILBOX_UNAVAILABLE_550, ["5.1.1 No such user", "5.1.1 here"]);
        Self {
            tidings: Tidings::Failure,
            to: "ann@shop.example",
            recipient: Recipient {
                orcpt: Some("rfc822;tom+2Bold@customer.example".into()),
                ..recipient("tom@customer.example")
            },
            outcome: Some(Outcome::Replied { phase: Phase::Rcpt, reply }),
            expired: None,
            original: ORIGINAL.into(),
            original_bytes_max: 100_000,
            ret: None,
            reporter: "relay.shop.example",
            host: "mx1.mailhost.example",
            summary: "There is no such mailbox at that domain.",
        }
    }
}

fn recipient(address: &str) -> Recipient {
    Recipient::new(address.parse().unwrap())
}

impl Case {
    fn compose(&self) -> Composed {
        let to: Address = self.to.parse().unwrap();
        let original = Content::split(Bytes::from(self.original.clone()));
        let advice = [Cow::Borrowed("Check the part before the @ for typing mistakes.")];
        compose(&Notice {
            tidings: self.tidings,
            id: MessageId::at(NOW, 2),
            now: NOW,
            reporter: self.reporter,
            to: &to,
            about: MessageId::at(NOW, 1),
            accepted: Timestamp(NOW.0 - 60_000),
            envid: Some("QQ+2B1"),
            ret: self.ret,
            original: &original,
            original_bytes_max: self.original_bytes_max,
            fates: vec![Fate {
                recipient: &self.recipient,
                outcome: self.outcome.as_ref(),
                host: Some(self.host),
                tried: Some(NOW),
                attempts: 3,
                expired: self.expired,
                retry_until: Some(Timestamp(NOW.0 + 86_400_000)),
                summary: self.summary,
                who: "who wrote the mail, or owns the list",
                advice: &advice,
            }],
        })
    }

    /// The mail as bytes: what must hold for every one of them is checked here.
    fn wire(&self) -> String {
        let composed = self.compose();
        let bytes = [&composed.content.head[..], &composed.content.body[..]].concat();
        assert_eq!(Content::split(Bytes::from(bytes.clone())), composed.content);
        let eight_bit = bytes.iter().any(|byte| *byte > 127);
        assert!(!eight_bit || composed.body == BodyType::EightBitMime || composed.smtputf8);
        let wire = String::from_utf8_lossy(&bytes).into_owned();
        assert!(wire.ends_with("\r\n") && !wire.replace("\r\n", "").contains(['\r', '\n']), "{wire}");
        assert!(wire.split("\r\n").all(|line| line.len() <= 998), "{wire}");
        wire
    }
}

fn parts(wire: &str) -> (Message<'_>, [String; 3]) {
    let message = MessageParser::default().parse(wire.as_bytes()).unwrap();
    let kind = message.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    assert_eq!(message.part(0).unwrap().sub_parts().unwrap().len(), 3);
    let raw = |index: u32| {
        let part = message.part(index).unwrap();
        String::from_utf8_lossy(&message.raw_message[part.offset_body as usize..part.offset_end as usize]).into_owned()
    };
    let text = message.body_text(0).unwrap().into_owned();
    (message.clone(), [text, raw(2), raw(3)])
}

/// The fields of the status part, unfolded.
fn fields(part: &str) -> Vec<String> {
    part.replace("\r\n ", " ").lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_bounce() {
    let wire = Case::default().wire();
    let (message, [text, status, original]) = parts(&wire);
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("MAILER-DAEMON@relay.shop.example"));
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ann@shop.example"));
    assert_eq!(message.subject(), Some("Not delivered: mail to tom@customer.example"));
    assert_eq!(message.in_reply_to().as_text(), Some("order-4711@shop.example"));
    assert_eq!(message.header("Auto-Submitted").unwrap().as_text(), Some("auto-replied"));
    assert_eq!(message.date().unwrap().to_timestamp(), NOW.seconds());
    assert!(message.message_id().unwrap().ends_with("@relay.shop.example"));
    for said in [
        "<tom@customer.example>",
        "There is no such mailbox at that domain.",
        "550 5.1.1 No such user",
        "550 5.1.1 here",
        "Who must act: who wrote the mail, or owns the list.",
        "- Check the part before the @ for typing mistakes.",
    ] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    assert_eq!(
        fields(&status),
        [
            "Reporting-MTA: dns; relay.shop.example",
            "Original-Envelope-Id: QQ+1",
            "Arrival-Date: Mon, 24 Nov 2025 16:49:08 +0000",
            &format!("X-Postrider-Message: {}", MessageId::at(NOW, 1)),
            "Original-Recipient: rfc822; tom+old@customer.example",
            "Final-Recipient: rfc822; tom@customer.example",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: dns; mx1.mailhost.example",
            "Diagnostic-Code: smtp; 550 5.1.1 No such user 5.1.1 here",
            "Last-Attempt-Date: Mon, 24 Nov 2025 16:50:08 +0000",
        ]
    );
    assert_eq!(original, ORIGINAL);
}

#[test]
fn a_delay_notice_says_until_when_and_returns_headers_only() {
    let outcome = Trouble {
        phase: Phase::Connect,
        kind: TroubleKind::ConnectionRefused,
        errno: Some(111),
        detail: "Connection refused".into(),
    };
    let wire = Case { tidings: Tidings::Delay, outcome: Some(Outcome::Unreached(outcome)), ..Case::default() }.wire();
    let (message, [text, status, original]) = parts(&wire);
    assert_eq!(message.subject(), Some("Delayed, still being tried: mail to tom@customer.example"));
    assert!(text.contains("you need not send") && text.contains("It is tried until Tue, 25 Nov 2025"), "{text}");
    let status = fields(&status);
    for field in [
        "Action: delayed",
        "Status: 4.4.1",
        "Diagnostic-Code: x-postrider; connection-refused: Connection refused",
        "Will-Retry-Until: Tue, 25 Nov 2025 16:50:08 +0000",
    ] {
        assert!(status.iter().any(|line| line == field), "{field} in {status:?}");
    }
    assert!(original.contains("Subject: Your order") && !original.contains("Hello Tom"), "{original}");
}

#[test]
fn a_success_notice_says_relayed() {
    let reply = Reply::new(ReplyCode::OK_250, "2.0.0 Ok: queued");
    let outcome = Some(Outcome::Replied { phase: Phase::Dot, reply });
    let wire = Case { tidings: Tidings::Success, outcome, ..Case::default() }.wire();
    let (_, [text, status, _]) = parts(&wire);
    assert!(text.contains("as you asked") && !text.contains("Who must act"), "{text}");
    let status = fields(&status);
    assert!(
        status.contains(&"Action: relayed".to_owned()) && status.contains(&"Status: 2.0.0".to_owned()),
        "{status:?}"
    );
}

#[test]
fn an_expired_recipient_keeps_the_temporary_status() {
    let reply = Reply::new(ReplyCode::NO_STORAGE_452, "4.2.2 Mailbox full");
    let expired = Some(Duration::from_secs(5 * 86_400));
    let outcome = Some(Outcome::Replied { phase: Phase::Rcpt, reply });
    let wire = Case { outcome, expired, ..Case::default() }.wire();
    let (_, [text, status, _]) = parts(&wire);
    assert!(text.contains("It was tried 3 times in 5 days."), "{text}");
    assert!(fields(&status).contains(&"Status: 4.2.2".to_owned()), "{status}");
    let wire = Case { outcome: None, expired, ..Case::default() }.wire();
    assert!(fields(&parts(&wire).1[1]).contains(&"Status: 4.4.7".to_owned()));
}

#[test]
fn how_much_comes_back() {
    let table = [
        (None, 100_000, true),
        (Some(DsnReturn::Full), 100_000, true),
        (Some(DsnReturn::Headers), 100_000, false),
        (Some(DsnReturn::Full), 50, false),
    ];
    for (ret, original_bytes_max, whole) in table {
        let wire = Case { ret, original_bytes_max, ..Case::default() }.wire();
        assert_eq!(wire.contains("Hello Tom"), whole, "{ret:?} {original_bytes_max}");
        let kind = if whole { "message/rfc822" } else { "text/rfc822-headers" };
        assert!(wire.contains(&format!("Content-Type: {kind}\r\n")), "{wire}");
    }
}

#[test]
fn messages_that_cannot_be_quoted_come_back_as_headers() {
    let long = format!("Subject: x\r\n\r\n{}\r\n", "y".repeat(1500));
    for original in [long.as_bytes(), b"Subject: x\r\n\r\nbare\nline\r\n", b"Subject: x\r\n\r\nnul\0\r\n"] {
        let wire = Case { original: original.to_vec(), ..Case::default() }.wire();
        assert!(wire.contains("text/rfc822-headers") && wire.contains("Subject: x"), "{wire}");
    }
    let long_header = format!("Subject: {}\r\n\r\nbody\r\n", "y".repeat(1500));
    let wire = Case { original: long_header.into_bytes(), ..Case::default() }.wire();
    assert!(wire.contains("Content-Transfer-Encoding: base64"), "{wire}");
}

#[test]
fn eight_bit_messages_take_8bitmime_and_no_more() {
    let original = "Subject: x\r\n\r\nGrüße\r\n".as_bytes().to_vec();
    let composed = Case { original, ..Case::default() }.compose();
    assert_eq!((composed.body, composed.smtputf8), (BodyType::EightBitMime, false));
    let composed = Case::default().compose();
    assert_eq!((composed.body, composed.smtputf8), (BodyType::SevenBit, false));
    // Words in UTF-8 are encoded.
    let wire = Case { summary: "Für Jürgen gibt es kein Postfach.", ..Case::default() }.wire();
    assert!(wire.is_ascii() && parts(&wire).1[0].contains("Für Jürgen"), "{wire}");
}

#[test]
fn addresses_in_utf8() {
    let wire = Case { recipient: recipient("jürgen+a@customer.example"), ..Case::default() }.wire();
    assert!(wire.contains("Final-Recipient: utf-8; j\\x{FC}rgen\\x{2B}a@customer.example\r\n"), "{wire}");
    assert!(parts(&wire).1[0].contains("<jürgen+a@customer.example>"));
    let to_utf8 = Case { to: "änn@shop.example", ..Case::default() };
    assert!(to_utf8.compose().smtputf8);
    assert!(to_utf8.wire().contains("\r\nTo: änn@shop.example\r\n"));
}

/// What a hostile host, client or configuration may say: nothing of it becomes a field or a part of ours.
#[test]
fn nothing_from_outside_becomes_a_header_or_a_boundary() {
    let boundary = format!("--=_{}_report", MessageId::at(NOW, 2));
    let evil = format!("5.1.1 x\r\nEvil: yes\r\n\r\n{boundary}--\r\n\u{0}\u{7f}{}", "long ".repeat(3000));
    let reply = Reply::from_lines(ReplyCode::MAILBOX_UNAVAILABLE_550, [evil.as_str()]);
    let original =
        format!("Message-ID: <a@b>\r\n x: y\r\nSubject: x\r\n\r\n{boundary}\r\nEvil: yes\r\n\r\n{boundary}--\r\n");
    let case = Case {
        outcome: Some(Outcome::Replied { phase: Phase::Rcpt, reply }),
        recipient: Recipient { orcpt: Some("rfc822;x+0D+0AEvil:+20yes".into()), ..recipient("tom@customer.example") },
        reporter: "relay\r\nEvil: yes",
        host: "mx\r\nEvil: yes",
        original: original.clone().into_bytes(),
        ..Case::default()
    };
    let wire = case.wire();
    let (message, [_, _, returned]) = parts(&wire);
    assert!(message.header("Evil").is_none());
    assert_eq!(returned, original);
    let ours = wire.replace(&original, "");
    assert!(!ours.contains("\r\nEvil:"), "{ours}");
}
