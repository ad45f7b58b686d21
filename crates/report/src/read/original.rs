//! The message that a report is about, wherever it hides: in a part of its own, as headers
//! only, quoted or indented in the text, or as a few lines that repeat its subject.

use super::address;
use super::head::Head;
use super::model::Original;

/// So many lines of a text are searched for a quoted header.
const LINES_MAX: usize = 2000;

/// What a head of its own says.
pub(super) fn of_head(head: &Head<'_>) -> Original {
    let first =
        |name: &str| head.value(name).and_then(|value| address::first(&value).map(|found| found.address.to_owned()));
    Original {
        message_id: head.value("Message-ID").and_then(|value| message_id(&value)),
        subject: head.decoded("Subject"),
        from: first("From").or_else(|| first("Return-Path")),
        to: first("To"),
        date: head.value("Date").map(|value| value.into_owned()),
    }
}

/// A Message-ID without its brackets; comments and blanks around it fall off.
pub(super) fn message_id(value: &str) -> Option<String> {
    let inner = match (value.find('<'), value.rfind('>')) {
        (Some(open), Some(close)) if open < close => &value[open + 1..close],
        _ => value,
    };
    let id = inner.trim().trim_end_matches([',', '.']);
    (!id.is_empty() && id.len() <= 998 && !id.contains(char::is_whitespace)).then(|| id.to_owned())
}

/// What a header quoted in a text says: lines that begin with field names, behind any mark of
/// quotation, as far as they reach.
pub(super) fn of_text(text: &str) -> Original {
    let mut found = Original::default();
    let mut lines = text.lines().take(LINES_MAX).peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches([' ', '\t', '>', '|', '*', '-', '\u{FEFF}']);
        let Some((name, value)) = line.split_once(':') else { continue };
        let Some(place) = place(&mut found, name.trim_end()) else { continue };
        if place.1.is_some() {
            continue;
        }
        let mut value = value.trim().to_owned();
        // Folded: an indented line that is no field of its own.
        while let Some(next) = lines.peek().filter(|_| value.len() < 4096) {
            let body = next.trim_start_matches(['>', '|']);
            let goes_on = body.starts_with([' ', '\t']) && (value.is_empty() || !is_field(body.trim()));
            if !goes_on {
                break;
            }
            value = format!("{value} {}", body.trim()).trim().to_owned();
            lines.next();
        }
        *place.1 = match place.0 {
            Sort::Id => message_id(&value),
            Sort::Words => Some(super::decode::encoded_words(&value)).filter(|it| !it.is_empty()),
            Sort::Address => address::first(&value).map(|it| it.address.to_owned()),
        };
    }
    found
}

/// Fills what one place did not tell from another.
pub(super) fn merge(into: &mut Original, from: Original) {
    into.message_id = into.message_id.take().or(from.message_id);
    into.subject = into.subject.take().or(from.subject);
    into.from = into.from.take().or(from.from);
    into.to = into.to.take().or(from.to);
    into.date = into.date.take().or(from.date);
}

#[derive(Clone, Copy)]
enum Sort {
    Id,
    Words,
    Address,
}

/// Where the value of a field of that name goes; `Sent` is Exchange's name for the date.
fn place<'o>(found: &'o mut Original, name: &str) -> Option<(Sort, &'o mut Option<String>)> {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    if is("message-id") || is("messageid") || is("message id") {
        Some((Sort::Id, &mut found.message_id))
    } else if is("subject") || is("with subject") || is("original subject") {
        Some((Sort::Words, &mut found.subject))
    } else if is("from") {
        Some((Sort::Address, &mut found.from))
    } else if is("to") {
        Some((Sort::Address, &mut found.to))
    } else if is("date") || is("sent") || is("sent date") {
        Some((Sort::Words, &mut found.date))
    } else {
        None
    }
}

fn is_field(line: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}
