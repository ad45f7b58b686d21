//! The shape of a knowledge file: a provider, and entries that say what its words mean.

use crate::{Cause, Disposition, Scope, Who};
use postrider_smtp::{Phase, Said};
use serde::Deserialize;
use std::borrow::Cow;

/// One file, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) provider: Option<Provider>,
    #[serde(default)]
    pub(crate) entry: Vec<Entry>,
}

/// Whose replies a file is about, and how they are recognised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name in verdicts.
    pub name: Cow<'static, str>,
    /// The name for people.
    pub title: Cow<'static, str>,
    /// Domains of its hosts: a host is the provider's if it is one of these or below.
    #[serde(default)]
    pub hosts: Vec<Cow<'static, str>>,
    /// Phrases that only its replies have.
    #[serde(default)]
    pub says: Vec<Cow<'static, str>>,
}

/// How far the words of an entry can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// They hint at the cause.
    Weak,
    /// They say the cause.
    #[default]
    Plain,
    /// They say it beyond doubt, whatever stands beside them.
    Strong,
}

/// What some words, or a status in a provider's hands, mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `file.name`.
    pub id: Cow<'static, str>,
    /// What must hold besides the words.
    #[serde(default)]
    pub when: When,
    /// Phrases, any one of which must be found; none when `when` is enough.
    #[serde(default)]
    pub says: Vec<Cow<'static, str>>,
    /// Phrases none of which may be found.
    #[serde(default)]
    pub unless: Vec<Cow<'static, str>>,
    /// How far the words can be trusted.
    #[serde(default)]
    pub rank: Rank,
    /// Why.
    pub cause: Cause,
    /// What now; without it the cause's own, usually what the first digit says.
    pub disposition: Option<Disposition>,
    /// Whose trouble, if not the cause's own.
    pub scope: Option<Scope>,
    /// Who must act, if not the cause's own.
    pub who: Option<Who>,
    /// Whether the address should get no more mail, if not the cause's own.
    pub suppress: Option<bool>,
    /// One sentence for a person, if the cause's own is not enough.
    pub summary: Option<Cow<'static, str>>,
    /// Steps to take, if the cause's own are not enough.
    #[serde(default)]
    pub advice: Vec<Cow<'static, str>>,
    /// Where to read on, besides `source`.
    #[serde(default)]
    pub references: Vec<Cow<'static, str>>,
    /// Where the knowledge is from: a document, an RFC, a server's source, or `field`.
    pub source: Cow<'static, str>,
    /// When it was last seen to be so, as `2026-11`.
    pub seen: Cow<'static, str>,
    /// Replies that this entry decides.
    pub matches: Vec<Cow<'static, str>>,
    /// Replies that it must leave alone.
    #[serde(default)]
    pub not: Vec<Cow<'static, str>>,
}

impl Entry {
    /// The source, where it is one that a reader can open.
    pub(crate) fn cited(&self) -> Option<&Cow<'static, str>> {
        let section = |rest: &str| rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b' ') || byte >= 0x80);
        let is_rfc = self.source.strip_prefix("RFC ").is_some_and(section);
        (is_rfc || self.source.starts_with("https://")).then_some(&self.source)
    }
}

/// Conditions besides the words; each that is given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Enhanced statuses: `5.7.1`, `x.7.1`, `x.7.*`.
    #[serde(default)]
    pub status: Vec<StatusPattern>,
    /// Reply codes.
    #[serde(default)]
    pub code: Vec<u16>,
    /// First digits of the reply code, or of the status when there is no code.
    #[serde(default)]
    pub class: Vec<u8>,
    /// Phases; a phase that is not known fits all.
    #[serde(default)]
    pub phase: Vec<PhaseName>,
}

impl When {
    pub(crate) fn holds(&self, said: &Said<'_>) -> bool {
        let any = |given: bool, holds: bool| !given || holds;
        any(!self.class.is_empty(), said.class().is_some_and(|class| self.class.contains(&class)))
            && any(!self.code.is_empty(), said.code.is_some_and(|code| self.code.contains(&code.number())))
            && any(!self.status.is_empty(), self.status.iter().any(|pattern| pattern.fits(said)))
            && any(!self.phase.is_empty(), said.phase.is_none_or(|phase| self.phase.iter().any(|one| one.0 == phase)))
    }

    /// How many conditions there are; the more, the more exact.
    pub(crate) fn count(&self) -> usize {
        [self.status.is_empty(), self.code.is_empty(), self.class.is_empty(), self.phase.is_empty()]
            .into_iter()
            .filter(|none| !none)
            .count()
    }
}

/// A phase by its name.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct PhaseName(pub Phase);

impl TryFrom<String> for PhaseName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Phase::from_name(&name).map(Self).ok_or_else(|| format!("no such phase: {name}"))
    }
}

/// An enhanced status with blanks in it: `x` for any class, `*` for any detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StatusPattern {
    /// 4 or 5; `None` for any.
    pub class: Option<u8>,
    /// What it is about.
    pub subject: u16,
    /// Which exactly; `None` for any.
    pub detail: Option<u16>,
}

impl StatusPattern {
    fn fits(self, said: &Said<'_>) -> bool {
        said.enhanced.is_some_and(|status| {
            self.class.is_none_or(|class| class == status.class())
                && self.subject == status.subject()
                && self.detail.is_none_or(|detail| detail == status.detail())
        })
    }
}

impl TryFrom<String> for StatusPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("not a status, want 5.7.1, x.7.1 or x.7.*: {text}");
        let mut parts = text.split('.');
        let (Some(class), Some(subject), Some(detail), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let class = if class == "x" { None } else { Some(class.parse().map_err(|_| wrong())?) };
        let detail = if detail == "*" { None } else { Some(detail.parse().map_err(|_| wrong())?) };
        Ok(Self { class, subject: subject.parse().map_err(|_| wrong())?, detail })
    }
}
