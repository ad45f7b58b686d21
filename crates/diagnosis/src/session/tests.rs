//! Sessions with scripted hosts: what is kept of them, live and replayed.

use super::{By, Plan, Session, SessionFacts, Tls};
use crate::net::{Heading, Live, Replay, Tape};
use postrider_smtp::TroubleKind;
use postrider_smtp::client::{Credentials, Ended};
use postrider_testkit::Peer;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn plan(peer: &Peer, tls: Tls) -> Plan {
    Plan { tls, ..Plan::new("mx.example", peer.address(), Instant::now() + Duration::from_secs(20)) }
}

fn told(facts: &SessionFacts) -> Vec<String> {
    let arrow = |line: &super::Line| match (line.by, line.encrypted) {
        (By::Us, false) => format!("> {}", line.text),
        (By::Us, true) => format!("~> {}", line.text),
        (By::Host, false) => format!("< {}", line.text),
        (By::Host, true) => format!("~< {}", line.text),
        (By::Note, _) => String::new(),
    };
    facts.lines.iter().map(arrow).filter(|line| !line.is_empty()).collect()
}

const SECRET: &str = "S: 220 mx.example\nC: EHLO*\nS: 250-mx.example\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO*\n\
    S: 250-mx.example\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AHRvbQBwZW5jaWw=\nS: 235 ok\nC: NOOP\nS: 250 ok\nC: QUIT\nS: 221 bye\n";

#[tokio::test]
async fn a_session_is_kept_line_by_line_and_replays_the_same() {
    let peer = Peer::start("127.0.0.1", 0, &[SECRET]).await;
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let tape = Tape::recording(Arc::new(Live::new(None)));
    let credentials = Credentials { user: "tom".into(), password: "pencil".into(), in_clear: false };
    let plan = Plan { credentials: Some(credentials), ..plan(&peer, Tls::WhenOffered) };
    let mut session = Session::open(&tape, &tls, plan.clone(), None).await;
    session.ask("noop", "NOOP").await.unwrap();
    let live = session.quit().await;
    let want = [
        "< 220 mx.example",
        "> EHLO [127.0.0.1]",
        "< 250-mx.example",
        "< 250 STARTTLS",
        "> STARTTLS",
        "< 220 go",
        "~> EHLO [127.0.0.1]",
        "~< 250-mx.example",
        "~< 250 AUTH PLAIN",
        "~> AUTH PLAIN ****",
        "~< 235 ok",
        "~> NOOP",
        "~< 250 ok",
        "~> QUIT",
        "~< 221 bye",
    ];
    assert_eq!(told(&live), want);
    let heading = Heading {
        entries: None,
        schema: "postrider.case/1".into(),
        target: "x".into(),
        at: 0,
        settings: serde_json::Value::Null,
        ca: None,
    };
    let mut case = serde_json::to_string(&heading).unwrap();
    for entry in tape.entries() {
        case.push('\n');
        case.push_str(&serde_json::to_string(&entry).unwrap());
    }
    assert!(!case.contains("AHRvbQBwZW5jaWw") && !case.contains("pencil"), "the password is in the case file");
    let (_, replay) = Replay::read(&case).unwrap();
    let mut session = Session::open(&replay, &tls, plan, None).await;
    session.ask("noop", "NOOP").await.unwrap();
    let again = session.quit().await;
    assert_eq!(told(&again), want);
    assert_eq!(again.tls, live.tls);
}

#[tokio::test]
async fn tls_modes_that_do_not_fit_the_port_are_seen() {
    let tls = Arc::new(ClientTls::new(None).unwrap());
    // TLS at once where STARTTLS is wanted: the greeting is no TLS.
    let peer = Peer::start("127.0.0.1", 0, &["S: 220 mx.example ESMTP\nHANG"]).await;
    let facts = Session::open(&Live::new(None), &tls, plan(&peer, Tls::Implicit), None).await.quit().await;
    assert_eq!(facts.tls_trouble.map(|trouble| trouble.kind), Some(TroubleKind::TlsFailed));
    // No TLS where it is wanted at once: nothing is said, and words in clear are no TLS.
    let peer = Peer::start("127.0.0.1", 0, &["TLS"]).await;
    let soon = Plan { until: Instant::now() + Duration::from_millis(900), ..plan(&peer, Tls::Off) };
    let facts = Session::open(&Live::new(None), &tls, soon, None).await.quit().await;
    assert_eq!(crate::checks::smtp::speaks(&facts.poked), Some("a server that wants TLS from the first octet"));
    // And the right way.
    let peer = Peer::start("127.0.0.1", 0, &["TLS\nS: 220 mx\nC: EHLO*\nS: 250 mx\nC: QUIT\nS: 221 bye"]).await;
    let facts = Session::open(&Live::new(None), &tls, plan(&peer, Tls::Implicit), None).await.quit().await;
    assert_eq!((facts.ended.clone(), facts.tls.is_some()), (Some(Ended::Quit), true), "{facts:#?}");
}

#[tokio::test]
async fn what_was_glued_to_starttls_and_answered_is_seen() {
    let tls = Arc::new(ClientTls::new(None).unwrap());
    let open = "S: 220 mx\nC: EHLO*\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nC: NOOP\nS: 220 go\nTLS\n";
    let obeys = format!("{open}S: 250 ok\nC: EHLO*\nS: 250 mx\nC: QUIT\nS: 221 bye");
    let peer = Peer::start("127.0.0.1", 0, &[&obeys]).await;
    let facts = Session::open(&Live::new(None), &tls, plan(&peer, Tls::Glued), None).await.quit().await;
    assert_eq!(String::from_utf8_lossy(&facts.injected), "250 ok\r\n");
    let forgets = format!("{open}C: EHLO*\nS: 250 mx\nC: QUIT\nS: 221 bye");
    let peer = Peer::start("127.0.0.1", 0, &[&forgets]).await;
    let facts = Session::open(&Live::new(None), &tls, plan(&peer, Tls::Glued), None).await.quit().await;
    assert!(facts.injected.is_empty());
}
