//! `postrider doctor`: what is broken with a domain's mail, in which direction, and who must act.
//!
//! The knowledge is the `diagnosis` crate's; here are the options, the screen, and the files.

mod case;
mod client;
mod dns;
mod explain;
mod live;
mod memory;
mod text;
mod watch;
mod whois;
mod world;

pub(crate) use live::LiveLine;
pub(crate) use text::below;
pub(crate) use world::WorldArgs;

use crate::exit::{Exit, Failure};
use crate::verbs::logs::domain_in;
use crate::verbs::paint::{self, Look};
use clap::{Subcommand, ValueEnum};
use memory::Memory;
use postrider_diagnosis::catalogue::checks;
use postrider_diagnosis::ctx::{Ctx, Settings};
use postrider_diagnosis::finding::{Severity, State};
use postrider_diagnosis::net::{Live, World};
use postrider_diagnosis::{Health, Progress, Report, Target, harmless, page, run as look_at};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  postrider doctor example.com                 is its mail well? if not, what is broken, who must act
  postrider doctor tom@example.com             the same, and whether that mailbox is there
  postrider doctor mx1.example.com:25          one host
  postrider doctor 192.0.2.7                   one address: its name, and the lists that have it
  postrider doctor dns example.com             every name server, every record
  postrider doctor explain spf.lookups         what a check asks, and why

Exit codes: 0 healthy, 1 warnings, 2 a problem, 3 could not tell, 64 wrong usage.")]
pub(crate) struct Args {
    /// A part of it
    #[command(subcommand)]
    part: Option<Part>,
    /// A domain, a mail address, a host with a port, or an IP address
    #[arg(value_name = "TARGET", required = true)]
    target: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
    /// Where earlier looks are kept [default: ~/.local/state/postrider]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Keep nothing of this run, and compare with no earlier one
    #[arg(long, conflicts_with = "state")]
    no_history: bool,
    #[command(flatten)]
    ask: AskArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Parts of the doctor with a screen of their own.
#[derive(Debug, Subcommand)]
enum Part {
    /// Say what a check asks, why, and what to do; without an id, list all checks
    Explain {
        /// The check's id, as in spf.lookups, or a group
        #[arg(value_name = "CHECK-ID")]
        id: Option<String>,
    },
    /// Say who registered a domain where, until when, who runs its name servers, and what is odd
    Whois {
        /// The domain
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// Print JSON, one object (postrider.whois/1)
        #[arg(long)]
        json: bool,
    },
    /// Show every name server of a domain and what it says, the chain of trust, and what changed
    Dns(dns::DnsArgs),
    /// Say whether a user's mail program can fetch and send, and what to type into it
    Client(client::ClientArgs),
    /// Print only what changed since the last look, for cron
    Watch(watch::WatchArgs),
    /// Examine, and keep every packet in a file that can be judged again
    Record(case::RecordArgs),
    /// Judge a recorded case again, offline
    Replay(case::ReplayArgs),
}

/// What is shown, and how.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ShowArgs {
    /// Show all findings, with what each explains, and what came of every check
    #[arg(long)]
    pub(crate) all: bool,
    /// Only these checks or groups, separated by commas: spf,mx.none
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these checks or groups out
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// The least severe findings that are shown
    #[arg(long, value_enum)]
    pub(crate) level: Option<Level>,
    /// Print JSON, one object (postrider.doctor/1)
    #[arg(long, conflicts_with = "html")]
    pub(crate) json: bool,
    /// Print a web page that needs nothing else
    #[arg(long)]
    pub(crate) html: bool,
    /// The least severe findings that make the exit code 1 or 2
    #[arg(long, value_enum)]
    pub(crate) fail_on: Option<Level>,
    /// ASCII only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// No live line while it runs
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// What is asked besides the usual.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct AskArgs {
    /// An address that mail of the domain is sent from; may be repeated
    #[arg(long = "from-ip", value_name = "IP")]
    pub(crate) senders: Vec<IpAddr>,
    /// A DKIM selector; may be repeated
    #[arg(long = "selector", value_name = "NAME")]
    pub(crate) selectors: Vec<String>,
    /// A mail server's log, plain, .gz or .zst, or - for standard input, to see there since when
    /// mail of the domain fails, and why; may be repeated
    #[arg(long = "log", value_name = "FILE")]
    pub(crate) logs: Vec<String>,
    /// The hosts are mine: intrusive checks may be made
    #[arg(long)]
    pub(crate) mine: bool,
    /// Where strangers are put off once (greylisting), come again: takes up to 6 minutes more
    #[arg(long)]
    pub(crate) wait: bool,
}

/// How severe, as an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Everything.
    Note,
    /// Warnings and problems.
    #[value(alias = "warning")]
    Warn,
    /// Problems.
    #[value(alias = "problem", alias = "error")]
    Err,
}

impl Level {
    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::Note => Severity::Note,
            Self::Warn => Severity::Warning,
            Self::Err => Severity::Problem,
        }
    }
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.part {
        Some(Part::Explain { id }) => explain::run(id.as_deref()),
        Some(Part::Whois { domain, json }) => whois::run(domain, *json, &args.world),
        Some(Part::Dns(part)) => dns::run(part, &args.world),
        Some(Part::Client(part)) => client::run(part, &args.world),
        Some(Part::Watch(args)) => watch::run(args),
        Some(Part::Record(args)) => case::record(args),
        Some(Part::Replay(args)) => case::replay(args),
        None => examine(args),
    }
}

fn examine(args: &Args) -> Result<Exit, Failure> {
    let target = target(args.target.as_deref().unwrap_or_default())?;
    let mut settings = settings(&args.world, &args.ask, &args.show, &target)?;
    let memory = if args.no_history { None } else { Memory::find(args.state.as_deref()) };
    let mut remembered = match (&memory, &target) {
        (Some(memory), Target::Domain { name, .. }) => Some((memory, name)),
        _ => None,
    };
    if let Some((memory, domain)) = remembered {
        match memory.recall(domain) {
            Some(history) => settings.history = history,
            None => remembered = None,
        }
    }
    let live: Arc<dyn World> = Arc::new(Live::new(args.world.source));
    let ctx = args.world.ctx(live, settings)?;
    let report = observe(&ctx, &target, &args.show)?;
    if let Some((memory, domain)) = remembered
        && report.cut_short.is_none()
        // A part of the checks is no measure for the next run.
        && args.show.only.is_empty()
        && args.show.skip.is_empty()
        // The answer is worth more than its memory.
        && let Err(failure) = memory.add(domain, report.snapshot.clone())
    {
        eprintln!("postrider: this run is not remembered: {failure}");
    }
    show(&report, &args.show)
}

impl ShowArgs {
    /// Judges only the checks that the user wants.
    fn choose(&self, settings: &mut Settings) -> Result<(), Failure> {
        settings.only = named("--only", &self.only)?;
        settings.skip = named("--skip", &self.skip)?;
        Ok(())
    }
}

/// Checks and groups as the user names them, all of which there are.
pub(crate) fn named(option: &str, names: &[String]) -> Result<Vec<String>, Failure> {
    for name in names {
        if !checks().iter().any(|check| check.id == name || check.group == name) {
            let message =
                format!("{option} {name}: no check or group is called so; `postrider doctor explain` lists all");
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(names.to_vec())
}

/// What the user named, or what is wrong with it.
pub(crate) fn target(text: &str) -> Result<Target, Failure> {
    Target::parse(text).map_err(|fault| Failure::new(Exit::Usage, fault.to_string()))
}

fn settings(world: &WorldArgs, ask: &AskArgs, show: &ShowArgs, target: &Target) -> Result<Settings, Failure> {
    let mut settings = world.settings()?;
    show.choose(&mut settings)?;
    settings.senders.clone_from(&ask.senders);
    settings.selectors.clone_from(&ask.selectors);
    settings.mine = ask.mine;
    settings.wait = ask.wait;
    if let Target::Domain { user, .. } = target {
        settings.recipient.clone_from(user);
    }
    if !ask.logs.is_empty() {
        let Target::Domain { name, .. } = target else {
            return Err(Failure::new(Exit::Usage, "--log: name a domain; a log is read for what concerns it"));
        };
        let now = world.clock()?;
        let seen = domain_in(&ask.logs, name, now)?;
        // The addresses that the user named are more certain, and those of an old log may be given up.
        if settings.senders.is_empty() && seen.is_fresh(now.0) {
            settings.senders.clone_from(&seen.senders);
        }
        settings.log = Some(seen);
    }
    Ok(settings)
}

/// Runs it, with a live line; Ctrl-C ends it early with what is known.
pub(crate) fn observe(ctx: &Ctx, target: &Target, show: &ShowArgs) -> Result<Report, Failure> {
    interruptible(show, async |progress, stop| look_at(ctx, target, progress, stop).await)
}

/// Runs with a live line, and with a future that comes true at Ctrl-C.
fn interruptible<T>(show: &ShowArgs, run: impl AsyncFnOnce(Progress<'_>, Stop) -> T) -> Result<T, Failure> {
    let runtime = runtime()?;
    let live = LiveLine::new(!show.quiet && !show.json && !show.html);
    let stop: Stop = Box::pin(async {
        // Without a signal handler Ctrl-C ends the program, as it would anyway.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    let seen = runtime.block_on(run(&|what| live.show(what), stop));
    live.clear();
    // What still waits for a silent host is left behind.
    runtime.shutdown_background();
    Ok(seen)
}

/// Comes true when the user wants no more.
type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// What the verbs of diagnosis run on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("no threads can be had: {error}")))
}

/// Prints a report as wanted, and says how it came out.
pub(crate) fn show(report: &Report, show: &ShowArgs) -> Result<Exit, Failure> {
    let text = if show.json {
        json(report)?
    } else if show.html {
        page(report)
    } else {
        text::screen(report, show, Look::of_stdout())
    };
    print(&text)?;
    Ok(exit(report, show.fail_on))
}

/// A report as JSON.
fn json(report: &Report) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report);
    let text =
        text.map_err(|error| Failure::new(Exit::System, format!("the report cannot be written as JSON: {error}")))?;
    Ok(ascii_escapes(&text) + "\n")
}

/// JSON whose strings have no letter that drives a terminal; to who reads it, it says the same.
fn ascii_escapes(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || harmless(c) == c {
            safe.push(c);
        } else {
            // All of them are in the first plane.
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    safe
}

/// Writes to standard output; a reader that went away is no failure.
///
/// The last gate: but for line ends and our own colours, nothing that drives a terminal passes,
/// whoever said it and wherever it was forgotten.
pub(crate) fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    match out.write_all(safe(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Io, format!("the output cannot be written: {error}")))
        }
        _ => Ok(Exit::Ok),
    }
}

/// Text of which only line ends and our own colours are more than letters.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = paint::colour_at(rest).unwrap_or_else(|| c.len_utf8());
        match &rest[..length] {
            "\n" => safe.push('\n'),
            colour if length > c.len_utf8() => safe.push_str(colour),
            _ => safe.push(harmless(c)),
        }
        rest = &rest[length..];
    }
    safe
}

/// 0 healthy, 1 warnings, 2 a problem, 3 could not tell.
pub(crate) fn exit(report: &Report, fail_on: Option<Level>) -> Exit {
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    let least = fail_on.map_or(Severity::Warning, Level::severity);
    match worst {
        Some(Severity::Problem) => Exit::Problem,
        Some(severity) if severity >= least => Exit::Failed,
        _ if is_unknown(report) => Exit::Unsure,
        _ => Exit::Ok,
    }
}

fn is_unknown(report: &Report) -> bool {
    let verdict = &report.verdict;
    let unknown = [verdict.sending, verdict.receiving].map(|health| health == Health::Unknown);
    // Of a domain that has mail hosts both directions are to be told; of a single host only one can be.
    let has_hosts = report.checks.iter().any(|checked| checked.id == "mx.nohost" && checked.state == State::Fine);
    // A run that was cut short promises nothing of what it did not come to.
    let promised = has_hosts || report.cut_short.is_some();
    unknown == [true, true] || promised && unknown.contains(&true) || report.count(State::Fine) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_colours_reach_the_terminal() {
        let look = Look { colour: true, columns: 80 };
        for tone in [paint::Tone::Strong, paint::Tone::Good, paint::Tone::Waiting, paint::Tone::Bad, paint::Tone::Faint]
        {
            let ours = look.paint("é\nx", tone);
            assert_eq!(safe(&ours), ours);
        }
        assert_eq!(
            safe("a\x1b[2Jb\x1b]0;c\x07\r\u{9b}\u{202e}"),
            "a\u{fffd}[2Jb\u{fffd}]0;c\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(safe("\x1b[31m\x1b[\x1b"), "\u{fffd}[31m\u{fffd}[\u{fffd}");
    }
}
