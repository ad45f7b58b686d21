//! The registry in its moods, on loopback.

use super::*;
use crate::ctx::Settings;
use crate::net::Live;
use postrider_smtp::Timestamp;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that says this to everybody who sends a line, then closes. With `None` it says
/// nothing and keeps the connection.
async fn server(says: Option<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut octets = [0; 2048];
            let _ = socket.read(&mut octets).await;
            match &says {
                Some(says) => {
                    let _ = socket.write_all(says.as_bytes()).await;
                }
                None => held.push(socket),
            }
        }
    });
    port
}

async fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn ask(rdap: u16, whois: u16, budget: Duration) -> Consulted {
    let settings = Settings {
        rdap_bootstrap: Some(format!(r#"{{"services":[[["test"],["http://127.0.0.1:{rdap}/"]]]}}"#)),
        whois: ("127.0.0.1".into(), whois),
        budget,
        ..Settings::default()
    };
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let ctx = Ctx::new(Arc::new(Live::new(None)), tls, Timestamp(0), settings);
    consult(&ctx, "mail.good.test").await
}

fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const RECORD: &str = r#"{"objectClassName":"domain","ldhName":"good.test","status":["active"]}"#;
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_record_by_rdap_needs_no_whois() {
    let rdap = server(Some(page("200 OK", RECORD))).await;
    let asked = ask(rdap, nobody().await, LONG).await;
    assert_eq!(asked.domain, "good.test");
    let (record, source) = asked.found.unwrap();
    assert_eq!(record.domain.as_deref(), Some("good.test"));
    assert_eq!(source, Source::Rdap(format!("http://127.0.0.1:{rdap}/domain/good.test")));
    assert!(asked.whois.is_empty());
}

#[tokio::test]
async fn every_mood_is_told_in_words() {
    let whois = nobody().await;
    for (says, wanted) in [
        (page("404 Not Found", ""), "it does not know the domain"),
        (page("429 Slow", ""), "it is asked too often from here and wants us to wait"),
        (page("500 Internal Server Error", "x"), "it has trouble of its own (HTTP/1.1 500 Internal Server Error)"),
        (page("403 Forbidden", ""), "it does not let us ask (HTTP/1.1 403 Forbidden)"),
        (page("200 OK", "<html><body>Hello"), "it answers with a web page instead of JSON"),
        (page("200 OK", "{\"ldhName\":"), "its JSON is broken: EOF while parsing a value at line 1 column 11"),
        (page("200 OK", "{\"ldhName\":\"other.test\"}"), "it answers about another domain: other.test"),
        (page("302 Found\r\nLocation: ftp://x/", ""), "it sends on to ftp://x/, which is not followed"),
    ] {
        let asked = ask(server(Some(says)).await, whois, LONG).await;
        assert_eq!(asked.rdap[0].end.to_string(), wanted);
        assert_eq!(asked.found, None);
        assert!(asked.whois[0].end.to_string().starts_with("cannot connect to"), "{}", asked.whois[0].end);
    }
}

#[tokio::test]
async fn whois_steps_in_and_follows_referrals() {
    let registrar = server(Some("Registrar Abuse Contact Email: abuse@r.test\nRegistrar: R\n".into())).await;
    let registry = server(Some(format!(
        "Domain Name: GOOD.TEST\nRegistrar WHOIS Server: 127.0.0.1:{registrar}\nRegistrar: Registrar B.V.\nRegistry Expiry Date: 2027-01-01T00:00:00Z\n"
    )))
    .await;
    let root = server(Some(format!("refer: 127.0.0.1:{registry}\ndomain: TEST\nstatus: ACTIVE\n"))).await;
    let asked = ask(nobody().await, root, LONG).await;
    let (record, source) = asked.found.unwrap();
    assert_eq!(source, Source::Whois(format!("127.0.0.1:{registry}")));
    assert_eq!(record.registrar.as_deref(), Some("Registrar B.V."));
    assert_eq!(record.abuse_email.as_deref(), Some("abuse@r.test"));
    assert_eq!(asked.whois.len(), 3);
}

#[tokio::test]
async fn referrals_in_a_ring_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(format!("refer: 127.0.0.1:{port}\n").as_bytes()).await;
        }
    });
    let asked = ask(nobody().await, port, LONG).await;
    assert_eq!(asked.whois.len(), 1);
    assert_eq!(asked.found, None);
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_given_up() {
    let asked = ask(server(None).await, server(None).await, Duration::from_millis(150)).await;
    assert_eq!(asked.found, None);
    assert!(asked.why_unknown().contains("does not answer"), "{}", asked.why_unknown());
    assert!(asked.unregistered().is_empty());
}

#[tokio::test]
async fn nobody_holds_it() {
    let whois = server(Some("No match for \"GOOD.TEST\".\n".into())).await;
    let asked = ask(server(Some(page("404 Not Found", "{}"))).await, whois, LONG).await;
    let said: Vec<String> = asked.unregistered().into_iter().map(|(_, words)| words).collect();
    assert_eq!(said, ["404 Not Found", "No match for \"GOOD.TEST\"."]);
}

#[tokio::test]
async fn nobody_is_asked_about_reserved_names() {
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let ctx = Ctx::new(Arc::new(Live::new(None)), tls, Timestamp(0), Settings::default());
    assert_eq!(consult(&ctx, "a.test").await.why_unknown(), ".test has no registry: it is reserved");
    assert!(consult(&ctx, "com").await.nobody.is_some());
}

#[tokio::test]
async fn a_recording_tells_the_same() {
    let rdap = server(Some(page("429 Slow", ""))).await;
    let whois = server(Some("Domain Name: GOOD.TEST\nRegistrar: R\nDomain Status: ok\n".into())).await;
    let settings = Settings {
        rdap_bootstrap: Some(format!(r#"{{"services":[[["test"],["http://127.0.0.1:{rdap}/"]]]}}"#)),
        whois: ("127.0.0.1".into(), whois),
        ..Settings::default()
    };
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let tape = Arc::new(crate::net::Tape::recording(Arc::new(Live::new(None))));
    let ctx = Ctx::new(tape.clone(), tls, Timestamp(0), settings);
    let live = consult(&ctx, "good.test").await;
    let target = crate::Target::parse("good.test").unwrap();
    let case = crate::case::write(&ctx, &target, None, &tape.entries()).unwrap();
    let again = consult(&crate::case::read(&case).unwrap().0, "good.test").await;
    assert!(live.found.is_some());
    assert_eq!(again.found, live.found);
    assert_eq!(again.rdap[0].end, RdapEnd::TooOften(None));
}
