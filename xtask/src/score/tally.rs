//! Counting: how often a cause was right, how it was mistaken, and whom suppression would hit.

use super::groups::Groups;
use super::row::{Answer, UNKNOWN};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) right: u64,
    pub(super) of: u64,
}

impl Share {
    pub(super) fn count(&mut self, right: bool) {
        self.of += 1;
        self.right += u64::from(right);
    }

    pub(super) fn percent(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.right as f64 * 100.0 / self.of as f64 }
    }

    pub(super) fn json(self) -> Value {
        json!({ "right": self.right, "of": self.of, "percent": (self.percent() * 10.0).round() / 10.0 })
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.of == 0 {
            return f.write_str("    –");
        }
        write!(f, "{:5.1} %  ({} of {})", self.percent(), self.right, self.of)
    }
}

/// How well causes were found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// A cause was named at all.
    pub(super) coverage: Share,
    /// The label, or one that will do as well.
    pub(super) lenient: Share,
    /// The label itself.
    pub(super) strict: Share,
    /// One of the label's group.
    pub(super) group: Share,
    /// Rows that do not count, as people do not agree or do not know: whether the cause would do.
    pub(super) apart: Share,
    by_label: BTreeMap<String, OfLabel>,
}

/// What became of the rows of one label.
#[derive(Debug, Default)]
struct OfLabel {
    rows: u64,
    strict: u64,
    lenient: u64,
    /// The other causes that were named, and how often.
    instead: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one row, whose cause was found to be `cause`.
    pub(super) fn count(&mut self, answer: &Answer, cause: &str, groups: &Groups) {
        if !answer.counts() {
            self.apart.count(answer.takes(cause));
            return;
        }
        let (strict, lenient) = (cause == answer.our_label, answer.takes(cause));
        self.coverage.count(cause != UNKNOWN);
        self.lenient.count(lenient);
        self.strict.count(strict);
        self.group.count(groups.same(&answer.our_label, cause));
        let of_label = self.by_label.entry(answer.our_label.clone()).or_default();
        of_label.rows += 1;
        of_label.strict += u64::from(strict);
        of_label.lenient += u64::from(lenient);
        if !strict {
            *of_label.instead.entry(cause.to_owned()).or_default() += 1;
        }
    }

    /// The shares, a line each; with the bar behind it where there is one.
    pub(super) fn text(&self) -> String {
        let lines = [
            ("lenient", self.lenient, "90"),
            ("strict", self.strict, "80"),
            ("coverage", self.coverage, "98"),
            ("group", self.group, ""),
        ];
        let mut text: String = lines.iter().map(|(name, share, bar)| line(name, *share, bar)).collect();
        if self.apart.of > 0 {
            text.push_str(&line("apart", self.apart, ""));
        }
        text
    }

    /// Label by label: rows, exactly right, acceptable, and what was named instead.
    pub(super) fn confusion(&self) -> String {
        let mut text = format!("\n{:<20} {:>5} {:>7} {:>8}  instead\n", "label", "rows", "strict", "lenient");
        for (label, it) in &self.by_label {
            let mut instead: Vec<(&String, &u64)> = it.instead.iter().collect();
            instead.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let instead: Vec<String> = instead.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
            let row = format!("{label:<20} {:>5} {:>7} {:>8}  {}", it.rows, it.strict, it.lenient, instead.join(", "));
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let labels = self.by_label.iter().map(|(label, it)| {
            let row = json!({ "rows": it.rows, "strict": it.strict, "lenient": it.lenient, "instead": it.instead });
            (label.clone(), row)
        });
        json!({
            "lenient": self.lenient.json(), "strict": self.strict.json(), "coverage": self.coverage.json(),
            "group": self.group.json(), "apart": self.apart.json(),
            "labels": labels.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// A share with its name and, where one was set, the bar in percent.
pub(super) fn line(name: &str, share: Share, bar: &str) -> String {
    let bar = if bar.is_empty() { String::new() } else { format!("  bar {bar} %") };
    format!("{name:<12} {share}{bar}\n")
}

/// The causes that may cost an address.
const SUPPRESSING: [&str; 6] =
    ["mailbox-unknown", "mailbox-disabled", "mailbox-moved", "domain-not-found", "no-mx", "address-syntax"];

/// Whom suppression would hit, and whom it should.
#[derive(Debug, Default)]
pub(super) struct Suppression {
    /// Of those that would be suppressed, those that should be.
    pub(super) precision: Share,
    /// Of those that should be suppressed, those that would be.
    pub(super) recall: Share,
}

impl Suppression {
    /// Counts one row.
    pub(super) fn count(&mut self, answer: &Answer, permanent: bool, suppressed: bool) {
        if !answer.counts() {
            return;
        }
        let should = permanent && SUPPRESSING.contains(&answer.our_label.as_str());
        if suppressed {
            self.precision.count(should);
        }
        if should {
            self.recall.count(suppressed);
        }
    }

    pub(super) fn text(&self) -> String {
        line("precision", self.precision, "98") + &line("recall", self.recall, "85")
    }

    pub(super) fn json(&self) -> Value {
        json!({ "precision": self.precision.json(), "recall": self.recall.json() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(our_label: &str, accept: &[&str], ambiguous: bool) -> Answer {
        let accept = accept.iter().map(|name| (*name).to_owned()).collect();
        Answer { our_label: our_label.to_owned(), accept, ambiguous }
    }

    #[test]
    fn each_share_counts_what_its_name_says() {
        let groups = Groups::usual();
        let mut tally = Tally::default();
        tally.count(&answer("policy", &["low-reputation"], false), "policy", &groups);
        tally.count(&answer("policy", &["low-reputation"], false), "low-reputation", &groups);
        tally.count(&answer("policy", &["low-reputation"], false), "spam-content", &groups);
        tally.count(&answer("policy", &["low-reputation"], false), "unknown", &groups);
        tally.count(&answer("policy", &[], true), "policy", &groups);
        tally.count(&answer("unknown", &[], false), "policy", &groups);
        let rights = [tally.strict, tally.lenient, tally.group, tally.coverage, tally.apart].map(|share| share.right);
        assert_eq!(rights, [1, 2, 2, 3, 1]);
        assert_eq!((tally.strict.of, tally.apart.of), (4, 2));
        let row = "policy                   4       1        2  low-reputation 1, spam-content 1, unknown 1\n";
        assert!(tally.confusion().ends_with(row), "{}", tally.confusion());
    }

    #[test]
    fn suppression_is_right_for_dead_addresses_only() {
        let mut it = Suppression::default();
        it.count(&answer("mailbox-unknown", &[], false), true, true);
        it.count(&answer("mailbox-unknown", &[], false), false, true);
        it.count(&answer("spam-content", &[], false), true, true);
        it.count(&answer("no-mx", &[], false), true, false);
        it.count(&answer("no-mx", &[], true), true, false);
        assert_eq!((it.precision, it.recall), (Share { right: 1, of: 3 }, Share { right: 1, of: 2 }));
    }
}
