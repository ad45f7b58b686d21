//! Which of a domain's texts is its SPF record (RFC 7208 §4.5).

/// What a record begins with.
pub(super) const VERSION: &str = "v=spf1";

/// Whether a text is an SPF record: the version, and then a space or nothing.
///
/// ```
/// use postrider_mailauth::spf::is_spf;
/// assert!(is_spf("V=spf1 -all"));
/// assert!(!is_spf("v=spf10 -all"));
/// ```
pub fn is_spf(text: &str) -> bool {
    text.get(..VERSION.len()).is_some_and(|start| start.eq_ignore_ascii_case(VERSION))
        && matches!(text.as_bytes().get(VERSION.len()), None | Some(b' '))
}

/// What a domain's texts come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected<'a> {
    /// None of them is a record.
    None,
    /// One is.
    One(&'a str),
    /// Several are, which is as bad as a syntax error (RFC 7208 §4.5).
    Many,
}

/// Picks the SPF record among the texts of a domain.
pub fn select<T: AsRef<str>>(texts: &[T]) -> Selected<'_> {
    let mut records = texts.iter().map(AsRef::as_ref).filter(|text| is_spf(text));
    match (records.next(), records.next()) {
        (None, _) => Selected::None,
        (Some(one), None) => Selected::One(one),
        (Some(_), Some(_)) => Selected::Many,
    }
}
