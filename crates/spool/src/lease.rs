//! Who is being attempted right now: kept in memory, because a restart gives leases up anyway.
//!
//! Invariant: a row is shown to [`Leases`] only in a snapshot of the file that was opened *after*
//! every earlier change was applied. Then a recipient whose new due time is not yet visible is
//! still leased, and none is handed out twice.
//!
//! The map is bounded by what the relay has in flight, not by the queue.

use postrider_smtp::{MessageId, Timestamp};
use std::collections::{HashMap, HashSet};

/// One recipient of one message.
pub(crate) type Seat = (MessageId, u32);

/// A change of leases that goes with a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseChange {
    /// The row becomes visible while its attempt is still on: said *before* the transaction is durable.
    Take(Seat),
    /// The attempt is over: said *after* the transaction is durable.
    Free(Seat),
}

/// The leases of this process.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    until: HashMap<Seat, Timestamp>,
    /// No lease ends before this.
    first_end: Option<Timestamp>,
}

impl Leases {
    /// Applies changes in the order they were made.
    pub(crate) fn apply(&mut self, changes: impl Iterator<Item = LeaseChange>) {
        for change in changes {
            match change {
                LeaseChange::Take(seat) => self.take(seat, Timestamp::NEVER),
                LeaseChange::Free(seat) => {
                    self.until.remove(&seat);
                }
            }
        }
    }

    /// Leases a recipient.
    pub(crate) fn take(&mut self, seat: Seat, until: Timestamp) {
        self.until.insert(seat, until);
        self.first_end = Some(self.first_end.map_or(until, |end| end.min(until)));
    }

    /// Holds a message's leases longer.
    pub(crate) fn renew(&mut self, messages: &[MessageId], until: Timestamp) {
        let messages: HashSet<&MessageId> = messages.iter().collect();
        for (seat, end) in &mut self.until {
            if messages.contains(&seat.0) {
                *end = (*end).max(until);
            }
        }
    }

    /// Gives up leases whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.first_end.is_none_or(|end| end > now) {
            return;
        }
        self.until.retain(|_, end| *end > now);
        self.first_end = self.until.values().min().copied();
    }

    pub(crate) fn holds(&self, seat: Seat) -> bool {
        self.until.contains_key(&seat)
    }

    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }

    pub(crate) fn seats(&self) -> impl Iterator<Item = Seat> {
        self.until.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_end_when_freed_or_expired_and_not_when_renewed() {
        let seat = |ms: i64| (MessageId::at(Timestamp(1_800_000_000_000 + ms), 0), 0);
        let mut leases = Leases::default();
        leases.take(seat(1), Timestamp(100));
        leases.take(seat(2), Timestamp(100));
        leases.apply([LeaseChange::Take(seat(3)), LeaseChange::Take(seat(4)), LeaseChange::Free(seat(4))].into_iter());
        leases.renew(&[seat(2).0], Timestamp(200));
        leases.expire(Timestamp(150));
        let held = [1, 2, 3, 4].map(|ms| leases.holds(seat(ms)));
        assert_eq!((held, leases.len()), ([false, true, true, false], 2));
    }
}
