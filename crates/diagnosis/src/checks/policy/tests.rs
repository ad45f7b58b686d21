use super::*;
use crate::checks::mx::MxFacts;
use crate::checks::smtp::{AddressFacts, CertificateFacts, HostFacts, Key, Trusted};
use crate::finding::State;
use crate::history::Snapshot;
use crate::http::{Answer, Stop};
use crate::session::SessionFacts;
use postrider_smtp::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;

const POLICY: &str = "version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 1209600\n";
const STS: &str = "v=STSv1; id=20261127;";

fn absent() -> Texts {
    Err(Failure::NoData { ttl: Duration::ZERO })
}

fn nothing() -> PolicyFacts {
    PolicyFacts { sts: absent(), policy: None, tlsrpt: absent(), bimi: absent(), picture: None }
}

fn answer(status: u16, fields: &[(&str, &str)], body: &str) -> Fetched {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let line = format!("HTTP/1.1 {status}");
    Fetched { hops: Vec::new(), end: Ok(Answer { line, status, fields, body: body.into(), cut: false }) }
}

fn served(policy: &str) -> PolicyFacts {
    let policy = answer(200, &[("content-type", "text/plain; charset=utf-8")], policy);
    PolicyFacts { sts: Ok(vec![STS.into()]), policy: Some(policy), ..nothing() }
}

fn facts(policy: PolicyFacts) -> Facts {
    let records = vec![(10, "mx1.a.example".to_owned()), (20, "mx.b.example".to_owned())];
    let records = if matches!(&policy.policy, Some(Fetched { end: Ok(answer), .. }) if answer.body.ends_with(b" \n")) {
        records
    } else {
        records.into_iter().take(1).collect()
    };
    let mx = MxFacts { records: Ok(records), ttl: 60, hosts: Vec::new(), implicit: false };
    Facts { domain: "a.example".into(), mx: Some(mx), policy: Some(policy), ..Facts::default() }
}

fn said(policy: PolicyFacts) -> Say {
    let facts = facts(policy);
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

/// Findings as `id severity receiving`.
fn told(policy: PolicyFacts) -> Vec<String> {
    let say = said(policy);
    say.findings()
        .iter()
        .map(|finding| format!("{} {:?} {:?}", finding.id, finding.severity, finding.receiving))
        .collect()
}

#[test]
fn healthy_domains_are_left_alone() {
    assert!(told(nothing()).is_empty());
    assert!(told(served(POLICY)).is_empty());
    assert!(told(served(&POLICY.replace('\n', "\r\n"))).is_empty());
    assert!(told(served(&POLICY.replace("enforce", "testing"))).is_empty());
    let texts = PolicyFacts {
        tlsrpt: Ok(vec!["v=TLSRPTv1; rua=mailto:t@a.example".into()]),
        bimi: Ok(vec!["v=BIMI1; l=https://a.example/l.svg; a=".into()]),
        ..nothing()
    };
    assert!(told(texts).is_empty());
    // A wildcard's text at these names is nothing of theirs.
    let spf = || Ok(vec!["v=spf1 -all".to_owned()]);
    assert!(told(PolicyFacts { sts: spf(), tlsrpt: spf(), bimi: spf(), ..nothing() }).is_empty());
}

#[test]
fn faults_of_the_policy() {
    let peer: SocketAddr = "192.0.2.1:443".parse().unwrap();
    let stopped = |stop: Stop| PolicyFacts { policy: Some(Fetched { hops: Vec::new(), end: Err(stop) }), ..served("") };
    let no_host = Stop::NoAddress { host: "mta-sts.a.example".into(), why: None };
    let table = [
        (served(&POLICY.replace("*.a.", "*.c.")), vec!["sts.match Problem Broken"]),
        (served(&format!("{POLICY} \n")), vec!["sts.policy Note None", "sts.match Problem AtRisk"]),
        (served(&POLICY.replace("*.a.", "*.c.").replace("enforce", "testing")), vec!["sts.match Warning None"]),
        (served(&POLICY.replace("enforce", "Enforce")), vec!["sts.policy Warning AtRisk"]),
        (served(&POLICY.replace("1209600", "60")), vec!["sts.id Note None"]),
        (served("<html>"), vec!["sts.policy Warning AtRisk"]),
        (PolicyFacts { sts: Ok(vec!["v=STSv1; id=".into()]), ..served(POLICY) }, vec!["sts.txt Warning AtRisk"]),
        (PolicyFacts { sts: Ok(vec![STS.into(), STS.into()]), ..served(POLICY) }, vec!["sts.txt Warning AtRisk"]),
        (
            PolicyFacts { policy: Some(answer(301, &[("location", "https://a.example/")], "")), ..served("") },
            vec!["sts.policy Warning AtRisk"],
        ),
        (PolicyFacts { policy: Some(answer(404, &[], "")), ..served("") }, vec!["sts.policy Warning AtRisk"]),
        (
            PolicyFacts { policy: Some(answer(200, &[("content-type", "text/html")], POLICY)), ..served("") },
            vec!["sts.policy Note None"],
        ),
        (stopped(no_host), vec!["sts.policy Warning AtRisk"]),
        (stopped(Stop::Broke(peer, "reset".into())), vec!["sts.policy Warning AtRisk"]),
        (stopped(Stop::Silent(peer, Duration::from_secs(3))), vec![]),
        (
            PolicyFacts { tlsrpt: Ok(vec!["v=TLSRPTv1; rua=t@a.example".into()]), ..nothing() },
            vec!["tlsrpt Warning None"],
        ),
        (
            PolicyFacts { bimi: Ok(vec!["v=BIMI1; l=http://a.example/l.svg".into()]), ..nothing() },
            vec!["bimi Note None"],
        ),
    ];
    for (policy, want) in table {
        let shown = format!("{policy:?}");
        assert_eq!(told(policy), want, "{shown}");
    }
}

#[test]
fn what_could_not_be_asked_is_no_fault() {
    let slow = || Err(Failure::Timeout("5 s".into()));
    let say = said(PolicyFacts { sts: slow(), tlsrpt: slow(), bimi: slow(), ..nothing() });
    assert!(say.findings().is_empty());
    for id in ["sts.txt", "sts.policy", "sts.match", "sts.id", "tlsrpt", "bimi"] {
        assert_eq!(say.state_of(id), Some(State::Untested), "{id}");
    }
    assert_eq!(said(nothing()).state_of("sts.policy"), Some(State::NotApplicable));
}

const DAY: i64 = 86_400_000;

/// What an earlier run saw, on that day.
fn earlier(day: i64, policy: &str, record: &str) -> Snapshot {
    let seen = [("MTA-STS", record), ("MTA-STS policy", policy)];
    let seen = seen.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Snapshot { at: day * DAY, until: day * DAY, seen, ..Snapshot::default() }
}

#[test]
fn a_policy_and_its_id_against_earlier_runs() {
    const NOW: &str = "mode: enforce, mx: *.a.example, max_age: 1209600";
    const WAS: &str = "mode: enforce, mx: *.old.example, max_age: 1209600";
    const YOUNG: &str = "mode: enforce, mx: *.a.example, max_age: 86400";
    const OTHER: &str = "v=STSv1; id=1;";
    let testing = NOW.replace("enforce", "testing");
    let table: Vec<(&str, Vec<Snapshot>, Vec<&str>)> = vec![
        ("first run", vec![], vec![]),
        ("nothing new", vec![earlier(90, NOW, STS)], vec![]),
        ("both new", vec![earlier(90, WAS, OTHER)], vec![]),
        ("the policy alone", vec![earlier(90, WAS, STS)], vec!["sts.id Warning AtRisk"]),
        ("that stays so", vec![earlier(80, WAS, STS), earlier(90, NOW, STS)], vec!["sts.id Warning AtRisk"]),
        ("the id first, then the policy", vec![earlier(80, WAS, OTHER), earlier(90, WAS, STS)], vec![]),
        ("the policy, then the id", vec![earlier(80, WAS, OTHER), earlier(90, NOW, OTHER)], vec![]),
        ("only its age", vec![earlier(90, YOUNG, STS)], vec!["sts.id Note None"]),
        ("not known", vec![Snapshot::default()], vec![]),
        ("enforced at last", vec![earlier(10, &testing, OTHER)], vec![]),
    ];
    for (name, history, want) in table {
        let say = said_after(served(POLICY), history);
        let told: Vec<_> =
            say.findings().iter().map(|f| format!("{} {:?} {:?}", f.id, f.severity, f.receiving)).collect();
        assert_eq!(told, want, "{name}");
    }
    for (since, want) in [(90, 0), (38, 1), (42, 0)] {
        let history = vec![earlier(since, &testing, STS), earlier(95, &testing, STS)];
        let say = said_after(served(&POLICY.replace("enforce", "testing")), history);
        assert_eq!(say.findings().len(), want, "mode testing since day {since}");
    }
}

fn said_after(policy: PolicyFacts, history: Vec<Snapshot>) -> Say {
    let mut facts = facts(policy);
    facts.now = Timestamp(100 * DAY);
    facts.settings.history = history;
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

#[test]
fn a_policy_is_remembered_in_one_line() {
    let mut seen = BTreeMap::new();
    remember(&facts(served("version: STSv1\nmode: enforce\nmx: b\nmx: a\nmax_age: 5\n")), &mut seen);
    assert_eq!(seen["MTA-STS policy"], "mode: enforce, mx: a b, max_age: 5");
    seen.clear();
    remember(&facts(served("<html>")), &mut seen);
    assert!(seen.is_empty());
}

/// A host and whether its certificate is for its name, where it showed one.
fn host(name: &str, named: Option<bool>) -> HostFacts {
    let to: SocketAddr = "192.0.2.1:25".parse().unwrap();
    let certificate = named.map(|named| CertificateFacts {
        names: vec!["other.example".into()],
        subject: String::new(),
        issuer: "CN=x".into(),
        not_before: 0,
        not_after: 200 * DAY,
        key: Key { kind: "EC", bits: 256 },
        named,
        trusted: Trusted::Yes,
    });
    let address = AddressFacts { certificate, ..AddressFacts::new(to, SessionFacts::new(name, to)) };
    HostFacts { name: name.into(), preference: 10, addresses: vec![address] }
}

#[test]
fn an_enforced_policy_against_the_certificates() {
    let table = [
        ("enforce", host("mx1.a.example", Some(true)), vec![]),
        ("enforce", host("mx1.a.example", None), vec![]),
        ("testing", host("mx1.a.example", Some(false)), vec![]),
        ("enforce", host("mx1.a.example", Some(false)), vec!["sts.match Problem Broken"]),
        ("enforce", host("no.mx.of.this.example", Some(false)), vec![]),
    ];
    for (mode, host, want) in table {
        let mut facts = facts(served(&POLICY.replace("enforce", mode)));
        facts.hosts = Some(vec![host.clone()]);
        let mut say = Say::default();
        judge(&facts, &mut say);
        let told: Vec<_> =
            say.findings().iter().map(|f| format!("{} {:?} {:?}", f.id, f.severity, f.receiving)).collect();
        assert_eq!(told, want, "{mode} {host:?}");
    }
}

#[test]
fn the_picture_of_bimi() {
    const GOOD: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" viewBox=\"0 0 9 9\"><title>A</title></svg>";
    let peer: SocketAddr = "192.0.2.1:443".parse().unwrap();
    let svg = |status, body: &str| answer(status, &[("content-type", "image/svg+xml")], body);
    let stopped = |stop| Fetched { hops: Vec::new(), end: Err(stop) };
    let table = [
        (svg(200, GOOD), 0, State::Fine),
        (svg(200, &GOOD.replace("tiny-ps", "full")), 1, State::Found),
        (svg(200, "<html></html>"), 1, State::Found),
        (svg(404, ""), 1, State::Found),
        (stopped(Stop::NoAddress { host: "a.example".into(), why: None }), 1, State::Found),
        // What may be our own line's fault, or a server's bad moment, is nothing to tell.
        (stopped(Stop::NoAddress { host: "a.example".into(), why: Some("timeout".into()) }), 0, State::Fine),
        (stopped(Stop::Silent(peer, Duration::from_secs(2))), 0, State::Fine),
        (svg(503, ""), 0, State::Fine),
        // Compressed: not looked into.
        (svg(200, "\u{1f}\u{8b}"), 0, State::Fine),
    ];
    for (picture, want, state) in table {
        let shown = format!("{picture:?}");
        let bimi = Ok(vec!["v=BIMI1; l=https://a.example/l.svg; a=".to_owned()]);
        let say = said(PolicyFacts { bimi, picture: Some(picture), ..nothing() });
        assert_eq!(say.findings().len(), want, "{shown}");
        assert!(say.findings().iter().all(|finding| finding.severity == crate::finding::Severity::Note));
        assert_eq!(say.state_of("bimi"), Some(state), "{shown}");
    }
}
