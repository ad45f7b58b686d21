//! Whole mails, each with what must be read from it in its own first fields:
//! `X-Expect: kind format <message-id>`, then one line for each recipient, in order:
//! `X-Expect-Recipient: address action status phase host words`, `-` for what is not told.

use postrider_report::{Kind, Report, Reported, read};
use std::fmt::Write as _;
use std::path::Path;

/// A report as its mail would expect it.
fn shown(report: &Report) -> String {
    let id = report.original.message_id.as_ref().map_or("-".to_owned(), |id| format!("<{id}>"));
    let mut text = format!("X-Expect: {} {} {id}\n", report.kind, report.format);
    for one in &report.recipients {
        let Reported { recipient, action, status, phase, host, said, .. } = one;
        let or_dash = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
        let action = or_dash(action.map(|it| it.to_string()));
        let status = or_dash(status.map(|it| it.to_string()));
        let phase = or_dash(one.quoted().phase.or(*phase).map(|it| it.name().to_owned()));
        let host = or_dash(host.clone());
        let line = format!("X-Expect-Recipient: {recipient} {action} {status} {phase} {host} {said}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn every_mail_is_read_as_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let mut names: Vec<_> =
        folder.read_dir().expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    assert!(names.len() > 10);
    let mut wrong = String::new();
    for name in names {
        let mail = std::fs::read_to_string(&name).expect("a mail");
        let expected: String =
            mail.lines().take_while(|line| line.starts_with("X-Expect")).map(|line| format!("{line}\n")).collect();
        for (ends, mail) in [("\n", mail.clone()), ("\r\n", mail.replace('\n', "\r\n"))] {
            let found = shown(&read(mail.as_bytes()));
            if found != expected {
                writeln!(wrong, "{} ({ends:?})\n{expected}is read as\n{found}", name.display()).expect("writing");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A bounce cut anywhere is read without a panic, and once its status is there, as a bounce.
#[test]
fn half_a_mail_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails/postfix-status.eml");
    let mail = std::fs::read(path).expect("the mail");
    let status = mail.windows(12).rposition(|it| it == b"Status: 4.4.").expect("a status");
    for end in 0..mail.len() {
        let report = read(&mail[..end]);
        if end > status {
            assert_eq!(report.kind, Kind::Bounce, "cut at {end}");
        }
    }
}

#[test]
fn multiparts_may_nest_a_thousand_deep() {
    let mut mail = String::from("From: mailer-daemon@mail.example.com\nContent-Type: multipart/mixed; boundary=b0\n\n");
    for depth in 0..1000 {
        write!(mail, "--b{depth}\nContent-Type: multipart/mixed; boundary=b{}\n\n", depth + 1).expect("writing");
    }
    mail.push_str(
        "--b1000\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; tom@example.net\nAction: failed\n",
    );
    let report = read(mail.as_bytes());
    assert_eq!((report.kind, report.recipients[0].recipient.as_str()), (Kind::Bounce, "tom@example.net"));
}

/// Whatever is repeated a hundred thousand times, the time stays linear: were it not, this would
/// take minutes.
#[test]
fn what_is_repeated_costs_no_more_than_its_length() {
    let list = "Your message could not be delivered to the following recipients:\n\n";
    let html = "Content-Type: text/html\n\n";
    let parts = "Content-Type: multipart/mixed; boundary=y\n\n";
    for (start, piece) in [
        (list, "x"),
        (list, "a@"),
        (list, "a@b.c "),
        (list, "a@b.c\n"),
        (list, "(a@b.c\n"),
        (list, "reason:\n"),
        (html, "<"),
        (html, "mailto:"),
        (html, "<a href=mailto:a@b.c>x"),
        (html, "<td>a@b.c"),
        (parts, "--x\n"),
        (parts, "--x\ncontent-type: text/plain\n"),
        ("Content-Type: message/delivery-status\n\n", "Final-Recipient: rfc822; a@b.c\nAction: failed\n\n"),
    ] {
        let body = if start == list { format!("\n{list}") } else { start.to_owned() };
        let mail = format!("From: MAILER-DAEMON@x.example\nSubject: Undelivered\n{body}{}", piece.repeat(100_000));
        assert_eq!(read(mail.as_bytes()).kind, Kind::Bounce, "{piece:?}");
    }
}

#[test]
fn what_is_no_mail_is_no_report() {
    for bytes in [
        &b""[..],
        b"\n",
        b"\0\0\0\0",
        b":",
        b"=?=?=?",
        &[0xFF; 5000],
        b"--\n--\n--",
        b"From: <",
        "\u{1F600}@\u{1F600}".as_bytes(),
    ] {
        assert_eq!(read(bytes).kind, Kind::NotAReport, "{bytes:?}");
    }
}
