//! A log of Postfix as long as wanted, for benches and for trying `postrider logs`.
//!
//! The same number of lines gives the same log. Messages are under way at the same time, their
//! lines are mixed, and in the last third one destination begins to slow the sender down.

use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// What `cargo xtask make-log` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many lines
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Where it goes
    file: PathBuf,
}

/// Writes the log.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let file = File::create(&options.file).with_context(|| format!("cannot write {}", options.file.display()))?;
    let mut to = BufWriter::new(file);
    write(&mut to, options.lines)?;
    to.flush()?;
    Ok(true)
}

/// How many messages are under way at the same time.
const UNDER_WAY: u64 = 200;
/// How many lines a message has.
const STEPS: u64 = 8;
/// Lines a second: a day has 8.6 million.
const LINES_PER_S: u64 = 100;

/// The log, line by line.
pub(crate) fn write(to: &mut impl Write, lines: u64) -> std::io::Result<()> {
    for number in 0..lines {
        let within = number % (UNDER_WAY * STEPS);
        let message = number / (UNDER_WAY * STEPS) * UNDER_WAY + within % UNDER_WAY;
        let late = number * 3 > lines * 2;
        let second = number / LINES_PER_S;
        let (day, second) = (1 + second / 86_400 % 28, second % 86_400);
        write!(to, "Nov {day:2} {:02}:{:02}:{:02} mx1 ", second / 3600, second / 60 % 60, second % 60)?;
        line(to, message, within / UNDER_WAY, late)?;
    }
    Ok(())
}

/// A number that looks like chance, from the message's.
fn chance(message: u64) -> u64 {
    let mixed = message.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 29).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

fn line(to: &mut impl Write, message: u64, step: u64, late: bool) -> std::io::Result<()> {
    let id = format!("{:X}", 0x4_0000_0000 + message * 4099);
    let (client, process) = (message % 23, 1000 + message % 97);
    match step {
        0 => writeln!(to, "postfix/smtpd[{process}]: connect from shop{client}.example.org[198.51.100.{client}]"),
        1 => writeln!(to, "postfix/smtpd[{process}]: {id}: client=shop{client}.example.org[198.51.100.{client}]"),
        2 => writeln!(to, "postfix/cleanup[{process}]: {id}: message-id=<{message}.order@shop{client}.example.org>"),
        3 => writeln!(
            to,
            "postfix/qmgr[77]: {id}: from=<orders@shop{client}.example.org>, size={}, nrcpt=1 (queue active)",
            900 + message % 9000
        ),
        4 => writeln!(
            to,
            "postfix/smtpd[{process}]: disconnect from shop{client}.example.org[198.51.100.{client}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
        ),
        5 => attempted(to, message, &id, late),
        6 => writeln!(to, "postfix/anvil[88]: statistics: max connection rate 1/60s for (smtp:198.51.100.{client})"),
        _ => writeln!(to, "postfix/qmgr[77]: {id}: removed"),
    }
}

fn attempted(to: &mut impl Write, message: u64, id: &str, late: bool) -> std::io::Result<()> {
    let chance = chance(message);
    let domain = chance % 40;
    let host = format!("mx.customer{domain}.example");
    let said = format!("host {host}[192.0.2.{domain}] said:");
    let (dsn, status, words) = match chance / 40 % 100 {
        _ if late && domain == 7 => (
            "4.7.0",
            "deferred",
            format!(
                "{said} 421 4.7.0 Too many connections from your host, slow down (in reply to end of DATA command)"
            ),
        ),
        0..5 => (
            "5.1.1",
            "bounced",
            format!(
                "{said} 550 5.1.1 <user{message}@customer{domain}.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)"
            ),
        ),
        5..8 => (
            "4.7.1",
            "deferred",
            format!("{said} 450 4.7.1 Greylisted, try again in 300 seconds (in reply to RCPT TO command)"),
        ),
        8..10 => ("4.4.1", "deferred", format!("connect to {host}[192.0.2.{domain}]:25: Connection timed out")),
        10 => {
            ("4.2.2", "deferred", format!("{said} 452 4.2.2 The mailbox is over quota (in reply to RCPT TO command)"))
        }
        _ => ("2.0.0", "sent", format!("250 2.0.0 Ok: queued as {message:X}")),
    };
    let relay = if words.starts_with("connect") { "none".to_owned() } else { format!("{host}[192.0.2.{domain}]:25") };
    writeln!(
        to,
        "postfix/smtp[{}]: {id}: to=<user{message}@customer{domain}.example>, relay={relay}, delay=0.{}, delays=0.1/0/0.2/0.1, dsn={dsn}, status={status} ({words})",
        2000 + message % 53,
        message % 90,
    )
}
