//! How a verb ends: exit codes, and failures with a line for a person.

use crate::config::problem::Problems;
use postrider_diagnosis::harmless;
use std::fmt::{self, Write as _};
use std::process::ExitCode;

/// The exit codes of sysexits.h, as far as they are used; 0 and 1 as everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// It did not work out; the message says why.
    Failed = 1,
    /// Diagnosed, and a problem was found.
    Problem = 2,
    /// It could not be told: explained by no more than the first digit of a reply, or too
    /// little could be tested.
    Unsure = 3,
    /// The command line makes no sense.
    Usage = 64,
    /// What was handed in cannot be understood: no recipients, not a message.
    Data = 65,
    /// An input file cannot be read.
    NoInput = 66,
    /// A recipient was refused.
    NoUser = 67,
    /// The service is not there, or refused the message for good.
    Unavailable = 69,
    /// A fault of the system: no thread, no socket.
    System = 71,
    /// A file cannot be written.
    CannotCreate = 73,
    /// Reading or writing failed on the way.
    Io = 74,
    /// Not now; try again later.
    TryAgain = 75,
    /// This user may not do that.
    NoPermission = 77,
    /// The configuration has faults.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit codes all verbs share, for the help.
pub(crate) const EXIT_HELP: &str = "\
Exit codes: 0 done, 1 it did not work out, 2 the doctor found a problem, \
3 it could not be told (explain: by a first digit only), 64 wrong usage, 69 no relay is running or it refused, \
75 try again later, 77 not allowed, 78 the configuration has faults.";

/// A verb that could not do its job: an exit code, and what happened with what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code.
    pub(crate) exit: Exit,
    /// What happened, and what to do; may have several lines.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with its words.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a stranger said may be in it.
        self.message.chars().try_for_each(|c| f.write_char(if c == '\n' { c } else { harmless(c) }))
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let count = problems.0.len();
        let faults = if count == 1 { "a fault".to_owned() } else { format!("{count} faults") };
        Self::new(Exit::Config, format!("the configuration has {faults}:\n{problems}"))
    }
}
