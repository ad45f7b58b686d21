use super::*;
use crate::finding::State;
use postrider_dns::{Failure, Zone};

/// The facts of a zone, as the walk finds them.
fn facts(zone: &str, domain: &str, hosts: Vec<ReportHost>) -> DmarcFacts {
    let zone = Zone::parse(zone).unwrap();
    let walk = dmarc::discover(&zone, domain);
    let walk = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(walk);
    DmarcFacts { walk, hosts, misplaced: Vec::new() }
}

fn said(dmarc: DmarcFacts) -> Say {
    let facts = Facts { domain: dmarc.walk.domain.to_string(), dmarc: Some(dmarc), ..Facts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

/// Findings as `id severity`, for one record.
fn told(record: &str) -> Vec<String> {
    shown(&said(facts(&format!("_dmarc.a.example TXT \"{record}\""), "a.example", Vec::new())))
}

fn shown(say: &Say) -> Vec<String> {
    say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
}

fn host(authorized: Result<bool, Failure>, takes_mail: Result<bool, Failure>) -> ReportHost {
    let name = Some("a.example._report._dmarc.b.example".to_owned());
    ReportHost { host: "b.example".into(), name, authorized, takes_mail }
}

#[test]
fn healthy_records_are_left_alone() {
    let table = [
        "v=DMARC1; p=reject; rua=mailto:a@a.example",
        "v=DMARC1;p=quarantine;sp=reject;adkim=s;aspf=r;fo=1;ruf=mailto:a@a.example;rua=mailto:a@a.example;",
        "v=DMARC1; p=reject",
        "v=DMARC1; p=reject; np=reject; psd=n; t=n; rua=mailto:a@a.example",
    ];
    for record in table {
        assert_eq!(told(record), Vec::<String>::new(), "{record}");
    }
    let own = "_dmarc.a.example TXT \"v=DMARC1; p=reject\"";
    let say = said(facts(own, "mail.a.example", vec![host(Ok(true), Ok(true))]));
    assert!(say.findings().is_empty());
}

#[test]
fn faults_of_records() {
    let table = [
        ("v=DMARC1; p=none; rua=mailto:a@a.example", vec!["dmarc.policy Note"]),
        ("v=DMARC1; p=reject; t=y", vec!["dmarc.policy Note"]),
        ("v=DMARC1; p=reject; pct=100", vec!["dmarc.syntax Note"]),
        ("v=DMARC1; p=reject; pct=5", vec!["dmarc.syntax Note", "dmarc.policy Note"]),
        ("v=DMARC1; p=reject; sp=none", vec!["dmarc.sub Note"]),
        ("v=DMARC1; p=rejct", vec!["dmarc.syntax Problem"]),
        ("v=DMARC1; p=reject; adkim=strict", vec!["dmarc.syntax Warning"]),
        ("v=DMARC1; p=reject; p=none", vec!["dmarc.syntax Warning"]),
        ("v=DMARC1; p=reject; psd=y", vec!["dmarc.policy Warning"]),
        ("v=DMARC1 p=reject", vec!["dmarc.syntax Problem"]),
        ("v=dmarc1; p=reject", vec!["dmarc.syntax Problem"]),
        ("v=DMARC1; p=reject; rua=a@a.example", vec!["dmarc.rua Warning"]),
        ("v=DMARC1; p=reject; rua=mailto:a@a.example!10m", vec!["dmarc.rua Note"]),
        ("v=spf1 -all", vec!["dmarc.find Warning"]),
    ];
    for (record, want) in table {
        assert_eq!(told(record), want, "{record}");
    }
    let two = "_dmarc.a.example TXT \"v=DMARC1; p=none\"\n_dmarc.a.example TXT \"v=DMARC1; p=reject\"";
    assert_eq!(shown(&said(facts(two, "a.example", Vec::new()))), ["dmarc.syntax Problem"]);
    let misplaced = DmarcFacts { misplaced: vec!["v=DMARC1; p=none".into()], ..facts("", "a.example", Vec::new()) };
    assert_eq!(shown(&said(misplaced)), ["dmarc.syntax Problem"]);
}

#[test]
fn reports_that_do_not_arrive() {
    let zone = "_dmarc.a.example TXT \"v=DMARC1; p=reject; rua=mailto:a@b.example\"";
    let slow = || Failure::Timeout("5 s".into());
    let table = [
        (host(Ok(true), Ok(true)), State::Fine),
        (host(Ok(false), Ok(true)), State::Found),
        (host(Ok(true), Ok(false)), State::Found),
        (host(Err(slow()), Ok(true)), State::Untested),
        (host(Ok(true), Err(slow())), State::Untested),
    ];
    for (host, want) in table {
        let shown = format!("{host:?}");
        let say = said(facts(zone, "a.example", vec![host]));
        assert_eq!(say.state_of("dmarc.rua"), Some(want), "{shown}");
        assert!(say.findings().iter().all(|finding| finding.sending == Impact::None));
    }
}

#[test]
fn what_could_not_be_asked_is_no_fault() {
    let say = said(facts("_dmarc.a.example TIMEOUT", "a.example", Vec::new()));
    assert!(say.findings().is_empty());
    for id in ["dmarc.find", "dmarc.syntax", "dmarc.policy", "dmarc.rua", "dmarc.sub"] {
        assert_eq!(say.state_of(id), Some(State::Untested), "{id}");
    }
    let null = Facts {
        domain: "a.example".into(),
        dmarc: Some(facts("", "a.example", Vec::new())),
        mx: Some(crate::checks::mx::MxFacts {
            records: Ok(vec![(0, ".".into())]),
            ttl: 0,
            hosts: Vec::new(),
            implicit: false,
        }),
        ..Facts::default()
    };
    let mut say = Say::default();
    judge(&null, &mut say);
    assert_eq!(shown(&say), ["dmarc.find Note"]);
}

/// What is said of a zone with that record, and another zone that takes reports or does not.
async fn found(record: &str, other: &str) -> Vec<String> {
    use crate::net::paper::{GOOD, Paper, TEST};
    let zone = GOOD.replace("v=DMARC1; p=reject", record);
    let other = format!("@ SOA a b 1 2 3 4 5\n@ NS ns1.good\n@ MX 10 mx1.good.test.\n{other}");
    let paper = Paper::small()
        .serve("127.2.0.251", "test", &format!("{TEST}other NS ns1.good\n"))
        .serve("127.2.0.1 127.2.0.2", "good.test", &zone)
        .serve("127.2.0.1", "other.test", &other);
    let dmarc = gather(&paper.ctx(), "good.test").await;
    let say = said(dmarc);
    assert_eq!(say.state_of("dmarc.find"), Some(State::Fine));
    shown(&say)
}

#[tokio::test]
async fn whoever_takes_reports_is_asked() {
    let none: Vec<String> = Vec::new();
    let away = "v=DMARC1; p=reject; rua=mailto:a@other.test";
    assert_eq!(found("v=DMARC1; p=reject; rua=mailto:a@good.test", "").await, none);
    assert_eq!(found(away, "good.test._report._dmarc TXT \"v=DMARC1\"\n").await, none);
    assert_eq!(found(away, "*._report._dmarc TXT \"v=DMARC1\"\n").await, none);
    assert_eq!(found(away, "").await, ["dmarc.rua Warning"]);
    assert_eq!(found("v=DMARC1; p=reject; rua=mailto:a@no.good.test", "").await, ["dmarc.rua Warning"]);
}

#[test]
fn a_policy_of_none_for_a_year_is_told_as_such() {
    const YEAR: i64 = 365 * 86_400_000;
    let snapshot = |at: i64, record: &str| crate::history::Snapshot {
        at,
        until: at,
        seen: [("DMARC".to_owned(), record.to_owned())].into(),
        ..Default::default()
    };
    let (none, reject) = ("v=DMARC1; p=none", "v=DMARC1; p=reject");
    let table = [
        (vec![], false),
        (vec![snapshot(0, none)], true),
        (vec![snapshot(1, none)], false),
        (vec![snapshot(0, none), snapshot(YEAR / 2, reject), snapshot(YEAR - 1, none)], false),
        (vec![snapshot(0, none), snapshot(YEAR / 2, "v=DMARC1; p=none; rua=mailto:a@a.example")], true),
    ];
    for (history, want) in table {
        let dmarc = facts("_dmarc.a.example TXT \"v=DMARC1; p=none; rua=mailto:a@a.example\"", "a.example", Vec::new());
        let mut facts = Facts { domain: "a.example".into(), dmarc: Some(dmarc), ..Facts::default() };
        facts.now = postrider_smtp::Timestamp(YEAR);
        facts.settings.history = history;
        let mut say = Say::default();
        judge(&facts, &mut say);
        assert_eq!(say.findings().len(), 1);
        assert_eq!(say.findings()[0].title.contains("more than a year"), want, "{}", say.findings()[0].title);
    }
}
