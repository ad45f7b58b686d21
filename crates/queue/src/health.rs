//! The circuit breaker of a site or a destination: trouble, pause, probe.

use crate::SiteSettings;
use postrider_reply::Cause;
use postrider_smtp::Timestamp;
use std::time::Duration;

/// How a neighbour is. After a pause it stays on probation until an attempt succeeds: one job
/// at a time, and the first trouble pauses it again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    state: State,
    /// Troubles in a row.
    failures: u32,
    /// Pauses before this one that count towards its length.
    pauses: u32,
    /// When the last pause ended or ends, and how long it was.
    last: Option<(Timestamp, Duration)>,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Well,
    Paused {
        until: Timestamp,
        cause: Cause,
    },
    /// Not known to be well: one job at a time.
    Probing {
        cause: Cause,
    },
}

impl Health {
    /// Until when nothing may be tried, and why.
    pub(crate) fn paused(&self, now: Timestamp) -> Option<(Timestamp, Cause)> {
        match self.state {
            State::Paused { until, cause } if now < until => Some((until, cause)),
            _ => None,
        }
    }

    /// Whether only one job may be tried at a time, and why.
    pub(crate) fn probing(&self, now: Timestamp) -> Option<Cause> {
        match self.state {
            State::Paused { until, cause } if now >= until => Some(cause),
            State::Probing { cause } => Some(cause),
            _ => None,
        }
    }

    /// Puts it on probation, unless it is paused or on it.
    pub(crate) fn doubt(&mut self, cause: Cause) {
        if matches!(self.state, State::Well) {
            self.state = State::Probing { cause };
        }
    }

    /// An attempt succeeded. One that began before the pause says nothing about what comes after it.
    pub(crate) fn well(&mut self, now: Timestamp) {
        if self.paused(now).is_none() {
            self.state = State::Well;
            self.failures = 0;
        }
    }

    /// An attempt met trouble; gives the end of the pause that it starts.
    pub(crate) fn trouble(&mut self, cause: Cause, settings: &SiteSettings, now: Timestamp) -> Option<Timestamp> {
        if self.paused(now).is_some() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.probing(now).is_none() && self.failures < settings.failures_max {
            return None;
        }
        Some(self.pause(cause, None, settings, now))
    }

    /// The peer asked to be left alone; gives the end of the pause, unless one is on already.
    pub(crate) fn stop(
        &mut self,
        cause: Cause,
        asked: Option<Duration>,
        settings: &SiteSettings,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.paused(now).is_some() {
            return None;
        }
        Some(self.pause(cause, asked, settings, now))
    }

    fn pause(&mut self, cause: Cause, asked: Option<Duration>, settings: &SiteSettings, now: Timestamp) -> Timestamp {
        // Pauses grow while they follow each other closely: a quiet time of twice the last one
        // forgives. A success in between does not, or a rate limit would never teach anything.
        let close = self.last.is_some_and(|(ended, span)| now.since(ended) <= span * 2);
        self.pauses = if close { self.pauses.saturating_add(1) } else { 0 };
        let grown = grow(settings.pause_first, settings.pause_factor, self.pauses, settings.pause_max);
        let span = asked.map_or(grown, |asked| asked.max(grown));
        let until = now.plus(span);
        self.last = Some((until, span));
        self.state = State::Paused { until, cause };
        until
    }

    /// Whether its last pause is so long ago that it would not count for the next one. Whoever
    /// is not spoken to for so long is met as a stranger, also if it was never well again.
    pub(crate) fn is_forgettable(&self, now: Timestamp) -> bool {
        self.last.is_none_or(|(ended, span)| now.since(ended) > span * 2)
    }
}

/// `first * factor ^ times`, at most `max`.
pub(crate) fn grow(first: Duration, factor: f64, times: u32, max: Duration) -> Duration {
    let exponent = i32::try_from(times).unwrap_or(i32::MAX);
    let seconds = first.as_secs_f64() * factor.max(1.0).powi(exponent);
    Duration::try_from_secs_f64(seconds.min(max.as_secs_f64())).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn pauses_grow_while_they_follow_each_other() {
        let settings = SiteSettings::default();
        let mut health = Health::default();
        let cause = Cause::ConnectionRefused;
        assert_eq!(health.trouble(cause, &settings, at(0)), None);
        assert_eq!(health.trouble(cause, &settings, at(0)), None);
        // (trouble at, paused until): the third in a row pauses, each failed probe pauses longer.
        for (when, until) in [(0, 60), (60, 180), (180, 420), (430, 910), (910, 1870), (1870, 3670), (3670, 5470)] {
            assert_eq!(health.trouble(cause, &settings, at(when)), Some(at(until)), "at {when}");
            assert_eq!(health.trouble(cause, &settings, at(when)), None, "a straggler does not pause again");
        }
        // A success, and quiet for longer than twice the last pause: from the start again.
        health.well(at(5470));
        assert!(health.is_forgettable(at(5470 + 3601)));
        assert_eq!(health.stop(cause, None, &settings, at(5470 + 3601)), Some(at(5470 + 3661)));
    }

    #[test]
    fn a_success_from_before_the_pause_does_not_end_it() {
        let settings = SiteSettings::default();
        let mut health = Health::default();
        health.stop(Cause::RateLimited, Some(Duration::from_secs(90)), &settings, at(0));
        health.well(at(5));
        assert_eq!(health.paused(at(89)), Some((at(90), Cause::RateLimited)));
        assert_eq!(health.probing(at(90)), Some(Cause::RateLimited));
        health.well(at(90));
        assert_eq!(health.probing(at(90)), None);
    }
}
