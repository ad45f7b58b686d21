//! The judges of this room: facts in, findings out.

use super::*;
use crate::checks::mx::MxFacts;
use crate::dns::survey::NsFacts;
use crate::dns::{Packet, Rr, Server};
use crate::finding::State as Came;
use crate::registry::consult::{RdapAsked, RdapEnd, WhoisAsked, WhoisEnd};
use crate::registry::{Moment, rdap, whois};
use domain::base::iana::Rtype;
use postrider_dns::Failure;
use postrider_smtp::Timestamp;
use std::time::Duration;

const URL: &str = "http://rdap.test/domain/good.test";
/// 2026-11-27T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_780_800_000);

/// An RDAP record with those members beside the name.
fn record(members: &str) -> Registration {
    let json =
        format!(r#"{{"ldhName":"good.test","entities":[{{"roles":["registrar"],"handle":"R B.V."}}],{members}}}"#);
    rdap::read(json.as_bytes(), "good.test").unwrap()
}

fn zone(servers: &[&str]) -> Survey {
    let servers: Vec<Server> = servers.iter().map(|name| Server { name: (*name).into(), ips: Vec::new() }).collect();
    Survey {
        domain: "good.test".into(),
        zone: "good.test".into(),
        parent: "test".into(),
        delegation: servers.clone(),
        own_servers: servers,
        ds_known: true,
        ..Survey::default()
    }
}

fn gone() -> Survey {
    Survey { zone: "test".into(), lost: Some(LostWay::NoSuchDomain("test".into())), ..Survey::default() }
}

fn facts(registration: Option<Registration>, zone: Option<Survey>) -> Facts {
    let end = if registration.is_some() { RdapEnd::Record } else { RdapEnd::NotFound };
    let asked = RdapAsked { url: URL.into(), certificate: None, end, took: Duration::ZERO };
    let registry = Consulted {
        domain: "good.test".into(),
        rdap: vec![asked],
        found: registration.map(|record| (record, Source::Rdap(URL.into()))),
        ..Consulted::default()
    };
    Facts { domain: "good.test".into(), now: NOW, zone, registry: Some(registry), ..Facts::default() }
}

fn said(facts: &Facts) -> Say {
    let mut say = Say::default();
    judge(facts, &mut say);
    say
}

/// Findings as `id severity impact-on-receiving`.
fn told(facts: &Facts) -> Vec<String> {
    said(facts).findings().iter().map(|one| format!("{} {:?} {:?}", one.id, one.severity, one.receiving)).collect()
}

const HEALTHY: &str = r#""status":["active","client transfer prohibited"],
    "events":[{"eventAction":"expiration","eventDate":"2027-06-01T00:00:00Z"},
    {"eventAction":"last changed","eventDate":"2026-06-01T00:00:00Z"}],
    "nameservers":[{"ldhName":"NS1.good.test"},{"ldhName":"ns2.good.test"}],"secureDNS":{"delegationSigned":false}"#;

#[test]
fn a_healthy_registration_is_left_alone() {
    let say = said(&facts(Some(record(HEALTHY)), Some(zone(&["ns2.good.test", "ns1.good.test"]))));
    assert_eq!(say.findings(), []);
    for id in
        ["reg.rdap", "reg.expiry", "reg.hold", "reg.changed", "reg.nsmatch", "reg.ds", "reg.nsowner", "reg.syntax"]
    {
        assert_eq!(say.state_of(id), Some(Came::Fine), "{id}");
    }
    // A registry that tells nothing but that it exists.
    let bare = said(&facts(Some(record(r#""objectClassName":"domain""#)), Some(zone(&["ns1.good.test"]))));
    assert_eq!(bare.findings(), []);
}

#[test]
fn ends_and_holds() {
    let end = |date: &str| format!(r#""events":[{{"eventAction":"expiration","eventDate":"{date}"}}]"#);
    let status = |status: &str| format!(r#""status":["{status}"]"#);
    let here = || Some(zone(&["ns1.good.test"]));
    for (members, zone, wanted) in [
        (end("2026-11-20T00:00:00Z"), Some(gone()), &["reg.expiry Problem Broken"][..]),
        (end("2026-11-20T00:00:00Z"), here(), &["reg.expiry Problem AtRisk"]),
        (end("2026-11-20T00:00:00Z"), None, &["reg.expiry Problem Broken"]),
        (end("2026-12-10T00:00:00Z"), here(), &["reg.expiry Warning AtRisk"]),
        (end("2026-11-27T20:00:00Z"), here(), &["reg.expiry Warning AtRisk"]),
        // The day is not over everywhere.
        (end("2026-11-27"), here(), &["reg.expiry Warning AtRisk"]),
        (end("2026-12-28T00:00:00Z"), here(), &[]),
        (status("auto renew period"), here(), &[]),
        (status("client hold"), Some(gone()), &["reg.hold Problem Broken"]),
        (status("server hold"), here(), &["reg.hold Problem AtRisk"]),
        (status("pending delete"), Some(gone()), &["reg.hold Problem Broken"]),
        (status("inactive"), Some(gone()), &["reg.hold Problem Broken"]),
        (status("inactive"), here(), &[]),
        (status("redemption period"), Some(gone()), &["reg.expiry Problem Broken", "reg.hold Problem Broken"]),
        (status("server transfer prohibited"), here(), &[]),
        (status("never seen before"), here(), &[]),
    ] {
        assert_eq!(told(&facts(Some(record(&members)), zone)), wanted, "{members}");
    }
}

#[test]
fn a_hold_is_proven_and_hangs_below_the_end() {
    let members = r#""status":["client hold","client transfer prohibited"],
        "events":[{"eventAction":"expiration","eventDate":"2026-11-20T00:00:00Z"}]"#;
    let say = said(&facts(Some(record(members)), Some(gone())));
    let hold = say.findings().iter().find(|finding| finding.id == "reg.hold").unwrap();
    assert_eq!(hold.because_of, ["reg.expiry#good.test"]);
    assert_eq!(hold.title, "good.test was taken out of the DNS by its registrar");
    assert_eq!(hold.evidence.len(), 1);
    assert_eq!((hold.evidence[0].kind, hold.evidence[0].text.as_str()), ("rdap", "\"status\": \"client hold\""));
    assert!(hold.fix.text.contains("R B.V."));
    let end = &say.findings()[0];
    assert_eq!(end.title, "the registration of good.test ran out on 2026-11-20, 7 days ago");
}

#[test]
fn nobody_holds_it_only_when_it_is_sure() {
    let free = WhoisAsked {
        server: whois::Server { host: "whois.test".into(), port: 43 },
        end: WhoisEnd::Free("No match".into()),
        took: Duration::ZERO,
    };
    let with_whois = |zone: Option<Survey>| {
        let mut facts = facts(None, zone);
        if let Some(registry) = &mut facts.registry {
            registry.whois.push(free.clone());
        }
        facts
    };
    assert_eq!(told(&facts(None, Some(gone()))), ["reg.rdap Problem Broken"]);
    assert_eq!(told(&with_whois(None)), ["reg.rdap Problem Broken"]);
    assert_eq!(told(&facts(None, None)), [""; 0]);
    assert_eq!(told(&with_whois(Some(zone(&["ns1.good.test"])))), [""; 0]);
    assert_eq!(said(&facts(None, None)).state_of("reg.expiry"), Some(Came::Untested));
}

#[test]
fn a_registry_in_a_mood_is_no_fault() {
    for end in [
        RdapEnd::TooOften(None),
        RdapEnd::Failing("HTTP/1.1 500 Oops".into()),
        RdapEnd::Unreadable(rdap::Unreadable::Html),
        RdapEnd::Unreadable(rdap::Unreadable::Json("EOF".into())),
        RdapEnd::NotFound,
    ] {
        let mut facts = facts(None, Some(zone(&["ns1.good.test"])));
        if let Some(registry) = &mut facts.registry {
            registry.rdap[0].end = end.clone();
        }
        let say = said(&facts);
        assert_eq!(say.findings(), [], "{end}");
        assert_eq!(say.state_of("reg.rdap"), Some(Came::Untested), "{end}");
        assert_eq!(say.state_of("reg.hold"), Some(Came::Untested), "{end}");
    }
    let silent = Facts { domain: "good.test".into(), now: NOW, ..Facts::default() };
    assert_eq!(said(&silent).findings(), []);
    assert_eq!(said(&silent).state_of("reg.rdap"), Some(Came::Untested));
}

#[test]
fn a_change_is_a_note() {
    let changed = |date: &str| format!(r#""events":[{{"eventAction":"last changed","eventDate":"{date}"}}]"#);
    for (date, wanted) in [
        ("2026-11-27T02:00:00Z", Some("the registry's record of good.test was changed 10 hours ago")),
        ("2026-11-25T12:00:00Z", Some("the registry's record of good.test was changed 48 hours ago")),
        ("2026-11-24T11:00:00Z", None),
        // Another clock than ours.
        ("2026-11-28T12:00:00Z", None),
    ] {
        let say = said(&facts(Some(record(&changed(date))), Some(zone(&["ns1.good.test"]))));
        assert_eq!(say.findings().first().map(|finding| finding.title.as_str()), wanted, "{date}");
    }
    let facts = facts(Some(record(&changed("2026-11-27T02:00:00Z"))), None);
    assert_eq!(timeline(&facts).len(), 1);
}

#[test]
fn three_lists_of_name_servers() {
    let with = |servers: &str| format!(r#""nameservers":[{servers}]"#);
    for (registry, wanted) in [
        (r#""NS1.GOOD.TEST.","ns2.good.test""#, &[][..]),
        (r#""ns1.good.test""#, &["reg.nsmatch Warning AtRisk"]),
        (r#""ns1.other.test","ns2.other.test""#, &["reg.nsmatch Problem AtRisk"]),
    ] {
        let facts = facts(Some(record(&with(registry))), Some(zone(&["ns1.good.test", "ns2.good.test"])));
        assert_eq!(told(&facts), wanted, "{registry}");
    }
    // Changed an hour ago: it only takes time.
    let fresh = r#""nameservers":["ns1.other.test"],"events":[{"eventAction":"last changed","eventDate":"2026-11-27T11:00:00Z"}]"#;
    let say = said(&facts(Some(record(fresh)), Some(zone(&["ns1.good.test"]))));
    let finding = say.findings().iter().find(|finding| finding.id == "reg.nsmatch").unwrap();
    assert_eq!((finding.severity, finding.act), (crate::finding::Severity::Warning, crate::finding::Actor::Wait));
}

fn rr(kind: Rtype, data: crate::dns::Data) -> Rr {
    Rr { name: "good.test".into(), kind, ttl: 3600, data }
}

fn signed(tag: u16, key: Option<u16>) -> Survey {
    let ds = crate::dns::Data::Ds { tag, algorithm: 13, digest_type: 2, digest: vec![0xab; 32] };
    let key =
        key.map(|tag| rr(Rtype::DNSKEY, crate::dns::Data::Dnskey { flags: 257, algorithm: 13, tag, key: Vec::new() }));
    let keys = Packet { authoritative: true, answers: key.into_iter().collect(), ..Packet::default() };
    let server = NsFacts::in_test("good.test", [(("good.test".to_owned(), Rtype::DNSKEY), Ok(keys))]);
    Survey { ds: vec![rr(Rtype::DS, ds)], servers: vec![server], ..zone(&["ns1.good.test"]) }
}

#[test]
fn keys_at_the_registry() {
    let ds = |tag: u16| {
        let digest = "ab".repeat(32);
        format!(
            r#""secureDNS":{{"delegationSigned":true,"dsData":[{{"keyTag":{tag},"algorithm":13,"digestType":2,"digest":"{digest}"}}]}}"#
        )
    };
    for (members, zone, wanted) in [
        (ds(7), signed(7, Some(7)), &[][..]),
        (r#""secureDNS":{"delegationSigned":true}"#.to_owned(), signed(7, Some(7)), &[]),
        (ds(8), signed(7, Some(7)), &["reg.ds Warning AtRisk"]),
        (r#""secureDNS":{"delegationSigned":false}"#.to_owned(), signed(7, Some(7)), &["reg.ds Warning AtRisk"]),
        (ds(7), self::zone(&["ns1.good.test"]), &["reg.ds Warning AtRisk"]),
        (ds(7), signed(7, Some(9)), &["reg.ds Problem Broken"]),
        (r#""objectClassName":"domain""#.to_owned(), signed(7, None), &["reg.ds Problem Broken"]),
        (r#""objectClassName":"domain""#.to_owned(), signed(7, Some(7)), &[]),
    ] {
        assert_eq!(told(&facts(Some(record(&members)), Some(zone))), wanted, "{members}");
    }
}

#[test]
fn names_that_were_not_meant() {
    let named = |domain: &str, zone: Option<Survey>, takes_mail: bool| {
        let records = if takes_mail {
            Ok(vec![(10, "mx.test".into())])
        } else {
            Err(Failure::NoSuchDomain { ttl: Duration::ZERO })
        };
        let mx = Some(MxFacts { records, ttl: 0, hosts: Vec::new(), implicit: false });
        told(&Facts { domain: domain.into(), zone, mx, now: NOW, ..Facts::default() })
    };
    assert_eq!(named("gmial.com", Some(gone()), false), ["reg.syntax Problem Broken"]);
    assert_eq!(named("gmial.com", None, true), ["reg.syntax Warning AtRisk"]);
    assert_eq!(named("gmail.com", None, true), [""; 0]);
    // A small provider's neighbour may well be somebody.
    assert_eq!(named("glob.com", None, true), ["reg.syntax Note None"]);
    assert_eq!(named("good.test", None, true), [""; 0]);
    assert_eq!(named("-bad.test", None, false), ["reg.syntax Problem Broken"]);
    assert_eq!(named("a_b.test", None, false), ["reg.syntax Problem Broken"]);
    assert_eq!(named("example.123", None, false), ["reg.syntax Problem Broken"]);
    assert_eq!(named("intranet", None, true), [""; 0]);
}

#[test]
fn who_runs_the_name_servers() {
    let facts = facts(None, Some(zone(&["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"])));
    assert_eq!(dns_company(&facts).as_deref(), Some("Cloudflare"));
    let day = Moment { at: NOW, day_only: true };
    assert_eq!(day.day(), "2026-11-27");
}
