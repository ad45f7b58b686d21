//! The queue's memory as a person sees it: the busiest sites and destinations, and why they wait.

use crate::lane::{Lane, Place};
use crate::site::{Gate, Site};
use crate::{Queue, Reason};
use postrider_smtp::{Destination, Timestamp};
use std::sync::Arc;

/// What is in memory. What waits on disk is the spool's to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Jobs in memory, those being tried included.
    pub jobs: usize,
    /// Octets of content held with them.
    pub bytes: u64,
    /// Attempts going on.
    pub in_flight: u32,
    /// Sites known.
    pub sites_known: usize,
    /// Destinations known.
    pub destinations_known: usize,
    /// When the queue will next want to claim from disk.
    pub next_claim: Timestamp,
    /// The busiest sites.
    pub sites: Vec<SiteRow>,
    /// The busiest destinations.
    pub destinations: Vec<DestinationRow>,
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRow {
    /// Its name.
    pub site: Arc<str>,
    /// Destinations known to lie behind it.
    pub destinations: usize,
    /// Attempts going on.
    pub in_flight: u32,
    /// Jobs ready in memory.
    pub ready: usize,
    /// Attempts allowed at one time, as learnt so far.
    pub connections: u32,
    /// Until when nothing is tried.
    pub until: Option<Timestamp>,
    /// Why it waits, if it does.
    pub reason: Option<Reason>,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRow {
    /// Which.
    pub destination: Destination,
    /// The site behind it, when it is known.
    pub site: Option<Arc<str>>,
    /// Attempts going on.
    pub in_flight: u32,
    /// Jobs ready in memory.
    pub ready: usize,
    /// Until when nothing is tried.
    pub until: Option<Timestamp>,
    /// Why it waits, if it does.
    pub reason: Option<Reason>,
}

impl<J> Queue<J> {
    /// A look at memory: at most `rows_max` sites and as many destinations, the shut ones and
    /// then the busiest first.
    pub fn snapshot(&self, rows_max: usize, now: Timestamp) -> Snapshot {
        let sites =
            busiest(self.sites.iter(), rows_max, |site| (site.is_shut(now), site.ready + site.in_flight as usize));
        let lanes = busiest(self.lanes.iter(), rows_max, |lane| {
            (lane.is_shut(now), lane.ready.len() + lane.in_flight as usize)
        });
        Snapshot {
            jobs: self.jobs,
            bytes: self.bytes,
            in_flight: self.in_flight,
            sites_known: self.sites.len(),
            destinations_known: self.lanes.len(),
            next_claim: self.wish_due(),
            sites: sites.into_iter().map(|site| self.site_row(site, now)).collect(),
            destinations: lanes.into_iter().map(|lane| self.destination_row(lane, now)).collect(),
        }
    }

    fn site_row(&self, site: &Site, now: Timestamp) -> SiteRow {
        let (until, reason) = self.site_wait(site, now);
        SiteRow {
            site: site.name.clone(),
            destinations: site.destinations,
            in_flight: site.in_flight,
            ready: site.ready,
            connections: site.limit(now),
            until,
            reason,
        }
    }

    fn site_wait(&self, site: &Site, now: Timestamp) -> (Option<Timestamp>, Option<Reason>) {
        if let Some(why) = &site.held {
            return (None, Some(Reason::Held(why.clone())));
        }
        if let Some((until, cause)) = site.health.paused(now) {
            return (Some(until), Some(Reason::SitePaused(cause)));
        }
        if let Some(cause) = site.health.probing(now) {
            return (None, Some(Reason::Probing(cause)));
        }
        match site.gate(&self.settings.site, now) {
            _ if site.ready == 0 => (None, None),
            Gate::Paced(until) => (Some(until), Some(Reason::RateLimit)),
            Gate::Full => (None, Some(Reason::ConnectionLimit)),
            _ if self.in_flight >= self.settings.connections_max => (None, Some(Reason::ConnectionsMax)),
            _ => (None, None),
        }
    }

    fn destination_row(&self, lane: &Lane<J>, now: Timestamp) -> DestinationRow {
        let site = lane.site().and_then(|site| self.sites.get(site));
        let (until, reason) = self.destination_wait(lane, site, now);
        DestinationRow {
            destination: lane.destination.clone(),
            site: site.map(|site| site.name.clone()),
            in_flight: lane.in_flight,
            ready: lane.ready.len(),
            until,
            reason,
        }
    }

    fn destination_wait(
        &self,
        lane: &Lane<J>,
        site: Option<&Site>,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Reason>) {
        match self.shut(lane, now) {
            Some((_, reason @ Reason::Held(_))) => return (None, Some(reason)),
            Some((until, reason)) => return (Some(until), Some(reason)),
            None => {}
        }
        if let Some(cause) = lane.health.probing(now) {
            return (None, Some(Reason::Probing(cause)));
        }
        if lane.ready.is_empty() {
            return (None, None);
        }
        match lane.place {
            Place::Unrouted | Place::Asked => (None, Some(Reason::Routing)),
            Place::Idle => (None, Some(Reason::ConnectionLimit)),
            _ => site.map_or((None, None), |site| self.site_wait(site, now)),
        }
    }
}

/// The greatest few, the greatest first, without sorting the rest.
fn busiest<'a, T, K: Ord>(all: impl Iterator<Item = &'a T>, rows_max: usize, rank: impl Fn(&T) -> K) -> Vec<&'a T> {
    let mut rows: Vec<(K, &T)> = all.map(|entry| (rank(entry), entry)).collect();
    if rows.len() > rows_max && rows_max > 0 {
        rows.select_nth_unstable_by(rows_max - 1, |a, b| b.0.cmp(&a.0));
    }
    rows.truncate(rows_max);
    rows.sort_by(|a, b| b.0.cmp(&a.0));
    rows.into_iter().map(|(_, entry)| entry).collect()
}
