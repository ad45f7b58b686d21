//! Times, sizes and words as people say them; peers' words made harmless.

use postrider_smtp::Timestamp;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A span in its largest fitting unit: `40 s`, `5 min`, `2 h`, `3 d`.
pub(crate) fn span(ms: i64) -> String {
    let ms = ms.max(0);
    match ms {
        ..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        DAY.. => format!("{} d", ms / DAY),
    }
}

/// A moment to come: `now`, `in 4 min`.
pub(crate) fn ahead(at: i64, now: Timestamp) -> String {
    match at.saturating_sub(now.0) {
        ..SECOND => "now".to_owned(),
        ms => format!("in {}", span(ms)),
    }
}

/// A moment for records: `2026-11-24 17:05:12 UTC`.
pub(crate) fn moment(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| at.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A size for people: `10 KiB`.
pub(crate) fn size(octets: u64) -> String {
    match octets {
        ..1024 => format!("{octets} B"),
        1024..1_048_576 => format!("{} KiB", octets >> 10),
        _ => format!("{} MiB", octets >> 20),
    }
}

/// A count with its noun: `1 message`, `1,204 messages`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A number with its thousands apart: `1,204`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// One line without control characters: a reply comes from a stranger and may try to drive the terminal.
pub(crate) fn harmless(text: &str) -> String {
    let blank = |c| if postrider_diagnosis::harmless(c) == c { c } else { ' ' };
    text.chars().map(blank).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_counts() {
        let table = [
            (-5, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (3_599_000, "59 min"),
            (3_600_000, "1 h"),
            (86_400_000 * 3, "3 d"),
        ];
        for (ms, want) in table {
            assert_eq!(span(ms), want);
        }
        assert_eq!(ahead(1_000_000, Timestamp(2_000_000)), "now");
        assert_eq!(ahead(1_240_000, Timestamp(1_000_000)), "in 4 min");
        assert_eq!(moment(1_795_540_000_123), "2026-11-24 17:06:40 UTC");
        assert_eq!((size(5), size(10_240), size(5 << 20)), ("5 B".into(), "10 KiB".into(), "5 MiB".into()));
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(1_234_567, "message"), "1,234,567 messages");
        assert_eq!(harmless("550 \u{1b}[2J go\r\n"), "550  [2J go");
    }
}
