//! Worlds on paper and what is said of them: the fault is named, once, and nothing else.

use super::{gather_security, gather_views};
use crate::checks::mx;
use crate::ctx::{Ctx, Settings};
use crate::dns::survey;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say, Severity, State};
use crate::net::paper::{Fault, GOOD, Paper, Signing, TEST};
use domain::base::iana::Rtype;

/// Runs the way a run does, as far as this subject goes.
async fn look(ctx: &Ctx, domain: &str) -> (Facts, Say) {
    let mut zone = survey::survey(&ctx.names, domain, &[]).await;
    let agreed = zone.agreed(domain, Rtype::MX);
    let exchanges = mx::gather(ctx, domain, agreed.as_deref()).await;
    let hosts: Vec<String> = exchanges.hosts.iter().map(|host| host.name.clone()).collect();
    survey::ask_all(&ctx.names, &mut zone, &survey::host_questions(&hosts)).await;
    let dnssec = Some(gather_security(ctx, &zone, &hosts).await);
    let views = Some(gather_views(ctx, domain, &hosts).await);
    let facts = Facts {
        domain: domain.into(),
        now: ctx.now,
        settings: (*ctx.settings).clone(),
        zone: Some(zone),
        mx: Some(exchanges),
        dnssec,
        views,
        ..Facts::default()
    };
    let mut say = Say::default();
    super::judge(&facts, &mut say);
    (facts, say)
}

/// The findings in a line: severity, id, subject; what hangs below another in brackets.
fn told(say: &Say) -> String {
    let keys: Vec<String> = say.findings().iter().map(Finding::key).collect();
    let ids: Vec<&str> = say.findings().iter().map(|finding| finding.id).collect();
    let line = |finding: &Finding| {
        let below = finding
            .because_of
            .iter()
            .any(|cause| keys.contains(cause) || cause.strip_suffix("#*").is_some_and(|id| ids.contains(&id)));
        let mark = match finding.severity {
            Severity::Problem => "!",
            Severity::Warning => "~",
            Severity::Note => "-",
        };
        let line = format!("{mark}{}", finding.key());
        if below { format!("({line})") } else { line }
    };
    say.findings().iter().map(line).collect::<Vec<_>>().join(" ")
}

async fn said(paper: Paper) -> String {
    told(&look(&paper.ctx(), "good.test").await.1)
}

fn one_copy(change: impl Fn(&str) -> String) -> Paper {
    Paper::small().serve("127.2.0.2", "good.test", &change(GOOD))
}

fn both_copies(change: impl Fn(&str) -> String) -> Paper {
    Paper::small().serve("127.2.0.1 127.2.0.2", "good.test", &change(GOOD))
}

#[tokio::test]
async fn healthy_zones_are_silent() {
    let table: Vec<(&str, Paper)> = vec![
        ("plain", Paper::small()),
        ("signed", Paper::small().signed()),
        (
            "signed below an unsigned root",
            Paper::small().sign("good.test", Signing { island: true, ..Signing::default() }),
        ),
        ("hidden primary", both_copies(|good| good.replace("SOA ns1 ", "SOA hidden.else.test. "))),
        ("MX of another provider", both_copies(|good| good.replace("10 mx1", "10 mx.else.test."))),
        ("wildcard for the web", both_copies(|good| format!("{good}* A 127.9.9.9\n* MX 10 mx1\n"))),
        (
            "wildcard SPF",
            both_copies(|good| {
                format!(
                    "{good}* TXT \"v=spf1 -all\"\n_mta-sts TXT \"v=STSv1; id=1\"\n_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:a@good.test\"\nk._domainkey TXT \"v=DKIM1; p=AA\"\n"
                )
            }),
        ),
        (
            "a zone below on the same servers, unsigned",
            both_copies(|good| format!("{}mail NS ns1\n", good.replace("10 mx1", "10 mx.mail"))).signed().serve(
                "127.2.0.1 127.2.0.2",
                "mail.good.test",
                "@ SOA a b 1 2 3 4 5\n@ NS ns1.good.test.\nmx A 127.3.0.1\n",
            ),
        ),
        ("TTLs apart between servers", one_copy(|good| good.replace("@ 3600 MX", "@ 1800 MX"))),
        ("other TXT apart", one_copy(|good| format!("{good}@ 3600 TXT \"site=1\"\n"))),
        (
            "one name server with two addresses",
            both_copies(|good| format!("{good}ns1 3600 A 127.2.0.3\n"))
                .serve("127.2.0.3", "good.test", &format!("{GOOD}ns1 3600 A 127.2.0.3\n"))
                .serve("127.2.0.251", "test", &format!("{TEST}ns1.good A 127.2.0.3\n")),
        ),
        (
            "an alias for DMARC",
            both_copies(|good| good.replace("_dmarc 3600 TXT \"v=DMARC1; p=reject\"", "_dmarc CNAME d.else.test.")),
        ),
    ];
    for (what, paper) in table {
        assert_eq!(said(paper).await, "", "{what}");
    }
}

#[tokio::test]
async fn a_bad_server_is_one_finding() {
    let third =
        |text: &str| text.replace("good NS ns2.good\n", "good NS ns2.good\ngood NS ns3.good\nns3.good A 127.2.0.3\n");
    let with_third = || {
        let good = format!("{GOOD}@ 3600 NS ns3\nns3 3600 A 127.2.0.3\n");
        Paper::small().serve("127.2.0.251", "test", &third(TEST)).serve("127.2.0.1 127.2.0.2", "good.test", &good)
    };
    let with_stranger = || Paper::small().serve("127.2.0.251", "test", &third(TEST));
    let table = [
        (Fault::Says(5), "!dns.lame#ns3.good.test"),
        (Fault::Says(2), "!dns.lame#ns3.good.test"),
        (Fault::NoAuthority, "!dns.lame#ns3.good.test"),
        (Fault::Upward, "!dns.lame#ns3.good.test"),
        (Fault::Garbage, "!dns.lame#ns3.good.test"),
        (Fault::LiesAboutLength, "!dns.lame#ns3.good.test"),
        (Fault::Silent, "!dns.unreach#ns3.good.test"),
        (Fault::Closed, "!dns.unreach#ns3.good.test"),
        (Fault::SilentUdp, "!dns.unreach#ns3.good.test"),
        (Fault::SilentTcp, "~dns.unreach#ns3.good.test"),
        (Fault::NoEdns, "-dns.tcp#ns3.good.test"),
        (Fault::Truncates, ""),
        (Fault::Unreachable, ""),
    ];
    let copy = format!("{GOOD}@ 3600 NS ns3\nns3 3600 A 127.2.0.3\n");
    for (fault, want) in table {
        let paper = with_third().serve("127.2.0.3", "good.test", &copy).fault("127.2.0.3", fault.clone());
        assert_eq!(said(paper).await, want, "{fault:?}");
    }
    let cut = with_third().serve("127.2.0.3", "good.test", &copy);
    let cut = cut.fault("127.2.0.3", Fault::Truncates).fault("127.2.0.3", Fault::SilentTcp);
    assert_eq!(said(cut).await, "!dns.tcp#ns3.good.test");
    // The zone above names it and the zone itself does not: that is the lesser part of it.
    let stranger = with_stranger().serve("127.2.0.3", "other.test", "@ SOA a b 1 2 3 4 5\n");
    assert_eq!(said(stranger).await, "!dns.lame#ns3.good.test (~dns.parentchild#good.test)");
}

#[tokio::test]
async fn all_dead_is_one_root() {
    let both = |fault: &Fault| Paper::small().fault("127.2.0.1", fault.clone()).fault("127.2.0.2", fault.clone());
    for (fault, id) in [(Fault::Says(5), "lame"), (Fault::Silent, "unreach")] {
        let (_, say) = look(&both(&fault).ctx(), "good.test").await;
        let want = format!("!dns.walk#good.test (!dns.{id}#ns1.good.test) (!dns.{id}#ns2.good.test)");
        assert_eq!(told(&say), want);
        assert_eq!((say.findings()[0].sending, say.findings()[0].receiving), (Impact::Broken, Impact::Broken));
    }
    let (_, say) = look(&both(&Fault::Unreachable).ctx(), "good.test").await;
    assert_eq!((told(&say).as_str(), say.state_of("dns.walk")), ("", Some(State::Untested)));
    // Our own way out is broken: nothing is said of the domain.
    let (_, say) = look(&Paper::small().fault("127.2.0.250", Fault::Silent).ctx(), "good.test").await;
    assert_eq!((told(&say).as_str(), say.state_of("dns.walk")), ("", Some(State::Untested)));
    let (_, say) = look(&Paper::small().fault("127.2.0.251", Fault::Silent).ctx(), "good.test").await;
    assert_eq!((told(&say).as_str(), say.state_of("dns.walk")), ("", Some(State::Untested)));
    let (_, say) = look(&Paper::small().ctx(), "nowhere.test").await;
    assert_eq!(told(&say), "!dns.walk#nowhere.test");
    let (_, say) = look(&Paper::small().ctx(), "sub.good.test").await;
    assert_eq!(told(&say), "!dns.walk#sub.good.test");
}

#[tokio::test]
async fn copies_that_differ() {
    let older = |good: &str| good.replace("2026112701", "2026112603");
    let table: Vec<(&str, Paper, &str)> = vec![
        ("old serial", one_copy(older), "~dns.serial#good.test"),
        (
            "MX",
            one_copy(|good| older(good).replace("10 mx1", "10 old")),
            "!dns.rrsame#good.test (~dns.serial#good.test)",
        ),
        ("MX, same serial", one_copy(|good| good.replace("10 mx1", "10 mx9")), "!dns.rrsame#good.test"),
        ("address", one_copy(|good| good.replace("127.3.0.1", "127.3.0.9")), "!dns.rrsame#good.test"),
        ("SPF", one_copy(|good| good.replace("mx -all", "a -all")), "!dns.rrsame#good.test"),
        ("DMARC gone", one_copy(|good| good.replace("_dmarc", "_dmark")), "!dns.rrsame#good.test"),
        (
            "two providers",
            one_copy(|good| good.replace("SOA ns1 hostmaster 2026112701", "SOA ns.else.test. x 7")),
            "-dns.serial#good.test",
        ),
        (
            "DMARC fails at one",
            Paper::small().fault("127.2.0.1", Fault::SaysOf(2, "_dmarc.good.test")),
            "~dns.rcode#_dmarc.good.test",
        ),
        (
            "DMARC fails at all",
            Paper::small()
                .fault("127.2.0.1", Fault::SaysOf(2, "_dmarc.good.test"))
                .fault("127.2.0.2", Fault::SaysOf(2, "_dmarc.good.test")),
            "!dns.rcode#_dmarc.good.test",
        ),
    ];
    for (what, paper, want) in table {
        assert_eq!(said(paper).await, want, "{what}");
    }
    let (_, say) = look(&one_copy(|good| older(good).replace("10 mx1", "10 old")).ctx(), "good.test").await;
    let finding = &say.findings()[0];
    assert_eq!((finding.sending, finding.receiving), (Impact::None, Impact::Broken));
    let odd: Vec<&str> =
        finding.evidence.iter().map(|seen| seen.text.as_str()).filter(|text| text.contains("<-")).collect();
    let want = "serial 2026112603  good.test MX  10 old.good.test, 20 mx2.good.test  TTL 60 min  <- old";
    assert_eq!(odd, [want]);
    assert_eq!(
        finding.then,
        "after that, old answers can live in caches for 60 min more: now until 2026-11-27T13:00:00Z"
    );
}

#[tokio::test]
async fn what_stands_in_the_zone() {
    let table: Vec<(&str, Paper, &str)> = vec![
        ("TTL 0", both_copies(|good| good.replace("@ 3600 MX", "@ 0 MX")), "-dns.ttl#good.test"),
        ("a week", both_copies(|good| good.replace("@ 3600 MX", "@ 604800 MX")), "-dns.ttl#good.test"),
        ("expires at once", both_copies(|good| good.replace("1209600", "3600")), "-dns.soa#good.test"),
        ("alias at the apex", both_copies(|good| format!("{good}@ CNAME web.else.test.\n")), "!dns.cname#good.test"),
        (
            "alias beside",
            both_copies(|good| format!("{good}_dmarc CNAME d.else.test.\n")),
            "!dns.cname#_dmarc.good.test",
        ),
        (
            "wildcard text",
            both_copies(|good| format!("{}* TXT \"hello\"\n", good.replace("_dmarc", "x"))),
            "~dns.wild#good.test",
        ),
        (
            "a name server more",
            both_copies(|good| format!("{good}@ 3600 NS ns4\nns4 A 127.2.0.4\n")).serve(
                "127.2.0.4",
                "good.test",
                &format!("{GOOD}@ 3600 NS ns4\nns4 A 127.2.0.4\n"),
            ),
            "~dns.parentchild#good.test",
        ),
        (
            "old glue",
            Paper::small().serve("127.2.0.251", "test", &TEST.replace("ns2.good A 127.2.0.2", "ns2.good A 127.2.0.77")),
            "!dns.parentchild#good.test",
        ),
        (
            "a single server",
            Paper::small()
                .serve(
                    "127.2.0.251",
                    "test",
                    &TEST.replace("good NS ns2.good\n", "").replace("ns2.good A 127.2.0.2\n", ""),
                )
                .serve("127.2.0.1", "good.test", &GOOD.replace("@ 3600 NS ns2\n", "")),
            "-dns.diversity#good.test",
        ),
        (
            "a server without address",
            Paper::small().serve("127.2.0.251", "test", &format!("{TEST}good NS ns7.good\n")).serve(
                "127.2.0.1 127.2.0.2",
                "good.test",
                &format!("{GOOD}@ 3600 NS ns7\n"),
            ),
            "!dns.unreach#ns7.good.test",
        ),
    ];
    for (what, paper, want) in table {
        assert_eq!(said(paper).await, want, "{what}");
    }
}

#[tokio::test]
async fn signatures_and_keys() {
    let usual = Signing::default;
    let day = 86_400;
    let table: Vec<(&str, Signing, &str)> = vec![
        ("wrong DS", Signing { wrong_ds: true, ..usual() }, "!dns.sec#good.test"),
        ("wrong digest", Signing { wrong_digest: true, ..usual() }, "!dns.sec#good.test"),
        ("unsigned", Signing { unsigned: true, ..usual() }, "!dns.sec#good.test"),
        ("expired", Signing { until: -60, ..usual() }, "!dns.sec#good.test (!dns.sig#good.test)"),
        ("future", Signing { from: 3600, ..usual() }, "!dns.sec#good.test (!dns.sig#good.test)"),
        (
            "one set without",
            Signing { bare: &["good.test MX"], ..usual() },
            "!dns.sec#good.test (!dns.sig#ns1.good.test) (!dns.sig#ns2.good.test)",
        ),
        ("ends soon", Signing { from: -28 * day, until: 2 * day, ..usual() }, "~dns.sig#good.test"),
        ("signed for each answer", Signing { from: -day, until: day, ..usual() }, "-dns.sig#good.test"),
    ];
    for (what, signing, want) in table {
        assert_eq!(said(Paper::small().signed().sign("good.test", signing)).await, want, "{what}");
    }
    let late = Signing { until: -60, ..usual() };
    assert_eq!(said(Paper::small().signed().sign_at("127.2.0.2", "good.test", late)).await, "!dns.sig#ns2.good.test");
    let (_, say) = look(&Paper::small().signed().ctx(), "good.test").await;
    assert_eq!(say.checked.iter().find(|checked| checked.id == "dns.sec").unwrap().why, "proved: . > test > good.test");
}

#[tokio::test]
async fn a_wrong_ds_is_mended_at_the_registrar() {
    let paper = Paper::small().signed().sign("good.test", Signing { wrong_ds: true, ..Signing::default() });
    let (_, say) = look(&paper.ctx(), "good.test").await;
    let finding = &say.findings()[0];
    assert_eq!(finding.act, crate::finding::Actor::You);
    let ops: Vec<&str> = finding.fix.dns.iter().map(|change| change.op).collect();
    assert_eq!(ops, ["remove", "add"]);
}

#[tokio::test]
async fn an_unsigned_zone_costs_nothing() {
    let paper = std::sync::Arc::new(Paper::small());
    let settings = paper.settings();
    let tls = postrider_transport::tls::client::ClientTls::new(None).unwrap();
    let ctx = Ctx::new(paper.clone(), std::sync::Arc::new(tls), crate::net::paper::NOW, settings);
    let zone = survey::survey(&ctx.names, "good.test", &[]).await;
    let before = paper.asked().len();
    gather_security(&ctx, &zone, &["mx1.good.test".into()]).await;
    assert_eq!(paper.asked().len(), before);
}

#[tokio::test]
async fn what_resolvers_say() {
    let resolver = "127.5.0.1";
    let with = |text: &str| {
        let paper = Paper::small().serve(resolver, "good.test", text).serve(resolver, "test", "@ SOA a b 1 2 3 4 5\n");
        let mut settings: Settings = paper.settings();
        settings.sources.resolvers = vec![format!("{resolver}:53").parse().unwrap()];
        (paper, settings)
    };
    for (text, want) in [
        (GOOD.to_owned(), ""),
        (format!("{GOOD}* A 127.66.0.1\n"), "~dns.split#127.5.0.1"),
        (GOOD.replace("127.3.0.1", "10.1.1.1"), "~dns.split#good.test"),
    ] {
        let (paper, settings) = with(&text);
        let (_, say) = look(&paper.ctx_with(settings), "good.test").await;
        assert_eq!(told(&say), want);
    }
    let (paper, settings) = with(&GOOD.replace("10 mx1", "10 old"));
    let (_, say) = look(&paper.fault(resolver, Fault::NoAuthority).ctx_with(settings), "good.test").await;
    assert_eq!(told(&say), "~dns.propag#good.test");
    assert_eq!(say.findings()[0].then, "old answers live until 2026-11-27T13:00:00Z (60 min left)");
}

/// The root is out of reach, and a resolver is there: its word on who the servers are is
/// believed when they answer, and is no reproach to them when they do not.
#[tokio::test]
async fn where_the_root_does_not_answer_the_resolver_names_the_servers() {
    let resolver = "127.5.0.1";
    let paper = |faults: &[&str]| {
        let paper = Paper::small().serve(resolver, "good.test", GOOD).fault("127.2.0.250", Fault::Silent);
        faults.iter().fold(paper, |paper, server| paper.fault(server, Fault::Silent))
    };
    let table: [(&str, &[&str], &str, usize); 3] = [
        ("all serve", &[], "", 2),
        ("one is silent", &["127.2.0.2"], "!dns.unreach#ns2.good.test", 1),
        ("none can be asked", &["127.2.0.1", "127.2.0.2"], "", 0),
    ];
    for (what, faults, want, serving) in table {
        let paper = paper(faults);
        let mut settings: Settings = paper.settings();
        settings.sources.resolvers = vec![format!("{resolver}:53").parse().unwrap()];
        let (facts, say) = look(&paper.ctx_with(settings), "good.test").await;
        assert_eq!((told(&say).as_str(), facts.zone.unwrap().serving().count()), (want, serving), "{what}");
        assert_eq!(say.state_of("dns.walk"), Some(State::Untested), "{what}");
    }
}

#[tokio::test]
async fn the_dates_that_a_zone_carries_are_on_the_timeline() {
    let day = 86_400;
    let signing = Signing { from: -3 * day, until: 20 * day, ..Signing::default() };
    let paper = Paper::small().signed().sign("good.test", signing);
    let (facts, _) = look(&paper.ctx(), "good.test").await;
    let told = crate::history::timeline(&facts, &crate::history::Snapshot::default());
    let told: Vec<(&str, &str)> = told.iter().map(|change| (change.at.as_str(), change.source)).collect();
    assert_eq!(told, [("2026-11-24T12:00:00Z", "signature"), ("2026-11-27T00:00:00Z", "serial")]);
}
