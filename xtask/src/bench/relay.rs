//! `cargo xtask bench relay`: in turns, each relay under each workload, through one source and sink.

use super::figures::{self, Figures};
use super::peer::{Peer, Running, Site, free_port};
use super::postfix::Postfix;
use super::postrider::Postrider;
use super::tools::{Handed, OwnTools, PostfixTools, Tools};
use super::workload::{self, Workload};
use super::{built, syncs, usage};
use crate::load::names::NameServer;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const WARM_UP_MESSAGES: u64 = 400;
const SYNC_MESSAGES: u64 = 2000;
const MESSAGES_MAX: u64 = 300_000;
/// A relay that delivers nothing for so long is taken to be done.
const STALL: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// After the last delivery: what a relay does behind its back is its work too.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What `cargo xtask bench relay` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which workloads, by commas: 10k, single, 1k, 100k, domains
    #[arg(long, value_delimiter = ',', default_value = "10k,single,1k,100k,domains")]
    workloads: Vec<String>,
    /// Which relays, by commas
    #[arg(long, value_delimiter = ',', default_value = "postrider,postfix")]
    peers: Vec<String>,
    /// How often each; the medians are shown
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// About how long each run shall take; how many messages that is, a warm-up tells
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Just so many messages in each run
    #[arg(long)]
    messages: Option<u64>,
    /// Whose source and sink: our own, which account for each message, or postfix for smtp-source
    /// and smtp-sink
    #[arg(long, default_value = "own", value_parser = ["own", "postfix"])]
    tools: String,
    /// Let the source send MAIL, RCPT and DATA in one write
    #[arg(long)]
    pipelined: bool,
    /// Count syncs per message too, in a short run of its own under strace
    #[arg(long)]
    syncs: bool,
    /// Write all runs to this file, one JSON object a line
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

/// Runs all rounds and prints the table.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let known = |name: &String| workload::named(name).with_context(|| format!("no workload is called {name}"));
    let workloads: Vec<&'static Workload> = options.workloads.iter().map(known).collect::<anyhow::Result<_>>()?;
    let peers: Vec<Box<dyn Peer>> = options.peers.iter().map(|name| peer(root, name)).collect::<anyhow::Result<_>>()?;
    let mut runs = Vec::new();
    for workload in workloads {
        println!("{}: {}", workload.name, workload.about);
        for round in 0..options.rounds {
            // Turned round each time, so that none is always the one that finds a warm or a tired machine.
            let mut turn: Vec<&dyn Peer> = peers.iter().map(AsRef::as_ref).collect();
            if round % 2 == 1 {
                turn.reverse();
            }
            for peer in turn {
                if let Some(hindrance) = peer.hindrance(workload) {
                    println!("  {:<10} left out: {hindrance}", peer.name());
                    continue;
                }
                let figures = Bout { root, options, workload, peer }.run().with_context(|| peer.name())?;
                println!("  {}", figures.json());
                runs.push(figures);
            }
        }
    }
    println!("\n{}", figures::table(&figures::medians(&runs), "postfix"));
    if let Some(path) = &options.json {
        let lines: Vec<String> = runs.iter().map(|run| run.json().to_string()).collect();
        std::fs::write(path, lines.join("\n") + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn peer(root: &Path, name: &str) -> anyhow::Result<Box<dyn Peer>> {
    match name {
        "postrider" => Ok(Box::new(Postrider { binary: built(root, "postrider"), settings: Vec::new() })),
        "postfix" => Ok(Box::new(Postfix)),
        _ => anyhow::bail!("no relay is called {name}"),
    }
}

/// One relay, one workload, one round.
struct Bout<'a> {
    root: &'a Path,
    options: &'a Options,
    workload: &'static Workload,
    peer: &'a dyn Peer,
}

impl Bout<'_> {
    fn run(&self) -> anyhow::Result<Figures> {
        let mut figures = self.measure()?;
        if self.options.syncs {
            figures.syncs_per_message = Some(self.count_syncs()?);
        }
        Ok(figures)
    }

    fn measure(&self) -> anyhow::Result<Figures> {
        let stage = Stage::set(self, MESSAGES_MAX + WARM_UP_MESSAGES)?;
        let relay = Running::start(self.peer, &stage.site, &[])?;
        let begun = Instant::now();
        stage.send_and_wait(0, WARM_UP_MESSAGES)?;
        let rate = WARM_UP_MESSAGES as f64 / begun.elapsed().as_secs_f64();
        // A warm-up is slower than what comes after it; a run may well be shorter than asked for.
        let wanted = ((rate * self.options.seconds) as u64).clamp(WARM_UP_MESSAGES, MESSAGES_MAX);
        let messages = self.options.messages.unwrap_or(wanted).min(MESSAGES_MAX);

        let (cpu_before, tool_before) = (usage::cpu_seconds(relay.pid()), tool_cpu(&relay));
        let (handed, peak) = usage::with_peak_memory(relay.pid(), || stage.send_and_wait(WARM_UP_MESSAGES, messages));
        let (handed, tool) = (handed?, tool_cpu(&relay) - tool_before);
        std::thread::sleep(AFTERMATH);
        let cpu = usage::cpu_seconds(relay.pid()) - cpu_before;
        Ok(self.figures(&stage, &handed, messages, (cpu, tool, peak)))
    }

    fn figures(&self, stage: &Stage, handed: &Handed, messages: u64, used: (f64, f64, u64)) -> Figures {
        let (cpu, tool, peak) = used;
        let (first, last) = handed.span;
        let (lost, doubled) = stage.tools.lost_and_doubled(WARM_UP_MESSAGES, handed);
        let span = |end: Instant| end.saturating_duration_since(first).as_secs_f64().max(1e-3);
        let per_1k = 1000.0 / messages.max(1) as f64;
        Figures {
            peer: self.peer.name(),
            workload: self.workload.name,
            messages,
            accepted_per_s: handed.accepted as f64 / span(last),
            delivered_per_s: (handed.accepted - lost) as f64 / span(stage.tools.last_arrival().unwrap_or(last)),
            cpu_s_per_1k: cpu * per_1k,
            peak_mb: peak as f64 / 1e6,
            syncs_per_message: None,
            latency_ms: handed.latency_ms,
            lost,
            doubled,
            tool_cpu_s_per_1k: tool * per_1k,
        }
    }

    fn count_syncs(&self) -> anyhow::Result<f64> {
        let stage = Stage::set(self, SYNC_MESSAGES)?;
        let log = stage.site.folder.join("syncs.log");
        let mut relay = Running::start(self.peer, &stage.site, &syncs::wrap(&log))?;
        let before = syncs::count(&log);
        stage.send_and_wait(0, SYNC_MESSAGES)?;
        let after = syncs::count(&log);
        relay.stop();
        Ok(after.saturating_sub(before) as f64 / SYNC_MESSAGES as f64)
    }
}

/// What stands around a relay: an empty folder, source and sink, and a name server where mail goes by MX.
struct Stage {
    site: Site,
    tools: Box<dyn Tools>,
    _names: Option<NameServer>,
}

impl Stage {
    fn set(bout: &Bout<'_>, capacity: u64) -> anyhow::Result<Self> {
        let folder = crate::target(bout.root).join("bench").join(bout.peer.name());
        // Not there the first time.
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let folder = folder.canonicalize()?;
        let tools: Box<dyn Tools> = match bout.options.tools.as_str() {
            "postfix" => Box::new(PostfixTools::new(bout.workload)?),
            _ => Box::new(OwnTools::new(bout.workload, bout.options.pipelined, capacity)?),
        };
        // Port 53, as resolv.conf knows no other; this takes root, as Postfix does.
        let resolver = bout.workload.by_mx().then(|| SocketAddr::from(([127, 53, 53, 53], 53)));
        let names = resolver.map(NameServer::listen).transpose().context("cannot listen on port 53")?;
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let site = Site { folder, listen, sink: tools.sink(), resolver };
        Ok(Self { site, tools, _names: names })
    }

    /// Hands messages in and waits until all that were taken have come out, or nothing more comes.
    fn send_and_wait(&self, first: u64, messages: u64) -> anyhow::Result<Handed> {
        let wanted = self.tools.arrived();
        let handed = self.tools.send(self.site.listen, first, messages)?;
        let wanted = wanted + handed.accepted;
        let (mut seen, mut since) = (self.tools.arrived(), Instant::now());
        while seen < wanted && since.elapsed() < STALL {
            std::thread::sleep(POLL);
            let now = self.tools.arrived();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
        Ok(handed)
    }
}

/// CPU of this tool and what it started, without the relay, which is a child of it too.
fn tool_cpu(relay: &Running) -> f64 {
    usage::cpu_seconds(std::process::id()) - usage::cpu_seconds(relay.pid())
}
