//! Benches: figures, not tests. They never fail for being slow.
//!
//! The relay is measured from outside, as the release binary, in turns with Debian's Postfix and
//! through the same source and sink. The benches of single crates are their own examples; here
//! they only have a common door.

mod explain;
mod figures;
pub(crate) mod peer;
mod postfix;
pub(crate) mod postrider;
mod relay;
mod syncs;
mod tools;
mod usage;
mod workload;

use anyhow::Context as _;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(clap::Subcommand)]
enum Subject {
    /// The release binary against Debian's Postfix, in turns: messages/s, CPU, memory, syncs
    Relay(relay::Options),
    /// The store of messages alone
    Spool(Rest),
    /// The schedule alone: ten million deferred recipients
    Queue(Rest),
    /// The decoder of replies alone
    Reply(Rest),
    /// The readers: replies/s, bounce mails/s and MB/s of logs on one core
    Explain(explain::Options),
    /// What `relay` starts once all is built with optimisation
    #[command(hide = true)]
    RelayBuilt(relay::Options),
    /// What `explain` starts once all is built with optimisation
    #[command(hide = true)]
    ExplainBuilt(explain::Options),
}

/// Arguments for the crate's own bench.
#[derive(clap::Args)]
struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs one bench; true when it ran.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    match &options.subject {
        Subject::Relay(_) => rebuilt(root, "relay", &["postrider", "xtask"]),
        Subject::Explain(_) => rebuilt(root, "explain", &["xtask"]),
        Subject::ExplainBuilt(options) => explain::run(options).map(|()| true),
        Subject::RelayBuilt(options) => relay::run(root, options).map(|()| true),
        Subject::Spool(rest) => example(root, "postrider-spool", rest),
        Subject::Queue(rest) => example(root, "postrider-queue", rest),
        Subject::Reply(rest) => example(root, "postrider-reply", rest),
    }
}

/// Builds packages, this tool among them, with optimisation and goes on in the built one: a
/// source that was built for debugging would measure itself.
fn rebuilt(root: &Path, subject: &str, packages: &[&str]) -> anyhow::Result<bool> {
    let named = packages.iter().flat_map(|package| ["--package", package]);
    cargo(root).args(["build", "--release"]).args(named).status_ok()?;
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(argument) = arguments.iter_mut().find(|argument| *argument == subject) {
        *argument = format!("{subject}-built").into();
    }
    let status = Command::new(built(root, "xtask")).args(arguments).status().context("cannot run the built xtask")?;
    Ok(status.success())
}

fn example(root: &Path, package: &str, rest: &Rest) -> anyhow::Result<bool> {
    let mut cargo = cargo(root);
    cargo.args(["run", "--release", "--quiet", "--package", package, "--example", "bench", "--"]);
    let status = cargo.args(&rest.arguments).status().context("cannot run cargo")?;
    Ok(status.success())
}

/// A release binary of this workspace.
fn built(root: &Path, name: &str) -> std::path::PathBuf {
    crate::target(root).join("release").join(name)
}

pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

pub(crate) trait StatusOk {
    fn status_ok(&mut self) -> anyhow::Result<()>;
}

impl StatusOk for Command {
    /// Runs to the end; a failing exit code is an error that names the command.
    fn status_ok(&mut self) -> anyhow::Result<()> {
        let status = self.status().with_context(|| format!("cannot run {}", self.get_program().display()))?;
        anyhow::ensure!(status.success(), "{} failed: {status}", self.get_program().display());
        Ok(())
    }
}
