//! How many sessions there are, in all and of one client.

use crate::network::client_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Counts sessions. A session holds a [`Slot`] as long as it lives.
#[derive(Debug)]
pub(crate) struct Gate {
    all: watch::Sender<usize>,
    by_client: Mutex<HashMap<IpAddr, usize>>,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// Too many sessions in all.
    All,
    /// Too many sessions of this client.
    Client,
}

/// The right to one session; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    gate: Arc<Gate>,
    client: IpAddr,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { all: watch::Sender::new(0), by_client: Mutex::new(HashMap::new()) }
    }

    /// Takes a slot. The table is as long as there are sessions, so `all_max` bounds it.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr, all_max: usize, client_max: usize) -> Result<Slot, Crowded> {
        let client = client_key(ip);
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if *self.all.borrow() >= all_max {
            return Err(Crowded::All);
        }
        let count = by_client.entry(client).or_insert(0);
        if *count >= client_max {
            return Err(Crowded::Client);
        }
        *count += 1;
        self.all.send_modify(|all| *all += 1);
        Ok(Slot { gate: self.clone(), client })
    }

    pub(crate) fn count(&self) -> usize {
        *self.all.borrow()
    }

    /// Waits until no session is left.
    pub(crate) async fn empty(&self) {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.all.subscribe().wait_for(|all| *all == 0).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut by_client = self.gate.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                by_client.remove(&self.client);
            }
        }
        self.gate.all.send_modify(|all| *all -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_and_given_back() {
        let gate = Arc::new(Gate::new());
        let admit = |ip: &str| gate.admit(ip.parse().unwrap(), 3, 2);
        let first = admit("192.0.2.1").unwrap();
        let second = admit("192.0.2.1").unwrap();
        assert_eq!(admit("192.0.2.1").unwrap_err(), Crowded::Client);
        let third = admit("192.0.2.2").unwrap();
        assert_eq!(admit("192.0.2.3").unwrap_err(), Crowded::All);
        drop(second);
        assert!(admit("192.0.2.1").is_ok());
        drop((first, third));
        assert_eq!((gate.count(), gate.by_client.lock().unwrap().len()), (0, 0));
    }
}
