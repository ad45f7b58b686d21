//! What changed lately, by what earlier runs of ours saw. A change is no fault; it is told as
//! it is the first thing to look at when something is.

use crate::facts::Facts;
use crate::finding::{Finding, Say};
use crate::history::{differences, snapshot};
use crate::report::moment;

/// How far back a change is lately: three days, as old answers and caches live about as long.
const LATELY_MS: i64 = 72 * 3600 * 1000;

pub(super) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    let history = &facts.settings.history;
    let Some(last) = history.last() else {
        return say.not_applicable("dns.recent", "no earlier run of this machine is known; the next one can compare");
    };
    let now = snapshot(facts, &[]);
    let mut lines: Vec<(i64, i64, String)> = Vec::new();
    let pairs = history.windows(2).map(|pair| (&pair[0], &pair[1])).chain(std::iter::once((last, &now)));
    for (old, new) in pairs.filter(|(_, new)| facts.now.0.saturating_sub(new.at) <= LATELY_MS) {
        lines.extend(differences(old, new).into_iter().map(|what| (old.until, new.at, what)));
    }
    if lines.is_empty() {
        return say.fine("dns.recent", format!("nothing changed since {}", moment(last.at)));
    }
    let title = match lines.as_slice() {
        [(_, _, what)] => what.clone(),
        many => format!("{} things changed in the last three days", many.len()),
    };
    let mut finding = Finding::note("dns.recent", &facts.domain, title);
    for (from, to, what) in &lines {
        finding = finding.seen("dns", "", format!("between {} and {}: {what}", moment(*from), moment(*to)));
    }
    say.found(finding.fix("If mail trouble began then, look at these first."));
}
