//! What people look at: rows, counts, destinations, one message with its history.
//!
//! A look reads a snapshot and stops nobody. Messages that never waited are in no index; there are
//! as many as are in flight, so they are read whole.

use super::claim::recipient;
use super::trouble::{damaged, id, trouble};
use super::write::origin;
use crate::SpoolError;
use crate::codec;
use crate::engine::{AttemptRecord, Kept, QueueDestination, QueuePage, QueueQuery, QueueRow, Standing};
use crate::lease::Seat;
use postrider_smtp::{Content, Destination, Envelope, MessageId, Recipient, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Before the first row of any message.
pub(crate) const START: (i64, i64) = (-1, -1);

/// A recipient row as it is in the file.
pub(crate) struct Seen {
    pub(crate) seat: Seat,
    pub(crate) destination: String,
    pub(crate) due: Option<Timestamp>,
    attempts: u32,
    delay_told: bool,
    doubts: u32,
    reason: String,
}

/// Calls `each` for the rows that `query` asks for behind `after`, in order, until it says `false`.
pub(crate) fn walk(
    connection: &Connection,
    query: &QueueQuery,
    after: (i64, i64),
    mut each: impl FnMut(Seen) -> Result<bool, SpoolError>,
) -> Result<(), SpoolError> {
    let sql = "SELECT message, idx, destination, due, attempts, delay_told, reason, doubts FROM recipient \
               WHERE (message, idx) > (?1, ?2) AND message >= ?3 AND message <= ?4 \
               AND (?5 IS NULL OR destination = ?5) ORDER BY message, idx";
    let (from, to) = query.message.map_or((0, i64::MAX), |message| (message.to_i64(), message.to_i64()));
    let destination = query.destination.as_ref().map(ToString::to_string);
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    let mut rows = statement.query(params![after.0, after.1, from, to, destination]).map_err(trouble)?;
    let mut address = query.address.as_deref().map(AddressFilter::new);
    while let Some(row) = rows.next().map_err(trouble)? {
        let seen = Seen::read(row)?;
        if let Some(filter) = &mut address
            && !filter.takes(connection, seen.seat)?
        {
            continue;
        }
        if !each(seen)? {
            break;
        }
    }
    Ok(())
}

impl Seen {
    fn read(row: &Row<'_>) -> Result<Self, SpoolError> {
        let read = || -> rusqlite::Result<_> {
            let due: Option<i64> = row.get(3)?;
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                due.map(Timestamp),
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        };
        let (message, idx, destination, due, attempts, delay_told, reason, doubts) = read().map_err(trouble)?;
        Ok(Self { seat: (id(message)?, idx), destination, due, attempts, delay_told, reason, doubts })
    }
}

/// Tells rows with an address from others; the envelope is unpacked once for each message.
struct AddressFilter<'a> {
    address: &'a str,
    last: Option<(MessageId, bool, Vec<u32>)>,
}

impl<'a> AddressFilter<'a> {
    fn new(address: &'a str) -> Self {
        Self { address, last: None }
    }

    fn takes(&mut self, connection: &Connection, (message, idx): Seat) -> Result<bool, SpoolError> {
        if self.last.as_ref().is_none_or(|(last, ..)| *last != message) {
            let (sender, indices) = header(connection, message)?
                .map(|found| codec::find_address(&found.envelope, self.address))
                .unwrap_or_default();
            self.last = Some((message, sender, indices));
        }
        Ok(self.last.as_ref().is_some_and(|(_, sender, indices)| *sender || indices.contains(&idx)))
    }
}

/// A message without its content.
pub(crate) struct Header {
    accepted: Timestamp,
    origin: i64,
    size: u64,
    client: String,
    envelope: Envelope,
}

fn header(connection: &Connection, message: MessageId) -> Result<Option<Header>, SpoolError> {
    let sql = "SELECT accepted, origin, size, facts FROM message WHERE id = ?1 \
               UNION ALL SELECT accepted, origin, size, facts FROM fresh WHERE id = ?1";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?));
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([message.to_i64()], read).optional())
        .map_err(trouble)?;
    let Some((accepted, origin, size, facts)) = found else { return Ok(None) };
    let (client, envelope) = codec::read_facts(&facts).map_err(|e| damaged(message, e))?;
    Ok(Some(Header { accepted: Timestamp(accepted), origin, size, client, envelope }))
}

/// The page that `query` asks for.
pub(crate) fn look(
    connection: &Connection,
    leases: &HashSet<Seat>,
    query: &QueueQuery,
) -> Result<QueuePage, SpoolError> {
    let mut page = QueuePage::default();
    let after = query.after.map_or(START, |(message, idx)| (message.to_i64(), i64::from(idx)));
    let mut rows = Vec::new();
    for (first, row) in fresh_rows(connection, query)? {
        page.recipients += 1;
        page.messages += u64::from(first);
        let seat = (row.message.to_i64(), i64::from(row.standing.index));
        if seat > after && query.rows_max > 0 {
            rows.push(row);
        }
    }
    let whole = query.destination.is_none() && query.message.is_none() && query.address.is_none();
    if whole {
        (page.messages, page.recipients) = tally(connection)?;
    } else {
        count(connection, query, &mut page)?;
    }
    if query.rows_max > 0 {
        let mut last: Option<(MessageId, Header)> = None;
        let wanted = query.rows_max + 1;
        let mut waiting = 0;
        walk(connection, query, after, |seen| {
            if let Some(row) = queue_row(connection, leases, &mut last, seen)? {
                rows.push(row);
                waiting += 1;
            }
            Ok(waiting < wanted)
        })?;
    }
    rows.sort_by_key(|row| (row.message, row.standing.index));
    page.more = rows.len() > query.rows_max && query.rows_max > 0;
    rows.truncate(query.rows_max);
    page.rows = rows;
    Ok(page)
}

fn queue_row(
    connection: &Connection,
    leases: &HashSet<Seat>,
    last: &mut Option<(MessageId, Header)>,
    seen: Seen,
) -> Result<Option<QueueRow>, SpoolError> {
    let (message, index) = seen.seat;
    if last.as_ref().is_none_or(|(of, _)| *of != message) {
        *last = header(connection, message)?.map(|header| (message, header));
    }
    let Some((_, header)) = last else { return Ok(None) };
    let recipient = recipient(&header.envelope, index).map_err(|e| damaged(message, e))?;
    Ok(Some(QueueRow {
        message,
        accepted: header.accepted,
        sender: header.envelope.sender.as_ref().map(ToString::to_string),
        size: header.size,
        standing: Standing {
            index,
            recipient,
            attempts: seen.attempts,
            delay_told: seen.delay_told,
            doubts: seen.doubts,
        },
        destination: seen.destination.parse().map_err(|_| damaged(message, codec::Damaged))?,
        held: seen.due.is_none(),
        due: seen.due.filter(|_| !leases.contains(&seen.seat)),
        reason: seen.reason,
    }))
}

/// Rows of messages that never waited, each with whether it is its message's first among those asked for.
fn fresh_rows(connection: &Connection, query: &QueueQuery) -> Result<Vec<(bool, QueueRow)>, SpoolError> {
    let sql = "SELECT id, accepted, size, facts, plan FROM fresh WHERE ?1 IS NULL OR id = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    let mut rows = statement.query([query.message.map(MessageId::to_i64)]).map_err(trouble)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        // A damaged row is passed over: the others are to be seen.
        let Ok(of_message) = rows_of_fresh(row) else { continue };
        let by_address = query.address.as_deref().map(|address| codec::find_address(&of_message.0, address));
        let asked = |row: &QueueRow| {
            query.destination.as_ref().is_none_or(|want| *want == row.destination)
                && by_address.as_ref().is_none_or(|(sender, found)| *sender || found.contains(&row.standing.index))
        };
        let asked = of_message.1.into_iter().filter(asked).enumerate();
        found.extend(asked.map(|(place, row)| (place == 0, row)));
    }
    Ok(found)
}

/// The envelope of a message that never waited, and its recipients as rows.
fn rows_of_fresh(row: &Row<'_>) -> Result<(Envelope, Vec<QueueRow>), SpoolError> {
    let message = id(row.get(0).map_err(trouble)?)?;
    let accepted = Timestamp(row.get(1).map_err(trouble)?);
    let size = row.get(2).map_err(trouble)?;
    let (facts, plan): (Vec<u8>, Vec<u8>) = (row.get(3).map_err(trouble)?, row.get(4).map_err(trouble)?);
    let (_, envelope) = codec::read_facts(&facts).map_err(|e| damaged(message, e))?;
    let plan = codec::read_plan(&plan, &envelope.recipients).map_err(|e| damaged(message, e))?;
    let sender = envelope.sender.as_ref().map(ToString::to_string);
    let row = |((index, recipient), destination): ((u32, &Recipient), Destination)| QueueRow {
        message,
        accepted,
        sender: sender.clone(),
        size,
        standing: Standing { index, recipient: recipient.clone(), attempts: 0, delay_told: false, doubts: 0 },
        destination,
        due: None,
        held: false,
        reason: String::new(),
    };
    let rows = (0..).zip(&envelope.recipients).zip(plan).map(row).collect();
    Ok((envelope, rows))
}

/// Adds what waits to the counts of a page.
fn count(connection: &Connection, query: &QueueQuery, page: &mut QueuePage) -> Result<(), SpoolError> {
    if let (Some(destination), None, None) = (&query.destination, query.message, &query.address) {
        // Two partial indexes cover the question; messages are counted within each.
        let sql = "SELECT count(*), count(DISTINCT message) FROM recipient WHERE destination = ?1 AND due IS NOT NULL \
                   UNION ALL \
                   SELECT count(*), count(DISTINCT message) FROM recipient WHERE destination = ?1 AND due IS NULL";
        let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
        let mut rows = statement.query([destination.to_string()]).map_err(trouble)?;
        while let Some(row) = rows.next().map_err(trouble)? {
            page.recipients += row.get::<_, u64>(0).map_err(trouble)?;
            page.messages += row.get::<_, u64>(1).map_err(trouble)?;
        }
        return Ok(());
    }
    let mut last = None;
    walk(connection, query, START, |seen| {
        page.recipients += 1;
        page.messages += u64::from(last.replace(seen.seat.0) != Some(seen.seat.0));
        Ok(true)
    })
}

/// Messages and recipients in all.
pub(crate) fn tally(connection: &Connection) -> Result<(u64, u64), SpoolError> {
    connection
        .prepare_cached("SELECT messages, recipients FROM tally")
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(trouble)
}

/// The longest queues, from the covering indexes.
pub(crate) fn destinations(
    connection: &Connection,
    leases: &HashSet<Seat>,
    rows_max: usize,
) -> Result<Vec<QueueDestination>, SpoolError> {
    let leased = leased_by_destination(connection, leases)?;
    let mut found: HashMap<Destination, QueueDestination> = HashMap::new();
    let sql = "SELECT destination, count(*), 0, min(message), min(due) FROM recipient INDEXED BY recipient_destination \
               WHERE due IS NOT NULL GROUP BY destination \
               UNION ALL SELECT destination, 0, count(*), min(message), NULL FROM recipient INDEXED BY recipient_held \
               WHERE due IS NULL GROUP BY destination ORDER BY 2 DESC, 3 DESC LIMIT ?1";
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    let mut rows = statement.query([rows_max]).map_err(trouble)?;
    while let Some(row) = rows.next().map_err(trouble)? {
        let read = || -> rusqlite::Result<(String, u64, u64, i64, Option<i64>)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (name, waiting, held, oldest, due) = read().map_err(trouble)?;
        let Ok(destination) = name.parse::<Destination>() else { continue };
        let entry = found.entry(destination.clone()).or_insert_with(|| QueueDestination {
            destination,
            recipients: 0,
            held: 0,
            leased: leased.get(&name).copied().unwrap_or(0),
            oldest: Timestamp::NEVER,
            next_due: None,
            reason: String::new(),
        });
        entry.recipients += waiting;
        entry.held += held;
        entry.oldest = entry.oldest.min(id(oldest)?.time());
        entry.next_due = entry.next_due.or(due.map(Timestamp));
        if entry.reason.is_empty() {
            entry.reason = last_reason(connection, &name)?;
        }
    }
    add_fresh(connection, &mut found)?;
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by(|a, b| (b.recipients, b.held, &a.destination).cmp(&(a.recipients, a.held, &b.destination)));
    found.truncate(rows_max);
    Ok(found)
}

/// The recipient with the latest due time is, as a rule, the one most recently recorded.
fn last_reason(connection: &Connection, destination: &str) -> Result<String, SpoolError> {
    let sql = "SELECT reason FROM recipient WHERE destination = ?1 AND due IS NOT NULL ORDER BY due DESC LIMIT 1";
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([destination], |row| row.get(0)).optional())
        .map_err(trouble)?;
    Ok(found.unwrap_or_default())
}

fn leased_by_destination(connection: &Connection, leases: &HashSet<Seat>) -> Result<HashMap<String, u64>, SpoolError> {
    let sql = "SELECT destination FROM recipient WHERE message = ?1 AND idx = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    let mut leased = HashMap::new();
    for (message, idx) in leases {
        let found = statement.query_row(params![message.to_i64(), idx], |row| row.get::<_, String>(0)).optional();
        if let Some(destination) = found.map_err(trouble)? {
            *leased.entry(destination).or_insert(0) += 1;
        }
    }
    Ok(leased)
}

/// Messages that never waited count as waiting and leased.
fn add_fresh(connection: &Connection, found: &mut HashMap<Destination, QueueDestination>) -> Result<(), SpoolError> {
    for (_, row) in fresh_rows(connection, &QueueQuery::default())? {
        let entry = found.entry(row.destination.clone()).or_insert_with(|| QueueDestination {
            destination: row.destination,
            recipients: 0,
            held: 0,
            leased: 0,
            oldest: row.accepted,
            next_due: None,
            reason: String::new(),
        });
        entry.recipients += 1;
        entry.leased += 1;
        entry.oldest = entry.oldest.min(row.accepted);
    }
    Ok(())
}

/// The bytes of a message.
pub(crate) fn content(connection: &Connection, message: MessageId) -> Result<Content, SpoolError> {
    let read = |row: &Row<'_>| {
        let (head, body): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        Ok(Content { head: head.into(), body: body.into() })
    };
    connection
        .prepare_cached("SELECT head, body FROM content WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([message.to_i64()], read).optional())
        .map_err(trouble)?
        .ok_or(SpoolError::NoSuchMessage(message))
}

/// A message with its history.
pub(crate) fn kept(connection: &Connection, message: MessageId) -> Result<Kept, SpoolError> {
    let header = header(connection, message)?.ok_or(SpoolError::NoSuchMessage(message))?;
    let sql = "SELECT at, took, host, outcomes, transcript FROM attempt WHERE message = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql).map_err(trouble)?;
    let mut rows = statement.query([message.to_i64()]).map_err(trouble)?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        let read = || -> rusqlite::Result<(i64, u64, String, Vec<u8>, String)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (at, took, host, outcomes, transcript) = read().map_err(trouble)?;
        let outcomes = codec::read_outcomes(&outcomes).map_err(|e| damaged(message, e))?;
        let took = Duration::from_millis(took);
        attempts.push(AttemptRecord { at: Timestamp(at), took, host, outcomes, transcript });
    }
    let Header { accepted, origin: number, client, envelope, .. } = header;
    Ok(Kept { accepted, origin: origin(number), client, envelope, attempts })
}
