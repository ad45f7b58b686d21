//! Opening the file: whose it is, which format, and how SQLite is told to treat it.

use super::trouble::trouble;
use crate::SpoolError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `Post` in ASCII: the file's application id.
const APPLICATION_ID: i64 = 0x506F_7374;
/// The format this program writes. Later ones migrate forward in [`prepare`], with a fixture each.
const FORMAT: i64 = 2;
/// What leads from each earlier format to the next, the first from 1 to 2.
const MIGRATIONS: [&str; 1] = ["ALTER TABLE recipient ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;"];
/// How long to wait for another program's lock (an admin's `sqlite3`) before saying so.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Where the spool is and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The data directory; made with mode 0700 when it is not there.
    pub directory: PathBuf,
    /// Page cache of the writer, in octets: the messages in flight should fit, so that removing
    /// one reads nothing back.
    pub cache_bytes: u64,
    /// The write-ahead log is copied back into the file when it has grown to this many octets.
    /// Larger means fewer syncs and more pages overwritten before they are ever copied; the copying
    /// stops writers for as long as it takes.
    pub log_bytes: u64,
    /// The file may not grow beyond this; `None` leaves it to the disk.
    pub file_bytes_max: Option<u64>,
}

impl SqliteSettings {
    /// The usual settings for a spool in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), cache_bytes: 64 << 20, log_bytes: 64 << 20, file_bytes_max: None }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("spool.sqlite")
    }
}

/// Octets of a page. With 16 KiB a body of 10 KB has a page to itself and costs half as much CPU
/// again; with 4 KiB a body of 100 KB costs a tenth more (measured 2026-11, `bench_spool`).
pub(crate) const PAGE_BYTES: u64 = 8192;

/// Makes the directory and locks it against a second process. The lock goes with the file handle.
pub(crate) fn lock(directory: &Path) -> Result<File, SpoolError> {
    let at = |error: std::io::Error| SpoolError::Disk(format!("{}: {error}", directory.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(at)?;
    let path = directory.join("spool.lock");
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(at)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let owner = owner.trim();
            return Err(SpoolError::InUse(format!("{} is locked by process {owner}", directory.display())));
        }
        Err(TryLockError::Error(error)) => return Err(at(error)),
    }
    // The number is for people only; that it cannot be written on a full disk must not stop a start.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

/// Opens the writer, and makes or checks the format.
pub(crate) fn writer(settings: &SqliteSettings) -> Result<Connection, SpoolError> {
    let connection = connect(settings)?;
    prepare(&connection)?;
    tune_writer(&connection, settings).map_err(trouble)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn reader(settings: &SqliteSettings) -> Result<Connection, SpoolError> {
    let connection = connect(settings)?;
    connection.pragma_update(None, "query_only", true).map_err(trouble)?;
    Ok(connection)
}

fn connect(settings: &SqliteSettings) -> Result<Connection, SpoolError> {
    // Each connection is behind a mutex of ours, so SQLite's own are not needed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(settings.file(), flags).map_err(trouble)?;
    connection.busy_timeout(BUSY_WAIT).map_err(trouble)?;
    connection.set_prepared_statement_cache_capacity(64);
    // mmap stays off: an error of the disk would come as a signal there, and not as an error.
    Ok(connection)
}

/// Makes the tables in an empty file; refuses a file of another kind or a later format, untouched.
fn prepare(connection: &Connection) -> Result<(), SpoolError> {
    let ask = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(trouble);
    let (application, format) = (ask("application_id")?, ask("user_version")?);
    // No page at all, or a life that ended while it made the file: the tables and the numbers come in one transaction.
    if (application, format) == (0, 0) && is_empty(connection)? {
        connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed()).map_err(trouble)?;
        // No auto_vacuum: freed pages are used again, and an empty spool is rewritten small when
        // idle. The bookkeeping of auto_vacuum would touch further pages for every body.
        connection.pragma_update(None, "journal_mode", "wal").map_err(trouble)?;
        let schema = include_str!("schema.sql");
        let make =
            format!("BEGIN; {schema} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT}; COMMIT;");
        return connection.execute_batch(&make).map_err(trouble);
    }
    if application != APPLICATION_ID {
        return Err(SpoolError::Foreign(
            "it is an SQLite database of another program: move it away, or give another --data".to_owned(),
        ));
    }
    if (1..FORMAT).contains(&format) {
        return migrate(connection, format);
    }
    if format != FORMAT {
        return Err(SpoolError::Foreign(format!(
            "it has format {format}, this program knows format {FORMAT}: start the newer postrider that wrote it, \
             let it empty the queue, then go back"
        )));
    }
    Ok(())
}

/// Brings a file of an earlier format to the present one, in one transaction.
fn migrate(connection: &Connection, format: i64) -> Result<(), SpoolError> {
    let done = usize::try_from(format - 1).unwrap_or(0);
    let steps = MIGRATIONS[done..].concat();
    connection.execute_batch(&format!("BEGIN; {steps} PRAGMA user_version={FORMAT}; COMMIT;")).map_err(trouble)
}

fn is_empty(connection: &Connection) -> Result<bool, SpoolError> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0)).map_err(trouble)
}

fn tune_writer(connection: &Connection, settings: &SqliteSettings) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL: the log is synced at every commit. This line is what 250 rests on.
    connection.pragma_update(None, "synchronous", "full")?;
    let page = connection.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?.max(512);
    let kibibytes = i64::try_from(settings.cache_bytes >> 10).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -kibibytes)?;
    let log = i64::try_from(settings.log_bytes).unwrap_or(i64::MAX);
    connection.pragma_update(None, "wal_autocheckpoint", (log / page).max(16))?;
    // A log swollen by a long reader is cut back. The last batch before each copying overshoots a
    // little: room for it saves cutting and growing the file every round.
    connection.pragma_update(None, "journal_size_limit", log.saturating_add(log / 4))?;
    if let Some(max) = settings.file_bytes_max {
        let pages = i64::try_from(max).unwrap_or(i64::MAX) / page;
        connection.pragma_update(None, "max_page_count", pages.max(16))?;
    }
    Ok(())
}
