//! A mail as the flat list of its leaves (RFC 2045, RFC 2046), read leniently.
//!
//! An own splitter, because reports are the worst MIME there is: parts are missing, boundaries
//! are not declared or never used, types are wrong, and half the mail may have been cut off. A
//! parser of well-formed mail also decodes every part it sees, which costs more than everything
//! else here together. Charsets are left to `encoding_rs`.
//!
//! There is no recursion: every boundary that was declared is looked for until the end, so that
//! nesting costs a set entry per level. What lies inside message/rfc822 is never split: it is
//! the message that the report is about, not the report.

use super::head::{Head, line_end, trimmed_end};
use memchr::memmem;
use std::borrow::Cow;
use std::collections::HashSet;

/// So many leaves are kept; further ones are passed over.
const PARTS_MAX: usize = 64;
/// So many boundaries are known at a time, which is how deep multiparts may nest.
const BOUNDARIES_MAX: usize = 4096;
/// So many lines are tried for a boundary.
const DELIMITERS_MAX: usize = 1 << 16;
/// RFC 2046 §5.1.1 allows 70.
const BOUNDARY_BYTES_MAX: usize = 256;

/// What a leaf is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// text/plain, and whatever has no type.
    Text,
    /// text/html.
    Html,
    /// message/delivery-status (RFC 3464) and message/global-delivery-status (RFC 6533).
    Status,
    /// message/feedback-report (RFC 5965).
    Feedback,
    /// message/disposition-notification (RFC 8098).
    Disposition,
    /// message/rfc822 and its kin: the original.
    Message,
    /// text/rfc822-headers (RFC 6522): the head of the original.
    Headers,
    /// Anything else.
    Other,
}

/// One leaf.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) head: Head<'a>,
    pub(super) media: Media,
    pub(super) body: &'a [u8],
}

impl Part<'_> {
    /// Whether it is meant to be kept, not read.
    pub(super) fn is_attachment(&self) -> bool {
        let shown = self.head.value("Content-Disposition");
        shown.is_some_and(|shown| shown.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("attachment")))
    }
}

/// The leaves of a body under a head, in their order. At least one, unless the body is empty.
pub(super) fn parts<'a>(head: &Head<'a>, body: &'a [u8]) -> Vec<Part<'a>> {
    let kind = head.value("Content-Type").unwrap_or_default();
    if !is_multipart(&kind) {
        return vec![Part { head: head.clone(), media: media(&kind), body }];
    }
    let mut open = HashSet::new();
    open.extend(boundary(&kind).map(Cow::into_owned).map(String::into_bytes));
    let mut parts = split(body, open);
    if parts.is_empty()
        && let Some(guess) = guessed(body)
    {
        parts = split(body, HashSet::from([guess.to_vec()]));
    }
    if parts.is_empty() {
        parts.push(Part { head: Head::default(), media: Media::Text, body });
    }
    parts
}

/// A leaf that began and has not ended.
struct Begun<'a> {
    head: Head<'a>,
    media: Media,
    start: usize,
}

fn split<'a>(body: &'a [u8], mut open: HashSet<Vec<u8>>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::with_capacity(4);
    let mut begun: Option<Begun<'a>> = None;
    for start in delimiters(body).take(DELIMITERS_MAX) {
        let end = line_end(body, start);
        let Some(closes) = delimits(trimmed_end(&body[start + 2..end]), &open) else { continue };
        if let Some(Begun { head, media, start: from }) = begun.take() {
            parts.push(Part { head, media, body: &body[from..start.max(from)] });
        }
        if parts.len() >= PARTS_MAX {
            return parts;
        }
        if closes {
            continue;
        }
        let (head, rest) = Head::split(&body[end..]);
        let from = body.len() - rest.len();
        let kind = head.value("Content-Type").unwrap_or_default();
        match boundary(&kind) {
            Some(inner) if is_multipart(&kind) => {
                if open.len() < BOUNDARIES_MAX {
                    open.insert(inner.into_owned().into_bytes());
                }
            }
            _ => begun = Some(Begun { media: media(&kind), head, start: from }),
        }
    }
    if let Some(Begun { head, media, start }) = begun {
        parts.push(Part { head, media, body: &body[start.min(body.len())..] });
    }
    parts
}

/// Where lines begin with two hyphens.
fn delimiters(body: &[u8]) -> impl Iterator<Item = usize> {
    let first = body.starts_with(b"--").then_some(0);
    first.into_iter().chain(memmem::find_iter(body, b"\n--").map(|at| at + 1))
}

/// Whether the line is one of the open boundaries; `Some(true)` when it closes it.
fn delimits(line: &[u8], open: &HashSet<Vec<u8>>) -> Option<bool> {
    if line.len() > BOUNDARY_BYTES_MAX + 2 {
        return None;
    }
    if open.contains(line) {
        return Some(false);
    }
    let name = line.strip_suffix(b"--")?;
    open.contains(name).then_some(true)
}

/// The first line of two hyphens before a line that begins like the head of a part: what the
/// boundary must be when none is declared, or another one.
fn guessed(body: &[u8]) -> Option<&[u8]> {
    delimiters(body).take(PARTS_MAX).find_map(|start| {
        let end = line_end(body, start);
        let line = trimmed_end(&body[start + 2..end]);
        let is_part = body.get(end..end + 8).is_some_and(|next| next.eq_ignore_ascii_case(b"content-"));
        (is_part && !line.is_empty() && line.len() <= BOUNDARY_BYTES_MAX).then_some(line)
    })
}

fn is_multipart(kind: &str) -> bool {
    starts(kind, "multipart/")
}

fn media(kind: &str) -> Media {
    const TABLE: [(&str, Media); 18] = [
        ("text/html", Media::Html),
        ("text/rfc822-header", Media::Headers),
        ("text/x-rfc822-header", Media::Headers),
        ("message/rfc822-header", Media::Headers),
        ("message/global-headers", Media::Headers),
        ("text/", Media::Text),
        ("message/delivery-status", Media::Status),
        ("message/global-delivery-status", Media::Status),
        ("message/x-delivery-status", Media::Status),
        ("message/delivery_status", Media::Status),
        ("message/feedback-report", Media::Feedback),
        ("message/x-feedback-report", Media::Feedback),
        ("message/disposition-notification", Media::Disposition),
        ("message/global-disposition-notification", Media::Disposition),
        ("message/rfc822", Media::Message),
        ("message/global", Media::Message),
        ("message/partial", Media::Message),
        ("multipart/", Media::Text),
    ];
    if kind.is_empty() || !kind.contains('/') {
        return Media::Text;
    }
    TABLE.iter().find(|(start, _)| starts(kind, start)).map_or(Media::Other, |(_, media)| *media)
}

/// Whether the text starts with those lower-case words, whatever its case.
pub(super) fn starts(text: &str, lower: &str) -> bool {
    text.as_bytes().get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower.as_bytes()))
}

/// The boundary of a multipart type.
fn boundary(kind: &str) -> Option<Cow<'_, str>> {
    parameter(kind, "boundary").filter(|it| !it.is_empty() && it.len() <= BOUNDARY_BYTES_MAX)
}

/// A parameter of a structured value (RFC 2045 §5.1), quoted or not.
pub(super) fn parameter<'v>(value: &'v str, name: &str) -> Option<Cow<'v, str>> {
    let mut rest = value;
    loop {
        rest = &rest[rest.find(';')? + 1..];
        let (key, found) = rest.split_once('=')?;
        let key = key.trim();
        if !key.eq_ignore_ascii_case(name) {
            continue;
        }
        let found = found.trim_start();
        return Some(match found.strip_prefix('"') {
            Some(quoted) => {
                let text = &quoted[..quoted.find('"').unwrap_or(quoted.len())];
                if text.contains('\\') { Cow::Owned(text.replace('\\', "")) } else { Cow::Borrowed(text) }
            }
            None => Cow::Borrowed(found[..found.find(';').unwrap_or(found.len())].trim()),
        });
    }
}
