//! Deliveries to scripted hosts: which is tried, what is kept, what is in doubt.

#[expect(dead_code, reason = "each test file uses its part of it")]
#[expect(clippy::expect_used, reason = "a test that cannot go on fails")]
mod net;

use net::{BUSY, TAKES_ALL, deliver, delivery, hosts, order, settings, told};
use postrider_delivery::{BeforeDot, Login, Settings, StaticRoute, TlsMode};
use postrider_smtp::client::Timeouts;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ZONE: &str = "
    y.example      MX  10 one.example
    y.example      MX  20 two.example
    y.example      MX  30 three.example
    one.example    A   127.0.0.1
    two.example    A   127.0.0.2
    three.example  A   127.0.0.3";

#[tokio::test]
async fn hosts_are_tried_in_their_order_until_one_takes_the_message() {
    let lost = "CLOSE";
    let refuses = "S: 554 5.7.1 not you\nCLOSE";
    let table: [(&[&str], &[&str], &str); 4] = [
        (&[TAKES_ALL], &[TAKES_ALL], "one.example"),
        (&[BUSY], &[TAKES_ALL], "two.example"),
        (&[lost], &[TAKES_ALL], "two.example"),
        (&[refuses], &[TAKES_ALL], "two.example"),
    ];
    for (one, two, want) in table {
        let (port, _peers) = hosts(&[one, two]).await;
        let delivery = delivery(settings(port), ZONE);
        let attempt = delivery.attempt(order(&delivery, &["tom@y.example"])).await;
        assert_eq!(told(&attempt), ["dot: 250 kept"], "{}", attempt.transcript);
        assert_eq!(&*attempt.spoken.unwrap().host, want);
    }
}

#[tokio::test]
async fn what_a_host_said_is_told_rather_than_that_another_was_silent() {
    let (port, _peers) = hosts(&[&[BUSY]]).await;
    let delivery = delivery(settings(port), ZONE);
    let attempt = delivery.attempt(order(&delivery, &["tom@y.example", "ann@y.example"])).await;
    assert_eq!(told(&attempt), vec!["connect: 421 4.3.2 too busy"; 2]);
    assert_eq!(&*attempt.spoken.unwrap().host, "one.example");
    assert!(attempt.transcript.contains("S: 421 4.3.2 too busy\n"), "{}", attempt.transcript);
    assert!(attempt.transcript.contains("connection-refused"), "{}", attempt.transcript);
}

#[tokio::test]
async fn a_recipient_is_not_carried_from_a_refusal_to_the_next_host() {
    let script = "
        S: 220 mx
        C: EHLO relay.example
        S: 250 mx
        C: MAIL FROM:<a@x.example>
        S: 250 ok
        C: RCPT TO:<tom@y.example>
        S: 550 5.1.1 nobody
        C: RCPT TO:<ann@y.example>
        S: 250 ok
        C: RCPT TO:<bob@y.example>
        S: 450 4.2.1 later
        C: DATA
        S: 354 go on
        MESSAGE
        S: 250 kept
        HANG";
    let (port, peers) = hosts(&[&[script], &[TAKES_ALL]]).await;
    let delivery = delivery(settings(port), ZONE);
    let got = deliver(&delivery, &["tom@y.example", "ann@y.example", "bob@y.example"]).await;
    assert_eq!(got, ["rcpt: 550 5.1.1 nobody", "dot: 250 kept", "rcpt: 450 4.2.1 later"]);
    assert!(peers[1].lines().is_empty());
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_message() {
    let (port, peers) = hosts(&[&[TAKES_ALL]]).await;
    let delivery = delivery(settings(port), ZONE);
    for before in 0..5 {
        let attempt = delivery.attempt(order(&delivery, &["tom@y.example"])).await;
        assert_eq!(told(&attempt), ["dot: 250 kept"], "{}", attempt.transcript);
        assert_eq!(attempt.spoken.unwrap().messages_before, before);
    }
    assert_eq!(peers[0].seen().len(), 1, "connections");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced_in_silence() {
    let once = TAKES_ALL.replace("LOOP", "");
    let goodbye = once.clone() + "\nS: 421 4.4.2 idle too long";
    for first in [once, goodbye] {
        let (port, peers) = hosts(&[&[&first, TAKES_ALL], &[TAKES_ALL]]).await;
        let delivery = delivery(settings(port), ZONE);
        for _ in 0..2 {
            assert_eq!(deliver(&delivery, &["tom@y.example"]).await, ["dot: 250 kept"]);
        }
        assert_eq!((peers[0].seen().len(), peers[1].seen().len()), (2, 0), "connections");
    }
}

#[tokio::test]
async fn a_connection_carries_so_many_messages_and_no_more() {
    let (port, peers) = hosts(&[&[TAKES_ALL]]).await;
    let delivery = delivery(Settings { messages_per_connection_max: 2, ..settings(port) }, ZONE);
    for _ in 0..4 {
        assert_eq!(deliver(&delivery, &["tom@y.example"]).await, ["dot: 250 kept"]);
    }
    assert_eq!(peers[0].seen().len(), 2, "connections");
}

#[tokio::test]
async fn idle_connections_are_told_quit() {
    let polite = TAKES_ALL.replace("LOOP", "") + "\nC: QUIT\nS: 221 bye";
    let (port, peers) = hosts(&[&[&polite]]).await;
    let delivery = delivery(settings(port), ZONE);
    assert_eq!(deliver(&delivery, &["tom@y.example"]).await, ["dot: 250 kept"]);
    delivery.close_idle().await;
    assert_eq!(peers[0].lines().last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_host_lost_behind_the_final_dot_leaves_doubt_and_the_hook_was_called() {
    let script = TAKES_ALL.replace("S: 250 kept", "CLOSE");
    let (port, peers) = hosts(&[&[&script], &[TAKES_ALL]]).await;
    let delivery = delivery(settings(port), ZONE);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let mut order = order(&delivery, &["tom@y.example"]);
    order.before_dot = Some(BeforeDot::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    assert_eq!(told(&delivery.attempt(order).await), ["in-doubt connection-lost"]);
    assert_eq!((calls.load(Ordering::Relaxed), peers[1].seen().len()), (1, 0));
}

#[tokio::test]
async fn more_recipients_than_a_transaction_takes_go_in_several() {
    let script = TAKES_ALL.replace("C: DATA\n    S: 354", "C: RCPT TO:*\n S: 250 ok\n C: DATA\n    S: 354");
    let (port, peers) = hosts(&[&[&script]]).await;
    let delivery = delivery(Settings { recipients_max: 2, ..settings(port) }, ZONE);
    let got = deliver(&delivery, &["a@y.example", "b@y.example", "c@y.example", "d@y.example"]).await;
    assert_eq!(got, vec!["dot: 250 kept"; 4]);
    assert_eq!(peers[0].lines().iter().filter(|line| *line == "DATA").count(), 2);
}

const STARTTLS: &str = "
    S: 220 mx
    C: EHLO relay.example
    S: 250-mx
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    TLS";

fn under_tls() -> String {
    STARTTLS.to_owned() + &TAKES_ALL.replace("S: 220 mx", "")
}

#[tokio::test]
async fn starttls_is_taken_when_it_is_offered_and_the_facts_are_told() {
    let (port, _peers) = hosts(&[&[&under_tls()]]).await;
    let delivery = delivery(settings(port), ZONE);
    for before in 0..2 {
        let attempt = delivery.attempt(order(&delivery, &["tom@y.example"])).await;
        assert_eq!(told(&attempt), ["dot: 250 kept"], "{}", attempt.transcript);
        let spoken = attempt.spoken.unwrap();
        let tls = spoken.tls.expect("TLS");
        assert_eq!((tls.version, tls.verified.is_err(), spoken.messages_before), ("TLSv1.3", true, before));
    }
}

#[tokio::test]
async fn a_failed_handshake_is_followed_by_clear_text_and_remembered() {
    let broken = STARTTLS.strip_suffix("TLS").unwrap().to_owned() + "OCTETS 5\nS: no TLS here\nCLOSE";
    let once = TAKES_ALL.replace("LOOP", "").replace("250 PIPELINING", "250 STARTTLS");
    let (port, peers) = hosts(&[&[&broken, &once, &once]]).await;
    let delivery = delivery(settings(port), ZONE);
    for _ in 0..2 {
        let attempt = delivery.attempt(order(&delivery, &["tom@y.example"])).await;
        assert_eq!(told(&attempt), ["dot: 250 kept"], "{}", attempt.transcript);
        assert_eq!(attempt.spoken.unwrap().tls, None);
    }
    let asked: Vec<usize> = peers[0].seen().iter().map(|s| s.iter().filter(|l| *l == "STARTTLS").count()).collect();
    assert_eq!(asked, [1, 0, 0], "STARTTLS per connection");
}

#[tokio::test]
async fn tls_that_is_required_is_not_done_without() {
    let no_offer = "S: 220 mx\nC: EHLO relay.example\nS: 250 mx\nHANG";
    let table = [
        (TlsMode::Required, no_offer.to_owned(), "unreached tls-not-offered"),
        (TlsMode::Required, under_tls(), "dot: 250 kept"),
        // The certificate is the host's own making.
        (TlsMode::Verify, under_tls(), "unreached tls-failed"),
        (TlsMode::Implicit, "TLS\nHANG".to_owned(), "unreached tls-failed"),
        (TlsMode::None, TAKES_ALL.to_owned(), "dot: 250 kept"),
    ];
    for (tls, script, want) in table {
        let (port, _peers) = hosts(&[&[&script]]).await;
        let mut route = StaticRoute::new("*".parse().unwrap(), "one.example".parse().unwrap(), port);
        route.tls = tls;
        let delivery = delivery(Settings { routes: vec![route], ..settings(25) }, ZONE);
        assert_eq!(deliver(&delivery, &["tom@y.example"]).await, [want], "{tls:?}");
    }
}

#[tokio::test]
async fn a_smart_host_is_logged_in_to() {
    let script =
        TAKES_ALL.replace("S: 250 PIPELINING", "S: 250 AUTH PLAIN\n C: AUTH PLAIN AHRvbQBzZWNyZXQ=\n S: 235 hello tom");
    let (port, _peers) = hosts(&[&[&script]]).await;
    let mut route = StaticRoute::new("*".parse().unwrap(), "[127.0.0.1]".parse().unwrap(), port);
    route.login = Some(Login { user: "tom".into(), password: "secret".into() });
    for (tls, want) in [(TlsMode::None, "dot: 250 kept"), (TlsMode::Opportunistic, "unreached auth-not-offered")] {
        route.tls = tls;
        let delivery = delivery(Settings { routes: vec![route.clone()], ..settings(25) }, ZONE);
        let attempt = delivery.attempt(order(&delivery, &["tom@y.example"])).await;
        assert_eq!(told(&attempt), [want], "{}", attempt.transcript);
        assert!(!attempt.transcript.contains("secret") && !attempt.transcript.contains("AHRvb"));
    }
}

#[tokio::test]
async fn hosts_that_stall_are_given_up() {
    let stages = ["HANG", "S: 220 mx\nHANG", "S: 220 mx\nC: EHLO*\nS: 250 mx\nC: MAIL*\nHANG"];
    let short = Duration::from_millis(30);
    let timeouts = Timeouts { greeting: short, ehlo: short, mail: short, ..Timeouts::default() };
    for script in stages {
        let (port, _peers) = hosts(&[&[script]]).await;
        let delivery = delivery(Settings { timeouts, hosts_max: 1, ..settings(port) }, ZONE);
        assert_eq!(deliver(&delivery, &["tom@y.example"]).await, ["unreached timeout"], "{script}");
    }
}

#[tokio::test]
async fn an_order_without_recipients_is_no_trouble() {
    let (port, _peers) = hosts(&[&[TAKES_ALL]]).await;
    let delivery = delivery(settings(port), ZONE);
    let mut order = order(&delivery, &["tom@y.example"]);
    order.recipients.clear();
    assert_eq!(told(&delivery.attempt(order).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_megabyte_goes_through_whole() {
    let script = "
        S: 220 mx
        C: EHLO relay.example
        S: 250-mx
        S: 250-PIPELINING
        S: 250 CHUNKING
        C: MAIL FROM:<a@x.example>
        S: 250 ok
        C: RCPT TO:*
        S: 250 ok
        C: BDAT 4000015 LAST
        OCTETS 4000015
        S: 250 kept
        HANG";
    let (port, _peers) = hosts(&[&[script]]).await;
    let delivery = delivery(settings(port), ZONE);
    let mut order = order(&delivery, &["tom@y.example"]);
    order.content.body = "0123456789abcdef01234567890123456789\r\n..".repeat(100_000).into();
    assert_eq!(told(&delivery.attempt(order).await), ["dot: 250 kept"]);
}
