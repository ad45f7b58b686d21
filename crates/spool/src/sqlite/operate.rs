//! What an operator does to a part of the queue, a slice at a time, so that commits go on in between.

use super::look::{Seen, walk};
use super::trouble::trouble;
use super::write::Writing;
use crate::SpoolError;
use crate::engine::{QueueQuery, Surgery};
use crate::lease::{Leases, Seat};
use postrider_smtp::{Destination, Timestamp};
use rusqlite::{Connection, params};

/// Rows changed in one transaction: some milliseconds in which no commit can be written.
const SLICE_ROWS_MAX: usize = 1_000;

/// What an operation does to destinations as such.
pub(crate) enum OfDestinations<'a> {
    Hold(&'a Destination),
    Release(&'a Destination),
    ReleaseAll,
}

/// An operation that is narrowed by nothing but a destination is about the destination itself.
pub(crate) fn of_destinations<'a>(query: &'a QueueQuery, surgery: &Surgery) -> Option<OfDestinations<'a>> {
    if query.message.is_some() || query.address.is_some() {
        return None;
    }
    match (surgery, &query.destination) {
        (Surgery::Hold, Some(destination)) => Some(OfDestinations::Hold(destination)),
        (Surgery::Release, Some(destination)) => Some(OfDestinations::Release(destination)),
        (Surgery::Release, None) => Some(OfDestinations::ReleaseAll),
        _ => None,
    }
}

/// Remembers or forgets that destinations are held.
pub(crate) fn hold(connection: &Connection, of: OfDestinations<'_>) -> Result<(), SpoolError> {
    let done = match of {
        OfDestinations::Hold(destination) => {
            connection.execute("INSERT OR IGNORE INTO hold VALUES (?1)", [destination.to_string()])
        }
        OfDestinations::Release(destination) => {
            connection.execute("DELETE FROM hold WHERE destination = ?1", [destination.to_string()])
        }
        OfDestinations::ReleaseAll => connection.execute("DELETE FROM hold", []),
    };
    done.map(drop).map_err(trouble)
}

/// Destinations that are held.
pub(crate) fn held(connection: &Connection) -> Result<Vec<Destination>, SpoolError> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare_cached("SELECT destination FROM hold ORDER BY destination")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    // A name that cannot be read holds nothing; it goes with the next release of all.
    Ok(read().map_err(trouble)?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// One slice of an operation.
pub(crate) struct Slice {
    /// Recipients changed.
    pub(crate) touched: u64,
    /// The last row looked at; `None` at the end.
    pub(crate) after: Option<(i64, i64)>,
}

/// Changes the rows behind `after`, as many as one slice takes. The caller holds the leases until
/// the transaction is durable, so that no claim can come between the look and the change.
pub(crate) fn slice(
    writing: &mut Writing<'_>,
    connection: &Connection,
    leases: &Leases,
    query: &QueueQuery,
    surgery: &Surgery,
    now: Timestamp,
    after: (i64, i64),
) -> Result<Slice, SpoolError> {
    let mut seats = Vec::new();
    let mut last = None;
    walk(connection, query, after, |seen| {
        if for_whom(surgery, &seen, leases) {
            seats.push(seen.seat);
        }
        if seats.len() < SLICE_ROWS_MAX {
            return Ok(true);
        }
        last = Some((seen.seat.0.to_i64(), i64::from(seen.seat.1)));
        Ok(false)
    })?;
    match surgery {
        Surgery::Retry | Surgery::Release => set_due(connection, &seats, Some(now))?,
        Surgery::Hold => set_due(connection, &seats, None)?,
        Surgery::Drop => drop_rows(writing, &seats)?,
    }
    Ok(Slice { touched: u64::try_from(seats.len()).unwrap_or(u64::MAX), after: last })
}

fn for_whom(surgery: &Surgery, seen: &Seen, leases: &Leases) -> bool {
    let (held, leased) = (seen.due.is_none(), leases.holds(seen.seat));
    match surgery {
        Surgery::Retry | Surgery::Hold => !held && !leased,
        Surgery::Release => held,
        Surgery::Drop => !leased,
    }
}

fn set_due(connection: &Connection, seats: &[Seat], due: Option<Timestamp>) -> Result<(), SpoolError> {
    let sql = "UPDATE recipient SET due = ?3 WHERE message = ?1 AND idx = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    for (message, idx) in seats {
        statement.execute(params![message.to_i64(), idx, due.map(|due| due.0)]).map_err(trouble)?;
    }
    Ok(())
}

fn drop_rows(writing: &mut Writing<'_>, seats: &[Seat]) -> Result<(), SpoolError> {
    for part in seats.chunk_by(|one, next| one.0 == next.0) {
        let message = part[0].0;
        let mut dropped = 0;
        for (_, idx) in part {
            let sql = "DELETE FROM recipient WHERE message = ?1 AND idx = ?2";
            dropped += writing.run(sql, params![message.to_i64(), idx])?;
        }
        writing.finish(message, dropped)?;
    }
    Ok(())
}
