//! Which of the entries that match decides: strong words before plain ones, those of the
//! provider that is known before those of others, longer words before shorter.
//!
//! The points of an entry are six for strong words, four for plain and two for weak ones, one
//! more if its provider is the one that speaks, one less if it rests on a status or code alone.
//! An exact enhanced status stands between plain and weak words: [`EXACT_STATUS_POINTS`].

use crate::entry::{Entry, Rank};
use crate::knowledge::{Knowledge, Role};
use crate::normal::normalise;
use postrider_smtp::Said;
use smallvec::SmallVec;

/// Entries of this many points and fewer give way to an exact enhanced status.
pub(crate) const EXACT_STATUS_POINTS: u8 = 3;
/// What an entry without words needs when its provider is not the one that speaks.
const STRONG_WITHOUT_WORDS: u8 = 5;

/// What the weighing needs of an entry, close together: most entries that match lose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    /// What its rank is worth.
    points: u8,
    conditions: u8,
    /// The provider of its file.
    provider: Option<u32>,
}

impl Weight {
    pub(crate) fn of(entry: &Entry, provider: Option<usize>) -> Self {
        let points = match entry.rank {
            Rank::Strong => 6,
            Rank::Plain => 4,
            Rank::Weak => 2,
        };
        Self { points, conditions: entry.when.count() as u8, provider: provider.map(|provider| provider as u32) }
    }
}

/// An entry that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    // The order of the fields is the order of trust.
    pub(crate) points: u8,
    /// How long the words are that matched.
    pub(crate) length: u32,
    pub(crate) conditions: u8,
    /// The earlier one of two that are alike in all else.
    earlier: std::cmp::Reverse<u32>,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Its file is about a provider that is not known to speak.
    pub(crate) foreign: bool,
}

impl Candidate {
    pub(crate) fn entry(&self) -> usize {
        self.earlier.0 as usize
    }
}

/// What the words of one reply bring up.
#[derive(Debug, Default)]
pub(crate) struct Weighing {
    /// The normalised words.
    pub(crate) text: String,
    /// The entries that match, in no order.
    pub(crate) candidates: Vec<Candidate>,
    /// The provider that speaks.
    pub(crate) provider: Option<usize>,
}

impl Weighing {
    /// Weighs what was said; `host` is the host that answered, or empty.
    pub(crate) fn of(knowledge: &Knowledge, said: &Said<'_>, host: &str) -> Self {
        let text = normalise(&said.text);
        let mut weighing = Self { text, ..Self::default() };
        let mut says: SmallVec<[_; 48]> = SmallVec::new();
        let mut unless: SmallVec<[u32; 32]> = SmallVec::new();
        let mut shown: SmallVec<[u32; 8]> = SmallVec::new();
        knowledge.find(&weighing.text, |seen| match seen.role {
            Role::Says(entry) => says.push((entry as u32, seen.start, seen.end, seen.length)),
            Role::Unless(entry) => unless.push(entry as u32),
            Role::Provider(provider) => shown.push(provider as u32),
        });
        let host = if host.is_empty() { said.host.unwrap_or_default() } else { host };
        let of_host = if host.is_empty() { None } else { knowledge.provider_of_host(host) };
        weighing.provider = of_host.or_else(|| shown.iter().map(|provider| *provider as usize).min());
        shown.extend(of_host.map(|provider| provider as u32));
        weighing.candidates.reserve(says.len() + 2);
        let mut consider = |entry: usize, start, end, length| {
            let Weight { points, conditions, provider } = knowledge.weights[entry];
            if unless.contains(&(entry as u32)) || conditions > 0 && !knowledge.entries[entry].when.holds(said) {
                return;
            }
            let of_provider = provider.is_some_and(|provider| shown.contains(&provider));
            let points = points + u8::from(of_provider) - u8::from(length == 0);
            if length == 0 && !of_provider && provider.is_some() && points < STRONG_WITHOUT_WORDS {
                return;
            }
            let earlier = std::cmp::Reverse(entry as u32);
            let foreign = provider.is_some() && !of_provider;
            weighing.candidates.push(Candidate { points, length, conditions, earlier, start, end, foreign });
        };
        for (entry, start, end, length) in says {
            consider(entry as usize, start, end, length);
        }
        for entry in said.enhanced.into_iter().flat_map(|status| knowledge.of_status(status)) {
            consider(entry, 0, 0, 0);
        }
        for entry in said.code.and_then(|code| knowledge.by_code.get(&code.number())).into_iter().flatten() {
            consider(*entry, 0, 0, 0);
        }
        weighing
    }

    /// The entry that decides.
    #[inline(never)]
    pub(crate) fn best(&self) -> Option<&Candidate> {
        self.candidates.iter().max()
    }

    /// The words by which a candidate was found.
    pub(crate) fn words(&self, candidate: &Candidate) -> &str {
        self.text.get(candidate.start as usize..candidate.end as usize).unwrap_or_default()
    }
}
