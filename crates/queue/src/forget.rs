//! How sites and destinations come to be known, and when they are forgotten.
//!
//! A destination is forgotten some time after it went idle, a site when no destination lies
//! behind it any more. What is held by an operator stays; a pause is remembered till it is over
//! and would not count for the next one, unless the room is needed.

use crate::Queue;
use crate::lane::{Lane, Route};
use crate::queue::NO_SITE;
use crate::site::Site;
use crate::slab::Key;
use postrider_smtp::{Destination, Timestamp};
use std::sync::Arc;

/// How many idle destinations are looked at to make room for a new one.
const EVICT_LOOKS_MAX: usize = 16;

impl<J> Queue<J> {
    pub(crate) fn lane_for(&mut self, destination: &Destination, now: Timestamp) -> Option<Key> {
        if let Some(key) = self.lane_of.get(destination) {
            return Some(*key);
        }
        if self.lanes.len() >= self.settings.destinations_max && !self.evict(now) {
            return None;
        }
        let key = self.lanes.insert(Lane::new(destination.clone()));
        self.lane_of.insert(destination.clone(), key);
        Some(key)
    }

    pub(crate) fn site_for(&mut self, name: Arc<str>) -> Key {
        if let Some(key) = self.site_of.get(&name) {
            return *key;
        }
        let mut site = Site::new(name.clone(), &self.settings.site);
        if &*name == NO_SITE {
            // There is nobody to be gentle to.
            site.window = self.settings.site.connections_max.max(1);
        }
        let key = self.sites.insert(site);
        self.site_of.insert(name, key);
        key
    }

    /// Says where a destination lies. It must stand in no site's turns.
    pub(crate) fn attach(&mut self, key: Key, site: Key, fresh_until: Timestamp, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let before = lane.site();
        lane.route = Route::Site { site, fresh_until };
        let ready = lane.ready.len();
        if before == Some(site) {
            return;
        }
        if let Some(site) = self.sites.get_mut(site) {
            site.ready += ready;
            site.destinations += 1;
        }
        if let Some(before) = before {
            self.detach(before, ready, now);
        }
    }

    fn detach(&mut self, key: Key, ready: usize, now: Timestamp) {
        let Some(site) = self.sites.get_mut(key) else { return };
        site.ready = site.ready.saturating_sub(ready);
        site.destinations = site.destinations.saturating_sub(1);
        self.forget_site(key, now);
    }

    /// Forgets destinations that have been idle for long.
    pub(crate) fn forget_idle(&mut self, now: Timestamp) {
        let age = self.settings.forget_after;
        while let Some((listed, key)) = self.idle.front().copied() {
            if now.since(listed) < age {
                return;
            }
            self.idle.pop_front();
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            // While its site is shut, knowing it spares the disk claims that lead to nothing.
            let site = lane.site().and_then(|site| self.sites.get(site));
            let shut = site.is_some_and(|site| site.is_shut(now));
            if !lane.is_idle() {
                lane.in_idle = false;
            } else if !shut && now.since(lane.idle_since) >= age && lane.is_forgettable(now) {
                self.forget(key, now);
            } else {
                self.idle.push_back((now, key));
            }
        }
    }

    /// Makes room for one destination: the longest idle one goes, with what was learnt about it.
    fn evict(&mut self, now: Timestamp) -> bool {
        for _ in 0..EVICT_LOOKS_MAX {
            let Some((listed, key)) = self.idle.pop_front() else { return false };
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            if !lane.is_idle() {
                lane.in_idle = false;
            } else if lane.held.is_some() {
                self.idle.push_back((listed.max(now), key));
            } else {
                self.forget(key, now);
                return true;
            }
        }
        false
    }

    fn forget(&mut self, key: Key, now: Timestamp) {
        let Some(lane) = self.lanes.remove(key) else { return };
        self.lane_of.remove(&lane.destination);
        if let Some(site) = lane.site() {
            self.detach(site, 0, now);
        }
    }

    /// Forgets a site that nothing lies behind, now or when its last trouble is over.
    pub(crate) fn forget_site(&mut self, key: Key, now: Timestamp) {
        let Some(site) = self.sites.get(key) else { return };
        if site.destinations > 0 || site.in_flight > 0 || site.held.is_some() {
            return;
        }
        // More sites than destinations may be: what was learnt is worth less than the room.
        let crowded = self.sites.len() > self.settings.destinations_max;
        if crowded || site.health.is_forgettable(now) {
            if let Some(site) = self.sites.remove(key) {
                self.site_of.remove(&site.name);
            }
        } else {
            self.set_timer(key, now.plus(self.settings.forget_after));
        }
    }

    pub(crate) fn set_timer(&mut self, key: Key, at: Timestamp) {
        let Some(site) = self.sites.get_mut(key) else { return };
        if site.timer.is_none_or(|set| at < set) {
            site.timer = Some(at);
            self.timers.set(at, key);
        }
    }

    pub(crate) fn look_at_timers(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.timers.take_due(now) {
            let Some(site) = self.sites.get_mut(key) else { continue };
            // A timer that was set anew, or of a site forgotten since.
            if site.timer != Some(at) {
                continue;
            }
            site.timer = None;
            self.wake(key, now);
            self.forget_site(key, now);
        }
    }
}
