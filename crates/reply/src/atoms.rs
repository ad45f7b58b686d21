//! Finds rows of words in a text, all of them in one pass, word by word.
//!
//! A text is a row of tokens: a word, or a single character that is no letter of a word, each
//! with or without a blank before it. The rows that are looked for form a trie of tokens. Words
//! are looked up once; what stands between known words costs nothing more. There are some twenty
//! thousand rows: an automaton over bytes spends its time waiting for memory.

use foldhash::fast::FixedState;
use std::collections::HashMap;

/// No node, no token.
const NONE: u32 = 0;
/// The node that every row begins at.
const ROOT: u32 = 0;

/// A row that was found: its number, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) row: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Rows of words, ready to be looked for.
#[derive(Debug, Default)]
pub(crate) struct Atoms {
    tokens: HashMap<Box<str>, u32, FixedState>,
    /// What begins with a token, by the token's number.
    first: Vec<First>,
    nodes: Vec<Node>,
    /// From a node by a token to the next node, where there is more than one.
    edges: HashMap<(u32, u32), u32, FixedState>,
    /// Ends that need not be the end of a word: from a node, by how the next word begins.
    open: HashMap<(u32, u16), Vec<Open>, FixedState>,
}

/// What a token begins.
#[derive(Debug, Clone, Copy, Default)]
struct First {
    /// The node behind it.
    node: u32,
    /// Whether it may end a row of one word with an open end. Unknown words are asked for as well.
    opens: bool,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The row that ends here, if any.
    row: Option<u32>,
    /// How rows go on.
    next: Next,
    /// Whether rows go on that have an open end.
    has_open: bool,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Nowhere,
    /// By one token alone: its key, and the node behind it.
    Only(u32, u32),
    Many,
}

const DEAD: Node = Node { row: None, next: Next::Nowhere, has_open: false };

/// The beginning of a word that ends a row.
#[derive(Debug)]
struct Open {
    begins: Box<str>,
    blank: bool,
    row: u32,
}

/// A token of a text.
#[derive(Debug, Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    start: u32,
    /// Whether a blank stands before it.
    blank: bool,
}

impl Token<'_> {
    fn end(&self) -> u32 {
        self.start + self.text.len() as u32
    }
}

impl Atoms {
    /// Adds a row under a number; false if it has no tokens, or one open letter for all. `open`:
    /// its end need not be the end of a word.
    pub(crate) fn add(&mut self, text: &str, open: bool, row: u32) -> bool {
        if self.nodes.is_empty() {
            self.nodes.push(DEAD);
            self.first.push(First::default());
        }
        let tokens: Vec<_> = Tokens::of(text).collect();
        let Some((last, others)) = tokens.split_last() else { return false };
        let is_open = open && last.text.starts_with(is_word_letter);
        if is_open && others.is_empty() && last.text.len() < 2 {
            return false;
        }
        let mut node = ROOT;
        for (index, token) in others.iter().enumerate() {
            node = self.step(node, token, index > 0);
        }
        if is_open {
            self.nodes[node as usize].has_open = true;
            let entry = Open { begins: last.text.into(), blank: !others.is_empty() && last.blank, row };
            self.open.entry((node, beginning(last.text))).or_default().push(entry);
        } else {
            let end = self.step(node, last, !others.is_empty());
            self.nodes[end as usize].row = Some(row);
        }
        true
    }

    /// The node behind a token, made if there is none.
    fn step(&mut self, node: u32, token: &Token<'_>, inner: bool) -> u32 {
        let fresh = self.first.len() as u32;
        let id = *self.tokens.entry(token.text.into()).or_insert(fresh);
        if id == fresh {
            self.first.push(First::default());
        }
        let new = self.nodes.len() as u32;
        let next = if inner { self.edge(node, key(id, token.blank), new) } else { self.root_edge(id, new) };
        if next == new {
            self.nodes.push(DEAD);
        }
        next
    }

    fn root_edge(&mut self, id: u32, new: u32) -> u32 {
        let first = &mut self.first[id as usize].node;
        if *first == NONE {
            *first = new;
        }
        *first
    }

    fn edge(&mut self, node: u32, key: u32, new: u32) -> u32 {
        match self.nodes[node as usize].next {
            Next::Only(only, next) if only == key => next,
            Next::Nowhere => {
                self.nodes[node as usize].next = Next::Only(key, new);
                new
            }
            Next::Only(only, next) => {
                self.nodes[node as usize].next = Next::Many;
                self.edges.insert((node, only), next);
                self.edges.insert((node, key), new);
                new
            }
            Next::Many => *self.edges.entry((node, key)).or_insert(new),
        }
    }

    /// To be called when all rows are added: notes which words end rows by how they begin.
    pub(crate) fn seal(&mut self) {
        for (text, id) in &self.tokens {
            let opens = self
                .open
                .get(&(ROOT, beginning(text)))
                .into_iter()
                .flatten()
                .any(|open| text.starts_with(&*open.begins));
            self.first[*id as usize].opens = opens;
        }
        if let Some(unknown) = self.first.first_mut() {
            unknown.opens = true;
        }
    }

    /// Tells every row in a text, in the order in which they begin.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(Found)) {
        if self.nodes.is_empty() {
            return;
        }
        let known = |token: Token<'_>| self.tokens.get(token.text).copied().unwrap_or(NONE);
        let mut tokens = Vec::with_capacity(text.len() / 4);
        tokens.extend(Tokens::of(text).map(|token| (token, known(token))));
        for (index, (token, id)) in tokens.iter().enumerate() {
            let start = token.start;
            let First { mut node, opens } = self.first[*id as usize];
            if opens {
                self.opens(ROOT, token, false, |row, end| found(Found { row, start, end }));
            }
            let mut end = token.end();
            let mut rest = tokens[index + 1..].iter();
            while node != NONE {
                let Node { row, next, has_open } = self.nodes[node as usize];
                if let Some(row) = row {
                    found(Found { row, start, end });
                }
                let Some((token, id)) = rest.next() else { break };
                if has_open {
                    self.opens(node, token, true, |row, end| found(Found { row, start, end }));
                }
                let key = key(*id, token.blank);
                node = match next {
                    Next::Only(only, next) if only == key => next,
                    Next::Many if *id != NONE => self.edges.get(&(node, key)).copied().unwrap_or(NONE),
                    _ => NONE,
                };
                end = token.end();
            }
        }
    }

    /// The rows with an open end that a word ends, and where they end.
    fn opens(&self, node: u32, token: &Token<'_>, inner: bool, mut ends: impl FnMut(u32, u32)) {
        let two = beginning(token.text);
        let of = |begins: u16| self.open.get(&(node, begins)).into_iter().flatten();
        // Behind other words, one letter may be all that is known of the last.
        let one = inner.then(|| of(two & 0xFF00)).into_iter().flatten();
        for Open { begins, blank, row } in of(two).chain(one) {
            if (!inner || *blank == token.blank) && token.text.starts_with(&**begins) {
                ends(*row, token.start + begins.len() as u32);
            }
        }
    }
}

fn key(id: u32, blank: bool) -> u32 {
    id << 1 | u32::from(blank)
}

/// The first two bytes of a word, by which open ends are sorted.
fn beginning(word: &str) -> u16 {
    let bytes = word.as_bytes();
    let at = |index| u16::from(bytes.get(index).copied().unwrap_or(0));
    at(0) << 8 | at(1)
}

/// Letters that make words with blanks between them; Chinese and Japanese do not.
pub(crate) fn is_word_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter.is_alphanumeric() && letter < '\u{2e80}'
}

/// The tokens of a normalised text.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the word that begins here ends.
    fn word_end(&self) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = self.at;
        while let Some(byte) = bytes.get(end) {
            if byte.is_ascii_alphanumeric() {
                end += 1;
            } else if byte.is_ascii() {
                break;
            } else {
                match self.text[end..].chars().next() {
                    Some(letter) if is_word_letter(letter) => end += letter.len_utf8(),
                    _ => break,
                }
            }
        }
        end
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let blanks = self.text.as_bytes()[self.at..].iter().take_while(|byte| **byte == b' ').count();
        self.at += blanks;
        let start = self.at;
        let end = match self.word_end() {
            end if end > start => end,
            _ => start + self.text[start..].chars().next()?.len_utf8(),
        };
        self.at = end;
        Some(Token { text: &self.text[start..end], start: start as u32, blank: blanks > 0 })
    }
}
