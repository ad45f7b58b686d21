//! The text of a report as lines, and the phrases in it, found in one pass.
//!
//! Phrases are looked for in the text with its white space made even, since mail systems wrap
//! their sentences where it suits them; every phrase is then known by the line it ends on.

use super::phrases::{self, Hit, Role};
use memchr::memchr;

/// So many lines are looked at.
const LINES_MAX: usize = 3000;
/// So much of a line is looked at.
const LINE_BYTES_MAX: usize = 2000;

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    /// Without white space around it.
    pub(super) text: &'t str,
    /// How far it is indented.
    pub(super) indent: usize,
    /// Where it begins in the even text.
    start: usize,
}

/// A phrase, and where it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) role: Role,
    pub(super) format: Option<&'static str>,
    /// The line it ends on.
    pub(super) line: usize,
    /// Where it ends in that line's text.
    pub(super) end: usize,
    /// Where it stands in the even text.
    span: (usize, usize),
}

impl Mark {
    /// Whether it means nothing, because it is part of a longer phrase.
    fn is_within(&self, longer: &Mark) -> bool {
        self.role.yields()
            && longer.role.yields()
            && self.span != longer.span
            && longer.span.0 <= self.span.0
            && self.span.1 <= longer.span.1
    }
}

/// A text, ready to be read.
#[derive(Debug)]
pub(super) struct Page<'t> {
    pub(super) lines: Vec<Line<'t>>,
    /// Ordered by line.
    pub(super) marks: Vec<Mark>,
    /// The first line of the original message; the number of lines when there is none.
    pub(super) cut: usize,
}

impl<'t> Page<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lines = Vec::with_capacity(text.len() / 32 + 1);
        let mut even = String::with_capacity(text.len());
        let mut cut = None;
        for raw in text.split('\n').take(LINES_MAX) {
            let raw = &raw[..raw.floor_char_boundary(LINE_BYTES_MAX)];
            let text = raw.trim();
            let start = even.len();
            if begins_original(raw, lines.last()) && !lines.is_empty() {
                // What follows is the original's: no phrase in it counts.
                cut = Some(lines.len());
                lines.push(Line { text, indent: 0, start });
                break;
            }
            lines.push(Line { text, indent: raw.len() - raw.trim_start().len(), start });
            if !text.starts_with("> ") {
                push_even(&mut even, text); // What somebody quotes tells nothing of this mail.
            }
        }
        let mut page = Self { cut: cut.unwrap_or(lines.len()), lines, marks: Vec::new() };
        page.mark(&even);
        page
    }

    fn mark(&mut self, even: &str) {
        for hit in phrases::find(even) {
            let line = self.line_at(hit.end.saturating_sub(1));
            let text_start = self.lines[line].start;
            if hit.role == Role::End && self.ends_report(&hit, line) {
                self.cut = self.line_at(hit.start);
                self.marks.retain(|mark| mark.line < self.cut);
                return;
            }
            let text = self.lines[line].text;
            let end = text.floor_char_boundary(hit.end.saturating_sub(text_start));
            self.push(Mark { role: hit.role, format: hit.format, line, end, span: (hit.start, hit.end) });
        }
    }

    /// Adds a mark, unless it yields to a longer one; shorter ones yield to it. Phrases come by
    /// their ends, so that those which overlap stand last.
    fn push(&mut self, mark: Mark) {
        let mut at = self.marks.len();
        while at > 0 && self.marks[at - 1].span.1 > mark.span.0 {
            at -= 1;
            if mark.is_within(&self.marks[at]) {
                return;
            }
            if self.marks[at].is_within(&mark) {
                self.marks.remove(at);
            }
        }
        self.marks.push(mark);
    }

    /// A phrase that ends the report stands at the start of its line, behind nothing but marks.
    fn ends_report(&self, hit: &Hit, line: usize) -> bool {
        let first = self.line_at(hit.start);
        let before = hit.start - self.lines[first].start;
        let lead = self.lines[first].text.get(..before);
        line > 0 && lead.is_some_and(|lead| lead.bytes().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii()))
    }

    fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).saturating_sub(1)
    }

    /// The lines of the report itself.
    pub(super) fn report(&self) -> &[Line<'t>] {
        &self.lines[..self.cut]
    }

    /// The marks of one line.
    pub(super) fn marks_of(&self, line: usize) -> &[Mark] {
        let from = self.marks.partition_point(|mark| mark.line < line);
        let to = self.marks.partition_point(|mark| mark.line <= line);
        &self.marks[from..to]
    }

    /// Whether that line has a phrase of that role.
    pub(super) fn has(&self, line: usize, role: Role) -> bool {
        self.marks_of(line).iter().any(|mark| mark.role == role)
    }

    pub(super) fn any(&self, role: Role) -> bool {
        self.marks.iter().any(|mark| mark.role == role)
    }

    /// The next line below that is not empty.
    pub(super) fn next_text(&self, line: usize) -> Option<usize> {
        (line + 1..self.cut).find(|at| !self.lines[*at].text.is_empty())
    }

    /// The next line above that is not empty.
    pub(super) fn previous_text(&self, line: usize) -> Option<usize> {
        (0..line).rev().take(16).find(|at| !self.lines[*at].text.is_empty())
    }
}

/// Adds a line to the even text: one blank for every run of white space, small letters for large
/// ones. Places in the line stay nearly what they are.
fn push_even(even: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    if text.is_ascii() && !text.contains("  ") && memchr(b'\t', text.as_bytes()).is_none() {
        let start = even.len();
        even.push_str(text);
        even[start..].make_ascii_lowercase();
        even.push(' ');
        return;
    }
    let mut blank = false;
    for c in text.chars() {
        let is_blank = c.is_whitespace();
        if !is_blank || !blank {
            even.push(if is_blank { ' ' } else { phrases::small(c) });
        }
        blank = is_blank;
    }
    even.push(' ');
}

/// Whether a header begins on that line: a trace field below an empty or a drawn line.
fn begins_original(text: &str, above: Option<&Line<'_>>) -> bool {
    const FIELDS: [&str; 6] =
        ["received: ", "return-path:", "dkim-signature:", "message-id:", "x-received:", "received:from"];
    let first = text.as_bytes().first().copied().unwrap_or(b' ').to_ascii_lowercase();
    matches!(first, b'r' | b'd' | b'm' | b'x')
        && FIELDS.iter().any(|field| super::mime::starts(text, field))
        && above.is_none_or(|above| !above.text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}
