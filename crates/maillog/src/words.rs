//! Small readings that several servers' lines share.

use postrider_smtp::EnhancedStatus;

/// The text between two marks, the first `open` that is there and the next `close` behind it.
pub(crate) fn between<'a>(text: &'a str, open: &str, close: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inside, _)| inside)
}

/// Without the angle brackets around it.
pub(crate) fn bare(address: &str) -> &str {
    let address = address.trim();
    address.strip_prefix('<').map_or(address, |rest| rest.strip_suffix('>').unwrap_or(rest))
}

/// `5.1.1`, and nothing else.
pub(crate) fn status(text: &str) -> Option<EnhancedStatus> {
    text.trim().parse().ok()
}

/// The name in `mx.example.com[192.0.2.1]:25`, `mx.example.com. [192.0.2.1]` or
/// `[192.0.2.1]`; the address where there is no name.
pub(crate) fn host(text: &str) -> &str {
    let text = text.trim();
    let (name, rest) = text.split_once('[').unwrap_or((text, ""));
    let name = name.trim().trim_end_matches('.');
    match rest.split_once(']') {
        Some((address, _)) if name.is_empty() || name == "unknown" => address,
        _ => name,
    }
}

/// Whether an address or name is this machine's own.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.starts_with("127.") || host == "::1" || host == "localhost" || host.starts_with("localhost.")
}

/// The value of `key=` in `a=1 key="some words" b=2`: up to its closing quote, or to a blank.
pub(crate) fn quoted_value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let at = memchr::memmem::find(rest.as_bytes(), key.as_bytes())?;
        let (before, behind) = (&rest[..at], &rest[at + key.len()..]);
        if (before.is_empty() || before.ends_with([' ', ','])) && behind.starts_with('=') {
            let value = &behind[1..];
            return Some(match value.strip_prefix('"') {
                Some(inside) => &inside[..closing_quote(inside)],
                None => value.split([' ', ',']).next().unwrap_or_default(),
            });
        }
        rest = behind;
    }
}

/// Where the closing quote stands: one behind which the next `key=` or nothing follows, as
/// replies have quotes of their own.
fn closing_quote(text: &str) -> usize {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'"', bytes)
        .find(|at| bytes.get(at.wrapping_sub(1)) != Some(&b'\\') && begins_key(&bytes[at + 1..]))
        .unwrap_or(text.len())
}

/// Nothing but blanks, or a comma or blank and then `key=`.
fn begins_key(bytes: &[u8]) -> bool {
    const KEY_BYTES_MAX: usize = 32;
    let key = bytes.trim_ascii_start().strip_prefix(b",").unwrap_or(bytes).trim_ascii_start();
    let length =
        key.iter().take(KEY_BYTES_MAX).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    key.is_empty() || (length > 0 && key.len() < bytes.len() && key.get(length) == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_values_and_brackets() {
        assert_eq!(host("mx.example.com[192.0.2.1]:25"), "mx.example.com");
        assert_eq!(host("mx.example.com. [192.0.2.1]"), "mx.example.com");
        assert_eq!(host("unknown[192.0.2.1]"), "192.0.2.1");
        assert_eq!(host("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(host("none"), "none");
        assert_eq!(bare("<a@example.com>"), "a@example.com");
        assert_eq!(bare("<cut@exam"), "cut@exam");
        let text = r#"from=<a> relay="192.0.2.1 (mx)" stat="550 no "such" user" x=y"#;
        assert_eq!(quoted_value(text, "relay"), Some("192.0.2.1 (mx)"));
        assert_eq!(quoted_value(text, "stat"), Some("550 no \"such\" user"));
        assert_eq!(quoted_value(text, "x"), Some("y"));
        assert_eq!(quoted_value(text, "elay"), None);
        assert_eq!(quoted_value("stat=\"cut", "stat"), Some("cut"));
    }
}
