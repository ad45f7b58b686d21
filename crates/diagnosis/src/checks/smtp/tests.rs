//! Faults as transcripts: a host on loopback that has one, and what is found.

use super::{HostFacts, gather, judge};
use crate::Facts;
use crate::checks::dane::{HostPins, Proof};
use crate::ctx::{Ctx, Settings};
use crate::finding::{Impact, Say, Severity, State};
use crate::net::{Answered, Ask, Dial, Live, Under, Wire, World};
use postrider_dns::Tlsa;
use postrider_smtp::{Timestamp, Trouble};
use postrider_testkit::Peer;
use postrider_transport::tls::client::ClientTls;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const GREET: &str = "S: 220 mx.x.example ESMTP\nC: EHLO*\n";
const PLAIN: &str = "S: 250-mx.x.example\nS: 250 SIZE 52428800\n";
const SECURE: &str = "S: 250-mx.x.example\nS: 250-SIZE 52428800\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n";
const NULL: &str = "C: MAIL FROM:<>\nS: 250 ok\n";
const BOXES: &str = "C: RCPT TO:<postmaster@x.example>\nS: 250 ok\nC: RCPT TO:<nobody-*\nS: 550 5.1.1 no such user\nC: RCPT TO:<abuse@x.example>\nS: 250 ok\n";
const RELAY: &str = "C: RSET\nS: 250 ok\nC: MAIL FROM:<relay-test@example.org>\nS: 250 ok\nC: RCPT TO:<relay-test@example.net>\nS: 554 5.7.1 relay access denied\nC: RSET\nS: 250 ok\n";
const END: &str = "C: VRFY*\nS: 252 perhaps\nC: QUIT\nS: 221 bye\n";

fn ctx(port: u16, change: impl FnOnce(&mut Settings)) -> Ctx {
    let mut settings = Settings { smtp_port: port, budget: Duration::from_secs(20), ..Settings::default() };
    change(&mut settings);
    let tls = Arc::new(ClientTls::new(None).unwrap());
    Ctx::new(Arc::new(Live::new(None)), tls, NOW, settings)
}

fn judged(ctx: &Ctx, hosts: Vec<HostFacts>) -> Say {
    let facts = Facts {
        domain: "x.example".into(),
        now: NOW,
        settings: (*ctx.settings).clone(),
        hosts: Some(hosts),
        ..Facts::default()
    };
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

/// Findings as `id severity`, without those about the certificate of the test's host.
fn told(say: &Say) -> String {
    let rows = say.findings().iter().filter(|finding| finding.id != "tls.cert" && finding.id != "helo.match");
    let mut rows: Vec<String> =
        rows.map(|finding| format!("{} {}", finding.id, format!("{:?}", finding.severity).to_lowercase())).collect();
    rows.sort();
    rows.join(", ")
}

fn receiving(say: &Say) -> Impact {
    say.findings().iter().map(|finding| finding.receiving).max().unwrap_or_default()
}

async fn looked_at(scripts: &[&str], change: impl FnOnce(&mut Settings)) -> (Say, Vec<HostFacts>, Peer) {
    let peer = Peer::start("127.0.0.1", 0, scripts).await;
    let ctx = ctx(peer.address().port(), change);
    let hosts = vec![(10, "mx.x.example".to_owned(), vec![IpAddr::from([127, 0, 0, 1])])];
    let hosts = gather(&ctx, "x.example", &hosts, ctx.settings.smtp_port).await;
    (judged(&ctx, hosts.clone()), hosts, peer)
}

struct Case {
    name: &'static str,
    scripts: Vec<String>,
    want: &'static str,
    receiving: Impact,
}

fn case(name: &'static str, scripts: &[&[&str]], want: &'static str, receiving: Impact) -> Case {
    Case { name, scripts: scripts.iter().map(|parts| parts.concat()).collect(), want, receiving }
}

fn cases() -> Vec<Case> {
    use Impact::{AtRisk, Broken, None};
    let no_tls = "smtp.starttls warning";
    vec![
        case("no TLS, else healthy", &[&[GREET, PLAIN, NULL, BOXES, RELAY, END]], no_tls, None),
        case("refused", &[&["S: 554 5.3.2 no mail service here\nHANG"]], "smtp.banner problem", Broken),
        case(
            "421 at once, a limit",
            &[&["S: 421 4.7.0 too many connections from your address\n"]],
            "smtp.limit note",
            None,
        ),
        case("421 behind the greeting", &[&[GREET, "S: 421 4.3.2 closing\n"]], "smtp.limit warning", AtRisk),
        case("SSH", &[&["S: SSH-2.0-OpenSSH_9.2\nHANG"]], "smtp.banner problem", Broken),
        case("HTTP", &[&["S: HTTP/1.1 400 Bad Request\nS: \nHANG"]], "smtp.banner problem", Broken),
        case("a flood", &[&["RAW 300000 x\nHANG"]], "smtp.banner problem", Broken),
        case("closes at once", &[&["CLOSE"]], "net.class problem", Broken),
        case("resets at once", &[&["RESET"]], "net.class problem", Broken),
        case("closes at EHLO", &[&[GREET, "CLOSE"]], "smtp.ehlo problem", Broken),
        case(
            "HELO only",
            &[&[GREET, "S: 502 5.5.2 what?\nC: HELO*\nS: 250 mx.x.example\n", NULL, BOXES, RELAY, END]],
            "smtp.ehlo warning, smtp.starttls warning",
            None,
        ),
        case(
            "a firewall writes over it",
            &[&[GREET, "S: 250-mx.x.example\nS: 250-XXXXXXXA\nS: 250 8BITMIME\n", NULL, BOXES, RELAY, END]],
            "smtp.ehlo warning, smtp.starttls warning",
            AtRisk,
        ),
        case(
            "454 to STARTTLS",
            &[&[
                GREET,
                "S: 250-mx.x.example\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 4.7.0 not now\n",
                NULL,
                BOXES,
                RELAY,
                END,
            ]],
            no_tls,
            None,
        ),
        case(
            "garbage in place of TLS",
            &[
                &[GREET, SECURE, "OCTETS 10\nS: 500 hat?\nS: 500 hat?\nHANG"],
                &[GREET, PLAIN, NULL, BOXES, RELAY, END],
                &[GREET, SECURE, "CLOSE"],
            ],
            no_tls,
            None,
        ),
        case(
            "closes in place of TLS",
            &[
                &[GREET, SECURE, "OCTETS 10\nCLOSE"],
                &[GREET, PLAIN, NULL, BOXES, RELAY, END],
                &[GREET, SECURE, "CLOSE"],
            ],
            no_tls,
            None,
        ),
        case(
            "no empty sender",
            &[&[
                GREET,
                PLAIN,
                "C: MAIL FROM:<>\nS: 550 5.7.1 null sender not accepted here\nC: MAIL FROM:<postmaster@example.org>\nS: 250 ok\n",
                BOXES,
                RELAY,
                END,
            ]],
            "smtp.null problem, smtp.starttls warning",
            AtRisk,
        ),
        case(
            "no postmaster",
            &[&[
                GREET,
                PLAIN,
                NULL,
                "C: RCPT*\nS: 550 5.1.1 no such user\nC: RCPT*\nS: 550 5.1.1 no such user\nC: RCPT*\nS: 250 ok\n",
                RELAY,
                END,
            ]],
            "smtp.roles warning, smtp.starttls warning",
            None,
        ),
        case(
            "greylisting",
            &[&[
                GREET,
                PLAIN,
                NULL,
                "C: RCPT*\nS: 450 4.7.1 greylisted, try again in 300 seconds\nC: RCPT*\nS: 550 5.1.1 no\nC: RCPT*\nS: 450 4.7.1 greylisted, try again in 300 seconds\n",
                RELAY,
                END,
            ]],
            "smtp.grey note, smtp.starttls warning",
            None,
        ),
        case(
            "takes everything",
            &[&[GREET, PLAIN, NULL, "C: RCPT*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: RCPT*\nS: 250 ok\n", RELAY, END]],
            "smtp.rcpt note, smtp.starttls warning",
            None,
        ),
        case(
            "an open relay",
            &[&[GREET, PLAIN, NULL, BOXES, &RELAY.replace("554 5.7.1 relay access denied", "250 ok"), END]],
            "smtp.relay problem, smtp.starttls warning",
            AtRisk,
        ),
        case(
            "VRFY tells",
            &[&[
                GREET,
                PLAIN,
                NULL,
                BOXES,
                RELAY,
                "C: VRFY postmaster*\nS: 250 2.1.5 Ann <postmaster@x.example>\nC: VRFY nobody*\nS: 550 5.1.1 no\nC: QUIT\nS: 221 bye",
            ]],
            "smtp.starttls warning, smtp.vrfy note",
            None,
        ),
        case(
            "EXPN tells",
            &[&[
                GREET,
                "S: 250-mx.x.example\nS: 250-EXPN\nS: 250 SIZE 52428800\n",
                NULL,
                BOXES,
                RELAY,
                "C: VRFY*\nS: 252 perhaps\nC: EXPN postmaster*\nS: 250 2.1.5 <ann@x.example>\nC: EXPN nobody*\nS: 550 5.1.1 no\nC: QUIT\nS: 221 bye",
            ]],
            "smtp.starttls warning, smtp.vrfy note",
            None,
        ),
        case(
            "room for one photograph",
            &[&[GREET, "S: 250-mx.x.example\nS: 250 SIZE 8000000\n", NULL, BOXES, RELAY, END]],
            "smtp.ext note, smtp.starttls warning",
            None,
        ),
        case(
            "seven bits",
            &[&[GREET, "S: 250-mx.x.example\nS: 250-PIPELINING\nS: 250 DSN\n", NULL, BOXES, RELAY, END]],
            "smtp.ext note, smtp.starttls warning",
            None,
        ),
        case(
            "passwords in clear, and little room",
            &[&[GREET, "S: 250-mx.x.example\nS: 250-AUTH PLAIN LOGIN\nS: 250 SIZE 20480\n", NULL, BOXES, RELAY, END]],
            "smtp.auth warning, smtp.ext warning, smtp.starttls warning",
            AtRisk,
        ),
        case(
            "has our address on a list",
            &[&[
                GREET,
                PLAIN,
                "C: MAIL*\nS: 550 5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org\nC: MAIL*\nS: 550 5.7.1 no\nC: RSET\nS: 250 ok\nC: MAIL*\nS: 550 5.7.1 no\nC: MAIL*\nS: 550 5.7.1 no\n",
                END,
            ]],
            "smtp.rcpt note, smtp.starttls warning",
            None,
        ),
        case(
            "421 in the midst",
            &[&[GREET, PLAIN, NULL, "C: RCPT*\nS: 250 ok\nC: RCPT*\nS: 421 4.7.0 too many errors\n"]],
            "smtp.limit note, smtp.starttls warning",
            None,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_named_and_nothing_else() {
    for case in cases() {
        let scripts: Vec<&str> = case.scripts.iter().map(String::as_str).collect();
        let (say, hosts, peer) = looked_at(&scripts, |_| {}).await;
        let lines = &hosts[0].addresses[0].main.lines;
        let at = format!("{}: {:#?}\n{lines:#?}\n{:?}", case.name, say.findings(), peer.seen());
        assert_eq!(told(&say), case.want, "{at}");
        assert_eq!(receiving(&say), case.receiving, "{at}");
        assert!(hosts[0].addresses[0].connections <= 3 && peer.seen().len() <= 3, "{at}");
        // Nothing is ever sent behind DATA.
        assert!(!peer.lines().iter().any(|line| line.starts_with("DATA")), "{at}");
    }
}

#[tokio::test]
async fn under_tls_everything_is_asked_and_old_versions_once() {
    let talk = [GREET, SECURE, "TLS\nC: EHLO*\n", PLAIN, NULL, BOXES, RELAY, END].concat();
    let old = [GREET, SECURE, "OCTETS 20\nCLOSE"].concat();
    let (say, hosts, peer) = looked_at(&[&talk, &old], |_| {}).await;
    assert_eq!(told(&say), "", "{:#?} {:?}", say.findings(), peer.seen());
    assert_eq!((hosts[0].addresses[0].connections, peer.seen().len()), (2, 2));
    assert_eq!(say.state_of("tls.vers"), Some(State::Fine));
    let certificate = say.findings().iter().find(|finding| finding.id == "tls.cert").unwrap();
    assert!(certificate.title.contains("not for that name, but for mx.example"), "{}", certificate.title);
    assert_eq!((certificate.severity, certificate.receiving), (Severity::Warning, Impact::None));
    let steps: Vec<&str> = hosts[0].addresses[0].main.steps.iter().map(|step| step.step).collect();
    assert_eq!(steps[..7], ["connect", "banner", "ehlo", "starttls", "tls", "ehlo-tls", "mail"]);
}

#[tokio::test]
async fn a_host_that_demands_tls_and_has_none_is_a_problem() {
    let (_, hosts, _peer) = looked_at(&[&[GREET, PLAIN, NULL, BOXES, RELAY, END].concat()], |_| {}).await;
    let mut facts = Facts { domain: "x.example".into(), now: NOW, hosts: Some(hosts), ..Facts::default() };
    let tlsa = Tlsa { usage: 3, selector: 1, matching: 1, data: vec![0; 32].into() };
    let name = "_25._tcp.mx.x.example".to_owned();
    let pins = |proof| HostPins {
        host: "mx.x.example".into(),
        name: name.clone(),
        tlsa: Ok(vec![tlsa.clone()]),
        proof,
        caa: None,
    };
    facts.pins = Some(vec![pins(Proof::Insecure)]);
    let mut say = Say::default();
    judge(&facts, &mut say);
    assert_eq!(told(&say), "smtp.starttls warning", "unsigned records demand nothing");
    facts.pins = Some(vec![pins(Proof::Secure)]);
    let mut say = Say::default();
    judge(&facts, &mut say);
    assert_eq!(told(&say), "smtp.starttls warning, smtp.strip problem");
    assert_eq!(receiving(&say), Impact::Broken);
}

/// A run whose time is over knows nothing of the host it had just begun to talk with.
#[tokio::test]
async fn our_own_lack_of_time_is_no_fault_of_the_host() {
    let hurry = |settings: &mut Settings| settings.budget = Duration::from_millis(700);
    let late = "C: EHLO*\nS: 220 mx.x.example ESMTP\nHANG";
    for script in ["HANG", late, &[GREET, "S: 250-mx.x.example\nS: 250 STARTTLS\nC: STARTTLS\nHANG"].concat()] {
        let (say, ..) = looked_at(&[script], hurry).await;
        assert_eq!((told(&say), receiving(&say)), (String::new(), Impact::None), "{script}");
        assert!(say.state_of("smtp.banner").is_some(), "{script}");
    }
}

#[tokio::test]
async fn silence_is_slow_or_dead_and_that_is_said() {
    let short = |settings: &mut Settings| settings.budget = Duration::from_secs(2);
    let (say, ..) = looked_at(&["HANG"], short).await;
    assert_eq!((told(&say), receiving(&say)), ("smtp.banner warning".into(), Impact::AtRisk));
    let (say, ..) = looked_at(&["C: EHLO*\nS: HTTP/1.1 400 Bad Request\nS: \nHANG"], short).await;
    assert_eq!((told(&say), receiving(&say)), ("smtp.banner problem".into(), Impact::Broken));
    assert!(say.findings()[0].title.contains("a web server"), "{}", say.findings()[0].title);
    let (say, ..) = looked_at(&["S: 220-mx.x.example waits\nHANG"], short).await;
    assert_eq!((told(&say), receiving(&say)), ("smtp.slow note".into(), Impact::None));
}

#[tokio::test]
async fn nothing_listens_there_or_at_one_of_two() {
    let peer = Peer::start("127.0.0.1", 0, &[&[GREET, PLAIN, NULL, BOXES, RELAY, END].concat()]).await;
    let ctx = ctx(peer.address().port(), |_| {});
    let host = |preference, name: &str, last| (preference, name.to_owned(), vec![IpAddr::from([127, 0, 0, last])]);
    let (dead, alive) = (host(10, "mx1.x.example", 2), host(20, "mx.x.example", 1));
    let say = judged(&ctx, gather(&ctx, "x.example", std::slice::from_ref(&dead), ctx.settings.smtp_port).await);
    assert_eq!((told(&say), receiving(&say)), ("net.class problem".into(), Impact::Broken));
    let say = judged(&ctx, gather(&ctx, "x.example", &[dead, alive.clone()], ctx.settings.smtp_port).await);
    assert_eq!((told(&say), receiving(&say)), ("net.class warning, smtp.starttls warning".into(), Impact::AtRisk));
    let say =
        judged(&ctx, gather(&ctx, "x.example", &[alive, host(30, "mx3.x.example", 3)], ctx.settings.smtp_port).await);
    assert_eq!((told(&say), receiving(&say)), ("net.class note, smtp.starttls warning".into(), Impact::None));
}

/// A world in which waiting makes no difference.
struct Hasty(Live);

impl World for Hasty {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered> {
        self.0.ask(ask)
    }

    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>> {
        self.0.connect(dial)
    }

    fn is_now(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn who_comes_again_is_let_in_and_recipients_are_tested() {
    let later = "S: 450 4.7.1 greylisted, try again in 30 seconds\n";
    let first = BOXES.replace("S: 250 ok\n", later).replace("S: 550 5.1.1 no such user\n", later);
    let first = [GREET, PLAIN, NULL, &first, RELAY, END].concat();
    let bye = "C: QUIT\nS: 221 bye\n";
    let table = [
        (BOXES.to_owned(), "smtp.grey note, smtp.starttls warning", "lets them in after 33 s"),
        (
            BOXES.replace("C: RCPT TO:<abuse@x.example>\nS: 250 ok", "C: RCPT TO:<abuse@x.example>\nS: 550 5.1.1 no"),
            "smtp.grey note, smtp.roles warning, smtp.starttls warning",
            "lets them in after 33 s",
        ),
        (
            BOXES.replace("S: 250 ok\n", later).replace("S: 550 5.1.1 no such user\n", later),
            "smtp.grey note, smtp.starttls warning",
            "(greylisting)",
        ),
    ];
    for (boxes, want, title) in table {
        let second = [GREET, PLAIN, NULL, &boxes, RELAY, bye].concat();
        let peer = Peer::start("127.0.0.1", 0, &[first.as_str(), second.as_str()]).await;
        let settings =
            Settings { smtp_port: peer.address().port(), budget: Duration::from_secs(20), ..Settings::default() };
        let tls = Arc::new(ClientTls::new(None).unwrap());
        let ctx = Ctx::new(Arc::new(Hasty(Live::new(None))), tls, NOW, settings);
        let hosts = vec![(10, "mx.x.example".to_owned(), vec![IpAddr::from([127, 0, 0, 1])])];
        let hosts = gather(&ctx, "x.example", &hosts, ctx.settings.smtp_port).await;
        let mut facts = Facts {
            domain: "x.example".into(),
            now: NOW,
            settings: (*ctx.settings).clone(),
            hosts: Some(hosts),
            ..Facts::default()
        };
        super::wait(&ctx, &mut facts, &|_| {}).await;
        let mut say = Say::default();
        judge(&facts, &mut say);
        let at = format!("{:#?} {:?}", say.findings(), peer.seen());
        assert_eq!(told(&say), want, "{at}");
        let grey = say.findings().iter().find(|finding| finding.id == "smtp.grey").unwrap();
        assert!(grey.title.ends_with(title), "{at}");
        assert_eq!(peer.seen().len(), 2, "{at}");
    }
}

#[tokio::test]
async fn ways_around_a_closed_relay_are_tried_at_ones_own_hosts_only() {
    let main =
        [GREET, PLAIN, NULL, BOXES, RELAY, "C: VRFY*\nS: 252 perhaps\nC: EXPN*\nS: 502 no\nC: QUIT\nS: 221 bye\n"]
            .concat();
    let ways = |percent: &str| {
        let no = "S: 554 5.7.1 relay access denied\n";
        let begin = "C: MAIL FROM:*\nS: 250 ok\n";
        format!(
            "{GREET}{PLAIN}{begin}C: RCPT TO:<relay-test%example.net@x.example>\nS: {percent}\nC: RCPT*\n{no}C: RCPT*\n{no}C: RCPT*\n{no}C: RCPT TO:<@mx.x.example:relay-test@example.net>\n{no}C: RSET\nS: 250 ok\n{begin}C: RCPT TO:<relay-test@example.net>\n{no}C: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
        )
    };
    let smuggled = [GREET, PLAIN, "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nS: 451 not now\n"].concat();
    for (percent, want) in [
        ("550 5.1.1 no", "smtp.starttls warning"),
        ("451 4.3.0 later", "smtp.starttls warning"),
        ("250 ok", "smtp.relay problem, smtp.starttls warning"),
    ] {
        let ways = ways(percent);
        let (say, _, peer) = looked_at(&[&main, &ways, &smuggled], |settings| settings.mine = true).await;
        assert_eq!(told(&say), want, "{:#?} {:?}", say.findings(), peer.seen());
    }
}
