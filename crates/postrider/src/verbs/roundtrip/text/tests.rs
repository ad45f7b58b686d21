//! Whole reports.

use super::*;
use postrider_diagnosis::trip::{
    Authentication, Facts, Place, PlaceKind, SCHEMA, Stage, Stop, Taken, exit_code, judge,
};
use postrider_reply::{Context, Decoder};
use postrider_smtp::Said;

fn facts() -> Facts {
    let step = |what: &str, ms| Step { what: what.into(), ms };
    let hop = |by: &str, after_s| Hop {
        from: None,
        by: Some(by.into()),
        with: Some("ESMTPS".into()),
        at: Some(0),
        after_s: Some(after_s),
    };
    let taken = Taken {
        host: "smtp.x.test".into(),
        reply: "250 2.0.0 queued".into(),
        steps: vec![step("connect to smtp.x.test:465", 12), step("mail taken", 30)],
        in_doubt: false,
    };
    let arrived = Arrived {
        place: Place { kind: PlaceKind::Inbox, folder: "INBOX".into() },
        after_ms: 412,
        hops: vec![hop("smtp.x.test", 0), hop("mx.y.test", -40)],
        authentication: Some(Authentication {
            by: "mx.y.test".into(),
            spf: Some("pass".into()),
            dkim: None,
            dmarc: Some("none".into()),
        }),
    };
    let said = "535 5.7.8 authentication failed";
    let stop = Stop {
        stage: Stage::Login,
        host: Some("smtp.y.test:587".into()),
        said: said.into(),
        means: Some(Decoder::new().explain(&Said::parse(said), &Context::default())),
        named: true,
        wrong_mode: false,
        steps: Vec::new(),
    };
    let mailbox = |address: &str, trouble: Option<&str>| Mailbox {
        address: address.into(),
        host: Some("imap.x.test:993".into()),
        trouble: trouble.map(str::to_owned),
        login_refused: false,
        full: false,
        steps: vec![step("log in", 7)],
    };
    Facts {
        a: "a@x.test".into(),
        b: "b@y.test".into(),
        mailboxes: vec![mailbox("a@x.test", None), mailbox("b@y.test", Some("it\u{1b}[2J hung up"))],
        out: Leg::Arrived { taken, arrived },
        back: Leg::NotTaken(stop),
        one_way: false,
        left_behind: vec!["1 in the mailbox of b@y.test".into()],
        took_ms: 900,
    }
}

fn shown(facts: Facts) -> String {
    let verdict = judge(&facts);
    let report = Report { schema: SCHEMA, at: 0, verdict, facts };
    render(&report, Look { colour: false, columns: 80 })
}

#[test]
fn the_answer_comes_first_and_the_way_has_its_times() {
    let text = shown(facts());
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(
        lines[0].starts_with("  a@x.test    SENDING works: mail from a@x.test to b@y.test arrives after 0.412"),
        "{text}"
    );
    assert_eq!(lines[1].trim(), "s");
    assert!(
        lines[2].starts_with("              RECEIVING could not be tested: b@y.test cannot hand mail in"),
        "{text}"
    );
    assert!(text.contains("who must act: the owner of b@y.test: settings, password or mailbox\n"), "{text}");
    assert!(text.contains("  1 Check user name (--to-user)"), "{text}");
    for row in [
        "      connect to smtp.x.test:465               12 ms",
        "      smtp.x.test (ESMTPS)                      +0 s",
        "      mx.y.test (ESMTPS)            clock 40 s behind",
        "      seen in INBOX                           412 ms",
        "      mx.y.test found spf=pass dmarc=none",
        "  a@x.test → b@y.test  arrived in INBOX",
        "  b@y.test → a@x.test  not taken",
        "  mailbox of a@x.test  open at imap.x.test:993 after 7 ms",
        "  Not removed: 1 in the mailbox of b@y.test",
    ] {
        assert!(lines.iter().any(|line| line.split_whitespace().eq(row.split_whitespace())), "{row}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "peers' control characters reach no terminal");
    assert!(lines.iter().all(|line| cells(line) <= 80), "{text}");
}

#[test]
fn one_way_says_nothing_of_the_other() {
    let mut one = facts();
    one.one_way = true;
    let exit = exit_code(&one, &judge(&one));
    let text = shown(one);
    assert_eq!(exit, 0);
    assert!(!text.contains("RECEIVING") && !text.contains("b@y.test → a@x.test"), "{text}");
}
