//! What is to be looked at again, and when.

use crate::slab::Key;
use postrider_smtp::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Sites by the time of their next look. Entries may be out of date; who takes one out checks.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Timestamp, Key)>>);

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, site: Key) {
        self.0.push(Reverse((at, site)));
    }

    /// The first one that is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Key)> {
        let Reverse((at, _)) = *self.0.peek()?;
        if at > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}
