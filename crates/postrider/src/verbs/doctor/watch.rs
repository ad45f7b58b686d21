//! `doctor watch`: for cron: looks, and prints only what changed since the last look.

use super::memory::Memory;
use super::{AskArgs, ShowArgs, WorldArgs};
use crate::exit::{Exit, Failure};
use postrider_diagnosis::Target;
use postrider_diagnosis::finding::{Finding, Severity};
use postrider_diagnosis::history::{Snapshot, differences};
use postrider_diagnosis::net::{Live, World};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// What to watch.
#[derive(Debug, clap::Args)]
pub(super) struct WatchArgs {
    /// Domains
    #[arg(value_name = "DOMAIN", required = true)]
    domains: Vec<String>,
    /// Where earlier looks are kept [default: ~/.local/state/postrider]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    ask: AskArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Looks at each domain; says nothing of one that is as it was.
pub(super) fn run(args: &WatchArgs) -> Result<Exit, Failure> {
    let memory = Memory::find(args.state.as_deref())
        .ok_or_else(|| Failure::new(Exit::Usage, "no folder to remember in: set HOME, or name one with --state DIR"))?;
    let mut news = false;
    for name in &args.domains {
        let target = super::target(name)?;
        let Target::Domain { name: domain, .. } = &target else {
            return Err(Failure::new(Exit::Usage, format!("{name}: only domains can be watched")));
        };
        let mut settings = super::settings(&args.world, &args.ask, &ShowArgs::default(), &target)?;
        settings.history = memory.read(domain)?;
        let last = settings.history.last().cloned();
        let live: Arc<dyn World> = Arc::new(Live::new(args.world.source));
        let ctx = args.world.ctx(live, settings)?;
        let show = ShowArgs { quiet: true, ..ShowArgs::default() };
        let report = super::observe(&ctx, &target, &show)?;
        let text = told(domain, last.as_ref(), &report.snapshot, &report.findings);
        news |= !text.is_empty();
        super::print(&text)?;
        // A look that was cut short knows too little to be the measure of the next one.
        if report.cut_short.is_none() {
            memory.add(domain, report.snapshot)?;
        }
    }
    Ok(if news { Exit::Failed } else { Exit::Ok })
}

/// What is new, a line each; empty when nothing is.
fn told(domain: &str, last: Option<&Snapshot>, now: &Snapshot, findings: &[Finding]) -> String {
    let mut text = String::new();
    let empty = Snapshot::default();
    let before = last.unwrap_or(&empty);
    for line in differences(before, now) {
        let _ = writeln!(text, "{domain}: {line}");
    }
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Problem) {
        if !before.problems.contains(&finding.key()) {
            let _ = writeln!(text, "{domain}: new problem: {} ({})", finding.title, finding.id);
        }
    }
    for key in before.problems.difference(&now.problems) {
        let (id, subject) = key.split_once('#').unwrap_or((key, ""));
        let _ = writeln!(text, "{domain}: mended: {id} of {subject}");
    }
    text
}
