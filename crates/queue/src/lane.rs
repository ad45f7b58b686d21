//! One destination: the jobs that wait in memory for it, first in, first out.

use crate::Job;
use crate::health::Health;
use crate::slab::Key;
use postrider_smtp::{Destination, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Lane<J> {
    pub(crate) destination: Destination,
    pub(crate) ready: VecDeque<Job<J>>,
    pub(crate) in_flight: u32,
    pub(crate) route: Route,
    pub(crate) place: Place,
    pub(crate) health: Health,
    pub(crate) held: Option<Arc<str>>,
    /// Whether the last claims left it out: it is to be claimed for as soon as it takes jobs again.
    pub(crate) skipped: bool,
    /// Whether it is in the list of those to be left out.
    pub(crate) in_skips: bool,
    /// Whether it is in the list of those that may be forgotten, and since when it is idle.
    pub(crate) in_idle: bool,
    pub(crate) idle_since: Timestamp,
}

/// What is known of its way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route {
    Unasked,
    Site { site: Key, fresh_until: Timestamp },
}

/// Which list names it; never two at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// None: it is empty, or has all the connections it may have.
    Idle,
    /// To be asked a route for.
    Unrouted,
    /// The route was asked for, and the answer is due.
    Asked,
    /// In the turns of its site.
    InTurns,
    /// Paused or held: its jobs go back.
    Draining,
}

impl<J> Lane<J> {
    pub(crate) fn new(destination: Destination) -> Self {
        Self {
            destination,
            ready: VecDeque::new(),
            in_flight: 0,
            route: Route::Unasked,
            place: Place::Idle,
            health: Health::default(),
            held: None,
            skipped: false,
            in_skips: false,
            in_idle: false,
            idle_since: Timestamp(0),
        }
    }

    pub(crate) fn site(&self) -> Option<Key> {
        match self.route {
            Route::Unasked => None,
            Route::Site { site, .. } => Some(site),
        }
    }

    pub(crate) fn fresh_site(&self, now: Timestamp) -> Option<Key> {
        match self.route {
            Route::Site { site, fresh_until } if now < fresh_until => Some(site),
            _ => None,
        }
    }

    pub(crate) fn is_shut(&self, now: Timestamp) -> bool {
        self.held.is_some() || self.health.paused(now).is_some()
    }

    /// Attempts allowed at one time.
    pub(crate) fn limit(&self, connections_max: u32, now: Timestamp) -> u32 {
        if self.health.probing(now).is_some() { 1 } else { connections_max.max(1) }
    }

    /// Nobody would miss it.
    pub(crate) fn is_forgettable(&self, now: Timestamp) -> bool {
        self.is_idle() && self.held.is_none() && self.health.is_forgettable(now)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.in_flight == 0 && self.place == Place::Idle
    }
}
