//! Figures as people say them, and letters as a screen may have them.

/// A letter as a screen may have it: control characters can drive a terminal, and marks of
/// direction let a line read as what it is not (Unicode Standard Annex 9). Both become U+FFFD.
#[must_use]
pub fn harmless(c: char) -> char {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { '\u{fffd}' } else { c }
}

/// A number of seconds: `45 s`, `10 min`, `24 h`, `7 days`.
pub(crate) fn span(seconds: u32) -> String {
    let (number, unit) = match seconds {
        0..=119 => return format!("{seconds} s"),
        120..=7199 => (seconds.div_ceil(60), "min"),
        7200..=172_799 => (seconds.div_ceil(3600), "h"),
        _ => (seconds.div_ceil(86_400), "days"),
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_or_turns_a_line() {
        let said: String = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{2067}\u{200f}\u{2028}é你-".chars().map(harmless).collect();
        assert_eq!(said, format!("a{}é你-", "\u{fffd}".repeat(7)));
    }

    #[test]
    fn spans_as_people_say_them() {
        for (seconds, want) in
            [(0, "0 s"), (90, "90 s"), (600, "10 min"), (3600, "60 min"), (86_400, "24 h"), (604_800, "7 days")]
        {
            assert_eq!(span(seconds), want);
        }
    }
}
