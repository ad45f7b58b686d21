use super::*;
use crate::dns::Survey;
use crate::dns::survey::NsFacts;
use std::time::Duration;

fn host(preference: u16, name: &str, ips: &[&str]) -> MxHost {
    let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    let failure = ips.is_empty().then_some(Failure::NoSuchDomain { ttl: Duration::ZERO });
    MxHost { name: name.into(), preference, ips, failure, alias: None }
}

fn set(hosts: Vec<MxHost>) -> MxFacts {
    let records = hosts.iter().map(|host| (host.preference, host.name.clone())).collect();
    MxFacts { records: Ok(records), ttl: 3600, hosts, implicit: false }
}

/// Findings as `id impact-on-receiving`, with a name server at a loopback address.
fn told(mx: MxFacts) -> Vec<String> {
    let server = NsFacts::in_test("good.test", []);
    let zone = Survey { servers: vec![server], ..Survey::default() };
    let facts = Facts { domain: "good.test".into(), zone: Some(zone), mx: Some(mx), ..Facts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.receiving)).collect()
}

#[test]
fn healthy_sets_are_left_alone() {
    assert!(
        told(set(vec![host(10, "mx1.good.test", &["127.53.3.1"]), host(20, "mx2.good.test", &["127.53.3.2"])]))
            .is_empty()
    );
    assert!(told(set(vec![host(10, "mx1.good.test", &["8.8.8.8"])])).is_empty());
}

#[test]
fn faults_of_the_set() {
    let alias = MxHost { alias: Some("real.good.test".into()), ..host(10, "mx.good.test", &["127.53.3.1"]) };
    let malformed = Some(Failure::Malformed("not a name".into()));
    let odd = MxHost { failure: malformed, ..host(10, "mx\\027.good.test", &[]) };
    let good = || host(20, "mx2.good.test", &["127.53.3.2"]);
    let none = MxFacts { records: Err(Failure::NoData { ttl: Duration::ZERO }), ttl: 0, hosts: vec![], implicit: true };
    let implicit = MxFacts { hosts: vec![host(0, "good.test", &["127.53.3.1"])], ..none.clone() };
    let null = MxFacts { records: Ok(vec![(0, ".".into())]), hosts: vec![], ..none.clone() };
    let null = MxFacts { implicit: false, ..null };
    let mut null_mixed = set(vec![good()]);
    null_mixed.records = Ok(vec![(0, ".".into()), (20, "mx2.good.test".into())]);
    let table = [
        ("none", none, vec!["mx.none Broken"]),
        ("implicit", implicit, vec!["mx.none AtRisk"]),
        ("null", null, vec!["mx.null Broken"]),
        ("null beside others", null_mixed, vec!["mx.null Broken"]),
        ("alias", set(vec![alias]), vec!["mx.cname AtRisk"]),
        ("address", set(vec![host(10, "127.53.2.25", &[])]), vec!["mx.ip Broken", "mx.nohost Broken"]),
        (
            "address without its dot",
            set(vec![host(10, "127.53.2.25.good.test", &[])]),
            vec!["mx.ip Broken", "mx.nohost Broken"],
        ),
        ("no such host", set(vec![host(10, "mx.good.test", &[])]), vec!["mx.nohost Broken"]),
        ("no name of a host", set(vec![odd]), vec!["mx.nohost Broken"]),
        ("no such host, another", set(vec![host(10, "mx.good.test", &[]), good()]), vec!["mx.nohost AtRisk"]),
        ("private", set(vec![host(10, "mx.good.test", &["10.1.2.3"])]), vec!["mx.private Broken"]),
        ("twice one machine", set(vec![host(10, "mx1.good.test", &["127.53.3.2"]), good()]), vec!["mx.dup None"]),
        ("parked", set(vec![host(10, "park-mx.above.com", &["8.8.8.8"])]), vec!["mx.park Broken"]),
        (
            "two providers",
            set(vec![
                host(10, "aspmx.l.google.com", &["8.8.8.8"]),
                host(20, "x.mail.protection.outlook.com", &["8.8.4.4"]),
            ]),
            vec!["mx.mixed AtRisk"],
        ),
    ];
    for (what, mx, want) in table {
        assert_eq!(told(mx), want, "{what}");
    }
}

#[test]
fn a_look_up_that_failed_is_no_fault() {
    let mut mx = set(vec![host(10, "mx.good.test", &[])]);
    mx.hosts[0].failure = Some(Failure::Timeout("5 s".into()));
    assert!(told(mx).is_empty());
    let mx = MxFacts { records: Err(Failure::Timeout("5 s".into())), ttl: 0, hosts: vec![], implicit: false };
    assert!(told(mx).is_empty());
}
