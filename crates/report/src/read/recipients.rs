//! Whom a mail tells about, from all its sources: fields, text, a header field, the original.

use super::head::Head;
use super::model::{Action, Original, Reported};
use super::prose::Prose;
use super::status::{self, Deliveries};
use super::{address, reason};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Completes what the fields tell with what the text tells, or takes the text for it.
pub(super) fn merge(told: &mut Deliveries, prose: &Prose, with_fields: bool) {
    if !with_fields {
        told.reported.clone_from(&prose.reported);
    }
    let alone = told.reported.len() == 1;
    for reported in &mut told.reported {
        let same = |other: &&Reported| same_recipient(&other.recipient, &reported.recipient);
        let beside = prose.reported.iter().find(same).or(prose.reported.first().filter(|_| alone));
        if !reported.recipient.contains('@')
            && let Some(other) = beside
        {
            reported.recipient.clone_from(&other.recipient);
        }
        let words = beside.map_or("", |other| other.said.as_str());
        reported.said = said(std::mem::take(&mut reported.said), words, prose, alone);
    }
}

/// What is said of a recipient: its own words, and if they have no code, those of the text.
fn said(own: String, words: &str, prose: &Prose, alone: bool) -> String {
    if own.is_empty() {
        let all = [words, &prose.why, &prose.words];
        return all.into_iter().find(|words| !words.is_empty()).unwrap_or_default().to_owned();
    }
    if reason::has_code(&own) {
        return own;
    }
    // What is said of the message as a whole is another recipient's, if there are several.
    let general = if alone { prose.why.as_str() } else { "" };
    let differs = |more: &&str| !more.is_empty() && !own.contains(*more);
    let coded = [words, general].into_iter().filter(differs).find(|more| reason::has_code(more));
    let more = coded.or([words, general].into_iter().find(differs).filter(|_| alone));
    more.map_or(own.clone(), |more| format!("{own} {more}"))
}

/// One of each recipient, in the place of the first: what was said again fills what was not said yet,
/// and a failure is the last word.
pub(super) fn named_once(recipients: Vec<Reported>) -> Vec<Reported> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(recipients.len());
    let mut once: Vec<Reported> = Vec::with_capacity(recipients.len());
    for reported in recipients {
        match places.entry(reported.recipient.to_ascii_lowercase()) {
            Entry::Vacant(place) => {
                place.insert(once.len());
                once.push(reported);
            }
            Entry::Occupied(place) => {
                let first = &mut once[*place.get()];
                let fails = |one: &Reported| one.action == Some(Action::Failed);
                let other =
                    if fails(&reported) && !fails(first) { std::mem::replace(first, reported) } else { reported };
                first.fill(other);
            }
        }
    }
    once
}

/// The same address, or the name of its mailbox alone.
fn same_recipient(full: &str, other: &str) -> bool {
    let local = full.split('@').next().unwrap_or(full);
    full.eq_ignore_ascii_case(other) || !other.contains('@') && local.eq_ignore_ascii_case(other)
}

/// The field that Exim and Google write, as the one thing about recipients that is no sentence.
pub(super) fn failed_recipients(head: &Head<'_>) -> Vec<String> {
    let mut failed = Vec::new();
    for value in head.values("X-Failed-Recipients") {
        failed.extend(address::all(&value).map(|found| found.address.to_owned()));
    }
    failed
}

/// Whom it is about if neither fields nor words name one: a header field, then the original.
pub(super) fn of_original(head: &Head<'_>, original: &Original, prose: &Prose) -> Vec<Reported> {
    let failed = failed_recipients(head);
    let named = match failed.is_empty() {
        true => prose.lone.clone().or_else(|| original.to.clone()).or_else(|| of_subject(head)).into_iter().collect(),
        false => failed,
    };
    let said = if prose.why.is_empty() { &prose.words } else { &prose.why };
    let reported = |recipient| reason::completed(Reported { recipient, said: said.clone(), ..Reported::default() });
    named.into_iter().take(status::RECIPIENTS_MAX).map(reported).collect()
}

/// The address in the subject that is not the reader's.
fn of_subject(head: &Head<'_>) -> Option<String> {
    let to = head.value("To").unwrap_or_default();
    let subject = head.decoded("Subject")?;
    let found = address::first(&subject)?;
    (!to.contains(found.address)).then(|| found.address.to_owned())
}
