//! Received messages: whatever the octets are, they are judged within bounds, and what is said
//! fits a line.

use postrider_diagnosis::message::verify::KeyAnswer;
use postrider_diagnosis::message::{Options, analyse, judge, read};

/// A key, so that signatures of `s._domainkey.a.example` come as far as the arithmetic.
const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// The input is a message.
pub fn run(data: &[u8]) {
    let mut facts = read("fuzz.eml", data.to_vec(), Options::default(), 1_795_780_800);
    let signatures = facts.signatures.iter().filter_map(|(_, read)| read.as_ref().ok());
    let sets = facts.arc.sets.iter().flat_map(|set| [&set.message, &set.seal]);
    let keys = signatures.chain(sets).map(|signature| signature.key_name());
    facts.keys = keys.map(|name| (name, KeyAnswer::Texts(vec![KEY.to_owned()]))).collect();
    let analysis = analyse(&facts);
    let (say, seen) = judge(&facts, &analysis);
    assert!(!seen.answer.is_empty() && seen.hops.len() <= 200, "{seen:?}");
    for finding in say.findings() {
        assert!(!finding.title.contains(['\n', '\r']) && finding.title.chars().count() < 1200, "{finding:?}");
        for evidence in &finding.evidence {
            let whole = evidence.span.as_ref().is_none_or(|span| evidence.text.get(span.clone()).is_some());
            assert!(whole, "{evidence:?}");
        }
    }
    for method in &seen.methods {
        assert!(!method.why.contains(['\n', '\r']), "{method:?}");
    }
}
