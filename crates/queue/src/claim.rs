//! What the queue knows of the disk: when something there falls due, and when to ask for it.
//!
//! The one rule: whoever made rows wait on disk says so by [`Queue::kept`] once they are
//! durable. So an idle queue sleeps exactly until something is due, whatever the backlog.

use crate::lane::Lane;
use crate::site::Site;
use crate::slab::Key;
use crate::{ClaimWish, Claimed, Queue, Settings};
use postrider_smtp::Timestamp;

/// The disk as it is known.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Nothing there is due before.
    due: Timestamp,
    /// Not to be asked before.
    not_before: Timestamp,
    /// While a claim goes on: the jobs it may bring, and what fell due behind its back.
    claiming: Option<Claiming>,
}

#[derive(Debug)]
struct Claiming {
    work_max: usize,
    /// The first due time told while the claim went on: the claim may not have seen it.
    kept: Timestamp,
}

impl Default for Disk {
    fn default() -> Self {
        Self { due: Timestamp(0), not_before: Timestamp(0), claiming: None }
    }
}

impl Disk {
    /// Jobs that a claim may bring at any moment.
    pub(crate) fn reserved(&self) -> usize {
        self.claiming.as_ref().map_or(0, |claiming| claiming.work_max)
    }

    pub(crate) fn kept(&mut self, due: Timestamp) {
        match &mut self.claiming {
            Some(claiming) => claiming.kept = claiming.kept.min(due),
            None => self.due = self.due.min(due),
        }
    }

    /// What a claim left out as full has room again.
    pub(crate) fn reopen<J>(&mut self, lane: &mut Lane<J>, site: &mut Site, settings: &Settings, now: Timestamp) {
        if lane.skipped && lane.ready.len() <= settings.per_destination_max / 2 {
            lane.skipped = false;
            self.kept(now);
        }
        if site.skipped && site.ready <= settings.per_site_max / 2 {
            site.skipped = false;
            self.kept(now);
        }
    }
}

impl<J> Queue<J> {
    /// Something waits on disk from now on, durably, and is due then: after a retry or a
    /// put-back was recorded, or a message was committed as waiting.
    pub fn kept(&mut self, due: Timestamp) {
        self.disk.kept(due);
    }

    /// Answers [`crate::Action::Claim`]. A claim that failed is answered with no jobs, and
    /// `next_due` when to ask again.
    pub fn claimed(&mut self, claimed: Claimed<J>, now: Timestamp) {
        let kept = self.disk.claiming.take().map_or(Timestamp::NEVER, |claiming| claiming.kept);
        let next_due = if claimed.more { now } else { claimed.next_due.unwrap_or(Timestamp::NEVER) };
        self.disk.due = self.disk.due.min(kept).min(next_due);
        let goes_on = claimed.more || (next_due <= now && !claimed.jobs.is_empty());
        self.disk.not_before = if goes_on { now } else { now.plus(self.settings.claim_interval) };
        for job in claimed.jobs {
            self.admit(job, now);
        }
    }

    /// Jobs that may be claimed now. A quarter of the room is left to fresh messages, and small
    /// claims are not worth their transaction.
    fn claim_room(&self) -> usize {
        let jobs_max = self.settings.jobs_max;
        let room = (jobs_max - jobs_max / 4).saturating_sub(self.jobs);
        let least = self.settings.claim_max.min(jobs_max / 4).max(1);
        if room >= least { room.min(self.settings.claim_max.max(1)) } else { 0 }
    }

    /// Whether something on disk is due, and memory has no room for it.
    pub(crate) fn is_claim_overdue(&self, now: Timestamp) -> bool {
        self.disk.claiming.is_none() && self.disk.due <= now && self.claim_room() == 0
    }

    /// When [`Queue::take_wish`] will want to claim, as things are.
    pub(crate) fn wish_due(&self) -> Timestamp {
        if self.disk.claiming.is_some() || self.claim_room() == 0 {
            return Timestamp::NEVER;
        }
        self.disk.due.max(self.disk.not_before)
    }

    pub(crate) fn take_wish(&mut self, now: Timestamp) -> Option<ClaimWish> {
        if self.wish_due() > now {
            return None;
        }
        let work_max = self.claim_room();
        // What is left out falls due for us when its pause ends; what is full, when it has room.
        let (skip, pause_ends) = self.take_skips(now);
        self.disk.due = pause_ends;
        self.disk.claiming = Some(Claiming { work_max, kept: Timestamp::NEVER });
        // One large backlog must not make up a whole claim.
        let per_destination_max = (self.settings.per_destination_max / 2).min(work_max / 2).max(1);
        Some(ClaimWish { work_max, per_destination_max, skip })
    }

    fn take_skips(&mut self, now: Timestamp) -> (Vec<postrider_smtp::Destination>, Timestamp) {
        let mut skip = Vec::new();
        let mut pause_ends = Timestamp::NEVER;
        for _ in 0..self.skips.len().min(2 * ClaimWish::SKIP_MAX) {
            let Some(key) = self.skips.pop_front() else { break };
            let Some(lane) = self.lanes.get(key) else { continue };
            let shut_until = self.shut(lane, now).map(|(until, _)| until);
            let full = self.is_full(lane);
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            if shut_until.is_none() && !full {
                (lane.in_skips, lane.skipped) = (false, false);
                continue;
            }
            self.skips.push_back(key);
            if skip.len() == ClaimWish::SKIP_MAX {
                continue;
            }
            skip.push(lane.destination.clone());
            match shut_until {
                Some(until) => pause_ends = pause_ends.min(until),
                None if lane.ready.len() >= self.settings.per_destination_max => lane.skipped = true,
                None => {
                    if let Some(site) = lane.site().and_then(|site| self.sites.get_mut(site)) {
                        site.skipped = true;
                    }
                }
            }
        }
        (skip, pause_ends)
    }

    /// Whether memory has as many jobs for it as it may have.
    pub(crate) fn is_full(&self, lane: &Lane<J>) -> bool {
        let site = lane.site().and_then(|site| self.sites.get(site));
        lane.ready.len() >= self.settings.per_destination_max
            || site.is_some_and(|site| site.ready >= self.settings.per_site_max)
    }

    pub(crate) fn list_if_full(&mut self, key: Key) {
        if self.lanes.get(key).is_some_and(|lane| self.is_full(lane)) {
            self.list(key);
        }
    }

    /// Claims may have to leave it out.
    pub(crate) fn list(&mut self, key: Key) {
        if let Some(lane) = self.lanes.get_mut(key).filter(|lane| !lane.in_skips) {
            lane.in_skips = true;
            self.skips.push_back(key);
        }
    }
}
