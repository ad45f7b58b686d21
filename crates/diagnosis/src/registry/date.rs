//! Dates as registries write them.
//!
//! Most write ISO 8601; others in an order of their own, which the top-level domain tells. A
//! date that could be two days is none: a wrong end of a registration would be a false alarm.

use super::Moment;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use postrider_smtp::Timestamp;

/// Domains whose registries write `05/11/2026` or `05-11-2026` for the fifth of November.
const DAY_FIRST: &[&str] =
    &["pt", "hk", "il", "lu", "im", "rs", "mk", "tn", "ma", "bo", "cy", "mt", "ie", "pe", "sn", "ci"];

/// Reads a date of that top-level domain's registry.
pub(crate) fn read(text: &str, tld: &str) -> Option<Moment> {
    let text = text.trim().trim_matches(|c: char| c == '.' || c == '(' || c == ')').trim();
    if text.is_empty() || text.len() > 80 {
        return None;
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(exact(at));
    }
    let tokens = tokens(text);
    let (date, rest) = date(&tokens, tld)?;
    Some(match time(rest) {
        Some((time, offset)) => {
            let zone = TimeZone::fixed(Offset::from_seconds(offset).ok()?);
            exact(DateTime::from_parts(date, time).to_zoned(zone).ok()?.timestamp())
        }
        None => {
            let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
            Moment { at: Timestamp(midnight.as_millisecond()), day_only: true }
        }
    })
}

fn exact(at: jiff::Timestamp) -> Moment {
    Moment { at: Timestamp(at.as_millisecond()), day_only: false }
}

/// A stretch of digits or letters, or a sign that matters.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    /// `-`, `/` or `.` between the parts of a date.
    Between(char),
    Colon,
    Plus,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |wanted: fn(&char) -> bool| rest.find(|c: char| !wanted(&c)).unwrap_or(rest.len());
        let length = match first {
            '0'..='9' => {
                let end = run(char::is_ascii_digit);
                found.push(Token::Number(&rest[..end]));
                end
            }
            'a'..='z' | 'A'..='Z' => {
                let end = run(char::is_ascii_alphabetic);
                found.push(Token::Word(&rest[..end]));
                end
            }
            '-' | '/' | '.' => {
                found.push(Token::Between(first));
                1
            }
            ':' => {
                found.push(Token::Colon);
                1
            }
            '+' => {
                found.push(Token::Plus);
                1
            }
            other => other.len_utf8(),
        };
        rest = &rest[length..];
    }
    found
}

/// The date at the front, and what follows.
fn date<'t, 'a>(tokens: &'t [Token<'a>], tld: &str) -> Option<(Date, &'t [Token<'a>])> {
    // 20261130
    if let [Token::Number(all), rest @ ..] = tokens
        && all.len() == 8
        && all.starts_with(['1', '2'])
    {
        let date = ymd(all.get(..4)?, all.get(4..6)?, all.get(6..)?)?;
        return Some((date, rest));
    }
    let mut parts = Vec::new();
    let mut sign = None;
    let mut used = 0;
    for token in tokens {
        match token {
            Token::Number(number) => parts.push(*number),
            Token::Word(word) => match month(word) {
                Some(_) => parts.push(word),
                // "Fri Nov 20 2026": the weekday is passed over, as is the "th" of "20th".
                None if parts.is_empty() || matches!(*word, "st" | "nd" | "rd" | "th") => {}
                None => break,
            },
            Token::Between(c) => sign = sign.or(Some(*c)),
            Token::Colon | Token::Plus => break,
        }
        used += 1;
        if parts.len() == 3 {
            break;
        }
    }
    let [a, b, c] = parts[..] else { return None };
    Some((order(a, b, c, sign, tld)?, &tokens[used..]))
}

fn order(a: &str, b: &str, c: &str, sign: Option<char>, tld: &str) -> Option<Date> {
    if a.len() == 4 {
        return ymd(a, b, c);
    }
    if c.len() != 4 {
        return None;
    }
    if month(b).is_some() {
        return ymd(c, b, a);
    }
    if month(a).is_some() {
        return ymd(c, a, b);
    }
    let (first, second) = (a.parse::<u8>().ok()?, b.parse::<u8>().ok()?);
    // Points stand behind ordinals, and are written where the day comes first.
    let day_first = sign == Some('.') || DAY_FIRST.contains(&tld) || first > 12 || first == second;
    match (day_first, second > 12) {
        (true, _) => ymd(c, b, a),
        (false, true) => ymd(c, a, b),
        (false, false) => None,
    }
}

fn ymd(year: &str, month_text: &str, day: &str) -> Option<Date> {
    let month = month(month_text).or_else(|| month_text.parse().ok())?;
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = word.to_ascii_lowercase();
    let found = MONTHS.iter().position(|name| lower.len() >= 3 && name.starts_with(&lower))?;
    i8::try_from(found + 1).ok()
}

/// A time of day and its offset in seconds; without an offset it is UTC.
fn time(tokens: &[Token<'_>]) -> Option<(jiff::civil::Time, i32)> {
    let start = tokens.windows(2).position(|pair| matches!(pair, [Token::Number(_), Token::Colon]))?;
    let [Token::Number(hour), Token::Colon, Token::Number(minute), rest @ ..] = &tokens[start..] else { return None };
    let (second, rest) = match rest {
        [Token::Colon, Token::Number(second), rest @ ..] => (*second, rest),
        rest => ("0", rest),
    };
    let time =
        jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse::<i8>().ok()?.min(59), 0).ok()?;
    Some((time, offset(rest)))
}

fn offset(tokens: &[Token<'_>]) -> i32 {
    // Zones that registries write by name.
    const NAMED: &[(&str, i32)] = &[
        ("JST", 9),
        ("KST", 9),
        ("CET", 1),
        ("CEST", 2),
        ("EET", 2),
        ("EEST", 3),
        ("MSK", 3),
        ("CLT", -4),
        ("CLST", -3),
    ];
    for (index, token) in tokens.iter().enumerate() {
        let sign = match token {
            Token::Plus => 1,
            Token::Between('-') => -1,
            Token::Word(word) => match NAMED.iter().find(|(name, _)| name == word) {
                Some((_, hours)) => return hours * 3600,
                None => continue,
            },
            _ => continue,
        };
        let Some(Token::Number(hours)) = tokens.get(index + 1) else { continue };
        let (hours, minutes) = match tokens.get(index + 2..) {
            Some([Token::Colon, Token::Number(minutes), ..]) => (*hours, *minutes),
            _ if hours.len() == 4 => hours.split_at(2),
            _ => (*hours, "0"),
        };
        let (Ok(hours), Ok(minutes)) = (hours.parse::<i32>(), minutes.parse::<i32>()) else { continue };
        if hours <= 14 && minutes < 60 {
            return sign * (hours * 3600 + minutes * 60);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, tld: &str) -> String {
        match read(text, tld) {
            None => "-".into(),
            Some(moment) if moment.day_only => moment.day(),
            Some(moment) => jiff::Timestamp::from_millisecond(moment.at.0).unwrap().to_string(),
        }
    }

    #[test]
    fn every_way_of_writing_a_day() {
        for (text, tld, wanted) in [
            ("2026-11-30T08:15:00Z", "com", "2026-11-30T08:15:00Z"),
            ("2026-11-30T08:15:00.0Z", "com", "2026-11-30T08:15:00Z"),
            ("2026-11-30T08:15:00+01:00", "de", "2026-11-30T07:15:00Z"),
            ("2026-11-30 08:15:00+02", "ua", "2026-11-30T06:15:00Z"),
            ("2026-11-30 08:15:00 (UTC+8)", "tw", "2026-11-30T00:15:00Z"),
            ("2026-11-30 08:15:00 CLST", "cl", "2026-11-30T11:15:00Z"),
            ("2026/11/30 09:05:06 (JST)", "jp", "2026-11-30T00:05:06Z"),
            ("2026-11-30 12:00:00 (GMT+0:00)", "kz", "2026-11-30T12:00:00Z"),
            ("2026-11-30", "se", "2026-11-30"),
            ("2026/11/30", "jp", "2026-11-30"),
            ("2026.11.30 12:00:00", "pl", "2026-11-30T12:00:00Z"),
            ("2026. 11. 30.", "kr", "2026-11-30"),
            ("20261130", "br", "2026-11-30"),
            ("20261130 #12345", "br", "2026-11-30"),
            ("30-Nov-2026", "uk", "2026-11-30"),
            ("30-nov-2026 23:59:59 UTC", "edu", "2026-11-30T23:59:59Z"),
            ("2026-Nov-30.", "tr", "2026-11-30"),
            ("30 November 2026", "th", "2026-11-30"),
            ("Mon Nov 30 2026", "be", "2026-11-30"),
            ("November 30 2026", "im", "2026-11-30"),
            ("30th November 2026", "gg", "2026-11-30"),
            ("30.11.2026", "cz", "2026-11-30"),
            ("5.11.2026 08:00:00", "fi", "2026-11-05T08:00:00Z"),
            ("05/11/2026", "pt", "2026-11-05"),
            ("05-11-2026", "hk", "2026-11-05"),
            ("30/11/2026", "xx", "2026-11-30"),
            ("11/30/2026", "xx", "2026-11-30"),
            // It could be May or November.
            ("05/11/2026", "xx", "-"),
            ("soon", "com", "-"),
            ("2026-13-40", "com", "-"),
            ("", "com", "-"),
            ("99999999999999999999", "com", "-"),
            ("1.2.3.4", "com", "-"),
        ] {
            assert_eq!(shown(text, tld), wanted, "{text}");
        }
    }

    #[test]
    fn a_bare_day_is_over_everywhere_before_it_counts() {
        let day = read("2026-11-30", "se").unwrap();
        assert_eq!(day.surely_past().0 - day.at.0, 36 * 3_600_000);
        let instant = read("2026-11-30T00:00:00Z", "se").unwrap();
        assert_eq!(instant.surely_past(), instant.at);
    }
}
