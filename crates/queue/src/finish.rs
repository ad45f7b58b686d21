//! The way back of an attempt: what it means for its recipients, and for its neighbour.

use crate::sign::{Reach, Sign};
use crate::slab::Key;
use crate::{Job, JobRecipient, Queue, Settled, Ticket};
use postrider_reply::Verdict;
use postrider_smtp::Timestamp;
use std::time::Duration;

impl<J> Queue<J> {
    /// What now with one recipient of an attempt. `in_doubt`: the final dot was sent and no
    /// reply came. The ticket remembers what the verdict says about the neighbour.
    pub fn settle(
        &self,
        ticket: &mut Ticket,
        job: &Job<J>,
        recipient: &JobRecipient,
        verdict: &Verdict,
        in_doubt: bool,
        now: Timestamp,
    ) -> Settled {
        ticket.sign = ticket.sign.and(Sign::of(verdict, in_doubt));
        self.settings.settle(job, recipient, verdict, in_doubt, now)
    }

    /// Whether the sender is to be told now that this recipient is late: for jobs that are put
    /// back, which are never settled. Record it as told then.
    pub fn owes_delay(&self, job: &Job<J>, recipient: &JobRecipient, now: Timestamp) -> bool {
        self.settings.owes_delay(job, recipient, now)
    }

    /// When the message goes back to its sender if nothing helps.
    pub fn expires(&self, job: &Job<J>) -> Timestamp {
        self.settings.expires(job)
    }

    /// Gives the connection back, as soon as the attempt is over: recording may follow.
    pub fn finished(&mut self, ticket: Ticket, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.jobs = self.jobs.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ticket.bytes_held);
        if let Some(site) = self.sites.get_mut(ticket.site) {
            site.in_flight = site.in_flight.saturating_sub(1);
        }
        if let Some(lane) = self.lanes.get_mut(ticket.lane) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        match ticket.sign {
            Sign::None => {}
            Sign::Well => self.feel_well(&ticket, now),
            Sign::Trouble(Reach::Site, cause) if !self.has_no_site(ticket.site) => {
                self.trouble_site(ticket.site, now, |health, settings| health.trouble(cause, settings, now));
            }
            Sign::Stop(Reach::Site, cause, asked) if !self.has_no_site(ticket.site) => {
                let asked = asked.map(|asked| self.believed_pause(asked));
                self.trouble_site(ticket.site, now, |health, settings| health.stop(cause, asked, settings, now));
            }
            Sign::Trouble(_, cause) => {
                if let Some(lane) = self.lanes.get_mut(ticket.lane) {
                    lane.health.trouble(cause, &self.settings.site, now);
                }
            }
            Sign::Stop(_, cause, asked) => {
                if let Some(lane) = self.lanes.get_mut(ticket.lane) {
                    lane.health.stop(cause, asked, &self.settings.site, now);
                }
            }
        }
        if self.lanes.get(ticket.lane).is_some_and(|lane| self.shut(lane, now).is_some()) {
            self.list(ticket.lane);
        }
        self.place(ticket.lane, now);
        self.wake(ticket.site, now);
        if self.sites.get(ticket.site).is_some_and(|site| site.destinations == 0) {
            self.forget_site(ticket.site, now);
        }
    }

    fn feel_well(&mut self, ticket: &Ticket, now: Timestamp) {
        if let Some(site) = self.sites.get_mut(ticket.site) {
            site.health.well(now);
            site.widen(&self.settings.site);
        }
        if let Some(lane) = self.lanes.get_mut(ticket.lane) {
            lane.health.well(now);
        }
    }

    fn has_no_site(&self, key: Key) -> bool {
        self.sites.get(key).is_none_or(Self::is_no_site)
    }

    /// Narrows a site, and shuts it when that is what its health comes to.
    fn trouble_site(
        &mut self,
        key: Key,
        now: Timestamp,
        feel: impl FnOnce(&mut crate::health::Health, &crate::SiteSettings) -> Option<Timestamp>,
    ) {
        let Some(site) = self.sites.get_mut(key) else { return };
        site.narrow();
        if feel(&mut site.health, &self.settings.site).is_some() {
            site.window = 1;
            if site.is_shut(now) {
                self.drain(key);
            }
        }
    }

    fn believed_pause(&self, asked: Duration) -> Duration {
        self.settings.believed(u32::try_from(asked.as_secs()).unwrap_or(u32::MAX))
    }
}
