//! Chores of the workspace: what a build alone does not check, and what only a stopwatch shows.
//!
//! `cargo xtask tidy` holds the house rules of ARCHITECTURE.md. It reads files and
//! `cargo metadata`, builds nothing and changes nothing. `cargo xtask bench` measures, `cargo
//! xtask kill` kills a relay under load and counts, `cargo xtask knowledge` checks what the decoder
//! knows, `cargo xtask score` compares with right answers, `cargo xtask make-log` writes a log to read.

mod bench;
mod kill;
mod knowledge;
mod load;
mod make_log;
mod score;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Chores of the Postrider workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the house rules: arrows between crates, pure crates, names, citations, links, licences
    Tidy(tidy::Options),
    /// Measure: the relay against Postfix, or one crate alone
    Bench(bench::Options),
    /// Kill the relay again and again under load, and count what was lost or doubled
    Kill(kill::Options),
    /// Check the files of knowledge as they lie on disk, or explain a reply by them
    Knowledge(knowledge::Options),
    /// Write a log of Postfix as long as wanted, for benches and for trying `postrider logs`
    MakeLog(make_log::Options),
    /// How often the decoder is right, against a file with the right answers
    Score(score::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Tidy(options) => tidy::run(&root(), &options),
        Chore::Bench(options) => bench::run(&root(), &options),
        Chore::Kill(options) => kill::run(&root(), &options),
        Chore::Knowledge(options) => knowledge::run(&root(), &options),
        Chore::MakeLog(options) => make_log::run(&options),
        Chore::Score(options) => score::run(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target))
}

/// The root of the workspace: the folder above this package.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
