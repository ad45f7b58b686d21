//! What the files of events say about one message.

use crate::{Event, files};
use memchr::memmem::Finder;
use postrider_smtp::{MessageId, Timestamp};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// So much of a file is looked at in one go.
const BLOCK_BYTES: usize = 1 << 20;
/// A longer line is passed over; one event with a hundred thousand recipients has some 4 MiB.
const LINE_BYTES_MAX: usize = 16 << 20;
/// More events than this of one message are not collected: the oldest are left out.
const EVENTS_MAX: usize = 10_000;
/// How far a file's time and the message's own may lie apart.
const CLOCK_SLACK: Duration = Duration::from_secs(3600);

/// All events about a message that the files in `dir` hold, oldest first: those that name it as
/// their message or as the notice they tell of. Lines that cannot be read are passed over.
///
/// The files are searched for the id itself, newest first, and only as far back as the message is old.
pub fn history(dir: &Path, message: MessageId) -> io::Result<Vec<Event>> {
    let needle = format!("\"{message}\"");
    let finder = Finder::new(needle.as_bytes());
    let mut newest_first: Vec<Vec<Event>> = Vec::new();
    let mut count = 0;
    for path in files::newest_first(dir)? {
        let file = match File::open(&path) {
            // Rotated away in this very moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if older_than(&file, message.time()) || count >= EVENTS_MAX {
            break;
        }
        let mut events = Vec::new();
        scan(file, &finder, |line| {
            if let Ok(event) = Event::from_json_line(line)
                && is_about(&event, message)
            {
                events.push(event);
            }
        })?;
        count += events.len();
        newest_first.push(events);
    }
    let mut events: Vec<Event> = newest_first.into_iter().rev().flatten().collect();
    events.drain(..events.len().saturating_sub(EVENTS_MAX));
    Ok(events)
}

fn is_about(event: &Event, message: MessageId) -> bool {
    event.message() == Some(message) || matches!(event, Event::Noticed(it) if it.notice == message)
}

/// Whether the file was last written before that moment, so that nothing about it can be within.
fn older_than(file: &File, moment: Timestamp) -> bool {
    let modified = file.metadata().and_then(|data| data.modified()).ok();
    let since_epoch = modified.and_then(|at| at.checked_add(CLOCK_SLACK)?.duration_since(UNIX_EPOCH).ok());
    since_epoch.is_some_and(|span| Timestamp(0).plus(span) < moment)
}

/// Gives every whole line that holds the needle.
fn scan(mut from: impl Read, finder: &Finder<'_>, mut found: impl FnMut(&[u8])) -> io::Result<()> {
    let mut block = Vec::with_capacity(BLOCK_BYTES * 2);
    loop {
        let before = block.len();
        let count = from.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        let last = if count == 0 { block.len() } else { memchr::memrchr(b'\n', &block).map_or(0, |at| at + 1) };
        lines_with(&block[..last], finder, &mut found);
        if count == 0 {
            return Ok(());
        }
        block.drain(..last);
        if block.len() > LINE_BYTES_MAX && before > 0 {
            block.clear();
        }
    }
}

fn lines_with(block: &[u8], finder: &Finder<'_>, found: &mut impl FnMut(&[u8])) {
    let mut from = 0;
    while let Some(hit) = finder.find(&block[from..]).map(|at| from + at) {
        let start = memchr::memrchr(b'\n', &block[..hit]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &block[hit..]).map_or(block.len(), |at| hit + at);
        found(&block[start..end]);
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out so many octets at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn lines_are_found_whole_wherever_blocks_end() {
        let mut text = "x".repeat(BLOCK_BYTES - 3);
        text.push_str("\nover the edge: NEEDLE and more\nno\nNEEDLE NEEDLE\ncut off NEEDLE");
        for step in [7777, BLOCK_BYTES] {
            let mut lines = Vec::new();
            let keep = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
            scan(Drip(text.as_bytes(), step), &Finder::new("NEEDLE"), keep).unwrap();
            assert_eq!(lines, ["over the edge: NEEDLE and more", "NEEDLE NEEDLE", "cut off NEEDLE"]);
        }
    }
}
