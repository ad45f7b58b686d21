//! Rows of troubles that are put together.

use super::curve::Curve;
use postrider_maillog::{Kind, Record};
use postrider_reply::{Cause, Verdict};
use postrider_smtp::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// More rows are not kept: their troubles are counted together.
const ROWS_MAX: usize = 10_000;
/// Places that one row names.
const PLACES_MAX: usize = 1000;
const PLACE_BYTES_MAX: usize = 255;
/// How much of the words is kept.
pub(super) const EXAMPLE_BYTES_MAX: usize = 600;

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) deferred: u64,
    pub(super) failed: u64,
    pub(super) rejected: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) causes: BTreeMap<Cause, u64>,
    /// Domains, or clients of what was refused.
    pub(super) places: BTreeMap<String, u64>,
    pub(super) curve: Curve,
    /// The words that came last, the host that said them, and what they mean.
    pub(super) example: String,
    pub(super) host: String,
    pub(super) verdict: Rc<Verdict>,
}

impl Row {
    /// A row of nothing; the log begins at `origin`.
    pub(super) fn new(verdict: &Rc<Verdict>, origin: Timestamp) -> Self {
        Self {
            deferred: 0,
            failed: 0,
            rejected: 0,
            first: None,
            last: None,
            causes: BTreeMap::new(),
            places: BTreeMap::new(),
            curve: Curve::new(origin),
            example: String::new(),
            host: String::new(),
            verdict: Rc::clone(verdict),
        }
    }

    /// How often it went wrong.
    pub(super) fn troubles(&self) -> u64 {
        self.deferred + self.failed + self.rejected
    }

    /// Counts one.
    pub(super) fn add(&mut self, record: &Record<'_>, verdict: &Rc<Verdict>, place: Option<&str>) {
        match record.kind {
            Kind::Deferred => self.deferred += 1,
            Kind::Rejected => self.rejected += 1,
            _ => self.failed += 1,
        }
        if let Some(at) = record.at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
            self.curve.add(at);
        }
        let count = self.causes.entry(verdict.cause).or_default();
        *count += 1;
        // The words shown are those of the most frequent cause.
        let count = *count;
        if self.example.is_empty() || self.causes.values().all(|other| *other <= count) {
            keep(&mut self.example, record.said, EXAMPLE_BYTES_MAX);
            keep(&mut self.host, record.host.unwrap_or_default(), PLACE_BYTES_MAX);
            self.verdict = Rc::clone(verdict);
        }
        let Some(place) = place else { return };
        let room = self.places.len() < PLACES_MAX;
        match self.places.get_mut(place) {
            Some(count) => *count += 1,
            None if room => {
                self.places.insert(place[..place.floor_char_boundary(PLACE_BYTES_MAX)].to_owned(), 1);
            }
            None => {}
        }
    }

    /// The places with the most, and how many there are.
    pub(super) fn most(&self, wanted: usize) -> (Vec<(&str, u64)>, usize) {
        let mut places: Vec<_> = self.places.iter().map(|(place, count)| (place.as_str(), *count)).collect();
        places.sort_by_key(|(place, count)| (std::cmp::Reverse(*count), *place));
        let all = places.len();
        places.truncate(wanted);
        (places, all)
    }
}

fn keep(to: &mut String, text: &str, bytes_max: usize) {
    to.clear();
    to.push_str(&text[..text.floor_char_boundary(bytes_max)]);
}

/// All rows, by their key.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: HashMap<String, Row>,
    /// What has no row of its own.
    rest: Option<Box<Row>>,
    /// What arrived where; kept until a row wants it.
    delivered: HashMap<String, u64>,
}

impl Rows {
    /// The row of a key.
    pub(super) fn row(&mut self, key: &str, make: impl FnOnce() -> Row) -> &mut Row {
        let key = &key[..key.floor_char_boundary(2 * PLACE_BYTES_MAX)];
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(key) {
            return self.rest.get_or_insert_with(|| Box::new(make()));
        }
        // A key is copied for each trouble; they are few beside the lines.
        self.rows.entry(key.to_owned()).or_insert_with(make)
    }

    /// One arrived at a place.
    pub(super) fn arrived(&mut self, key: &str) {
        let room = self.delivered.len() < ROWS_MAX;
        match self.delivered.get_mut(key) {
            Some(count) => *count += 1,
            None if room => {
                self.delivered.insert(key.to_owned(), 1);
            }
            None => {}
        }
    }

    /// The rows, the most frequent first, and what has no row of its own.
    pub(super) fn sorted(&self) -> (Vec<(&str, &Row, u64)>, Option<&Row>) {
        let delivered = |key: &str| self.delivered.get(key).copied().unwrap_or_default();
        let mut rows: Vec<_> = self.rows.iter().map(|(key, row)| (key.as_str(), row, delivered(key))).collect();
        rows.sort_by_key(|(key, row, _)| (std::cmp::Reverse(row.troubles()), *key));
        (rows, self.rest.as_deref())
    }
}
