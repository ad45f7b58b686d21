//! Runs the transcripts under `dialogues/server/` against the session, whole and octet by octet.
//!
//! `C:` a line of the client (`C|` without its CRLF), `S:` a line of the session (`S*` any lines
//! of one reply with that beginning), `MSG:` a message that was taken: its `with` word, sender,
//! recipients, and the text. `WHY:` a refusal as the log has it, `CLOSED` the end. Lines that
//! begin with `@` set the scene: `tls starttls auth auth-clear scram own`, `limit NAME N`,
//! `offer binarymime`, `answer KIND REPLY` (next question of that kind; `hang-up` for not a word).
//! Within `C` lines `\0 \r \n \t \\ \xHH` and `{N*TEXT}` for repetition are understood.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use postrider_smtp::server::{Answer, AuthOffer, Facts, Question, ScramKeys, Server, Settings, Step};
use postrider_smtp::{Reply, ReplyCode};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// One flight of the client and all that came of it.
struct Exchange {
    sent: Vec<u8>,
    want: Vec<String>,
}

struct Scene {
    settings: Settings,
    facts: Facts,
    answers: VecDeque<(String, Answer)>,
}

#[test]
fn every_dialogue_runs_whole_and_octet_by_octet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/server");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for piece in [usize::MAX, 1, 2, 7] {
            run(&name, &text, piece);
        }
        count += 1;
    }
    assert!(count >= 20, "only {count} dialogues found");
}

fn run(name: &str, text: &str, piece: usize) {
    let (scene, exchanges) = parse(text);
    let mut server = Server::new(Arc::new(scene.settings), scene.facts);
    let mut answers = scene.answers;
    for exchange in exchanges {
        let mut got = Vec::new();
        let mut pieces: Vec<&[u8]> = exchange.sent.chunks(piece.min(exchange.sent.len().max(1))).collect();
        pieces.insert(0, b"");
        for bytes in pieces {
            if !bytes.is_empty() {
                server.input(bytes);
            }
            pump(&mut server, &mut answers, &mut got);
        }
        let shown = String::from_utf8_lossy(&exchange.sent[..exchange.sent.len().min(200)]);
        compare(&got, &exchange.want, &format!("{name} by {piece}, behind {shown:?}"));
    }
    assert!(answers.is_empty(), "{name}: answers that were not asked for: {answers:?}");
}

fn pump(server: &mut Server, answers: &mut VecDeque<(String, Answer)>, got: &mut Vec<String>) {
    let now = Instant::now();
    let mut said = Vec::new();
    loop {
        match server.step(now) {
            Step::NeedInput => break,
            Step::Write(bytes) => said.extend_from_slice(&bytes),
            Step::Refused(refused) => got.push(format!("WHY: {}", refused.reason)),
            Step::StartTls => {
                server.input(b"MAIL FROM:<injected@evil.example>\r\n");
                server.tls_begun();
                got.push("TLS".into());
            }
            Step::Closed => {
                if !got.iter().any(|line| line == "CLOSED") {
                    got.push("CLOSED".into());
                }
                break;
            }
            Step::Ask(question) => {
                let answer = answer(&question, answers, got);
                server.answer(answer);
            }
        }
    }
    let said = String::from_utf8(said).unwrap();
    got.extend(said.lines().map(|line| format!("S: {line}")));
}

fn answer(question: &Question, answers: &mut VecDeque<(String, Answer)>, got: &mut Vec<String>) -> Answer {
    let kind = match question {
        Question::Greeting => "greeting",
        Question::Hello { .. } => "hello",
        Question::Password { .. } | Question::ScramKeys { .. } | Question::ScramEnded { .. } => "auth",
        Question::Mail(_) => "mail",
        Question::Rcpt(_) => "rcpt",
        Question::Data => "data",
        Question::Message(_) => "message",
    };
    if let Some(at) = answers.iter().position(|(wanted, _)| wanted == kind) {
        return answers.remove(at).unwrap().1;
    }
    match question {
        Question::Password { user, password } if (&**user, password.reveal()) == ("apikey", "sk_test_123") => {
            Answer::accept()
        }
        Question::Password { .. } => Answer::refuse_login(),
        // The keys of RFC 7677 §3: user "user", password "pencil".
        Question::ScramKeys { .. } => Answer::scram(rfc_7677_keys(), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
        Question::Message(message) => {
            let sender = message.envelope.sender.as_ref().map_or("<>".into(), ToString::to_string);
            let to: Vec<String> = message.envelope.recipients.iter().map(|r| r.address.to_string()).collect();
            let utf8 = if message.envelope.smtputf8 { " smtputf8" } else { "" };
            let user = message.user.as_ref().map_or(String::new(), |user| format!(" user={user}"));
            let content = message.content.escape_ascii();
            got.push(format!("MSG: {}{utf8}{user} {sender} {} {content}", message.protocol, to.join(",")));
            Answer::accept()
        }
        _ => Answer::accept(),
    }
}

fn rfc_7677_keys() -> ScramKeys {
    let salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    ScramKeys::of_password("pencil", salt, 4096)
}

/// Refusals are told when they happen and replies when they are written, so the two are held
/// against their wants apart.
fn compare(got: &[String], want: &[String], place: &str) {
    let part = |lines: &[String], said: bool| -> Vec<String> {
        lines.iter().filter(|line| line.starts_with("S") == said).cloned().collect()
    };
    assert_eq!(part(got, false), part(want, false), "{place}: {got:#?}");
    let mut said = part(got, true).into_iter().peekable();
    for line in part(want, true) {
        if let Some(beginning) = line.strip_prefix("S* ") {
            let beginning = format!("S: {beginning}");
            assert!(said.next_if(|s| s.starts_with(&beginning)).is_some(), "{place}: no {line}: {got:#?}");
            while said.next_if(|s| s.starts_with(&beginning)).is_some() {}
        } else {
            assert_eq!(said.next(), Some(line), "{place}: {got:#?}");
        }
    }
    assert_eq!(said.next(), None, "{place}: more than was wanted: {got:#?}");
}

fn parse(text: &str) -> (Scene, Vec<Exchange>) {
    let mut settings = Settings::new("mx.example");
    settings.limits.message_bytes_max = 100_000;
    settings.limits.drain_bytes_max = 100_000;
    let mut scene = Scene { settings, facts: Facts::default(), answers: VecDeque::new() };
    let mut exchanges = vec![Exchange { sent: Vec::new(), want: Vec::new() }];
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(words) = line.strip_prefix("@ ") {
            set(&mut scene, words);
            continue;
        }
        let last = exchanges.last_mut().unwrap();
        let sent =
            line.strip_prefix("C:").map(|text| (text, "\r\n")).or(line.strip_prefix("C|").map(|text| (text, "")));
        if let Some((text, end)) = sent {
            if !last.want.is_empty() {
                exchanges.push(Exchange { sent: Vec::new(), want: Vec::new() });
            }
            let sent = &mut exchanges.last_mut().unwrap().sent;
            sent.extend(unescape(text.strip_prefix(' ').unwrap_or(text)));
            sent.extend_from_slice(end.as_bytes());
        } else {
            last.want.push(line.to_owned());
        }
    }
    (scene, exchanges)
}

fn set(scene: &mut Scene, words: &str) {
    let facts = &mut scene.facts;
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    match first {
        "tls" => facts.tls = true,
        "starttls" => facts.starttls = true,
        "auth" => facts.auth = AuthOffer::UnderTls,
        "auth-clear" => facts.auth = AuthOffer::Always,
        "scram" => facts.scram = true,
        "own" => facts.own_client = true,
        "offer" => scene.settings.extensions.binary_mime = true,
        "answer" => {
            let (kind, reply) = rest.split_once(' ').unwrap();
            scene.answers.push_back((kind.to_owned(), scripted(reply)));
        }
        "limit" => {
            let (name, number) = rest.split_once(' ').unwrap();
            let limits = &mut scene.settings.limits;
            let number: u32 = number.parse().unwrap();
            match name {
                "recipients" => limits.recipients_max = number as usize,
                "overshoot" => limits.recipients_overshoot_max = number,
                "refused-recipients" => limits.refused_recipients_max = number,
                "message-bytes" => limits.message_bytes_max = number.into(),
                "drain-bytes" => limits.drain_bytes_max = number.into(),
                "idle-commands" => limits.idle_commands_max = number,
                "errors" => limits.errors_max = number,
                other => panic!("no limit {other}"),
            }
        }
        other => panic!("no such scene: {other}"),
    }
}

fn scripted(reply: &str) -> Answer {
    if reply == "hang-up" {
        return Answer::hang_up();
    }
    let (reply, close) = reply.strip_suffix(" and-close").map_or((reply, false), |reply| (reply, true));
    let (code, text) = reply.split_once(' ').unwrap();
    let reply = Reply::new(ReplyCode::new(code.parse().unwrap()).unwrap(), text.replace("\\n", "\n"));
    let answer = Answer::reply(reply);
    if close { answer.and_close() } else { answer }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'{' {
            let end = rest.iter().position(|b| *b == b'}').unwrap();
            let inner = std::str::from_utf8(&rest[..end]).unwrap();
            let (count, what) = inner.split_once('*').unwrap();
            out.extend(unescape(what).repeat(count.parse().unwrap()));
            rest = &rest[end + 1..];
        } else if byte == b'\\' {
            let (kind, after) = rest.split_first().unwrap();
            rest = after;
            match kind {
                b'0' => out.push(0),
                b'r' => out.push(b'\r'),
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'x' => {
                    out.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                    rest = &rest[2..];
                }
                other => out.push(*other),
            }
        } else {
            out.push(byte);
        }
    }
    out
}

/// The smuggling table: every pair of line ends around a dot, against both kinds of client.
#[test]
fn only_crlf_dot_crlf_ends_a_message() {
    for (before, after) in ends().filter(|ends| *ends != ("\r\n", "\r\n")) {
        for own_client in [false, true] {
            let facts = Facts { own_client, ..Facts::default() };
            let mut server = Server::new(Arc::new(Settings::new("mx.example")), facts);
            let wire = format!(
                "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: x\r\n\r\none{before}.{after}\
                 MAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\n"
            );
            let (mut got, mut answers) = (Vec::new(), VecDeque::new());
            pump(&mut server, &mut answers, &mut got);
            server.input(wire.as_bytes());
            pump(&mut server, &mut answers, &mut got);
            let place = format!("{before:?} . {after:?}: {got:#?}");
            assert!(got.iter().all(|line| !line.starts_with("MSG")), "{place}");
            assert!(got.contains(&"WHY: smuggling".to_owned()) && got.contains(&"CLOSED".to_owned()), "{place}");
            assert!(got.last().unwrap().starts_with("S: 554 5.5.2 "), "{place}");
        }
    }
}

fn ends() -> impl Iterator<Item = (&'static str, &'static str)> {
    const ENDS: [&str; 3] = ["\r\n", "\n", "\r"];
    ENDS.into_iter().flat_map(|before| ENDS.into_iter().map(move |after| (before, after)))
}

/// A body is one allocation: what the question holds is what was read.
#[test]
fn the_content_is_shared_not_copied() {
    let mut server = Server::new(Arc::new(Settings::new("mx.example")), Facts::default());
    let (mut got, mut answers) = (Vec::new(), VecDeque::new());
    pump(&mut server, &mut answers, &mut got);
    server.input(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx: y\r\n\r\nz\r\n.\r\n");
    let content: Bytes = loop {
        match server.step(Instant::now()) {
            Step::Ask(Question::Message(message)) => break message.content,
            Step::Ask(_) => server.answer(Answer::accept()),
            Step::Closed | Step::NeedInput => panic!("no message came of it"),
            _ => {}
        }
    };
    assert_eq!(&content[..], b"x: y\r\n\r\nz\r\n");
}
