//! The little language of phrases, and how all of them are found in one pass.
//!
//! A phrase is words, with `{class}` for any of a class of words, `a .. b` for b within
//! [`GAP_BYTES_MAX`] behind a, `a + b` for both in any order, and `*` for an end that need not
//! be the end of a word. The work for one text is bounded, whatever the text.

use crate::atoms::{Atoms, Found};
use crate::normal::normalise;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};

/// How far apart the two sides of `..` may stand, in bytes of the normalised text.
pub(crate) const GAP_BYTES_MAX: usize = 60;
/// Between the neighbours of a class may stand so much punctuation.
const PUNCTUATION_BYTES_MAX: usize = 3;
/// So many rows of words are noted per text.
const ROWS_MAX: usize = 400;
/// So many words of 64 bits say which groups may be met; groups share bits.
const PRESENT_WORDS: usize = 32;
/// So many comparisons are made per text.
const STEPS_MAX: usize = 4_000;

/// How an element stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    First,
    Next,
    Behind,
    Anywhere,
}

/// One side of a phrase: any of the words of a group.
#[derive(Debug, Clone, Copy)]
struct Element {
    group: u32,
    link: Link,
}

/// Where a phrase belongs, given by whoever adds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u32);

#[derive(Debug)]
struct Phrase {
    elements: Vec<Element>,
    tag: Tag,
}

/// A phrase that was found: whose, and where in the normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) tag: Tag,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The length of the words that matched, without the gaps.
    pub(crate) length: u32,
}

/// Collects phrases, then becomes [`Phrases`].
#[derive(Debug, Default)]
pub(crate) struct PhrasesBuilder {
    classes: HashMap<String, Vec<String>>,
    class_groups: HashMap<String, u32>,
    literal_groups: HashMap<String, u32>,
    /// The rows of words, and whether each has an open end.
    rows: HashMap<(String, bool), u32>,
    atoms: Atoms,
    /// For each row: its groups.
    members: Vec<Vec<u32>>,
    groups: u32,
    phrases: Vec<Phrase>,
}

impl PhrasesBuilder {
    /// With the classes that phrases may name.
    pub(crate) fn new(classes: HashMap<String, Vec<String>>) -> Self {
        Self { classes, ..Self::default() }
    }

    /// Adds a phrase; the error says what is wrong with it.
    pub(crate) fn add(&mut self, phrase: &str, tag: Tag) -> Result<(), String> {
        let mut elements = Vec::new();
        let mut link = Link::First;
        for (side, connector) in sides(phrase) {
            for piece in pieces(side).map_err(|why| format!("{phrase:?}: {why}"))? {
                let group = match piece {
                    Piece::Class(name) => self.class_group(name).map_err(|why| format!("{phrase:?}: {why}"))?,
                    Piece::Words(words) if words.trim().trim_matches('*').contains('*') => {
                        return Err(format!("{phrase:?}: a * inside words finds nothing: write a* .. b"));
                    }
                    Piece::Words(words) => match self.literal_group(words) {
                        Some(group) => group,
                        None => return Err(format!("{phrase:?}: nothing to look for")),
                    },
                };
                elements.push(Element { group, link });
                link = Link::Next;
            }
            link = connector;
        }
        if elements.is_empty() {
            return Err(format!("{phrase:?}: nothing to look for"));
        }
        self.phrases.push(Phrase { elements, tag });
        Ok(())
    }

    fn class_group(&mut self, name: &str) -> Result<u32, String> {
        if let Some(group) = self.class_groups.get(name) {
            return Ok(*group);
        }
        let words = self.classes.get(name).ok_or_else(|| format!("no such class of words: {name}"))?.clone();
        let group = self.new_group();
        for word in &words {
            self.atom(word, group);
        }
        self.class_groups.insert(name.to_owned(), group);
        Ok(group)
    }

    fn literal_group(&mut self, words: &str) -> Option<u32> {
        let key = words.trim().to_owned();
        if let Some(group) = self.literal_groups.get(&key) {
            return Some(*group);
        }
        let group = self.new_group();
        if !self.atom(&key, group) {
            return None;
        }
        self.literal_groups.insert(key, group);
        Some(group)
    }

    fn new_group(&mut self) -> u32 {
        self.groups += 1;
        self.groups - 1
    }

    /// Makes the words a member of the group; false if nothing is left of them.
    fn atom(&mut self, words: &str, group: u32) -> bool {
        let open = words.ends_with('*');
        let text = normalise(words.trim_matches('*'));
        let fresh = self.members.len() as u32;
        let row = *self.rows.entry((text.clone(), open)).or_insert(fresh);
        if row == fresh {
            if !self.atoms.add(&text, open, row) {
                return false;
            }
            self.members.push(Vec::new());
        }
        self.members[row as usize].push(group);
        true
    }

    /// The phrases, laid out for the search.
    pub(crate) fn build(mut self) -> Phrases {
        self.atoms.seal();
        let is_class: HashSet<u32> = self.class_groups.values().copied().collect();
        let mut alone = vec![Vec::new(); self.groups as usize];
        let mut triggered = vec![Vec::new(); self.groups as usize];
        let mut chained = HashSet::new();
        for (index, Phrase { elements, tag }) in self.phrases.iter().enumerate() {
            if let [only] = elements.as_slice() {
                alone[only.group as usize].push(*tag);
                continue;
            }
            chained.extend(elements.iter().map(|element| element.group));
            // The words of a class are everywhere; those of one phrase are seldom met.
            let seldom = elements.iter().rposition(|element| !is_class.contains(&element.group));
            let at = seldom.unwrap_or(elements.len() - 1);
            let needs = elements[if at > 0 { at - 1 } else { 1 }].group;
            triggered[elements[at].group as usize].push(Trigger { needs, phrase: index as u32, at: at as u32 });
        }
        let (mut rows, mut tags, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for of_row in &self.members {
            let (tags_from, groups_from) = (tags.len() as u32, groups.len() as u32);
            tags.extend(of_row.iter().flat_map(|group| &alone[*group as usize]));
            groups.extend(of_row.iter().filter(|group| chained.contains(group)));
            rows.push(Row { tags: (tags_from, tags.len() as u32), groups: (groups_from, groups.len() as u32) });
        }
        Phrases { atoms: self.atoms, rows, tags, groups, phrases: self.phrases, triggered: Lists::of(triggered) }
    }
}

/// Many short lists behind each other.
#[derive(Debug)]
struct Lists<T> {
    starts: Vec<u32>,
    all: Vec<T>,
}

impl<T> Lists<T> {
    fn of(lists: Vec<Vec<T>>) -> Self {
        let mut starts = vec![0];
        let mut all = Vec::new();
        for list in lists {
            all.extend(list);
            starts.push(all.len() as u32);
        }
        Self { starts, all }
    }

    fn get(&self, index: u32) -> &[T] {
        &self.all[self.starts[index as usize] as usize..self.starts[index as usize + 1] as usize]
    }
}

/// The sides of a phrase, each with how the next stands to it.
fn sides(phrase: &str) -> impl Iterator<Item = (&str, Link)> {
    let mut rest = Some(phrase);
    std::iter::from_fn(move || {
        let text = rest?;
        let behind = text.find(" .. ").map(|at| (at, 4, Link::Behind));
        let anywhere = text.find(" + ").map(|at| (at, 3, Link::Anywhere));
        let next = [behind, anywhere].into_iter().flatten().min_by_key(|(at, ..)| *at);
        Some(match next {
            Some((at, length, link)) => {
                rest = Some(&text[at + length..]);
                (&text[..at], link)
            }
            None => {
                rest = None;
                (text, Link::First)
            }
        })
    })
}

enum Piece<'a> {
    Words(&'a str),
    Class(&'a str),
}

/// Words and classes of one side, in their order.
fn pieces(side: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = side;
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').ok_or("a brace that does not close")? + open;
        if !rest[..open].trim().is_empty() {
            pieces.push(Piece::Words(&rest[..open]));
        }
        pieces.push(Piece::Class(&rest[open + 1..close]));
        rest = &rest[close + 1..];
    }
    if !rest.trim().is_empty() {
        pieces.push(Piece::Words(rest));
    }
    Ok(pieces)
}

/// All phrases, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Phrases {
    atoms: Atoms,
    rows: Vec<Row>,
    /// The phrases that a row is alone.
    tags: Vec<Tag>,
    /// The groups that a row is in, as far as phrases of several elements have them.
    groups: Vec<u32>,
    phrases: Vec<Phrase>,
    /// For each group: the phrases that are tried when it is met.
    triggered: Lists<Trigger>,
}

/// What a row of words means: ranges of [`Phrases::tags`] and [`Phrases::groups`].
#[derive(Debug, Clone, Copy)]
struct Row {
    tags: (u32, u32),
    groups: (u32, u32),
}

/// A phrase of several elements that is tried when one of them is met.
#[derive(Debug, Clone, Copy)]
struct Trigger {
    /// The neighbour's group, which must be met as well.
    needs: u32,
    phrase: u32,
    /// Which element it is.
    at: u32,
}

/// A word that was found.
#[derive(Debug, Clone, Copy)]
struct Hit {
    group: u32,
    start: u32,
    end: u32,
}

/// What a chain of elements covers.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    length: u32,
}

impl Span {
    fn of(hit: Hit) -> Self {
        Self { start: hit.start, end: hit.end, length: hit.end - hit.start }
    }

    fn and(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end), length: self.length + other.length }
    }
}

impl Phrases {
    /// Tells all phrases in a normalised text; one that is found twice may be told twice.
    pub(crate) fn find(&self, text: &str, mut met: impl FnMut(Match)) {
        let mut hits: SmallVec<[Hit; 48]> = SmallVec::new();
        // Which groups may be among them: groups share bits.
        let mut present = [0_u64; PRESENT_WORDS];
        let mut rows = ROWS_MAX;
        self.atoms.find(text, |Found { row, start, end }| {
            let Row { tags, groups } = self.rows[row as usize];
            let Some(left) = rows.checked_sub(1) else { return };
            rows = left;
            for tag in &self.tags[tags.0 as usize..tags.1 as usize] {
                met(Match { tag: *tag, start, end, length: end - start });
            }
            for group in &self.groups[groups.0 as usize..groups.1 as usize] {
                present[*group as usize / 64 % PRESENT_WORDS] |= 1 << (group % 64);
                hits.push(Hit { group: *group, start, end });
            }
        });
        let has = |group: u32| present[group as usize / 64 % PRESENT_WORDS] & (1 << (group % 64)) != 0;
        let mut search = Search { text, hits: &hits, steps: STEPS_MAX };
        for (index, hit) in hits.iter().enumerate() {
            for Trigger { needs, phrase, at } in self.triggered.get(hit.group).iter().copied() {
                if has(needs)
                    && let Some(Span { start, end, length }) =
                        search.around(&self.phrases[phrase as usize].elements, at as usize, index)
                {
                    met(Match { tag: self.phrases[phrase as usize].tag, start, end, length });
                }
            }
        }
    }
}

/// The search for the elements around one that was met. Hits are in the order of their starts.
struct Search<'a> {
    text: &'a str,
    hits: &'a [Hit],
    steps: usize,
}

impl<'a> Search<'a> {
    /// What a phrase covers whose element `element` is `hits[at]`.
    fn around(&mut self, elements: &[Element], element: usize, at: usize) -> Option<Span> {
        let before = self.before(&elements[..=element], at)?;
        let mut span = before.and(self.after(&elements[element..], at)?);
        span.length -= self.hits[at].end - self.hits[at].start; // It is in both.
        Some(span)
    }

    /// What the elements cover whose last one is `hits[at]`, if those before it stand as they should.
    #[inline(never)]
    fn before(&mut self, elements: &[Element], at: usize) -> Option<Span> {
        let hits: &'a [Hit] = self.hits;
        let span = Span::of(hits[at]);
        let (last, others) = elements.split_last()?;
        let Some(wanted) = others.last() else { return Some(span) };
        let range = if last.link == Link::Anywhere { 0..hits.len() } else { 0..at };
        for index in range.rev().filter(|index| hits[*index].group == wanted.group) {
            self.steps = self.steps.checked_sub(1)?;
            if self.stands(last.link, hits[index], hits[at])
                && let Some(more) = self.before(others, index)
            {
                return Some(span.and(more));
            }
        }
        None
    }

    /// The same for those behind `hits[at]`, which is the first.
    #[inline(never)]
    fn after(&mut self, elements: &[Element], at: usize) -> Option<Span> {
        let hits: &'a [Hit] = self.hits;
        let span = Span::of(hits[at]);
        let others = elements.get(1..)?;
        let Some(wanted) = others.first() else { return Some(span) };
        let from = if wanted.link == Link::Anywhere { 0 } else { at + 1 };
        for index in (from..hits.len()).filter(|index| hits[*index].group == wanted.group) {
            self.steps = self.steps.checked_sub(1)?;
            if self.stands(wanted.link, hits[at], hits[index])
                && let Some(more) = self.after(others, index)
            {
                return Some(span.and(more));
            }
        }
        None
    }

    fn stands(&self, link: Link, first: Hit, second: Hit) -> bool {
        match link {
            Link::First => false,
            Link::Anywhere => true,
            Link::Behind => first.end <= second.start && second.start - first.end <= GAP_BYTES_MAX as u32,
            Link::Next => {
                first.end < second.start && is_punctuation(&self.text[first.end as usize..second.start as usize])
            }
        }
    }
}

fn is_punctuation(between: &str) -> bool {
    between.len() <= PUNCTUATION_BYTES_MAX && !between.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrase: &str, text: &str) -> Option<String> {
        let classes = HashMap::from([
            ("mailbox".to_owned(), vec!["mailbox".to_owned(), "user".to_owned(), "@".to_owned()]),
            ("gone".to_owned(), vec!["unknown".to_owned(), "not found".to_owned()]),
        ]);
        let mut builder = PhrasesBuilder::new(classes);
        builder.add(phrase, Tag(7)).unwrap();
        let text = normalise(text);
        let mut first = None;
        builder.build().find(&text, |found| _ = first.get_or_insert(found));
        first.map(|found| text[found.start as usize..found.end as usize].to_owned())
    }

    #[test]
    fn phrases_are_found_as_written() {
        let table = [
            ("over quota", "550 Over-Quota!", Some("over quota")),
            ("spam", "spamhaus", None),
            ("spam*", "spamhaus", Some("spam")),
            ("{mailbox} {gone}", "User 'unknown'", Some("user 'unknown")),
            ("{mailbox} {gone}", "user joe is unknown", None),
            ("{mailbox} .. {gone}", "user joe is not found", Some("user joe is not found")),
            ("{mailbox} .. {gone}", "not found, user", None),
            ("{mailbox} + {gone}", "not found, user", Some("not found, user")),
            ("no such {mailbox} .. here", "no such user lives here", Some("no such user lives here")),
            ("{mailbox} {gone}", "<joe@example.com>: not found", Some("@: not found")),
            ("a .. b", &format!("a {} b", "x".repeat(GAP_BYTES_MAX)), None),
            ("почта", "почтальон", None),
            ("почта", "Почта!", Some("почта")),
            ("用户", "该用户不存在", Some("用户")),
        ];
        for (phrase, text, want) in table {
            let want = want.map(str::to_owned);
            assert_eq!(found(phrase, text), want, "{phrase:?} in {text:?}");
        }
    }

    #[test]
    fn phrases_that_are_none_are_named() {
        let table = [
            ("", "nothing"),
            ("{nobody}", "no such class"),
            ("a {mailbox", "brace"),
            ("a .. -", "nothing"),
            ("a* b", "inside words"),
        ];
        for (phrase, why) in table {
            let error = PhrasesBuilder::new(HashMap::from([("mailbox".to_owned(), Vec::new())])).add(phrase, Tag(0));
            assert!(error.unwrap_err().contains(why), "{phrase:?}");
        }
    }

    #[test]
    fn the_work_is_bounded() {
        let mut builder = PhrasesBuilder::new(HashMap::new());
        builder.add("a .. a .. a .. a .. a .. b", Tag(0)).unwrap();
        builder.build().find(&"a ".repeat(100_000), |found| panic!("{found:?}"));
    }
}
