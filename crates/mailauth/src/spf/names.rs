//! Names of domains: what a record may point to, and what can be asked of the DNS.

use super::fault::Flaw;
use super::macros::{MacroString, Piece};

/// The longest label and the longest name (RFC 1035 §2.3.4).
const LABEL_OCTETS_MAX: usize = 63;
const NAME_OCTETS_MAX: usize = 253;

/// What is wrong with the end of a domain-spec (RFC 7208 §7.1): it must be a macro, or a dot
/// and a label that can be a top-level domain.
pub(super) fn end_flaw(name: &MacroString) -> Option<Flaw> {
    let Some(Piece::Literal(text)) = name.pieces.last() else { return None };
    let text = text.strip_suffix('.').unwrap_or(text);
    match text.rsplit_once('.') {
        Some((_, label)) if is_top_label(label) => None,
        Some(_) => Some(Flaw::TopLabel),
        None if name.pieces.len() == 1 => Some(Flaw::OneLabel),
        None => Some(Flaw::TopLabel),
    }
}

/// Letters, digits and hyphens; not digits alone, no hyphen at either end.
fn is_top_label(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && label.bytes().any(|byte| !byte.is_ascii_digit())
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether the DNS can be asked for a name at all.
pub(super) fn can_be_asked(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= NAME_OCTETS_MAX && name.split('.').all(|label| (1..=LABEL_OCTETS_MAX).contains(&label.len()))
}

/// Whether a check can begin with a domain (RFC 7208 §4.3): several labels, and no address.
pub(super) fn can_be_checked(domain: &str) -> bool {
    let bare = domain.strip_suffix('.').unwrap_or(domain);
    can_be_asked(domain) && bare.contains('.') && !domain.starts_with('[')
}

/// Whether a name has only what names of hosts and of policies have. Others are made by macros
/// from what a client said, and that they make no sense to the DNS is no trouble of the DNS.
pub(super) fn is_ordinary(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Cuts labels from the left until a name fits (RFC 7208 §7.3).
pub(super) fn fitting(mut name: &str) -> &str {
    while name.len() > NAME_OCTETS_MAX {
        match name.split_once('.') {
            Some((_, rest)) => name = rest,
            None => break,
        }
    }
    name
}

/// A name as the DNS compares it: lower case, without the dot at its end.
pub(super) fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a name is the domain or lies below it; both canonical.
pub(super) fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_asked_and_checked() {
        let long = format!("{}.example", "a".repeat(63));
        let table = [
            ("example.net", true, true),
            ("example.net.", true, true),
            ("localhost", true, false),
            ("a..example", false, false),
            ("", false, false),
            (".", false, false),
            ("[192.0.2.1]", true, false),
            (&long, true, true),
            (&format!("a{long}"), false, false),
            (&"abc.".repeat(70), false, false),
        ];
        for (name, asked, checked) in table {
            assert_eq!((can_be_asked(name), can_be_checked(name)), (asked, checked), "{name}");
        }
    }

    #[test]
    fn a_name_lies_within_itself_and_what_is_above() {
        assert!(is_within("a.example.net", "example.net"));
        assert!(is_within("example.net", "example.net"));
        assert!(!is_within("badexample.net", "example.net"));
        assert!(!is_within("net", "example.net"));
    }

    #[test]
    fn a_long_name_loses_its_left() {
        let name = format!("{}.x.example", "abc.".repeat(70).trim_end_matches('.'));
        assert!(fitting(&name).len() <= 253);
        assert!(fitting(&name).ends_with("abc.x.example"));
        assert_eq!(fitting(&"a".repeat(300)).len(), 300);
    }
}
