//! One neighbour: its limits, its health, and whose turn it is there.

use crate::health::Health;
use crate::slab::Key;
use crate::{Rate, SiteSettings};
use postrider_smtp::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: Arc<str>,
    pub(crate) health: Health,
    pub(crate) held: Option<Arc<str>>,
    /// Destinations that have a job to be tried, in turn.
    pub(crate) turns: VecDeque<Key>,
    /// Whether the site itself is in the queue's turns.
    pub(crate) in_turns: bool,
    pub(crate) in_flight: u32,
    /// Jobs ready in all its destinations.
    pub(crate) ready: usize,
    /// Destinations known to lie behind it.
    pub(crate) destinations: usize,
    /// Attempts allowed at one time as learnt: up by one with each success, halved by trouble.
    pub(crate) window: u32,
    pace: Pace,
    /// Whether the last claims left destinations out because this site was full.
    pub(crate) skipped: bool,
    /// When it is to be looked at again, if a timer is set.
    pub(crate) timer: Option<Timestamp>,
}

/// What a site allows now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// As many attempts as it may have; one that finishes opens it.
    Full,
    /// The rate is used up until then.
    Paced(Timestamp),
    /// Paused or held: what is ready goes back.
    Shut,
}

impl Site {
    pub(crate) fn new(name: Arc<str>, settings: &SiteSettings) -> Self {
        Self {
            name,
            health: Health::default(),
            held: None,
            turns: VecDeque::new(),
            in_turns: false,
            in_flight: 0,
            ready: 0,
            destinations: 0,
            window: settings.connections_start.clamp(1, settings.connections_max.max(1)),
            pace: Pace::default(),
            skipped: false,
            timer: None,
        }
    }

    /// Attempts allowed at one time.
    pub(crate) fn limit(&self, now: Timestamp) -> u32 {
        if self.health.probing(now).is_some() { 1 } else { self.window }
    }

    pub(crate) fn is_shut(&self, now: Timestamp) -> bool {
        self.held.is_some() || self.health.paused(now).is_some()
    }

    pub(crate) fn gate(&self, settings: &SiteSettings, now: Timestamp) -> Gate {
        if self.is_shut(now) {
            return Gate::Shut;
        }
        if self.in_flight >= self.limit(now) {
            return Gate::Full;
        }
        match settings.rate.and_then(|rate| self.pace.wait(rate, now)) {
            Some(until) => Gate::Paced(until),
            None => Gate::Open,
        }
    }

    /// Takes the connection that [`Gate::Open`] promised.
    pub(crate) fn begin(&mut self, settings: &SiteSettings, now: Timestamp) {
        self.in_flight += 1;
        if let Some(rate) = settings.rate {
            self.pace.spend(rate, now);
        }
    }

    pub(crate) fn widen(&mut self, settings: &SiteSettings) {
        if self.window < settings.connections_max {
            self.window += 1;
        }
    }

    pub(crate) fn narrow(&mut self) {
        self.window = (self.window / 2).max(1);
    }
}

/// A token bucket, kept as the one moment at which it would be full again.
#[derive(Debug, Default)]
struct Pace {
    full_at_us: i64,
}

impl Pace {
    /// Until when to wait for the next token; `None` when there is one.
    fn wait(&self, rate: Rate, now: Timestamp) -> Option<Timestamp> {
        let (token_us, bucket_us) = Self::sizes(rate);
        let over_us = self.full_at_us - now.0.saturating_mul(1000) - (bucket_us - token_us);
        (over_us > 0).then(|| Timestamp(now.0.saturating_add(over_us.saturating_add(999) / 1000)))
    }

    fn spend(&mut self, rate: Rate, now: Timestamp) {
        self.full_at_us = self.full_at_us.max(now.0.saturating_mul(1000)).saturating_add(Self::sizes(rate).0);
    }

    /// Microseconds for one token, and for the whole bucket: a tenth of the rate, at least one token.
    fn sizes(rate: Rate) -> (i64, i64) {
        let attempts = i64::from(rate.attempts.max(1));
        let per_us = i64::try_from(rate.per.as_micros()).unwrap_or(i64::MAX);
        let token_us = (per_us / attempts).max(1);
        (token_us, token_us.saturating_mul((attempts / 10).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rate_lets_a_tenth_through_at_once_and_the_rest_evenly() {
        let rate = Rate { attempts: 20, per: Duration::from_secs(10) };
        let mut pace = Pace::default();
        let mut now = Timestamp(1_000_000);
        let mut went = Vec::new();
        while went.len() < 5 {
            match pace.wait(rate, now) {
                None => {
                    pace.spend(rate, now);
                    went.push(now.0 - 1_000_000);
                }
                Some(until) => now = until,
            }
        }
        assert_eq!(went, [0, 0, 500, 1000, 1500]);
    }
}
