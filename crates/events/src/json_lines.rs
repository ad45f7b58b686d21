//! The sink that writes lines of JSON to files, by a thread of its own.
//!
//! Emitting writes the line into memory under a short lock and goes on; the thread swaps the
//! memory out and writes it, so no lock is held across a write. A written line outlives the
//! death of this process. It is not synced: the spool is what outlives a power cut, and events
//! only tell of it.

use crate::files::Files;
use crate::{Event, Sink, Ticket};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How the files are kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the files; made when it is not there.
    pub dir: PathBuf,
    /// A file that has grown to this is followed by the next. 64 MiB is some 80,000 events.
    pub file_bytes_max: u64,
    /// So many files are kept.
    pub files_max: usize,
    /// Lines in memory that are not written yet; what comes on top is lost and counted.
    /// 32 MiB is several seconds of a busy relay.
    pub pending_bytes_max: usize,
    /// How long lines are gathered before they are written: one write for many lines.
    pub linger: Duration,
}

impl Settings {
    /// The defaults, for files in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            file_bytes_max: 64 << 20,
            files_max: 8,
            pending_bytes_max: 32 << 20,
            linger: Duration::from_millis(10),
        }
    }
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the events cannot be written to {}: {error}; make it a directory in which the relay's user may write", path.display())]
pub struct OpenError {
    /// Where.
    pub path: PathBuf,
    /// What the operating system says.
    #[source]
    pub error: io::Error,
}

/// So much is written at once without waiting for more.
const WRITE_BYTES: usize = 256 << 10;

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The thread waits here for lines.
    arrived: Condvar,
    /// Who flushes waits here.
    progressed: Condvar,
    written: AtomicU64,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// Events emitted so far: the last ticket.
    emitted: u64,
    /// The thread sleeps until it is woken.
    idle: bool,
    /// Somebody waits: do not linger.
    urgent: bool,
    closing: bool,
    ended: bool,
}

impl Shared {
    /// A poisoned lock is taken all the same: lines are appended whole or not at all.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes events to files. Dropping it writes what is pending.
#[derive(Debug)]
pub struct JsonLines {
    shared: Arc<Shared>,
    pending_bytes_max: usize,
    thread: Option<JoinHandle<()>>,
}

impl JsonLines {
    /// Opens or makes the files, and starts the thread.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let failed = |error| OpenError { path: settings.dir.clone(), error };
        let files = Files::open(&settings.dir, settings.file_bytes_max, settings.files_max).map_err(failed)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            arrived: Condvar::new(),
            progressed: Condvar::new(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let (theirs, linger) = (Arc::clone(&shared), settings.linger);
        let thread = std::thread::Builder::new().name("events".into());
        let thread = thread.spawn(move || write_lines(&theirs, files, linger)).map_err(failed)?;
        Ok(Self { shared, pending_bytes_max: settings.pending_bytes_max, thread: Some(thread) })
    }

    /// Waits until everything emitted before is written, or lost and counted. Blocks.
    pub fn flush(&self) {
        let mut state = self.shared.lock();
        let target = state.emitted;
        state.urgent = true;
        self.shared.arrived.notify_one();
        while self.shared.written.load(Ordering::Acquire) < target && !state.ended {
            state = self.shared.progressed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many events were lost, because the disk was full or too slow.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Sink for JsonLines {
    fn emit(&self, event: &Event) -> Ticket {
        let mut state = self.shared.lock();
        state.emitted += 1;
        if state.pending.len() >= self.pending_bytes_max {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            event.to_json_line(&mut state.pending);
        }
        let ticket = Ticket(state.emitted);
        let wake = std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            self.shared.arrived.notify_one();
        }
        ticket
    }

    fn written(&self) -> Ticket {
        Ticket(self.shared.written.load(Ordering::Acquire))
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been reported by the panic itself.
            let _ = thread.join();
        }
    }
}

/// Marks the end, however it comes, so that nobody waits for ever.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.progressed.notify_all();
    }
}

/// The thread: waits for lines, gathers them, writes them.
fn write_lines(shared: &Shared, mut files: Files, linger: Duration) {
    let _ending = Ending(shared);
    let mut chunk = Vec::new();
    let mut failing = false;
    while let Some(upto) = gather(shared, linger, &mut chunk) {
        match files.append(&chunk) {
            Ok(()) if failing => {
                failing = false;
                let lost = shared.lost.load(Ordering::Relaxed);
                tracing::warn!(lost, "events are written again");
            }
            Ok(()) => {}
            Err(shortfall) => {
                shared.lost.fetch_add(shortfall.lines, Ordering::Relaxed);
                // Once, not for every line: the disk that is full may hold the log too.
                if !failing {
                    tracing::error!(error = %shortfall.error, "events cannot be written and are lost; make room on the disk");
                }
                failing = true;
            }
        }
        chunk.clear();
        chunk.shrink_to(WRITE_BYTES);
        shared.written.store(upto, Ordering::Release);
        // The lock orders this against a flush that is just about to wait.
        drop(shared.lock());
        shared.progressed.notify_all();
    }
}

/// Waits for lines and swaps them into `chunk`; gives the last ticket among them, and `None` at the end.
fn gather(shared: &Shared, linger: Duration, chunk: &mut Vec<u8>) -> Option<u64> {
    let mut state = shared.lock();
    while state.pending.is_empty() && !state.closing && state.emitted == shared.written.load(Ordering::Relaxed) {
        state.idle = true;
        state.urgent = false;
        state = shared.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.idle = false;
    let more = |state: &mut State| !state.urgent && !state.closing && state.pending.len() < WRITE_BYTES;
    let waited = shared.arrived.wait_timeout_while(state, linger, more);
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    if state.closing && state.pending.is_empty() && state.emitted == shared.written.load(Ordering::Relaxed) {
        return None;
    }
    state.urgent = false;
    std::mem::swap(&mut state.pending, chunk);
    Some(state.emitted)
}
