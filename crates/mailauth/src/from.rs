//! Who a message says it is from: the domain that DKIM and DMARC look at.

use postrider_smtp::Domain;

/// The fields of a header block: name, and the whole field with its line end. Ends at the empty line.
pub(crate) fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = head;
    std::iter::from_fn(move || {
        loop {
            let field = &rest[..field_end(rest)];
            if field.is_empty() || field == b"\r\n" || field == b"\n" {
                return None;
            }
            rest = &rest[field.len()..];
            // A line without a colon is no field, and passed over.
            if let Some(colon) = memchr::memchr(b':', field) {
                return Some((field[..colon].trim_ascii_end(), field));
            }
        }
    })
}

/// Where the first field ends: at a line end with no blank behind it.
fn field_end(bytes: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
    let mut ends = ends.filter(|end| !matches!(bytes.get(*end), Some(b' ' | b'\t')));
    ends.next().unwrap_or(bytes.len())
}

/// The domain of the first address in the From field.
pub(crate) fn from_domain(head: &[u8]) -> Option<Domain> {
    let (name, field) = fields(head).find(|(name, _)| name.eq_ignore_ascii_case(b"from"))?;
    let value = String::from_utf8_lossy(field.get(name.len()..)?).into_owned();
    let bare = bare(value.trim_start().strip_prefix(':')?);
    let address = match (bare.find('<'), bare.find('>')) {
        (Some(open), Some(close)) if open < close => &bare[open + 1..close],
        _ => bare.split(',').next()?,
    };
    Domain::parse(address.rsplit_once('@')?.1.trim()).ok()
}

/// The value without quoted strings and comments, in which anything may stand (RFC 5322 §3.2).
fn bare(value: &str) -> String {
    let mut bare = String::with_capacity(value.len());
    let (mut quoted, mut comments, mut escaped) = (false, 0usize, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted || comments > 0 => escaped = true,
            '"' if comments == 0 => quoted = !quoted,
            _ if quoted => {}
            '(' => comments += 1,
            ')' => comments = comments.saturating_sub(1),
            _ if comments > 0 => {}
            c => bare.push(c),
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_a_message_is_from() {
        let table = [
            ("From: ann@Shop.Example\r\n\r\n", Some("shop.example")),
            ("from : Ann <ann@shop.example>\r\n\r\n", Some("shop.example")),
            ("To: a@b.example\r\nFrom: \"<x@evil.example>\" <ann@shop.example>\r\n\r\n", Some("shop.example")),
            ("From: Ann (at <x@evil.example>)\r\n <ann@shop.example>\r\n\r\n", Some("shop.example")),
            ("From: \"a \\\" b\" <\"odd@local\"@shop.example>\r\n\r\n", Some("shop.example")),
            ("From: a@one.example, b@two.example\r\n\r\n", Some("one.example")),
            ("From: Ann <ann@b\u{fc}cher.example>\r\n\r\n", Some("xn--bcher-kva.example")),
            ("From: Ann\r\n\r\n", None),
            ("From: >ann@shop.example<\r\n\r\n", None),
            ("From:\r\n\r\n", None),
            ("Subject: x\r\n\r\nFrom: ann@shop.example\r\n", None),
            ("no colon\r\nFrom: ann@shop.example", Some("shop.example")),
            ("", None),
        ];
        for (head, want) in table {
            assert_eq!(from_domain(head.as_bytes()).map(|d| d.to_string()).as_deref(), want, "{head:?}");
        }
    }
}
