//! Whether two domains belong together (RFC 9989 §4.4), and whether a stranger takes reports
//! (RFC 9990 §4).

use super::record::{Mode, is_record};

/// How alike two domains are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alignment {
    /// They are the same, which is aligned in both modes.
    Identical,
    /// They have one organizational domain, which is aligned in relaxed mode.
    SameOrganization,
    /// They have nothing to do with each other.
    None,
}

impl Alignment {
    /// Whether that is enough.
    pub const fn suffices(self, mode: Mode) -> bool {
        match self {
            Self::Identical => true,
            Self::SameOrganization => matches!(mode, Mode::Relaxed),
            Self::None => false,
        }
    }
}

/// Compares the domain of From with an authenticated one, each with its organizational domain
/// ([`super::Walk::organization`]).
pub fn alignment(author: (&str, &str), authenticated: (&str, &str)) -> Alignment {
    if same(author.0, authenticated.0) {
        Alignment::Identical
    } else if same(author.1, authenticated.1) {
        Alignment::SameOrganization
    } else {
        Alignment::None
    }
}

fn same(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    plain(one) == plain(other)
}

/// Where the owner of `host` says that it takes reports about `domain` (RFC 9990 §4). Needed only
/// when the two have different organizational domains.
pub fn report_authorization_name(domain: &str, host: &str) -> String {
    format!("{}._report._dmarc.{}", domain.trim_end_matches('.'), host.trim_end_matches('.'))
}

/// Whether the texts at that name say so: one of them is a DMARC record, and needs no other tag.
pub fn authorizes_reports<T: AsRef<str>>(texts: &[T]) -> bool {
    texts.iter().any(|text| is_record(text.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_are_alike() {
        let table = [
            (("a.example", "a.example"), ("A.example.", "a.example"), Alignment::Identical),
            (("a.example", "a.example"), ("m.a.example", "A.example"), Alignment::SameOrganization),
            (("a.example", "a.example"), ("b.example", "b.example"), Alignment::None),
        ];
        for (author, other, want) in table {
            assert_eq!(alignment(author, other), want, "{author:?} {other:?}");
        }
        assert!(Alignment::Identical.suffices(Mode::Strict) && Alignment::SameOrganization.suffices(Mode::Relaxed));
        assert!(!Alignment::SameOrganization.suffices(Mode::Strict) && !Alignment::None.suffices(Mode::Relaxed));
    }

    #[test]
    fn who_takes_reports_says_so() {
        assert_eq!(report_authorization_name("a.example.", "b.example"), "a.example._report._dmarc.b.example");
        assert!(authorizes_reports(&["x", "v=DMARC1"]) && authorizes_reports(&["v=DMARC1; rua=mailto:a@b.example"]));
        assert!(!authorizes_reports(&["v=dmarc1"]) && !authorizes_reports::<&str>(&[]));
    }
}
