//! What runs remember between them: one file of snapshots per domain, in the user's state folder.

use crate::exit::{Exit, Failure};
use postrider_diagnosis::history::{Snapshot, remember};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The schema of a history file's first line.
const SCHEMA: &str = "postrider.history/1";

/// Where histories are.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    dir: PathBuf,
}

impl Memory {
    /// The folder that was named, or the user's: `$POSTRIDER_STATE`, `$XDG_STATE_HOME/postrider`,
    /// `~/.local/state/postrider`.
    pub(crate) fn find(given: Option<&Path>) -> Option<Self> {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let dir = given
            .map(Path::to_owned)
            .or_else(|| from("POSTRIDER_STATE"))
            .or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("postrider")))
            .or_else(|| from("HOME").map(|dir| dir.join(".local/state/postrider")))?;
        Some(Self { dir: dir.join("doctor") })
    }

    fn path(&self, domain: &str) -> PathBuf {
        // A domain is made of letters, digits, dots and hyphens: it is a file name as it is.
        self.dir.join(format!("{domain}.history"))
    }

    /// What earlier runs saw; nothing when there is no file. A file that cannot be read is told.
    pub(crate) fn read(&self, domain: &str) -> Result<Vec<Snapshot>, Failure> {
        let path = self.path(domain);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::new(Exit::NoInput, format!("{}: {error}", path.display()))),
        };
        // An empty file is what a machine that lost its power may leave.
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut lines = text.lines();
        if lines.next() != Some(SCHEMA) {
            let message = format!("{}: not a history of this version; move it away to begin a new one", path.display());
            return Err(Failure::new(Exit::Data, message));
        }
        // A line that was cut off by a crash is left out: it is one look less.
        Ok(lines.filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The same for a run whose answer does not hang on it: what is wrong is told, and `None` says
    /// that there is no memory to add to.
    pub(crate) fn recall(&self, domain: &str) -> Option<Vec<Snapshot>> {
        let read = self.read(domain);
        if let Err(failure) = &read {
            eprintln!("postrider: earlier looks are left out, and this one is not kept: {failure}");
        }
        read.ok()
    }

    /// Adds what this run saw. The file is replaced as a whole, so that a crash leaves the old one.
    pub(crate) fn add(&self, domain: &str, snapshot: Snapshot) -> Result<(), Failure> {
        let path = self.path(domain);
        let told = |error: std::io::Error| Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()));
        // It is read again: another run may have added to it while this one looked.
        let history = remember(self.read(domain)?, snapshot);
        std::fs::create_dir_all(&self.dir).map_err(told)?;
        let mut text = format!("{SCHEMA}\n");
        for snapshot in &history {
            text.push_str(&serde_json::to_string(snapshot).unwrap_or_default());
            text.push('\n');
        }
        let fresh = self.dir.join(format!(".{domain}.{}", std::process::id()));
        let mut file = std::fs::File::create(&fresh).map_err(told)?;
        file.write_all(text.as_bytes()).map_err(told)?;
        drop(file);
        std::fs::rename(&fresh, &path).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_there_for_the_next_run() {
        let dir = std::env::temp_dir().join(format!("postrider-state-{}", std::process::id()));
        let memory = Memory::find(Some(&dir)).unwrap();
        assert!(memory.read("a.test").unwrap().is_empty());
        let mut snapshot = Snapshot { at: 1, until: 1, ..Snapshot::default() };
        snapshot.seen.insert("MX".into(), "10 a".into());
        memory.add("a.test", snapshot.clone()).unwrap();
        memory.add("a.test", Snapshot { at: 5, until: 5, ..snapshot }).unwrap();
        let history = memory.read("a.test").unwrap();
        assert_eq!(history.iter().map(|s| (s.at, s.until)).collect::<Vec<_>>(), [(1, 5)]);
        std::fs::write(memory.path("a.test"), "").unwrap();
        assert!(memory.recall("a.test").unwrap().is_empty());
        std::fs::write(memory.path("a.test"), "something else\n").unwrap();
        assert!(memory.recall("a.test").is_none());
        assert!(memory.read("a.test").unwrap_err().message.contains("move it away"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
