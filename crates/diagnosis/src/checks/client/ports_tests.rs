use super::super::{Resolved, mode};
use super::*;
use crate::ctx::Settings;
use crate::finding::{Severity, State};
use crate::net::Live;
use postrider_smtp::Timestamp;
use postrider_testkit::Peer;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;

#[test]
fn protocols_by_their_first_octets() {
    let table: [(&[u8], Protocol); 11] = [
        (b"220 mx.example ESMTP\r\n", Protocol::Smtp),
        (b"220-mx.example\r\n", Protocol::Smtp),
        (b"421 busy\r\n", Protocol::Smtp),
        (b"* OK [CAPABILITY IMAP4rev1] hi\r\n", Protocol::Imap),
        (b"* BYE no\r\n", Protocol::Imap),
        (b"+OK POP3\r\n", Protocol::Pop),
        (b"\"IMPLEMENTATION\" \"x\"\r\n", Protocol::Sieve),
        (b"SSH-2.0-x\r\n", Protocol::Ssh),
        (b"HTTP/1.1 400 Bad\r\n", Protocol::Http),
        (b"2200 x", Protocol::Unknown),
        (b"", Protocol::Unknown),
    ];
    for (octets, want) in table {
        assert_eq!(Protocol::of(octets), want, "{:?}", String::from_utf8_lossy(octets));
    }
}

async fn seen(script: &str) -> Saw {
    let settings = Settings { budget: Duration::from_secs(20), ..Settings::default() };
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let ctx = Ctx::new(Arc::new(Live::new(None)), tls, Timestamp(0), settings);
    let peer = Peer::start("127.0.0.1", 0, &[script]).await;
    look(&ctx, "mx.example", peer.address(), Duration::from_millis(250)).await
}

#[tokio::test]
async fn in_clear_under_tls_and_neither() {
    let clear = Saw::Clear(Protocol::Smtp, "220 mx.example ESMTP".into());
    assert_eq!(seen("S: 220 mx.example ESMTP\nHANG").await, clear);
    let Saw::Tls { protocol, line, .. } = seen("TLS\nS: * OK ready\nHANG").await else { panic!("no TLS") };
    assert_eq!((protocol, line.as_str()), (Protocol::Imap, "* OK ready"));
    assert_eq!(seen("CLOSE").await, Saw::Dropped);
    // It never greets, and takes the beginning of TLS for broken words.
    assert!(matches!(seen("OCTETS 20\nS: 500 what\nCLOSE").await, Saw::Mute(_)));
    // A flood ends at the first line, or where a greeting ends.
    let flood = format!("S: {}\nLOOP\nS: x", "y".repeat(5000));
    let Saw::Clear(Protocol::Unknown, line) = seen(&flood).await else { panic!("no line") };
    assert_eq!(line.len(), 200);
}

#[tokio::test]
async fn nothing_listens() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = gone.local_addr().unwrap();
    drop(gone);
    let settings = Settings { budget: Duration::from_secs(20), ..Settings::default() };
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let ctx = Ctx::new(Arc::new(Live::new(None)), tls, Timestamp(0), settings);
    let saw = look(&ctx, "mx.example", to, Duration::from_millis(250)).await;
    assert_eq!(saw, Saw::Closed(Knock::Refused));
}

fn offer(service: Service, port: u16, mode: Mode) -> Offer {
    Offer { service, host: "h.example".into(), port, mode, by: NamedBy::Srv, user: None }
}

fn facts(offers: Vec<Offer>, ports: Vec<(u16, Saw)>) -> ClientFacts {
    let ports = ports.into_iter().map(|(port, saw)| PortSeen {
        host: "h.example".into(),
        to: ([192, 0, 2, 1], port).into(),
        saw,
    });
    let mut facts = ClientFacts {
        address: Some("tom@example.com".into()),
        offers,
        ports: ports.collect(),
        ..ClientFacts::default()
    };
    facts.names.insert("h.example".into(), Resolved { ips: vec![[192, 0, 2, 1].into()], ..Resolved::default() });
    facts
}

fn clear(protocol: Protocol) -> Saw {
    Saw::Clear(protocol, "hello".into())
}

fn under_tls(protocol: Protocol) -> Saw {
    let seen = TlsSeen { version: "TLSv1.3".into(), cipher: "x".into(), chain: Vec::new() };
    Saw::Tls { seen, protocol, line: "hello".into() }
}

#[test]
fn ports_that_are_named_and_do_not_answer() {
    let imap = || offer(Service::Imap, 993, Mode::Implicit);
    let other = || offer(Service::Imap, 143, Mode::StartTls);
    let closed = |knock| Saw::Closed(knock);
    type Case = (&'static str, ClientFacts, Option<State>, Vec<(Severity, Impact)>);
    let table: Vec<Case> = vec![
        ("open", facts(vec![imap()], vec![(993, under_tls(Protocol::Imap))]), Some(State::Fine), vec![]),
        (
            "refused",
            facts(vec![imap()], vec![(993, closed(Knock::Refused)), (25, clear(Protocol::Smtp))]),
            Some(State::Found),
            vec![(Severity::Problem, Impact::Broken)],
        ),
        (
            "filtered",
            facts(vec![imap()], vec![(993, closed(Knock::TimedOut)), (25, clear(Protocol::Smtp))]),
            Some(State::Found),
            vec![(Severity::Problem, Impact::Broken)],
        ),
        (
            "refused, and another is open",
            facts(vec![imap(), other()], vec![(993, closed(Knock::Refused)), (143, clear(Protocol::Imap))]),
            Some(State::Found),
            vec![(Severity::Warning, Impact::AtRisk)],
        ),
        (
            "refused, and a guess is open",
            facts(
                vec![imap(), Offer { by: NamedBy::Guess, ..other() }],
                vec![(993, closed(Knock::Refused)), (143, clear(Protocol::Imap))],
            ),
            Some(State::Found),
            vec![(Severity::Problem, Impact::Broken)],
        ),
        (
            "nobody names it",
            facts(vec![imap()], vec![(993, under_tls(Protocol::Imap)), (110, closed(Knock::Refused))]),
            Some(State::Fine),
            vec![],
        ),
        (
            "no way from here",
            facts(vec![imap()], vec![(993, closed(Knock::Unreachable("no".into())))]),
            Some(State::Untested),
            vec![],
        ),
        (
            "another protocol",
            facts(vec![imap()], vec![(993, under_tls(Protocol::Http))]),
            Some(State::Found),
            vec![(Severity::Problem, Impact::Broken)],
        ),
        ("none known", facts(vec![], vec![]), Some(State::Untested), vec![]),
    ];
    for (name, facts, state, want) in table {
        let mut say = Say::default();
        judge(&facts, &mut say);
        let found: Vec<_> = say.findings().iter().map(|finding| (finding.severity, finding.client)).collect();
        assert_eq!((say.state_of("cl.port"), found), (state, want), "{name}");
    }
}

#[test]
fn tls_the_wrong_way_round() {
    let smtp = |port, mode| offer(Service::Submission, port, mode);
    let table: Vec<(&str, ClientFacts, &str, Option<Impact>)> = vec![
        (
            "465 in clear",
            facts(vec![smtp(465, Mode::Implicit)], vec![(465, clear(Protocol::Smtp))]),
            "in clear",
            Some(Impact::Broken),
        ),
        (
            "587 under TLS",
            facts(vec![smtp(587, Mode::StartTls)], vec![(587, under_tls(Protocol::Smtp))]),
            "from the first octet",
            Some(Impact::Broken),
        ),
        (
            "993 in clear",
            facts(vec![offer(Service::Imap, 993, Mode::Implicit)], vec![(993, clear(Protocol::Imap))]),
            "IMAP in clear",
            Some(Impact::Broken),
        ),
        (
            "587 is right, 465 is not and nobody names it",
            facts(vec![smtp(587, Mode::StartTls)], vec![(587, clear(Protocol::Smtp)), (465, clear(Protocol::Smtp))]),
            "h.example:465",
            Some(Impact::AtRisk),
        ),
        (
            "own port, TLS as said",
            facts(vec![smtp(10465, Mode::Implicit)], vec![(10465, under_tls(Protocol::Smtp))]),
            "",
            None,
        ),
        (
            "own port, clear and said TLS",
            facts(vec![smtp(10465, Mode::Implicit)], vec![(10465, clear(Protocol::Smtp))]),
            "in clear",
            Some(Impact::Broken),
        ),
        (
            "587 is right, and what names it is not",
            facts(vec![smtp(587, Mode::Implicit)], vec![(587, clear(Protocol::Smtp))]),
            "",
            None,
        ),
        (
            "all right",
            facts(vec![smtp(587, Mode::StartTls)], vec![(587, clear(Protocol::Smtp)), (25, clear(Protocol::Smtp))]),
            "",
            None,
        ),
        (
            "another protocol is no matter of modes",
            facts(vec![smtp(465, Mode::Implicit)], vec![(465, clear(Protocol::Http)), (25, clear(Protocol::Smtp))]),
            "",
            None,
        ),
    ];
    for (name, facts, words, want) in table {
        let mut say = Say::default();
        mode::judge(&facts, &mut say);
        let found = say.findings().first();
        assert_eq!(found.map(|finding| finding.client), want, "{name}");
        assert!(
            say.findings().len() < 2 && found.is_none_or(|finding| finding.title.contains(words)),
            "{name}: {found:?}"
        );
    }
}
