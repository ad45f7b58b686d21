//! The phrases of `phrases/*.txt` as one automaton: what mail systems write when they do not
//! write fields. `phrases/README.md` says how the files are read.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

static FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/phrases.rs"));

/// What a phrase means where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Mark,
    List,
    Late,
    Label,
    Stop,
    End,
    Why,
    Fail,
    Wait,
    Final,
    Not,
    Daemon,
    Subject,
    Away,
    Ask,
    Answer,
    Done,
    Other,
    Tardy,
}

impl Role {
    /// Whether a phrase of this role means nothing within a longer one.
    pub(super) fn yields(self) -> bool {
        matches!(self, Self::List | Self::Late | Self::Stop | Self::Wait | Self::Final | Self::Fail | Self::Done)
    }

    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "mark" => Self::Mark,
            "list" => Self::List,
            "late" => Self::Late,
            "label" => Self::Label,
            "stop" => Self::Stop,
            "end" => Self::End,
            "why" => Self::Why,
            "fail" => Self::Fail,
            "wait" => Self::Wait,
            "final" => Self::Final,
            "not" => Self::Not,
            "daemon" => Self::Daemon,
            "subject" => Self::Subject,
            "away" => Self::Away,
            "ask" => Self::Ask,
            "answer" => Self::Answer,
            "done" => Self::Done,
            "other" => Self::Other,
            "tardy" => Self::Tardy,
            _ => return None,
        })
    }
}

/// A phrase that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) role: Role,
    /// The format whose phrase it is; `None` for one of general use.
    pub(super) format: Option<&'static str>,
    pub(super) start: usize,
    pub(super) end: usize,
}

struct Phrases {
    automaton: AhoCorasick,
    meanings: Vec<(Role, Option<&'static str>)>,
}

/// Immutable, and the same for everybody: compiled when it is first asked for.
static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let rows: Vec<_> = FILES.iter().flat_map(|(name, text)| rows(name, text)).collect();
    let build = |rows: &[Row]| {
        AhoCorasick::builder()
            .prefilter(false)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(rows.iter().map(|row| row.phrase))
    };
    // The list is far below every limit of the automaton; with none, nothing would be found.
    match build(&rows).or_else(|_| AhoCorasick::new([""; 0])) {
        Ok(automaton) => Phrases { automaton, meanings: rows.iter().map(|row| (row.role, row.format)).collect() },
        Err(error) => unreachable!("an automaton of no words: {error}"),
    }
});

struct Row {
    role: Role,
    format: Option<&'static str>,
    phrase: &'static str,
}

/// The rows of one file. A line that is none is a comment; a test holds that all others are rows.
fn rows(name: &'static str, text: &'static str) -> impl Iterator<Item = Row> {
    let format = (!name.starts_with("general")).then_some(name);
    text.lines().filter_map(move |line| {
        let (word, phrase) = line.split_once(' ')?;
        Some(Row { role: Role::of_word(word)?, format, phrase: phrase.trim() })
    })
}

/// All phrases in a text, ordered by where they end.
pub(super) fn find(text: &str) -> impl Iterator<Item = Hit> + '_ {
    let phrases = &*PHRASES;
    phrases.automaton.find_overlapping_iter(text).map(|found| {
        let (role, format) = phrases.meanings[found.pattern().as_usize()];
        Hit { role, format, start: found.start(), end: found.end() }
    })
}

/// Whether a short text has a phrase of that role.
pub(super) fn has(text: &str, role: Role) -> bool {
    first(text, role).is_some()
}

/// Where the first phrase of that role begins in a short text, near enough to compare two.
pub(super) fn first(text: &str, role: Role) -> Option<usize> {
    let even: String = text.chars().map(small).collect();
    find(&even).filter(|hit| hit.role == role).map(|hit| hit.start).min()
}

/// The letter as phrases have it. Without letters of two cases the automaton is built in half
/// the time, which is most of what the first mail costs.
pub(super) fn small(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if c.is_whitespace() {
        return ' ';
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_phrase_or_a_comment() {
        for (name, text) in FILES {
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                assert_eq!(rows(name, line).count(), 1, "{name}.txt: {line}");
                let phrase = line.split_once(' ').map_or("", |(_, phrase)| phrase.trim());
                assert_eq!(phrase.to_lowercase(), phrase, "{name}.txt: not in lower case");
                assert!(phrase.chars().count() > 1 && !phrase.contains("  "), "{name}.txt: {line}");
            }
        }
    }

    #[test]
    fn phrases_are_found_whatever_their_case() {
        assert!(has("Mail Delivery Subsystem", Role::Daemon));
        assert!(has("UNDELIVERABLE: hello", Role::Subject));
        assert!(!has("Lunch on Friday?", Role::Subject));
    }
}
