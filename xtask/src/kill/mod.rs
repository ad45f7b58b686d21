//! `cargo xtask kill`: the promise of 250, tested with SIGKILL.
//!
//! Numbered messages come in over several connections while the relay is killed at random moments
//! and started again. At the end the queue is drained and every number is accounted for: what was
//! answered 250 has come out; what came out twice had its final dot out when the relay died, and
//! the events say so.

mod account;

use crate::bench::peer::{Running, Site, free_port};
use crate::bench::postrider::Postrider;
use crate::bench::{StatusOk as _, cargo};
use crate::load::sink::Sink;
use crate::load::source::{Plan, hand_in};
use account::Account;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The sink holds its last reply back for so long, so that many a death falls behind a final dot.
const REPLY_AFTER: Duration = Duration::from_millis(2);
/// Nothing more comes out for so long, though the queue was told to go on: the rest is lost.
const STALL: Duration = Duration::from_secs(40);
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Behind the last arrival: a late second copy would still be seen.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What `cargo xtask kill` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often it is killed
    #[arg(long, default_value_t = 20)]
    times: u32,
    /// At most so many messages
    #[arg(long, default_value_t = 200_000)]
    messages: u64,
    /// Connections at once
    #[arg(long, default_value_t = 10)]
    connections: usize,
    /// How long it is let live each time, in milliseconds, at least and at most
    #[arg(long, num_args = 2, default_values_t = [50, 900])]
    life_ms: Vec<u64>,
    /// The binary; without it the debug one is built
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Other moments come of another seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Kills, drains, counts; true when the promise was kept.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let binary = binary(root, options)?;
    let folder = crate::target(root).join("kill").join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let folder = folder.canonicalize()?;
    let sink = Sink::listen(([127, 0, 0, 1], 0).into(), options.messages, REPLY_AFTER)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let site = Site { folder, listen, sink: sink.address, resolver: None };
    let relay = Postrider { binary, settings: vec!["queue.retry.first=1s".to_owned()] };

    let plan = Plan {
        to: listen,
        connections: options.connections,
        first: 0,
        messages: options.messages,
        body_bytes: 4000,
        per_connection: Some(20),
        domains: 1,
        pipelined: false,
    };
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let source = scope.spawn(|| hand_in(&plan, &stop));
        let killed = kill_again_and_again(&relay, &site, options);
        stop.store(true, Ordering::Relaxed);
        let sent = source.join().map_err(|_| anyhow::anyhow!("the source panicked"))?;
        killed.map(|last| (sent, last))
    });
    let (sent, mut last) = sent?;
    drain(&relay, &site, &sink, sent.accepted_count());
    last.stop();

    let account = Account::of(&sent, &sink.count, &site.folder.join("data"))?;
    println!("kill: {} times, {account}", options.times);
    if account.is_kept() {
        // Kept where something is to be looked into.
        drop(std::fs::remove_dir_all(&site.folder));
    } else {
        println!("kept: {}", site.folder.display());
    }
    Ok(account.is_kept())
}

fn binary(root: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(binary) = &options.binary {
        return binary.canonicalize().with_context(|| binary.display().to_string());
    }
    cargo(root).args(["build", "--quiet", "--package", "postrider"]).status_ok()?;
    Ok(crate::target(root).join("debug/postrider"))
}

/// Gives the relay that was started last and lives.
fn kill_again_and_again(relay: &Postrider, site: &Site, options: &Options) -> anyhow::Result<Running> {
    let mut moments = options.seed;
    for _ in 0..options.times {
        let running = Running::start(relay, site, &[])?;
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (least, most) = (options.life_ms[0], options.life_ms[1].max(options.life_ms[0] + 1));
        std::thread::sleep(Duration::from_millis(least + (moments >> 33) % (most - least)));
        running.kill();
    }
    Running::start(relay, site, &[])
}

/// Lets the queue go on until all that was accepted has come out, or nothing more does.
fn drain(relay: &Postrider, site: &Site, sink: &Sink, accepted: u64) {
    let (mut seen, mut since) = (sink.count.distinct(), Instant::now());
    while seen < accepted && since.elapsed() < STALL {
        let mut retry = Command::new(&relay.binary);
        retry.args(["queue", "retry", "--all", "--data"]).arg(site.folder.join("data"));
        // An empty queue has nothing to try again, and that is fine.
        drop(retry.stdout(Stdio::null()).stderr(Stdio::null()).status());
        std::thread::sleep(RETRY_EVERY);
        if sink.count.distinct() > seen {
            (seen, since) = (sink.count.distinct(), Instant::now());
        }
    }
    std::thread::sleep(AFTERMATH);
}
