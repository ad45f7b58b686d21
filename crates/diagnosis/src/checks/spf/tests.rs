use super::*;
use crate::checks::mx::{MxFacts, MxHost};
use crate::dns::{Packet, Survey};
use crate::finding::{Finding, State};
use postrider_dns::{Answer, Kind, Looking, Record, Zone};

const ZONE: &str = r#"
good.test        TXT  "v=spf1 mx ip4:192.0.2.0/24 include:_spf.host.test -all"
good.test        MX   10 mx.good.test
mx.good.test     A    198.51.100.1
_spf.host.test   TXT  "v=spf1 ip4:203.0.113.0/24 ?all"
soft.test        TXT  "v=spf1 ip4:192.0.2.1 ~all"
handed.test      TXT  "v=spf1 redirect=good.test"
caps.test        TXT  "V=SPF1 IP4:192.0.2.1 -ALL"
macro.test       TXT  "v=spf1 include:%{ir}.%{v}.%{d}.host.test exists:%{i}.allow.macro.test -all"
closed.test      TXT  "v=spf1 -all"
none.test        TXT  "hello"
two.test         TXT  "v=spf1 mx ip4:192.0.2.1 -all"
two.test         TXT  "v=spf1 ip4:192.0.2.1 include:_spf.host.test ~all"
quoted.test      TXT  "'v=spf1 ip4:192.0.2.1 -all'"
semi.test        TXT  "v=spf1; ip4:192.0.2.1 -all"
senderid.test    TXT  "spf2.0/pra -all"
typo.test        TXT  "v=spf1 ipv4:192.0.2.1 -all"
badip.test       TXT  "v=spf1 ip4:192.0.2.300 -all"
equals.test      TXT  "v=spf1 include=_spf.host.test -all"
twofold.test     TXT  "v=spf1 ip4:192.0.2.1 -all v=spf1 ip4:192.0.2.2 -all"
foreign.test     TXT  "v=spf1 include:badip.test -all"
eleven.test      TXT  "v=spf1 include:s1.eleven.test include:s2.eleven.test a a a a a a a a a -all"
eleven.test      A    192.0.2.7
s1.eleven.test   TXT  "v=spf1 ip4:192.0.2.1 -all"
s2.eleven.test   TXT  "v=spf1 ip4:192.0.2.2 ip4:192.0.2.3 ~all"
others.test      TXT  "v=spf1 include:h1.host.test include:h2.host.test ~all"
h1.host.test     TXT  "v=spf1 a a a a a -all"
h2.host.test     TXT  "v=spf1 a a a a -all"
h1.host.test     A    192.0.2.8
h2.host.test     A    192.0.2.9
void.test        TXT  "v=spf1 a:n1.void.test a:n2.void.test mx:n3.void.test ip4:192.0.2.1 -all"
avoid.test       TXT  "v=spf1 a:n1.avoid.test ip4:192.0.2.1 -all"
missing.test     TXT  "v=spf1 ip4:192.0.2.1 include:nothing.missing.test -all"
loop.test        TXT  "v=spf1 ip4:192.0.2.1 include:_spf.loop.test -all"
_spf.loop.test   TXT  "v=spf1 include:loop.test -all"
lame.test        TXT  "v=spf1 include:down.test -all"
slow.test        TXT  "v=spf1 include:silent.test -all"
down.test        SERVFAIL
silent.test      TIMEOUT
plus.test        TXT  "v=spf1 ip4:192.0.2.1 +all"
neutral.test     TXT  "v=spf1 ip4:192.0.2.1 ?all"
endless.test     TXT  "v=spf1 ip4:192.0.2.1"
late.test        TXT  "v=spf1 -all ip4:192.0.2.1"
beside.test      TXT  "v=spf1 redirect=good.test ~all"
twice.test       TXT  "v=spf1 ip4:192.0.2.1 ~all -all"
ptr.test         TXT  "v=spf1 ptr ip4:192.0.2.1 -all"
ptrs.test        TXT  "v=spf1 include:ptr.test -all"
wide.test        TXT  "v=spf1 ip4:40.0.0.0/8 -all"
half.test        TXT  "v=spf1 ip4:40.0.0.0/14 ip6:2001:db8::/32 -all"
inner.test       TXT  "v=spf1 ip4:10.0.0.0/8 ip4:192.0.2.1 ip6:fc00::/7 -all"
cloud.test       TXT  "v=spf1 include:half.test -all"
"#;

async fn facts(domain: &str, senders: &[&str]) -> Facts {
    let zone = Zone::parse(ZONE).unwrap();
    facts_of(&zone, domain, senders).await
}

async fn facts_of(names: &dyn Resolver, domain: &str, senders: &[&str]) -> Facts {
    let tree = survey(names, domain, &Bounds::default()).await;
    let mut spf = SpfFacts {
        strings: tree.root.record().map(|record| vec![record.text.to_string()]).unwrap_or_default(),
        tree,
        server: "127.53.0.1".into(),
        octets: 200,
        misplaced: Vec::new(),
        old_type: false,
        senders: Vec::new(),
        hellos: Vec::new(),
    };
    for ip in senders {
        let ip = ip.parse().unwrap();
        let request = Request::mail_from(ip, "mx.good.test", &format!("a@{domain}"));
        spf.senders.push((ip, evaluate(names, &request).await));
    }
    let host = MxHost { name: format!("mx.{domain}"), preference: 10, ips: Vec::new(), failure: None, alias: None };
    let mx = MxFacts { records: Ok(vec![(10, host.name.clone())]), ttl: 300, hosts: vec![host], implicit: false };
    Facts { domain: domain.into(), spf: Some(spf), mx: Some(mx), ..Facts::default() }
}

fn judged(facts: &Facts) -> Say {
    let mut say = Say::default();
    judge(facts, &mut say);
    say
}

fn told(say: &Say) -> Vec<String> {
    say.findings().iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
}

/// The record that a finding proposes.
fn proposed(finding: &Finding) -> Option<&str> {
    finding.fix.dns.first().map(|change| change.new.as_str())
}

#[tokio::test]
async fn healthy_records_are_left_alone() {
    for domain in
        ["good.test", "soft.test", "handed.test", "caps.test", "macro.test", "closed.test", "cloud.test", "inner.test"]
    {
        let say = judged(&facts(domain, &[]).await);
        assert_eq!(told(&say), Vec::<String>::new(), "{domain}");
        for id in IDS {
            assert!(matches!(say.state_of(id), Some(State::Fine | State::NotApplicable)), "{domain} {id}");
        }
    }
}

#[tokio::test]
async fn each_fault_is_found_and_nothing_beside_it() {
    let table: [(&str, &[&str]); 27] = [
        ("none.test", &["spf.one Warning"]),
        ("senderid.test", &["spf.one Warning"]),
        ("two.test", &["spf.one Problem"]),
        ("quoted.test", &["spf.one Problem"]),
        ("semi.test", &["spf.one Problem"]),
        ("typo.test", &["spf.syntax Problem"]),
        ("badip.test", &["spf.syntax Problem"]),
        ("foreign.test", &["spf.syntax Problem"]),
        ("equals.test", &["spf.syntax Problem"]),
        ("twofold.test", &["spf.syntax Problem", "spf.all Problem"]),
        ("eleven.test", &["spf.lookups Problem"]),
        ("others.test", &["spf.lookups Problem"]),
        ("void.test", &["spf.void Problem"]),
        ("avoid.test", &["spf.void Note"]),
        ("missing.test", &["spf.loop Problem"]),
        ("loop.test", &["spf.loop Problem"]),
        ("lame.test", &["spf.loop Warning"]),
        ("slow.test", &[]),
        ("plus.test", &["spf.all Warning"]),
        ("neutral.test", &["spf.all Warning"]),
        ("endless.test", &["spf.all Warning"]),
        ("late.test", &["spf.all Problem"]),
        ("beside.test", &["spf.all Note"]),
        ("ptr.test", &["spf.mxptr Warning"]),
        ("ptrs.test", &["spf.mxptr Note"]),
        ("wide.test", &["spf.wide Warning"]),
        ("half.test", &["spf.wide Note"]),
    ];
    for (domain, want) in table {
        assert_eq!(told(&judged(&facts(domain, &[]).await)), want, "{domain}");
    }
}

#[tokio::test]
async fn what_could_not_be_looked_up_is_no_fault() {
    let say = judged(&facts("slow.test", &[]).await);
    assert_eq!(say.state_of("spf.loop"), Some(State::Untested));
    let say = judged(&facts("down.test", &[]).await);
    assert!(IDS.iter().all(|id| say.state_of(id) == Some(State::Untested)));
    let say = judged(&facts("gone.test", &[]).await);
    assert!(IDS.iter().all(|id| say.state_of(id) == Some(State::NotApplicable)));
    let say = judged(&Facts { domain: "good.test".into(), ..Facts::default() });
    assert!(IDS.iter().all(|id| say.state_of(id) == Some(State::Untested)));
}

#[tokio::test]
async fn remedies_are_records_that_can_be_pasted() {
    let table = [
        ("two.test", "v=spf1 mx ip4:192.0.2.1 include:_spf.host.test -all"),
        ("quoted.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("semi.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("typo.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("equals.test", "v=spf1 include:_spf.host.test -all"),
        // Writing out one of the two is enough.
        ("eleven.test", "v=spf1 ip4:192.0.2.1 include:s2.eleven.test a a a a a a a a a -all"),
        ("void.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("missing.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("plus.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("endless.test", "v=spf1 ip4:192.0.2.1 ~all"),
        ("late.test", "v=spf1 ip4:192.0.2.1 -all"),
        ("ptr.test", "v=spf1 ip4:192.0.2.1 -all"),
    ];
    for (domain, want) in table {
        let say = judged(&facts(domain, &[]).await);
        let new = proposed(&say.findings()[0]);
        assert_eq!(new, Some(want), "{domain}");
        assert!(postrider_mailauth::spf::parse(new.unwrap()).is_valid(), "{domain}");
    }
    let say = judged(&facts("others.test", &[]).await);
    assert_eq!(proposed(&say.findings()[0]), None);
    assert!(say.findings()[0].fix.text.contains("`include:h2.host.test` (-5)"), "{:?}", say.findings()[0].fix);
}

#[tokio::test]
async fn evidence_marks_the_very_term() {
    let table = [
        ("badip.test", "192.0.2.300"),
        ("foreign.test", "192.0.2.300"),
        ("missing.test", "include:nothing.missing.test"),
        ("eleven.test", "a"),
        ("plus.test", "+all"),
        ("ptr.test", "ptr"),
        ("wide.test", "ip4:40.0.0.0/8"),
    ];
    for (domain, want) in table {
        let say = judged(&facts(domain, &[]).await);
        let evidence = &say.findings()[0].evidence[0];
        assert_eq!(&evidence.text[evidence.span.clone().unwrap()], want, "{domain}");
    }
}

#[tokio::test]
async fn senders_are_told_apart() {
    let table: [(&str, &str, &[&str]); 6] = [
        ("good.test", "198.51.100.1", &[]),
        ("good.test", "203.0.113.9", &[]),
        ("good.test", "198.51.100.9", &["spf.covers Problem"]),
        ("soft.test", "198.51.100.9", &["spf.covers Warning"]),
        ("slow.test", "198.51.100.9", &[]),
        ("none.test", "198.51.100.9", &["spf.one Warning", "spf.covers Warning"]),
    ];
    for (domain, ip, want) in table {
        assert_eq!(told(&judged(&facts(domain, &[ip]).await)), want, "{domain} {ip}");
    }
    let say = judged(&facts("void.test", &["192.0.2.1"]).await);
    assert_eq!(told(&say), ["spf.void Problem", "spf.covers Problem"]);
    assert!(say.findings()[1].because_of.contains(&"spf.void#void.test".to_owned()));
}

#[tokio::test]
async fn pieces_that_run_into_each_other() {
    struct Glued;
    impl Resolver for Glued {
        fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
            let found = name == "glued.test" && kind == Kind::Txt;
            let text = "v=spf1 include:_spf.host.testinclude:b.host.test -all";
            let answer = Answer {
                records: vec![Record::Txt(text.into())],
                ttl: Duration::ZERO,
                authentic: false,
                canonical: None,
            };
            Box::pin(async move {
                if found { Ok(answer) } else { Err(postrider_dns::Failure::NoSuchDomain { ttl: Duration::ZERO }) }
            })
        }
    }
    let mut facts = facts_of(&Glued, "glued.test", &[]).await;
    facts.spf.as_mut().unwrap().strings =
        vec!["v=spf1 include:_spf.host.test".into(), "include:b.host.test -all".into()];
    let say = judged(&facts);
    assert_eq!(told(&say), ["spf.size Problem", "spf.loop Problem"]);
    assert_eq!(proposed(&say.findings()[0]), Some("v=spf1 include:_spf.host.test include:b.host.test -all"));
    assert_eq!(say.findings()[1].because_of, ["spf.size#glued.test"]);
}

#[tokio::test]
async fn a_record_elsewhere_is_named_and_an_answer_cut_off_is_no_fault() {
    let mut facts = facts("none.test", &[]).await;
    facts.spf.as_mut().unwrap().misplaced = vec![("_spf.none.test".into(), "v=spf1 mx -all".into())];
    let say = judged(&facts);
    assert_eq!(proposed(&say.findings()[0]), Some("v=spf1 mx -all"));
    let cut = Packet { truncated: true, authoritative: true, ..Packet::default() };
    let server = crate::dns::NsFacts::in_test("none.test", [(("none.test".to_owned(), Rtype::TXT), Ok(cut))]);
    facts.zone = Some(Survey { servers: vec![server], ..Survey::default() });
    let say = judged(&facts);
    assert_eq!((told(&say).len(), say.state_of("spf.one")), (0, Some(State::Untested)));
}

#[tokio::test]
async fn a_domain_without_mail_need_not_have_a_record() {
    let mut facts = facts("none.test", &[]).await;
    facts.mx.as_mut().unwrap().hosts.clear();
    assert_eq!(told(&judged(&facts)), ["spf.one Note"]);
}
