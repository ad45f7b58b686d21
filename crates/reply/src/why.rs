//! The path of trust, to be shown to people: what was considered, and what decided.

use crate::entry::{Entry, Rank};
use crate::knowledge::CauseFacts;
use crate::weigh::Weighing;
use crate::{Cause, Context, Decoder, Provider};
use postrider_smtp::{EnhancedStatus, Said};
use serde::Serialize;

/// An entry that matched, whether it decided or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Considered {
    /// Its id.
    pub entry: String,
    /// What it says the cause is.
    pub cause: Cause,
    /// The words that matched, as they were looked for; empty if a status or code was enough.
    pub matched: String,
    /// Its points; the entry with most decides, the longer words where points are even.
    pub points: u8,
}

impl Decoder {
    /// The entries that match what was said, the one that decides first, each once.
    pub fn weigh(&self, said: &Said<'_>, context: &Context<'_>) -> Vec<Considered> {
        let weighing = Weighing::of(&self.knowledge, said, context.host);
        let mut candidates = weighing.candidates.clone();
        candidates.sort_by(|one, other| other.cmp(one));
        let mut considered: Vec<Considered> = Vec::new();
        for candidate in &candidates {
            let entry = &self.knowledge.entries[candidate.entry()];
            if considered.iter().all(|other| other.entry != entry.id) {
                considered.push(Considered {
                    entry: entry.id.to_string(),
                    cause: entry.cause,
                    matched: weighing.words(candidate).to_owned(),
                    points: candidate.points,
                });
            }
        }
        considered
    }

    /// All entries, in the order of their files.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.knowledge.entries.iter()
    }

    /// The provider of the file that an entry stands in.
    pub fn provider_of(&self, id: &str) -> Option<&Provider> {
        let at = self.knowledge.entries.iter().position(|entry| entry.id == id)?;
        self.knowledge.providers.get(self.knowledge.provider_of[at]?)
    }

    /// The provider that runs a host, where that is known.
    pub fn provider_of_host(&self, host: &str) -> Option<&Provider> {
        self.knowledge.providers.get(self.knowledge.provider_of_host(host)?)
    }

    /// All providers.
    pub fn providers(&self) -> &[Provider] {
        &self.knowledge.providers
    }

    /// What a cause means where nothing finer is known.
    pub fn cause(&self, cause: Cause) -> Option<&CauseFacts> {
        self.knowledge.cause(cause)
    }

    /// What the registry has for a status, in one sentence.
    pub fn status_summary(&self, status: EnhancedStatus) -> Option<&'static str> {
        let said = Said { enhanced: Some(status), ..Said::default() };
        let place = crate::registry::Place::of(&said, false);
        self.enhanced.get((status.subject(), status.detail()), place).map(|row| row.summary)
    }
}

impl Rank {
    /// The name in knowledge files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Plain => "plain",
            Self::Strong => "strong",
        }
    }
}
