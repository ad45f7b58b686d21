//! When the failures in the log began, and what changed before.

use super::Way;
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use crate::history::{self, differences};
use crate::log::LogSeen;
use crate::report::{Change, moment};
use crate::words;

/// A change that lies longer before the first failure has hardly to do with it.
const BEFORE_MS: i64 = 7 * 86_400_000;
/// Reasons of one direction on the timeline.
const REASONS_SHOWN: usize = 2;

pub(super) fn judge(facts: &Facts, log: &LogSeen, say: &mut Say) {
    let mut onsets: Vec<(i64, Way)> =
        Way::BOTH.into_iter().filter_map(|way| Some((way.flow(log).onset?, way))).collect();
    onsets.sort_by_key(|(at, _)| *at);
    if onsets.is_empty() {
        return say.fine("log.onset", "no moment from which on mail of the domain fails");
    }
    for (at, way) in onsets {
        let flow = way.flow(log);
        let bound = if flow.last_accepted.is_some_and(|last| last < at) { "" } else { ", or before the log begins" };
        let title = format!("{} the domain fails since {}{bound}", way.words(), moment(at));
        let subject = format!("{} {}", way.words(), facts.domain);
        let mut finding = Finding::note("log.onset", subject, title).since(at);
        if let Some(reason) = flow.reasons.iter().find(|reason| reason.tells) {
            finding = finding.seen("log", reason.by.clone(), reason.words.clone());
        }
        finding = match nearest(facts, at) {
            Some(change) => finding.meaning(change.words(at)),
            None => finding.meaning("No change is known within a week before it.").fix(
                "Look at what was changed then outside of what is seen from here: the mail server's settings, its network, its address.",
            ),
        };
        say.found(finding);
    }
}

/// Something that changed between two moments; where the moment is known they are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dated {
    from: i64,
    to: i64,
    what: String,
}

impl Dated {
    fn words(&self, onset: i64) -> String {
        if self.to <= onset {
            let seconds = u32::try_from((onset - self.to) / 1000).unwrap_or(u32::MAX);
            return format!("{} after: {} ({})", words::span(seconds), self.what, moment(self.to));
        }
        format!("It lies between {} and {}, when this changed: {}", moment(self.from), moment(self.to), self.what)
    }
}

/// The change nearest before a moment. What was seen by two looks, one before and one behind
/// the moment, may have been it as well.
fn nearest(facts: &Facts, onset: i64) -> Option<Dated> {
    let history = &facts.settings.history;
    let now = history::snapshot(facts, &[]);
    let pairs = history.windows(2).map(|pair| (&pair[0], &pair[1])).chain(history.last().map(|last| (last, &now)));
    let mut dated: Vec<Dated> = pairs
        .flat_map(|(old, new)| {
            differences(old, new).into_iter().map(|what| Dated { from: old.until, to: new.at, what })
        })
        .collect();
    dated.extend(
        super::super::DATES.iter().flat_map(|tell| tell(facts)).filter(|change| change.source != "log").filter_map(
            |change| {
                let at = change.at.parse::<jiff::Timestamp>().ok()?.as_millisecond();
                Some(Dated { from: at, to: at, what: change.what })
            },
        ),
    );
    dated.retain(|change| change.from <= onset && onset.saturating_sub(change.to) <= BEFORE_MS);
    // Of two that are as near, what is known to the moment.
    dated.into_iter().max_by_key(|change| (change.to.min(onset), change.from))
}

/// What the log has for the timeline.
pub(crate) fn timeline(facts: &Facts) -> Vec<Change> {
    let Some(log) = &facts.settings.log else { return Vec::new() };
    let mut changes = Vec::new();
    let mut note = |at: Option<i64>, what: String| {
        changes.extend(at.map(|at| Change { at: moment(at), what, source: "log" }));
    };
    for way in Way::BOTH {
        let flow = way.flow(log);
        let telling = flow.reasons.iter().filter(|reason| reason.tells);
        for reason in telling.take(REASONS_SHOWN) {
            note(reason.first, format!("{} the domain: first '{}' from {}", way.words(), reason.short, reason.by));
        }
        if let (Some(onset), Some(last)) = (flow.onset, flow.last_accepted) {
            note(Some(last), format!("{} the domain: last one accepted by {}", way.words(), flow.last_accepted_by));
            let first = flow.reasons.iter().filter(|reason| reason.tells).take(REASONS_SHOWN);
            if !first.into_iter().any(|reason| reason.first == Some(onset)) {
                note(Some(onset), format!("{} the domain begins to fail", way.words()));
            }
        }
    }
    changes
}

/// When the failures began that a finding with those impacts brings forth.
pub(crate) fn since(facts: &Facts, finding: &Finding) -> Option<i64> {
    let log = facts.settings.log.as_ref()?;
    let fits = [(finding.sending, Way::Out), (finding.receiving, Way::In)];
    let onsets = fits.into_iter().filter(|(impact, _)| *impact != Impact::None);
    onsets.filter_map(|(_, way)| way.flow(log).onset).min()
}
