//! Finds rows of words in a text, all of them in one pass, word by word.
//!
//! The rows that are looked for form a trie of tokens. There are some twenty thousand: an automaton
//! over bytes spends its time waiting for memory, as would a walk down the trie from every word.
//! So the first two tokens of a row are asked of a small table of bits first.

use crate::tokens::{self, Numbers, Token, UNKNOWN, is_word_letter};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// No node behind the root.
const NONE: u32 = 0;
/// The node that every row begins at.
const ROOT: u32 = 0;
/// How many bits tell which tokens stand side by side at the start of a row.
const PAIR_BITS: usize = 1 << 17;

/// A row that was found: its number, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) row: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Rows of words, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Atoms {
    numbers: Numbers,
    /// What begins with a token, by the token's number.
    first: Vec<First>,
    /// Whether a row may begin with two tokens.
    pairs: Vec<u64>,
    nodes: Vec<Node>,
    /// From a node by a token to the next node, where there is more than one.
    edges: HashMap<(u32, u32), u32, FixedState>,
    /// With which two bytes a row begins that is one word with an open end.
    beginnings: Vec<u64>,
    /// Ends that need not be the end of a word: from a node, by how the next word begins.
    open: HashMap<(u32, u16), Vec<Open>, FixedState>,
}

/// A place in the trie. Kept small: most of the time goes to fetching them.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The row that ends here, or [`NO_ROW`].
    row: u32,
    /// By which token rows go on, and to which node, if there is but one; [`NOWHERE`] or [`MANY`].
    key: u32,
    next: u32,
    /// Whether rows go on that have an open end.
    has_open: bool,
}

const NO_ROW: u32 = u32::MAX;
/// No key: the unknown token begins no row and continues none.
const NOWHERE: u32 = 0;
/// No key: there are fewer tokens than that.
const MANY: u32 = u32::MAX;
const DEAD: Node = Node { row: NO_ROW, key: NOWHERE, next: NONE, has_open: false };

/// What a token begins: its node, here as well so that most tokens need no look at the trie.
#[derive(Debug, Clone, Copy)]
struct First {
    at: u32,
    node: Node,
    /// Whether it may end a row of one word with an open end. Unknown words are asked for as well.
    opens: bool,
}

const NOTHING: First = First { at: NONE, node: DEAD, opens: false };

/// The beginning of a word that ends a row.
#[derive(Debug)]
struct Open {
    begins: Box<str>,
    blank: bool,
    row: u32,
}

impl Default for Atoms {
    fn default() -> Self {
        Self {
            numbers: Numbers::default(),
            first: vec![NOTHING],
            pairs: vec![0; PAIR_BITS / 64],
            nodes: vec![DEAD],
            edges: HashMap::default(),
            beginnings: vec![0; (1 << 16) / 64],
            open: HashMap::default(),
        }
    }
}

impl Atoms {
    /// Adds a row under a number; false if it has no tokens, or one open letter for all. `open`:
    /// its end need not be the end of a word.
    pub(crate) fn add(&mut self, text: &str, open: bool, row: u32) -> bool {
        let mut parts = Vec::new();
        tokens::each(text, |start, end, blank| parts.push((&text[start..end], blank)));
        let Some(((last, blank), others)) = parts.split_last() else { return false };
        let is_open = open && last.starts_with(is_word_letter);
        if is_open && others.is_empty() && last.len() < 2 {
            return false;
        }
        let mut node = ROOT;
        for (index, (token, blank)) in others.iter().enumerate() {
            node = self.step(node, token, *blank, index > 0);
        }
        if is_open {
            self.nodes[node as usize].has_open = true;
            if node == ROOT {
                set(&mut self.beginnings, beginning(last).into());
            }
            let entry = Open { begins: (*last).into(), blank: *blank && !others.is_empty(), row };
            self.open.entry((node, beginning(last))).or_default().push(entry);
        } else {
            let end = self.step(node, last, *blank, !others.is_empty());
            self.nodes[end as usize].row = row;
        }
        true
    }

    /// The node behind a token, made if there is none.
    fn step(&mut self, node: u32, token: &str, blank: bool, inner: bool) -> u32 {
        let id = self.numbers.add(token);
        self.first.resize(self.numbers.len(), NOTHING);
        let new = self.nodes.len() as u32;
        let next = if inner { self.edge(node, key(id, blank), new) } else { self.root_edge(id, new) };
        if next == new {
            self.nodes.push(DEAD);
        }
        next
    }

    fn root_edge(&mut self, id: u32, new: u32) -> u32 {
        let first = &mut self.first[id as usize].at;
        if *first == NONE {
            *first = new;
        }
        *first
    }

    fn edge(&mut self, node: u32, key: u32, new: u32) -> u32 {
        let from = &mut self.nodes[node as usize];
        match from.key {
            only if only == key => from.next,
            NOWHERE => {
                (from.key, from.next) = (key, new);
                new
            }
            MANY => *self.edges.entry((node, key)).or_insert(new),
            only => {
                self.edges.insert((node, only), from.next);
                self.edges.insert((node, key), new);
                (from.key, from.next) = (MANY, NONE);
                new
            }
        }
    }

    /// To be called when all rows are added: notes beside each token what it begins.
    pub(crate) fn seal(&mut self) {
        let begins_row = |text: &str| {
            let open = self.open.get(&(ROOT, beginning(text))).into_iter().flatten();
            open.into_iter().any(|open| text.starts_with(&*open.begins))
        };
        let opens: Vec<bool> = self.numbers.texts().map(begins_row).collect();
        let mut behind = HashMap::new();
        for (id, first) in self.first.iter_mut().enumerate() {
            first.opens = id == UNKNOWN as usize || opens[id];
            if first.at == NONE {
                continue;
            }
            first.node = self.nodes[first.at as usize];
            match first.node.key {
                NOWHERE => {}
                MANY => _ = behind.insert(first.at, id as u32),
                next => set(&mut self.pairs, pair(id as u32, next)),
            }
        }
        for (from, next) in self.edges.keys() {
            if let Some(id) = behind.get(from) {
                set(&mut self.pairs, pair(*id, *next));
            }
        }
    }

    /// Tells every row in a text, in the order in which they begin.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(Found)) {
        let tokens = self.numbers.tokens(text);
        for (index, token) in tokens.iter().enumerate() {
            let First { at, node, opens } = self.first[token.id as usize];
            let (start, end) = (token.start, token.end);
            if node.row != NO_ROW {
                found(Found { row: node.row, start, end });
            }
            if opens {
                self.opens(ROOT, text, token, false, |row, end| found(Found { row, start, end }));
            }
            let rest = &tokens[index + 1..];
            let Some(next) = rest.first() else { continue };
            if node.has_open || is_set(&self.pairs, pair(token.id, key(next.id, next.blank))) {
                self.walk(text, at, node, rest, |row, end| found(Found { row, start, end }));
            }
        }
    }

    /// The rows that go on from a node by the tokens given, and where they end.
    fn walk(&self, text: &str, mut at: u32, mut node: Node, tokens: &[Token], mut ends: impl FnMut(u32, u32)) {
        for token in tokens {
            if node.has_open {
                self.opens(at, text, token, true, &mut ends);
            }
            let key = key(token.id, token.blank);
            at = match node.key {
                only if only == key => node.next,
                MANY if token.id != UNKNOWN => self.edges.get(&(at, key)).copied().unwrap_or(NONE),
                _ => NONE,
            };
            if at == NONE {
                return;
            }
            node = self.nodes[at as usize];
            if node.row != NO_ROW {
                ends(node.row, token.end);
            }
        }
    }

    /// The rows with an open end that a word ends, and where they end.
    fn opens(&self, node: u32, text: &str, token: &Token, inner: bool, mut ends: impl FnMut(u32, u32)) {
        let word = &text[token.start as usize..token.end as usize];
        let two = beginning(word);
        if !inner && !is_set(&self.beginnings, two.into()) {
            return;
        }
        let of = |begins: u16| self.open.get(&(node, begins)).into_iter().flatten();
        // Behind other words, one letter may be all that is known of the last.
        let one = inner.then(|| of(two & 0xFF00)).into_iter().flatten();
        for Open { begins, blank, row } in of(two).chain(one) {
            if (!inner || *blank == token.blank) && word.starts_with(&**begins) {
                ends(*row, token.start + begins.len() as u32);
            }
        }
    }
}

fn key(id: u32, blank: bool) -> u32 {
    id << 1 | u32::from(blank)
}

/// Where two tokens have their bit.
fn pair(id: u32, next: u32) -> usize {
    let mixed = id.wrapping_mul(0x9E37_79B1) ^ next.wrapping_mul(0x85EB_CA77);
    (mixed ^ mixed >> 15) as usize % PAIR_BITS
}

fn set(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits[at / 64] & (1 << (at % 64)) != 0
}

/// The first two bytes of a word, by which open ends are sorted.
fn beginning(word: &str) -> u16 {
    let bytes = word.as_bytes();
    let at = |index| u16::from(bytes.get(index).copied().unwrap_or(0));
    at(0) << 8 | at(1)
}
