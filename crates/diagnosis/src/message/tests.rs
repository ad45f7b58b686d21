//! Messages signed here by our own signer and then broken in one way each; what is found must
//! name that way.

use super::verify::{Outcome, Why};
use super::*;
use crate::finding::{Finding, Severity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail_auth::common::crypto::{Ed25519Key, SigningKey as _};
use postrider_dns::Zone;
use postrider_mailauth::{KeySettings, Settings, Signer};
use postrider_smtp::Content;
use std::sync::LazyLock;
use std::time::Duration;

const TRACE: &str = "Return-Path: <ann@shop.example>\r\n\
    Received: from mail.shop.example (mail.shop.example [192.0.2.7]) by mx.customer.example (Postfix) with ESMTPS id 1; \
    Fri, 27 Nov 2026 12:00:09 +0000\r\n\
    Received: from pc (pc [10.0.0.2]) by mail.shop.example (Postfix) with ESMTPSA id 2; Fri, 27 Nov 2026 12:00:02 +0000\r\n";
const HEAD: &str = "From: Ann <ann@shop.example>\r\nTo: tom@customer.example\r\nSubject: Your order\r\n\
    Date: Fri, 27 Nov 2026 12:00:00 +0000\r\nMessage-ID: <4711@shop.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\n";
const BODY: &str = "Hello Tom,\r\n\r\nyour order is on its way.\r\n\r\nFrom here on, wait.\r\n\r\nAnn\r\n";
/// Later than any clock that signs here.
const NOW: i64 = 4_102_444_800;

struct House {
    signer: Signer,
    key: Ed25519Key,
    public: String,
}

/// One key for all tests; the file is gone as soon as it was read.
static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let der = Ed25519Key::generate_pkcs8().unwrap();
    let file = std::env::temp_dir().join(format!("postrider-inspect-{}.pem", std::process::id()));
    let label = "PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(&der));
    std::fs::write(&file, pem).unwrap();
    let key = KeySettings { domain: "shop.example".parse().unwrap(), selector: "s1".into(), file: file.clone() };
    let signer = Signer::open(&Settings { keys: vec![key], ..Settings::default() }).unwrap();
    std::fs::remove_file(file).unwrap();
    let key = Ed25519Key::from_pkcs8_der(&der).unwrap();
    let public = STANDARD.encode(key.public_key());
    House { signer, key, public }
});

fn zone() -> String {
    format!(
        "s1._domainkey.shop.example TXT \"v=DKIM1; k=ed25519; p={}\"\n\
         _dmarc.shop.example TXT \"v=DMARC1; p=reject; rua=mailto:d@shop.example\"\n\
         shop.example TXT \"v=spf1 ip4:192.0.2.7 -all\"\n",
        HOUSE.public
    )
}

fn sign(head: &str, body: &str) -> String {
    let message = format!("{head}{body}");
    let signature = HOUSE.signer.sign(&Content::split(Bytes::from(message.clone()))).unwrap();
    format!("{TRACE}{signature}{message}")
}

fn signed() -> String {
    sign(HEAD, BODY)
}

fn facts_of(message: &str, zone: &str, options: Options) -> MessageFacts {
    let facts = read("test.eml", message.as_bytes().to_vec(), options, NOW);
    let zone = Zone::parse(zone).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(gather(&zone, facts, Duration::from_secs(5)))
}

fn judged(message: &str, zone: &str) -> (MessageFacts, Analysis, Vec<Finding>, Seen) {
    let facts = facts_of(message, zone, Options::default());
    let analysis = analyse(&facts);
    let (say, seen) = judge(&facts, &analysis);
    (facts, analysis, say.findings().to_vec(), seen)
}

/// Findings worse than a note, in one line each.
fn told(message: &str, zone: &str) -> Vec<String> {
    let (.., findings, _) = judged(message, zone);
    let worse = findings.iter().filter(|finding| finding.severity > Severity::Note);
    worse.map(|finding| format!("{} {:?} {}", finding.id, finding.severity, finding.title)).collect()
}

#[test]
fn a_good_message_is_good() {
    let (_, analysis, findings, seen) = judged(&signed(), &zone());
    assert_eq!(analysis.signatures[0].outcome, Outcome::Pass, "{analysis:?}");
    assert_eq!(findings, [], "{seen:?}");
    assert_eq!(seen.accept, Acceptance::Yes);
    assert_eq!(seen.answer, "A careful receiver would accept it: shop.example vouches for it.");
    let methods: Vec<_> = seen.methods.iter().map(|seen| (seen.method, seen.result)).collect();
    assert_eq!(methods, [("SPF", "pass"), ("DKIM", "pass"), ("DMARC", "pass")]);
    assert_eq!(seen.took, "under way for 7 s, longest at mail.shop.example before mx.customer.example took it: 7 s");
    // As a file of Unix, and as one of an mbox.
    for text in [signed().replace("\r\n", "\n"), format!("From ann Mon\r\n{}", signed())] {
        assert_eq!(told(&text, &zone()), Vec::<String>::new());
    }
}

/// Without SPF, so that the signature alone must carry it.
fn only_dkim() -> String {
    zone().replace("ip4:192.0.2.7", "ip4:192.0.2.8")
}

#[test]
fn what_was_done_to_the_body_is_named() {
    let parts = "--b\r\nContent-Type: text/plain\r\n\r\nHello Tom\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n";
    let head = HEAD.replace("text/plain; charset=utf-8", "multipart/alternative; boundary=\"b\"");
    let plain = signed();
    let of_parts = sign(&head, parts);
    let replaced = |from: &str, to: &str| {
        assert!(plain.contains(from), "{from}");
        plain.replace(from, to)
    };
    let table: Vec<(&str, String, &str)> = vec![
        (
            "footer",
            format!("{plain}_______\r\nlist mailing list\r\nlist@l.example\r\n"),
            "3 lines were added below the body",
        ),
        ("banner", replaced("Hello Tom,", "CAUTION: from outside\r\n\r\nHello Tom,"), "1 line was put above the body"),
        ("mbox", replaced("\r\nFrom here", "\r\n>From here"), "lines that begin with \"From \" got a \">\""),
        ("line-ends", replaced("on its way.\r\n", "on its way.\n"), "the line ends were changed"),
        ("missing", plain.replace(BODY, ""), "there is no body here"),
        (
            "inside",
            of_parts.replace("Hello Tom\r\n", "Hello Tom\r\n-- \r\nscanned\r\n"),
            "2 lines were added to a part of the body",
        ),
        (
            "part",
            of_parts.replace("--b--", "--b\r\nContent-Type: text/plain\r\n\r\nlist footer\r\n--b--"),
            "a part was added to the body",
        ),
    ];
    for (kind, message, says) in table {
        let (_, analysis, findings, seen) = judged(&message, &only_dkim());
        assert_eq!(analysis.signatures[0].outcome, Outcome::Fail(Why::Body), "{kind}");
        assert_eq!(analysis.changes[0].as_ref().map(|change| change.kind), Some(kind), "{message}");
        let finding = findings.iter().find(|finding| finding.id == "dkim.verify").unwrap();
        assert!(finding.title.contains(says), "{kind}: {}", finding.title);
        assert_eq!(finding.severity, Severity::Problem, "{kind}");
        assert_eq!(seen.accept, Acceptance::No, "{kind}");
        // The failure of DMARC is its consequence.
        let dmarc = findings.iter().find(|finding| finding.id == "dmarc.align").unwrap();
        assert_eq!(dmarc.because_of[0], "dkim.verify#s1._domainkey.shop.example");
    }
}

#[test]
fn a_list_does_both() {
    let message = format!("{}_______\r\nlist\r\n", signed().replace("Subject: ", "Subject: [list] "));
    let (_, analysis, findings, _) = judged(&message, &only_dkim());
    assert_eq!(analysis.signatures[0].header, Some(false));
    let finding = findings.iter().find(|finding| finding.id == "dkim.verify").unwrap();
    let says = "2 lines were added below the body, and \"[list]\" was put before the subject";
    assert!(finding.title.ends_with(says), "{}", finding.title);
    // Without a DMARC record, SPF that passes is enough.
    let zone = zone().replace("_dmarc", "_nothing");
    let (.., findings, seen) = judged(&message, &zone);
    assert_eq!((findings[0].severity, seen.accept), (Severity::Warning, Acceptance::Yes));
}

#[test]
fn a_change_in_the_middle_is_told_as_such() {
    let message = signed().replace("on its way", "cancelled");
    let (_, analysis, findings, _) = judged(&message, &only_dkim());
    assert_eq!((analysis.signatures[0].header, &analysis.changes[0]), (Some(true), &None));
    let finding = findings.iter().find(|finding| finding.id == "dkim.verify").unwrap();
    assert!(finding.title.ends_with("the body was changed"), "{}", finding.title);
    assert!(finding.meaning[0].contains("only the body was changed"), "{:?}", finding.meaning);
    // With SPF that passes, the message is carried all the same.
    let lines = told(&message, &zone());
    assert_eq!(lines, ["dkim.verify Warning the DKIM signature of shop.example does not hold: the body was changed"]);
}

#[test]
fn what_was_done_to_the_header_is_named() {
    let plain = signed();
    let table = [
        ("subject", plain.replace("Subject: Your", "Subject: [list] Your"), "\"[list]\" was put before the subject"),
        ("subject", plain.replace("Subject: Your", "Subject: ***SPAM*** Your"), "\"***SPAM***\" was put before"),
        (
            "from",
            plain.replace(
                "From: Ann <ann@shop.example>",
                "From: Ann via l <l@l.example>\r\nReply-To: Ann <ann@shop.example>",
            ),
            "From was rewritten",
        ),
        ("added", plain.replace("To: tom", "To: tim@customer.example\r\nTo: tom"), ""),
        ("field", plain.replace("From: Ann <", "From: \"Ann\" <"), "From was written anew: quotation marks were added"),
    ];
    for (kind, message, says) in table {
        let (_, analysis, findings, _) = judged(&message, &only_dkim());
        if kind == "added" {
            // Signed is the lowest To, which is still there.
            assert_eq!(analysis.signatures[0].outcome, Outcome::Pass);
            continue;
        }
        assert_eq!(analysis.signatures[0].outcome, Outcome::Fail(Why::Header), "{kind}");
        assert_eq!(analysis.changes[0].as_ref().map(|change| change.kind), Some(kind), "{message}");
        let finding = findings.iter().find(|finding| finding.id == "dkim.verify").unwrap();
        assert!(finding.title.contains(says), "{kind}: {}", finding.title);
    }
    let second = plain.replace("From: Ann", "From: Eve <eve@evil.example>\r\nFrom: Ann");
    let (_, analysis, findings, seen) = judged(&second, &only_dkim());
    assert_eq!(analysis.changes[0].as_ref().map(|change| change.what.as_str()), Some("From was added after signing"));
    assert!(findings.iter().any(|finding| finding.title == "2 From fields, and one may be there"));
    assert_eq!(seen.accept, Acceptance::No);
}

#[test]
fn what_is_wrong_with_the_key_is_named() {
    let other = Ed25519Key::from_pkcs8_der(&Ed25519Key::generate_pkcs8().unwrap()).unwrap();
    let other = STANDARD.encode(other.public_key());
    let key = format!("\"v=DKIM1; k=ed25519; p={}\"", HOUSE.public);
    let table = [
        (only_dkim().replace("s1._domainkey", "s2._domainkey"), "there is no key"),
        (only_dkim().replace(&key, "\"v=DKIM1; p=\""), "the key was withdrawn"),
        (only_dkim().replace(&key, "\"v=DKIM1; k=ed25519; p=AAAA\""), "the key is of no use"),
        (only_dkim().replace("k=ed25519", "k=rsa"), "the key is of no use"),
        (only_dkim().replace(&HOUSE.public, &other), "a signed field was changed, or the key is another one"),
    ];
    for (zone, says) in table {
        let (.., findings, _) = judged(&signed(), &zone);
        let finding = findings.iter().find(|finding| finding.id == "dkim.verify").unwrap();
        assert!(finding.title.contains(says), "{}", finding.title);
        assert_eq!(finding.severity, Severity::Problem);
    }
    let (_, analysis, findings, seen) =
        judged(&signed(), &format!("{}s1._domainkey.shop.example TIMEOUT\n", only_dkim()));
    assert!(matches!(analysis.signatures[0].outcome, Outcome::Unknown(_)), "{analysis:?}");
    assert!(!findings.iter().any(|finding| finding.id == "dkim.verify" || finding.id == "dmarc.align"), "{findings:?}");
    assert_eq!(seen.accept, Acceptance::Unknown);
}

/// Seals a message as a list would that signs with the key of these tests.
fn sealed(message: &str, number: usize) -> String {
    let tag = |octets: &[u8]| STANDARD.encode(HOUSE.key.sign(octets).unwrap());
    let read = Message::read(message.as_bytes().to_vec());
    let hash = STANDARD.encode(canon::body(read.body(), Form::Relaxed, canon::Ends::Crlf, None).0);
    let chain = if number == 1 { "none" } else { "pass" };
    let results = format!("ARC-Authentication-Results: i={number}; shop.example; dkim=pass header.d=shop.example\r\n");
    let open = format!(
        "ARC-Message-Signature: i={number}; a=ed25519-sha256; c=relaxed/relaxed; d=shop.example; s=s1; h=from:subject; bh={hash}; b="
    );
    let with_open = Message::read(format!("{open}AAAA\r\n{message}").into_bytes());
    let signature = signature::read(0, signature::Kind::ArcMessage, &with_open.value(0)).unwrap();
    let octets = verify::signed_octets(&with_open, &signature, Form::Relaxed, &verify::Edits::new());
    let signature = format!("{open}{}\r\n", tag(&octets));
    let open = format!("ARC-Seal: i={number}; a=ed25519-sha256; cv={chain}; d=shop.example; s=s1; b=");
    let unsigned = format!("{open}AAAA\r\n{signature}{results}{message}");
    let unsigned = Message::read(unsigned.into_bytes());
    let octets = arc::sealed(&unsigned, &arc::read(&unsigned).sets);
    format!("{open}{}\r\n{signature}{results}{message}", tag(&octets))
}

#[test]
fn a_house_of_two_names() {
    let trace = "Received: from F1.prod.outlook.com (2603:10a6::1) by S1.prod.outlook.com (2603:10a6::2) with Microsoft SMTP Server id 1; Fri, 27 Nov 2026 12:00:12 +0000\r\n\
        Received: from E1.prod.outlook.com (2603:10a6::5c) by F1.outlook.office365.com (2603:10a6::7) with Microsoft SMTP Server id 2; Fri, 27 Nov 2026 12:00:11 +0000\r\n\
        Authentication-Results: spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=shop.example; dmarc=pass header.from=shop.example\r\n\
        Received: from mail.shop.example (192.0.2.7) by E1.mail.protection.outlook.com (10.1.2.3) with Microsoft SMTP Server id 3; Fri, 27 Nov 2026 12:00:10 +0000\r\n";
    let facts = facts_of(
        &signed().replace("Received: from mail.shop", &format!("{trace}X: from mail.shop")),
        &zone(),
        Options::default(),
    );
    assert_eq!(facts.envelope.ip, "192.0.2.7".parse().ok());
    assert_eq!(facts.claims.iter().map(|claim| claim.trusted).collect::<Vec<_>>(), [true]);
    // Fetched from a mailbox, the house goes on at the provider.
    let fetched = "Received: from pop.customer.example [198.51.100.3] by localhost with POP3 (fetchmail); Fri, 27 Nov 2026 12:01:10 +0000\r\n";
    let facts = facts_of(&format!("{fetched}{}", signed()), &zone(), Options::default());
    assert_eq!(facts.envelope.ip, "192.0.2.7".parse().ok());
    // A client that borrows the house's name is a stranger all the same.
    let borrowed =
        signed().replace("mail.shop.example (mail.shop.example [192.0.2.7])", "mx.customer.example ([192.0.2.66])");
    let facts = facts_of(&borrowed, &zone(), Options::default());
    assert_eq!(facts.envelope.ip, "192.0.2.66".parse().ok());
}

#[test]
fn the_chain_of_forwarders() {
    let changed = signed().replace(TRACE, "").replace("Subject: ", "Subject: [list] ");
    let chain = |message: &str| {
        let (_, analysis, _, seen) = judged(message, &only_dkim());
        (analysis.arc.chain, seen.accept)
    };
    let once = sealed(&changed, 1);
    assert_eq!(chain(&once).0, Chain::Pass);
    let twice = sealed(&once, 2);
    assert_eq!(chain(&format!("{TRACE}{twice}")), (Chain::Pass, Acceptance::Doubtful));
    let table = [
        (twice.replace("on its way", "cancelled"), "the body was changed after shop.example sealed it"),
        (twice.replace("[list]", "[other]"), "the header was changed after shop.example sealed it"),
        (
            twice.replace("i=1; shop.example; dkim=pass", "i=1; shop.example; dkim=fail"),
            "seal 2 of shop.example does not hold",
        ),
        (twice.replace("cv=pass", "cv=fail"), "shop.example found the chain broken already, and sealed that"),
        (twice.replace("cv=none", "cv=pass"), "seal 1 has cv=pass, and none belongs there"),
        (twice.replace("ARC-Seal: i=1", "ARC-Seal: i=3"), "the numbers of the arc-seal fields do not go from 1 to 2"),
        (once.replace("ARC-Auth", "X-Auth"), "one of the arc-authentication-results fields is missing"),
    ];
    for (message, says) in table {
        assert_eq!(chain(&message).0, Chain::Fail(says.into()), "{message}");
    }
}

#[test]
fn what_the_receiver_found_counts() {
    let message = signed().replace("on its way", "cancelled").replace(
        "Received: from mail",
        "Authentication-Results: mx.customer.example; dkim=pass header.d=shop.example; dmarc=pass header.from=shop.example\r\nReceived: from mail",
    );
    assert_eq!(
        told(&message, &only_dkim()),
        ["msg.verify Problem SPF fails: shop.example says that 192.0.2.7 may not send for it"]
    );
    let (.., seen) = judged(&message, &only_dkim());
    assert_eq!(seen.accept, Acceptance::Yes);
}

#[test]
fn others_that_vouch_are_not_aligned() {
    let message = signed().replace("From: Ann <ann@shop.example>", "From: Ann <ann@other.example>");
    let zone = format!("{}_dmarc.other.example TXT \"v=DMARC1; p=quarantine\"\n", zone());
    let (.., findings, seen) = judged(&message, &zone);
    let finding = findings.iter().find(|finding| finding.id == "dmarc.align").unwrap();
    assert_eq!(
        finding.title,
        "DMARC fails for other.example: SPF passes only for shop.example; it asks for quarantine"
    );
    assert_eq!(seen.accept, Acceptance::Doubtful);
}

#[test]
fn offline_nothing_is_claimed() {
    let options = Options { offline: true, ..Options::default() };
    let facts = facts_of(&signed(), "", options.clone());
    let analysis = analyse(&facts);
    let (say, seen) = judge(&facts, &analysis);
    assert_eq!((say.findings(), seen.accept), (&[][..], Acceptance::Unknown));
    // That the body was changed is proven without a key.
    let facts = facts_of(&format!("{}footer\r\n", signed()), "", options);
    let analysis = analyse(&facts);
    assert_eq!(analysis.changes[0].as_ref().map(|change| change.kind), Some("footer"));
}

#[test]
fn a_slow_hop_is_named() {
    let message = signed().replace("12:00:09 +0000", "14:00:09 +0000");
    assert_eq!(
        told(&message, &zone()),
        ["msg.hops Warning it waited 2 h at mail.shop.example before mx.customer.example took it"]
    );
    let (.., findings, _) = judged(&signed().replace("12:00:09 +0000", "12:12:09 +0000"), &zone());
    assert_eq!(findings[0].severity, Severity::Note);
    let (.., findings, seen) = judged(&signed().replace("12:00:09 +0000", "11:50:09 +0000"), &zone());
    assert_eq!(findings[0].title, "the clocks of mail.shop.example and mx.customer.example differ by 10 min at least");
    assert!(seen.took.contains("contradict"), "{}", seen.took);
}

#[test]
fn faults_of_the_message_itself() {
    let plain = format!("{HEAD}{BODY}");
    let table = [
        (plain.replace("Date: ", "X-Date: "), "there is no Date field, which every message must have"),
        (plain.replace("Fri, 27 Nov 2026 12:00:00 +0000", "yesterday"), "the Date field cannot be read"),
        (plain.replace("27 Nov 2026", "27 Dec 2026"), "the Date is 30 days ahead"),
        (plain.replace("Message-ID", "X-ID"), "there is no Message-ID"),
        (plain.replace("To: tom", "Subject: again\r\nTo: tom"), "2 Subject fields, and one may be there"),
        (plain.replace("From: Ann <ann@shop.example>", "From: Ann"), "there is no address in From"),
        (plain.replace("From:", "X-From:"), "there is no From field"),
        (plain.replace("<ann@shop.example>", "<ann@shop.example>, tim@shop.example"), "2 authors in From"),
        (plain.replace("wait.", &"x".repeat(1200)), "a line has 1214 octets, and 998 is the most"),
        (plain.replace("wait.\r\n", "wait.\n"), "line ends are mixed"),
        (plain.replace("wait.", "\0"), "1 NUL octets"),
        (plain.replace("Subject: Your", "Subject: Größe"), "Subject has letters beyond ASCII"),
        (plain.replace("text/plain; charset=utf-8", "multipart/mixed"), "Content-Type says that there are parts"),
        (plain.replace("text/plain; charset=utf-8", "multipart/mixed; boundary=x"), "is nowhere in the body"),
        (plain.replace("MIME-Version: 1.0", "Content-Transfer-Encoding: 9bit"), "which no program knows"),
        (plain.replace("To: tom", "no field\r\nTo: tom"), "a line among the fields is no field"),
        (
            plain.replace(
                "To: tom",
                "List-Unsubscribe: <mailto:a@b>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nTo: tom",
            ),
            "no https address",
        ),
        (
            plain.replace(
                "To: tom",
                "List-Unsubscribe: <https://a/b>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nTo: tom",
            ),
            "no DKIM signature covers List-Unsubscribe",
        ),
    ];
    for (message, says) in table {
        let (.., findings, _) = judged(&format!("{TRACE}{message}"), &zone());
        let lint: Vec<_> =
            findings.iter().filter(|finding| finding.id == "msg.lint").map(|f| f.title.as_str()).collect();
        assert!(lint.iter().any(|title| title.contains(says)), "{says}: {lint:?}");
    }
    let head = HEAD.replace(
        "To: tom",
        "List-Unsubscribe: <https://a.example/b>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nTo: tom",
    );
    assert_eq!(told(&sign(&head, BODY), &zone()), Vec::<String>::new());
}

#[test]
fn octets_of_all_kinds_are_survived() {
    for text in [
        "",
        "\r\n",
        "\0\0",
        "From",
        "DKIM-Signature: v=1; a=rsa-sha256; h=from; bh=; b=; d=; s=\r\n\r\n",
        "ARC-Seal: i=0",
    ] {
        let (.., seen) = judged(text, "");
        assert!(!seen.answer.is_empty(), "{text:?}");
    }
    // Every end of a good message.
    let whole = signed();
    for end in (0..whole.len()).step_by(37) {
        let (.., seen) = judged(&whole[..end], &zone());
        assert!(!seen.answer.is_empty());
    }
}

#[test]
fn what_is_weak_is_told() {
    // Made as by another signer: with l=, without a second From in h=, and without Subject.
    let body = "Hello\r\n";
    let read = Message::read(format!("{HEAD}{body}").into_bytes());
    let hash = STANDARD.encode(canon::body(read.body(), Form::Simple, canon::Ends::Crlf, None).0);
    let open = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple; d=shop.example; s=s1; l=7; h=from:to:date; bh={hash}; b="
    );
    let whole = Message::read(format!("{open}AAAA\r\n{HEAD}{body}").into_bytes());
    let signature = signature::read(0, signature::Kind::Dkim, &whole.value(0)).unwrap();
    let octets = verify::signed_octets(&whole, &signature, Form::Relaxed, &verify::Edits::new());
    let tag = STANDARD.encode(HOUSE.key.sign(octets.as_slice()).unwrap());
    let message = format!("{TRACE}{open}{tag}\r\n{HEAD}{body}Buy this\r\n");
    let (_, analysis, findings, _) = judged(&message, &zone());
    assert_eq!(analysis.signatures[0].outcome, Outcome::Pass);
    let weak: Vec<_> = findings.iter().filter(|finding| finding.id == "dkim.risk").collect();
    let titles: Vec<_> = weak.iter().map(|finding| finding.title.as_str()).collect();
    let want = [
        "the DKIM signature of shop.example covers only 7 octets of the body (l=)",
        "a second From could be added without breaking the signature",
        "Subject is not signed: anybody on the way may change it",
    ];
    assert_eq!(titles, want);
    assert_eq!(weak[0].meaning[0], "10 octets below are not signed: somebody may have added them.");
}

#[test]
fn great_bodies_are_handled_within_bounds() {
    let parts = format!("--b\r\n\r\n{}", "x\r\n".repeat(60_000)) + &"--b\r\n\r\nx\r\n".repeat(150) + "--b--\r\n";
    let head = HEAD.replace("text/plain; charset=utf-8", "multipart/mixed; boundary=b");
    let message = sign(&head, &parts).replace("x\r\n--b--", "y\r\n--b--");
    let (_, analysis, ..) = judged(&message, &only_dkim());
    assert_eq!((&analysis.signatures[0].outcome, &analysis.changes[0]), (&Outcome::Fail(Why::Body), &None));
}
