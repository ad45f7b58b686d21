//! Registry and DNS together, in a world on paper.

use super::*;
use crate::ctx::Settings;
use crate::net::paper::{Fault, Paper, TEST};

const SERVERS: &str = r#""nameservers":[{"ldhName":"NS1.good.test"},{"ldhName":"ns2.good.test"}]"#;
const ENDS: &str = r#""events":[{"eventAction":"expiration","eventDate":"2027-06-01T00:00:00Z"}]"#;

/// Looks at `good.test` with these members in its RDAP record: findings as `id severity`.
async fn told(paper: Paper, members: &str) -> Vec<String> {
    let body = format!(r#"{{"objectClassName":"domain","ldhName":"good.test",{members}}}"#);
    answered(paper, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await
}

async fn answered(paper: Paper, answer: &str) -> Vec<String> {
    let paper = paper.speaks("127.4.0.1:80", answer);
    let settings = Settings {
        rdap_bootstrap: Some(r#"{"services":[[["test"],["http://127.4.0.1/"]]]}"#.into()),
        whois: ("127.4.0.2".into(), 43),
        ..paper.settings()
    };
    let looked = look(&paper.ctx_with(settings), "www.good.test").await;
    assert_eq!(looked.facts.domain, "good.test");
    looked.findings.iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
}

#[tokio::test]
async fn a_healthy_domain() {
    assert_eq!(told(Paper::small(), &format!("{SERVERS},{ENDS},\"status\":[\"active\"]")).await, [""; 0]);
    let signed = r#""secureDNS":{"delegationSigned":true}"#;
    assert_eq!(told(Paper::small().signed(), &format!("{SERVERS},{signed}")).await, [""; 0]);
}

#[tokio::test]
async fn a_dead_name_server_is_not_the_registrys_matter() {
    let paper = Paper::small().fault("127.2.0.2", Fault::Silent);
    assert_eq!(told(paper, SERVERS).await, [""; 0]);
    let paper = Paper::small().fault("127.2.0.1", Fault::Says(5)).fault("127.2.0.2", Fault::Says(5));
    assert_eq!(told(paper, SERVERS).await, [""; 0]);
}

#[tokio::test]
async fn other_servers_at_the_registry() {
    let others = r#""nameservers":["ns1.old.test","ns2.old.test"]"#;
    assert_eq!(told(Paper::small(), others).await, ["reg.nsmatch Problem"]);
}

#[tokio::test]
async fn taken_out_of_the_dns() {
    let gone = TEST.replace("good NS ns1.good\n", "").replace("good NS ns2.good\n", "");
    let gone = gone.replace("ns1.good A 127.2.0.1\n", "").replace("ns2.good A 127.2.0.2\n", "");
    let paper = || Paper::small().serve("127.2.0.251", "test", &gone);
    let held = r#""status":["client hold"]"#;
    assert_eq!(told(paper(), &format!("{ENDS},{held}")).await, ["reg.hold Problem"]);
    // No such domain, says the DNS; and the registry does not know it.
    assert_eq!(answered(paper(), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await, ["reg.rdap Problem"]);
    // The registry does not know what the DNS has: that is the registry's trouble.
    assert_eq!(answered(Paper::small(), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_the_registry_has_and_the_zone_above_not() {
    let ds =
        r#""secureDNS":{"delegationSigned":true,"dsData":[{"keyTag":1,"algorithm":13,"digestType":2,"digest":"AB"}]}"#;
    assert_eq!(told(Paper::small(), ds).await, ["reg.ds Warning"]);
    assert_eq!(told(Paper::small().signed(), ds).await, ["reg.ds Warning"]);
    assert_eq!(told(Paper::small().signed(), r#""secureDNS":{"delegationSigned":false}"#).await, ["reg.ds Warning"]);
}
