use super::super::NamedBy;
use super::*;
use crate::ctx::{Ctx, Settings};
use crate::finding::State;
use crate::net::{Live, Tape, World};
use postrider_smtp::{ReplyCode, Timestamp};
use postrider_testkit::Peer;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;

const PASSWORD: &str = "correct horse";

fn ctx(world: Arc<dyn World>) -> Ctx {
    let settings = Settings { budget: Duration::from_secs(20), ..Settings::default() };
    Ctx::new(world, Arc::new(ClientTls::new(None).unwrap()), Timestamp(1_796_000_000_000), settings)
}

fn live() -> Ctx {
    ctx(Arc::new(Live::new(None)))
}

fn wish() -> Wish {
    Wish {
        local: "tom".into(),
        domain: "example.com".into(),
        user: None,
        password: Some(Password(PASSWORD.into())),
        named: Vec::new(),
    }
}

fn offer(service: Service, mode: Mode, to: SocketAddr) -> Offer {
    Offer { service, host: "mx.example".into(), port: to.port(), mode, by: NamedBy::User, user: None }
}

async fn by_imap(ctx: &Ctx, mode: Mode, script: &str) -> (ImapSeen, Vec<String>) {
    let peer = Peer::start("127.0.0.1", 0, &[script]).await;
    let seen = imap(ctx, offer(Service::Imap, mode, peer.address()), peer.address(), &wish()).await;
    (seen, peer.lines())
}

async fn by_smtp(ctx: &Ctx, mode: Mode, script: &str) -> (SubmissionSeen, Vec<String>) {
    let peer = Peer::start("127.0.0.1", 0, &[script]).await;
    let seen = submission(ctx, offer(Service::Submission, mode, peer.address()), peer.address(), &wish(), true).await;
    (seen, peer.lines())
}

#[test]
fn refusals_by_submission_servers() {
    use RefusalReason as R;
    let table = [
        ("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", R::WrongPassword),
        ("535 5.7.8 Username and Password not accepted", R::WrongPassword),
        ("534 5.7.9 Application-specific password required", R::AppPassword),
        ("534 5.7.14 Please log in via your web browser and then try again", R::Locked),
        ("534 5.7.9 Authentication mechanism is too weak", R::MechanismOff),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant",
            R::MechanismOff,
        ),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", R::MechanismOff),
        ("538 5.7.11 Encryption required for requested authentication mechanism", R::TlsNeeded),
        ("530 5.7.0 Must issue a STARTTLS command first", R::TlsNeeded),
        ("504 5.5.4 Unrecognized authentication type", R::MechanismOff),
        ("503 5.5.1 Error: authentication not enabled", R::MechanismOff),
        ("454 4.7.0 Temporary authentication failure", R::Unavailable),
        ("451 4.3.0 authentication failed", R::Unavailable),
        ("432 4.7.12 A password transition is needed", R::Expired),
        ("421 4.7.0 Too many login attempts", R::TooMany),
        ("535 5.7.0 Account is locked", R::Locked),
        ("550 no", R::Unsaid),
    ];
    for (text, want) in table {
        let (code, words) = text.split_once(' ').unwrap();
        let reply = Reply::new(ReplyCode::new(code.parse().unwrap()).unwrap(), words);
        assert_eq!(refusal(&reply, "secret").reason, want, "{text}");
    }
    let reply = Reply::new(ReplyCode::new(535).unwrap(), "no: correct horse");
    assert!(!refusal(&reply, PASSWORD).said.contains(PASSWORD));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let script = "TLS
        S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready
        C: P1 AUTHENTICATE PLAIN *
        S: P1 NO [AUTHENTICATIONFAILED] Authentication failed.
        C: P2 LOGOUT
        S: P2 OK bye";
    let (seen, lines) = by_imap(&live(), Mode::Implicit, script).await;
    let Login::Refused(refusal) = &seen.login else { panic!("{seen:?}") };
    assert_eq!((refusal.reason, seen.fault), (RefusalReason::WrongPassword, None));
    assert!(!lines.iter().any(|line| line.starts_with("!!")), "{lines:?}");

    let script = "S: 220 mx.example ESMTP
        C: EHLO *
        S: 250-mx.example
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go
        TLS
        C: EHLO *
        S: 250-mx.example
        S: 250 AUTH PLAIN LOGIN
        C: AUTH PLAIN *
        S: 535 5.7.8 authentication failed
        C: QUIT
        S: 221 bye";
    let (seen, lines) = by_smtp(&live(), Mode::StartTls, script).await;
    let Login::Refused(refusal) = &seen.login else { panic!("{seen:?}") };
    assert_eq!(refusal.reason, RefusalReason::WrongPassword);
    assert_eq!(lines.iter().filter(|line| line.starts_with("AUTH")).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_login_that_works_and_may_not_send_as_the_address() {
    let script = "TLS
        S: 220 mx.example ESMTP
        C: EHLO *
        S: 250-mx.example
        S: 250 AUTH LOGIN
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: dG9tQGV4YW1wbGUuY29t
        S: 334 UGFzc3dvcmQ6
        C: Y29ycmVjdCBob3JzZQ==
        S: 235 2.7.0 ok
        C: MAIL FROM:<tom@example.com>
        S: 250 ok
        C: RCPT TO:<tom@example.com>
        S: 553 5.7.1 <tom@example.com>: Sender address rejected: not owned by user tom
        C: RSET
        S: 250 ok
        C: QUIT
        S: 221 bye";
    let (seen, lines) = by_smtp(&live(), Mode::Implicit, script).await;
    assert_eq!(seen.login, Login::Works, "{lines:?}");
    assert_eq!(seen.session.answer("rcpt").unwrap().code().number(), 553);
    let told: Vec<&str> = seen.session.lines.iter().map(|line| line.text.as_str()).collect();
    assert!(!told.iter().any(|line| line.contains("Y29ycmVjdCBob3JzZQ")), "{told:?}");
}

#[tokio::test]
async fn no_mechanism_and_no_tls_are_told_apart() {
    let script = "TLS
        S: 220 mx.example ESMTP
        C: EHLO *
        S: 250 mx.example
        C: QUIT
        S: 221 bye";
    let (seen, _) = by_smtp(&live(), Mode::Implicit, script).await;
    let Login::Refused(refusal) = &seen.login else { panic!("{seen:?}") };
    assert_eq!(refusal.reason, RefusalReason::MechanismOff);

    let script = "S: 220 mx.example ESMTP
        C: EHLO *
        S: 250-mx.example
        S: 250 AUTH PLAIN
        C: QUIT
        S: 221 bye";
    let (seen, lines) = by_smtp(&live(), Mode::StartTls, script).await;
    assert!(matches!(&seen.login, Login::NotTried(why) if why.contains("no TLS")), "{seen:?}");
    assert!(!lines.iter().any(|line| line.starts_with("AUTH")), "{lines:?}");

    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready
        C: P1 LOGOUT
        S: P1 OK bye";
    let (seen, _) = by_imap(&live(), Mode::StartTls, script).await;
    assert_eq!(seen.starttls_offered, Some(false));
    assert!(matches!(&seen.login, Login::NotTried(why) if why.contains("no TLS")), "{seen:?}");
}

#[tokio::test]
async fn servers_that_hang_up() {
    let (seen, _) = by_imap(&live(), Mode::StartTls, "CLOSE").await;
    assert!(seen.fault.as_ref().is_some_and(|why| why.contains("closed the connection")), "{seen:?}");
    let (seen, _) = by_imap(&live(), Mode::Implicit, "TLS\nS: * BYE too many connections\nCLOSE").await;
    assert!(seen.fault.as_ref().is_some_and(|why| why.contains("too many connections")), "{seen:?}");
    let script = "TLS
        S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready
        C: P1 AUTHENTICATE PLAIN *
        CLOSE";
    let (seen, _) = by_imap(&live(), Mode::Implicit, script).await;
    assert!(matches!(&seen.login, Login::Broke(_)), "{seen:?}");
    let (seen, _) = by_smtp(&live(), Mode::Implicit, "TLS\nS: 220 mx.example\nC: EHLO *\nCLOSE").await;
    assert!(matches!(&seen.login, Login::NotTried(_)), "{seen:?}");
}

#[tokio::test]
async fn submission_that_turns_away_breaks_off_or_fails_at_tls() {
    let script = "S: 220 mx.example
        C: EHLO *
        S: 250-mx.example
        S: 250 STARTTLS
        C: STARTTLS";
    let table = [
        ("S: 554 5.7.1 not you\nCLOSE", Mode::StartTls, "cl.port", "turns this machine away: 554"),
        ("S: 220 mx.example\nC: EHLO *\nCLOSE", Mode::StartTls, "cl.port", "breaks off"),
        (
            &format!("{script}\nS: 454 4.7.0 no TLS now\nCLOSE"),
            Mode::StartTls,
            "cl.mode",
            "offers STARTTLS, which fails",
        ),
        (&format!("{script}\nS: 220 go\nS: what?\nCLOSE"), Mode::StartTls, "cl.mode", "offers STARTTLS, which fails"),
        ("S: 220 not TLS\nCLOSE", Mode::Implicit, "cl.mode", "begins with TLS, which fails"),
    ];
    for (script, mode, id, words) in table {
        let (seen, _) = by_smtp(&live(), mode, script).await;
        let told = format!("{seen:?}");
        let saw = super::super::ports::PortSeen {
            host: seen.offer.host.clone(),
            to: seen.session.to,
            saw: super::super::ports::Saw::Clear(super::super::ports::Protocol::Smtp, "220".into()),
        };
        // The port as a judge would have it: doing what it is to do.
        let offer = Offer { mode: Mode::StartTls, ..seen.offer.clone() };
        let facts =
            ClientFacts { offers: vec![offer], ports: vec![saw], submission: Some(seen), ..ClientFacts::default() };
        let mut say = Say::default();
        super::super::ports::judge(&facts, &mut say);
        super::super::mode::judge(&facts, &mut say);
        let found: Vec<_> = say.findings().iter().map(|finding| (finding.id, finding.title.clone())).collect();
        assert!(
            matches!(found.as_slice(), [(is, title)] if *is == id && title.contains(words)),
            "{script}: {found:?} {told}"
        );
    }
}

#[tokio::test]
async fn a_recording_has_no_secret() {
    let tape = Arc::new(Tape::recording(Arc::new(Live::new(None))));
    let ctx = ctx(tape.clone());
    let script = "TLS
        S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready
        C: P1 AUTHENTICATE PLAIN *
        S: P1 NO [ALERT] correct horse is not it
        C: P2 LOGOUT
        S: P2 OK bye";
    by_imap(&ctx, Mode::Implicit, script).await;
    let script = "TLS
        S: 220 mx.example ESMTP
        C: EHLO *
        S: 250-mx.example
        S: 250 AUTH PLAIN
        C: AUTH PLAIN *
        S: 535 no
        C: QUIT
        S: 221 bye";
    by_smtp(&ctx, Mode::Implicit, script).await;
    let said: Vec<String> = tape
        .entries()
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap())
        .filter(|line| line.contains("\"said\""))
        .collect();
    assert!(said.len() > 3, "{said:?}");
    let secret = BASE64.encode(format!("\0tom@example.com\0{PASSWORD}"));
    for line in said {
        assert!(!line.contains(PASSWORD) && !line.contains(&secret), "{line}");
    }
}

fn judged(imap: Option<Login>, submission: Option<Login>) -> (Option<State>, Vec<(Severity, Actor)>) {
    let to: SocketAddr = "192.0.2.1:993".parse().unwrap();
    let imap = imap.map(|login| ImapSeen {
        offer: offer(Service::Imap, Mode::Implicit, to),
        to,
        tls: None,
        starttls_offered: None,
        greeting: String::new(),
        capabilities: Vec::new(),
        fault: None,
        login,
        quota: Vec::new(),
    });
    let submission = submission.map(|login| SubmissionSeen {
        offer: offer(Service::Submission, Mode::Implicit, to),
        session: SessionFacts::new("mx.example", to),
        login,
    });
    let facts = ClientFacts { with_login: true, imap, submission, user: "tom".into(), ..ClientFacts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    (say.state_of("cl.auth"), say.findings().iter().map(|finding| (finding.severity, finding.act)).collect())
}

#[test]
fn what_is_said_of_logins() {
    let refused = |reason| Some(Login::Refused(Refusal { reason, said: "no".into() }));
    let not_tried = || Some(Login::NotTried("why".into()));
    let problem = vec![(Severity::Problem, Actor::You)];
    assert_eq!(judged(None, None), (Some(State::Untested), vec![]));
    assert_eq!(judged(Some(Login::Works), Some(Login::Works)), (Some(State::Fine), vec![]));
    assert_eq!(judged(Some(Login::Works), not_tried()), (Some(State::Fine), vec![]));
    assert_eq!(judged(not_tried(), not_tried()), (Some(State::Untested), vec![]));
    assert_eq!(judged(refused(RefusalReason::WrongPassword), not_tried()), (Some(State::Found), problem.clone()));
    assert_eq!(judged(Some(Login::Works), refused(RefusalReason::MechanismOff)), (Some(State::Found), problem));
    let passing = vec![(Severity::Warning, Actor::Wait)];
    assert_eq!(judged(None, refused(RefusalReason::Unavailable)), (Some(State::Found), passing));
}
