//! `postrider probe` against scripted hosts: what is shown, and how it ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's")]

use postrider_testkit::Peer;
use std::io::Write as _;
use std::process::{Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_postrider");

/// Runs a probe with that standard input; gives exit code and output.
async fn probe(peer: &Peer, arguments: &[&str], input: &str) -> (i32, String) {
    let target = peer.address().to_string();
    let arguments: Vec<String> = ["probe", &target, "--ehlo", "me.example"]
        .into_iter()
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect();
    let input = input.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(BINARY)
            .env_clear()
            .env("PROBE_PASSWORD", "pencil")
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = done.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

struct Case {
    script: &'static str,
    arguments: &'static [&'static str],
    input: &'static str,
    code: i32,
    /// All of these are shown.
    shown: &'static [&'static str],
}

const CASES: [Case; 11] = [
    Case {
        script: "S: 220 mx\nC: EHLO me.example\nS: 250 mx\nC: QUIT\nS: 221 bye",
        arguments: &["--tls", "off"],
        input: "",
        code: 0,
        shown: &[" →  EHLO me.example", " ←  220 mx", "takes commands", "times (ms)"],
    },
    Case {
        script: "S: 220 mx\nC: EHLO*\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO*\nS: 250 mx\nC: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@y.example>\nS: 250 ok\nC: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye",
        arguments: &["--to", "b@y.example"],
        input: "",
        code: 1,
        shown: &["~→  RCPT TO:<b@y.example>", "vouches for itself", "takes mail for every recipient"],
    },
    Case {
        script: "S: 220 mx\nC: EHLO*\nS: 250 mx\nC: MAIL FROM:<a@x.example>\nS: 250 ok\nC: RCPT*\nS: 550 5.1.1 no such user\nC: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye",
        arguments: &["--from", "a@x.example", "--to", "b@y.example", "--ascii"],
        input: "",
        code: 2,
        shown: &[
            " <- 550 5.1.1 no such user\n                = ",
            "refuses RCPT TO:<b@y.example>",
            "does not offer STARTTLS",
        ],
    },
    Case {
        script: "S: 220 mx\nC: EHLO*\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO*\nS: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AHRvbQBwZW5jaWw=\nS: 535 5.7.8 wrong",
        arguments: &["--auth", "tom", "--password-env", "PROBE_PASSWORD"],
        input: "",
        code: 2,
        shown: &["AUTH PLAIN ****", "refuses at AUTH: 535"],
    },
    Case {
        script: "S: 220 mx\nC: EHLO*\nS: 250-mx\nS: 250 AUTH PLAIN\n",
        arguments: &["--auth", "tom", "--password-env", "PROBE_PASSWORD"],
        input: "",
        code: 2,
        shown: &["in clear only, where no password is sent"],
    },
    Case { script: "S: 554 no\nHANG", arguments: &[], input: "", code: 2, shown: &["refuses at the greeting: 554 no"] },
    Case { script: "S: SSH-2.0-x\nHANG", arguments: &[], input: "", code: 2, shown: &["an SSH server answers"] },
    Case { script: "TLS\nHANG", arguments: &["--timeout", "2"], input: "", code: 2, shown: &["use --tls implicit"] },
    Case {
        script: "S: 220 mx\nHANG",
        arguments: &["--tls", "implicit"],
        input: "",
        code: 2,
        shown: &["use --tls starttls"],
    },
    Case {
        script: "HANG",
        arguments: &["--timeout", "1", "--json"],
        input: "",
        code: 3,
        shown: &["\"outcome\": \"unknown\""],
    },
    Case {
        script: "S: 220 mx\nC: EHLO*\nS: 250 mx\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dG9t\nS: 535 no\nC: DATA\nS: 354 go\nMESSAGE\nS: 250 taken\nC: QUIT\nS: 221 bye",
        arguments: &["-i", "--tls", "off"],
        input: "AUTH LOGIN\ndG9t\nDATA\nSubject: x\n\nhi\n.\nquit\n",
        code: 2,
        shown: &["334 VXNlcm5hbWU6", "→  ****", "(a message of 18 octets)", "250 taken"],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_shown_and_end_with_their_code() {
    for case in CASES {
        let peer = Peer::start("127.0.0.1", 0, &[case.script]).await;
        let (code, text) = probe(&peer, case.arguments, case.input).await;
        let at = format!("{:?}: {code}\n{text}\n{:?}", case.script, peer.seen());
        // Lines are broken at the width of the screen.
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for shown in case.shown {
            let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(shown) || flat.contains(&words), "{shown:?} is not in {at}");
        }
        for secret in ["pencil", "AHRvbQ", "dG9t"] {
            assert!(!text.contains(secret), "{secret} is shown: {at}");
        }
        assert_eq!(code, case.code, "{at}");
    }
}

#[tokio::test]
async fn nothing_listens_and_wrong_usage() {
    let peer = Peer::start("127.0.0.1", 0, &[""]).await;
    let (code, text) = probe(&peer, &["--to", "nobody"], "").await;
    assert_eq!(code, 64, "{text}");
    let (code, _) = probe(&peer, &["--password-env", "X"], "").await;
    assert_eq!(code, 64, "a password without a user");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(BINARY).args(["probe", &gone.to_string()]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
}
