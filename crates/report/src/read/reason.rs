//! Why, in a text: the words that stand behind an address or below it, and those that speak of
//! the message as a whole.

use super::model::Reported;
use super::page::Page;
use super::phrases::Role;
use super::prose::Seen;
use super::status::SAID_BYTES_MAX;
use postrider_smtp::{EnhancedStatus, Said};

/// So many lines below an address speak of it.
const LINES_MAX: usize = 24;

/// What is said of one recipient, up to the line where the next one begins.
pub(super) fn of_recipient(page: &Page<'_>, seen: &Seen<'_>, next: usize) -> String {
    let mut said = String::new();
    let text = page.lines[seen.line].text;
    let before = text.get(..seen.start).unwrap_or_default().trim_end_matches("mailto:");
    let before = before.trim_end_matches(['<', '(', '[', '"', '\'']).trim();
    // Words in front of an address say something if they are a sentence of their own.
    let words = before.split(' ').count();
    let lead = words > 2 || words == 2 && !page.has(seen.line, Role::Label);
    if lead && before.ends_with([':', '.', '!']) {
        push(&mut said, before);
    }
    let behind = without_link(text.get(seen.end..).unwrap_or_default());
    push(&mut said, behind.trim_start_matches(['>', ')', ']', '"', '\'', ':', ';', ',', '.', ' ', '*']));
    let mut blank = false;
    for line in (seen.line + 1..next.min(page.cut)).take(LINES_MAX) {
        let text = page.lines[line].text;
        if text.is_empty() {
            blank = true;
            continue;
        }
        let speaks = said.is_empty() || !blank || page.lines[line].indent > page.lines[seen.line].indent;
        let other = page.has(line, Role::Stop) || page.has(line, Role::List) || page.has(line, Role::Late);
        if other || !speaks || is_drawn(text) {
            break;
        }
        push(&mut said, text);
        blank = false;
    }
    if said.is_empty() && lead {
        push(&mut said, before);
    }
    said
}

/// Words without the link that stands behind an address: `tom@x.example<mailto:tom@x.example>`.
fn without_link(behind: &str) -> &str {
    let link = behind.trim_start().trim_start_matches(['>', ')', ' ']);
    if !link.starts_with("<mailto:") && !link.starts_with("[mailto:") {
        return behind;
    }
    link.find(['>', ']']).map_or(behind, |end| &link[end + 1..])
}

/// What is said of the message as a whole: behind a phrase that announces it, in a session that
/// is quoted, on lines with a code.
pub(super) fn of_page(page: &Page<'_>) -> String {
    let mut announced = String::new();
    let mut from = 0;
    for mark in page.marks.iter().filter(|mark| mark.role == Role::Why) {
        if mark.line < from {
            continue;
        }
        let rest = page.lines[mark.line].text.get(mark.end..).unwrap_or_default();
        push(&mut announced, rest.trim_start_matches([':', ' ']));
        let first = if rest.trim().len() > 3 { Some(mark.line + 1) } else { page.next_text(mark.line) };
        from = mark.line + 1;
        for line in (first.unwrap_or(page.cut)..page.cut).take(8) {
            let text = page.lines[line].text;
            from = line;
            if text.is_empty() || page.has(line, Role::Stop) {
                break;
            }
            push(&mut announced, text);
        }
    }
    let mut coded = String::new();
    for line in page.report() {
        if let Some(reply) = answered(line.text) {
            push(&mut coded, reply);
        }
    }
    if has_code(&announced) || coded.is_empty() && !announced.is_empty() {
        return announced;
    }
    push(&mut coded, &announced);
    coded
}

/// All the words there are.
pub(super) fn all(page: &Page<'_>) -> String {
    let mut all = String::new();
    page.report().iter().for_each(|line| push(&mut all, line.text));
    all
}

/// Adds what the words themselves tell: the status, the phase.
pub(super) fn completed(mut reported: Reported) -> Reported {
    let said = Said::parse(&reported.said);
    reported.status = reported.status.or(said.enhanced);
    reported.phase = reported.phase.or(said.phase);
    reported.host = reported.host.or_else(|| said.host.map(str::to_owned));
    reported
}

/// Whether words have the code or the status of a failure.
pub(super) fn has_code(words: &str) -> bool {
    let said = Said::parse(words);
    let failed = |class: u8| matches!(class, 4 | 5);
    said.code.is_some_and(|code| failed(code.class())) || said.enhanced.is_some_and(|status| failed(status.class()))
}

/// The reply in a line of a quoted session: behind `<<<`, or from a code at its start.
fn answered(line: &str) -> Option<&str> {
    if let Some(reply) = line.strip_prefix("<<<") {
        return Some(reply.trim());
    }
    let start = line.trim_start_matches(['(', '"', '\'', '-', '#', '<', '[', ' ']);
    let digits = start.bytes().take_while(u8::is_ascii_digit).count();
    let code = digits == 3
        && matches!(start.as_bytes()[0], b'4' | b'5')
        && matches!(start.as_bytes().get(3), Some(b' ' | b'-' | b'#'));
    let dotted = digits == 1 && EnhancedStatus::split(start).is_some_and(|(_, rest)| !rest.trim().is_empty());
    (code || dotted).then_some(start)
}

/// A line that is drawn, or a title between drawn ones.
fn is_drawn(text: &str) -> bool {
    text.starts_with("---") || text.starts_with("===") || text.starts_with("***") || text.starts_with("___")
}

fn push(said: &mut String, text: &str) {
    let room = SAID_BYTES_MAX.saturating_sub(said.len() + 1);
    let text = &text[..text.floor_char_boundary(room)];
    if text.is_empty() {
        return;
    }
    if !said.is_empty() {
        said.push(' ');
    }
    said.push_str(text);
}
