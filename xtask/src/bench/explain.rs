//! How fast replies and mails about mail are read, on one core.
//!
//! One thread does all the work, and the time it has the core for is what counts. The input is
//! made here or comes from files; it is in memory before the clock starts.

use anyhow::Context as _;
use postrider_reply::proof::Example;
use postrider_reply::{Context, Decoder};
use postrider_smtp::Said;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What must be reached.
const REPLIES_PER_S: f64 = 500_000.0;
const MAILS_PER_S: f64 = 15_000.0;
const LOG_MB_PER_S: f64 = 300.0;

/// How many replies and mails are made.
const REPLIES: usize = 20_000;
const MAILS: usize = 600;
const LOG_LINES: u64 = 500_000;

/// What `cargo xtask bench explain` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Measure this subject alone
    #[arg(long, value_enum)]
    only: Option<Subject>,
    /// How long each subject is measured
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Replies from a file: texts, or objects with a `reply`, one a line [default: made from the knowledge's examples]
    #[arg(long, value_name = "FILE")]
    replies: Option<PathBuf>,
    /// Mails from a folder, a file each [default: made in three formats]
    #[arg(long, value_name = "DIR")]
    mails: Option<PathBuf>,
    /// A log [default: made by `cargo xtask make-log`]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// Replies
    Replies,
    /// Mails about mail
    Mails,
    /// Logs
    Logs,
}

/// Measures, and prints a line for each subject.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let decoder = Decoder::new();
    let asked = |subject| options.only.is_none_or(|only| only == subject);
    println!("{:<22} {:>12} {:>12} {:>12}", "on one core", "measured", "bar", "of the bar");
    if asked(Subject::Replies) {
        row("replies/s", replies(options, &decoder)?, REPLIES_PER_S);
    }
    if asked(Subject::Mails) {
        row("bounce mails/s", mails(options, &decoder)?, MAILS_PER_S);
    }
    if asked(Subject::Logs) {
        row("MB/s of logs, joined", logs(options)?, LOG_MB_PER_S);
    }
    Ok(())
}

fn replies(options: &Options, decoder: &Decoder) -> anyhow::Result<f64> {
    let replies = options.replies.as_deref().map_or_else(|| Ok(made_replies(decoder)), replies_of)?;
    Ok(rate(options.share(), &replies, |reply| {
        black_box(decoder.explain(&Said::parse(reply), &Context::default()));
        1.0
    }))
}

fn mails(options: &Options, decoder: &Decoder) -> anyhow::Result<f64> {
    let mails = options.mails.as_deref().map_or_else(|| Ok(made_mails()), mails_of)?;
    Ok(rate(options.share(), &mails, |mail| {
        let report = postrider_report::read(mail);
        for reported in &report.recipients {
            black_box(decoder.explain(&reported.quoted(), &Context::default()));
        }
        1.0
    }))
}

fn logs(options: &Options) -> anyhow::Result<f64> {
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let log = options.log.as_ref().map_or_else(made_log, read)?;
    Ok(rate(options.share(), &[log], |log| log_mb(log)))
}

impl Options {
    fn share(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Reads a log in blocks as they come from a file, every line joined with those before it.
fn log_mb(log: &[u8]) -> f64 {
    use postrider_maillog::{Reader, Settings};
    const BLOCK_BYTES: usize = 256 * 1024;
    let mut reader = Reader::new(Settings::default());
    let mut told = 0_u64;
    for block in log.chunks(BLOCK_BYTES) {
        reader.feed(block, &mut |record| told += u64::from(black_box(record).from.is_some()));
    }
    black_box(told);
    log.len() as f64 / 1e6
}

fn made_log() -> anyhow::Result<Vec<u8>> {
    let mut log = Vec::new();
    crate::make_log::write(&mut log, LOG_LINES)?;
    Ok(log)
}

fn row(subject: &str, measured: f64, bar: f64) {
    println!("{subject:<22} {measured:>12.0} {bar:>12.0} {:>11.1}×", measured / bar);
}

/// What is done per second of the core's time, over and over for at least `share`. What else the
/// machine does in the meantime is not counted.
fn rate<T>(share: Duration, inputs: &[T], work: impl Fn(&T) -> f64) -> f64 {
    if inputs.is_empty() {
        return 0.0;
    }
    // Once to warm caches and the allocator.
    inputs.iter().for_each(|input| {
        black_box(work(input));
    });
    let (begun, mut done) = (core_time(), 0.0);
    loop {
        done += inputs.iter().map(&work).sum::<f64>();
        let took = core_time().saturating_sub(begun);
        if took >= share {
            return done / took.as_secs_f64();
        }
    }
}

/// How long this thread has had a core.
fn core_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The knowledge's own examples, as they come in the field: with addresses and ids that differ,
/// quoted by relays, and among words that nobody knows.
fn made_replies(decoder: &Decoder) -> Vec<String> {
    let examples: Vec<&str> =
        decoder.entries().flat_map(|entry| entry.matches.iter().map(|it| Example::parse(it).reply)).collect();
    let reply = |n: usize| {
        let example = examples.get(n * 7919 % examples.len().max(1)).copied().unwrap_or("550 5.1.1 no such user");
        match n % 4 {
            0 => format!("host mx{n}.example.com[192.0.2.{}] said: {example} (in reply to RCPT TO command)", n % 250),
            1 => format!("550 5.7.1 <user{n}@example.com>: nobody has ever seen these words, id {n:x}"),
            _ => format!("{example} <user{n}@example.com> {n:x}"),
        }
    };
    (0..REPLIES).map(reply).collect()
}

fn replies_of(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let reply = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(row) if row["reply"].is_string() => row["reply"].as_str().unwrap_or_default().to_owned(),
        _ => line.to_owned(),
    };
    Ok(text.lines().filter(|line| !line.is_empty()).map(reply).collect())
}

fn mails_of(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut mails = Vec::new();
    for file in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = file?.path();
        if path.is_file() {
            mails.push(std::fs::read(&path)?);
        }
    }
    Ok(mails)
}

/// A report as RFC 3464 has it, and the texts of two servers that write none, with 2 KB of the message.
fn made_mails() -> Vec<Vec<u8>> {
    (0..MAILS)
        .map(|n| {
            match n % 3 {
                0 => report(n),
                1 => exim(n),
                _ => qmail(n),
            }
            .into_bytes()
        })
        .collect()
}

/// The message that came back.
fn original(n: usize) -> String {
    let head = format!(
        "From: news@example.org\r\nTo: user{n}@example.com\r\nSubject: Number {n}\r\nMessage-ID: <{n}.news@example.org>\r\n"
    );
    head + "Content-Type: text/plain\r\n\r\n"
        + &"A line of the message that was not delivered, as it was.\r\n".repeat(36)
}

fn head(n: usize, more: &str) -> String {
    format!(
        "Return-Path: <>\r\nReceived: by mx.example.org (Postfix) id {n:X}; Tue, 24 Nov 2026 09:12:02 +0000 (UTC)\r\n\
         Date: Tue, 24 Nov 2026 09:12:02 +0000\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.org>\r\n\
         To: news@example.org\r\nMessage-Id: <{n}.bounce@mx.example.org>\r\n{more}"
    )
}

fn report(n: usize) -> String {
    let said = "550 5.1.1 no such user here (in reply to RCPT TO command)";
    head(
        n,
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; \
         report-type=delivery-status; boundary=\"=b\"\r\n\r\n",
    ) + &format!(
        "--=b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system at host mx.example.org.\r\n\r\n\
             <user{n}@example.com>: host mx.example.com[192.0.2.1] said: {said}\r\n\r\n\
             --=b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\
             Arrival-Date: Tue, 24 Nov 2026 09:12:01 +0000\r\n\r\nFinal-Recipient: rfc822; user{n}@example.com\r\n\
             Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.com\r\nDiagnostic-Code: smtp; {said}\r\n\r\n\
             --=b\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--=b--\r\n",
        original(n)
    )
}

fn exim(n: usize) -> String {
    head(n, &format!("X-Failed-Recipients: user{n}@example.com\r\nAuto-Submitted: auto-replied\r\n"))
        + &format!(
            "Subject: Mail delivery failed: returning message to sender\r\n\r\nThis message was created automatically by mail \
             delivery software.\r\n\r\nA message that you sent could not be delivered to one or more of its recipients.\r\n\
             This is a permanent error. The following address(es) failed:\r\n\r\n  user{n}@example.com\r\n    \
             host mx.example.com [192.0.2.1]\r\n    SMTP error from remote mail server after RCPT TO:<user{n}@example.com>:\r\n    \
             550 mailbox is full\r\n\r\n------ This is a copy of the message, including all the headers. ------\r\n\r\n{}",
            original(n)
        )
}

fn qmail(n: usize) -> String {
    head(n, "Subject: failure notice\r\n\r\n")
        + &format!(
            "Hi. This is the qmail-send program at mx.example.org.\r\nI'm afraid I wasn't able to deliver your message to the \
             following addresses.\r\nThis is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n\
             <user{n}@example.com>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 5.7.1 refused by policy\r\n\
             Giving up on 192.0.2.1.\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n{}",
            original(n)
        )
}
