//! What an operator does: hold, release, and try everything again.

use crate::health::Health;
use crate::{Queue, Target};
use postrider_smtp::Timestamp;
use std::sync::Arc;
use std::time::Duration;

impl<J> Queue<J> {
    /// How long what is held stays out of sight, if nobody releases it: ten minutes, so that
    /// even a backlog of millions is not turned over for nothing.
    pub const HOLD_LOOK: Duration = Duration::from_secs(10 * 60);

    /// Nothing more is tried there until [`Queue::release`]; what goes on is not cut off. False
    /// when no more destinations can be remembered.
    pub fn hold(&mut self, target: &Target, reason: &str, now: Timestamp) -> bool {
        let reason: Arc<str> = reason.into();
        match target {
            Target::Destination(destination) => {
                let Some(key) = self.lane_for(destination, now) else { return false };
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.held = Some(reason);
                }
                self.list(key);
                self.place(key, now);
            }
            Target::Site(name) => {
                if self.sites.len() >= self.settings.destinations_max && !self.site_of.contains_key(name) {
                    return false;
                }
                let key = self.site_for(name.clone());
                if let Some(site) = self.sites.get_mut(key) {
                    site.held = Some(reason);
                }
                self.drain(key);
            }
        }
        true
    }

    /// Lets go on what was held; false when nothing was. What was put back meanwhile is due
    /// within [`Queue::HOLD_LOOK`]: make it due now on disk to have it at once.
    pub fn release(&mut self, target: &Target, now: Timestamp) -> bool {
        let held = match target {
            Target::Destination(destination) => {
                let lane = self.lane_of.get(destination).and_then(|key| self.lanes.get_mut(*key));
                lane.and_then(|lane| lane.held.take()).is_some()
            }
            Target::Site(name) => {
                let key = self.site_of.get(name).copied();
                let held = key.and_then(|key| self.sites.get_mut(key)).and_then(|site| site.held.take());
                if let Some(key) = key {
                    self.forget_site(key, now);
                }
                held.is_some()
            }
        };
        self.kept(now);
        held
    }

    /// Forgets the pauses and troubles of one destination or site.
    pub fn retry(&mut self, target: &Target, now: Timestamp) {
        match target {
            Target::Destination(destination) => {
                let key = self.lane_of.get(destination);
                if let Some(lane) = key.and_then(|key| self.lanes.get_mut(*key)) {
                    lane.health = Health::default();
                }
            }
            Target::Site(name) => {
                let key = self.site_of.get(name);
                if let Some(site) = key.and_then(|key| self.sites.get_mut(*key)) {
                    site.health = Health::default();
                }
            }
        }
        self.kept(now);
    }

    /// Forgets all pauses and troubles, and looks at the disk at once. Holds stay. What waits on
    /// disk for a backoff must be made due there.
    pub fn retry_all(&mut self, now: Timestamp) {
        for key in self.sites.keys() {
            if let Some(site) = self.sites.get_mut(key) {
                site.health = Health::default();
            }
            self.wake(key, now);
        }
        for key in self.lanes.keys() {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.health = Health::default();
            }
            self.place(key, now);
        }
        self.kept(now);
    }
}
