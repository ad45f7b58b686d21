//! `doctor record` and `doctor replay`: a run with all it heard in one file, and judged again.

use super::{AskArgs, ShowArgs, WorldArgs};
use crate::exit::{Exit, Failure};
use postrider_diagnosis::case;
use postrider_diagnosis::net::{Live, Tape, World};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to record.
#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    /// A domain, a mail address, a host with a port, or an IP address
    #[arg(value_name = "TARGET")]
    target: String,
    /// The case file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    show: ShowArgs,
    #[command(flatten)]
    ask: AskArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// What to judge again.
#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// The case file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    show: ShowArgs,
}

/// Examines, and keeps every packet and octet; passwords are not in it.
pub(super) fn record(args: &RecordArgs) -> Result<Exit, Failure> {
    let target = super::target(&args.target)?;
    let settings = super::settings(&args.world, &args.ask, &args.show, &target)?;
    let live: Arc<dyn World> = Arc::new(Live::new(args.world.source));
    let tape = Arc::new(Tape::recording(live));
    let world: Arc<dyn World> = tape.clone();
    let ctx = args.world.ctx(world, settings)?;
    let report = super::observe(&ctx, &target, &args.show)?;
    let ca = args.world.ca.as_deref().map(read).transpose()?;
    let text = case::write(&ctx, &target, ca, &tape.entries())
        .map_err(|error| Failure::new(Exit::System, format!("the case cannot be written down: {error}")))?;
    std::fs::write(&args.output, text)
        .map_err(|error| Failure::new(Exit::CannotCreate, format!("{}: {error}", args.output.display())))?;
    super::show(&report, &args.show)
}

/// Judges a case file. Nothing is asked of anybody.
pub(super) fn replay(args: &ReplayArgs) -> Result<Exit, Failure> {
    let text = read(&args.file)?;
    let told = |fault: &dyn std::fmt::Display| Failure::new(Exit::Data, format!("{}: {fault}", args.file.display()));
    let (mut ctx, target) = case::read(&text).map_err(|fault| told(&fault))?;
    if !(args.show.only.is_empty() && args.show.skip.is_empty()) {
        let mut settings = (*ctx.settings).clone();
        args.show.choose(&mut settings)?;
        ctx.settings = Arc::new(settings);
    }
    let report = super::observe(&ctx, &target, &args.show)?;
    super::show(&report, &args.show)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(Exit::NoInput, format!("{}: {error}", path.display())))
}
