//! Figures as people say them.

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
    fn spans_as_people_say_them() {
        for (seconds, want) in
            [(0, "0 s"), (90, "90 s"), (600, "10 min"), (3600, "60 min"), (86_400, "24 h"), (604_800, "7 days")]
        {
            assert_eq!(span(seconds), want);
        }
    }
}
