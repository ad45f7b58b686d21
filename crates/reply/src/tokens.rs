//! A normalised text as tokens, and the numbers of those that are known.
//!
//! A token is a word, or a single character that is no letter of a word. Words of up to seven
//! bytes, which most are, are their own key; longer ones are hashed, then compared.

use smallvec::SmallVec;

/// The number of a token that is not known.
pub(crate) const UNKNOWN: u32 = 0;
/// Words longer than this are hashed.
const PACKED_BYTES_MAX: usize = 7;
/// Marks the key of a hashed word; the length of a packed one stands in its place.
const HASHED: u64 = 0xFF << 56;
/// An odd number whose bits are spread: the golden ratio in 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A token of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Its number in [`Numbers`].
    pub(crate) id: u32,
    /// Whether a blank stands before it.
    pub(crate) blank: bool,
}

/// Numbers for tokens: open addressing, at most half full.
#[derive(Debug)]
pub(crate) struct Numbers {
    slots: Vec<Slot>,
    /// The tokens by number; the first stands for all that are not known.
    texts: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    id: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); 64], texts: vec!["".into()] }
    }
}

impl Numbers {
    /// How many numbers there are, the one of unknown tokens included.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }

    /// The number of a token, a new one if it has none.
    pub(crate) fn add(&mut self, text: &str) -> u32 {
        let known = self.get(text.as_bytes());
        if known != UNKNOWN {
            return known;
        }
        let id = self.texts.len() as u32;
        self.texts.push(text.into());
        if self.texts.len() * 2 > self.slots.len() {
            self.slots = vec![Slot::default(); self.slots.len() * 2];
            for id in 1..=id {
                self.place(id);
            }
        } else {
            self.place(id);
        }
        id
    }

    fn place(&mut self, id: u32) {
        let key = key_of(self.texts[id as usize].as_bytes());
        let mask = self.slots.len() - 1;
        let mut at = self.slot_of(key);
        while self.slots[at].id != UNKNOWN {
            at = (at + 1) & mask;
        }
        self.slots[at] = Slot { key, id };
    }

    fn slot_of(&self, key: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        (key.wrapping_mul(SPREAD) >> (64 - bits)) as usize
    }

    fn get(&self, text: &[u8]) -> u32 {
        let key = key_of(text);
        let mask = self.slots.len() - 1;
        let mut at = self.slot_of(key);
        loop {
            let slot = self.slots[at];
            if slot.id == UNKNOWN {
                return UNKNOWN;
            }
            if slot.key == key && (key < HASHED || self.texts[slot.id as usize].as_bytes() == text) {
                return slot.id;
            }
            at = (at + 1) & mask;
        }
    }

    /// The tokens of a normalised text.
    pub(crate) fn tokens(&self, text: &str) -> SmallVec<[Token; 64]> {
        let mut tokens = SmallVec::new();
        each(text, |start, end, blank| {
            let id = self.get(&text.as_bytes()[start..end]);
            tokens.push(Token { start: start as u32, end: end as u32, id, blank });
        });
        tokens
    }
}

/// The bytes themselves with their number, or a hash of them.
fn key_of(text: &[u8]) -> u64 {
    if text.len() <= PACKED_BYTES_MAX {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        bytes[7] = text.len() as u8;
        return u64::from_le_bytes(bytes);
    }
    let (chunks, rest) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    for chunk in chunks {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(SPREAD).rotate_left(29);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    (hash ^ u64::from_le_bytes(last)).wrapping_mul(SPREAD) | HASHED
}

/// Tells the tokens of a text: where each begins and ends, and whether a blank stands before it.
pub(crate) fn each(text: &str, mut token: impl FnMut(usize, usize, bool)) {
    let bytes = text.as_bytes();
    let (mut at, mut blank) = (0, false);
    while let Some(byte) = bytes.get(at) {
        if *byte == b' ' {
            blank = true;
            at += 1;
            continue;
        }
        let start = at;
        at = word_end(text, at);
        if at == start {
            at += text[start..].chars().next().map_or(1, char::len_utf8);
        }
        token(start, at, blank);
        blank = false;
    }
}

/// Where the word that begins here ends; here, if none does.
fn word_end(text: &str, mut at: usize) -> usize {
    while let Some(byte) = text.as_bytes().get(at) {
        if byte.is_ascii_alphanumeric() {
            at += 1;
        } else if byte.is_ascii() {
            break;
        } else {
            match text[at..].chars().next() {
                Some(letter) if is_word_letter(letter) => at += letter.len_utf8(),
                _ => break,
            }
        }
    }
    at
}

/// Letters that make words with blanks between them; Chinese and Japanese do not.
pub(crate) fn is_word_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter < '\u{2e80}' && letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fall_into_tokens() {
        let table = [
            ("user unknown", "user _unknown"),
            ("isn't here.", "isn ' t _here ."),
            ("<@>: x", "< @ > : _x"),
            ("почта 用户", "почта _用 户"),
            ("", ""),
        ];
        for (text, want) in table {
            let mut found = Vec::new();
            each(text, |start, end, blank| {
                found.push(format!("{}{}", if blank { "_" } else { "" }, &text[start..end]))
            });
            assert_eq!(found.join(" "), want, "{text:?}");
        }
    }

    #[test]
    fn every_token_has_one_number() {
        let mut numbers = Numbers::default();
        let words: Vec<String> = (0..5000).map(|n| "word".repeat(n % 5) + &n.to_string()).collect();
        let ids: Vec<u32> = words.iter().map(|word| numbers.add(word)).collect();
        assert_eq!(ids, (1..=5000).collect::<Vec<_>>());
        assert_eq!(words.iter().map(|word| numbers.add(word)).collect::<Vec<_>>(), ids);
        assert_eq!(numbers.get(b"other"), UNKNOWN);
        assert_eq!(numbers.get(b"wordwordwordwordother"), UNKNOWN);
    }
}
