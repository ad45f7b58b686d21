//! Round trips with servers that behave badly: whatever they do, there is an end and a sentence.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use postrider_diagnosis::trip::plan::{Found, Server, TlsBegins};
use postrider_diagnosis::trip::{Account, Leg, Login, Report, Request, exit_code, run};
use postrider_dns::Zone;
use postrider_smtp::{Address, Host};
use postrider_testkit::Peer;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;
use std::time::Duration;

const SUBMISSION: &str = "
    S: 220 smtp.test
    C: EHLO *
    S: 250-smtp.test
    S: 250 AUTH PLAIN
    C: AUTH PLAIN AGEAYg==
    S: 235 2.7.0 welcome
    C: MAIL FROM:<a@x.test>*
    S: 250 ok
    C: RCPT TO:<b@y.test>
";

fn server(peer: &Peer) -> Server {
    let address = peer.address();
    Server { host: address.ip().to_string(), port: address.port(), tls: TlsBegins::ByStartTls, found: Found::Named }
}

fn account(address: &str, submission: &Peer, imap: &Peer) -> Account {
    Account {
        address: Address::parse(address).unwrap(),
        submission: vec![server(submission)],
        imap: vec![server(imap)],
        login: Login { user: "a".into(), password: "b".into() },
        silent: None,
    }
}

/// One way, with B's mailbox and A's submission as the scripts have it.
async fn trip(submission: &str, imap: &str) -> Report {
    let (submission, imap) = ([submission], [imap]);
    let smtp = Peer::start("127.0.0.1", 0, &submission).await;
    let imap = Peer::start("127.0.0.1", 0, &imap).await;
    let closed = Peer::start("127.0.0.1", 0, &["CLOSE"]).await;
    let request = Request {
        a: account("a@x.test", &smtp, &closed),
        b: account("b@y.test", &smtp, &imap),
        one_way: true,
        patience: Duration::from_secs(20),
        keep: false,
        resolver: Arc::new(Zone::default()),
        tls: Arc::new(ClientTls::new(None).unwrap()),
        strict_tls: false,
        hello: Host::parse("me.test").unwrap(),
        read_bounce: |_, _| None,
    };
    run(&request, &|_| {}).await
}

#[tokio::test]
async fn bad_mailbox_servers_leave_the_direction_untested() {
    let taken =
        format!("{SUBMISSION}S: 250 ok\nC: DATA\nS: 354 go\nMESSAGE\nS: 250 2.0.0 queued as 7\nC: QUIT\nS: 221 bye");
    let greeting = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: P1 LOGIN \"a\" \"b\"\n";
    let flood = format!("{greeting}{}", "S: * OK and on and on\n".repeat(400_000));
    let table = [
        ("CLOSE".to_owned(), "the IMAP server closed the connection before its greeting"),
        ("S: go away".into(), "what the server says before its greeting is not IMAP: \"go away\""),
        ("S: 220 smtp.test".into(), "the server speaks SMTP at this port, not IMAP"),
        ("S: * BYE no".into(), "the IMAP server said goodbye before its greeting: no"),
        (
            format!("{greeting}S: P1 NO [UNAVAILABLE] later"),
            "the server cannot check passwords at the moment: [UNAVAILABLE] later",
        ),
        (flood, "the IMAP server sent more at LOGIN than any answer is long, and was cut off"),
    ];
    for (imap, want) in table {
        let report = trip(&taken, &imap).await;
        let trouble = report.facts.mailboxes[1].trouble.as_deref().unwrap_or_default();
        assert!(trouble.ends_with(want), "{trouble}");
        assert!(matches!(report.facts.out, Leg::Unseen { .. }), "{:?}", report.facts.out);
        assert_eq!(exit_code(&report.facts, &report.verdict), 3);
    }
}

#[tokio::test]
async fn what_the_senders_server_refuses_is_broken() {
    let refused = format!("{SUBMISSION}S: 550 5.7.1 not to them\nC: *\nS: 250 ok\nC: *\nS: 221 bye");
    let table = [
        (refused, "550 5.7.1 not to them"),
        (
            "S: 220 smtp.test\nC: EHLO *\nS: 250-smtp.test\nS: 250 AUTH PLAIN\nC: AUTH *\nS: 535 5.7.8 no".into(),
            "535 5.7.8 no",
        ),
        ("S: 554 5.7.1 not from there".into(), "554 5.7.1 not from there"),
    ];
    for (submission, words) in table {
        let report = trip(&submission, "CLOSE").await;
        assert!(matches!(report.facts.out, Leg::NotTaken(_)), "{:?}", report.facts.out);
        assert!(report.verdict.sending.sentence.contains(words), "{}", report.verdict.sending.sentence);
        assert_eq!(exit_code(&report.facts, &report.verdict), 2);
    }
}
