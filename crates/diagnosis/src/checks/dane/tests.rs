use super::*;
use crate::finding::State;
use postrider_mailauth::tlsa::{Certificate, association};
use rcgen::{CertificateParams, KeyPair};
use std::time::Duration;

fn certificate() -> Vec<u8> {
    let params = CertificateParams::new(vec!["mx.a.example".to_owned()]).unwrap();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// A record of the label 3 1 1 for a certificate, or for none.
fn pin(certificate: Option<&[u8]>) -> Tlsa {
    let right = certificate.map(|der| association(3, 1, 1, &Certificate::read(der).unwrap()).unwrap());
    let hex = right.map_or("00".repeat(32), |right| right[6..].to_owned());
    let octets: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    Tlsa { usage: 3, selector: 1, matching: 1, data: octets.into() }
}

fn host(tlsa: Result<Vec<Tlsa>, Failure>, proof: Proof) -> HostPins {
    HostPins { host: "mx.a.example".into(), name: "_25._tcp.mx.a.example".into(), tlsa, proof, caa: None }
}

fn said(pins: Vec<HostPins>, shown: Option<&[Shown]>) -> Say {
    let facts = Facts { domain: "a.example".into(), pins: Some(pins), ..Facts::default() };
    let mut say = Say::default();
    judge_shown(&facts, shown, &mut say);
    say
}

/// Findings as `id severity receiving`.
fn told(say: &Say) -> Vec<String> {
    say.findings()
        .iter()
        .map(|finding| format!("{} {:?} {:?}", finding.id, finding.severity, finding.receiving))
        .collect()
}

#[test]
fn records_against_certificates() {
    let der = certificate();
    let shown = [Shown { host: "mx.a.example".into(), server: "192.0.2.1:25".into(), chain: vec![der.clone()] }];
    let (right, wrong) = (|| pin(Some(&der)), || pin(None));
    let none = || Err(Failure::NoData { ttl: Duration::ZERO });
    let useless = Tlsa { usage: 1, ..wrong() };
    let table = [
        (host(Ok(vec![right()]), Proof::Secure), vec![]),
        (host(Ok(vec![wrong(), right()]), Proof::Secure), vec![]),
        (host(none(), Proof::Unknown("x".into())), vec![]),
        (host(Ok(vec![right()]), Proof::Unknown("x".into())), vec![]),
        (host(Ok(vec![wrong()]), Proof::Secure), vec!["dane.match Problem Broken"]),
        (host(Ok(vec![wrong()]), Proof::Unknown("x".into())), vec!["dane.match Warning AtRisk"]),
        (host(Ok(vec![wrong()]), Proof::Insecure), vec!["dane.dnssec Note None", "dane.match Note None"]),
        (host(Ok(vec![right()]), Proof::Bogus("expired".into())), vec!["dane.dnssec Problem Broken"]),
        (host(Ok(vec![useless]), Proof::Secure), vec!["dane.match Warning None"]),
        (host(Err(Failure::ServFail("x".into())), Proof::Unknown("x".into())), vec!["dane.dnssec Warning AtRisk"]),
    ];
    for (pins, want) in table {
        let what = format!("{pins:?}");
        assert_eq!(told(&said(vec![pins], Some(&shown))), want, "{what}");
    }
    let say = said(vec![host(Ok(vec![wrong()]), Proof::Secure)], Some(&shown));
    let change = &say.findings()[0].fix.dns[0];
    assert_eq!(change.new, association(3, 1, 1, &Certificate::read(&der).unwrap()).unwrap());
}

#[test]
fn what_could_not_be_asked_is_no_fault() {
    let slow = || Err(Failure::Timeout("5 s".into()));
    let say = said(vec![host(slow(), Proof::Unknown("x".into()))], None);
    assert!(say.findings().is_empty());
    assert_eq!(say.state_of("dane.match"), Some(State::Untested));
    // Records, and no certificate to hold them against.
    let say = said(vec![host(Ok(vec![pin(None)]), Proof::Secure)], None);
    assert!(say.findings().is_empty());
    assert_eq!(say.state_of("dane.match"), Some(State::Untested));
}

#[test]
fn who_may_issue_is_asked_only_where_the_issuer_is_known() {
    let shown = [Shown { host: "mx.a.example".into(), server: "192.0.2.1:25".into(), chain: vec![certificate()] }];
    let set = vec![read(0, "issue", "letsencrypt.org").value];
    let pins = HostPins {
        caa: Some(("a.example".into(), set)),
        ..host(Err(Failure::NoData { ttl: Duration::ZERO }), Proof::Insecure)
    };
    let say = said(vec![pins], Some(&shown));
    assert_eq!((say.findings().len(), say.state_of("caa")), (0, Some(State::Untested)));
}

#[tokio::test]
async fn records_and_their_proof_are_gathered() {
    use crate::net::paper::{GOOD, Paper};
    let more = format!("{GOOD}_25._tcp.mx1 TLSA 3 1 1 {}\n@ CAA 0 issue \"ca.example\"\n", "07".repeat(32));
    let hosts = ["mx1.good.test".to_owned(), "mx2.good.test".to_owned()];
    for (signed, want) in [(true, Proof::Secure), (false, Proof::Insecure)] {
        let paper = Paper::small().serve("127.2.0.1 127.2.0.2", "good.test", &more);
        let paper = if signed { paper.signed() } else { paper };
        let pins = gather(&paper.ctx(), &hosts).await;
        let records: Vec<usize> = pins.iter().map(|host| host.tlsa.as_ref().map_or(0, Vec::len)).collect();
        assert_eq!(records, [1, 0]);
        let proofs_fit = pins.iter().all(|host| host.proof == want || !signed);
        assert!(proofs_fit && pins.iter().all(|host| !matches!(host.proof, Proof::Bogus(_))), "{pins:?}");
        assert!(pins.iter().all(|host| host.caa.as_ref().is_some_and(|(name, _)| name == "good.test")), "{pins:?}");
    }
}
