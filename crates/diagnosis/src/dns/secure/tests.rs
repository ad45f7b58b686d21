//! Zones on paper, signed rightly and wrongly.

use super::*;
use crate::net::paper::{GOOD, NOW, Paper, Signing, TEST};

async fn told(ctx: &Ctx, name: &str, kind: Rtype) -> String {
    match secure_status(ctx, name, kind).await {
        Security::Secure { until } => format!("secure for {} days", (until - NOW.0 / 1000) / 86_400),
        Security::Insecure(why) => format!("insecure: {why}"),
        Security::Bogus(bogus) => format!("bogus: {}: {bogus}", bogus.zone),
        Security::Indeterminate(why) => format!("unknown: {why}"),
    }
}

fn usual() -> Signing {
    Signing::default()
}

#[tokio::test]
async fn a_chain_from_the_anchor_down() {
    let more =
        format!("{GOOD}www CNAME mx1\n*.w TXT \"x\"\nout CNAME www.bare.test.\nsub NS ns.sub\nns.sub A 127.2.0.9\n");
    let paper = Paper::small()
        .serve("127.2.0.251", "test", &format!("{TEST}bare NS ns1.good\n"))
        .serve("127.2.0.1 127.2.0.2", "good.test", &more)
        .signed()
        .serve("127.2.0.9", "sub.good.test", "@ SOA a b 1 2 3 4 5\n@ NS ns\nns A 127.2.0.9\n@ MX 1 ns\n")
        .serve("127.2.0.1", "bare.test", "@ SOA a b 1 2 3 4 5\n@ NS ns1.good\nwww A 127.0.0.1\n");
    let ctx = paper.ctx();
    for (name, kind, want) in [
        ("good.test", Rtype::MX, "secure for 20 days"),
        ("mx1.good.test", Rtype::A, "secure for 20 days"),
        ("www.good.test", Rtype::A, "secure for 20 days"),
        ("a.w.good.test", Rtype::TXT, "secure for 20 days"),
        ("_25._tcp.mx1.good.test", Rtype::TLSA, "secure for 20 days"),
        ("good.test", Rtype::TLSA, "secure for 20 days"),
        ("no.test", Rtype::MX, "secure for 20 days"),
        ("bare.test", Rtype::MX, "insecure: test has no DS for bare.test"),
        ("out.good.test", Rtype::A, "insecure: test has no DS for bare.test"),
        ("sub.good.test", Rtype::MX, "insecure: good.test has no DS for sub.good.test"),
    ] {
        assert_eq!(told(&ctx, name, kind).await, want, "{name} {kind}");
    }
}

#[tokio::test]
async fn a_zone_below_on_the_same_server_is_found() {
    let more = format!("{GOOD}sub NS ns1\n");
    let paper = Paper::small().serve("127.2.0.1 127.2.0.2", "good.test", &more).signed().serve(
        "127.2.0.1 127.2.0.2",
        "sub.good.test",
        "@ SOA a b 1 2 3 4 5\n@ NS ns1.good.test.\n@ MX 1 mx\n",
    );
    let ctx = paper.ctx();
    assert_eq!(told(&ctx, "sub.good.test", Rtype::MX).await, "insecure: good.test has no DS for sub.good.test");
}

#[tokio::test]
async fn what_is_bogus_says_why() {
    let table = [
        (Signing { wrong_ds: true, ..usual() }, "bogus: good.test: DNSKEY of good.test: the DS above names key "),
        (Signing { wrong_digest: true, ..usual() }, "bogus: good.test: DNSKEY of good.test: the DS above for key "),
        (Signing { unsigned: true, ..usual() }, "bogus: good.test: DNSKEY of good.test: the zone has no DNSKEY"),
        (Signing { until: -3600, ..usual() }, "bogus: good.test: DNSKEY of good.test: its signature by key "),
        (Signing { from: 3600, ..usual() }, "bogus: good.test: DNSKEY of good.test: its signature by key "),
        (Signing { bare: &["good.test MX"], ..usual() }, "bogus: good.test: MX of good.test: it has no signature"),
        (Signing { forged: &["good.test MX"], ..usual() }, "bogus: good.test: MX of good.test: its signature by key "),
        (
            Signing { bare: &["good.test DNSKEY"], ..usual() },
            "bogus: good.test: DNSKEY of good.test: it has no signature",
        ),
        (Signing { island: true, ..usual() }, "insecure: test has no DS for good.test"),
    ];
    for (signing, want) in table {
        let ctx = Paper::small().signed().sign("good.test", signing.clone()).ctx();
        let said = told(&ctx, "good.test", Rtype::MX).await;
        assert!(said.starts_with(want), "{signing:?}: {said}");
    }
    let late = Signing { until: -3600, ..usual() };
    let ctx = Paper::small().signed().sign("good.test", late).ctx();
    let said = told(&ctx, "good.test", Rtype::MX).await;
    assert!(said.ends_with(" expired at 2026-11-27T11:00:00Z"), "{said}");
}

#[tokio::test]
async fn absence_without_proof_is_bogus() {
    let signing = Signing { bare: &["mx2.good.test NSEC", "good.test NSEC"], ..usual() };
    let ctx = Paper::small().signed().sign("good.test", signing).ctx();
    assert!(told(&ctx, "mx2.good.test", Rtype::AAAA).await.starts_with("bogus: good.test: AAAA of mx2.good.test"));
}

#[tokio::test]
async fn what_cannot_be_followed_is_no_fault() {
    // The network is closed and not signed; IANA's anchors say nothing of it, and need not.
    let said = told(&Paper::small().ctx(), "good.test", Rtype::MX).await;
    assert_eq!(said, "insecure: the root has no DS for test");
    // It is signed, and nobody said by whom.
    let paper = Paper::small().signed();
    let settings = crate::ctx::Settings { anchors: Vec::new(), ..paper.settings() };
    let said = told(&paper.ctx_with(settings), "good.test", Rtype::MX).await;
    assert_eq!(said, "unknown: no trust anchor was given for this closed network");
    // The root's keys are others than those trusted.
    let paper = Paper::small().signed();
    let settings = crate::ctx::Settings { anchors: vec![". DS 1 8 2 AA".into()], ..paper.settings() };
    let said = told(&paper.ctx_with(settings), "good.test", Rtype::MX).await;
    assert_eq!(said, "unknown: no key of the root is the one that is trusted");
    // Without an anchor the DS right above still says what the zone's key should be.
    let paper = Paper::small().signed().sign("good.test", Signing { wrong_ds: true, ..usual() });
    let settings = crate::ctx::Settings { anchors: Vec::new(), ..paper.settings() };
    assert!(told(&paper.ctx_with(settings), "good.test", Rtype::MX).await.starts_with("bogus: good.test"));
    // Even the root is out of date: it is our clock.
    let late = Signing { until: -3600, ..usual() };
    let ctx = Paper::small().signed().sign(".", late.clone()).sign("test", late.clone()).sign("good.test", late).ctx();
    let said = told(&ctx, "good.test", Rtype::MX).await;
    assert!(said.starts_with("unknown: ") && said.ends_with("is the clock of this machine right?"), "{said}");
    // The keys do not come whole.
    let cut = |paper: Paper, ip: &str| {
        paper.fault(ip, crate::net::paper::Fault::Truncates).fault(ip, crate::net::paper::Fault::SilentTcp)
    };
    let ctx = cut(cut(Paper::small().signed(), "127.2.0.1"), "127.2.0.2").ctx();
    assert!(told(&ctx, "good.test", Rtype::MX).await.starts_with("unknown: "));
    // Nobody answers.
    let ctx = Paper::small()
        .signed()
        .fault("127.2.0.1", crate::net::paper::Fault::Silent)
        .fault("127.2.0.2", crate::net::paper::Fault::Silent)
        .ctx();
    assert!(told(&ctx, "good.test", Rtype::MX).await.starts_with("unknown: no name server of good.test answers"));
}

#[tokio::test]
async fn no_octet_of_an_answer_can_make_it_stumble_or_pass() {
    let ctx = Paper::small().signed().ctx();
    let now = NOW.0 / 1000;
    let trust = ctx.chains.trust(&ctx.names, now, "good.test").await;
    let Trust::Keys(keys) = &*trust else { panic!("{trust:?}") };
    for (name, kind) in [("good.test", Rtype::MX), ("mx1.good.test", Rtype::AAAA), ("good.test", Rtype::DNSKEY)] {
        let (packet, _) = ctx.names.authoritative(name, kind, 0).await.unwrap();
        let whole: Vec<Data> = packet.of(kind).map(|rr| rr.data.clone()).collect();
        assert!(ctx.chains.under(keys, now, &packet, name, kind).is_ok());
        for at in 0..packet.octets.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut octets = packet.octets.to_vec();
                octets[at] ^= change;
                let Ok(bent) = Packet::read(&octets) else { continue };
                let said = ctx.chains.under(keys, now, &bent, name, kind);
                let same =
                    bent.of(kind).filter(|rr| rr.name == name).map(|rr| rr.data.clone()).collect::<Vec<_>>() == whole;
                // What is proved is what was signed, or that there is nothing, never something else.
                let nothing = !bent.of(kind).any(|rr| rr.name == name);
                assert!(said.is_err() || same || nothing, "{name} {kind}: octet {at} ^ {change:#x}: {said:?}");
            }
        }
    }
}
