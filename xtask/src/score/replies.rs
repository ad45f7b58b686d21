//! Replies against their right answers. Only the words are given, as a stranger would paste them.

use super::groups::Groups;
use super::row::ReplyRow;
use super::tally::{Suppression, Tally};
use postrider_reply::{Context, Decoder, Verdict};
use postrider_smtp::Said;
use serde_json::{Value, json};

/// The score of a file of replies.
#[derive(Debug, Default)]
pub(super) struct Score {
    tally: Tally,
    suppression: Suppression,
    misses: Vec<Miss>,
}

/// A row whose cause is not exactly the label.
#[derive(Debug)]
struct Miss {
    id: String,
    label: String,
    /// Whether the cause will do all the same.
    near: bool,
    verdict: Verdict,
    reply: String,
}

/// Decodes every row; with `with_phase` the command that was answered is told as well.
pub(super) fn score(decoder: &Decoder, rows: &[ReplyRow], groups: &Groups, with_phase: bool) -> Score {
    let mut score = Score::default();
    for row in rows {
        let mut said = Said::parse(&row.reply);
        if with_phase {
            said.phase = row.phase().or(said.phase);
        }
        let verdict = decoder.explain(&said, &Context::default());
        score.tally.count(&row.answer, verdict.cause.name(), groups);
        score.suppression.count(&row.answer, row.is_permanent(), verdict.suppress);
        if row.answer.counts() && verdict.cause.name() != row.answer.our_label {
            let near = row.answer.takes(verdict.cause.name());
            let (id, label, reply) = (row.id.clone(), row.answer.our_label.clone(), row.reply.clone());
            score.misses.push(Miss { id, label, near, verdict, reply });
        }
    }
    // The wrong ones last, where they are seen.
    score.misses.sort_by_key(|miss| (std::cmp::Reverse(miss.near), miss.label.clone()));
    score
}

impl Score {
    pub(super) fn text(&self, misses: bool) -> String {
        let mut text = self.tally.text() + "suppression\n" + &self.suppression.text() + &self.tally.confusion();
        if misses {
            text.push_str("\n~ acceptable, but not exact; x wrong\n");
            for miss in &self.misses {
                let mark = if miss.near { '~' } else { 'x' };
                let by = miss.verdict.evidence.entry.as_deref().unwrap_or("-");
                let (label, cause) = (&miss.label, miss.verdict.cause);
                text.push_str(&format!("{mark} {} {label} → {cause} ({by})\n    {:?}\n", miss.id, miss.reply));
            }
        }
        text
    }

    pub(super) fn json(&self, misses: bool) -> Value {
        let mut value = json!({
            "kind": "replies", "causes": self.tally.json(), "suppression": self.suppression.json(),
        });
        if misses {
            let rows = self.misses.iter().map(|miss| {
                json!({
                    "id": miss.id, "reply": miss.reply, "label": miss.label, "acceptable": miss.near,
                    "cause": miss.verdict.cause.name(), "entry": miss.verdict.evidence.entry,
                })
            });
            value["misses"] = rows.collect();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::row::Answer;

    #[test]
    fn a_row_is_decoded_by_its_words() {
        let row = |id: &str, reply: &str, label: &str| ReplyRow {
            id: id.into(),
            reply: reply.into(),
            code: reply[..3].into(),
            answer: Answer { our_label: label.into(), ..Answer::default() },
            ..ReplyRow::default()
        };
        let rows = [row("a", "550 5.1.1 no such user", "mailbox-unknown"), row("b", "550 5.1.1 no such user", "loop")];
        let score = score(&Decoder::new(), &rows, &Groups::usual(), true);
        assert_eq!((score.tally.strict.right, score.suppression.precision.right), (1, 1));
        assert!(score.text(true).contains("x b loop → mailbox-unknown"), "{}", score.text(true));
        assert_eq!(score.json(true)["misses"][0]["id"], "b");
    }
}
