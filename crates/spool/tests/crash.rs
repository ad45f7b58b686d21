//! Killed at any instant: what was acknowledged is there, what was finished is gone, and every dot is named.
//!
//! The test binary runs itself as the victim. The victim says on its standard output what it is
//! about to do and what was acknowledged; the test kills it after so many lines, or lets the
//! kernel do it in the middle of a write (`ulimit -f`: the write that crosses the limit is cut
//! short, the next one kills).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing helper fails its test, which is its job")]

mod common;

use common::*;
use postrider_smtp::MessageId;
use postrider_spool::{Engine, Record, Settings, Spool, SpoolError};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const VICTIM_DIRECTORY: &str = "POSTRIDER_SPOOL_VICTIM";
const VICTIM_FIRST: &str = "POSTRIDER_SPOOL_VICTIM_FIRST";
/// Failed commits after which the victim gives up.
const FAILURES_MAX: i64 = 50;

/// What the kernel sends to who writes beyond `ulimit -f` (Linux, most architectures).
const SIGXFSZ: i32 = 25;

/// How far a message got, by what the victim said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Committed,
    DotOut,
    RecordBegun,
    Done,
    Deferred,
}

fn say(what: &str, count: i64) {
    // One write for one line: lines of several threads do not mix, and none is left in a buffer.
    let _ = std::io::stdout().lock().write_all(format!("@{what} {count}\n").as_bytes());
}

/// Not a test by itself: the process that the tests below kill.
#[test]
#[ignore = "run by the other tests of this file, in a process of its own"]
fn victim() {
    let (Ok(directory), Ok(first)) = (std::env::var(VICTIM_DIRECTORY), std::env::var(VICTIM_FIRST)) else { return };
    let settings =
        postrider_spool::SqliteSettings { log_bytes: 1 << 20, ..postrider_spool::SqliteSettings::new(directory) };
    let Some(spool) = open_once_free(&settings) else { return };
    spool.recovery_told();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let next = Arc::new(AtomicI64::new(first.parse().unwrap()));
    let failures = Arc::new(AtomicI64::new(0));
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..16 {
            let (spool, next, failures) = (spool.clone(), Arc::clone(&next), Arc::clone(&failures));
            tasks.push(tokio::spawn(async move {
                while failures.load(Ordering::Relaxed) < FAILURES_MAX {
                    if live(&spool, next.fetch_add(1, Ordering::Relaxed)).await.is_err() {
                        failures.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
        for task in tasks {
            let _ = task.await;
        }
    });
}

/// The lock of the check before may live a moment longer than its spool: in a child that another
/// test of this process has forked, and that has not yet become another program.
fn open_once_free(settings: &postrider_spool::SqliteSettings) -> Option<Spool> {
    for _ in 0..10_000 {
        match Spool::open(settings.clone(), Settings::default()) {
            Err(SpoolError::InUse(_)) => std::thread::yield_now(),
            opened => return opened.ok().map(|(spool, _)| spool),
        }
    }
    None
}

/// One message's life in the victim; every third is deferred.
async fn live(spool: &Spool, count: i64) -> Result<(), SpoolError> {
    spool.commit(large(count)).await?;
    say("committed", count);
    let dot = spool.dot(id(count), 0);
    if dot.is_some() {
        say("dot-out", count);
    }
    let deferred = count % 3 == 0;
    let progress = if deferred { retry(count, 0, minute(5), "busy") } else { done(count, 0) };
    say("record-begun", count);
    spool.record(Record { progress: vec![progress], ..Record::default() }).await?;
    say(if deferred { "deferred" } else { "done" }, count);
    if let Some(dot) = dot {
        dot.clear();
    }
    Ok(())
}

/// Bodies of several sizes, most of them on several pages.
fn large(count: i64) -> postrider_spool::NewMessage {
    let mut new = leased(count, &["a@x.example"]);
    let lines = usize::try_from(count % 7).unwrap() * 100;
    new.content.body = format!("{count}\r\n").repeat(lines).into();
    new
}

/// Runs the victim until it has said so many lines or died, and gives how far each message got, and how it ended.
fn run(directory: &Path, first: i64, lines_max: usize, shell: &str) -> (BTreeMap<i64, Said>, ExitStatus) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored", "--nocapture", "--test-threads", "1"])
        .env(VICTIM_DIRECTORY, directory)
        .env(VICTIM_FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BTreeMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut heard = 0;
    while let Some(Ok(line)) = lines.next() {
        heard += 1;
        if heard == lines_max {
            child.kill().unwrap();
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        // The harness prints lines of its own, the first of ours may stand behind one of them.
        let Some((_, line)) = line.split_once('@') else { continue };
        let (what, count) = line.split_once(' ').unwrap();
        let what = match what {
            "committed" => Said::Committed,
            "dot-out" => Said::DotOut,
            "record-begun" => Said::RecordBegun,
            "done" => Said::Done,
            "deferred" => Said::Deferred,
            other => panic!("the victim said {other}"),
        };
        said.insert(count.parse().unwrap(), what);
    }
    (said, child.wait().unwrap())
}

/// Opens the spool after the victim's death and compares it with what the victim said.
fn check(directory: &Directory, said: &BTreeMap<i64, Said>, what: &str) {
    let (spool, recovery) = Spool::open(directory.settings(), Settings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let named: Vec<MessageId> = recovery.in_doubt.iter().chain(&recovery.untold).copied().collect();
    for (count, said) in said {
        let content = runtime.block_on(spool.content(id(*count)));
        let there = content.is_ok();
        if let Ok(content) = content {
            assert_eq!(content, large(*count).content, "{what}: message {count} is there, but not as it was");
        }
        match said {
            Said::Committed | Said::DotOut | Said::Deferred => assert!(there, "{what}: {count}, {said:?}, is lost"),
            Said::Done => assert!(!there, "{what}: {count} was done, and is there again"),
            Said::RecordBegun => {}
        }
        if matches!(said, Said::DotOut | Said::RecordBegun) {
            assert!(named.contains(&id(*count)), "{what}: the dot of {count} was out, and nobody says so");
        }
    }
    for message in &recovery.in_doubt {
        assert!(runtime.block_on(spool.content(*message)).is_ok(), "{what}: {message} in doubt, but not there");
    }
    runtime.block_on(spool.close());
}

#[test]
fn killed_twenty_times_nothing_acknowledged_is_lost() {
    let directory = Directory::new();
    let mut everything = BTreeMap::new();
    let mut seed: u64 = 20_261_124;
    for round in 0..20 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lines = 30 + usize::try_from(seed >> 33).unwrap() % 1500;
        let (said, end) = run(directory.path(), 1 + round * 100_000, lines, "");
        assert!(said.len() > 2, "round {round}: the victim did not get going, and ended: {end}");
        check(&directory, &said, &format!("round {round}, killed after {lines} lines"));
        // What earlier lives deferred must outlive all later deaths.
        everything.extend(said.into_iter().filter(|(_, said)| *said == Said::Deferred));
    }
    check(&directory, &everything, "in the end");
    let (messages, recipients) = directory.open().count().unwrap();
    assert!(messages == recipients && messages >= everything.len() as u64, "the tally is right");
}

#[test]
fn killed_in_the_middle_of_a_write() {
    // Limits in blocks of 512 octets: from the schema's first pages to several rounds of the log.
    for blocks in [150, 161, 170, 199, 250, 333, 500, 777, 1001, 1500, 1999, 2100] {
        let directory = Directory::new();
        let (said, end) = run(directory.path(), 1, usize::MAX, &format!("ulimit -f {blocks};"));
        assert_eq!(end.signal(), Some(SIGXFSZ), "no file above {blocks} blocks");
        check(&directory, &said, &format!("no file above {blocks} blocks"));
    }
}

#[test]
fn writes_that_fail_lose_nothing_and_promise_nothing() {
    // From just above what an empty spool takes.
    for blocks in [260, 500, 1001, 1999, 2100] {
        let directory = Directory::new();
        let (said, end) = run(directory.path(), 1, usize::MAX, &format!("trap '' XFSZ; ulimit -f {blocks};"));
        assert!(
            end.success() && !said.is_empty(),
            "it goes on until {FAILURES_MAX} writes have failed, and ends: {end}"
        );
        check(&directory, &said, &format!("writes fail above {blocks} blocks"));
    }
}
