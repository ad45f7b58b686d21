//! Whether a domain is a slip of the finger for a well-known mail provider's.

use super::name::skeleton;

const PROVIDERS: &str = include_str!("data/mail-domains.txt");

/// Shorter names have real neighbours at every turn.
const NAME_MIN: usize = 5;

/// The provider's domain that was likely meant; `None` for the providers themselves and for
/// everything that is not close to one. `unicode` is the domain as people write it.
pub fn meant(unicode: &str) -> Option<&'static str> {
    let lower = unicode.to_lowercase();
    let alike = skeleton(&lower);
    if providers().any(|known| known == lower) {
        return None;
    }
    // Letters of another script: the eye sees the provider's very name.
    if let Some(known) = providers().find(|known| *known == alike) {
        return Some(known);
    }
    let (name, end) = alike.split_once('.')?;
    providers().find(|known| {
        let Some((known_name, known_end)) = known.split_once('.') else { return false };
        let slipped_name = known_end == end && is_slip(name, known_name);
        let slipped_end = known_name == name && is_slip_of_com(end, known_end);
        known_name.len() >= NAME_MIN && (slipped_name || slipped_end)
    })
}

/// Whether it is one of the largest providers: then a neighbour of its name is more likely a
/// slip, or a trap, than somebody's own.
pub fn is_large(provider: &str) -> bool {
    let name = provider.split('.').next().unwrap_or_default();
    matches!(name, "gmail" | "googlemail" | "yahoo" | "hotmail" | "outlook" | "icloud" | "protonmail" | "comcast")
}

fn providers() -> impl Iterator<Item = &'static str> {
    PROVIDERS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// One slip: a letter left out, doubled or typed next to the right one, or two changed round.
fn is_slip(typed: &str, known: &str) -> bool {
    let (typed, known): (Vec<char>, Vec<char>) = (typed.chars().collect(), known.chars().collect());
    let start = typed.iter().zip(&known).take_while(|(a, b)| a == b).count();
    let longest = typed.len().min(known.len()) - start;
    let end = typed.iter().rev().zip(known.iter().rev()).take(longest).take_while(|(a, b)| a == b).count();
    let (left, right) = (&typed[start..typed.len() - end], &known[start..known.len() - end]);
    match (left, right) {
        // Left out; but `mail` is not `gmail` without its first letter, people name things so.
        ([], [_]) => start > 0,
        // Doubled, or a neighbour hit as well.
        ([extra], []) => {
            let beside = [start.checked_sub(1), Some(start)];
            start > 0
                && beside.into_iter().flatten().filter_map(|at| known.get(at)).any(|c| c == extra || near(*c, *extra))
        }
        ([wrong], [right]) => start > 0 && near(*wrong, *right),
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

/// `con`, `cmo`, `comm`… for `com`, but never another registry's ending, as `co` or `cm` is.
fn is_slip_of_com(typed: &str, known: &str) -> bool {
    known == "com"
        && matches!(
            typed,
            "con" | "cmo" | "ocm" | "comm" | "coom" | "ccom" | "vom" | "xom" | "cpm" | "clm" | "cim" | "c0m" | "comn"
        )
}

/// Keys side by side on the usual keyboards, and what looks alike.
fn near(a: char, b: char) -> bool {
    const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
    const ALIKE: [(char, char); 6] = [('0', 'o'), ('1', 'l'), ('1', 'i'), ('l', 'i'), ('5', 's'), ('3', 'e')];
    let place = |c: char| ROWS.iter().enumerate().find_map(|(row, keys)| keys.find(c).map(|column| (row, column)));
    let side = match (place(a), place(b)) {
        (Some((row, column)), Some((other_row, other_column))) => {
            row.abs_diff(other_row) <= 1 && column.abs_diff(other_column) <= 1
        }
        _ => false,
    };
    side || ALIKE.contains(&(a, b)) || ALIKE.contains(&(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger() {
        for (typed, wanted) in [
            ("gmial.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.cmo", "gmail.com"),
            ("gmai1.com", "gmail.com"),
            ("gm\u{430}il.com", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("hotnail.com", "hotmail.com"),
            ("yaho.com", "yahoo.com"),
            ("yahooo.com", "yahoo.com"),
            ("outlok.com", "outlook.com"),
            ("oultook.com", "outlook.com"),
            ("iclod.com", "icloud.com"),
            ("protonmial.com", "protonmail.com"),
            ("freent.de", "freenet.de"),
        ] {
            assert_eq!(meant(typed), Some(wanted), "{typed}");
        }
    }

    #[test]
    fn names_of_their_own() {
        for typed in [
            "gmail.com",
            "mail.com",
            "ymail.com",
            "email.com",
            "google.com",
            "example.com",
            "example.org",
            "good.test",
            "bad.test",
            "aon.com",
            "weg.de",
            "hotmail.de",
            "gmail.co",
            "live.at",
            "mail.de",
            "fmail.com",
            "yahoo.co",
            "posteo.org",
            "outlook.org",
            "hotmall.example",
            "apple.com",
            "zoom.us",
            "mailbox.com",
            "com",
            "",
        ] {
            assert_eq!(meant(typed), None, "{typed}");
        }
    }

    #[test]
    fn no_provider_is_a_slip_of_another() {
        for provider in providers() {
            assert_eq!(meant(provider), None);
        }
        assert!(providers().count() > 200);
    }
}
