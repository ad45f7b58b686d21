//! The binary from outside: it starts, is talked to, reloads, stops, and says why when it cannot.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_postrider");

/// A folder for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("postrider-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn postrider(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    // What the machine of the test is configured to must not reach it.
    command.env_clear().env("POSTRIDER_CONFIG", "/dev/null").args(arguments).stdin(Stdio::null());
    command
}

fn output(data: &Path, arguments: &[&str]) -> Output {
    postrider(arguments).arg("--data").arg(data).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A relay that has announced itself.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    announced: String,
}

impl Running {
    /// All mail goes to a port where nothing listens, so it stays.
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = postrider(&["serve", "--smtp", "127.0.0.1:0", "--http", "off", "--route", "*=127.0.0.1:1"]);
        let mut child = command.args(more).arg("--data").arg(data).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut running = Self { child, stderr, announced: String::new() };
        running.announced = running.read_until("next: ");
        running
    }

    /// What it says, up to a line with these words; they must come.
    fn read_until(&mut self, words: &str) -> String {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "{words:?} never came in\n{text}");
            text.push_str(&line);
            if line.contains(words) {
                return text;
            }
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.read_until(" stopped");
        self.child.wait().unwrap().code()
    }
}

#[test]
fn mail_is_handed_in_seen_held_and_still_there_without_the_relay() {
    let folder = Folder::new("life");
    let data = folder.data();
    let running = Running::start(&data, &[]);
    assert!(running.announced.contains("127.0.0.0/8, ::1/128 without a password"), "{}", running.announced);

    let sent = output(&data, &["send", "--from", "me@a.test", "--to", "tom@b.test", "--subject", "x", "--text", "y"]);
    let id = String::from_utf8(sent.stdout.clone()).unwrap().trim().to_owned();
    assert_eq!((sent.status.code(), id.len()), (Some(0), 13), "{}", said(&sent));

    let mut sendmail = postrider(&["sendmail", "-t"]);
    let mut sendmail = sendmail.env("POSTRIDER_DATA", &data).stdin(Stdio::piped()).spawn().unwrap();
    sendmail.stdin.take().unwrap().write_all(b"To: kim@c.test\nSubject: z\n\nhello\n").unwrap();
    assert_eq!(sendmail.wait().unwrap().code(), Some(0));

    let held = output(&data, &["queue", "hold", "--all"]);
    assert!(held.status.success(), "{}", said(&held));
    let listed = said(&output(&data, &["queue", "list"]));
    assert!(listed.contains("tom@b.test") && listed.contains("kim@c.test"), "{listed}");
    let shown = said(&output(&data, &["queue", "show", &id]));
    assert!(shown.contains("from      me@a.test") && shown.contains("accepted"), "{shown}");

    let second = output(&data, &["serve", "--smtp", "127.0.0.1:0", "--http", "off"]);
    assert_eq!(second.status.code(), Some(69), "one folder, one relay: {}", said(&second));

    assert_eq!(running.stop(), Some(0));
    assert!(!data.join("control.sock").exists());
    let dropped = output(&data, &["queue", "drop", &id]);
    assert!(said(&dropped).contains("no relay is running") && dropped.status.success(), "{}", said(&dropped));
    let left = said(&output(&data, &["queue", "list", "--json"]));
    assert!(left.contains("kim@c.test") && !left.contains("tom@b.test"), "{left}");
    let shown = said(&output(&data, &["queue", "show", &id]));
    assert!(shown.contains("dropped") && shown.contains("finished"), "its end is told: {shown}");
}

#[test]
fn a_reload_takes_changes_up_and_refuses_faults() {
    let folder = Folder::new("reload");
    let file = folder.0.join("postrider.toml");
    std::fs::write(&file, "queue.expire = \"5d\"\n").unwrap();
    let mut running = Running::start(&folder.data(), &["--config", file.to_str().unwrap()]);

    std::fs::write(&file, "queue.expire = 5\n").unwrap();
    running.signal(rustix::process::Signal::HUP);
    let refused = running.read_until("has no unit");
    assert!(refused.contains("the old configuration holds"), "{refused}");

    std::fs::write(&file, "queue.expire = \"4d\"\nlog.format = \"json\"\n").unwrap();
    running.signal(rustix::process::Signal::HUP);
    let taken = running.read_until("configuration reloaded");
    assert!(taken.contains("restart") && taken.contains("log.format") && taken.contains("queue.expire"), "{taken}");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn each_failure_has_its_exit_code_and_words() {
    let folder = Folder::new("failures");
    let data = folder.data();
    let blocked = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = blocked.local_addr().unwrap().to_string();
    std::fs::write(folder.0.join("file"), "").unwrap();
    let below_a_file = folder.0.join("file").join("data");
    let table: [(&[&str], &Path, i32, &str); 7] = [
        (&["serve", "--set", "queue.expir=1d"], &data, 78, "did you mean queue.expire?"),
        (&["check", "--route", "x"], &data, 64, "unexpected argument '--route'"),
        (&["serve", "--smtp", &taken, "--http", "off"], &data, 69, "shows which program has it"),
        (&["serve", "--smtp", "off", "--http", "off"], &below_a_file, 73, "name another with --data"),
        (&["queue"], &folder.0.join("nowhere"), 69, "there is no spool in it"),
        (&["send", "--text", "x"], &data, 64, "nobody to send it to"),
        (&["send", "--to", "a@b.test", "--file", "/nowhere/x"], &data, 66, "cannot read /nowhere/x"),
    ];
    for (arguments, data, code, words) in table {
        let output = output(data, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn every_verb_has_help_with_examples_and_exit_codes() {
    for verb in ["serve", "queue", "send", "sendmail", "check", "passwd"] {
        let help = said(&postrider(&[verb, "--help"]).output().unwrap());
        assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{verb}: {help}");
    }
    let version = said(&postrider(&["--version"]).output().unwrap());
    assert_eq!(version, format!("postrider {}\n", env!("CARGO_PKG_VERSION")));
}
