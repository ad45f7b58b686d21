//! What a reader of a record hands back: the value, and every remark with its place.

use std::ops::Range;

/// More remarks than this about one text help nobody.
const REMARKS_MAX: usize = 64;
/// A sentence is not longer.
const TEXT_CHARS_MAX: usize = 300;

/// Something worth saying about a text, and where it stands. How bad it is depends on what the
/// record is for, so that whoever asks decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark<K> {
    /// What it is.
    pub kind: K,
    /// Which octets of the text are meant; on character boundaries, empty where something is missing.
    pub span: Range<usize>,
    /// One sentence for people.
    pub text: String,
}

/// A value with all that is to be said about the text it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<T, K> {
    /// What was understood; faulty parts have their defaults.
    pub value: T,
    /// In the order of the text, as far as one pass goes.
    pub remarks: Vec<Remark<K>>,
    /// The text as it should be, where something is to be mended and we can know how.
    pub corrected: Option<String>,
}

impl<T, K: Copy + PartialEq> Reading<T, K> {
    /// Whether there is a remark of this kind.
    pub fn has(&self, kind: K) -> bool {
        self.find(kind).is_some()
    }

    /// The first remark of this kind.
    pub fn find(&self, kind: K) -> Option<&Remark<K>> {
        self.remarks.iter().find(|remark| remark.kind == kind)
    }

    /// What is remarked, without the words.
    pub fn kinds(&self) -> Vec<K> {
        self.remarks.iter().map(|remark| remark.kind).collect()
    }
}

/// Remarks while they are gathered.
#[derive(Debug)]
pub(crate) struct Remarks<K> {
    list: Vec<Remark<K>>,
    /// Whether the text is to be written anew.
    pub(crate) mend: bool,
}

impl<K> Remarks<K> {
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new(), mend: false }
    }

    pub(crate) fn add(&mut self, kind: K, span: Range<usize>, text: impl Into<String>) {
        if self.list.len() < REMARKS_MAX {
            self.list.push(Remark { kind, span, text: presentable(&text.into(), TEXT_CHARS_MAX) });
        }
    }

    /// Adds a remark on something that a text written anew would not have.
    pub(crate) fn mended(&mut self, kind: K, span: Range<usize>, text: impl Into<String>) {
        self.mend = true;
        self.add(kind, span, text);
    }

    pub(crate) fn into_reading<T>(self, value: T, corrected: Option<String>) -> Reading<T, K> {
        let mut remarks = self.list;
        remarks.sort_by_key(|remark| remark.span.start);
        Reading { value, remarks, corrected }
    }
}

/// Words of a stranger's record inside a sentence.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", presentable(text, 60))
}

/// Short, and without control characters, as strangers' words may be in it.
fn presentable(text: &str, chars_max: usize) -> String {
    let mut shown: String = text.chars().take(chars_max).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

/// The text up to `max` octets, cut between two characters.
pub(crate) fn bounded(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
