//! The files of events: appending, rotation, and what is left of a line when the disk is full.
//!
//! `events.jsonl` is the newest; when it has grown enough it becomes `events-00000001.jsonl`
//! with the next free number. A line that was cut off by a crash or a full disk is ended before
//! the next one, so that it spoils nothing but itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The newest file.
const CURRENT: &str = "events.jsonl";
const PREFIX: &str = "events-";
const SUFFIX: &str = ".jsonl";

/// How much was not written, and why.
#[derive(Debug)]
pub(crate) struct Shortfall {
    pub(crate) lines: u64,
    pub(crate) error: io::Error,
}

/// Appends whole lines, whatever became of the ones before.
#[derive(Debug)]
struct Appender<W> {
    to: W,
    bytes: u64,
    /// The last line has no end.
    torn: bool,
}

impl<W: Write> Appender<W> {
    /// Appends a chunk of whole lines. What could not be written is lost and counted.
    fn append(&mut self, chunk: &[u8]) -> Result<(), Shortfall> {
        let all_lost = |error| Shortfall { lines: count_lines(chunk), error };
        if self.torn {
            write_some(&mut self.to, b"\n", &mut 0).map_err(all_lost)?;
            self.bytes += 1;
            self.torn = false;
        }
        let mut done = 0;
        let result = write_some(&mut self.to, chunk, &mut done);
        self.bytes += done as u64;
        self.torn = done > 0 && chunk[done - 1] != b'\n';
        result.map_err(|error| Shortfall { lines: count_lines(&chunk[done..]), error })
    }
}

/// Like `write_all`, but tells how far it came.
fn write_some(to: &mut impl Write, chunk: &[u8], done: &mut usize) -> io::Result<()> {
    while *done < chunk.len() {
        match to.write(&chunk[*done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn count_lines(chunk: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', chunk).count() as u64
}

/// The files in one directory.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    file_bytes_max: u64,
    files_max: usize,
    current: Appender<File>,
}

impl Files {
    /// Opens the newest file, or makes it and its directory.
    pub(crate) fn open(dir: &Path, file_bytes_max: u64, files_max: usize) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let current = open_current(dir)?;
        Ok(Self { dir: dir.to_owned(), file_bytes_max, files_max: files_max.max(1), current })
    }

    /// Appends a chunk of whole lines; begins a new file first, when the present one is full.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), Shortfall> {
        if self.current.bytes >= self.file_bytes_max
            && let Err(error) = self.rotate()
        {
            // The file goes on growing, and the next try comes when it has grown as much again.
            tracing::warn!(dir = %self.dir.display(), %error, "the file of events cannot be rotated; it goes on growing");
            self.current.bytes = 0;
        }
        self.current.append(chunk)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let old = numbered(&self.dir)?;
        let next = old.first().map_or(1, |(number, _)| number + 1);
        fs::rename(self.dir.join(CURRENT), self.dir.join(format!("{PREFIX}{next:08}{SUFFIX}")))?;
        self.current = open_current(&self.dir)?;
        // One place is the new file's, one that of the file just renamed.
        for (_, path) in old.into_iter().skip(self.files_max.saturating_sub(2)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open_current(dir: &Path) -> io::Result<Appender<File>> {
    let mut to = OpenOptions::new().create(true).append(true).read(true).open(dir.join(CURRENT))?;
    let bytes = to.seek(SeekFrom::End(0))?;
    let mut torn = false;
    if bytes > 0 {
        let mut last = [0];
        to.seek(SeekFrom::End(-1))?;
        to.read_exact(&mut last)?;
        torn = last != *b"\n";
    }
    Ok(Appender { to, bytes, torn })
}

/// The files that were rotated away, newest first.
fn numbered(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(number) = number {
            files.push((number, entry.path()));
        }
    }
    files.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    Ok(files)
}

/// All files, newest first; none when the directory is not there.
pub(crate) fn newest_first(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let old = match numbered(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    Ok(std::iter::once(dir.join(CURRENT)).chain(old.into_iter().map(|(_, path)| path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many octets.
    struct SmallDisk {
        holds: Vec<u8>,
        room: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.holds.extend_from_slice(&bytes[..count]);
            self.room -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_lines_and_tears_one_at_most() {
        let disk = SmallDisk { holds: Vec::new(), room: 8 };
        let mut appender = Appender { to: disk, bytes: 0, torn: false };
        assert!(appender.append(b"one\n").is_ok());
        let lost = appender.append(b"two\nthree\nfour\n").unwrap_err();
        assert_eq!((lost.lines, lost.error.kind()), (2, io::ErrorKind::StorageFull));
        assert_eq!(appender.append(b"five\n").unwrap_err().lines, 1);
        appender.to.room = 2;
        assert_eq!(appender.append(b"six\n").unwrap_err().lines, 1);
        appender.to.room = 100;
        assert!(appender.append(b"seven\n").is_ok());
        assert_eq!(String::from_utf8_lossy(&appender.to.holds), "one\ntwo\nsi\nseven\n");
    }
}
