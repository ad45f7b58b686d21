//! What happened at the doors, in numbers.

use postrider_smtp::server::Reason;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the start.
#[derive(Debug, Default)]
pub struct Counters {
    sessions: AtomicU64,
    messages: AtomicU64,
    octets: AtomicU64,
    logins: AtomicU64,
    relaying_denied: AtomicU64,
    turned_away: AtomicU64,
    spoke_clear: AtomicU64,
    refusals: [AtomicU64; Reason::ALL.len()],
}

/// The numbers at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Sessions begun.
    pub sessions: u64,
    /// Sessions now.
    pub sessions_now: u64,
    /// Messages the relay took.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Logins that held.
    pub logins: u64,
    /// Recipients and senders refused for want of the right to relay.
    pub relaying_denied: u64,
    /// Connections turned away: too many, or after failed logins.
    pub turned_away: u64,
    /// Clients that spoke in clear where TLS was due.
    pub spoke_clear: u64,
    /// Refusals by the name of their reason.
    pub refusals: Vec<(&'static str, u64)>,
}

impl Counters {
    pub(crate) fn session(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn message(&self, octets: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(crate) fn login(&self) {
        self.logins.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn relaying_denied(&self) {
        self.relaying_denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn spoke_clear(&self) {
        self.spoke_clear.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refusal(&self, reason: Reason) {
        if let Some(at) = Reason::ALL.iter().position(|known| *known == reason) {
            self.refusals[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self, sessions_now: usize) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            sessions: read(&self.sessions),
            sessions_now: sessions_now as u64,
            messages: read(&self.messages),
            octets: read(&self.octets),
            logins: read(&self.logins),
            relaying_denied: read(&self.relaying_denied),
            turned_away: read(&self.turned_away),
            spoke_clear: read(&self.spoke_clear),
            refusals: Reason::ALL
                .iter()
                .zip(&self.refusals)
                .map(|(reason, count)| (reason.name(), read(count)))
                .collect(),
        }
    }
}
