//! Connections that are kept for the next message.
//!
//! Keyed by host, not by site: a provider's hosts do not all take each other's mail. Bounded in
//! all; who is idle too long is told QUIT by a task that lives only while there are idle ones.

use crate::TlsMode;
use crate::attempt::Spoken;
use crate::memory::locked;
use postrider_transport::client::Session;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Sessions that can stand for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) tls: TlsMode,
    /// The static route whose login was used.
    pub(crate) route: Option<Arc<str>>,
}

/// A session and what is known of it.
pub(crate) struct Kept {
    pub(crate) session: Session,
    pub(crate) spoken: Spoken,
}

#[derive(Default)]
struct Shelf {
    /// The most recently used last.
    idle: HashMap<Key, Vec<(Instant, Kept)>>,
    count: usize,
    swept_by_task: bool,
}

/// All idle connections.
pub(crate) struct Pool {
    shelf: Mutex<Shelf>,
    connections_max: usize,
    idle_max: Duration,
}

impl Pool {
    pub(crate) fn new(connections_max: usize, idle_max: Duration) -> Arc<Self> {
        Arc::new(Self { shelf: Mutex::default(), connections_max, idle_max })
    }

    /// The most recently used connection: it is the least likely to have been closed, and the
    /// others may end.
    pub(crate) fn take(&self, key: &Key) -> Option<Kept> {
        let mut shelf = locked(&self.shelf);
        let (since, kept) = shelf.idle.get_mut(key)?.pop()?;
        shelf.count -= 1;
        drop(shelf);
        (since.elapsed() < self.idle_max).then_some(kept)
    }

    /// Keeps a connection, or drops it when there are enough.
    pub(crate) fn put(self: &Arc<Self>, key: Key, kept: Kept) {
        let mut shelf = locked(&self.shelf);
        if shelf.count >= self.connections_max {
            return;
        }
        shelf.count += 1;
        shelf.idle.entry(key).or_default().push((Instant::now(), kept));
        if !std::mem::replace(&mut shelf.swept_by_task, true) {
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    /// Takes all out that are idle since before that; says whether any stay.
    fn take_idle_since(&self, before: Instant) -> (Vec<Kept>, bool) {
        let mut shelf = locked(&self.shelf);
        let mut old = Vec::new();
        shelf.idle.retain(|_, list| {
            let fresh = list.iter().position(|(since, _)| *since > before).unwrap_or(list.len());
            old.extend(list.drain(..fresh).map(|(_, kept)| kept));
            !list.is_empty()
        });
        shelf.count -= old.len();
        shelf.swept_by_task = shelf.count > 0;
        (old, shelf.count > 0)
    }

    /// Says QUIT on all.
    pub(crate) async fn close_all(&self) {
        let (all, _) = self.take_idle_since(Instant::now());
        let mut quits = tokio::task::JoinSet::new();
        for kept in all {
            quits.spawn(kept.session.quit());
        }
        while quits.join_next().await.is_some() {}
    }
}

async fn sweep(pool: Arc<Pool>) {
    loop {
        tokio::time::sleep(pool.idle_max.max(Duration::from_millis(100))).await;
        let Some(before) = Instant::now().checked_sub(pool.idle_max) else { continue };
        let (old, more) = pool.take_idle_since(before);
        for kept in old {
            tokio::spawn(kept.session.quit());
        }
        if !more {
            return;
        }
    }
}
