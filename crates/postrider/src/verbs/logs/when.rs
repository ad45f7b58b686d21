//! Moments as people write and read them, in the log's own zone.

use crate::config::units::parse_duration;
use crate::exit::{Exit, Failure};
use jiff::civil::{Date, DateTime, Time};
use postrider_smtp::Timestamp;

/// What a zone is ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Zone {
    pub(super) offset_s: i32,
}

const DAY_MS: i64 = 86_400_000;

impl Zone {
    /// `+01:00`, `-0500`, `Z`; without words, this machine's.
    pub(super) fn parse(words: Option<&str>) -> Result<Self, Failure> {
        let Some(words) = words else {
            return Ok(Self { offset_s: jiff::Zoned::now().offset().seconds() });
        };
        let wrong = || Failure::new(Exit::Usage, format!("{words:?} is no zone: write +01:00, -05:00 or Z"));
        if words.eq_ignore_ascii_case("z") || words.eq_ignore_ascii_case("utc") {
            return Ok(Self::default());
        }
        let (sign, digits) = match words.split_at_checked(1) {
            Some(("+", digits)) => (1, digits.replace(':', "")),
            Some(("-", digits)) => (-1, digits.replace(':', "")),
            _ => return Err(wrong()),
        };
        let good = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|digits| digits.parse::<i32>().ok());
        let (hours, minutes) = (number(0..2), number(2..4).unwrap_or_default());
        match hours.filter(|hours| good && *hours < 24 && minutes < 60) {
            Some(hours) => Ok(Self { offset_s: sign * (hours * 3600 + minutes * 60) }),
            None => Err(wrong()),
        }
    }

    /// `2h` (ago), `2026-11-24`, `2026-11-24 09:12`, `09:12` (today).
    pub(super) fn moment(self, words: &str, now: Timestamp) -> Result<Timestamp, Failure> {
        if let Ok(ago) = parse_duration(words) {
            return Ok(Timestamp(now.0.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))));
        }
        let today = self.civil(now.0).map(|moment| moment.date());
        let moment = words.parse::<DateTime>().ok().or_else(|| {
            let date = words.parse::<Date>().ok().map(|date| date.to_datetime(Time::midnight()));
            date.or_else(|| Some(today?.to_datetime(words.parse::<Time>().ok()?)))
        });
        let zoned = moment.and_then(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).ok());
        match (zoned, words.parse::<jiff::Timestamp>()) {
            (_, Ok(at)) => Ok(Timestamp(at.as_millisecond())),
            (Some(zoned), _) => Ok(Timestamp(zoned.timestamp().as_millisecond() - i64::from(self.offset_s) * 1000)),
            _ => Err(Failure::new(
                Exit::Usage,
                format!(
                    "{words:?} is no moment: write a time ago (2h, 3d), a date (2026-11-24), both (2026-11-24T09:12) or a time of today (09:12)"
                ),
            )),
        }
    }

    fn civil(self, at: i64) -> Option<DateTime> {
        let shifted = jiff::Timestamp::from_millisecond(at.saturating_add(i64::from(self.offset_s) * 1000)).ok()?;
        Some(shifted.to_zoned(jiff::tz::TimeZone::UTC).datetime())
    }

    /// `2026-11-24 09:12:01`
    pub(super) fn show(self, at: Timestamp) -> String {
        self.civil(at.0).map_or_else(String::new, |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// As short as can be understood beside a span: `09:12` within a day, else `Nov 24 09:12`.
    pub(super) fn short(self, at: Timestamp, first: Timestamp, last: Timestamp) -> String {
        let day = |at: Timestamp| (at.0 + i64::from(self.offset_s) * 1000).div_euclid(DAY_MS);
        let form = if day(first) == day(last) { "%H:%M" } else { "%b %e %H:%M" };
        self.civil(at.0).map_or_else(String::new, |moment| moment.strftime(form).to_string())
    }

    /// For programs, RFC 3339 in UTC.
    pub(super) fn exact(at: Timestamp) -> String {
        jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |at| at.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 17:06:40 UTC.
    const NOW: Timestamp = Timestamp(1_795_540_000_000);

    #[test]
    fn moments_and_zones_are_read() {
        let zone = |words: &str| Zone::parse(Some(words)).map(|zone| zone.offset_s).ok();
        assert_eq!(
            (zone("+01:00"), zone("-0530"), zone("+02"), zone("Z")),
            (Some(3600), Some(-19_800), Some(7200), Some(0))
        );
        assert_eq!((zone("Berlin"), zone("+1"), zone("+25:00"), zone("")), (None, None, None, None));
        let berlin = Zone { offset_s: 3600 };
        let at = |words: &str| berlin.moment(words, NOW).map(|at| berlin.show(at)).map_err(|failure| failure.exit);
        assert_eq!(at("2h").as_deref(), Ok("2026-11-24 16:06:40"));
        assert_eq!(at("2026-11-24").as_deref(), Ok("2026-11-24 00:00:00"));
        assert_eq!(at("2026-11-24T09:12").as_deref(), Ok("2026-11-24 09:12:00"));
        assert_eq!(at("09:12").as_deref(), Ok("2026-11-24 09:12:00"));
        assert_eq!(at("2026-11-24T09:12:00Z").as_deref(), Ok("2026-11-24 10:12:00"));
        assert_eq!(at("yesterday"), Err(Exit::Usage));
        assert_eq!(berlin.short(NOW, NOW, NOW), "18:06");
        assert_eq!(berlin.short(NOW, Timestamp(0), NOW), "Nov 24 18:06");
    }
}
