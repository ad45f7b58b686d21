//! The message that the notice is about: whole, or its headers (RFC 3461 §4.3, RFC 6522 §4).

use crate::notice::{Notice, Tidings};
use crate::text::base64_lines;
use postrider_smtp::DsnReturn;

/// So much of the headers is returned.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// RFC 5322 §2.1.1, without CRLF.
const LINE_BYTES_MAX: usize = 998;

/// The third part.
pub(crate) struct Returned {
    /// From its header to its last line.
    pub(crate) bytes: Vec<u8>,
    /// Whether it takes 8BITMIME to send.
    pub(crate) eight_bit: bool,
}

/// The whole message only with a failure, when it is not asked to leave it out, not too large,
/// and of a form that can be quoted.
pub(crate) fn part(notice: &Notice<'_>) -> Returned {
    let (head, body) = (&notice.original.head, &notice.original.body);
    let wanted = notice.tidings == Tidings::Failure && notice.ret != Some(DsnReturn::Headers);
    if wanted && notice.original.len() <= notice.original_bytes_max && is_lines(head) && is_lines(body) {
        let eight_bit = !head.is_ascii() || !body.is_ascii();
        let encoding = if eight_bit { "Content-Transfer-Encoding: 8bit\r\n" } else { "" };
        let bytes = [format!("Content-Type: message/rfc822\r\n{encoding}\r\n").as_bytes(), head, body].concat();
        return Returned { bytes: ended(bytes), eight_bit };
    }
    let head = headers(head);
    let bytes = if is_lines(head) && head.is_ascii() {
        [b"Content-Type: text/rfc822-headers\r\n\r\n", head].concat()
    } else {
        let header = "Content-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
        format!("{header}{}", base64_lines(head)).into_bytes()
    };
    Returned { bytes: ended(bytes), eight_bit: false }
}

/// The line end before a boundary belongs to the boundary (RFC 2046 §5.1.1): with one more, the
/// message comes back to the octet.
fn ended(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The header fields without the empty line, cut at a line's end when they are too long.
fn headers(head: &[u8]) -> &[u8] {
    let head = head.strip_suffix(b"\r\n").unwrap_or(head);
    if head.len() <= HEAD_BYTES_MAX {
        return head;
    }
    let cut = &head[..HEAD_BYTES_MAX];
    memchr::memrchr(b'\n', cut).map_or(cut, |at| &cut[..=at])
}

/// Lines of CRLF that are not too long, and no NUL: what may be sent without BINARYMIME.
fn is_lines(bytes: &[u8]) -> bool {
    if memchr::memchr(0, bytes).is_some()
        || memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
    {
        return false;
    }
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        if end == 0 || bytes[end - 1] != b'\r' || end - start > LINE_BYTES_MAX + 1 {
            return false;
        }
        start = end + 1;
    }
    bytes.len() - start <= LINE_BYTES_MAX
}

/// The value of the Message-ID field, if it is one that may stand in a header of ours.
pub(crate) fn message_id(head: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"message-id:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    let id = std::str::from_utf8(&line[NAME.len()..]).ok()?.trim();
    let plain = id.len() <= 900 && id.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && id.len() > 2 && id.starts_with('<') && id.ends_with('>')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_quoted() {
        let long = format!("{}\r\n", "x".repeat(999));
        for (bytes, want) in [
            (&b"a\r\nb\r\n"[..], true),
            (b"", true),
            (b"no end", true),
            (b"\n", false),
            (b"a\nb\r\n", false),
            (b"a\rb\r\n", false),
            (b"a\0\r\n", false),
            (long.as_bytes(), false),
            (&long.as_bytes()[1..], true),
        ] {
            assert_eq!(is_lines(bytes), want, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn message_ids_that_may_be_named() {
        for (head, want) in [
            ("Subject: x\r\nMESSAGE-id:  <a@b> \r\n\r\n", Some("<a@b>")),
            ("Message-ID: <a b@c>\r\n\r\n", None),
            ("Message-ID: a@b\r\n\r\n", None),
            ("Message-ID:\r\n <a@b>\r\n\r\n", None),
            ("X-Message-ID: <a@b>\r\n\r\n", None),
        ] {
            assert_eq!(message_id(head.as_bytes()), want, "{head:?}");
        }
    }
}
