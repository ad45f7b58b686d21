//! What is remembered from one attempt to the next, each with its bound and its end.

use crate::Route;
use postrider_smtp::Destination;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// At most so many hosts are remembered whose TLS failed.
const TLS_FAILURES_MAX: usize = 10_000;
/// For so long IPv6 is left alone when the machine has no way out for it.
const NO_IPV6_FOR: Duration = Duration::from_secs(60);

/// Things that are true until a moment.
#[derive(Debug)]
struct Until<K, V> {
    entries: HashMap<K, (Instant, V)>,
    entries_max: usize,
}

impl<K: Hash + Eq, V: Clone> Until<K, V> {
    fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), entries_max }
    }

    fn get(&self, key: &K, now: Instant) -> Option<V> {
        self.entries.get(key).filter(|(end, _)| now < *end).map(|(_, value)| value.clone())
    }

    /// When it is full, what has ended goes; when nothing has, everything does: it is a
    /// memory, and filling it again costs less than keeping an order in it.
    fn put(&mut self, key: K, value: V, end: Instant, now: Instant) {
        if self.entries.len() >= self.entries_max {
            self.entries.retain(|_, (end, _)| now < *end);
            if self.entries.len() >= self.entries_max {
                self.entries.clear();
            }
        }
        self.entries.insert(key, (end, value));
    }
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Memory {
    routes: Mutex<Until<Destination, Arc<Route>>>,
    tls_failures: Mutex<Until<Arc<str>, ()>>,
    no_ipv6_until: Mutex<Option<Instant>>,
}

impl Memory {
    pub(crate) fn new(routes_max: usize) -> Self {
        Self {
            routes: Mutex::new(Until::new(routes_max.max(1))),
            tls_failures: Mutex::new(Until::new(TLS_FAILURES_MAX)),
            no_ipv6_until: Mutex::new(None),
        }
    }

    pub(crate) fn route(&self, destination: &Destination) -> Option<Arc<Route>> {
        locked(&self.routes).get(destination, Instant::now())
    }

    pub(crate) fn keep_route(&self, destination: &Destination, route: &Arc<Route>, span: Duration) {
        let now = Instant::now();
        locked(&self.routes).put(destination.clone(), route.clone(), now + span, now);
    }

    pub(crate) fn has_failed_tls(&self, host: &Arc<str>) -> bool {
        locked(&self.tls_failures).get(host, Instant::now()).is_some()
    }

    pub(crate) fn keep_tls_failure(&self, host: &Arc<str>, span: Duration) {
        let now = Instant::now();
        locked(&self.tls_failures).put(host.clone(), (), now + span, now);
    }

    pub(crate) fn has_ipv6(&self) -> bool {
        locked(&self.no_ipv6_until).is_none_or(|end| Instant::now() >= end)
    }

    pub(crate) fn keep_no_ipv6(&self) {
        *locked(&self.no_ipv6_until) = Some(Instant::now() + NO_IPV6_FOR);
    }
}

/// A panic elsewhere leaves these maps whole: every change is one insert or one remove.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_ends_and_is_bounded() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut memory = Until::new(3);
        for (key, end) in [("a", 1), ("b", 10), ("c", 10)] {
            memory.put(key, (), later(end), now);
        }
        assert_eq!((memory.get(&"a", now), memory.get(&"a", later(1))), (Some(()), None));
        memory.put("d", (), later(10), later(5));
        assert_eq!(memory.entries.len(), 3, "the ended one made room");
        memory.put("e", (), later(10), later(5));
        assert_eq!((memory.entries.len(), memory.get(&"e", later(5))), (1, Some(())));
    }
}
