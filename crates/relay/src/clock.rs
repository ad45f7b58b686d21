//! The relay's clock: the only place where it asks for the present.

use postrider_smtp::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// Wall-clock time, as retry times outlive a restart.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
    /// Completes once `now` has reached `moment`; may complete early, never late for long.
    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// A sleeper looks at the clock this often, so that a clock set forward is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since)
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let span = moment.since(self.now()).min(LONGEST_NAP);
        Box::pin(tokio::time::sleep(span))
    }
}
