use super::*;
use crate::checks::mx::MxFacts;
use crate::finding::State;
use crate::http::{Answer, Stop};
use std::net::SocketAddr;

const POLICY: &str = "version: STSv1\nmode: enforce\nmx: *.a.example\nmax_age: 1209600\n";
const STS: &str = "v=STSv1; id=20261127;";

fn absent() -> Texts {
    Err(Failure::NoData { ttl: Duration::ZERO })
}

fn nothing() -> PolicyFacts {
    PolicyFacts { sts: absent(), policy: None, tlsrpt: absent(), bimi: absent() }
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

fn said(policy: PolicyFacts) -> Say {
    let records = vec![(10, "mx1.a.example".to_owned()), (20, "mx.b.example".to_owned())];
    let records = if matches!(&policy.policy, Some(Fetched { end: Ok(answer), .. }) if answer.body.ends_with(b" \n")) {
        records
    } else {
        records.into_iter().take(1).collect()
    };
    let mx = MxFacts { records: Ok(records), ttl: 60, hosts: Vec::new(), implicit: false };
    let facts = Facts { domain: "a.example".into(), mx: Some(mx), policy: Some(policy), ..Facts::default() };
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
