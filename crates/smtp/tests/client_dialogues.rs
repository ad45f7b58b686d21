//! Dialogues of the client with hosts of all manners, one quirk per file in `dialogues/client`.
//!
//! | line | means |
//! | --- | --- |
//! | `S: …` | the host says this; lines that follow each other come in one piece |
//! | `C: …` | the client said this, all of it before the host speaks again |
//! | `given: …` | settings: `tls=never\|required`, `under-tls`, `user=`, `password=`, `nonce=` |
//! | `send: …` | a transaction: `from=`, `to=a,b`, `body=`, `8bit`, `binary`, `utf8`, `requiretls`, `notify=`, … |
//! | `sent: …` | the outcome of the next recipient |
//! | `ready`, `closed: …` | the session is idle, or over |
//! | `ask: …` | a plain command, or several with ` // ` between |
//! | `answered: …` | the next reply to what was asked |
//! | `starttls`, `log in: …` | the client is to begin TLS, or AUTH as `user= password=` says |
//! | `opening: …` | what is known of the opening: `first=…`, `greeting`, `clear`, `starttls`, `tls`, `refused` with codes |
//! | `quit` | the client is to say QUIT |
//! | `TLS`, `TLS fails` | the client asked for TLS, and has it, or not |
//! | `LOST`, `STALL n` | the connection ends; nothing comes for n seconds |
//! | `still-writing` | the flights that follow are not written to their end |
//! | `in-one-piece` | this file is not tried byte by byte |

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use postrider_smtp::client::{Client, Credentials, Ended, Sent, Settings, StartTls, Step, Transaction};
use postrider_smtp::{BodyType, Content, DsnReturn, Envelope, Notify, Outcome, Recipient, TroubleKind};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A session and what came out of it.
struct Stage {
    client: Client,
    now: Instant,
    said: Vec<u8>,
    outcomes: VecDeque<String>,
    recipients: VecDeque<String>,
    answers: VecDeque<String>,
    state: String,
    still_writing: bool,
    transcript: String,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        Self {
            client: Client::new(settings),
            now: Instant::now(),
            said: Vec::new(),
            outcomes: VecDeque::new(),
            recipients: VecDeque::new(),
            answers: VecDeque::new(),
            state: String::new(),
            still_writing: false,
            transcript: String::new(),
        }
    }

    /// Steps until the client wants something of us.
    fn run(&mut self) {
        loop {
            match self.client.step(self.now) {
                Step::Write(flight) => {
                    self.said.extend(flight.chunks.concat());
                    if !self.still_writing {
                        self.client.written();
                    }
                    if self.still_writing {
                        self.state = "writing".into();
                        return;
                    }
                }
                Step::Sent(Sent { outcomes, .. }) => {
                    for outcome in outcomes {
                        let recipient = self.recipients.pop_front().expect("a recipient per outcome");
                        self.outcomes.push_back(format!("{recipient} {}", told(&outcome)));
                    }
                }
                Step::Answered(reply) => self.answers.push_back(reply.to_string()),
                Step::NeedInput => return self.state = "waiting".into(),
                Step::StartTls => return self.state = "tls".into(),
                Step::Ready => return self.state = "ready".into(),
                Step::Closed(ended) => return self.state = format!("closed: {}", told_end(&ended)),
            }
        }
    }

    fn line_said(&mut self) -> Option<String> {
        let end = self.said.windows(2).position(|pair| pair == b"\r\n")?;
        let line = String::from_utf8(self.said[..end].to_vec()).expect("what we say is UTF-8");
        self.said.drain(..end + 2);
        Some(line)
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Replied { .. } => format!("replied {outcome}"),
        Outcome::Unreached(trouble) => format!("unreached {} at {}", trouble.kind, trouble.phase),
        Outcome::InDoubt(trouble) => format!("in-doubt {} at {}", trouble.kind, trouble.phase),
    }
}

fn told_end(ended: &Ended) -> String {
    match ended {
        Ended::Quit => "quit".into(),
        Ended::Refused { phase, reply } => format!("refused {phase}: {reply}"),
        Ended::Broken(trouble) => format!("broken {} at {}", trouble.kind, trouble.phase),
    }
}

fn opening(client: &Client) -> String {
    let opening = client.opening();
    let code = |name: &str, reply: &Option<postrider_smtp::Reply>| {
        reply.as_ref().map(|reply| format!(" {name}={}", reply.code())).unwrap_or_default()
    };
    format!(
        "first={:?}{}{}{}{}{}",
        String::from_utf8_lossy(&opening.first[..opening.first.len().min(12)]),
        code("greeting", &opening.greeting),
        code("refused", &opening.refused),
        code("clear", &opening.in_clear),
        code("starttls", &opening.starttls),
        code("tls", &opening.under_tls),
    )
}

fn settings(words: &str) -> Settings {
    let mut settings = Settings { hello: "relay.example".parse().expect("a host"), ..Settings::default() };
    let (mut user, mut password) = (None, String::new());
    for word in words.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("tls", "never") => settings.starttls = StartTls::Never,
            ("tls", "required") => settings.starttls = StartTls::Required,
            ("under-tls", _) => settings.under_tls = true,
            ("user", value) => user = Some(value.to_owned()),
            ("password", value) => password = value.into(),
            ("nonce", value) => settings.nonce = value.into(),
            other => panic!("not a setting: {other:?}"),
        }
    }
    settings.credentials = user.map(|user| Credentials { user, password, in_clear: false });
    settings
}

fn transaction(words: &str) -> Transaction {
    let mut envelope = Envelope::default();
    let (mut to, mut notify, mut orcpt, mut body) = ("", None, None, "hello");
    for word in words.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("from", "<>") => envelope.sender = None,
            ("from", value) => envelope.sender = Some(value.parse().expect("a sender")),
            ("to", value) => to = value,
            ("body", value) => body = value,
            ("8bit", _) => envelope.body = BodyType::EightBitMime,
            ("binary", _) => envelope.body = BodyType::BinaryMime,
            ("utf8", _) => envelope.smtputf8 = true,
            ("requiretls", _) => envelope.require_tls = true,
            ("ret", "full") => envelope.ret = Some(DsnReturn::Full),
            ("ret", "hdrs") => envelope.ret = Some(DsnReturn::Headers),
            ("envid", value) => envelope.envid = Some(value.into()),
            ("orcpt", value) => orcpt = Some(value.into()),
            ("notify", value) => {
                let has = |name: &str| value.split(',').any(|word| word == name);
                notify = Some(Notify { success: has("success"), failure: has("failure"), delay: has("delay") });
            }
            other => panic!("not a word of a transaction: {other:?}"),
        }
    }
    let recipient =
        |address: &str| Recipient { address: address.parse().expect("a recipient"), notify, orcpt: orcpt.clone() };
    let content = Content::split(Bytes::from(format!("Subject: hi\r\n\r\n{body}\r\n")));
    Transaction { envelope, recipients: to.split(',').map(recipient).collect(), content }
}

/// Plays one dialogue; with `split`, what the host says comes one byte at a time.
fn play(name: &str, text: &str, split: bool) -> String {
    let given = text.lines().find_map(|line| line.strip_prefix("given: ")).unwrap_or_default();
    let mut stage = Stage::new(settings(given));
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let at = format!("{name}.smtp:{}: {line}{}", index + 1, if split { " (byte by byte)" } else { "" });
        let (word, rest) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        match word {
            "given" | "in-one-piece" | "" => {}
            comment if comment.starts_with('#') => {}
            "still-writing" => stage.still_writing = true,
            "S" => {
                stage.run();
                assert_eq!(String::from_utf8_lossy(&stage.said), "", "{at}: said, but not in the dialogue");
                let mut wire = format!("{rest}\r\n");
                while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with("S: ")) {
                    wire += &format!("{}\r\n", &next[3..]);
                }
                if split {
                    for byte in wire.as_bytes() {
                        stage.client.input(&[*byte]);
                        if stage.state != "writing" || stage.client.is_cut_short() {
                            stage.run();
                        }
                    }
                } else {
                    stage.client.input(wire.as_bytes());
                    stage.run();
                }
            }
            "C" => {
                stage.run_unless_writing();
                assert_eq!(stage.line_said().as_deref(), Some(rest), "{at}");
            }
            "send" => {
                let transaction = transaction(rest);
                stage.recipients.extend(transaction.recipients.iter().map(|r| r.address.to_string()));
                stage.client.send(transaction);
                stage.run();
            }
            "ask" => {
                let lines: Vec<&str> = rest.split(" // ").collect();
                stage.client.ask_together(&lines, &lines);
                stage.run();
            }
            "answered" => assert_eq!(stage.answers.pop_front().as_deref(), Some(rest), "{at}"),
            "starttls" => {
                stage.client.start_tls();
                stage.run();
            }
            "log in" => {
                let credentials = settings(rest).credentials.expect("user=");
                stage.client.log_in_as(credentials, "abc".into());
                stage.run();
            }
            "opening" => assert_eq!(opening(&stage.client), rest, "{at}"),
            "sent" => assert_eq!(stage.outcomes.pop_front().as_deref(), Some(rest), "{at}"),
            "quit" => {
                stage.client.quit();
                stage.run();
            }
            "TLS" => {
                assert_eq!(stage.state, "tls", "{at}");
                stage.client.tls_started();
                stage.run();
            }
            "TLS fails" => {
                assert_eq!(stage.state, "tls", "{at}");
                stage.client.lost(TroubleKind::TlsFailed, None, "no common cipher");
                stage.run();
            }
            "LOST" => {
                stage.client.lost(TroubleKind::ConnectionLost, None, "closed by the host");
                stage.run();
            }
            stall if stall.starts_with("STALL ") => {
                let seconds = stall[6..].parse().expect("seconds");
                let deadline = stage.client.deadline().expect("somebody is waited for");
                assert_eq!(deadline, stage.now + Duration::from_secs(seconds), "{at}");
                stage.now = deadline;
                stage.run();
            }
            "ready" | "closed" => {
                stage.run();
                assert_eq!(stage.state, line, "{at}");
            }
            other => panic!("{at}: no such word: {other}"),
        }
    }
    assert!(stage.answers.is_empty(), "{name}: answers not in the dialogue: {:?}", stage.answers);
    assert!(stage.outcomes.is_empty(), "{name}: outcomes not in the dialogue: {:?}", stage.outcomes);
    stage.transcript.push_str(&stage.client.take_transcript());
    for secret in ["secret", "c2VjcmV0", "AHRvbQBzZWNyZXQ", "pencil", "Yz1iaXdz"] {
        assert!(!stage.transcript.contains(secret), "{name}: {secret} is in the transcript");
    }
    stage.transcript
}

impl Stage {
    fn run_unless_writing(&mut self) {
        if self.state != "writing" {
            self.run();
        }
    }
}

fn dialogues() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogues/client");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the folder of dialogues")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a dialogue"))
        })
        .collect();
    found.sort();
    assert!(found.len() > 40, "only {} dialogues found", found.len());
    found
}

#[test]
fn every_dialogue_goes_as_it_is_written() {
    for (name, text) in dialogues() {
        play(&name, &text, false);
    }
}

#[test]
fn every_dialogue_goes_the_same_byte_by_byte() {
    for (name, text) in dialogues() {
        if !text.lines().any(|line| line == "in-one-piece") {
            assert_eq!(play(&name, &text, true), play(&name, &text, false), "{name}");
        }
    }
}
