//! General words in a reply's text, found by one automaton in one pass.

use crate::knowledge::{self, Place, Row};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use postrider_smtp::Reply;

/// How much of a reply's text is searched. Longer ones are boilerplate behind the first lines.
const TEXT_BYTES_MAX: usize = 4096;

/// The rows of `words.tsv` and the automaton of all their words.
#[derive(Debug)]
pub(crate) struct Words {
    rows: Vec<Row>,
    /// For each pattern of the automaton: its row.
    row_of: Vec<usize>,
    automaton: Option<AhoCorasick>,
}

impl Words {
    pub(crate) fn new() -> Self {
        let rows = knowledge::rows(knowledge::WORDS);
        let mut row_of = Vec::new();
        let mut patterns = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            for words in row.words.split(';') {
                patterns.push(words);
                row_of.push(index);
            }
        }
        let automaton = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(patterns).ok();
        Self { rows, row_of, automaton }
    }

    /// The first row, in the order of the file, that has words in the reply and holds for its
    /// class and place; and the words as they stand in the reply.
    pub(crate) fn find(&self, reply: &Reply, place: Place) -> Option<(&Row, String)> {
        let automaton = self.automaton.as_ref()?;
        let mut text = reply.text();
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        let class = char::from(b'0' + reply.code().class());
        let found = automaton.find_overlapping_iter(&text).filter(|found| starts_a_word(&text, found.start()));
        let candidates = found.filter_map(|found| {
            let row = *self.row_of.get(found.pattern().as_usize())?;
            let holds = self.rows[row].trust.contains(class) && self.rows[row].holds_at(place);
            holds.then_some((row, found.start(), found.end()))
        });
        let (row, start, end) = candidates.min_by_key(|(row, start, _)| (*row, *start))?;
        Some((&self.rows[row], text.get(start..end)?.to_owned()))
    }
}

/// So that `rbl` is not found in the middle of another word.
fn starts_a_word(text: &str, at: usize) -> bool {
    at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_smtp::{Phase, ReplyCode};

    #[test]
    fn words_are_lower_case_and_belong_to_one_row() {
        let words = Words::new();
        assert!(words.automaton.is_some());
        let mut all: Vec<&str> = words.rows.iter().flat_map(|row| row.words.split(';')).collect();
        assert!(all.iter().all(|one| one.len() >= 3 && *one == one.trim().to_lowercase()));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_first_row_wins_and_words_begin_at_words() {
        let words = Words::new();
        let find = |code, phase, text: &str| {
            let reply = Reply::new(ReplyCode::new(code).unwrap(), text);
            let place = Place { phase, recipients_accepted: false };
            words.find(&reply, place).map(|(row, matched)| (row.key, matched))
        };
        let table = [
            (450, Phase::Rcpt, "Greylisted, no such user", Some(("greylist", "Greylist"))),
            (550, Phase::Rcpt, "Greylisted, no such user", Some(("unknown-user", "no such user"))),
            (550, Phase::Mail, "no such user", None),
            (550, Phase::Rcpt, "verbl and scrbl", None),
            (554, Phase::Dot, "caught by an RBL as spam", Some(("blocklist", "RBL"))),
        ];
        for (code, phase, text, want) in table {
            let want = want.map(|(row, words)| (row, words.to_owned()));
            assert_eq!(find(code, phase, text), want, "{text}");
        }
    }
}
