//! Durations and sizes as people write them: `90s`, `1h30m`, `50MiB`.

use std::time::Duration;

const TIME_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZE_UNITS: [(&str, u64); 10] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("B", 1),
];

/// Reads `30s`, `5m`, `1h30m`, `2 d`; a bare number is refused, as nobody knows its unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} has no unit: write {text}s for seconds, {text}m for minutes"));
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let part = split_part(rest).and_then(|(number, unit, behind)| {
            let (_, ms) = TIME_UNITS.into_iter().find(|(name, _)| *name == unit)?;
            Some((number.checked_mul(ms)?, behind))
        });
        let (ms, behind) = part.ok_or_else(|| not_a_duration(text))?;
        total = total.checked_add(ms).ok_or_else(|| not_a_duration(text))?;
        rest = behind;
    }
    if text.is_empty() { Err(not_a_duration(text)) } else { Ok(Duration::from_millis(total)) }
}

fn not_a_duration(text: &str) -> String {
    format!("{text:?} is not a duration: write a number and ms, s, m, h, d or w, such as 30s, 5m, 1h30m or 5d")
}

/// Takes a number and a unit off the front.
fn split_part(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse().ok()?;
    let rest = text[digits..].trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    Some((number, &rest[..letters], rest[letters..].trim_start()))
}

/// Writes a duration so that [`parse_duration`] reads the same one back.
pub(crate) fn show_duration(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, ms) in &TIME_UNITS[1..] {
        if left >= *ms {
            text.push_str(&format!("{}{unit}", left / ms));
            left %= ms;
        }
    }
    text
}

/// Reads `50MiB`, `10 KB`, `1048576`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is not a size: write octets, or a number and KiB, MiB, GiB, KB, MB or GB, such as 50MiB");
    let (number, unit, rest) = split_part(text.trim()).ok_or_else(wrong)?;
    let (_, factor) = SIZE_UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(if unit.is_empty() { "B" } else { unit }))
        .ok_or_else(wrong)?;
    if !rest.is_empty() {
        return Err(wrong());
    }
    number.checked_mul(factor).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        let table = [
            ("30s", 30_000, "30s"),
            ("5m", 300_000, "5m"),
            ("300s", 300_000, "5m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1h 30m", 5_400_000, "1h30m"),
            ("250ms", 250, "250ms"),
            ("1w", 604_800_000, "7d"),
            ("2 d", 172_800_000, "2d"),
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
        ];
        for (text, ms, shown) in table {
            let span = parse_duration(text).unwrap();
            assert_eq!((span.as_millis(), show_duration(span).as_str()), (ms, shown), "{text}");
            assert_eq!(parse_duration(shown), Ok(span));
        }
    }

    #[test]
    fn what_is_not_a_duration_says_how_to_write_one() {
        assert_eq!(parse_duration("60").unwrap_err(), "\"60\" has no unit: write 60s for seconds, 60m for minutes");
        for text in ["", "s", "5 minutes", "-5m", "5m3", "1.5h", "99999999999999999999d", "9999999999999999w"] {
            assert!(parse_duration(text).unwrap_err().contains("is not a duration: write"), "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        let table = [
            ("50MiB", 52_428_800),
            ("50 mib", 52_428_800),
            ("10KB", 10_000),
            ("1024", 1024),
            ("1G", 1 << 30),
            ("0", 0),
        ];
        for (text, octets) in table {
            assert_eq!(parse_size(text), Ok(octets), "{text}");
        }
        for text in ["", "MiB", "5 bananas", "5MiB2", "-1", "99999999999GiB"] {
            assert!(parse_size(text).unwrap_err().contains("is not a size"), "{text}");
        }
    }
}
