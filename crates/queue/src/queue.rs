//! The queue itself: what comes in, what comes out, and whose turn it is.
//!
//! Each destination with ready jobs stands in exactly one list ([`Place`]); each site that may
//! start an attempt stands in `turns`. Whatever changes a destination calls `place`, whatever
//! changes a site calls `wake`; both are cheap, so that nothing is ever searched for.

use crate::claim::Disk;
use crate::lane::{Lane, Place};
use crate::sign::Sign;
use crate::site::{Gate, Site};
use crate::slab::{Key, Slab};
use crate::timers::Timers;
use crate::{Action, Admission, Job, PutBack, Reason, Routed, Settings, Ticket};
use postrider_reply::Cause;
use postrider_smtp::{Destination, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The site of destinations that have none: their attempts end before a connection.
pub(crate) const NO_SITE: &str = "(no site)";
/// How long an answer about a way is used at least, however short its TTL: a continuous stream
/// must not ask for every job.
const ROUTE_FRESH_MIN: Duration = Duration::from_secs(10);
/// How long it is used that there is no way.
const NO_ROUTE_FRESH: Duration = Duration::from_secs(60);
/// How long jobs wait that found no room in memory though they were claimed or admitted.
const OVERFLOW_WAIT: Duration = Duration::from_secs(30);
/// When to try what. See the crate's page for how it is driven.
#[derive(Debug)]
pub struct Queue<J> {
    pub(crate) settings: Settings,
    pub(crate) lanes: Slab<Lane<J>>,
    pub(crate) lane_of: HashMap<Destination, Key>,
    pub(crate) sites: Slab<Site>,
    pub(crate) site_of: HashMap<Arc<str>, Key>,
    /// Sites that may start an attempt, in turn.
    turns: VecDeque<Key>,
    /// Destinations to ask a route for.
    unrouted: VecDeque<Key>,
    /// Routes asked for and not answered.
    asking: usize,
    /// Destinations whose jobs go back to disk.
    draining: VecDeque<Key>,
    /// Jobs that found no room.
    overflow: VecDeque<Job<J>>,
    /// Destinations that were idle when they were listed, by the time of that.
    pub(crate) idle: VecDeque<(Timestamp, Key)>,
    /// Destinations that claims may have to leave out.
    pub(crate) skips: VecDeque<Key>,
    pub(crate) timers: Timers,
    pub(crate) disk: Disk,
    /// Jobs in memory: ready, being tried, or on their way back.
    pub(crate) jobs: usize,
    /// Octets of content held with them.
    pub(crate) bytes: u64,
    /// Attempts going on.
    pub(crate) in_flight: u32,
}

impl<J> Queue<J> {
    /// An empty queue that wants to claim: what the disk has is not known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            lanes: Slab::new(),
            lane_of: HashMap::new(),
            sites: Slab::new(),
            site_of: HashMap::new(),
            turns: VecDeque::new(),
            unrouted: VecDeque::new(),
            asking: 0,
            draining: VecDeque::new(),
            overflow: VecDeque::new(),
            idle: VecDeque::new(),
            skips: VecDeque::new(),
            timers: Timers::default(),
            disk: Disk::default(),
            jobs: 0,
            bytes: 0,
            in_flight: 0,
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes other settings, from the next decision on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        for key in self.sites.keys() {
            if let Some(site) = self.sites.get_mut(key) {
                site.window = site.window.min(self.settings.site.connections_max).max(1);
            }
        }
    }

    /// Jobs in memory, those being tried included.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Attempts going on.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether a fresh message of this many octets may be tried from memory.
    ///
    /// Nothing is reserved: what was told `Now` and finds the room taken is put back at once.
    pub fn admission(&self, destination: &Destination, bytes: u64, now: Timestamp) -> Admission {
        let lane = self.lane_of.get(destination).and_then(|key| self.lanes.get(*key));
        if let Some((due, reason)) = lane.and_then(|lane| self.shut(lane, now)) {
            return Admission::Later { due, reason };
        }
        let room = self.jobs + self.disk.reserved() < self.settings.jobs_max
            && self.bytes.saturating_add(bytes) <= self.settings.bytes_max
            // What is due on disk is older: fresh messages must not keep it out for ever.
            && !self.is_claim_overdue(now);
        let place = match lane {
            Some(lane) => !self.is_full(lane),
            None => self.lanes.len() < self.settings.destinations_max || !self.idle.is_empty(),
        };
        if room && place { Admission::Now } else { Admission::Spill }
    }

    /// Takes a job that is due, committed as leased.
    pub fn admit(&mut self, job: Job<J>, now: Timestamp) {
        self.jobs += 1;
        self.bytes += job.bytes_held;
        let room = self.jobs <= self.settings.jobs_max && self.bytes <= self.settings.bytes_max;
        let lane = if room { self.lane_for(&job.destination, now) } else { None };
        let Some((key, lane)) = lane.and_then(|key| self.lanes.get_mut(key).map(|lane| (key, lane))) else {
            self.overflow.push_back(job);
            return;
        };
        let site = lane.site().and_then(|site| self.sites.get_mut(site));
        // Twice the bound, as claims are made while a destination is just below it.
        if lane.ready.len() >= self.settings.per_destination_max.saturating_mul(2)
            || site.as_ref().is_some_and(|site| site.ready >= self.settings.per_site_max.saturating_mul(2))
        {
            self.overflow.push_back(job);
            return;
        }
        lane.ready.push_back(job);
        if let Some(site) = site {
            site.ready += 1;
        }
        self.list_if_full(key);
        self.place(key, now);
    }

    /// What to do next. To be called again until it says [`Action::SleepUntil`], after
    /// whatever was told to the queue, and when that time has come.
    pub fn next(&mut self, now: Timestamp) -> Action<J> {
        self.look_at_timers(now);
        self.forget_idle(now);
        loop {
            if let Some(action) = self.take_put_back(now) {
                return action;
            }
            if let Some(destination) = self.take_unrouted() {
                return Action::Route(destination);
            }
            if let Some((ticket, job)) = self.take_attempt(now) {
                return Action::Attempt(ticket, job);
            }
            // Looking for an attempt may have found a pause, or a route out of date.
            let may_ask = !self.unrouted.is_empty() && self.asking < self.settings.routes_max;
            if self.draining.is_empty() && !may_ask {
                break;
            }
        }
        if let Some(wish) = self.take_wish(now) {
            return Action::Claim(wish);
        }
        let disk = self.wish_due();
        Action::SleepUntil(self.timers.next().map_or(disk, |timer| timer.min(disk)))
    }

    /// Answers [`Action::Route`].
    pub fn routed(&mut self, destination: &Destination, routed: Routed, now: Timestamp) {
        let Some(key) = self.lane_of.get(destination).copied() else { return };
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.place != Place::Asked {
            return;
        }
        self.asking = self.asking.saturating_sub(1);
        lane.place = Place::Idle;
        let (name, fresh_until) = match routed {
            Routed::Site { site, fresh_until } => (site, fresh_until.max(now.plus(ROUTE_FRESH_MIN))),
            Routed::Nowhere => (NO_SITE.into(), now.plus(NO_ROUTE_FRESH)),
            Routed::Unknown => {
                lane.health.doubt(Cause::RoutingFailed);
                (NO_SITE.into(), now.plus(NO_ROUTE_FRESH))
            }
        };
        let site = self.site_for(name);
        self.attach(key, site, fresh_until, now);
        self.list_if_full(key);
        self.place(key, now);
    }

    /// Why and until when nothing may be tried for this destination.
    pub(crate) fn shut(&self, lane: &Lane<J>, now: Timestamp) -> Option<(Timestamp, Reason)> {
        let site = lane.site().and_then(|site| self.sites.get(site));
        if let Some(why) = lane.held.as_ref().or(site.and_then(|site| site.held.as_ref())) {
            return Some((now.plus(Self::HOLD_LOOK), Reason::Held(why.clone())));
        }
        if let Some((until, cause)) = site.and_then(|site| site.health.paused(now)) {
            return Some((until, Reason::SitePaused(cause)));
        }
        let (until, cause) = lane.health.paused(now)?;
        Some((until, Reason::DestinationPaused(cause)))
    }

    pub(crate) fn is_no_site(site: &Site) -> bool {
        &*site.name == NO_SITE
    }

    /// Puts a destination that stands nowhere into the list where it belongs now.
    pub(crate) fn place(&mut self, key: Key, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.place != Place::Idle {
            return;
        }
        if lane.ready.is_empty() {
            if lane.in_flight == 0 {
                lane.idle_since = now;
                if !lane.in_idle {
                    lane.in_idle = true;
                    self.idle.push_back((now, key));
                }
            }
            return;
        }
        let site = lane.site();
        if lane.is_shut(now) || site.and_then(|site| self.sites.get(site)).is_some_and(|site| site.is_shut(now)) {
            lane.place = Place::Draining;
            self.draining.push_back(key);
            return;
        }
        let Some(site) = lane.fresh_site(now) else {
            lane.place = Place::Unrouted;
            self.unrouted.push_back(key);
            return;
        };
        if lane.in_flight < lane.limit(self.settings.destination_connections_max, now) {
            lane.place = Place::InTurns;
            if let Some(site) = self.sites.get_mut(site) {
                site.turns.push_back(key);
            }
            self.wake(site, now);
        }
    }

    /// Gives a site its turn if it may start something; sends its jobs back if it may not for long.
    pub(crate) fn wake(&mut self, key: Key, now: Timestamp) {
        let Some(site) = self.sites.get_mut(key) else { return };
        if site.in_turns || site.turns.is_empty() {
            return;
        }
        match site.gate(&self.settings.site, now) {
            Gate::Open => {
                site.in_turns = true;
                self.turns.push_back(key);
            }
            Gate::Full => {}
            Gate::Paced(until) => self.set_timer(key, until),
            Gate::Shut => self.drain(key),
        }
    }

    /// Sends back what is ready for a site.
    pub(crate) fn drain(&mut self, key: Key) {
        let Some(site) = self.sites.get_mut(key) else { return };
        for lane in site.turns.drain(..) {
            if let Some(entry) = self.lanes.get_mut(lane) {
                entry.place = Place::Draining;
                self.draining.push_back(lane);
            }
        }
    }

    fn take_attempt(&mut self, now: Timestamp) -> Option<(Ticket, Job<J>)> {
        while self.in_flight < self.settings.connections_max {
            let site_key = self.turns.pop_front()?;
            // It may have been forgotten while it was in line.
            let Some(site) = self.sites.get_mut(site_key) else { continue };
            site.in_turns = false;
            // The gate may have closed since the site got in line.
            if site.gate(&self.settings.site, now) != Gate::Open {
                self.wake(site_key, now);
                continue;
            }
            let Some(lane_key) = site.turns.pop_front() else { continue };
            let Some(lane) = self.lanes.get_mut(lane_key) else { continue };
            lane.place = Place::Idle;
            let goes = !lane.is_shut(now)
                && lane.fresh_site(now) == Some(site_key)
                && lane.in_flight < lane.limit(self.settings.destination_connections_max, now);
            let Some(job) = goes.then(|| lane.ready.pop_front()).flatten() else {
                self.place(lane_key, now);
                self.wake(site_key, now);
                continue;
            };
            lane.in_flight += 1;
            site.ready = site.ready.saturating_sub(1);
            site.begin(&self.settings.site, now);
            self.in_flight += 1;
            self.disk.reopen(lane, site, &self.settings, now);
            self.place(lane_key, now);
            self.wake(site_key, now);
            let ticket = Ticket { lane: lane_key, site: site_key, bytes_held: job.bytes_held, sign: Sign::None };
            return Some((ticket, job));
        }
        None
    }

    fn take_unrouted(&mut self) -> Option<Destination> {
        while self.asking < self.settings.routes_max {
            let key = self.unrouted.pop_front()?;
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            lane.place = Place::Asked;
            self.asking += 1;
            return Some(lane.destination.clone());
        }
        None
    }

    fn take_put_back(&mut self, now: Timestamp) -> Option<Action<J>> {
        while let Some(key) = self.draining.pop_front() {
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            lane.place = Place::Idle;
            let action = self.put_back(key, now);
            // What is left goes on draining, or has its turn again if the pause is over.
            self.place(key, now);
            if action.is_some() {
                return action;
            }
        }
        let job = self.overflow.pop_front()?;
        self.jobs -= 1;
        self.bytes -= job.bytes_held;
        Some(Action::PutBack(PutBack { jobs: vec![job], due: now.plus(OVERFLOW_WAIT), reason: Reason::Memory }))
    }

    /// One step of emptying a destination that is shut: a job that is too old, or a batch of others.
    fn put_back(&mut self, key: Key, now: Timestamp) -> Option<Action<J>> {
        let (due, reason) = self.shut(self.lanes.get(key)?, now)?;
        let lane = self.lanes.get_mut(key)?;
        let held = matches!(reason, Reason::Held(_));
        let young = |job: &Job<J>| held || now < self.settings.expires(job);
        let count = lane.ready.iter().take(PutBack::JOBS_MAX).take_while(|job| young(job)).count();
        let jobs: Vec<Job<J>> = lane.ready.drain(..count.max(1).min(lane.ready.len())).collect();
        if let Some(site) = lane.site().and_then(|site| self.sites.get_mut(site)) {
            site.ready = site.ready.saturating_sub(jobs.len());
            self.disk.reopen(lane, site, &self.settings, now);
        }
        self.jobs -= jobs.len();
        self.bytes -= jobs.iter().map(|job| job.bytes_held).sum::<u64>();
        self.list(key);
        if count > 0 {
            return Some(Action::PutBack(PutBack { jobs, due, reason }));
        }
        jobs.into_iter().next().map(|job| Action::Expire(job, reason))
    }
}
