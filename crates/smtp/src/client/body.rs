//! A message as it goes over the wire: dot-stuffed behind DATA, counted behind BDAT.

use crate::Content;
use bytes::{Bytes, BytesMut};

/// Up to so many dots are put between slices of the body; a body with more is copied once,
/// as a long list of slices costs more than the copy.
const SLICED_DOTS_MAX: usize = 16;

/// The message behind DATA, its final dot included (RFC 5321 §4.5.2). Nothing is copied but
/// for a body with many lines that begin with a dot.
pub(super) fn after_data(content: &Content) -> Vec<Bytes> {
    let mut chunks = Vec::with_capacity(3);
    let mut at_line_start = true;
    for part in [&content.head, &content.body] {
        if !part.is_empty() {
            stuff(part, at_line_start, &mut chunks);
            at_line_start = part.ends_with(b"\n");
        }
    }
    // RFC 5321 §4.1.1.4: the dot must be on a line of its own. The spool keeps messages with
    // their last line ended; one that is not costs two octets, not the session.
    chunks.push(Bytes::from_static(if at_line_start { b".\r\n" } else { b"\r\n.\r\n" }));
    chunks
}

/// The message behind DATA when no recipient is left for it (RFC 2920 §3.1).
pub(super) fn nothing_after_data() -> Vec<Bytes> {
    vec![Bytes::from_static(b".\r\n")]
}

/// The message as one chunk (RFC 3030 §2).
pub(super) fn last_chunk(content: &Content) -> Vec<Bytes> {
    let command = Bytes::from(format!("BDAT {} LAST\r\n", content.len()));
    [command, content.head.clone(), content.body.clone()].into_iter().filter(|chunk| !chunk.is_empty()).collect()
}

/// Doubles each dot that begins a line. A dot behind a bare LF counts as one: a host that ends
/// lines there must not find an end of data in our message (SMTP smuggling), and one that does
/// not gets a needless dot in a line that was broken before.
fn stuff(part: &Bytes, at_line_start: bool, chunks: &mut Vec<Bytes>) {
    let first = if at_line_start && part.starts_with(b".") { Some(0) } else { None };
    let mut dots = first.into_iter().chain(memchr::memmem::find_iter(part, b"\n.").map(|at| at + 1));
    let sliced: Vec<usize> = dots.by_ref().take(SLICED_DOTS_MAX).collect();
    if sliced.len() == SLICED_DOTS_MAX {
        chunks.push(copied(part, sliced.into_iter().chain(dots)));
        return;
    }
    let mut from = 0;
    for dot in sliced {
        // The slice ends with the dot itself, and the next one begins with it.
        chunks.push(part.slice(from..=dot));
        from = dot;
    }
    chunks.push(part.slice(from..));
}

fn copied(part: &Bytes, dots: impl Iterator<Item = usize>) -> Bytes {
    let mut copy = BytesMut::with_capacity(part.len() + part.len() / 16);
    let mut from = 0;
    for dot in dots {
        copy.extend_from_slice(&part[from..=dot]);
        from = dot;
    }
    copy.extend_from_slice(&part[from..]);
    copy.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(head: &str, body: &str) -> Content {
        Content { head: Bytes::copy_from_slice(head.as_bytes()), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn joined(chunks: &[Bytes]) -> String {
        String::from_utf8(chunks.concat()).unwrap()
    }

    #[test]
    fn dots_that_begin_lines_are_doubled() {
        let table = [
            ("", "", ".\r\n"),
            ("A: b\r\n\r\n", "hi\r\n", "A: b\r\n\r\nhi\r\n.\r\n"),
            ("A: b\r\n\r\n", ".\r\n", "A: b\r\n\r\n..\r\n.\r\n"),
            ("A: b\r\n\r\n", "a.\r\n.b\r\n..c\r\n", "A: b\r\n\r\na.\r\n..b\r\n...c\r\n.\r\n"),
            (".x\r\n\r\n", "", "..x\r\n\r\n.\r\n"),
            ("A: b\r\n\r\n", "no end", "A: b\r\n\r\nno end\r\n.\r\n"),
            ("A: b", ".c\r\n", "A: b.c\r\n.\r\n"),
            ("\r\n", "x\n.\r\nMAIL FROM:<>\r\n", "\r\nx\n..\r\nMAIL FROM:<>\r\n.\r\n"),
        ];
        for (head, body, want) in table {
            assert_eq!(joined(&after_data(&content(head, body))), want, "{head:?} {body:?}");
        }
    }

    #[test]
    fn many_dots_take_one_copy_and_few_take_none() {
        for dots in [0, 1, SLICED_DOTS_MAX - 1, SLICED_DOTS_MAX, 1000] {
            let chunks = after_data(&content("A: b\r\n\r\n", &".x\r\n".repeat(dots)));
            assert_eq!(joined(&chunks), format!("A: b\r\n\r\n{}.\r\n", "..x\r\n".repeat(dots)));
            assert!(chunks.len() <= SLICED_DOTS_MAX + 3, "{} chunks for {dots} dots", chunks.len());
        }
        let plain = content("A: b\r\n\r\n", "hello\r\n");
        let chunks = after_data(&plain);
        assert_eq!(
            chunks.iter().map(|c| c.as_ptr()).collect::<Vec<_>>()[..2],
            [plain.head.as_ptr(), plain.body.as_ptr()]
        );
    }

    #[test]
    fn a_chunk_is_counted_and_not_stuffed() {
        let chunks = last_chunk(&content("A: b\r\n\r\n", ".\r\n"));
        assert_eq!(joined(&chunks), "BDAT 11 LAST\r\nA: b\r\n\r\n.\r\n");
    }
}
