//! The one binary: verbs, configuration, wiring, signals.
//!
//! Called as `sendmail` or `mailq` it behaves as they do.

mod cli;
mod config;
mod control;
mod exit;
mod verbs;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::parse().verb.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("postrider: {failure}");
            failure.exit.into()
        }
    }
}
