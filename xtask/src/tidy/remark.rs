//! What a check has to say about one place.

use std::fmt;

/// Whether a remark fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// To be mended now.
    Fault,
    /// To be looked at by a person.
    Warning,
}

/// Where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Whether it fails the run.
    pub(crate) severity: Severity,
    /// The file, relative to the root.
    pub(crate) path: String,
    /// The line, counted from one; zero means the whole file.
    pub(crate) line: usize,
    /// What is the matter and what to do.
    pub(crate) text: String,
}

impl Remark {
    /// A remark that fails the run.
    pub(crate) fn fault(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { severity: Severity::Fault, path: path.to_owned(), line, text: text.into() }
    }

    /// A remark that does not.
    pub(crate) fn warning(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::fault(path, line, text) }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        };
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {kind}: {}", self.text)
    }
}
