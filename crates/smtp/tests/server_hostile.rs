//! Clients that mean harm or are broken, against the session alone: time is an argument here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use postrider_smtp::server::{Answer, Facts, Question, Reason, Server, Settings, Step};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A session that says yes to everything, and what came of it.
struct Bench {
    server: Server,
    now: Instant,
    said: String,
    reasons: Vec<Reason>,
    messages: usize,
    closed: bool,
    largest_write: usize,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let server = Server::new(Arc::new(settings), Facts::default());
        let mut bench = Self {
            server,
            now: Instant::now(),
            said: String::new(),
            reasons: Vec::new(),
            messages: 0,
            closed: false,
            largest_write: 0,
        };
        bench.pump();
        bench
    }

    fn pump(&mut self) {
        loop {
            match self.server.step(self.now) {
                Step::NeedInput => return,
                Step::Write(bytes) => {
                    self.largest_write = self.largest_write.max(bytes.len());
                    self.said.push_str(std::str::from_utf8(&bytes).unwrap());
                }
                Step::Ask(question) => {
                    self.messages += usize::from(matches!(question, Question::Message(_)));
                    self.server.answer(Answer::accept());
                }
                Step::Refused(refused) => self.reasons.push(refused.reason),
                Step::StartTls => self.server.tls_begun(),
                Step::Closed => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn send(&mut self, text: &str) -> &mut Self {
        self.server.input(text.as_bytes());
        self.pump();
        self
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self.pump();
        self
    }

    fn last_line(&self) -> &str {
        self.said.trim_end().rsplit('\n').next().unwrap().trim_end()
    }
}

const ENVELOPE: &str = "HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";

fn bench() -> Bench {
    Bench::new(Settings::new("mx.example"))
}

#[test]
fn silence_ends_each_state_in_its_time() {
    // What was said before, and the seconds after which the session ends.
    let table = [
        ("", 300),
        ("EHLO x\r\n", 300),
        ("EHLO x\r\nMAIL FROM:<>\r\n", 300),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n", 300),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", 180),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 9\r\nx", 180),
        ("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 1\r\nx", 300),
    ];
    for (said, seconds) in table {
        let mut bench = bench();
        bench.send(said).wait(seconds - 1);
        assert!(!bench.closed, "{said:?}");
        assert_eq!(bench.server.deadline(), Some(bench.now + Duration::from_secs(1)), "{said:?}");
        bench.wait(1);
        assert!(bench.closed && bench.last_line().starts_with("421 4.4.2 "), "{said:?}: {}", bench.said);
        assert_eq!(bench.reasons, [Reason::TimedOut]);
    }
}

#[test]
fn dripping_gains_no_time() {
    let mut command = bench();
    for _ in 0..300 {
        command.send("N").wait(1);
    }
    assert!(command.closed, "a command that is never ended");

    let mut message = bench();
    message.send(ENVELOPE).send("DATA\r\n");
    for _ in 0..40 {
        message.send("x").wait(100);
    }
    assert!(message.closed, "a message that takes more than an hour");
    assert_eq!(message.reasons, [Reason::TimedOut]);
}

#[test]
fn a_hundred_thousand_recipients() {
    let mut bench = bench();
    bench.send("HELO x\r\nMAIL FROM:<>\r\n");
    for _ in 0..100 {
        bench.send(&"RCPT TO:<a@b.example>\r\n".repeat(1000));
    }
    assert!(bench.closed);
    assert_eq!(bench.said.matches("250 2.1.5").count(), 1000);
    assert_eq!(bench.said.matches("452 4.5.3").count(), 1201);
    assert!(bench.largest_write < 20_000, "replies are written as they come: {}", bench.largest_write);
}

#[test]
fn an_endless_header_is_given_up() {
    let mut settings = Settings::new("mx.example");
    (settings.limits.message_bytes_max, settings.limits.drain_bytes_max) = (100_000, 100_000);
    for (shape, line) in [("one line", "x".repeat(1000)), ("many lines", "X-Header: on and on\r\n".repeat(50))] {
        let mut bench = Bench::new(settings.clone());
        bench.send(ENVELOPE).send("DATA\r\n");
        for _ in 0..300 {
            bench.send(&line);
        }
        assert!(bench.closed && bench.last_line().starts_with("552 5.3.4 "), "{shape}: {}", bench.said);
        assert_eq!((bench.messages, bench.reasons.as_slice()), (0, &[Reason::TooBig][..]), "{shape}");
    }
}

#[test]
fn a_stop_waits_for_the_transaction_only() {
    let mut idle = bench();
    idle.send("HELO x\r\n").server.stop(false);
    idle.pump();
    assert!(idle.closed && idle.last_line().starts_with("421 4.3.2 "));

    let mut busy = bench();
    busy.send(ENVELOPE).server.stop(false);
    busy.send("DATA\r\n\r\n.\r\n");
    assert_eq!((busy.closed, busy.messages), (true, 1));
    assert!(busy.said.contains("250 2.0.0 ok, taken\r\n421 4.3.2 "), "{}", busy.said);

    let mut at_once = bench();
    at_once.send(ENVELOPE).send("DATA\r\nx").server.stop(true);
    at_once.pump();
    assert_eq!((at_once.closed, at_once.messages), (true, 0));
}

/// Whatever comes, in whatever order: no panic, and the session ends or goes on.
#[test]
fn shuffled_pieces_of_dialogue_do_no_harm() {
    const PIECES: [&[u8]; 22] = [
        b"EHLO x\r\n",
        b"HELO x\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"RCPT TO:<c@d.example>\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n",
        b"abc",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r",
        b".",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"STARTTLS\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN =\r\n",
        b"*\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"\x16\x03\x01",
    ];
    // A small generator of its own (xorshift), so that each run is the same.
    let mut seed: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..2000 {
        let mut bench = bench();
        for _ in 0..40 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bench.server.input(PIECES[(seed % PIECES.len() as u64) as usize]);
            bench.pump();
        }
        bench.wait(4000).wait(4000);
        assert!(bench.closed, "time ends every session: {}", bench.said);
    }
}
