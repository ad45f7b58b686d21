//! Which messages may have arrived although we cannot prove it yet.
//!
//! Before a final dot is sent its message takes a slot in the spool's dot journal; the slot is
//! cleared once the outcome is recorded *and* its event is written. Whatever is left there
//! after a kill is named at the next start.

use postrider_events::Ticket;
use postrider_smtp::MessageId;
use postrider_spool::{Slot, Spool};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hands out the journal's slots and gives them back in time.
pub(crate) struct DotKeeper {
    journal: Spool,
    /// Slots of recorded outcomes whose events may not be written yet, oldest first.
    untold: Mutex<VecDeque<(Ticket, Slot)>>,
    /// What the last life left, until this one's events about it are written.
    left: Mutex<Option<Ticket>>,
}

/// The slots of one attempt at one job.
#[derive(Clone)]
pub(crate) struct Marks {
    journal: Spool,
    /// The job's first recipient: with the message's id it names the job.
    recipient: u32,
    slots: Arc<Mutex<Vec<Slot>>>,
}

impl Marks {
    /// The final dot of this message is about to go out. An attempt may say so more than once.
    pub(crate) fn mark(&self, message: MessageId) {
        // All slots taken: the message goes out all the same, only its doubt would not be named.
        if let Some(slot) = self.journal.dot(message, self.recipient) {
            lock(&self.slots).push(slot);
        }
    }
}

impl DotKeeper {
    pub(crate) fn new(journal: Spool) -> Self {
        Self { journal, untold: Mutex::default(), left: Mutex::default() }
    }

    /// For one attempt at a job whose first recipient is this.
    pub(crate) fn marks(&self, recipient: u32) -> Marks {
        Marks { journal: self.journal.clone(), recipient, slots: Arc::default() }
    }

    /// The outcome is recorded, and its events are on their way up to this ticket.
    pub(crate) fn told(&self, marks: &Marks, ticket: Ticket) {
        let slots = std::mem::take(&mut *lock(&marks.slots));
        lock(&self.untold).extend(slots.into_iter().map(|slot| (ticket, slot)));
    }

    /// What the last life left is on its way to be told, up to this ticket.
    pub(crate) fn left_told(&self, ticket: Ticket) {
        *lock(&self.left) = Some(ticket);
    }

    /// Clears the slots whose events are written up to this ticket. True when some are left.
    pub(crate) fn written(&self, ticket: Ticket) -> bool {
        let left = lock(&self.left).take_if(|told| *told <= ticket).is_some();
        if left {
            self.journal.recovery_told();
        }
        let mut untold = lock(&self.untold);
        while untold.front().is_some_and(|(told, _)| *told <= ticket) {
            if let Some((_, slot)) = untold.pop_front() {
                slot.clear();
            }
        }
        !untold.is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
