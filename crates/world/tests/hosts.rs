//! Each host's manners, by raw lines over a socket.
//!
//! In a script, `C:` is sent, `S:` is the last line of the reply that must come (`…` stands for
//! the rest of it), and `closed` is the end of the connection.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use postrider_dns::{Failure, addresses, mx};
use postrider_transport::tls::client::{ClientTls, Trust};
use postrider_world::{HostTally, Manner, PERSONAS, Settings, World};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

async fn world(settings: Settings) -> World {
    World::start(settings).await.unwrap()
}

async fn connect(world: &World, domain: &str) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(world.host(domain).unwrap()).await.unwrap())
}

/// The last line of one reply, however many it has.
async fn last_line(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

async fn play(world: &World, domain: &str, script: &str) {
    let mut stream = connect(world, domain).await;
    for step in script.lines().map(str::trim).filter(|step| !step.is_empty()) {
        if let Some(line) = step.strip_prefix("C:") {
            stream.write_all(format!("{}\r\n", line.trim_start()).as_bytes()).await.unwrap();
        } else if let Some(want) = step.strip_prefix("S: ") {
            let line = last_line(&mut stream).await;
            let same = want.strip_suffix('…').map_or(line == want, |start| line.starts_with(start));
            assert!(same, "{domain}: wanted {want:?}, got {line:?}");
        } else {
            assert_eq!(step, "closed");
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "{domain}: closed");
        }
    }
}

/// A whole session that hands over one message, up to what comes behind the dot.
fn hand_over(to: &str, subject: &str, last: &str) -> String {
    format!(
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<tom@home.test>
         S: 250 …
         C: RCPT TO:<{to}>
         S: 250 …
         C: DATA
         S: 354 …
         C: Message-ID: <1@home.test>
         C: Subject: {subject}
         C:
         C: Hello.
         C: .
         {last}"
    )
}

/// Hosts whose manners show before any message: the domain, and what its host says to whom.
const MANNERS: &[(&str, &str)] = &[
    (
        "greylist.test",
        "S: 220 mx.greylist.test ESMTP ready
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<tom@home.test>
         S: 250 …
         C: RCPT TO:<a@greylist.test>
         S: 451 4.7.1 Greylisted, please try again in 300 seconds
         C: QUIT
         S: 221 …
         closed",
    ),
    (
        "rate.test",
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<tom@home.test>
         S: 250 …
         C: RSET
         S: 250 …
         C: MAIL FROM:<tom@home.test>
         S: 421 4.7.28 Unusual rate of mail from [127.0.0.1]; it is limited for a while, try again later
         closed",
    ),
    (
        "full.test",
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<>
         S: 250 …
         C: RCPT TO:<a@full.test>
         S: 452 4.2.2 The mailbox of a@full.test is over quota. Please try again later",
    ),
    (
        "overfull.test",
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<>
         S: 250 …
         C: RCPT TO:<a@overfull.test>
         S: 552 5.2.2 a@overfull.test: mailbox is full, quota exceeded",
    ),
    (
        "users.test",
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<>
         S: 250 …
         C: RCPT TO:<gone7@users.test>
         S: 550 5.1.1 <gone7@users.test>: no such user here
         C: RCPT TO:<here@users.test>
         S: 250 …",
    ),
    (
        "blocked.test",
        "S: 554 5.7.1 Service unavailable; client host [127.0.0.1] blocked using list.dnsbl.test; see https://…
         closed",
    ),
    (
        "tls.test",
        "S: 220 …
         C: EHLO client.test
         S: 250 …
         C: MAIL FROM:<>
         S: 530 5.7.0 Must issue a STARTTLS command first
         C: STARTTLS
         S: 220 …",
    ),
    (
        "busy.test",
        "S: 220 …
         C: HELO client.test
         S: 250 …
         C: MAIL FROM:<>
         S: 451 4.3.2 The system is not accepting mail at the moment, try again later",
    ),
    (
        "old.test",
        "S: 220 mx.old.test Mail service ready
         C: EHLO client.test
         S: 502 Command not implemented
         C: HELO client.test
         S: 250 mx.old.test
         C: MAIL FROM:<>
         S: 250 …",
    ),
];

#[tokio::test]
async fn hosts_that_speak_and_what_they_say() {
    let world = world(Settings { rate_messages_max: 1, ..Settings::default() }).await;
    for (domain, script) in MANNERS {
        play(&world, domain, script).await;
    }
}

#[tokio::test]
async fn hosts_that_judge_the_message() {
    let world = world(Settings::default()).await;
    let table = [
        ("open.test", hand_over("a@open.test", "Hi", "S: 250 2.0.0 Ok: taken")),
        ("filter.test", hand_over("a@filter.test", "Hi", "S: 250 …")),
        (
            "filter.test",
            hand_over("a@filter.test", "FREE MONEY", "S: 550 5.7.1 Message rejected as spam by our content filter; …"),
        ),
    ];
    for (domain, script) in table {
        play(&world, domain, &script).await;
    }
}

#[tokio::test]
async fn small_says_how_small_and_refuses_what_is_larger() {
    let world = world(Settings { small_bytes_max: 2000, ..Settings::default() }).await;
    let mut stream = connect(&world, "small.test").await;
    stream.write_all(b"EHLO client.test\r\nMAIL FROM:<> SIZE=2001\r\nQUIT\r\n").await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    assert!(all.contains("SIZE 2000\r\n"), "{all}");
    assert!(all.contains("552 5.3.4 "), "{all}");
}

#[tokio::test]
async fn a_greylisted_triplet_passes_when_its_time_is_over() {
    let world = world(Settings { greylist_for: Duration::ZERO, ..Settings::default() }).await;
    play(&world, "greylist.test", &hand_over("a@greylist.test", "Hi", "S: 250 …")).await;
}

#[tokio::test]
async fn rate_passes_again_in_the_next_window() {
    let settings = Settings { rate_window: Duration::ZERO, rate_messages_max: 1, ..Settings::default() };
    let world = world(settings).await;
    for _ in 0..3 {
        play(&world, "rate.test", &hand_over("a@rate.test", "Hi", "S: 250 …")).await;
    }
}

#[tokio::test]
async fn nothing_listens_at_down() {
    let world = world(Settings::default()).await;
    let answer = addresses(world.zone(), "mx.down.test").await.unwrap();
    let error = TcpStream::connect((answer.records[0], world.smtp_port())).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn silent_takes_the_connection_and_never_greets() {
    let world = world(Settings::default()).await;
    let mut stream = connect(&world, "silent.test").await;
    stream.write_all(b"EHLO anybody\r\n").await.unwrap();
    let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0])).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn slow_thinks_before_each_reply() {
    let world = world(Settings { slow_pause: Duration::from_millis(30), ..Settings::default() }).await;
    let began = std::time::Instant::now();
    play(&world, "slow.test", &hand_over("a@slow.test", "Hi", "S: 250 …")).await;
    assert!(began.elapsed() >= Duration::from_millis(6 * 30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn flaky_drops_connections_and_sometimes_takes_the_message_without_a_word() {
    let world = world(Settings { seed: 3, ..Settings::default() }).await;
    let (mut told, mut dropped) = (0, 0);
    for number in 0..100 {
        let mut stream = connect(&world, "flaky.test").await;
        let mail = format!(
            "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@flaky.test>\r\nDATA\r\nMessage-ID: <{number}@x>\r\n\r\nhi\r\n.\r\nQUIT\r\n"
        );
        stream.write_all(mail.as_bytes()).await.unwrap();
        let mut all = String::new();
        // The host may close while there is still something to be read: a reset is as good as an end.
        let _ = stream.read_to_string(&mut all).await;
        if all.contains("taken") { told += 1 } else { dropped += 1 }
    }
    let tally = world.tally()["flaky.test"];
    assert!(told > 20 && dropped > 20, "{told} told, {dropped} dropped");
    assert_eq!(tally.messages, told + tally.untold);
    assert!(tally.untold > 3, "{tally:?}");
    assert_eq!(world.copies().len() as u64, tally.messages);
}

#[tokio::test]
async fn what_was_taken_is_in_the_books() {
    let world = world(Settings::default()).await;
    play(&world, "open.test", &hand_over("a@open.test", "Hi", "S: 250 …")).await;
    play(&world, "old.test", &hand_over("a@old.test", "Hi", "S: 250 …")).await;
    let one = HostTally { connections: 1, messages: 1, recipients: 1, untold: 0, refused: 0 };
    assert_eq!(world.tally().into_iter().collect::<Vec<_>>(), [("old.test", one), ("open.test", one)]);
    assert_eq!(world.copies()["<1@home.test>"], 2);
    let kept = world.kept();
    assert_eq!((kept[0].domain, kept[0].sender.as_str()), ("open.test", "tom@home.test"));
    assert_eq!(kept[0].recipients, ["a@open.test"]);
    assert!(kept[0].content.ends_with(b"Hello.\r\n"));
}

#[tokio::test]
async fn every_domain_is_in_the_names_as_its_manner_says() {
    let world = world(Settings { zone: "more.test MX 5 mx.open.test".into(), ..Settings::default() }).await;
    let zone = world.zone();
    for persona in &PERSONAS {
        let answer = mx(zone, persona.domain).await;
        match persona.manner {
            Manner::BrokenDns => assert!(matches!(answer, Err(Failure::ServFail(_))), "{answer:?}"),
            Manner::SilentDns => assert!(matches!(answer, Err(Failure::Timeout(_))), "{answer:?}"),
            Manner::NoSuchDomain => assert!(matches!(answer, Err(Failure::NoSuchDomain { .. })), "{answer:?}"),
            Manner::NullMx => assert_eq!(&*answer.unwrap().records[0].exchange, "."),
            _ => {
                let host = &answer.unwrap().records[0].exchange;
                let ips = addresses(zone, host).await.unwrap().records;
                let want = world.host(persona.domain).map(|host| host.ip());
                assert!(want.is_none_or(|ip| ips == [ip]), "{}: {ips:?}", persona.domain);
            }
        }
    }
    assert_eq!(&*mx(zone, "any.hosted.test").await.unwrap().records[0].exchange, "mx.open.test");
    assert_eq!(&*mx(zone, "more.test").await.unwrap().records[0].exchange, "mx.open.test");
    assert_eq!(mx(zone, "backup.test").await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn a_wrong_line_in_the_zone_is_said_and_nothing_starts() {
    let error = World::start(Settings { zone: "x.test MX".into(), ..Settings::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with("zone: line "), "{error}");
}

#[tokio::test]
async fn tls_takes_mail_under_tls() {
    let world = world(Settings::default()).await;
    let mut stream = connect(&world, "tls.test").await;
    last_line(&mut stream).await;
    for command in ["EHLO client.test\r\n", "STARTTLS\r\n"] {
        stream.write_all(command.as_bytes()).await.unwrap();
        assert!(last_line(&mut stream).await.starts_with("2"), "{command}");
    }
    let tls = ClientTls::new(None).unwrap();
    let limit = Duration::from_secs(30);
    let (stream, _) = tls.begin(stream.into_inner(), "mx.tls.test", Trust::Any, limit).await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"EHLO client.test\r\nMAIL FROM:<>\r\nQUIT\r\n").await.unwrap();
    let mut all = String::new();
    let _ = stream.read_to_string(&mut all).await;
    assert!(!all.contains("530") && all.contains("\r\n250 "), "{all}");
}
