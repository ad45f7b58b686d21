//! A spool's engine whose disk fails on demand.

use postrider_smtp::{Content, Destination, MessageId, Timestamp};
use postrider_spool::{
    Claim, Claimed, Engine, Kept, NewMessage, QueueDestination, QueuePage, QueueQuery, Record, SpoolError, Surgery,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// What is wrong with the disk, changed while it is in use.
#[derive(Default)]
pub struct Faults {
    /// Every write fails so.
    pub writes: Mutex<Option<SpoolError>>,
    /// These messages cannot be read.
    pub unreadable: Mutex<HashSet<MessageId>>,
    /// Until when work was last leased, by a claim or a renewal.
    pub leased_until: Mutex<Timestamp>,
}

pub struct Disk<E> {
    pub engine: E,
    pub faults: Arc<Faults>,
}

impl<E> Disk<E> {
    fn write(&self) -> Result<(), SpoolError> {
        self.faults.writes.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl<E: Engine> Engine for Disk<E> {
    fn commit(&self, batch: &[NewMessage]) -> Result<(), SpoolError> {
        self.write()?;
        self.engine.commit(batch)
    }
    fn claim(&self, claim: &Claim) -> Result<Claimed, SpoolError> {
        let claimed = self.engine.claim(claim)?;
        if !claimed.work.is_empty() {
            *self.faults.leased_until.lock().unwrap() = claim.until;
        }
        Ok(claimed)
    }
    fn record(&self, batch: &[Record]) -> Result<(), SpoolError> {
        self.write()?;
        self.engine.record(batch)
    }
    fn write(&self, commits: &[NewMessage], records: &[Record]) -> Result<(), SpoolError> {
        Self::write(self)?;
        self.engine.write(commits, records)
    }
    fn renew(&self, messages: &[MessageId], until: Timestamp) -> Result<(), SpoolError> {
        self.engine.renew(messages, until)?;
        *self.faults.leased_until.lock().unwrap() = until;
        Ok(())
    }
    fn content(&self, message: MessageId) -> Result<Content, SpoolError> {
        if self.faults.unreadable.lock().unwrap().contains(&message) {
            return Err(SpoolError::Disk("a sector is gone".into()));
        }
        self.engine.content(message)
    }
    fn kept(&self, message: MessageId) -> Result<Kept, SpoolError> {
        self.engine.kept(message)
    }
    fn look(&self, query: &QueueQuery) -> Result<QueuePage, SpoolError> {
        self.engine.look(query)
    }
    fn destinations(&self, rows_max: usize) -> Result<Vec<QueueDestination>, SpoolError> {
        self.engine.destinations(rows_max)
    }
    fn operate(&self, query: &QueueQuery, surgery: &Surgery, now: Timestamp) -> Result<u64, SpoolError> {
        self.write()?;
        self.engine.operate(query, surgery, now)
    }
    fn newest(&self) -> Result<Option<MessageId>, SpoolError> {
        self.engine.newest()
    }
    fn held(&self) -> Result<Vec<Destination>, SpoolError> {
        self.engine.held()
    }
    fn count(&self) -> Result<(u64, u64), SpoolError> {
        self.engine.count()
    }
    fn room(&self) -> Result<u64, SpoolError> {
        self.engine.room()
    }
}
