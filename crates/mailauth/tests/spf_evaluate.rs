//! What a check says beside its result: the terms that led to it, and why there is none.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use postrider_dns::Zone;
use postrider_mailauth::spf::{Evaluation, Place, Request, evaluate};

const ZONE: &str = r#"
home.test       TXT   "v=spf1 ip4:203.0.113.0/24 include:mail.test a:h.test -all exp=why.home.test"
why.home.test   TXT   "%{i} is not ours, says %{r}"
mail.test       TXT   "v=spf1 ip6:2001:db8::/32 redirect=_spf.mail.test"
_spf.mail.test  TXT   "v=spf1 ip4:192.0.2.0/24 ~all"
h.test          A     198.51.100.1
soft.test       TXT   "v=spf1 redirect=_spf.mail.test"
empty.test      TXT   "v=spf1 ip4:192.0.2.1"
twice.test      TXT   "v=spf1 -all"
twice.test      TXT   "v=spf1 ~all"
bad.test        TXT   "v=spf1 mx ip4:192.0.2.300 moo -all"
badinc.test     TXT   "v=spf1 include:bad.test -all"
noinc.test      TXT   "v=spf1 include:h.test -all"
loop.test       TXT   "v=spf1 include:loop.test -all"
down.test       TXT   "v=spf1 a:down.down.test -all"
down.down.test  SERVFAIL
void.test       TXT   "v=spf1 a:v1.test a:v2.test a:v3.test -all"
"#;

async fn check(ip: &str, sender: &str) -> Evaluation {
    let request = Request { receiver: "mx.test".into(), ..Request::mail_from(ip.parse().unwrap(), "c.test", sender) };
    evaluate(&Zone::parse(ZONE).unwrap(), &request).await
}

#[tokio::test]
async fn the_result_comes_with_the_way_to_it() {
    let table = [
        ("203.0.113.9", "a@home.test", "pass", "`ip4:203.0.113.0/24` of home.test"),
        (
            "192.0.2.1",
            "a@home.test",
            "pass",
            "`include:mail.test` of home.test; `redirect=_spf.mail.test` of mail.test; `ip4:192.0.2.0/24` of _spf.mail.test",
        ),
        ("::ffff:198.51.100.1", "a@HOME.test.", "pass", "`a:h.test` of HOME.test."),
        ("198.51.100.2", "a@home.test", "fail", "`-all` of home.test"),
        ("198.51.100.2", "a@soft.test", "softfail", "`redirect=_spf.mail.test` of soft.test; `~all` of _spf.mail.test"),
        ("198.51.100.2", "a@empty.test", "neutral", ""),
        ("198.51.100.2", "a@nothing.test", "none", ""),
        ("198.51.100.2", "", "none", ""),
        ("198.51.100.2", "a@noinc.test", "permerror", "`include:h.test` of noinc.test"),
        ("198.51.100.2", "a@badinc.test", "permerror", "`include:bad.test` of badinc.test"),
        ("198.51.100.2", "a@void.test", "permerror", "`a:v3.test` of void.test"),
        ("198.51.100.2", "a@down.test", "temperror", "`a:down.down.test` of down.test"),
    ];
    for (ip, sender, outcome, path) in table {
        let evaluation = check(ip, sender).await;
        let shown: Vec<String> = evaluation.path.iter().map(Place::to_string).collect();
        assert_eq!((evaluation.outcome.word(), shown.join("; ").as_str()), (outcome, path), "{ip} {sender}");
        assert_eq!(evaluation.cause.is_some(), outcome.ends_with("error"), "{ip} {sender}");
    }
}

#[tokio::test]
async fn errors_say_why() {
    let table = [
        ("twice.test", "twice.test has 2 SPF records, and only one may be there"),
        (
            "badinc.test",
            "the SPF record of bad.test cannot be read: at `192.0.2.300`: this is not an IPv4 address of four numbers from 0 to 255; 1 more",
        ),
        ("noinc.test", "h.test has no SPF record to go on with"),
        ("loop.test", "more than 10 DNS look-ups are needed, which is the limit"),
        ("void.test", "more than 2 DNS look-ups find nothing, the last one for v3.test"),
        ("down.test", "A of down.down.test could not be looked up: the name server failed: SERVFAIL in the zone"),
    ];
    for (domain, why) in table {
        let evaluation = check("198.51.100.2", &format!("a@{domain}")).await;
        assert_eq!(evaluation.cause.unwrap().to_string(), why, "{domain}");
    }
}

#[tokio::test]
async fn a_fail_is_explained_in_the_words_of_the_domain() {
    let evaluation = check("198.51.100.2", "a@home.test").await;
    assert_eq!(evaluation.explanation.as_deref(), Some("198.51.100.2 is not ours, says mx.test"));
    assert_eq!(evaluation.lookups, 3);
}
