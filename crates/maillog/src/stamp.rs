//! The many ways in which logs write a moment.
//!
//! Each function reads a stamp at the start of a line and gives the rest of the line. Stamps
//! without a zone are in the log's local time, [`Calendar::offset_s`]; stamps without a year are
//! put into the year that brings them closest before [`Calendar::reference`].

use postrider_smtp::Timestamp;

const DAY_MS: i64 = 86_400_000;
/// 2^62: where TAI64 counts from 1970 (the label is 16 hexadecimal digits).
const TAI_EPOCH: u64 = 1 << 62;
/// TAI is ahead of UTC by 37 s since 2017; the servers that write TAI64N add a constant 10.
const TAI_AHEAD_S: i64 = 10;

/// What stamps leave out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calendar {
    /// No stamp without a year is more than a day behind this moment.
    pub(crate) reference: Timestamp,
    /// Local time minus UTC.
    pub(crate) offset_s: i32,
}

/// Days since 1970-01-01 in the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    (!digits.is_empty()).then_some(number)
}

/// `hh:mm:ss` as milliseconds of the day.
fn clock(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    (hour < 24 && minute < 60 && second <= 60).then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

/// `.123456` or `,123` as milliseconds, and the rest.
fn fraction(text: &str) -> (i64, &str) {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return (0, text) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ms = rest.bytes().take(digits).chain([b'0'; 3]).take(3).fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'));
    if digits == 0 { (0, text) } else { (ms, &rest[digits..]) }
}

/// `Z`, `+01:00`, `+0100` or `+01` in seconds east of Greenwich, and the rest.
fn zone(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = number(bytes.get(1..3)?)?;
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    let (minutes, length) = match bytes.get(3 + colon..5 + colon).and_then(number) {
        Some(minutes) => (minutes, 5 + colon),
        None => (0, 3),
    };
    Some((sign * (hours * 3600 + minutes * 60), &text[length..]))
}

impl Calendar {
    fn local(&self, ms: i64) -> Timestamp {
        Timestamp(ms - i64::from(self.offset_s) * 1000)
    }

    /// `Nov 24 09:12:01` (RFC 3164 §4.1.2), also with a year behind or a fraction.
    pub(crate) fn syslog<'a>(&self, line: &'a str) -> Option<(Timestamp, &'a str)> {
        let bytes = line.as_bytes();
        let month = month(bytes.get(..3)?)?;
        let day = match bytes.get(3..6)? {
            [b' ', b' ' | b'0', ones] => number(&[*ones])?,
            [b' ', tens, ones] => number(&[*tens, *ones])?,
            _ => return None,
        };
        if bytes.get(6) != Some(&b' ') || !(1..=31).contains(&day) {
            return None;
        }
        // Some write the year before the clock: `Nov 24 2026 09:12:01`.
        let year = bytes.get(7..11).and_then(number).filter(|_| bytes.get(11) == Some(&b' '));
        let at = if year.is_some() { 12 } else { 7 };
        let clock = clock(bytes.get(at..at + 8)?)?;
        let (ms, rest) = fraction(&line[at + 8..]);
        let moment = |year| self.local(days(year, month, day) * DAY_MS + clock + ms);
        let at = match year {
            Some(year) => moment(year),
            None => self.within_a_year(moment),
        };
        Some((at, rest.strip_prefix(' ')?))
    }

    fn within_a_year(&self, moment: impl Fn(i64) -> Timestamp) -> Timestamp {
        // A year has 31,556,952 s on average; the reference's own year may be one off by that.
        let year = 1970 + self.reference.seconds().div_euclid(31_556_952);
        let at = moment(year + 1);
        [at, moment(year), moment(year - 1)]
            .into_iter()
            .find(|at| at.0 <= self.reference.0.saturating_add(DAY_MS))
            .unwrap_or(at)
    }

    /// `2026-11-24T09:12:01.123+01:00` (RFC 3339 §5.6), also with a space for the T, also without a zone.
    pub(crate) fn iso<'a>(&self, line: &'a str) -> Option<(Timestamp, &'a str)> {
        let bytes = line.as_bytes();
        let (date, time) = (bytes.get(..10)?, bytes.get(11..19)?);
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
        let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
        if !matches!(bytes[10], b'T' | b't' | b' ') || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let clock = clock(time)?;
        let (ms, rest) = fraction(&line[19..]);
        let moment = days(year, month, day) * DAY_MS + clock + ms;
        // A zone may stand behind a space, as Exim writes it.
        match zone(rest).or_else(|| zone(rest.strip_prefix(' ').filter(|rest| rest.starts_with(['+', '-']))?)) {
            Some((east_s, rest)) if rest.is_empty() || rest.starts_with([' ', ',', '"', '\t']) => {
                Some((Timestamp(moment - east_s * 1000), rest))
            }
            _ => Some((self.local(moment), rest)),
        }
    }
}

/// `@400000006565a1b2075bcd15`: TAI64N, as multilog writes it.
pub(crate) fn tai64n(line: &str) -> Option<(Timestamp, &str)> {
    let digits = line.strip_prefix('@')?.get(..24)?;
    let label = u64::from_str_radix(digits.get(..16)?, 16).ok()?;
    let nanoseconds = u32::from_str_radix(&digits[16..], 16).ok()?;
    let seconds = i64::try_from(label.checked_sub(TAI_EPOCH)?).ok()? - TAI_AHEAD_S;
    let at = seconds.checked_mul(1000)?.checked_add(i64::from(nanoseconds / 1_000_000))?;
    Some((Timestamp(at), line[25..].trim_start()))
}

/// `1795540000.123456` or `1795540000`: seconds since 1970.
pub(crate) fn epoch(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (ms, rest) = fraction(&text[digits..]);
    let seconds = number(text.as_bytes().get(..digits)?).filter(|seconds| (1 << 28..1 << 36).contains(seconds))?;
    rest.is_empty().then(|| Timestamp(seconds * 1000 + ms))
}

/// Month by its English name.
fn month(name: &[u8]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 17:06:40 UTC.
    const NOW: Timestamp = Timestamp(1_795_540_000_000);

    #[test]
    fn stamps_are_read_in_all_their_spellings() {
        let berlin = Calendar { reference: NOW, offset_s: 3600 };
        let utc = Calendar { reference: NOW, offset_s: 0 };
        assert_eq!(utc.syslog("Nov 24 17:06:40 mx1 x"), Some((NOW, "mx1 x")));
        assert_eq!(berlin.syslog("Nov 24 18:06:40 mx1 x"), Some((NOW, "mx1 x")));
        assert_eq!(utc.syslog("Nov 24 2026 17:06:40.000 mx1"), Some((NOW, "mx1")));
        for line in [
            "2026-11-24T17:06:40Z x",
            "2026-11-24T18:06:40.000000+01:00 x",
            "2026-11-24 12:06:40 -0500 x",
            "2026-11-24 17:06:40 x",
        ] {
            assert_eq!(utc.iso(line), Some((NOW, " x")), "{line}");
        }
        assert_eq!(berlin.iso("2026-11-24 18:06:40.250 1kABC").map(|(at, _)| at.0), Some(NOW.0 + 250));
        assert_eq!(tai64n("@400000006b05d3aa075bcd15 new msg 1"), Some((Timestamp(1_795_543_968_123), "new msg 1")));
        assert_eq!(epoch("1795540000.5"), Some(Timestamp(NOW.0 + 500)));
    }

    #[test]
    fn the_missing_year_is_the_latest_that_fits() {
        let january = Calendar { reference: Timestamp(1_798_800_000_000), offset_s: 0 }; // 2027-01-01 10:40
        let year = |line: &str| january.syslog(line).map(|(at, _)| 1970 + at.seconds() / 31_556_952);
        assert_eq!(year("Jan  1 09:00:00 x"), Some(2027));
        assert_eq!(year("Jan  2 09:00:00 x"), Some(2027), "clocks differ: a day ahead is still now");
        assert_eq!(year("Jun  1 09:00:00 x"), Some(2026));
        assert_eq!(year("Dec 30 09:00:00 x"), Some(2026));
    }

    #[test]
    fn what_is_no_stamp_is_none() {
        let utc = Calendar::default();
        for line in [
            "",
            "Nov",
            "Nov 99 17:06:40 x",
            "Nov 24 25:06:40 x",
            "Növ 24 17:06:40 x",
            "Nov 24 17:06:4é",
            "2026-13-24 17:06:40",
        ] {
            assert_eq!((utc.syslog(line), utc.iso(line)), (None, None), "{line}");
        }
        for line in [
            "@",
            "@4",
            "@zzzzzzzzzzzzzzzzzzzzzzzz",
            "@ffffffffffffffffffffffff",
            "@é00000006b05d3aa075bcd15x",
            "@400000006b05d3a\u{fffd}075bcd15",
        ] {
            assert_eq!(tai64n(line), None, "{line}");
        }
        for text in ["", "12", "99999999999999999999999", "1795540000.5x"] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }
}
