//! The resolver for real name servers, against a name server on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use postrider_dns::{Failure, Kind, Mx, Record, Resolver, Settings, System, Zone};
use postrider_world::NameServer;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const ZONE: &str = "
    example.test  300  MX     10 mx.example.test
    mx.example.test    A      127.0.0.9
    mx.example.test    AAAA   ::1
    alias.test    60   CNAME  next.test
    next.test          CNAME  mx.example.test
    lost.test          CNAME  nowhere.test
    loop.test          CNAME  loop.test
    signed.test        SIGNED
    signed.test        A      127.0.0.8
    signed.test        TXT    \"v=spf1 \" \"-all\"
    _25._tcp.signed.test TLSA 3 1 1 00ff
    example.test       SOA    ns.test h.test 3 1 1 1 90
    zero.test     0    A      127.0.0.7
    broken.test        SERVFAIL
    shut.test          REFUSED
    slow.test          TIMEOUT
    9.0.0.127.in-addr.arpa PTR mx.example.test
";

async fn serve(zone: &str) -> NameServer {
    NameServer::start(Ipv4Addr::LOCALHOST, Zone::parse(zone).unwrap()).await.unwrap()
}

/// A resolver that does not wait long, as nothing here is far away.
fn resolver(servers: &[SocketAddr]) -> System {
    let settings = Settings { server_timeout: Duration::from_millis(150), rounds: 1, ..Settings::default() };
    System::new(Settings { servers: servers.to_vec(), ..settings }).unwrap()
}

#[tokio::test]
async fn answers_come_over_the_wire_as_the_zone_has_them() {
    let server = serve(ZONE).await;
    let resolver = resolver(&[server.address()]);
    let table = [
        ("Example.TEST.", Kind::Mx),
        ("example.test", Kind::Soa),
        ("mx.example.test", Kind::A),
        ("mx.example.test", Kind::Aaaa),
        ("alias.test", Kind::A),
        ("alias.test", Kind::Cname),
        ("signed.test", Kind::A),
        ("signed.test", Kind::Txt),
        ("_25._tcp.signed.test", Kind::Tlsa),
        ("9.0.0.127.in-addr.arpa", Kind::Ptr),
        ("mx.example.test", Kind::Mx),
        ("nobody.example.test", Kind::A),
        ("lost.test", Kind::A),
    ];
    for (name, kind) in table {
        let want = server.zone().look_up(name, kind).await;
        assert_eq!(resolver.look_up(name, kind).await, want, "{name} {kind}");
    }
}

#[tokio::test]
async fn trouble_is_told_apart_and_names_the_server() {
    let server = serve(ZONE).await;
    let at = server.address();
    let resolver = resolver(&[at]);
    let table = [
        ("broken.test", Failure::ServFail(format!("{at}: error response: Server Failure"))),
        ("loop.test", Failure::ServFail(format!("{at}: error response: Server Failure"))),
        ("shut.test", Failure::Refused(at.to_string())),
        ("slow.test", Failure::Timeout(format!("{at} within 0.15 s"))),
    ];
    for (name, want) in table {
        assert_eq!(resolver.look_up(name, Kind::Mx).await, Err(want), "{name}");
    }
    let malformed = resolver.look_up("a..test", Kind::Mx).await;
    assert!(matches!(malformed, Err(Failure::Malformed(_))), "{malformed:?}");
}

#[tokio::test]
async fn nothing_listening_is_a_timeout_that_says_so() {
    // A port that was free a moment ago.
    let gone = serve("").await.address();
    let failure = resolver(&[gone]).look_up("example.test", Kind::Mx).await.unwrap_err();
    assert!(matches!(&failure, Failure::Timeout(text) if text.contains(&gone.to_string())), "{failure:?}");
}

#[tokio::test]
async fn three_hundred_mail_exchanges_come_by_tcp() {
    let lines: Vec<String> = (0..300).map(|n| format!("many.test MX {n} mx{n}.many.test")).collect();
    let server = serve(&lines.join("\n")).await;
    let answer = postrider_dns::mx(&resolver(&[server.address()]), "many.test").await.unwrap();
    assert_eq!(answer.records.len(), 300);
    assert_eq!(answer.records[299], Mx { preference: 299, exchange: "mx299.many.test".into() });
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_cannot_say() {
    let deaf = serve("test TIMEOUT").await;
    let broken = serve("test SERVFAIL").await;
    let good = serve(ZONE).await;
    let resolver = resolver(&[deaf.address(), broken.address(), good.address()]);
    assert!(resolver.look_up("mx.example.test", Kind::A).await.is_ok());
    // The one that answered is asked first from now on.
    let before = (deaf.questions(), broken.questions());
    assert!(resolver.look_up("example.test", Kind::Mx).await.is_ok());
    assert_eq!((deaf.questions(), broken.questions()), before);
}

#[tokio::test]
async fn absence_is_an_answer_and_no_other_server_is_asked() {
    let (first, second) = (serve("").await, serve(ZONE).await);
    let resolver = resolver(&[first.address(), second.address()]);
    let failure = resolver.look_up("example.test", Kind::Mx).await.unwrap_err();
    assert_eq!(failure, Failure::NoSuchDomain { ttl: Duration::from_secs(300) });
    assert_eq!(second.questions(), 0);
}

#[tokio::test]
async fn what_was_answered_is_not_asked_again() {
    let server = serve(ZONE).await;
    let resolver = resolver(&[server.address()]);
    for name in ["mx.example.test", "zero.test", "nobody.example.test", "broken.test", "alias.test"] {
        let first = resolver.look_up(name, Kind::A).await;
        let asked = server.questions();
        let again = resolver.look_up(name, Kind::A).await;
        assert_eq!(server.questions(), asked, "{name}");
        assert_eq!(again.is_ok(), first.is_ok(), "{name}");
    }
    let asked = server.questions();
    resolver.forget();
    assert!(resolver.look_up("mx.example.test", Kind::A).await.is_ok());
    assert_eq!(server.questions(), asked + 1);
}

#[tokio::test]
async fn the_same_question_asked_by_many_goes_out_once() {
    let server = serve(ZONE).await;
    let resolver = std::sync::Arc::new(resolver(&[server.address()]));
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let resolver = std::sync::Arc::clone(&resolver);
            tokio::spawn(async move { resolver.look_up("mx.example.test", Kind::A).await.unwrap().records })
        })
        .collect();
    for task in asking {
        assert_eq!(task.await.unwrap(), [Record::A("127.0.0.9".parse().unwrap())]);
    }
    assert_eq!(server.questions(), 1);
}

#[tokio::test]
async fn a_thousand_questions_at_once_are_all_answered() {
    let server = serve("*.bulk.test A 127.0.0.6").await;
    let settings = Settings { servers: vec![server.address()], ..Settings::default() };
    let resolver = std::sync::Arc::new(System::new(settings).unwrap());
    let asking: Vec<_> = (0..1000)
        .map(|number| {
            let resolver = std::sync::Arc::clone(&resolver);
            tokio::spawn(async move { resolver.look_up(&format!("{number}.bulk.test"), Kind::A).await })
        })
        .collect();
    for task in asking {
        assert!(task.await.unwrap().is_ok());
    }
}
