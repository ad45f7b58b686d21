//! The knowledge files, read and made ready: entries, providers, words, causes.
//!
//! The files that are compiled in are right, which a test sees to. Files from elsewhere (an
//! author's working copy) may be wrong: [`Knowledge::read`] names every mistake it finds.

use crate::entry::{Entry, File, Provider, StatusPattern};
use crate::phrase::{Phrases, PhrasesBuilder, Tag};
use crate::weigh::Weight;
use crate::{Cause, Disposition, Scope, Who};
use foldhash::fast::FixedState;
use postrider_smtp::EnhancedStatus;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Name without `.toml`, and text, of every file that is compiled in.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));
/// The file of words that mean the same.
const WORDS: &str = "words";
/// The file of what each cause means.
const CAUSES: &str = "causes";

/// What a cause means where an entry does not say otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseFacts {
    /// The cause.
    pub name: Cause,
    /// What now; `None` for what the first digit says.
    #[serde(deserialize_with = "class_or")]
    pub disposition: Option<Disposition>,
    /// What now, for words that come without any code.
    pub otherwise: Disposition,
    /// Whose trouble.
    pub scope: Scope,
    /// Who must act.
    pub who: Who,
    /// Whether an address that fails for it should get no more mail.
    pub suppress: bool,
    /// One sentence for a person.
    pub summary: Cow<'static, str>,
    /// Steps to take.
    pub advice: Vec<Cow<'static, str>>,
    /// Where to read on.
    pub references: Vec<Cow<'static, str>>,
}

impl CauseFacts {
    fn lasting(mut self) -> Self {
        lasting(&mut self.summary);
        self.advice.iter_mut().chain(&mut self.references).for_each(lasting);
        self
    }
}

/// Makes a text one that verdicts borrow instead of copying it. It lasts as long as the process,
/// as the decoder does that is built once and shared.
fn lasting(text: &mut Cow<'static, str>) {
    if let Cow::Owned(owned) = text {
        *text = Cow::Borrowed(std::mem::take(owned).leak());
    }
}

fn class_or<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Disposition>, D::Error> {
    let name = String::deserialize(from)?;
    if name == "class" {
        return Ok(None);
    }
    let named = Disposition::from_name(&name);
    named.map(Some).ok_or_else(|| serde::de::Error::custom(format!("no such disposition: {name}")))
}

#[derive(Deserialize)]
struct Causes {
    cause: Vec<CauseFacts>,
}

/// All that is known about words.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) entries: Vec<Entry>,
    /// For each entry: the provider of its file.
    pub(crate) provider_of: Vec<Option<usize>>,
    pub(crate) providers: Vec<Provider>,
    /// Whose hosts are at or below a domain.
    by_domain: HashMap<String, usize, FixedState>,
    /// For each entry: what the weighing needs of it.
    pub(crate) weights: Vec<Weight>,
    /// The entries that have no words and wait for a status.
    pub(crate) by_status: HashMap<(u16, Option<u16>), Vec<usize>>,
    /// The entries that have neither words nor status, only a code.
    pub(crate) by_code: HashMap<u16, Vec<usize>>,
    phrases: Phrases,
    causes: BTreeMap<Cause, CauseFacts>,
}

/// What a phrase is for; stands behind each [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It speaks for an entry.
    Says(usize),
    /// It speaks against an entry.
    Unless(usize),
    /// It shows a provider.
    Provider(usize),
}

impl Role {
    fn tag(self) -> Tag {
        let (kind, index) = match self {
            Self::Says(index) => (0, index),
            Self::Unless(index) => (1, index),
            Self::Provider(index) => (2, index),
        };
        Tag(kind + 3 * index as u32)
    }

    fn of(tag: Tag) -> Self {
        let index = (tag.0 / 3) as usize;
        match tag.0 % 3 {
            0 => Self::Says(index),
            1 => Self::Unless(index),
            _ => Self::Provider(index),
        }
    }
}

/// A role whose phrase was found, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) role: Role,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) length: u32,
}

impl Knowledge {
    /// The files that are compiled in.
    pub(crate) fn compiled_in() -> Self {
        Self::read(FILES).0
    }

    /// The knowledge in some files, and all that is wrong with them; what is wrong is left out.
    pub(crate) fn read(files: &[(&str, &'static str)]) -> (Self, Vec<String>) {
        let mut mistakes = Vec::new();
        let text_of = |wanted: &str| files.iter().find(|(name, _)| *name == wanted).map_or("", |(_, text)| text);
        let classes = toml::from_str(text_of(WORDS)).unwrap_or_else(|error| {
            mistakes.push(format!("{WORDS}.toml: {error}"));
            HashMap::new()
        });
        let causes = toml::from_str(text_of(CAUSES)).map(|causes: Causes| causes.cause).unwrap_or_else(|error| {
            mistakes.push(format!("{CAUSES}.toml: {error}"));
            Vec::new()
        });
        let mut reading = Reading::new(classes);
        for (name, text) in files.iter().filter(|(name, _)| *name != WORDS && *name != CAUSES) {
            match toml::from_str::<File>(text) {
                Ok(file) => reading.add(name, file),
                Err(error) => mistakes.push(format!("{name}.toml: {error}")),
            }
        }
        mistakes.append(&mut reading.mistakes);
        let causes: BTreeMap<_, _> = causes.into_iter().map(|facts| (facts.name, facts.lasting())).collect();
        let phrases = std::mem::take(&mut reading.phrases).build();
        let mut by_domain = HashMap::default();
        for (index, provider) in reading.providers.iter().enumerate().rev() {
            by_domain.extend(provider.hosts.iter().map(|domain| (domain.to_ascii_lowercase(), index)));
        }
        let Reading { entries, provider_of, providers, weights, by_status, by_code, .. } = reading;
        (Self { entries, provider_of, providers, by_domain, weights, by_status, by_code, phrases, causes }, mistakes)
    }

    /// Tells what is found in a normalised text.
    pub(crate) fn find(&self, text: &str, mut seen: impl FnMut(Seen)) {
        self.phrases.find(text, |found| {
            seen(Seen { role: Role::of(found.tag), start: found.start, end: found.end, length: found.length });
        });
    }

    /// What a cause means.
    pub(crate) fn cause(&self, cause: Cause) -> Option<&CauseFacts> {
        self.causes.get(&cause)
    }

    /// The provider whose host that is.
    #[inline(never)]
    pub(crate) fn provider_of_host(&self, host: &str) -> Option<usize> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut domain = host.as_str();
        loop {
            if let Some(provider) = self.by_domain.get(domain) {
                return Some(*provider);
            }
            domain = domain.split_once('.')?.1;
        }
    }

    /// The entries without words that may hold for a status.
    pub(crate) fn of_status(&self, status: EnhancedStatus) -> impl Iterator<Item = usize> {
        let of = |detail| self.by_status.get(&(status.subject(), detail)).into_iter().flatten();
        of(Some(status.detail())).chain(of(None)).copied()
    }
}

/// The files, while they are read one after the other.
struct Reading {
    phrases: PhrasesBuilder,
    entries: Vec<Entry>,
    provider_of: Vec<Option<usize>>,
    providers: Vec<Provider>,
    weights: Vec<Weight>,
    by_status: HashMap<(u16, Option<u16>), Vec<usize>>,
    by_code: HashMap<u16, Vec<usize>>,
    mistakes: Vec<String>,
}

impl Reading {
    fn new(classes: HashMap<String, Vec<String>>) -> Self {
        Self {
            phrases: PhrasesBuilder::new(classes),
            entries: Vec::new(),
            provider_of: Vec::new(),
            providers: Vec::new(),
            weights: Vec::new(),
            by_status: HashMap::new(),
            by_code: HashMap::new(),
            mistakes: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, file: File) {
        let provider = file.provider.map(|mut provider| {
            lasting(&mut provider.name);
            for phrase in &provider.says {
                self.phrase(name, phrase, Role::Provider(self.providers.len()));
            }
            self.providers.push(provider);
            self.providers.len() - 1
        });
        for entry in file.entry {
            if !entry.id.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')) {
                self.mistakes.push(format!("{name}.toml: the id must begin with {name}.: {}", entry.id));
            }
            self.entry(name, entry, provider);
        }
    }

    fn entry(&mut self, name: &str, mut entry: Entry, provider: Option<usize>) {
        let index = self.entries.len();
        for phrase in &entry.says {
            self.phrase(name, phrase, Role::Says(index));
        }
        for phrase in &entry.unless {
            self.phrase(name, phrase, Role::Unless(index));
        }
        if entry.says.is_empty() {
            for StatusPattern { subject, detail, .. } in &entry.when.status {
                self.by_status.entry((*subject, *detail)).or_default().push(index);
            }
            if entry.when.status.is_empty() {
                for code in &entry.when.code {
                    self.by_code.entry(*code).or_default().push(index);
                }
                if entry.when.code.is_empty() {
                    self.mistakes.push(format!("{name}.toml: {}: neither words, status nor code", entry.id));
                }
            }
        }
        let Entry { id, summary, advice, references, source, .. } = &mut entry;
        summary.iter_mut().chain(advice).chain(references).chain([id, source]).for_each(lasting);
        self.weights.push(Weight::of(&entry, provider));
        self.entries.push(entry);
        self.provider_of.push(provider);
    }

    fn phrase(&mut self, name: &str, phrase: &str, role: Role) {
        if let Err(why) = self.phrases.add(phrase, role.tag()) {
            self.mistakes.push(format!("{name}.toml: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_has_no_mistakes() {
        assert_eq!(Knowledge::read(FILES).1, Vec::<String>::new());
    }

    #[test]
    fn mistakes_are_named_and_left_out() {
        let file = "[[entry]]\nid = \"other.name\"\nsays = [\"{nobody}\"]\ncause = \"policy\"\nsource = \"field\"\nseen = \"2026-11\"\nmatches = []\n";
        let (_, mistakes) = Knowledge::read(&[("mine", file), ("broken", "[[entry]\n")]);
        for said in
            ["mine.toml: the id must begin with mine.: other.name", "no such class of words: nobody", "broken.toml:"]
        {
            assert!(mistakes.iter().any(|mistake| mistake.contains(said)), "{said}: {mistakes:?}");
        }
    }
}
