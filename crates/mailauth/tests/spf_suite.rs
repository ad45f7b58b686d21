//! The RFC 7208 test suite: every case, and each that fails is printed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use postrider_dns::{Answer, Failure, Kind, Looking, Mx, Record, Resolver};
use postrider_mailauth::spf::{Request, evaluate};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

const SUITE: &str = include_str!("spf-rfc7208/rfc7208-tests.json");

#[tokio::test]
async fn all_cases_of_the_suite() {
    let suite: Value = serde_json::from_str(SUITE).unwrap();
    let mut failures = String::new();
    let mut cases = 0;
    for scenario in suite.as_array().unwrap() {
        let names = Names::of(&scenario["zone"]);
        for case in scenario["tests"].as_array().unwrap() {
            cases += 1;
            if let Err(fault) = run(&names, case).await {
                let desc = text(&scenario["desc"]);
                writeln!(failures, "{desc}: {}: {fault}", text(&case["name"])).unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{} of {cases} fail:\n{failures}", failures.lines().count());
    assert_eq!(cases, 203);
}

async fn run(names: &Names, case: &Value) -> Result<(), String> {
    let ip = text(&case["host"]).parse().unwrap();
    let request = Request::mail_from(ip, text(&case["helo"]), text(&case["mailfrom"]));
    let evaluation = evaluate(names, &request).await;
    let outcome = evaluation.outcome.word();
    // Where the RFC leaves it open, the suite lists several.
    if !case["result"].as_array().unwrap().iter().any(|allowed| allowed == outcome) {
        return Err(format!("{outcome}, not {}; {evaluation:?}", case["result"]));
    }
    let explanation = evaluation.explanation.as_deref().unwrap_or("DEFAULT");
    if case["expl"].as_str().is_some_and(|expected| expected != explanation) {
        return Err(format!("explained by {explanation:?}, not {}", case["expl"]));
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The names of one scenario. What has no record of a type times out where the suite says so.
struct Names(HashMap<String, (bool, Vec<Record>)>, HashMap<String, String>);

impl Names {
    fn of(zone: &Value) -> Self {
        let mut names = Self(HashMap::new(), HashMap::new());
        for (name, node) in zone.as_object().unwrap() {
            let mut records = Vec::new();
            for record in node["r"].as_array().unwrap() {
                let value = &record["v"];
                match text(&record["t"]) {
                    "CNAME" => {
                        names.1.insert(name.to_lowercase(), canonical(text(value)));
                    }
                    kind => records.push(typed(kind, value)),
                }
            }
            names.0.insert(name.to_lowercase(), (node["timeout"].as_bool().unwrap(), records));
        }
        names
    }

    fn find(&self, name: &str, kind: Kind) -> Result<Vec<Record>, Failure> {
        let mut name = canonical(name);
        let mut aliases = 0;
        while let Some(target) = self.1.get(&name) {
            name.clone_from(target);
            aliases += 1;
            if aliases > 8 {
                return Err(Failure::Malformed("an endless chain of CNAMEs".into()));
            }
        }
        let Some((times_out, records)) = self.0.get(&name) else {
            return Err(Failure::NoSuchDomain { ttl: Duration::ZERO });
        };
        let records: Vec<Record> = records.iter().filter(|record| record.kind() == kind).cloned().collect();
        match (records.is_empty(), times_out) {
            (false, _) => Ok(records),
            (true, true) => Err(Failure::Timeout("as the suite says".into())),
            (true, false) => Err(Failure::NoData { ttl: Duration::ZERO }),
        }
    }
}

fn canonical(name: &str) -> String {
    match name.strip_suffix('.').unwrap_or(name) {
        "" => ".".to_owned(),
        name => name.to_lowercase(),
    }
}

fn typed(kind: &str, value: &Value) -> Record {
    match kind {
        "A" => Record::A(text(value).parse().unwrap()),
        "AAAA" => Record::Aaaa(text(value).parse().unwrap()),
        "PTR" => Record::Ptr(canonical(text(value)).into()),
        "MX" => {
            let preference = u16::try_from(value[0].as_u64().unwrap()).unwrap();
            Record::Mx(Mx { preference, exchange: canonical(text(&value[1])).into() })
        }
        "TXT" => {
            let joined: String = value.as_array().unwrap().iter().map(text).collect();
            let octets: Vec<u8> = joined.chars().map(|c| u8::try_from(c).unwrap()).collect();
            Record::Txt(String::from_utf8_lossy(&octets).into())
        }
        other => panic!("no such type: {other}"),
    }
}

impl Resolver for Names {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        let found = self.find(name, kind);
        Box::pin(async move { Ok(Answer { records: found?, ttl: Duration::ZERO, authentic: false, canonical: None }) })
    }
}
