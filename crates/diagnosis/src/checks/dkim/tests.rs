use super::*;
use crate::finding::State;
use std::time::Duration;

const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA_1024: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDN914rZXes4exPyCshjcZWa3OLqhoUYpkPOO2gAzLmbkEKiBWzAyStT+EPo06Sh7iOJCwn+6bpYnEcyAT0z0Cs+C5HwHKKlW90xQVxJszNNqLf/BSQcdesxRoa2JTp6CwbLkKmZ+9r9TdwgsWMDecu4dT/UZKU9PEKM29wWKO4HwIDAQAB";
const RSA_512: &str = "v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMCNoTiY3c+85votEPYqfvhkbGXvQ2VWMQKKYHVulUZSkBGMLCiAA/NHhU1b0wKxY2+7t6qYCJUkvL91heqKkWkCAwEAAQ==";

fn at(selector: &str, named: bool, texts: &[&str]) -> Selector {
    let found = texts.iter().map(|text| (*text).to_owned()).collect();
    Selector { selector: selector.into(), named, texts: Ok(found), alias: None }
}

fn said(dkim: DkimFacts) -> Say {
    let facts = Facts { domain: "a.example".into(), dkim: Some(dkim), ..Facts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    say
}

/// Findings as `id severity`.
fn told(selectors: Vec<Selector>) -> Vec<String> {
    let say = said(DkimFacts { selectors, tried: 72, ..DkimFacts::default() });
    say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
}

#[test]
fn healthy_keys_are_left_alone() {
    assert!(told(vec![at("s1", false, &[ED25519])]).is_empty());
    assert!(told(vec![at("s1", true, &[ED25519]), at("old", false, &["v=DKIM1; p="])]).is_empty());
    assert!(told(vec![at("s1", false, &[ED25519, "v=spf1 -all"])]).is_empty());
    assert!(told(vec![at("mail", false, &["v=spf1 -all"])]).is_empty());
    assert!(told(vec![]).is_empty());
}

#[test]
fn faults_of_keys() {
    let escaped = ED25519.replace(';', "\\;");
    let cut = &RSA_1024[..RSA_1024.len() - 16];
    let table = [
        (at("s1", false, &[RSA_1024]), "dkim.bits Note"),
        (at("s1", false, &[RSA_512]), "dkim.bits Problem"),
        (at("s1", false, &["v=DKIM1; p="]), "dkim.revoked Warning"),
        (at("s1", true, &["v=DKIM1; p="]), "dkim.revoked Problem"),
        (at("s1", false, &[escaped.as_str()]), "dkim.key Problem"),
        (at("s1", false, &[cut]), "dkim.key Problem"),
        (at("s1", false, &[ED25519, RSA_1024]), "dkim.key Problem"),
        (at("s1", true, &["hello"]), "dkim.key Problem"),
        (at("s1", false, &[&ED25519.replace("ed25519", "rsa")]), "dkim.revoked Problem"),
        (at("s1", false, &[&ED25519.replace("k=", "t=y; k=")]), "dkim.revoked Note"),
        (at("s1", false, &[&ED25519.replace("k=", "h=sha1; k=")]), "dkim.revoked Problem"),
    ];
    for (selector, want) in table {
        let shown = format!("{selector:?}");
        assert_eq!(told(vec![selector]), [want], "{shown}");
    }
    let missing = Selector { texts: Err(Failure::NoSuchDomain { ttl: Duration::ZERO }), ..at("s1", true, &[]) };
    assert_eq!(told(vec![missing]), ["dkim.key Problem"]);
}

#[test]
fn what_could_not_be_asked_is_no_fault() {
    let slow = || Failure::Timeout("5 s".into());
    let say = said(DkimFacts { failure: Some(slow()), ..DkimFacts::default() });
    assert_eq!((say.findings().len(), say.state_of("dkim.find")), (0, Some(State::Untested)));
    let say = said(DkimFacts {
        selectors: vec![Selector { texts: Err(slow()), ..at("s1", true, &[]) }],
        ..DkimFacts::default()
    });
    assert_eq!((say.findings().len(), say.state_of("dkim.key")), (0, Some(State::Untested)));
    let say = said(DkimFacts { nothing_below: true, ..DkimFacts::default() });
    assert_eq!(say.state_of("dkim.find"), Some(State::Found));
}

#[test]
fn the_record_to_paste_is_the_mended_one() {
    let escaped = ED25519.replace(';', "\\;");
    let say = said(DkimFacts { selectors: vec![at("s1", false, &[escaped.as_str()])], ..DkimFacts::default() });
    let change = &say.findings()[0].fix.dns[0];
    assert_eq!((change.name.as_str(), change.new.as_str()), ("s1._domainkey.a.example", ED25519));
}

/// What gathering finds in a zone, and what is said of it.
async fn found(more: &str, selectors: &[&str]) -> (Vec<String>, Vec<String>) {
    use crate::net::paper::{GOOD, Paper};
    let paper = Paper::small().serve("127.2.0.1 127.2.0.2", "good.test", &format!("{GOOD}{more}"));
    let mut ctx = paper.ctx();
    let mut settings = (*ctx.settings).clone();
    settings.selectors = selectors.iter().map(|selector| (*selector).to_owned()).collect();
    ctx.settings = std::sync::Arc::new(settings);
    let dkim = gather(&ctx, "good.test").await;
    let names = dkim.selectors.iter().map(|selector| selector.selector.clone()).collect();
    let facts = Facts { domain: "good.test".into(), dkim: Some(dkim), ..Facts::default() };
    let mut say = Say::default();
    judge(&facts, &mut say);
    (names, say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect())
}

#[tokio::test]
async fn common_selectors_are_found_and_wildcards_are_no_keys() {
    let none: Vec<String> = Vec::new();
    let key = format!("s1._domainkey TXT \"{ED25519}\"\n");
    let elsewhere = "selector1._domainkey CNAME s1._domainkey\n";
    let wildcard = "*._domainkey TXT \"v=DKIM1; p=\"\n";
    assert_eq!(found(&format!("{key}{elsewhere}"), &[]).await, (vec!["selector1".into(), "s1".into()], none.clone()));
    assert_eq!(found(wildcard, &[]).await, (none.clone(), none.clone()));
    assert_eq!(found("", &[]).await, (none.clone(), vec!["dkim.find Note".into()]));
    assert_eq!(found(&key, &["mine"]).await, (vec!["mine".into(), "s1".into()], vec!["dkim.key Problem".into()]));
}

#[test]
fn keys_are_known_again_by_their_hash() {
    let selector = |name: &str, text: &str| Selector {
        selector: name.into(),
        named: false,
        texts: Ok(vec![text.into()]),
        alias: None,
    };
    let memory = |text: &str| {
        let selectors =
            vec![selector("default", text), selector("own", "v=DKIM1; p="), selector("mail", "v=spf1 -all")];
        let dkim = DkimFacts { selectors, ..DkimFacts::default() };
        let mut seen = BTreeMap::new();
        remember(&Facts { dkim: Some(dkim), ..Facts::default() }, &mut seen);
        seen
    };
    let one = memory("v=DKIM1; p=AAAA");
    assert_eq!(one.keys().collect::<Vec<_>>(), ["DKIM key at own", "DKIM key: default"]);
    assert_eq!(one["DKIM key at own"], "revoked");
    assert_eq!(one["DKIM key: default"], memory("v=DKIM1;k=rsa; p=AA AA")["DKIM key: default"]);
    assert_ne!(one["DKIM key: default"], memory("v=DKIM1; p=AAAB")["DKIM key: default"]);
}
