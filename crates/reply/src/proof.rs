//! Every entry proves itself: its examples are decoded with all the knowledge there is.
//!
//! An example must be decided by its own entry, or by another file's that comes to the same
//! verdict: "user unknown" in Postfix's words is Postfix's to explain, and no quarrel.

use crate::{Context, Decoder, Verdict};
use postrider_smtp::{Phase, Said};
use std::fmt;

/// An example that does not come out as its entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The entry whose example it is.
    pub entry: String,
    /// The example, as written.
    pub example: String,
    /// What decided instead; for a counter-example the entry itself.
    pub decided: String,
}

impl fmt::Display for Dispute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, example, decided } = self;
        if entry == decided {
            write!(f, "{entry}: decides what it must leave alone: {example}")
        } else {
            write!(f, "{entry}: {decided} decides: {example}")
        }
    }
}

/// An example: a reply, and in front of it, if it matters, where it was said and by whom
/// (`rcpt> 550 no`, `@mx.example.com> 550 no`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example<'a> {
    /// Which command was answered.
    pub phase: Option<Phase>,
    /// Which host answered.
    pub host: &'a str,
    /// What it said.
    pub reply: &'a str,
}

impl<'a> Example<'a> {
    /// Reads an example as knowledge files write it.
    pub fn parse(written: &'a str) -> Self {
        let plain = Self { phase: None, host: "", reply: written };
        let Some((place, reply)) = written.split_once("> ") else { return plain };
        let (phase, host) = place.split_once('@').unwrap_or((place, ""));
        match (Phase::from_name(phase), phase.is_empty() && !host.is_empty()) {
            (None, false) => plain,
            (phase, _) => Self { phase, host, reply },
        }
    }

    /// What it means.
    pub fn decode(&self, decoder: &Decoder) -> Verdict {
        let mut said = Said::parse(self.reply);
        said.phase = self.phase.or(said.phase);
        decoder.explain(&said, &Context { host: self.host, recipients_accepted: 0 })
    }
}

impl Decoder {
    /// The examples that do not come out as their entries say; none, if all is well.
    pub fn disputes(&self) -> Vec<Dispute> {
        let mut disputes = Vec::new();
        for entry in self.entries() {
            let dispute = |example: &str, decided: &str| Dispute {
                entry: entry.id.to_string(),
                example: example.to_owned(),
                decided: if decided.is_empty() { "no entry" } else { decided }.to_owned(),
            };
            for example in &entry.matches {
                let verdict = Example::parse(example).decode(self);
                let decided = verdict.evidence.entry.as_deref().unwrap_or_default();
                let agrees = verdict.cause == entry.cause && entry.suppress.is_none_or(|says| says == verdict.suppress);
                if decided != entry.id && (file_of(decided) == file_of(&entry.id) || !agrees) {
                    disputes.push(dispute(example, decided));
                }
            }
            for example in &entry.not {
                let verdict = Example::parse(example).decode(self);
                if verdict.evidence.entry.as_deref() == Some(&*entry.id) {
                    disputes.push(dispute(example, &entry.id));
                }
            }
        }
        disputes
    }
}

/// The file that an entry stands in.
fn file_of(id: &str) -> &str {
    id.split_once('.').map_or(id, |(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_read_as_written() {
        let table = [
            ("550 no", (None, "", "550 no")),
            ("rcpt> 550 no", (Some(Phase::Rcpt), "", "550 no")),
            ("dot@mx.example.com> 550 no", (Some(Phase::Dot), "mx.example.com", "550 no")),
            ("@mx.example.com> 550 no", (None, "mx.example.com", "550 no")),
            ("550 <a@example.com> no", (None, "", "550 <a@example.com> no")),
        ];
        for (written, want) in table {
            let Example { phase, host, reply } = Example::parse(written);
            assert_eq!((phase, host, reply), want, "{written}");
        }
    }
}
