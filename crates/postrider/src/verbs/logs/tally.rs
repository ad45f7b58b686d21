//! What a log comes to: volumes, and a row for each kind of trouble, in bounded memory.

use super::curve::Curve;
use super::judge::Judge;
use super::rows::{Row, Rows};
use postrider_maillog::{Direction, Kind, Record};
use postrider_reply::{Cause, Confidence, Scope, Verdict};
use postrider_smtp::{Said, Timestamp};
use std::collections::HashMap;

/// By what troubles are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum By {
    /// A cause at a domain; the recipients' own troubles by cause alone
    Both,
    /// The cause alone
    Cause,
    /// The recipients' domain
    Domain,
    /// The host that answered
    Host,
    /// The mailbox provider
    Provider,
}

/// How many of each were seen.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(super) struct Volume {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    /// By another host.
    pub(super) delivered: u64,
    /// Into a mailbox here.
    pub(super) delivered_here: u64,
    pub(super) deferred: u64,
    pub(super) failed: u64,
    pub(super) expired: u64,
    /// At the door.
    pub(super) rejected: u64,
    pub(super) noticed: u64,
}

/// Whether anything still arrives at a domain.
#[derive(Debug, Clone, Default)]
pub(super) struct Streak {
    delivered: bool,
    pub(super) since: Option<Timestamp>,
    pub(super) failures: u64,
}

/// Destinations that are watched for silence, and words nobody knows, that are kept.
const DOMAINS_MAX: usize = 50_000;
const UNKNOWN_MAX: usize = 500;
/// So many in a row make a silence.
const SILENCE_MIN: u64 = 5;

/// Everything that is told of a log.
#[derive(Debug)]
pub(super) struct Tally {
    by: By,
    judge: Judge,
    pub(super) volume: Volume,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) rows: Rows,
    pub(super) refused: Rows,
    streaks: HashMap<String, Streak>,
    /// Words that only a first digit explains: how often, and one as it was.
    pub(super) unknown: HashMap<String, (u64, String)>,
    key: String,
}

impl Tally {
    pub(super) fn new(by: By) -> Self {
        Self {
            by,
            judge: Judge::new(),
            volume: Volume::default(),
            first: None,
            last: None,
            rows: Rows::default(),
            refused: Rows::default(),
            streaks: HashMap::new(),
            unknown: HashMap::new(),
            key: String::new(),
        }
    }

    /// Counts one fact.
    pub(super) fn add(&mut self, record: &Record<'_>) {
        if let Some(at) = record.at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        let volume = &mut self.volume;
        match (record.kind, record.direction) {
            (_, Direction::Within) => {}
            (Kind::Received, _) => {
                volume.received += 1;
                volume.received_bytes += record.size.unwrap_or_default();
            }
            (Kind::Delivered, Direction::Receiving) => volume.delivered_here += 1,
            (Kind::Delivered, _) => {
                volume.delivered += 1;
                self.arrived(record);
            }
            (Kind::Deferred, _) => {
                volume.deferred += 1;
                self.trouble(record);
            }
            (Kind::Failed, _) => {
                volume.failed += 1;
                self.trouble(record);
            }
            (Kind::Expired, _) => {
                volume.expired += 1;
                self.trouble(record);
            }
            (Kind::Rejected, _) => {
                volume.rejected += 1;
                let verdict = self.judge.verdict(record);
                self.key.clear();
                self.key.push_str(verdict.cause.name());
                let origin = self.first.unwrap_or_default();
                self.refused.row(&self.key, || Row::new(&verdict, origin)).add(record, &verdict, record.client);
            }
            (Kind::Noticed, _) => volume.noticed += 1,
            (Kind::Queued | Kind::Removed, _) => {}
        }
    }

    /// Something arrived: the domain is not silent, and its row knows how much does.
    fn arrived(&mut self, record: &Record<'_>) {
        if let Some(domain) = record.domain() {
            let room = self.streaks.len() < DOMAINS_MAX;
            match self.streaks.get_mut(domain) {
                Some(streak) => *streak = Streak { delivered: true, ..Streak::default() },
                None if room => {
                    self.streaks.insert(domain.to_owned(), Streak { delivered: true, ..Streak::default() });
                }
                None => {}
            }
        }
        let place = match self.by {
            By::Domain => record.domain().unwrap_or(NOBODY),
            By::Host => record.host.unwrap_or(NOBODY),
            By::Provider => provider(&self.judge, record.host, record).unwrap_or(OTHERS),
            By::Both | By::Cause => return,
        };
        self.rows.arrived(place);
    }

    fn trouble(&mut self, record: &Record<'_>) {
        let verdict = self.judge.verdict(record);
        self.silence(record, &verdict);
        if verdict.confidence == Confidence::Digit || verdict.cause == Cause::Unknown {
            self.unknown(record.said);
        }
        let domain = record.domain().unwrap_or(NOBODY);
        // What connects in vain names the host in its words only.
        let host = record.host.or_else(|| Said::parse(record.said).host);
        self.key.clear();
        match self.by {
            // A recipient's own trouble has little to do with the destination.
            By::Both if matches!(verdict.scope, Scope::Recipient | Scope::Message) => {
                self.key.push_str(verdict.cause.name())
            }
            By::Both => self.key.extend([verdict.cause.name(), "\t", domain]),
            By::Cause => self.key.push_str(verdict.cause.name()),
            By::Domain => self.key.push_str(domain),
            By::Host => self.key.push_str(host.unwrap_or(NOBODY)),
            By::Provider => {
                let named = verdict.provider.as_deref().or_else(|| provider(&self.judge, host, record));
                self.key.push_str(named.unwrap_or(OTHERS));
            }
        }
        let origin = self.first.unwrap_or_default();
        self.rows.row(&self.key, || Row::new(&verdict, origin)).add(record, &verdict, record.domain());
    }

    /// A recipient's own trouble says nothing of the destination.
    fn silence(&mut self, record: &Record<'_>, verdict: &Verdict) {
        if matches!(verdict.scope, Scope::Recipient | Scope::Message) || record.kind == Kind::Expired {
            return;
        }
        if let Some(streak) = record.domain().and_then(|domain| self.streaks.get_mut(domain)) {
            streak.failures += 1;
            streak.since = streak.since.or(record.at);
        }
    }

    fn unknown(&mut self, said: &str) {
        let pattern = pattern(said);
        if let Some((count, _)) = self.unknown.get_mut(&pattern) {
            *count += 1;
        } else if self.unknown.len() < UNKNOWN_MAX {
            let shown = said[..said.floor_char_boundary(super::rows::EXAMPLE_BYTES_MAX)].to_owned();
            self.unknown.insert(pattern, (1, shown));
        }
    }

    /// Domains at which nothing arrives any more, though it did before.
    pub(super) fn silent(&self) -> Vec<(&str, &Streak)> {
        let quiet = |streak: &Streak| streak.delivered && streak.failures >= SILENCE_MIN && streak.since.is_some();
        let mut silent: Vec<_> = self
            .streaks
            .iter()
            .filter(|(_, streak)| quiet(streak))
            .map(|(domain, streak)| (domain.as_str(), streak))
            .collect();
        silent.sort_by_key(|(domain, streak)| (std::cmp::Reverse(streak.failures), *domain));
        silent
    }

    /// Since when a row's trouble is much more frequent than before.
    pub(super) fn change(&self, curve: &Curve) -> Option<Timestamp> {
        curve.change(self.last?)
    }
}

/// A place that the log does not name, and providers that are not known here.
const NOBODY: &str = "(not said)";
const OTHERS: &str = "other providers";

/// Who runs the host, or the domain where no host is said.
fn provider<'j>(judge: &'j Judge, host: Option<&str>, record: &Record<'_>) -> Option<&'j str> {
    judge.provider_of(host.or_else(|| record.domain())?)
}

/// The words without what differs from time to time: numbers, addresses.
fn pattern(said: &str) -> String {
    let mut pattern = String::new();
    for word in said.split_whitespace().take(40) {
        pattern.push_str(if pattern.is_empty() { "" } else { " " });
        if word.contains('@') {
            pattern.push('@');
        } else if word.len() > 4 && word.bytes().any(|byte| byte.is_ascii_digit()) {
            pattern.push('#');
        } else {
            pattern.push_str(&word[..word.floor_char_boundary(40)]);
        }
    }
    pattern
}
