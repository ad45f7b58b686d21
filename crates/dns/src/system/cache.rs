//! Answers that were had lately: bounded, and cheap at every step.
//!
//! Two generations. New answers go into the young one; when it has half the entries allowed,
//! it becomes the old one, and the old one is gone with all that nobody asked for since. So
//! what is asked for again and again stays, and nothing ever searches for what to throw out.

use crate::{Answer, Failure, Kind};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

type Known = HashMap<Box<str>, Vec<(Kind, Entry)>>;

#[derive(Debug, Clone)]
struct Entry {
    until: Instant,
    result: Result<Answer, Failure>,
}

#[derive(Debug, Default)]
struct Generations {
    young: Known,
    young_entries: usize,
    old: Known,
}

/// Results by name and kind, each until its time is over.
#[derive(Debug)]
pub(super) struct Cache {
    generation_entries_max: usize,
    generations: Mutex<Generations>,
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { generation_entries_max: entries_max.div_ceil(2).max(1), generations: Mutex::default() }
    }

    /// What is known, with the time it has left.
    pub(super) fn look(&self, name: &str, kind: Kind, now: Instant) -> Option<Result<Answer, Failure>> {
        let mut generations = self.lock();
        let entry = match find(&generations.young, name, kind) {
            Some(entry) => entry.clone(),
            None => {
                let entry = find(&generations.old, name, kind)?.clone();
                generations.keep(name, kind, entry.clone(), self.generation_entries_max);
                entry
            }
        };
        drop(generations);
        let left = entry.until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(match entry.result {
            Ok(answer) => Ok(Answer { ttl: left, ..answer }),
            Err(Failure::NoSuchDomain { .. }) => Err(Failure::NoSuchDomain { ttl: left }),
            Err(Failure::NoData { .. }) => Err(Failure::NoData { ttl: left }),
            Err(trouble) => Err(trouble),
        })
    }

    pub(super) fn keep(&self, name: &str, kind: Kind, result: &Result<Answer, Failure>, until: Instant) {
        let entry = Entry { until, result: result.clone() };
        self.lock().keep(name, kind, entry, self.generation_entries_max);
    }

    pub(super) fn clear(&self) {
        *self.lock() = Generations::default();
    }

    /// A panic while the lock was held cannot leave more than a lost entry behind.
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, name: &str, kind: Kind, entry: Entry, entries_max: usize) {
        let kinds = match self.young.get_mut(name) {
            Some(kinds) => kinds,
            None => self.young.entry(name.into()).or_default(),
        };
        if let Some((_, known)) = kinds.iter_mut().find(|(known, _)| *known == kind) {
            *known = entry;
            return;
        }
        kinds.push((kind, entry));
        self.young_entries += 1;
        if self.young_entries >= entries_max {
            self.old = std::mem::take(&mut self.young);
            self.young_entries = 0;
        }
    }
}

fn find<'a>(known: &'a Known, name: &str, kind: Kind) -> Option<&'a Entry> {
    known.get(name)?.iter().find(|(known, _)| *known == kind).map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn absent() -> Result<Answer, Failure> {
        Err(Failure::NoData { ttl: 60 * SECOND })
    }

    #[test]
    fn what_is_kept_says_how_long_it_stays_true() {
        let (cache, now) = (Cache::new(10), Instant::now());
        cache.keep("a.test", Kind::Mx, &absent(), now + 60 * SECOND);
        let ttl = |after: u32| cache.look("a.test", Kind::Mx, now + after * SECOND).map(|r| r.unwrap_err().ttl());
        assert_eq!(ttl(0), Some(Some(60 * SECOND)));
        assert_eq!(ttl(59), Some(Some(SECOND)));
        assert_eq!(ttl(60), None);
        assert_eq!(cache.look("a.test", Kind::A, now), None);
        cache.clear();
        assert_eq!(ttl(0), None);
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let (cache, now) = (Cache::new(20), Instant::now());
        cache.keep("asked.test", Kind::A, &absent(), now + SECOND);
        cache.keep("idle.test", Kind::A, &absent(), now + SECOND);
        for number in 0..100 {
            cache.keep(&format!("{number}.test"), Kind::A, &absent(), now + SECOND);
            assert!(cache.look("asked.test", Kind::A, now).is_some(), "after {number}");
        }
        assert_eq!(cache.look("idle.test", Kind::A, now), None);
        let generations = cache.lock();
        assert!(generations.young.len() + generations.old.len() <= 20);
    }
}
