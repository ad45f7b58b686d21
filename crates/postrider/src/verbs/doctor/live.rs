//! One live line while a run goes on; nothing when nobody watches.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::Instant;

/// The line. It is erased before anything else is printed.
pub(crate) struct LiveLine {
    began: Instant,
    on: bool,
    width: Mutex<usize>,
}

impl LiveLine {
    /// A line on standard error, when that is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        Self { began: Instant::now(), on: wanted && std::io::stderr().is_terminal(), width: Mutex::new(0) }
    }

    /// Shows what is being done.
    pub(crate) fn show(&self, what: &str) {
        if !self.on {
            return;
        }
        let text = format!("{:4.1} s  {what} …", self.began.elapsed().as_secs_f32());
        let mut width = self.width.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
        *width = text.chars().count();
        // Nobody is hurt when the line cannot be shown.
        let _ = write!(std::io::stderr(), "\r{text}{blanks}");
        let _ = std::io::stderr().flush();
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        let width = *self.width.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.on && width > 0 {
            let _ = write!(std::io::stderr(), "\r{}\r", " ".repeat(width));
            let _ = std::io::stderr().flush();
        }
    }
}
