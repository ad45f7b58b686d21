//! The async front of an engine: group commit on one thread of its own, reading on borrowed ones.
//!
//! Invariant: `Ok` from [`Spool::commit`] and [`Spool::record`] means durable. Requests wait in a
//! bounded channel; whatever waits when the writer is free goes into one transaction, so a lone
//! request waits for nobody and a crowd shares one sync.
//!
//! Runs on tokio; no worker of the runtime ever waits for the disk, but for the dot journal's
//! write into the page cache.

use crate::batch::{Batch, Ticket};
use crate::dots::{Dots, Leftover, Slot};
use crate::engine::{
    Claim, Claimed, Engine, Kept, NewMessage, QueueDestination, QueuePage, QueueQuery, Record, Recovery, SpoolError,
    Surgery,
};
use crate::sqlite::{SqliteEngine, SqliteSettings};
use postrider_smtp::{Content, Destination, MessageId, Timestamp};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often the free room is asked for at most.
const ROOM_ASKED_EVERY: Duration = Duration::from_millis(200);

/// How often the engine is asked whether it wants to do its housekeeping, when nobody waits.
const REST_EVERY: Duration = Duration::from_secs(10);

/// How long records wait for a commit to share its sync, when nothing else is to be written. Nobody
/// outside waits for a record; a sync of its own would make the next clients wait.
const RECORDS_WAIT: Duration = Duration::from_millis(2);

/// How long a commit waits for others when the transaction before had several: their clients are
/// busy, and one sync may serve them all. A lone client is never made to wait.
const COMMITS_WAIT: Duration = Duration::from_micros(200);
/// At most so many such waits in a row, each only when the one before brought something.
const COMMITS_WAITS_MAX: u32 = 4;

/// How the front behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Requests in one transaction at most: bounds how long the first of them waits for the last.
    pub batch_requests_max: usize,
    /// Octets of content in one transaction at most, but for a single message that is larger.
    pub batch_bytes_max: usize,
    /// Requests waiting for the writer at most; more of them wait at the door.
    pub waiting_requests_max: usize,
    /// With less room than this, [`Spool::has_room`] says no: what was accepted needs some to go on.
    pub free_bytes_min: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_requests_max: 512,
            batch_bytes_max: 8 << 20,
            waiting_requests_max: 1024,
            free_bytes_min: 100 << 20,
        }
    }
}

/// A spool in use. Cheap to clone; all clones are one spool.
#[derive(Clone)]
pub struct Spool(Arc<Front>);

struct Front {
    engine: Arc<dyn Engine>,
    requests: mpsc::Sender<Request>,
    dots: Dots,
    /// Slots of the previous life, until the relay has told of them.
    leftovers: Mutex<Vec<Slot>>,
    room: Room,
}

enum Request {
    Write(Ticket),
    Close(oneshot::Sender<()>),
}

impl Spool {
    /// Opens the spool on SQLite. Blocks: a start with a million waiting messages takes well under a second.
    pub fn open(sqlite: SqliteSettings, settings: Settings) -> Result<(Self, Recovery), SpoolError> {
        let directory = sqlite.directory.clone();
        let (engine, recovered) = SqliteEngine::open(sqlite)?;
        Self::over(Arc::new(engine), recovered, &directory, settings)
    }

    /// Puts the front over any engine; the dot journal lies in `directory`.
    pub fn over(
        engine: Arc<dyn Engine>,
        recovered: Vec<(MessageId, u32)>,
        directory: &Path,
        settings: Settings,
    ) -> Result<(Self, Recovery), SpoolError> {
        let (dots, leftovers) = Dots::open(&directory.join("dots"))?;
        let mut recovery =
            Recovery { recovered, held: engine.held()?, newest: engine.newest()?, ..Recovery::default() };
        for leftover in &leftovers {
            let list = if waits(&*engine, leftover)? { &mut recovery.in_doubt } else { &mut recovery.untold };
            list.push(leftover.message);
        }
        let (requests, inbox) = mpsc::channel(settings.waiting_requests_max);
        let writer = Writer { engine: Arc::clone(&engine), inbox, settings: settings.clone() };
        thread::Builder::new()
            .name("spool-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| SpoolError::Disk(format!("no thread for the writer: {error}")))?;
        let leftovers = Mutex::new(leftovers.into_iter().map(|leftover| leftover.slot).collect());
        let room = Room::new(settings.free_bytes_min);
        Ok((Self(Arc::new(Front { engine, requests, dots, leftovers, room })), recovery))
    }

    /// Keeps a message; durable when this returns `Ok`.
    pub async fn commit(&self, new: NewMessage) -> Result<(), SpoolError> {
        let (answer, result) = oneshot::channel();
        self.write(Ticket::Commit(Box::new(new), answer), result).await
    }

    /// Keeps what became of a job; durable when this returns `Ok`, as a whole.
    pub async fn record(&self, record: Record) -> Result<(), SpoolError> {
        let (answer, result) = oneshot::channel();
        self.write(Ticket::Record(record, answer), result).await
    }

    async fn write(&self, ticket: Ticket, result: oneshot::Receiver<Result<(), SpoolError>>) -> Result<(), SpoolError> {
        self.0.requests.send(Request::Write(ticket)).await.map_err(|_| SpoolError::Closed)?;
        result.await.map_err(|_| SpoolError::Closed)?
    }

    /// Leases due work.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, SpoolError> {
        self.ask(move |engine| engine.claim(&claim)).await
    }

    /// Holds leases longer.
    pub async fn renew(&self, messages: Vec<MessageId>, until: Timestamp) -> Result<(), SpoolError> {
        self.ask(move |engine| engine.renew(&messages, until)).await
    }

    /// The bytes of a message.
    pub async fn content(&self, message: MessageId) -> Result<Content, SpoolError> {
        self.ask(move |engine| engine.content(message)).await
    }

    /// A message with its history.
    pub async fn kept(&self, message: MessageId) -> Result<Kept, SpoolError> {
        self.ask(move |engine| engine.kept(message)).await
    }

    /// A look at recipients, for people.
    pub async fn look(&self, query: QueueQuery) -> Result<QueuePage, SpoolError> {
        self.ask(move |engine| engine.look(&query)).await
    }

    /// A look at destinations, the longest queues first, for people.
    pub async fn destinations(&self, rows_max: usize) -> Result<Vec<QueueDestination>, SpoolError> {
        self.ask(move |engine| engine.destinations(rows_max)).await
    }

    /// Changes a part of the queue; gives how many recipients it touched.
    pub async fn operate(&self, query: QueueQuery, surgery: Surgery, now: Timestamp) -> Result<u64, SpoolError> {
        self.ask(move |engine| engine.operate(&query, &surgery, now)).await
    }

    /// Destinations that are held as such, with all that comes to wait there.
    pub async fn held(&self) -> Result<Vec<Destination>, SpoolError> {
        self.ask(|engine| engine.held()).await
    }

    /// How many messages and recipients there are.
    pub async fn count(&self) -> Result<(u64, u64), SpoolError> {
        self.ask(|engine| engine.count()).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Engine) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let engine = Arc::clone(&self.0.engine);
        tokio::task::spawn_blocking(move || question(&*engine)).await.map_err(|_| SpoolError::Closed)?
    }

    /// Marks that the final dot of a job may be out; see [`Dots::take`].
    pub fn dot(&self, message: MessageId, recipient: u32) -> Option<Slot> {
        self.0.dots.take(message, recipient)
    }

    /// What [`Recovery`] named has been told: the next start need not name it again.
    pub fn recovery_told(&self) {
        let leftovers = std::mem::take(&mut *self.0.leftovers.lock().unwrap_or_else(PoisonError::into_inner));
        leftovers.into_iter().for_each(Slot::clear);
    }

    /// Whether there is room for more mail: a cheap look at a figure that is at most a moment old.
    pub fn has_room(&self) -> bool {
        self.0.room.enough(&self.0.engine)
    }

    /// Octets free when last asked for.
    pub fn free_bytes(&self) -> u64 {
        self.0.room.free.load(Ordering::Relaxed)
    }

    /// Writes what is waiting, then takes no more. Returns when the last answer was given. A spool
    /// that is dropped without this still writes what waits, but nobody is told when it has.
    pub async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.0.requests.send(Request::Close(closed)).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// Whether the job of that dot is still to be done.
fn waits(engine: &dyn Engine, leftover: &Leftover) -> Result<bool, SpoolError> {
    let before = leftover.recipient.checked_sub(1).map(|before| (leftover.message, before));
    let query = QueueQuery { message: Some(leftover.message), rows_max: 1, after: before, ..QueueQuery::default() };
    let page = engine.look(&query)?;
    Ok(page.rows.first().is_some_and(|row| row.standing.index == leftover.recipient))
}

/// The thread that writes.
struct Writer {
    engine: Arc<dyn Engine>,
    inbox: mpsc::Receiver<Request>,
    settings: Settings,
}

impl Writer {
    fn run(mut self) {
        let timer = tokio::runtime::Builder::new_current_thread().enable_time().build().ok();
        let mut waiting = Vec::with_capacity(self.settings.batch_requests_max);
        let mut batch = Batch::default();
        let mut crowd = 0;
        let mut closed = None;
        let mut rested = Instant::now();
        while self.inbox.blocking_recv_many(&mut waiting, self.settings.batch_requests_max) > 0 {
            if let Some(timer) = &timer {
                timer.block_on(self.wait_for_a_commit(&mut waiting));
            }
            self.gather(&mut waiting, crowd);
            crowd = waiting.iter().filter(|request| is_commit(request)).count();
            let mut bytes = 0;
            for request in waiting.drain(..) {
                match request {
                    Request::Write(ticket) => {
                        let more = ticket.bytes();
                        if bytes > 0 && bytes + more > self.settings.batch_bytes_max {
                            batch.write(&*self.engine);
                            bytes = 0;
                        }
                        bytes += more;
                        batch.push(ticket);
                    }
                    Request::Close(done) => {
                        // What was sent before the door shut is still taken out and written.
                        self.inbox.close();
                        closed = Some(done);
                    }
                }
            }
            batch.write(&*self.engine);
            if self.inbox.is_empty() && rested.elapsed() >= REST_EVERY {
                // A failure here costs nothing: it is tried again at the next rest.
                let _ = self.engine.rest();
                rested = Instant::now();
            }
        }
        // Given back before the answer, so that who closed the spool may open it again at once.
        drop(self.engine);
        if let Some(done) = closed {
            let _ = done.send(());
        }
    }
}

impl Writer {
    /// Lets records wait a moment for a commit, as long as there is room in the batch.
    async fn wait_for_a_commit(&mut self, waiting: &mut Vec<Request>) {
        let until = tokio::time::Instant::now() + RECORDS_WAIT;
        let is_record = |request: &Request| matches!(request, Request::Write(Ticket::Record(..)));
        let mut seen = 0;
        while waiting.len() < self.settings.batch_requests_max && waiting[seen..].iter().all(is_record) {
            seen = waiting.len();
            let room = self.settings.batch_requests_max - seen;
            if tokio::time::timeout_at(until, self.inbox.recv_many(waiting, room)).await.is_err() {
                return;
            }
            if waiting.len() == seen {
                return;
            }
        }
    }
}

fn is_commit(request: &Request) -> bool {
    matches!(request, Request::Write(Ticket::Commit(..)))
}

impl Writer {
    /// Takes in what comes within a moment, when the transaction before had a crowd of commits.
    fn gather(&mut self, waiting: &mut Vec<Request>, crowd: usize) {
        for _ in 0..COMMITS_WAITS_MAX {
            let commits = waiting.iter().filter(|request| is_commit(request)).count();
            if commits == 0 || commits >= crowd || waiting.len() >= self.settings.batch_requests_max {
                return;
            }
            thread::sleep(COMMITS_WAIT);
            let before = waiting.len();
            while waiting.len() < self.settings.batch_requests_max {
                let Ok(request) = self.inbox.try_recv() else { break };
                waiting.push(request);
            }
            if waiting.len() == before {
                return;
            }
        }
    }
}

/// How much room there is, asked for now and then.
struct Room {
    free_bytes_min: u64,
    free: AtomicU64,
    since: Instant,
    /// Milliseconds after `since` at which it is asked for again.
    ask_at: AtomicU64,
    asking: AtomicBool,
}

impl Room {
    fn new(free_bytes_min: u64) -> Self {
        Self {
            free_bytes_min,
            free: AtomicU64::new(u64::MAX),
            since: Instant::now(),
            ask_at: AtomicU64::new(0),
            asking: AtomicBool::new(false),
        }
    }

    fn enough(&self, engine: &Arc<dyn Engine>) -> bool {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now >= self.ask_at.load(Ordering::Relaxed) && !self.asking.swap(true, Ordering::Acquire) {
            // An engine that cannot say is taken at its word when it writes: 452 comes from there.
            if let Ok(free) = engine.room() {
                self.free.store(free, Ordering::Relaxed);
            }
            self.ask_at.store(now + ROOM_ASKED_EVERY.as_millis() as u64, Ordering::Relaxed);
            self.asking.store(false, Ordering::Release);
        }
        self.free.load(Ordering::Relaxed) >= self.free_bytes_min
    }
}
