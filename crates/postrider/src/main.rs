//! The one binary: verbs, configuration, wiring, signals.
//!
//! Called as `sendmail` or `mailq` it behaves as they do.

mod cli;
mod compose;
mod config;
mod control;
mod demo;
mod exit;
mod http;
mod serve;
mod submit;
mod verbs;

use clap::Parser as _;
use exit::{Exit, Failure};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match called_as(&name, arguments.collect()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("postrider: {failure}");
            failure.exit.into()
        }
    }
}

fn called_as(name: &OsStr, arguments: Vec<OsString>) -> Result<Exit, Failure> {
    match Path::new(name).file_stem().and_then(OsStr::to_str) {
        Some("sendmail") => verbs::sendmail::run(arguments),
        Some("mailq") => verbs::sendmail::run(vec!["-bp".into()]),
        _ => match cli::Cli::try_parse() {
            Ok(cli) => cli.verb.run(),
            Err(fault) => Ok(cli::usage(&fault)),
        },
    }
}
