//! TLSA records against a certificate: any octets are either.

use postrider_dns::Tlsa;
use postrider_mailauth::tlsa::{self, Certificate, Outcome, Verdict};

/// The first octets say what the record claims to be and where it ends; the rest is presented.
pub fn run(data: &[u8]) {
    let [usage, selector, matching, length, rest @ ..] = data else { return };
    let (usage, selector, matching) = (usage % 5, selector % 3, matching % 4);
    let split = usize::from(*length).min(rest.len());
    let (record, presented) = rest.split_at(split);
    let record = Tlsa { usage, selector, matching, data: record.into() };
    let chain = [presented, presented];
    let found = tlsa::matching(std::slice::from_ref(&record), &chain, &["mx.a.example"], 0);
    assert_eq!(tlsa::usable(&record).is_err(), matches!(found.outcomes[0], Outcome::Unusable(_)));
    let Some(certificate) = Certificate::read(presented) else {
        assert_eq!(found.verdict, Verdict::NoCertificate);
        return;
    };
    let _ = (certificate.names(), certificate.issuing_organization(), certificate.is_for("mx.a.example"));
    assert!(found.right.is_some_and(|right| right.len() == "3 1 1 ".len() + 64));
}
