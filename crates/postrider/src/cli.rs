//! The command line: which verbs there are, and the options they share.

use crate::config::problem::Problems;
use crate::config::{Config, Sources};
use crate::exit::{EXIT_HELP, Exit, Failure};
use crate::verbs;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Gets mail delivered, and says in plain words what happened when it was not.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, about, after_help = EXIT_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a reply, a bounce, a log line or a bare code means, and what to do
    Explain(verbs::explain::Args),
    /// Say what is broken with a domain's mail, in which direction, and who must act
    Doctor(Box<verbs::doctor::Args>),
    /// Talk to a mail host: the session line by line, with times, certificate, and what replies mean
    Probe(verbs::probe::Args),
    /// Read mail servers' logs: what went wrong, where, since when, and who must act
    Logs(verbs::logs::Args),
    /// Look codes up, or write the field manual
    Codes(verbs::codes::Args),
    /// Send a mail there and back: which direction is broken, and who must act
    Roundtrip(verbs::roundtrip::Args),
    /// Judge a received message: would a receiver take it, what fails and why, where it waited
    Inspect(Box<verbs::inspect::Args>),
    /// Run the relay
    Serve(verbs::serve::Args),
    /// See what waits and why; retry, hold, release or drop it
    Queue(verbs::queue::Args),
    /// Compose a mail and hand it in
    Send(verbs::send::Args),
    /// Take a message on standard input, as the classic sendmail does
    #[command(disable_help_flag = true)]
    Sendmail {
        /// Options and recipients, as `sendmail` takes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// See a relay at work, in a small internet on this machine
    Demo(crate::demo::Args),
    /// Check the configuration: every key, its value, and where it comes from
    Check(verbs::check::Args),
    /// Make an argon2 hash of a password, for a user of the configuration
    Passwd(verbs::passwd::Args),
}

/// Where the configuration comes from; the same for all verbs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// The configuration file [default: /etc/postrider/postrider.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Set any key, such as queue.retry.first=1m; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub(crate) sets: Vec<String>,
    /// The folder of spool, events and control socket
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

impl ConfigArgs {
    /// These arguments and the environment, still to be read.
    pub(crate) fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        if let Some(data) = &self.data {
            flags.push(("data", "--data", data.display().to_string()));
        }
        // A variable that is not UTF-8 is none of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("POSTRIDER_"))
            .collect();
        Sources { file: self.config.clone(), environment, sets: self.sets.clone(), flags, ..Sources::default() }
    }

    /// The configuration, for verbs that talk to the relay: a file they may not read is passed over.
    pub(crate) fn for_client(&self) -> Result<Config, Problems> {
        Sources { file_may_be_hidden: true, ..self.sources() }.load()
    }
}

/// Tells what is wrong with the command line, or helps; wrong usage has one exit code everywhere.
pub(crate) fn usage(fault: &clap::Error) -> Exit {
    // Nobody is left to be told when the output is gone.
    let _ = fault.print();
    if fault.use_stderr() { Exit::Usage } else { Exit::Ok }
}

impl Verb {
    /// Does it.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Explain(args) => verbs::explain::run(&args),
            Self::Doctor(args) => verbs::doctor::run(&args),
            Self::Probe(args) => verbs::probe::run(&args),
            Self::Logs(args) => verbs::logs::run(&args),
            Self::Codes(args) => verbs::codes::run(&args),
            Self::Roundtrip(args) => verbs::roundtrip::run(&args),
            Self::Inspect(args) => verbs::inspect::run(&args),
            Self::Serve(args) => verbs::serve::run(&args),
            Self::Send(args) => verbs::send::run(&args),
            Self::Sendmail { arguments } => verbs::sendmail::run(arguments),
            Self::Queue(args) => verbs::queue::run(&args),
            Self::Demo(args) => crate::demo::run(&args),
            Self::Check(args) => verbs::check::run(&args),
            Self::Passwd(args) => verbs::passwd::run(&args),
        }
    }
}
