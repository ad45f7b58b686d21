//! The fields of a delivery status (RFC 3464 §2), also where they stand in a text, are folded
//! wrongly, lack half of what is required, or come in the wrong order.

use super::address;
use super::head::{self, field, line_end, trimmed_end};
use super::mime::starts;
use super::model::{Action, Reported};
use postrider_smtp::{EnhancedStatus, Phase};
use std::borrow::Cow;

/// So many recipients of one report are told about.
pub(super) const RECIPIENTS_MAX: usize = 1024;
/// So much of what is said about one is kept.
pub(super) const SAID_BYTES_MAX: usize = 4096;

/// What the fields say.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) reporting_mta: Option<String>,
    pub(super) reported: Vec<Reported>,
    /// Which software gave itself away in its own fields.
    pub(super) format: Option<&'static str>,
}

/// Fields about one recipient, while they are gathered.
#[derive(Default)]
struct Group {
    last: String,
    original: String,
    actual: String,
    action: Option<Action>,
    status: Option<EnhancedStatus>,
    /// The comment behind the status, as some write their only words there.
    comment: String,
    host: Option<String>,
    diagnostic: String,
    /// What else is said, by fields that only some know.
    further: String,
    phase: Option<Phase>,
}

impl Group {
    fn names_recipient(&self) -> bool {
        !self.last.is_empty() || !self.original.is_empty() || !self.actual.is_empty()
    }

    fn says_something(&self) -> bool {
        self.action.is_some() || self.status.is_some() || !self.diagnostic.is_empty()
    }
}

/// Reads fields from a part or from a text that has them.
pub(super) fn read(text: &[u8]) -> Deliveries {
    let mut deliveries = Deliveries::default();
    let mut group = Group::default();
    let mut waiting = Group::default();
    for (name, value) in Fields::of(text) {
        let Some(key) = Key::of(name) else {
            deliveries.note(name);
            continue;
        };
        let value = head::unfolded(value);
        // A second recipient begins a group, even if no empty line stands before it.
        let again = match key {
            Key::Final => !group.last.is_empty(),
            Key::Original => !group.original.is_empty(),
            Key::GroupEnds => group.names_recipient() && group.says_something(),
            _ => false,
        };
        if again {
            deliveries.add(std::mem::take(&mut group), &mut waiting);
        }
        match key {
            Key::ReportingMta => deliveries.reporting_mta = deliveries.reporting_mta.take().or_else(|| host(&value)),
            Key::GroupEnds => {}
            _ => group.set(key, &value),
        }
    }
    deliveries.add(group, &mut waiting);
    deliveries
}

impl Deliveries {
    fn note(&mut self, name: &[u8]) {
        const OWNERS: [(&[u8], &str); 6] = [
            (b"x-postfix", "postfix"),
            (b"x-postrider", "postrider"),
            (b"x-powermta", "powermta"),
            (b"x-notes", "domino"),
            (b"x-ms-exchange", "exchange"),
            (b"x-sendgrid", "sendgrid"),
        ];
        let owner =
            OWNERS.iter().find(|(start, _)| name.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start)));
        self.format = self.format.or(owner.map(|(_, format)| *format));
    }

    /// Ends a group. One without a recipient tells more about the one before it.
    fn add(&mut self, group: Group, waiting: &mut Group) {
        if !group.names_recipient() {
            if group.says_something() {
                match self.reported.last_mut() {
                    Some(last) if last.action.is_none() && last.status.is_none() => {
                        let more = group.finish();
                        (last.action, last.status) = (more.action, more.status);
                        if last.said.is_empty() {
                            last.said = more.said;
                        }
                    }
                    Some(_) => {}
                    None => *waiting = group,
                }
            }
            return;
        }
        let mut reported = group.finish();
        if reported.action.is_none() && reported.status.is_none() && reported.said.is_empty() {
            let early = std::mem::take(waiting).finish();
            (reported.action, reported.status, reported.said) = (early.action, early.status, early.said);
        }
        if self.reported.len() < RECIPIENTS_MAX {
            self.reported.push(reported);
        }
    }
}

/// The fields that are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    ReportingMta,
    Original,
    Final,
    Actual,
    Action,
    Status,
    RemoteMta,
    Diagnostic,
    Further,
    Command,
    /// The empty line between groups.
    GroupEnds,
}

impl Key {
    fn of(name: &[u8]) -> Option<Self> {
        const TABLE: [(&str, Key); 17] = [
            ("reporting-mta", Key::ReportingMta),
            ("original-recipient", Key::Original),
            ("final-recipient", Key::Final),
            ("x-actual-recipient", Key::Actual),
            ("x-original-recipient", Key::Actual),
            ("action", Key::Action),
            ("status", Key::Status),
            ("remote-mta", Key::RemoteMta),
            ("x-remote-mta", Key::RemoteMta),
            ("diagnostic-code", Key::Diagnostic),
            ("x-supplementary-info", Key::Further),
            ("x400-supplementary-info", Key::Further),
            ("x-local-message", Key::Further),
            ("x-smtp-response", Key::Further),
            ("x-failed-reason", Key::Further),
            ("x-smtp-command", Key::Command),
            ("", Key::GroupEnds),
        ];
        let text = std::str::from_utf8(name).ok()?;
        TABLE.iter().find(|(key, _)| text.eq_ignore_ascii_case(key)).map(|(_, key)| *key)
    }
}

impl Group {
    fn set(&mut self, key: Key, value: &str) {
        let fill = |place: &mut String, text: String| {
            if place.is_empty() {
                *place = text;
            }
        };
        match key {
            Key::Original => fill(&mut self.original, address::of_field(value)),
            Key::Final => {
                fill(&mut self.last, final_recipient(value));
                fill(&mut self.actual, of_x400(value).unwrap_or_default());
            }
            Key::Actual => fill(&mut self.actual, address::of_field(value)),
            Key::Action => self.action = self.action.or_else(|| action(value)),
            Key::Status => {
                let (status, comment) = status(value);
                self.status = self.status.or(status);
                fill(&mut self.comment, comment);
            }
            Key::RemoteMta => self.host = self.host.take().or_else(|| host(value)),
            Key::Diagnostic => {
                let said = without_type(value);
                if self.diagnostic.is_empty() || starts(value, "smtp;") && !said.is_empty() {
                    self.diagnostic = said.to_owned();
                }
            }
            Key::Further => fill(&mut self.further, without_type(value).to_owned()),
            Key::Command => self.phase = self.phase.or_else(|| command(value)),
            Key::ReportingMta | Key::GroupEnds => {}
        }
    }

    fn finish(self) -> Reported {
        let is_address = |text: &str| text.contains('@');
        let candidates = [&self.last, &self.original, &self.actual];
        let best =
            candidates.into_iter().find(|it| is_address(it)).or(candidates.into_iter().find(|it| !it.is_empty()));
        let recipient = best.cloned().unwrap_or_default();
        let original = Some(self.original).filter(|it| is_address(it) && *it != recipient);
        let said = match (self.diagnostic.is_empty(), self.further.is_empty()) {
            (false, true) => self.diagnostic,
            (false, false) => format!("{} {}", self.diagnostic, self.further),
            (true, false) => self.further,
            (true, true) => self.comment,
        };
        Reported {
            recipient,
            original_recipient: original,
            action: self.action,
            status: self.status,
            said: bounded(said),
            host: self.host,
            phase: self.phase,
        }
    }
}

/// What a diagnostic code says, without its type.
pub(super) fn said(diagnostic: &str) -> String {
    bounded(without_type(diagnostic).to_owned())
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(SAID_BYTES_MAX));
    text
}

/// The internet address that X.400 writes inside its own (RFC 2156 §4.3), as a guess.
fn of_x400(value: &str) -> Option<String> {
    let (_, inner) = ["RFC-822=", "rfc-822=", "RFC822="].iter().find_map(|name| value.split_once(name))?;
    let inner = inner.split(['/', ';']).next().unwrap_or(inner);
    Some(address::of_field(&inner.replace("(a)", "@")))
}

/// An address of X.400 is none that mail was sent to.
fn final_recipient(value: &str) -> String {
    if starts(value, "x400") || starts(value, "x-x400") {
        return String::new();
    }
    // A host without a mailbox is no address.
    let address = address::of_field(value);
    if address.starts_with('@') { String::new() } else { address }
}

/// The first word; what nobody defined means that something went wrong (`error`, `expired` …).
fn action(value: &str) -> Option<Action> {
    let word =
        value.trim_start_matches(['(', ' ', '"']).split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let all = [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];
    let known = all.into_iter().find(|action| word.eq_ignore_ascii_case(action.name()));
    known.or_else(|| {
        const NEARLY: [(&str, Action); 6] = [
            ("deliver", Action::Delivered),
            ("success", Action::Delivered),
            ("delay", Action::Delayed),
            ("defer", Action::Delayed),
            ("retry", Action::Delayed),
            ("relay", Action::Relayed),
        ];
        let near = NEARLY.iter().find(|(start, _)| starts(word, start)).map(|(_, action)| *action);
        (!word.is_empty()).then(|| near.unwrap_or(Action::Failed))
    })
}

/// The status, and the words behind it.
fn status(value: &str) -> (Option<EnhancedStatus>, String) {
    let value = value.trim_start_matches(['#', ' ']);
    let (status, rest) = match EnhancedStatus::split(value) {
        Some((status, rest)) => (Some(status), rest),
        None => (value.split([' ', '(']).next().and_then(|word| word.parse().ok()), value),
    };
    // Behind 5.1.1 the registry's own words tell nothing more.
    (status, rest.trim().trim_start_matches('(').trim_end_matches(')').trim().to_owned())
}

/// `dns; mx.example.com (TCP|…)` → `mx.example.com`.
pub(super) fn host(value: &str) -> Option<String> {
    let name = without_type(value).split([' ', '\t', '(', ',', ';']).next().unwrap_or_default();
    let name = name.trim_matches(['<', '>', '[', ']', '"', '.']);
    (!name.is_empty() && name.len() <= 255).then(|| name.to_owned())
}

/// A value without the type in front of it: `smtp;`, `X-Postfix;`, `dns;`.
fn without_type(value: &str) -> &str {
    let value = value.trim();
    match value.split_once(';') {
        Some((kind, rest))
            if !kind.is_empty() && kind.len() <= 32 && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            rest.trim_start()
        }
        _ => value,
    }
}

/// The phase of a command that is named.
pub(super) fn command(text: &str) -> Option<Phase> {
    const TABLE: [(&str, Phase); 9] = [
        ("rcpt", Phase::Rcpt),
        ("mail", Phase::Mail),
        ("data", Phase::Data),
        ("ehlo", Phase::Ehlo),
        ("helo", Phase::Ehlo),
        ("lhlo", Phase::Ehlo),
        ("starttls", Phase::StartTls),
        ("auth", Phase::Auth),
        ("conn", Phase::Connect),
    ];
    TABLE.iter().find(|(word, _)| starts(text.trim(), word)).map(|(_, phase)| *phase)
}

/// The fields of a text, and an empty name for each empty line. What is neither belongs to the
/// field before it, as a line that lost its fold.
struct Fields<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() {
            let start = self.at;
            let mut end = line_end(self.text, start);
            self.at = end;
            let line = trimmed_end(&self.text[start..end]);
            if line.is_empty() {
                return Some((b"", b""));
            }
            let Some((name, from)) = field(line) else { continue };
            while self.at < self.text.len() {
                let next_end = line_end(self.text, self.at);
                let next = trimmed_end(&self.text[self.at..next_end]);
                let folded = next.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
                if next.is_empty() || !folded && field(next).is_some() {
                    break;
                }
                end = next_end;
                self.at = next_end;
            }
            return Some((name.trim_ascii_start(), &self.text[start + from..end]));
        }
        None
    }
}

/// Whether a text has such fields: what a part of the wrong type is tried for. A read receipt
/// has nearly the same ones.
pub(super) fn is_within(text: &str) -> bool {
    const NAMES: [&str; 3] = ["inal-Recipient:", "inal-recipient:", "INAL-RECIPIENT:"];
    let has = |name: &str| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some();
    NAMES.iter().any(|name| has(name)) && !has("\nDisposition: ")
}

/// The part of a text that has such fields: from the first of them on.
pub(super) fn block(text: &str) -> Cow<'_, str> {
    let starts_field = |line: &str| {
        let line = line.trim_start();
        ["reporting-mta:", "final-recipient:", "original-recipient:", "action:"].iter().any(|name| starts(line, name))
    };
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if starts_field(line) {
            return without_indent(&text[offset..], line.len() - line.trim_start().len());
        }
        offset += line.len();
    }
    Cow::Borrowed("")
}

/// Takes an indentation away that all fields share.
fn without_indent(text: &str, indent: usize) -> Cow<'_, str> {
    if indent == 0 {
        return Cow::Borrowed(text);
    }
    let blank = |line: &&str| line.get(..indent).is_some_and(|start| start.trim().is_empty());
    let lines = text.split_inclusive('\n').map(|line| if blank(&line) { &line[indent..] } else { line });
    Cow::Owned(lines.collect())
}
