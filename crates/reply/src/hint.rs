//! How long a reply itself asks to wait: "try again in 300 seconds".

/// A longer wait than this is not taken at its word.
const HINT_S_MAX: u64 = 24 * 60 * 60;
/// So much of the text is looked at.
const WORDS_MAX: usize = 200;

/// Words that say that a time is for waiting; without one, "5 minutes" may be anything.
const WAITING: [&str; 9] = ["again", "retry", "wait", "later", "back", "greylist", "graylist", "defer", "delay"];
/// What may stand right before the number.
const BEFORE: [&str; 12] =
    ["in", "after", "for", "wait", "within", "least", "another", "about", "delay", "retry", "approximately", "next"];

/// The seconds that the text asks to wait, at least 1 and at most a day.
#[inline(never)]
pub(crate) fn retry_after_s(text: &str) -> Option<u32> {
    // Without a digit there is nothing to find, and most replies end here.
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = text.to_ascii_lowercase();
    if !WAITING.iter().any(|word| text.contains(word)) {
        return None;
    }
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS_MAX);
    let mut before = "";
    let mut word = words.next()?;
    loop {
        let next = words.next();
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && BEFORE.contains(&before) {
            // "300s" and "300 seconds" are both met.
            let unit = if digits < word.len() { Some(&word[digits..]) } else { next };
            if let (Ok(count), Some(unit_s)) = (word[..digits].parse::<u64>(), unit.and_then(unit_s)) {
                let seconds = count.saturating_mul(unit_s).clamp(1, HINT_S_MAX);
                return u32::try_from(seconds).ok();
            }
        }
        before = word;
        word = next?;
    }
}

fn unit_s(word: &str) -> Option<u64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replies_ask_for() {
        let table = [
            ("Greylisted, try again in 300 seconds", Some(300)),
            ("4.2.0 please retry after 4 minutes", Some(240)),
            ("Greylisting in effect for 299s", Some(299)),
            ("come back in 1 hour", Some(3600)),
            ("wait at least 90 sec, then retry", Some(90)),
            ("try again in 30 days", Some(86_400)),
            ("try again in 0 seconds", Some(1)),
            ("try again in 99999999999999999999 hours", None),
            ("limit of 100 messages per 5 minutes, try later", None),
            ("the last 24 hours were bad, try again later", None),
            ("blocked for 5 minutes", None),
            ("try again later", None),
            ("again in 5", None),
            ("", None),
        ];
        for (text, want) in table {
            assert_eq!(retry_after_s(text), want, "{text:?}");
        }
    }
}
