//! What SQLite's errors mean for the relay, in words.

use crate::SpoolError;
use crate::codec::Damaged;
use postrider_smtp::MessageId;
use rusqlite::ffi::{self, ErrorCode};

/// `SQLITE_IOERR_SHMSIZE`: the index of the write-ahead log could not be made larger, for want of room.
const IOERR_SHMSIZE: i32 = 4874;

/// Turns an error of the library into the crate's own.
pub(crate) fn trouble(error: rusqlite::Error) -> SpoolError {
    let rusqlite::Error::SqliteFailure(ffi::Error { code, extended_code }, _) = &error else {
        return SpoolError::Disk(error.to_string());
    };
    match code {
        ErrorCode::DiskFull => SpoolError::Full("free some room, mail is taken again by itself".to_owned()),
        ErrorCode::SystemIoFailure if *extended_code == IOERR_SHMSIZE => {
            SpoolError::Full("free some room, mail is taken again by itself".to_owned())
        }
        ErrorCode::DatabaseCorrupt => SpoolError::Disk(format!(
            "the file is damaged ({error}): stop the relay, save what is left with `sqlite3 spool.sqlite .recover`"
        )),
        ErrorCode::NotADatabase => {
            SpoolError::Foreign("it is no SQLite database: move it away, or give another --data".to_owned())
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            SpoolError::Disk("another program holds the file locked: close it (sqlite3, a backup?)".to_owned())
        }
        _ => SpoolError::Disk(error.to_string()),
    }
}

/// A row that cannot be unpacked; the others can.
pub(crate) fn damaged(message: MessageId, _: Damaged) -> SpoolError {
    SpoolError::Disk(format!("the row of message {message} is damaged; drop it with `postrider queue drop {message}`"))
}

/// The id in a row. Ids are written from [`MessageId`]s, so a negative one is damage.
pub(crate) fn id(number: i64) -> Result<MessageId, SpoolError> {
    MessageId::from_i64(number).ok_or_else(|| SpoolError::Disk(format!("a row has the impossible id {number}")))
}
