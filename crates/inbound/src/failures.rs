//! Failed logins by client address: who guesses is turned away for a while.

use crate::network::client_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most clients remembered; beyond it the one that failed longest ago is forgotten.
const CLIENTS_MAX: usize = 10_000;

/// Who failed, how often, and when last.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Failures {
    /// Counts a failure.
    pub(crate) fn record(&self, ip: IpAddr, window: Duration, now: Instant) {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let client = client_key(ip);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            clients.retain(|_, (_, last)| now.duration_since(*last) < window);
            if clients.len() >= CLIENTS_MAX
                && let Some(oldest) = clients.iter().min_by_key(|(_, (_, last))| *last).map(|(client, _)| *client)
            {
                clients.remove(&oldest);
            }
        }
        let (count, last) = clients.entry(client).or_insert((0, now));
        *count = if now.duration_since(*last) < window { count.saturating_add(1) } else { 1 };
        *last = now;
    }

    /// How long the client is still to be turned away, if it is.
    pub(crate) fn turned_away(&self, ip: IpAddr, count_max: u32, window: Duration, now: Instant) -> Option<Duration> {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = clients.get(&client_key(ip))?;
        (*count >= count_max).then(|| window.checked_sub(now.duration_since(*last))).flatten()
    }

    /// A login that held: the client is who it says, and typed wrong before.
    pub(crate) fn forgive(&self, ip: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&client_key(ip));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn who_guesses_is_turned_away_for_a_while() {
        let (failures, start, ip) = (Failures::default(), Instant::now(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert_eq!(failures.turned_away(ip, 3, WINDOW, now), None);
            failures.record(ip, WINDOW, now);
        }
        let at = |second| failures.turned_away(ip, 3, WINDOW, start + Duration::from_secs(second));
        assert_eq!(at(12), Some(Duration::from_secs(50)));
        assert_eq!(at(63), None);
        failures.forgive(ip);
        assert_eq!(at(12), None);
    }

    #[test]
    fn the_table_is_bounded() {
        let (failures, start) = (Failures::default(), Instant::now());
        for number in 0..CLIENTS_MAX as u32 + 5 {
            failures.record(
                IpAddr::V4(Ipv4Addr::from_bits(number)),
                WINDOW,
                start + Duration::from_micros(number.into()),
            );
        }
        let clients = failures.0.lock().unwrap();
        assert_eq!(clients.len(), CLIENTS_MAX);
        assert!(!clients.contains_key(&IpAddr::V4(Ipv4Addr::from_bits(4))), "the oldest went first");
    }
}
