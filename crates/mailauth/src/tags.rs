//! Lists of `name=value` between semicolons (RFC 6376 §3.2), with the place of each.
//!
//! DKIM keys, DMARC, MTA-STS, TLSRPT and BIMI records all have this form. Quotation marks and
//! backslashes that a zone editor left at the ends of names and values are cut off, so that the
//! rest can be read; [`escapes`] tells where they stand.

use crate::reading::{Remarks, bounded, quoted};
use std::ops::Range;

/// A TXT record has at most 65,535 octets; nothing of ours is half as long.
pub(crate) const TEXT_BYTES_MAX: usize = 65_535;
/// No record has so many tags.
const PIECES_MAX: usize = 128;

/// One `name=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    name_at: usize,
    value_at: usize,
}

impl Tag<'_> {
    /// The name without quotation marks and backslashes inside.
    pub(crate) fn plain_name(&self) -> String {
        self.name.replace(is_escape, "")
    }

    /// The value without them.
    pub(crate) fn plain_value(&self) -> String {
        self.value.replace(is_escape, "")
    }

    /// From the name to the end of the value.
    pub(crate) fn span(&self) -> Range<usize> {
        self.name_at..self.value_span().end
    }

    pub(crate) fn name_span(&self) -> Range<usize> {
        self.name_at..self.name_at + self.name.len()
    }

    pub(crate) fn value_span(&self) -> Range<usize> {
        self.value_at..self.value_at + self.value.len()
    }
}

/// What stands between two semicolons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Tag(Tag<'a>),
    /// Words without an equals sign.
    Bare(&'a str, Range<usize>),
    /// Nothing; the end of a text after its last semicolon is not told.
    Empty(Range<usize>),
}

/// All pieces of a text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let text = bounded(text, TEXT_BYTES_MAX);
    let mut at = 0;
    let mut pieces = Vec::new();
    for part in text.split(';').take(PIECES_MAX) {
        let last = at + part.len() == text.len();
        let (trimmed, start) = trimmed(part, at);
        match trimmed.split_once('=') {
            _ if trimmed.is_empty() && last => {}
            _ if trimmed.is_empty() => pieces.push(Piece::Empty(at..at + part.len())),
            None => pieces.push(Piece::Bare(trimmed, start..start + trimmed.len())),
            Some(pair) => pieces.push(Piece::Tag(tag(pair, start))),
        }
        at += part.len() + 1;
    }
    pieces
}

fn tag<'a>((name, value): (&'a str, &'a str), at: usize) -> Tag<'a> {
    let after = at + name.len() + 1;
    let (name, name_at) = trimmed(name, at);
    let (value, value_at) = trimmed(value, after);
    Tag { name, value, name_at, value_at }
}

/// A version and the tag that follows it without a semicolon between them, as in `DMARC1 p=none`,
/// with the place of the blank that stands there instead.
pub(crate) fn after_version<'a>(version: &Tag<'a>, wanted: &str) -> Option<(Tag<'a>, Range<usize>)> {
    let rest = version.value.strip_prefix(wanted).filter(|rest| rest.starts_with(char::is_whitespace))?;
    let at = version.value_at + wanted.len();
    let blank = rest.chars().next().map_or(1, char::len_utf8);
    Some((tag(rest.split_once('=')?, at), at..at + blank))
}

/// Where the first quotation mark or backslash stands, which belong into zone files and not into
/// records. In the value of a tag named `except` they may stand.
pub(crate) fn escapes(text: &str, except: &str) -> Option<Range<usize>> {
    let free = pieces(text).iter().find_map(|piece| match piece {
        Piece::Tag(tag) if tag.name == except => Some(tag.name_span().end),
        _ => None,
    });
    let text = bounded(text, TEXT_BYTES_MAX);
    let free = free.map(|start| {
        let rest = text.get(start..).unwrap_or_default();
        start..start + rest.find(';').unwrap_or(rest.len())
    });
    let mut places = text.char_indices();
    let (at, c) = places.find(|(at, c)| is_escape(*c) && !free.as_ref().is_some_and(|free| free.contains(at)))?;
    Some(at..at + c.len_utf8())
}

/// What editors add around words and between them, curly quotation marks among it.
pub(crate) fn is_escape(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

/// Without what does not count at both ends, and where the rest begins.
pub(crate) fn trimmed(part: &str, at: usize) -> (&str, usize) {
    let skipped = |c: char| c.is_ascii_whitespace() || is_escape(c);
    let from_left = part.trim_start_matches(skipped);
    (from_left.trim_end_matches(skipped), at + part.len() - from_left.len())
}

/// The parts of a list in a value, with their places.
pub(crate) fn parts(value: &str, at: usize, separator: char) -> Vec<(&str, Range<usize>)> {
    let mut at = at;
    let mut found = Vec::new();
    for part in value.split(separator).take(PIECES_MAX) {
        let (trimmed, start) = trimmed(part, at);
        found.push((trimmed, start..start + trimmed.len()));
        at += part.len() + separator.len_utf8();
    }
    found
}

/// A record from its tags.
pub(crate) fn joined(tags: &[(String, String)]) -> String {
    let tags: Vec<String> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    tags.join("; ")
}

/// What a record of tags can have wrong as such: the kinds of one reader's remarks for it.
pub(crate) struct Kinds<K> {
    /// Quotation marks or backslashes.
    pub(crate) escapes: K,
    /// Words without an equals sign.
    pub(crate) bare: K,
    /// Nothing between two semicolons.
    pub(crate) empty: K,
    /// A tag in capitals.
    pub(crate) case: K,
    /// A tag that is there twice.
    pub(crate) twice: K,
}

/// All tags of a text with their index among its pieces; what is no tag is remarked. The value
/// of the tag `except` may have anything in it.
pub(crate) fn scan<'a, K: Copy>(
    text: &'a str,
    except: &str,
    kinds: &Kinds<K>,
    remarks: &mut Remarks<K>,
) -> Vec<(usize, Tag<'a>)> {
    if let Some(span) = escapes(text, except) {
        let what = "the record has quotation marks or backslashes in it: they belong into a zone file, not into a form";
        remarks.mended(kinds.escapes, span, what);
    }
    let mut tags = Vec::new();
    for (index, piece) in pieces(text).into_iter().enumerate() {
        match piece {
            Piece::Tag(tag) => tags.push((index, tag)),
            Piece::Bare(words, span) => {
                remarks.mended(kinds.bare, span, format!("{} has no equals sign and no name", quoted(words)));
            }
            Piece::Empty(span) => remarks.mended(kinds.empty, span, "there is nothing between two semicolons"),
        }
    }
    tags
}

/// What a tag is to a reader that knows some.
pub(crate) enum Met {
    /// One of them, for the first time.
    Known(&'static str),
    /// One of them again; that is remarked.
    Again,
    /// A stranger.
    Unknown,
}

/// Looks a tag up among those known, remarks capitals and repetition, and remembers it in `seen`.
pub(crate) fn meet<K: Copy>(
    tag: &Tag<'_>,
    known: &[&'static str],
    seen: &mut Vec<&'static str>,
    kinds: &Kinds<K>,
    remarks: &mut Remarks<K>,
) -> Met {
    let plain = tag.plain_name();
    let Some(name) = known.iter().copied().find(|name| plain.eq_ignore_ascii_case(name)) else { return Met::Unknown };
    if name != plain {
        remarks.mended(kinds.case, tag.name_span(), format!("tags are in lower case: {name}, not {plain}"));
    }
    if seen.contains(&name) {
        remarks.mended(kinds.twice, tag.span(), format!("{name} is there twice"));
        return Met::Again;
    }
    seen.push(name);
    Met::Known(name)
}

/// The first letters of a text in lower case, without blanks and escapes: what it was meant to be.
pub(crate) fn beginning(text: &str) -> String {
    let letters = text.chars().filter(|c| !c.is_whitespace() && !is_escape(*c));
    letters.take(200).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_their_places() {
        let text = " v=A ;;\\ k = b c\\; bare; \"p=\"; ";
        let shown: Vec<String> = pieces(text)
            .iter()
            .map(|piece| match piece {
                Piece::Tag(tag) => format!("{}|{}|{}", tag.name, tag.value, &text[tag.span()]),
                Piece::Bare(words, span) => format!("{words} at {span:?}"),
                Piece::Empty(span) => format!("nothing at {span:?}"),
            })
            .collect();
        assert_eq!(shown, ["v|A|v=A", "nothing at 6..6", "k|b c|k = b c", "bare at 19..23", "p||p="]);
        assert_eq!(escapes(text, ""), Some(7..8));
        assert_eq!(escapes("v=A; n=a \"b; p=\"", "n"), Some(15..16));
    }
}
