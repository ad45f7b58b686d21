//! The embedded engine: one SQLite file, one writer, readers beside it.
//!
//! Invariants: `Ok` from [`Engine::write`] means that the write-ahead log was synced. A failed
//! transaction is rolled back and its pages are written anew by the next one; after an error of the
//! disk the writer is opened anew too, so nothing is believed that a failed sync left in a cache.
//! Only one process has the file: the lock beside it says so.
//!
//! Deliberately absent: leases on disk (a restart gives them up), auto_vacuum, mmap, and repair.

mod claim;
mod look;
mod open;
mod operate;
mod trouble;
mod write;

pub use claim::WORK_RECIPIENTS_MAX;
pub use open::SqliteSettings;
pub use write::{ATTEMPTS_KEPT_MAX, TRANSCRIPT_BYTES_MAX};

use crate::engine::{
    Claim, Claimed, Engine, Kept, NewMessage, QueueDestination, QueuePage, QueueQuery, Record, SpoolError, Surgery,
};
use crate::lease::{LeaseChange, Leases, Seat};
use claim::Search;
use postrider_smtp::{Content, Destination, MessageId, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::HashSet;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use trouble::trouble;
use write::Writing;

/// Messages moved in one transaction when a restart takes up what the last life had in flight.
const RECOVERY_BATCH_MAX: usize = 1_000;
/// Readers kept for the next reading; further ones are closed after use.
const IDLE_READERS_MAX: usize = 4;
/// An idle spool is rewritten small when it has more free room inside than this,
const SHRINK_FREE_BYTES_MIN: u64 = 64 << 20;
/// and no more content than this: rewriting must be over in a moment.
const SHRINK_LIVE_BYTES_MAX: u64 = 16 << 20;

/// The engine on one SQLite file.
pub struct SqliteEngine {
    settings: SqliteSettings,
    /// `None` after an error of the disk: opened anew for the next write.
    writer: Mutex<Option<Connection>>,
    searcher: Mutex<Searcher>,
    /// Lease changes of finished transactions that a claim under way keeps from being applied, oldest first.
    changes: Mutex<Vec<LeaseChange>>,
    readers: Mutex<Vec<Connection>>,
    /// Held open for its lock; the last field, so that the lock outlives the connections.
    _lock: File,
}

/// Claims look for work one after another, on a connection of their own.
struct Searcher {
    connection: Connection,
    leases: Leases,
}

impl SqliteEngine {
    /// Opens or makes the spool. Gives what was in flight when the previous life ended, due again at once.
    pub fn open(settings: SqliteSettings) -> Result<(Self, Vec<(MessageId, u32)>), SpoolError> {
        let lock = open::lock(&settings.directory)?;
        let writer = open::writer(&settings)?;
        let recovered = recover(&writer)?;
        let searcher = Searcher { connection: open::reader(&settings)?, leases: Leases::default() };
        let engine = Self {
            settings,
            writer: Mutex::new(Some(writer)),
            searcher: Mutex::new(searcher),
            changes: Mutex::default(),
            readers: Mutex::default(),
            _lock: lock,
        };
        Ok((engine, recovered))
    }

    /// Runs one transaction. It is durable when this returns `Ok`, and undone when it does not.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Connection, &mut Writing<'_>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let mut writer = locked(&self.writer);
        let connection = match writer.take() {
            Some(connection) => connection,
            None => open::writer(&self.settings)?,
        };
        let done = self.transact_on(&connection, work);
        // After a failed write or sync nothing that this connection has in its cache is trusted.
        if !matches!(done, Err(SpoolError::Disk(_))) {
            *writer = Some(connection);
        }
        done
    }

    fn transact_on<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Connection, &mut Writing<'_>) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(trouble)?;
        let mut writing = Writing::new(connection);
        let done = work(connection, &mut writing)?;
        keep_tally(&writing)?;
        let Writing { taken, freed, .. } = writing;
        let untake: Vec<_> = taken.iter().copied().map(free).collect();
        locked(&self.changes).extend(taken);
        if let Err(error) = transaction.commit() {
            locked(&self.changes).extend(untake);
            return Err(trouble(error));
        }
        locked(&self.changes).extend(freed);
        // A claim under way looks at an older state: it must go on seeing the leases of that state,
        // and the next one applies the changes before it looks.
        if let Ok(mut searcher) = self.searcher.try_lock() {
            self.apply_changes(&mut searcher.leases);
        }
        Ok(done)
    }

    fn apply_changes(&self, leases: &mut Leases) {
        leases.apply(locked(&self.changes).drain(..));
    }

    /// The searcher, its leases up to date with all that is durable.
    fn searcher(&self) -> MutexGuard<'_, Searcher> {
        let mut searcher = locked(&self.searcher);
        self.apply_changes(&mut searcher.leases);
        searcher
    }

    fn leased(&self) -> HashSet<Seat> {
        self.searcher().leases.seats().collect()
    }

    /// Reads in one snapshot, on an idle connection or a new one.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let idle = locked(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.settings)?,
        };
        let snapshot = connection.unchecked_transaction().map_err(trouble)?;
        let done = work(&connection);
        drop(snapshot);
        // A connection that met an error is not used again: the error may be in its cache.
        let mut readers = locked(&self.readers);
        if readers.len() < IDLE_READERS_MAX && !matches!(done, Err(SpoolError::Disk(_))) {
            readers.push(connection);
        }
        done
    }
}

impl Engine for SqliteEngine {
    fn commit(&self, batch: &[NewMessage]) -> Result<(), SpoolError> {
        self.write(batch, &[])
    }

    fn claim(&self, claim: &Claim) -> Result<Claimed, SpoolError> {
        let mut searcher = self.searcher();
        let Searcher { connection, leases } = &mut *searcher;
        Search::new(connection, leases, claim).run()
    }

    fn record(&self, batch: &[Record]) -> Result<(), SpoolError> {
        self.write(&[], batch)
    }

    fn write(&self, commits: &[NewMessage], records: &[Record]) -> Result<(), SpoolError> {
        self.transact(|_, writing| {
            commits.iter().try_for_each(|new| writing.commit(new))?;
            records.iter().try_for_each(|record| writing.record(record))
        })
    }

    fn renew(&self, messages: &[MessageId], until: Timestamp) -> Result<(), SpoolError> {
        self.searcher().leases.renew(messages, until);
        Ok(())
    }

    fn content(&self, message: MessageId) -> Result<Content, SpoolError> {
        self.read(|connection| look::content(connection, message))
    }

    fn kept(&self, message: MessageId) -> Result<Kept, SpoolError> {
        self.read(|connection| look::kept(connection, message))
    }

    fn look(&self, query: &QueueQuery) -> Result<QueuePage, SpoolError> {
        let leases = self.leased();
        self.read(|connection| look::look(connection, &leases, query))
    }

    fn destinations(&self, rows_max: usize) -> Result<Vec<QueueDestination>, SpoolError> {
        let leases = self.leased();
        self.read(|connection| look::destinations(connection, &leases, rows_max))
    }

    fn operate(&self, query: &QueueQuery, surgery: &Surgery, now: Timestamp) -> Result<u64, SpoolError> {
        // First, so that nothing slips in to wait there between the last slice and the hold.
        if let Some(of) = operate::of_destinations(query, surgery) {
            self.transact(|connection, _| operate::hold(connection, of))?;
        }
        let (mut touched, mut after) = (0, Some(look::START));
        while let Some(from) = after {
            // The leases are held from the look until the change is durable: see `operate::slice`.
            let searcher = self.searcher();
            let slice = self.transact(|connection, writing| {
                operate::slice(writing, connection, &searcher.leases, query, surgery, now, from)
            })?;
            touched += slice.touched;
            after = slice.after;
        }
        Ok(touched)
    }

    fn held(&self) -> Result<Vec<Destination>, SpoolError> {
        self.read(operate::held)
    }

    fn newest(&self) -> Result<Option<MessageId>, SpoolError> {
        let sql = "SELECT max(id) FROM content";
        let newest =
            self.read(|connection| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map_err(trouble))?;
        Ok(newest.and_then(MessageId::from_i64))
    }

    fn count(&self) -> Result<(u64, u64), SpoolError> {
        self.read(look::tally)
    }

    fn room(&self) -> Result<u64, SpoolError> {
        let disk = rustix::fs::statvfs(&self.settings.directory)
            .map_err(|error| SpoolError::Disk(format!("{}: {error}", self.settings.directory.display())))?;
        let file = self.read(FilePages::read)?;
        let disk = disk.f_bavail.saturating_mul(disk.f_frsize);
        let growth = self.settings.file_bytes_max.map_or(disk, |max| disk.min(max.saturating_sub(file.bytes())));
        Ok(growth.saturating_add(file.free_bytes()))
    }

    fn rest(&self) -> Result<(), SpoolError> {
        let file = self.read(FilePages::read)?;
        let live = file.bytes().saturating_sub(file.free_bytes());
        if file.free_bytes() < SHRINK_FREE_BYTES_MIN || live > SHRINK_LIVE_BYTES_MAX {
            return Ok(());
        }
        let mut writer = locked(&self.writer);
        let connection = match writer.take() {
            Some(connection) => connection,
            None => open::writer(&self.settings)?,
        };
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").map_err(trouble)?;
        *writer = Some(connection);
        Ok(())
    }
}

/// How the file's pages are used.
struct FilePages {
    page_bytes: u64,
    all: u64,
    free: u64,
}

impl FilePages {
    fn read(connection: &Connection) -> Result<Self, SpoolError> {
        let ask = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(trouble);
        Ok(Self { page_bytes: ask("page_size")?, all: ask("page_count")?, free: ask("freelist_count")? })
    }

    fn bytes(&self) -> u64 {
        self.all.saturating_mul(self.page_bytes)
    }

    fn free_bytes(&self) -> u64 {
        self.free.saturating_mul(self.page_bytes)
    }
}

/// Makes everything that was in flight when the previous life ended wait, due since it was accepted.
fn recover(connection: &Connection) -> Result<Vec<(MessageId, u32)>, SpoolError> {
    let (mut recovered, mut after) = (Vec::new(), Some(-1));
    while let Some(from) = after {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(trouble)?;
        let mut writing = Writing::new(connection);
        after = write::recover(&mut writing, from, RECOVERY_BATCH_MAX, &mut recovered)?;
        keep_tally(&writing)?;
        drop(writing);
        transaction.commit().map_err(trouble)?;
    }
    Ok(recovered)
}

fn keep_tally(writing: &Writing<'_>) -> Result<(), SpoolError> {
    if (writing.messages, writing.recipients) == (0, 0) {
        return Ok(());
    }
    let sql = "UPDATE tally SET messages = messages + ?1, recipients = recipients + ?2";
    writing.run(sql, [writing.messages, writing.recipients]).map(drop)
}

fn free(change: LeaseChange) -> LeaseChange {
    match change {
        LeaseChange::Take(seat) | LeaseChange::Free(seat) => LeaseChange::Free(seat),
    }
}

/// A poisoned mutex guards a connection whose transaction was rolled back by its own drop: it may go on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
