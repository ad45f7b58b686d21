use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// 2026-11-27.
const NOW: i64 = 1_795_737_600;

/// A server's certificate and its issuer's.
fn chain() -> Vec<Vec<u8>> {
    let issuing = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "Issuer of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let issuer_key = KeyPair::generate().unwrap();
    let above = issuing().self_signed(&issuer_key).unwrap();
    let issuer = Issuer::new(issuing(), issuer_key);
    let mut params = CertificateParams::new(vec!["mx.a.example".to_owned(), "*.b.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2026, 11, 1);
    params.not_after = date_time_ymd(2026, 12, 31);
    let own = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    vec![own.der().to_vec(), above.der().to_vec()]
}

fn record(usage: u8, selector: u8, matching: u8, data: Vec<u8>) -> Tlsa {
    Tlsa { usage, selector, matching, data: data.into() }
}

/// A record of that label for a certificate of the chain.
fn of(chain: &[Vec<u8>], place: usize, (usage, selector, matching): (u8, u8, u8)) -> Tlsa {
    let certificate = Certificate::read(&chain[place]).unwrap();
    record(usage, selector, matching, data(selector, matching, &certificate).unwrap())
}

#[test]
fn records_that_are_of_no_use() {
    let chain = chain();
    let table = [
        (record(0, 1, 1, vec![0; 32]), Some(Flaw::UsageNotForMail(0))),
        (record(1, 1, 1, vec![0; 32]), Some(Flaw::UsageNotForMail(1))),
        (record(4, 1, 1, vec![0; 32]), Some(Flaw::UsageUnknown(4))),
        (record(3, 2, 1, vec![0; 32]), Some(Flaw::SelectorUnknown(2))),
        (record(3, 1, 3, vec![0; 32]), Some(Flaw::MatchingUnknown(3))),
        (record(3, 1, 1, vec![0; 31]), Some(Flaw::DigestLength { matching: 1, wanted: 32, found: 31 })),
        (record(3, 1, 2, vec![0; 32]), Some(Flaw::DigestLength { matching: 2, wanted: 64, found: 32 })),
        (record(3, 0, 0, vec![0; 32]), Some(Flaw::DataUnreadable("certificate"))),
        (record(3, 1, 0, Vec::new()), Some(Flaw::DataUnreadable("public key"))),
        (record(3, 1, 1, vec![0; 32]), None),
        (of(&chain, 0, (3, 0, 0)), None),
        (of(&chain, 1, (2, 1, 0)), None),
    ];
    for (record, want) in table {
        assert_eq!(usable(&record).err(), want, "{record:?}");
    }
}

#[test]
fn what_matches_and_what_does_not() {
    let chain = chain();
    let names = ["mx.a.example"];
    let wrong = record(3, 1, 1, vec![7; 32]);
    let mislabelled = record(3, 1, 1, of(&chain, 0, (3, 0, 1)).data.to_vec());
    let issuers = record(3, 1, 1, of(&chain, 1, (2, 1, 1)).data.to_vec());
    let table = [
        (vec![of(&chain, 0, (3, 1, 1))], Verdict::Matches(0)),
        (vec![wrong.clone(), of(&chain, 0, (3, 1, 2))], Verdict::Matches(1)),
        (vec![of(&chain, 0, (3, 0, 1))], Verdict::Matches(0)),
        (vec![of(&chain, 0, (3, 0, 0))], Verdict::Matches(0)),
        (vec![of(&chain, 1, (2, 1, 1))], Verdict::Matches(0)),
        (vec![of(&chain, 1, (2, 0, 1))], Verdict::Matches(0)),
        (vec![of(&chain, 0, (2, 1, 1))], Verdict::NoneMatches),
        (vec![wrong.clone()], Verdict::NoneMatches),
        (vec![mislabelled.clone(), record(1, 1, 1, vec![0; 32])], Verdict::NoneMatches),
        (vec![record(1, 1, 1, vec![0; 32])], Verdict::NothingUsable),
    ];
    for (records, want) in table {
        assert_eq!(matching(&records, &chain, &names, NOW).verdict, want, "{records:?}");
    }
    let outcomes = matching(&[mislabelled, issuers, wrong], &chain, &names, NOW).outcomes;
    let labels = [Some((3, 0, 1)), Some((2, 1, 1)), None];
    assert_eq!(outcomes, labels.map(|mislabelled| Outcome::Differs { mislabelled }));
    assert_eq!(matching::<Vec<u8>>(&[], &[], &names, NOW).verdict, Verdict::NoCertificate);
}

#[test]
fn usage_2_asks_for_more_than_a_match() {
    let chain = chain();
    let record = [of(&chain, 1, (2, 1, 1))];
    let whole = [of(&chain, 1, (2, 0, 0))];
    let stranger = [self::chain().remove(0), chain[1].clone()];
    let late = NOW + 400 * 86_400;
    let table = [
        (&record, &chain[..], "x.b.example", NOW, Verdict::Matches(0)),
        (&whole, &chain[..1], "mx.a.example", NOW, Verdict::Matches(0)),
        (&record, &chain[..], "mx.c.example", NOW, Verdict::Hindered(0, Hindrance::Name)),
        (&record, &chain[..], "mx.a.example", late, Verdict::Hindered(0, Hindrance::Time)),
        (&record, &chain[..1], "mx.a.example", NOW, Verdict::NoneMatches),
    ];
    for (records, chain, name, now, want) in table {
        assert_eq!(matching(records, chain, &[name], now).verdict, want, "{name} {now}");
    }
    // The issuers of both chains have the same name, so that only the order can be seen to be wrong.
    let reversed = [chain[0].clone(), stranger[0].clone(), chain[1].clone()];
    assert_eq!(matching(&record, &reversed, &["mx.a.example"], NOW).verdict, Verdict::Hindered(0, Hindrance::Chain));
    // Usage 3 asks for nothing but the match.
    assert_eq!(matching(&[of(&chain, 0, (3, 1, 1))], &chain, &["x"], late).verdict, Verdict::Matches(0));
}

#[test]
fn the_right_record_is_written() {
    let chain = chain();
    let right = matching(&[record(3, 1, 1, vec![0; 32])], &chain, &[], NOW).right.unwrap();
    let (label, hex) = right.split_at(6);
    let octets: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    assert_eq!((label, hex.len()), ("3 1 1 ", 64));
    assert_eq!(matching(&[record(3, 1, 1, octets)], &chain, &[], NOW).verdict, Verdict::Matches(0));
    let own = Certificate::read(&chain[0]).unwrap();
    assert_eq!(association(3, 2, 1, &own), None);
    assert_eq!(own.issuing_organization().as_deref(), Some("Issuer of tests"));
}
