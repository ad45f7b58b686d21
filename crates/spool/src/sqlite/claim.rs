//! Finding due work: fair to every destination, bounded for each call.
//!
//! Two passes. The first walks what is due in order of time, at most [`WINDOW_ROWS_MAX`] rows: as a
//! rule that is all there is. When the window ends before the due rows do, a large backlog may hide
//! others, and the second pass steps from destination to destination behind the last claim's end,
//! looking at each one's first due rows only; at most [`STEPS_MAX`] destinations.
//!
//! Leases are in memory, so a claim writes nothing.

use super::trouble::{damaged, id, trouble};
use super::write::origin;
use crate::SpoolError;
use crate::codec;
use crate::engine::{Claim, Claimed, Standing, Work};
use crate::lease::Leases;
use postrider_smtp::{Destination, Envelope, MessageId, Recipient, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{HashMap, HashSet};

/// Rows looked at in order of time, leased ones not counted.
const WINDOW_ROWS_MAX: usize = 4_000;
/// Destinations stepped over in one call.
const STEPS_MAX: usize = 1_000;
/// Recipients in one piece of work; RFC 5321 §4.5.3.1.8 has every server take so many.
pub const WORK_RECIPIENTS_MAX: usize = 100;
/// Rows passed over in search of the next due time of a destination that is not skipped.
const NEXT_DUE_ROWS_MAX: usize = 256;

/// One claim under way.
pub(crate) struct Search<'a> {
    connection: &'a Connection,
    leases: &'a mut Leases,
    claim: &'a Claim,
    skip: HashSet<String>,
    taken: HashMap<String, usize>,
    work: Vec<Work>,
    /// Due work was seen that this claim had no room for.
    left_over: bool,
}

impl<'a> Search<'a> {
    pub(crate) fn new(connection: &'a Connection, leases: &'a mut Leases, claim: &'a Claim) -> Self {
        let skip = claim.skip.iter().map(ToString::to_string).collect();
        Self { connection, leases, claim, skip, taken: HashMap::new(), work: Vec::new(), left_over: false }
    }

    pub(crate) fn run(mut self) -> Result<Claimed, SpoolError> {
        self.leases.expire(self.claim.now);
        let after = if self.walk_by_time()? { None } else { self.step_by_destination()? };
        let next_due = if self.left_over || after.is_some() { Some(self.claim.now) } else { self.next_due()? };
        Ok(Claimed { work: self.work, after, next_due })
    }

    /// `true` when it saw every due row.
    fn walk_by_time(&mut self) -> Result<bool, SpoolError> {
        let sql = "SELECT message, idx, destination FROM recipient INDEXED BY recipient_due \
                   WHERE due IS NOT NULL AND due <= ?1 ORDER BY due LIMIT ?2";
        let window = WINDOW_ROWS_MAX + self.leases.len();
        let mut statement = self.connection.prepare_cached(sql).map_err(trouble)?;
        let mut rows = statement.query(params![self.claim.now.0, window]).map_err(trouble)?;
        let mut seen = 0;
        while let Some(row) = rows.next().map_err(trouble)? {
            seen += 1;
            let message = id(row.get(0).map_err(trouble)?)?;
            let idx = row.get(1).map_err(trouble)?;
            let destination = row.get_ref(2).and_then(|value| Ok(value.as_str()?)).map_err(trouble)?;
            if !self.consider(message, idx, destination)? {
                return Ok(false);
            }
        }
        Ok(seen < window)
    }

    /// Takes up one due row, if it may be. `false` when the claim is full.
    fn consider(&mut self, message: MessageId, idx: u32, destination: &str) -> Result<bool, SpoolError> {
        if self.leases.holds((message, idx)) || self.skip.contains(destination) {
            return Ok(true);
        }
        if self.work.len() >= self.claim.work_max {
            self.left_over = true;
            return Ok(false);
        }
        let taken = self.taken.get(destination).copied().unwrap_or(0);
        if taken >= self.claim.per_destination_max {
            self.left_over = true;
            return Ok(true);
        }
        match self.load(message, destination) {
            Ok(Some(work)) => {
                self.taken.insert(destination.to_owned(), taken + 1);
                self.work.push(work);
            }
            Ok(None) => {}
            // A row that cannot be read must stop nobody else: it is left alone for as long as a lease.
            Err(_) => self.leases.take((message, idx), self.claim.until),
        }
        Ok(true)
    }

    /// Goes on behind the last claim's end. Gives where it ended, `None` at the end of the round.
    fn step_by_destination(&mut self) -> Result<Option<Destination>, SpoolError> {
        let next = "SELECT destination FROM recipient INDEXED BY recipient_destination \
                    WHERE due IS NOT NULL AND destination > ?1 ORDER BY destination LIMIT 1";
        let mut next = self.connection.prepare_cached(next).map_err(trouble)?;
        let mut at = self.claim.after.as_ref().map(ToString::to_string).unwrap_or_default();
        for _ in 0..STEPS_MAX {
            if self.work.len() >= self.claim.work_max {
                break;
            }
            let found: Option<String> = next.query_row([&at], |row| row.get(0)).optional().map_err(trouble)?;
            let Some(found) = found else { return Ok(None) };
            if !self.skip.contains(&found) {
                self.look_at(&found)?;
            }
            at = found;
        }
        // A destination that cannot be read any more sends the round back to its start.
        Ok(at.parse().ok())
    }

    fn look_at(&mut self, destination: &str) -> Result<(), SpoolError> {
        let sql = "SELECT message, idx FROM recipient INDEXED BY recipient_destination \
                   WHERE due IS NOT NULL AND destination = ?1 AND due <= ?2 ORDER BY due LIMIT ?3";
        let rows_max = self.claim.per_destination_max.saturating_mul(WORK_RECIPIENTS_MAX) + self.leases.len();
        let mut statement = self.connection.prepare_cached(sql).map_err(trouble)?;
        let mut rows = statement.query(params![destination, self.claim.now.0, rows_max]).map_err(trouble)?;
        while let Some(row) = rows.next().map_err(trouble)? {
            let message = id(row.get(0).map_err(trouble)?)?;
            let full = self.taken.get(destination).is_some_and(|taken| *taken >= self.claim.per_destination_max);
            if full || !self.consider(message, row.get(1).map_err(trouble)?, destination)? {
                break;
            }
        }
        Ok(())
    }

    /// Loads one message's due and unleased recipients at one destination, and leases them.
    fn load(&mut self, message: MessageId, destination: &str) -> Result<Option<Work>, SpoolError> {
        let header = self
            .connection
            .prepare_cached("SELECT accepted, origin, size, facts FROM message WHERE id = ?1")
            .and_then(|mut statement| {
                let read =
                    |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?));
                statement.query_row([message.to_i64()], read).optional()
            })
            .map_err(trouble)?;
        let Some((accepted, origin_number, size, facts)) = header else { return Ok(None) };
        let (_, mut envelope) = codec::read_facts(&facts).map_err(|e| damaged(message, e))?;
        let next_hop = destination.parse().map_err(|_| damaged(message, codec::Damaged))?;
        let recipients = self.standings(message, destination, &envelope)?;
        if recipients.is_empty() {
            return Ok(None);
        }
        for standing in &recipients {
            self.leases.take((message, standing.index), self.claim.until);
        }
        envelope.recipients = Vec::new();
        Ok(Some(Work {
            message,
            accepted: Timestamp(accepted),
            origin: origin(origin_number),
            envelope,
            size,
            destination: next_hop,
            recipients,
        }))
    }

    fn standings(
        &self,
        message: MessageId,
        destination: &str,
        envelope: &Envelope,
    ) -> Result<Vec<Standing>, SpoolError> {
        // The plus signs keep SQLite to the message's own rows: by the index on destinations it would
        // walk everything that is due there.
        let sql = "SELECT idx, attempts, delay_told, doubts FROM recipient \
                   WHERE message = ?1 AND +destination = ?2 AND +due <= ?3 ORDER BY idx";
        let mut statement = self.connection.prepare_cached(sql).map_err(trouble)?;
        let mut rows = statement.query(params![message.to_i64(), destination, self.claim.now.0]).map_err(trouble)?;
        let mut standings = Vec::new();
        while let Some(row) = rows.next().map_err(trouble)? {
            let index: u32 = row.get(0).map_err(trouble)?;
            if self.leases.holds((message, index)) {
                continue;
            }
            let recipient = recipient(envelope, index).map_err(|e| damaged(message, e))?;
            let (attempts, delay_told) = (row.get(1).map_err(trouble)?, row.get(2).map_err(trouble)?);
            let doubts = row.get(3).map_err(trouble)?;
            standings.push(Standing { index, recipient, attempts, delay_told, doubts });
            if standings.len() >= WORK_RECIPIENTS_MAX {
                break;
            }
        }
        Ok(standings)
    }

    /// When something further falls due. Of the first few rows those at skipped destinations are passed
    /// over; if they all are, the last one's time is a lower bound and so a safe answer.
    fn next_due(&self) -> Result<Option<Timestamp>, SpoolError> {
        let sql = "SELECT due, destination FROM recipient INDEXED BY recipient_due \
                   WHERE due IS NOT NULL AND due > ?1 ORDER BY due LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(trouble)?;
        let mut rows = statement.query(params![self.claim.now.0, NEXT_DUE_ROWS_MAX]).map_err(trouble)?;
        let mut bound = None;
        let mut seen = 0;
        while let Some(row) = rows.next().map_err(trouble)? {
            seen += 1;
            bound = Some(Timestamp(row.get(0).map_err(trouble)?));
            let destination = row.get_ref(1).and_then(|value| Ok(value.as_str()?)).map_err(trouble)?;
            if !self.skip.contains(destination) {
                return Ok(bound);
            }
        }
        Ok(bound.filter(|_| seen == NEXT_DUE_ROWS_MAX))
    }
}

/// The recipient of that index, if the envelope has so many.
pub(crate) fn recipient(envelope: &Envelope, index: u32) -> Result<Recipient, codec::Damaged> {
    let found = usize::try_from(index).ok().and_then(|index| envelope.recipients.get(index));
    found.cloned().ok_or(codec::Damaged)
}
