//! What is written: commits and records. All of it inside the caller's transaction.

use super::trouble::{damaged, id, trouble};
use crate::codec;
use crate::engine::{AttemptRecord, Due, NewMessage, Next, Origin, Progress, Record, SpoolError};
use crate::lease::LeaseChange;
use postrider_smtp::{Destination, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Attempts kept of one message: the newest.
pub const ATTEMPTS_KEPT_MAX: i64 = 20;
/// Octets kept of one transcript; the end of a longer one is what matters, but the start names the peer.
pub const TRANSCRIPT_BYTES_MAX: usize = 64 << 10;

/// One transaction's worth of changes, and what they mean outside the file.
pub(crate) struct Writing<'a> {
    connection: &'a Connection,
    /// Reused for packing.
    facts: Vec<u8>,
    plan: Vec<u8>,
    /// How the tally changes.
    pub(crate) messages: i64,
    pub(crate) recipients: i64,
    /// Leases to take before the transaction is durable.
    pub(crate) taken: Vec<LeaseChange>,
    /// Leases to free once it is.
    pub(crate) freed: Vec<LeaseChange>,
}

/// A recipient row on its way into the file.
struct Row {
    idx: u32,
    destination: Destination,
    due: Timestamp,
    attempts: u32,
    delay_told: bool,
    doubts: u32,
    reason: String,
}

/// The columns of `fresh` and `message` that are moved as they are.
struct Header {
    accepted: i64,
    origin: i64,
    size: i64,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            facts: Vec::new(),
            plan: Vec::new(),
            messages: 0,
            recipients: 0,
            taken: Vec::new(),
            freed: Vec::new(),
        }
    }

    /// Keeps a message.
    pub(crate) fn commit(&mut self, new: &NewMessage) -> Result<(), SpoolError> {
        let count = new.envelope.recipients.len();
        if count == 0 || count != new.plan.len() {
            return Err(SpoolError::Disk(format!(
                "message {}: {count} recipients and {} plans, which is a fault of the program",
                new.id,
                new.plan.len()
            )));
        }
        self.facts.clear();
        codec::facts(&new.client, &new.envelope, &mut self.facts);
        let header = Header {
            accepted: new.accepted.0,
            origin: origin_number(new.origin),
            size: i64::try_from(new.content.len()).unwrap_or(i64::MAX),
        };
        if new.plan.iter().all(|(_, due)| *due == Due::Leased) {
            self.insert_fresh(new, &header)?;
        } else {
            self.insert_waiting(new, &header)?;
        }
        self.run(
            "INSERT INTO content VALUES (?1, ?2, ?3)",
            params![new.id.to_i64(), new.content.head.as_ref(), new.content.body.as_ref()],
        )?;
        self.messages += 1;
        self.recipients += many(count);
        Ok(())
    }

    fn insert_fresh(&mut self, new: &NewMessage, header: &Header) -> Result<(), SpoolError> {
        let destinations = new.plan.iter().map(|(destination, _)| destination);
        self.plan.clear();
        codec::plan(new.envelope.recipients.iter().zip(destinations), &mut self.plan);
        self.run(
            "INSERT INTO fresh VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                new.id.to_i64(),
                header.accepted,
                header.origin,
                header.size,
                new.plan.len(),
                self.facts,
                self.plan
            ],
        )?;
        Ok(())
    }

    fn insert_waiting(&mut self, new: &NewMessage, header: &Header) -> Result<(), SpoolError> {
        let facts = std::mem::take(&mut self.facts);
        self.insert_message(new.id, header, new.plan.len(), &facts)?;
        self.facts = facts;
        for (idx, (destination, due)) in (0..).zip(&new.plan) {
            let due = match due {
                Due::At(due) => *due,
                Due::Leased => {
                    self.taken.push(LeaseChange::Take((new.id, idx)));
                    new.accepted
                }
            };
            let destination = destination.clone();
            let row = Row { idx, destination, due, attempts: 0, delay_told: false, doubts: 0, reason: String::new() };
            self.insert_recipient(new.id, &row)?;
        }
        Ok(())
    }

    /// Keeps what one job changed.
    pub(crate) fn record(&mut self, record: &Record) -> Result<(), SpoolError> {
        for part in record.progress.chunk_by(|one, next| one.message == next.message) {
            self.progress(part[0].message, part)?;
        }
        if let Some((message, attempt)) = &record.attempt {
            self.attempt(*message, attempt)?;
        }
        record.notices.iter().try_for_each(|notice| self.commit(notice))
    }

    fn progress(&mut self, message: MessageId, part: &[Progress]) -> Result<(), SpoolError> {
        if all_done(part) && self.finish_fresh(message, part.len())? {
            return Ok(());
        }
        if self.spill(message, part)? {
            return Ok(());
        }
        let mut finished = 0;
        for progress in part {
            let seat = (message, progress.recipient);
            match &progress.next {
                Next::Done => {
                    let sql = "DELETE FROM recipient WHERE message = ?1 AND idx = ?2";
                    finished += self.run(sql, params![message.to_i64(), progress.recipient])?;
                }
                Next::Retry { due, reason, attempted, delay_told, in_doubt } => {
                    let sql = "UPDATE recipient SET reason = ?4, \
                               due = CASE WHEN destination IN (SELECT destination FROM hold) THEN NULL ELSE ?3 END, attempts = attempts + ?5, \
                               delay_told = max(delay_told, ?6), doubts = doubts + ?7 WHERE message = ?1 AND idx = ?2";
                    self.run(
                        sql,
                        params![
                            message.to_i64(),
                            progress.recipient,
                            due.0,
                            reason,
                            *attempted,
                            *delay_told,
                            *in_doubt
                        ],
                    )?;
                }
            }
            self.freed.push(LeaseChange::Free(seat));
        }
        self.finish(message, finished)
    }

    /// The fast path: a message that never waited is done with all its recipients at once.
    fn finish_fresh(&mut self, message: MessageId, done: usize) -> Result<bool, SpoolError> {
        let sql = "DELETE FROM fresh WHERE id = ?1 AND recipients = ?2";
        if self.run(sql, params![message.to_i64(), done])? == 0 {
            return Ok(false);
        }
        self.run("DELETE FROM content WHERE id = ?1", params![message.to_i64()])?;
        self.messages -= 1;
        self.recipients -= many(done);
        Ok(true)
    }

    /// Moves a message that never waited to those that do, with what `part` says already applied.
    /// Recipients that `part` does not name are still being attempted: they stay leased.
    /// `false` when it is not one that never waited.
    pub(crate) fn spill(&mut self, message: MessageId, part: &[Progress]) -> Result<bool, SpoolError> {
        let fresh = self
            .connection
            .prepare_cached("SELECT accepted, origin, size, facts, plan FROM fresh WHERE id = ?1")
            .and_then(|mut statement| {
                let read = |row: &rusqlite::Row<'_>| {
                    let header = Header { accepted: row.get(0)?, origin: row.get(1)?, size: row.get(2)? };
                    Ok((header, row.get::<_, Vec<u8>>(3)?, row.get::<_, Vec<u8>>(4)?))
                };
                statement.query_row([message.to_i64()], read).optional()
            })
            .map_err(trouble)?;
        let Some((header, facts, plan)) = fresh else { return Ok(false) };
        let (_, envelope) = codec::read_facts(&facts).map_err(|e| damaged(message, e))?;
        let plan = codec::read_plan(&plan, &envelope.recipients).map_err(|e| damaged(message, e))?;
        // Only what was read whole is taken out of `fresh`; a damaged row stays for a closer look.
        self.run("DELETE FROM fresh WHERE id = ?1", params![message.to_i64()])?;
        let due = Timestamp(header.accepted);
        let row = |(idx, destination)| Row {
            idx,
            destination,
            due,
            attempts: 0,
            delay_told: false,
            doubts: 0,
            reason: String::new(),
        };
        let mut rows: Vec<Option<Row>> = (0..).zip(plan).map(row).map(Some).collect();
        let before = rows.len();
        for progress in part {
            settle_row(&mut rows, progress);
        }
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        self.recipients -= many(before - rows.len());
        if rows.is_empty() {
            self.messages -= 1;
            self.run("DELETE FROM content WHERE id = ?1", params![message.to_i64()])?;
            return Ok(true);
        }
        self.insert_message(message, &header, rows.len(), &facts)?;
        for row in &rows {
            self.insert_recipient(message, row)?;
            if !part.iter().any(|progress| progress.recipient == row.idx) {
                self.taken.push(LeaseChange::Take((message, row.idx)));
            }
        }
        Ok(true)
    }

    /// Takes finished recipients off the message's count; with the last one the message goes.
    pub(crate) fn finish(&mut self, message: MessageId, finished: usize) -> Result<(), SpoolError> {
        if finished == 0 {
            return Ok(());
        }
        self.recipients -= many(finished);
        let remaining: i64 = self
            .connection
            .prepare_cached("UPDATE message SET remaining = remaining - ?2 WHERE id = ?1 RETURNING remaining")
            .and_then(|mut statement| statement.query_row(params![message.to_i64(), finished], |row| row.get(0)))
            .map_err(trouble)?;
        if remaining > 0 {
            return Ok(());
        }
        self.messages -= 1;
        for sql in [
            "DELETE FROM message WHERE id = ?1",
            "DELETE FROM content WHERE id = ?1",
            "DELETE FROM attempt WHERE message = ?1",
        ] {
            self.run(sql, params![message.to_i64()])?;
        }
        Ok(())
    }

    fn attempt(&mut self, message: MessageId, attempt: &AttemptRecord) -> Result<(), SpoolError> {
        // The message decides whether its history is kept: of a finished one nothing is.
        let sql = "INSERT INTO attempt SELECT ?1, \
                   (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE message = ?1), ?2, ?3, ?4, ?5, ?6 \
                   FROM message WHERE id = ?1";
        let transcript = &attempt.transcript[..attempt.transcript.floor_char_boundary(TRANSCRIPT_BYTES_MAX)];
        let took = i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX);
        let outcomes = codec::outcomes(&attempt.outcomes);
        let kept = self.run(sql, params![message.to_i64(), attempt.at.0, took, attempt.host, outcomes, transcript])?;
        if kept == 0 {
            return Ok(());
        }
        let sql = "DELETE FROM attempt WHERE message = ?1 AND number <= \
                   (SELECT max(number) FROM attempt WHERE message = ?1) - ?2";
        self.run(sql, params![message.to_i64(), ATTEMPTS_KEPT_MAX])?;
        Ok(())
    }

    fn insert_message(
        &self,
        message: MessageId,
        header: &Header,
        remaining: usize,
        facts: &[u8],
    ) -> Result<(), SpoolError> {
        self.run(
            "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![message.to_i64(), header.accepted, header.origin, header.size, remaining, facts],
        )?;
        Ok(())
    }

    fn insert_recipient(&self, message: MessageId, row: &Row) -> Result<(), SpoolError> {
        self.run(
            // What comes to wait at a held destination is held.
            "INSERT INTO recipient VALUES (?1, ?2, ?3, \
             CASE WHEN ?3 IN (SELECT destination FROM hold) THEN NULL ELSE ?4 END, ?5, ?6, ?7, ?8)",
            params![
                message.to_i64(),
                row.idx,
                row.destination.to_string(),
                row.due.0,
                row.attempts,
                row.delay_told,
                row.reason,
                row.doubts
            ],
        )?;
        Ok(())
    }

    pub(crate) fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, SpoolError> {
        let run = || self.connection.prepare_cached(sql)?.execute(params);
        run().map_err(trouble)
    }
}

/// Whether these are as many different recipients as they are entries, all done.
fn all_done(part: &[Progress]) -> bool {
    part.iter().all(|progress| progress.next == Next::Done)
        && part.windows(2).all(|pair| pair[0].recipient < pair[1].recipient)
}

/// Applies one progress to the rows of a message that is on its way to those that wait.
fn settle_row(rows: &mut [Option<Row>], progress: &Progress) {
    let Some(slot) = usize::try_from(progress.recipient).ok().and_then(|index| rows.get_mut(index)) else { return };
    match (&progress.next, slot.as_mut()) {
        (Next::Done, _) => *slot = None,
        (Next::Retry { due, reason, attempted, delay_told, in_doubt }, Some(row)) => {
            row.due = *due;
            row.reason.clone_from(reason);
            row.attempts += u32::from(*attempted);
            row.delay_told |= delay_told;
            row.doubts += u32::from(*in_doubt);
        }
        (Next::Retry { .. }, None) => {}
    }
}

/// Moves up to `batch_max` messages of the previous life to those that wait, from the id behind `after` on.
/// Adds what it moved to `recovered`; gives the last id it saw, `None` at the end.
pub(crate) fn recover(
    writing: &mut Writing<'_>,
    after: i64,
    batch_max: usize,
    recovered: &mut Vec<(MessageId, u32)>,
) -> Result<Option<i64>, SpoolError> {
    let read = || -> rusqlite::Result<Vec<(i64, u32)>> {
        let sql = "SELECT id, recipients FROM fresh WHERE id > ?1 ORDER BY id LIMIT ?2";
        let mut statement = writing.connection.prepare_cached(sql)?;
        statement.query_map(params![after, batch_max], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let found = read().map_err(trouble)?;
    for (number, recipients) in &found {
        // One damaged row must not keep a relay from starting: it stays where it is.
        let Ok(message) = id(*number) else { continue };
        if writing.spill(message, &[]).is_ok_and(|spilled| spilled) {
            recovered.extend((0..*recipients).map(|idx| (message, idx)));
        }
    }
    // Nobody is attempting them: they are due since they were accepted.
    writing.taken.clear();
    Ok(found.last().map(|(number, _)| *number))
}

pub(crate) fn origin_number(origin: Origin) -> i64 {
    match origin {
        Origin::Relay => 0,
        Origin::Submission => 1,
        Origin::Notice => 2,
    }
}

pub(crate) fn origin(number: i64) -> Origin {
    match number {
        1 => Origin::Submission,
        2 => Origin::Notice,
        _ => Origin::Relay,
    }
}

fn many(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
