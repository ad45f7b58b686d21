//! Reports in sentences: whom they name and what they say of each, by the phrases around them.
//!
//! First come the lists of recipients that a phrase opens and the lines that label one, then
//! sentences in which something failed. What is said of a recipient stands behind the address
//! or below it; what is said of the message as a whole counts for those of whom nothing is.

use super::address::{self, Found};
use super::head::Head;
use super::model::{Action, Reported};
use super::page::{Mark, Page};
use super::phrases::Role;
use super::reason;
use super::status::RECIPIENTS_MAX;
use std::collections::HashMap;

/// What a text tells.
#[derive(Debug, Default)]
pub(super) struct Prose {
    /// Whose words they are.
    pub(super) format: Option<&'static str>,
    /// Whether they stand in a list or behind labels, and not only in sentences.
    pub(super) listed: bool,
    /// Those it names.
    pub(super) reported: Vec<Reported>,
    /// What it says of the message as a whole.
    pub(super) why: String,
    /// The one address in it, if it names nobody as a recipient.
    pub(super) lone: Option<String>,
    /// All its words, if it says nothing else.
    pub(super) words: String,
}

/// An address that is taken for a recipient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'t> {
    pub(super) address: &'t str,
    pub(super) action: Action,
    pub(super) line: usize,
    /// Where it stands in the line's text.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'t> Seen<'t> {
    /// An address of a line; `offset` is where the text began that it was found in.
    fn of(found: Found<'t>, action: Action, line: usize, offset: usize) -> Self {
        Self { address: found.address, action, line, start: offset + found.start, end: offset + found.end }
    }
}

/// Reads the text of a report.
pub(super) fn read(page: &Page<'_>, head: &Head<'_>) -> Prose {
    let format = page.marks.iter().find(|mark| mark.role == Role::Mark).and_then(|mark| mark.format);
    let mut seen = listed(page);
    let listed = !seen.is_empty();
    if !listed {
        seen = in_sentences(page);
    }
    drop_others(&mut seen, head);
    let why = reason::of_page(page);
    let words = if why.is_empty() { reason::all(page) } else { String::new() };
    let again = named_again(page, &seen);
    let mut reported: Vec<Reported> = Vec::new();
    for (index, one) in seen.iter().enumerate().take(RECIPIENTS_MAX) {
        let next = seen[index + 1..].iter().find(|next| next.line > one.line).map_or(page.cut, |next| next.line);
        let mut said = reason::of_recipient(page, one, next);
        if let Some(more) = again.get(&one.address.to_ascii_lowercase()).filter(|_| !reason::has_code(&said)) {
            said = format!("{said} {more}").trim_start().to_owned();
        }
        match reported.iter_mut().find(|other| other.recipient.eq_ignore_ascii_case(one.address)) {
            Some(other) if other.said.len() < said.len() => other.said = said,
            Some(_) => {}
            None => reported.push(reason::completed(Reported {
                recipient: one.address.to_owned(),
                action: Some(one.action),
                said,
                ..Reported::default()
            })),
        }
    }
    let lone = if reported.is_empty() { lone(page, head) } else { None };
    Prose { format, listed, reported, why, lone, words }
}

/// What is said below the addresses that begin a line again, as in the part for administrators,
/// if there is a code in it.
fn named_again(page: &Page<'_>, seen: &[Seen<'_>]) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let Some(from) = seen.last().map(|last| last.line + 1) else { return found };
    let leads = |line: usize| leading(page.lines[line].text).map(|found| (line, found));
    let mut lines = (from..page.cut).filter_map(leads).peekable();
    while let Some((line, address)) = lines.next() {
        let next = lines.peek().map_or(page.cut, |(line, _)| *line);
        let said = reason::of_recipient(page, &Seen::of(address, Action::Failed, line, 0), next);
        if reason::has_code(&said) {
            found.entry(address.address.to_ascii_lowercase()).or_insert(said);
        }
    }
    found
}

/// The recipients in lists and behind labels.
fn listed<'t>(page: &Page<'t>) -> Vec<Seen<'t>> {
    let mut seen: Vec<Seen<'t>> = Vec::new();
    let mut open = None;
    let mut labelled = None;
    let mut depth = None;
    let mut brackets = 0_usize;
    for (line, text) in page.report().iter().enumerate() {
        let marks = page.marks_of(line);
        if let Some(mark) = last(marks, |role| matches!(role, Role::List | Role::Late | Role::Stop)) {
            depth = None;
            open = match mark.role {
                Role::List => Some(Action::Failed),
                Role::Late => Some(Action::Delayed),
                _ => None,
            };
        }
        let opened = last(marks, |role| matches!(role, Role::List | Role::Late));
        // In a list, `RCPT TO:` speaks of the entry that it stands below, unless all have one.
        let label = last(marks, |role| role == Role::Label)
            .filter(|_| opened.is_none())
            .filter(|mark| open.is_none() || seen.is_empty() || labelled == Some(mark.end));
        if let Some(mark) = opened.or(label) {
            let action = open.unwrap_or(Action::Failed);
            let most = if label.is_some() { 1 } else { RECIPIENTS_MAX };
            let rest = text.text.get(mark.end..).unwrap_or_default();
            let before = seen.len();
            seen.extend(address::all(rest).take(most).map(|found| Seen::of(found, action, line, mark.end)));
            labelled = labelled.or(label.map(|mark| mark.end).filter(|_| before == 0));
            if label.is_some() && seen.len() == before {
                let next = page.next_text(line).and_then(|line| Some((line, leading(page.lines[line].text)?)));
                seen.extend(next.map(|(line, found)| Seen::of(found, action, line, 0)));
            }
            continue;
        }
        let Some(action) = open else { continue };
        let within = brackets > 0;
        brackets = unclosed(text.text, brackets);
        let goes_on = within || depth.is_some_and(|depth| text.indent > depth) && !page.lines[line - 1].text.is_empty();
        // An address that is named again in what is said of it begins no new entry.
        if let Some(found) = leading(text.text).filter(|found| found.start < 3 || !is_last(&seen, found.address))
            && !goes_on
        {
            depth = depth.or(Some(text.indent));
            seen.push(Seen::of(found, action, line, 0));
            seen.extend(row_after(text.text, &found).map(|further| Seen::of(further, action, line, found.end)));
        }
    }
    seen
}

/// How many brackets are open behind a line; none behind an empty one.
fn unclosed(line: &str, before: usize) -> usize {
    let count = |open: usize, c: char| match c {
        '(' => open + 1,
        ')' => open.saturating_sub(1),
        _ => open,
    };
    if line.is_empty() { 0 } else { line.chars().fold(before, count) }
}

fn is_last(seen: &[Seen<'_>], address: &str) -> bool {
    seen.last().is_some_and(|last| last.address.eq_ignore_ascii_case(address))
}

fn last(marks: &[Mark], wanted: impl Fn(Role) -> bool) -> Option<Mark> {
    marks.iter().rev().find(|mark| wanted(mark.role)).copied()
}

/// The address that a line begins with, behind marks, a number or a name.
fn leading(line: &str) -> Option<Found<'_>> {
    let found = address::first(line)?;
    let before = &line[..found.start];
    let marks = |c: char| !c.is_alphanumeric();
    let counted = before.trim_start_matches(|c: char| c.is_ascii_digit() || c == '#');
    let named = before.trim_end_matches(' ').ends_with(['<', '(', '['])
        && before.len() <= 80
        && !before.contains([':', ';', '=']);
    let bare =
        before.chars().all(marks) || counted.chars().all(marks) && counted.len() < before.len() && before.len() < 6;
    let field = ["to:", "rcpt to:", "recipient:", "recipients:", "address:", "smtp:", "e-mail:", "email:"];
    let by_field =
        field.iter().any(|field| super::mime::starts(before.trim(), field) && before.trim().len() <= field.len() + 2);
    (bare || by_field || named && !counted.trim_start_matches(['.', ')']).contains(". ")).then_some(found)
}

/// The further addresses of a line that has nothing but addresses.
fn row_after<'t>(line: &'t str, first: &Found<'t>) -> impl Iterator<Item = Found<'t>> {
    let rest = line.get(first.end..).unwrap_or_default();
    let only = rest
        .split([',', ';', ' '])
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .all(|it| it.contains('@') || it.len() < 2);
    only.then(|| address::all(rest)).into_iter().flatten()
}

/// The addresses in sentences that tell of a failure.
fn in_sentences<'t>(page: &Page<'t>) -> Vec<Seen<'t>> {
    let mut seen = Vec::new();
    let mut done = usize::MAX;
    let tells = |role| matches!(role, Role::Fail | Role::List | Role::Late | Role::Final | Role::Wait);
    for mark in page.marks.iter().filter(|mark| tells(mark.role)) {
        if std::mem::replace(&mut done, mark.line) == mark.line {
            continue;
        }
        let action = if matches!(mark.role, Role::Late | Role::Wait) { Action::Delayed } else { Action::Failed };
        // Above, a line of the same paragraph, or one that is an address alone.
        let alone = |line: &usize| *line + 1 == mark.line || !page.lines[*line].text.contains(' ');
        let above = page.previous_text(mark.line).filter(alone);
        let below = page.next_text(mark.line);
        let touches = |line: Option<usize>| line.is_some_and(|line| line.abs_diff(mark.line) == 1);
        let near = if touches(above) && !touches(below) { [above, below] } else { [below, above] };
        let near = [Some(mark.line), near[0], near[1]];
        for line in near.into_iter().flatten() {
            let text = page.lines[line].text;
            let before = seen.len();
            if super::mime::starts(text, "from:") {
                continue;
            } else if page.has(line, Role::Not) {
                seen.extend(sent_to(page, line).into_iter().map(|found| Seen::of(found, action, line, 0)));
            } else {
                let from = address::all(text).find(|found| is_sent_to(text, found)).map_or(0, |found| found.start);
                let behind = address::all(text).filter(|found| found.start >= from);
                seen.extend(behind.map(|found| Seen::of(found, action, line, 0)));
            }
            if seen.len() > before {
                break;
            }
        }
    }
    seen
}

/// The only address of a text that is neither the reader's, nor a mail system's or a help desk's.
fn lone(page: &Page<'_>, head: &Head<'_>) -> Option<String> {
    const DESKS: [&str; 9] =
        ["support", "help", "info", "admin", "helpdesk", "service", "noreply", "no-reply", "webmaster"];
    let own: String = ["To", "From"].into_iter().filter_map(|name| head.value(name)).collect();
    let own = own.to_ascii_lowercase();
    let mut only: Option<&str> = None;
    let told = page.report().iter().enumerate().filter(|(line, _)| !page.has(*line, Role::Not));
    for (_, text) in told {
        for Found { address, .. } in address::all(text.text) {
            let local = address.split('@').next().unwrap_or(address);
            let desk = DESKS.iter().any(|desk| local.eq_ignore_ascii_case(desk));
            let known = only.is_some_and(|only| only.eq_ignore_ascii_case(address));
            if desk || known || address::is_daemon(address) || own.contains(&address.to_ascii_lowercase()) {
                continue;
            }
            if only.is_some() {
                return None;
            }
            only = Some(address);
        }
    }
    only.map(str::to_owned)
}

/// Whether `to` stands before an address: `from ann@shop.example to tom@example.net`.
fn is_sent_to(text: &str, found: &Found<'_>) -> bool {
    let before = text[..found.start].trim_end_matches(['<', '"', '\'', '[', '(', ':', ' ']);
    let start = before.len().saturating_sub(3);
    before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case(" to") || word.eq_ignore_ascii_case("to"))
}

/// The address behind the sender's in a sentence that names both.
fn sent_to<'t>(page: &Page<'t>, line: usize) -> Option<Found<'t>> {
    let text = page.lines[line].text;
    let not = page.marks_of(line).iter().find(|mark| mark.role == Role::Not)?;
    let sender = address::all(text).find(|found| found.end > not.end)?;
    address::all(text).find(|found| found.start > sender.end && is_sent_to(text, found))
}

/// Drops mail systems and the one to whom the report goes, if others remain.
fn drop_others(seen: &mut Vec<Seen<'_>>, head: &Head<'_>) {
    let to = head.value("To").and_then(|to| address::first(&to).map(|found| found.address.to_owned()));
    let is_other = |one: &Seen<'_>| {
        address::is_daemon(one.address) || to.as_deref().is_some_and(|to| to.eq_ignore_ascii_case(one.address))
    };
    if seen.iter().any(|one| !is_other(one)) {
        seen.retain(|one| !is_other(one));
    }
}
