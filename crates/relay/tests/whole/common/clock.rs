//! A clock that is moved by hand.

use postrider_relay::Clock;
use postrider_smtp::Timestamp;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// A sleep so short is over at once.
const NAP: Duration = Duration::from_millis(100);

/// Stands still until it is moved; sleepers wake when it passes them.
pub struct HandClock {
    now: watch::Sender<Timestamp>,
    /// The moments somebody has asked to be woken at.
    asked: Mutex<BTreeSet<Timestamp>>,
}

impl HandClock {
    /// Tue, 24 Nov 2026 16:00:00 UTC.
    pub fn new() -> Self {
        Self { now: watch::Sender::new(Timestamp(1_795_536_000_000)), asked: Mutex::default() }
    }

    pub fn was_asked_for(&self, moment: Timestamp) -> bool {
        self.asked.lock().unwrap().contains(&moment)
    }

    pub fn forward(&self, span: Duration) {
        self.now.send_modify(|now| *now = now.plus(span));
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // The queue's pause between two claims: nobody has to move the clock for that.
        if moment.since(self.now()) <= NAP {
            self.now.send_modify(|now| *now = moment.max(*now));
        }
        self.asked.lock().unwrap().insert(moment);
        let mut now = self.now.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= moment).await;
        })
    }
}
