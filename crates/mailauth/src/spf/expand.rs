//! What macros become (RFC 7208 §7.2, §7.3).

use super::macros::{Macro, MacroString, Piece};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

/// The longest text macros may grow to: a name is cut to 253 octets, and an explanation that is
/// longer helps nobody.
const OCTETS_MAX: usize = 16 * 1024;

/// Puts values in place of macros. `None` when a value is not known, or the text grows beyond
/// all measure.
pub(super) fn expand<'v>(text: &MacroString, value: impl Fn(u8) -> Option<Cow<'v, str>>) -> Option<String> {
    let mut expanded = String::new();
    for piece in &text.pieces {
        match piece {
            Piece::Literal(literal) => expanded.push_str(literal),
            Piece::Escape(escape) => expanded.push_str(escape),
            Piece::Macro(expand) => push_transformed(&mut expanded, expand, &value(expand.letter)?),
        }
        if expanded.len() > OCTETS_MAX {
            return None;
        }
    }
    Some(expanded)
}

fn push_transformed(expanded: &mut String, expand: &Macro, value: &str) {
    let is_delimiter = |c: char| if expand.delimiters.is_empty() { c == '.' } else { expand.delimiters.contains(c) };
    let mut parts: Vec<&str> = value.split(is_delimiter).collect();
    if expand.reversed {
        parts.reverse();
    }
    let kept = parts.len().saturating_sub(expand.keep.unwrap_or(usize::MAX));
    let joined = parts.get(kept..).unwrap_or_default().join(".");
    if expand.escaped {
        push_escaped(expanded, &joined);
    } else {
        expanded.push_str(&joined);
    }
}

/// RFC 7208 §7.3: all but the unreserved characters of RFC 3986 §2.3.
fn push_escaped(expanded: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            expanded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(expanded, "%{byte:02X}");
        }
    }
}

/// An address as the macro `i` has it: dotted, for IPv6 by its nibbles.
pub(super) fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
            nibbles.map(|nibble| format!("{nibble:X}")).collect::<Vec<_>>().join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::macros::{Setting, read};
    use super::super::record::Span;
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let read = read(text, Span::new(0, text.len()), Setting::Free).unwrap();
        expand(&read, |letter| {
            Some(Cow::Borrowed(match letter {
                b's' => "strong-bad@email.example.com",
                b'l' => "strong-bad",
                b'o' | b'd' => "email.example.com",
                b'i' => "192.0.2.3",
                b'v' => "in-addr",
                b'h' => "a b",
                _ => return None,
            }))
        })
    }

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7208 §7.4.
        let table = [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{H}%%%_%-", "a%20b% %20"),
        ];
        for (text, want) in table {
            assert_eq!(expanded(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn nothing_comes_of_an_unknown_value_or_a_text_without_end() {
        assert_eq!(expanded("%{p}.example"), None);
        assert_eq!(expanded(&"%{s}".repeat(1000)), None);
    }

    #[test]
    fn addresses_are_dotted() {
        assert_eq!(dotted("192.0.2.3".parse().unwrap()), "192.0.2.3");
        let six = dotted("2001:db8::cb01".parse().unwrap());
        assert_eq!(six, "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1");
    }
}
