//! Where a value was written, and what is wrong with it.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Where something was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Place {
    /// Nowhere: the built-in default holds.
    Default,
    /// In the configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The line itself, for messages; not shown by `check`.
        #[serde(skip)]
        text: String,
    },
    /// In an environment variable.
    Environment {
        /// Its name.
        name: String,
    },
    /// On the command line.
    Flag {
        /// The flag, such as `--smtp` or `--set`.
        name: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => write!(f, "${name}"),
            Self::Flag { name } => f.write_str(name),
        }
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Where it was written.
    pub(crate) place: Place,
    /// Which key or table it is about; empty when about the whole file.
    pub(crate) key: String,
    /// What is wrong, and a suggestion.
    pub(crate) message: String,
}

impl Problem {
    /// A problem with one key.
    pub(crate) fn new(place: Place, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place, key: key.into(), message: message.into() }
    }
}

/// `file:line:column: key: what is wrong`, and the line below it with a mark.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => {}
            Place::File { path, line, column, .. } => write!(f, "{}:{line}:{column}: ", path.display())?,
            place => write!(f, "{place}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Place::File { line, column, text, .. } = &self.place
            && !text.is_empty()
        {
            let mark = " ".repeat(column.saturating_sub(1));
            write!(f, "\n{line:>6} | {text}\n       | {mark}^")?;
        }
        Ok(())
    }
}

/// Everything that is wrong, at once. Never empty.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Problems(pub(crate) Vec<Problem>);
