use super::*;
use crate::finding::{Actor, Severity, State};

fn tried(host: &str, to: &str, knock: Knock) -> Tried {
    Tried { host: host.into(), to: to.parse().unwrap(), knock }
}

fn control(host: &str, to: &str, mail: Knock, submission: Knock, web: Knock) -> Control {
    let others = vec![(587, submission), (443, web)];
    Control { name: host.into(), host: host.into(), to: to.parse().unwrap(), mail, others }
}

fn spoke(line: &str) -> Knock {
    Knock::Spoke(line.into())
}

/// Two control hosts of different owners doing that on port 25, with the web to compare.
fn two(one: Knock, other: Knock, web: Knock) -> EgressFacts {
    EgressFacts {
        ours: vec![tried("mx1.target.example", "198.51.100.1:25", Knock::TimedOut)],
        controls: vec![
            control("mx.one.example", "198.51.100.11:25", one, Knock::TimedOut, web.clone()),
            control("mx.other.example", "198.51.100.12:25", other, Knock::TimedOut, web),
        ],
        asked: Asked::Yes,
        ..EgressFacts::default()
    }
}

#[test]
fn ways_out_and_how_they_are_told() {
    use Knock as K;
    let silent = || two(K::TimedOut, K::TimedOut, K::TimedOut);
    let waits = "control hosts take the connection and say nothing in time";
    let unknown = "this machine reaches none of the control hosts over IPv4, on any port";
    let table: Vec<(&str, EgressFacts, Way)> = vec![
        ("both are swallowed", two(K::TimedOut, K::TimedOut, K::Connected), Way::Blocked(How::Swallowed)),
        (
            "a refused web port is a reached host",
            two(K::TimedOut, K::TimedOut, K::Refused),
            Way::Blocked(How::Swallowed),
        ),
        ("both are refused", two(K::Refused, K::Refused, K::Connected), Way::Blocked(How::TurnedDown)),
        (
            "a firewall says so",
            two(K::Unreachable("no".into()), K::Unreachable("no".into()), K::Connected),
            Way::Blocked(How::TurnedDown),
        ),
        ("reset behind the handshake", two(K::Dropped, K::Dropped, K::Connected), Way::Blocked(How::CutOff)),
        ("one greets", two(spoke("220 mx.one.example ESMTP"), K::TimedOut, K::Connected), Way::Open),
        ("turned away is not closed", two(spoke("421 mx.one.example busy"), K::TimedOut, K::Connected), Way::Open),
        ("not SMTP at all", two(spoke("SSH-2.0-x"), K::TimedOut, K::Connected), Way::Blocked(How::Swallowed)),
        ("a greeting that waits", two(K::Connected, K::TimedOut, K::Connected), Way::Unknown(waits.into())),
        ("no network", silent(), Way::Unknown(unknown.into())),
    ];
    for (name, facts, want) in table {
        assert_eq!(facts.way(false), want, "{name}");
    }
    let one = EgressFacts { controls: two(K::Refused, K::Refused, K::Connected).controls[..1].to_vec(), ..silent() };
    assert!(matches!(one.way(false), Way::Unknown(_)), "a single host that refuses may just be down");
    let one = EgressFacts { controls: two(K::TimedOut, K::TimedOut, K::Connected).controls[..1].to_vec(), ..silent() };
    assert_eq!(one.way(false), Way::Blocked(How::Swallowed));
}

#[test]
fn somebody_on_the_way_is_seen_by_his_name() {
    let same = || spoke("220 proxy.isp.example ESMTP");
    assert!(matches!(two(same(), same(), Knock::Connected).way(false), Way::Intercepted(_)));
    // Words without a name are said by many, and hosts of one owner may share a name.
    let plain = || spoke("220 ESMTP ready");
    assert_eq!(two(plain(), plain(), Knock::Connected).way(false), Way::Open);
    let mut farm = two(same(), same(), Knock::Connected);
    farm.controls[1].host = "mx2.one.example".into();
    assert_eq!(farm.way(false), Way::Open);
    // An address of nobody that answers shows it even when the target's own host "answers".
    let nowhere = Some(("192.0.2.25:25".parse().unwrap(), spoke("220 hello")));
    let ours = vec![tried("mx1.target.example", "198.51.100.1:25", spoke("220 hello"))];
    assert!(matches!(EgressFacts { ours, nowhere, ..EgressFacts::default() }.way(false), Way::Intercepted(_)));
}

#[test]
fn a_host_of_the_target_that_greets_is_enough() {
    let ours = vec![
        tried("mx1.target.example", "198.51.100.1:25", Knock::TimedOut),
        tried("mx2.target.example", "198.51.100.2:25", spoke("220 mx2.target.example")),
    ];
    let facts = EgressFacts { ours, ..EgressFacts::default() };
    assert_eq!((facts.way(false), facts.word()), (Way::Open, "open"));
    assert!(matches!(facts.way(true), Way::Unknown(_)));
    let slow = vec![tried("mx1.target.example", "198.51.100.1:25", Knock::Connected)];
    assert_eq!(EgressFacts { ours: slow, ..EgressFacts::default() }.way(false), Way::Open);
}

fn said(egress: EgressFacts) -> Say {
    let facts = Facts { egress: Some(egress), ..Facts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

#[test]
fn closed_is_the_providers_and_breaks_sending_only() {
    let say = said(two(Knock::TimedOut, Knock::TimedOut, Knock::Connected));
    let [finding] = say.findings() else { panic!("{:?}", say.findings()) };
    assert_eq!((finding.severity, finding.act, finding.subject.as_str()), (Severity::Problem, Actor::Isp, "IPv4"));
    assert_eq!((finding.sending, finding.receiving), (Impact::Broken, Impact::None));
    for part in ["port 25 no answer", "mx.one.example (198.51.100.11)", "port 443 connects", "Subject:"] {
        assert!(finding.fix.letter.contains(part), "{part}: {}", finding.fix.letter);
    }
}

#[test]
fn not_knowing_is_no_fault() {
    let ours = vec![tried("mx1.target.example", "198.51.100.1:25", Knock::TimedOut)];
    for asked in [Asked::NoneKnown, Asked::NoneFound, Asked::NothingToExplain] {
        let say = said(EgressFacts { ours: ours.clone(), asked, ..EgressFacts::default() });
        assert_eq!((say.state_of(ID), say.findings().len()), (Some(State::Untested), 0));
    }
    let mut say = Say::default();
    judge(&Facts::default(), &mut say);
    assert_eq!(say.state_of(ID), Some(State::Untested));
}

#[test]
fn all_turn_us_away_at_the_door() {
    let say = said(two(spoke("554 mx.one.example no"), spoke("421 mx.other.example no"), Knock::Connected));
    assert_eq!(say.findings().len(), 1);
    assert_eq!(say.findings()[0].severity, Severity::Warning);
    let say = said(two(spoke("554 mx.one.example no"), spoke("220 mx.other.example"), Knock::Connected));
    assert_eq!(say.findings().len(), 0);
}

mod on_loopback {
    use super::*;
    use crate::ctx::{Ctx, Settings};
    use crate::dns::Sources;
    use crate::net::Live;
    use postrider_smtp::Timestamp;
    use postrider_transport::tls::client::ClientTls;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    fn ctx(controls: Option<Vec<String>>) -> Ctx {
        let sources = Sources { port: 53, closed: true, ..Sources::default() };
        let settings = Settings { controls, sources, ..Settings::default() };
        Ctx::new(Arc::new(Live::new(None)), Arc::new(ClientTls::new(None).unwrap()), Timestamp(0), settings)
    }

    fn silent() -> Vec<Tried> {
        vec![tried("mx1.target.example", "127.0.0.9:25", Knock::TimedOut)]
    }

    #[tokio::test]
    async fn a_control_that_greets_one_that_hangs_up_and_one_that_is_not_there() {
        let greets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let names = [&greets, &hangs_up, &gone].map(|listener| listener.local_addr().unwrap().to_string());
        drop(gone);
        tokio::spawn(async move {
            let (mut stream, _) = greets.accept().await.unwrap();
            let _ = stream.write_all(b"220 mx.control.example ESMTP\r\n").await;
        });
        tokio::spawn(async move { drop(hangs_up.accept().await) });
        let facts = gather(&ctx(Some(names.to_vec())), silent()).await;
        let mail: Vec<&Knock> = facts.controls.iter().map(|control| &control.mail).collect();
        assert_eq!(mail, [&spoke("220 mx.control.example ESMTP"), &Knock::Dropped, &Knock::Refused]);
        assert_eq!((facts.way(false), facts.nowhere), (Way::Open, None));
    }

    #[tokio::test]
    async fn nobody_is_asked_when_there_is_no_need_or_nobody() {
        let late = Ctx::new(
            Arc::new(Live::new(None)),
            Arc::new(ClientTls::new(None).unwrap()),
            Timestamp(0),
            Settings {
                budget: Duration::from_millis(700),
                controls: Some(vec!["127.0.0.1".into()]),
                ..Settings::default()
            },
        );
        assert_eq!(gather(&late, silent()).await.asked, Asked::NoTime);
        let facts = gather(&ctx(None), silent()).await;
        assert_eq!((facts.asked, facts.controls.len()), (Asked::NoneKnown, 0));
        let well = vec![tried("mx1.target.example", "127.0.0.9:25", spoke("220 mx1.target.example"))];
        let facts = gather(&ctx(Some(vec!["127.0.0.1".into()])), well).await;
        assert_eq!((facts.asked, facts.controls.len()), (Asked::NotNeeded, 0));
        let no_way = vec![tried("mx1.target.example", "[2001:db8::1]:25", Knock::Unreachable("no route".into()))];
        let facts = gather(&ctx(Some(vec!["127.0.0.1".into()])), no_way).await;
        assert_eq!(facts.asked, Asked::NothingToExplain);
    }
}
