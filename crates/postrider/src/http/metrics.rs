//! What is counted, for Prometheus: facts of mail as they are told, and how long things took.
//!
//! Labels come from closed lists (causes, kinds, phases), never from addresses or domains: the
//! number of series is bounded.

use postrider_events::{Attempted, Event, Origin, Sink, Ticket};
use postrider_inbound::Snapshot;
use postrider_relay::{Accept, Received, Refusal};
use postrider_smtp::{MessageId, Reply};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seconds: from a commit on a fast disk to a sick one.
const ACCEPT_BUCKETS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];
/// Seconds: from a neighbour in the same rack to a time-out.
const ATTEMPT_BUCKETS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];
/// Seconds: from at once to giving up.
const DELAY_BUCKETS: [f64; 10] = [0.05, 0.2, 1.0, 5.0, 30.0, 300.0, 1800.0, 14_400.0, 86_400.0, 432_000.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOrigin {
    origin: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCause {
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// What is measured at the moment of asking.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    /// Messages on the spool.
    pub(crate) messages: u64,
    /// Recipients on the spool.
    pub(crate) recipients: u64,
    /// Attempts going on.
    pub(crate) in_flight: u64,
    /// Jobs in memory.
    pub(crate) jobs: u64,
    /// Octets of message contents in memory.
    pub(crate) content_bytes: u64,
    /// What happened at the doors, counted by them.
    pub(crate) doors: Snapshot,
    /// Events that could not be written.
    pub(crate) events_lost: u64,
}

/// All counters of one relay; a sink of its events.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    accepted: Family<ByOrigin, Counter>,
    recipients: Counter,
    delivered: Counter,
    deferred: Family<ByCause, Counter>,
    failed: Family<ByCause, Counter>,
    in_doubt: Counter,
    expired: Counter,
    refused: Family<ByReason, Counter>,
    doors: [Counter; 4],
    events_lost: Counter,
    notices: Counter,
    accept_seconds: Histogram,
    attempt_seconds: Histogram,
    delay_seconds: Histogram,
    gauges: [Gauge<u64, AtomicU64>; 6],
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let buckets = |buckets: [f64; 10]| Histogram::new(buckets);
        let mut metrics = Self {
            registry: Registry::with_prefix("postrider"),
            accepted: Family::default(),
            recipients: Counter::default(),
            delivered: Counter::default(),
            deferred: Family::default(),
            failed: Family::default(),
            in_doubt: Counter::default(),
            expired: Counter::default(),
            refused: Family::default(),
            doors: Default::default(),
            events_lost: Counter::default(),
            notices: Counter::default(),
            accept_seconds: buckets(ACCEPT_BUCKETS),
            attempt_seconds: buckets(ATTEMPT_BUCKETS),
            delay_seconds: buckets(DELAY_BUCKETS),
            gauges: Default::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("messages_accepted", "Messages on stable storage, by door", self.accepted.clone());
        registry.register("recipients_accepted", "Recipients of accepted messages", self.recipients.clone());
        registry.register("recipients_delivered", "Recipients taken by the next host", self.delivered.clone());
        registry.register("attempts_deferred", "Attempts that will be repeated, by cause", self.deferred.clone());
        registry.register("recipients_failed", "Recipients given up, by cause", self.failed.clone());
        registry.register("attempts_in_doubt", "Final dots without a reply", self.in_doubt.clone());
        registry.register("recipients_expired", "Recipients whose time was used up", self.expired.clone());
        registry.register("refusals", "Commands and messages refused at the door", self.refused.clone());
        let doors = [
            ("sessions", "Sessions begun"),
            ("logins", "Logins that held"),
            ("clients_turned_away", "Connections turned away: too many, or after failed logins"),
            ("relaying_denied", "Recipients and senders refused for want of the right to relay"),
        ];
        for ((name, help), counter) in doors.into_iter().zip(&self.doors) {
            registry.register(name, help, counter.clone());
        }
        registry.register("events_lost", "Events that could not be written", self.events_lost.clone());
        registry.register("notices", "Bounces and delay notices made", self.notices.clone());
        let seconds = "From the end of a message to its being on stable storage";
        registry.register("accept_seconds", seconds, self.accept_seconds.clone());
        registry.register("attempt_seconds", "How long attempts took", self.attempt_seconds.clone());
        registry.register("delivery_delay_seconds", "From acceptance to delivery", self.delay_seconds.clone());
        let names = [
            ("queue_messages", "Messages on the spool"),
            ("queue_recipients", "Recipients on the spool"),
            ("attempts_in_flight", "Attempts going on"),
            ("queue_jobs_in_memory", "Jobs in memory"),
            ("queue_content_bytes", "Octets of message contents in memory"),
            ("sessions_now", "Sessions going on"),
        ];
        for ((name, help), gauge) in names.into_iter().zip(&self.gauges) {
            registry.register(name, help, gauge.clone());
        }
    }

    /// The page, with these measurements.
    pub(crate) fn text(&self, now: &Gauges) -> Result<String, std::fmt::Error> {
        let doors = &now.doors;
        let values = [now.messages, now.recipients, now.in_flight, now.jobs, now.content_bytes, doors.sessions_now];
        for (gauge, value) in self.gauges.iter().zip(values) {
            gauge.set(value);
        }
        let counted = [doors.sessions, doors.logins, doors.turned_away, doors.relaying_denied];
        for (counter, value) in self.doors.iter().zip(counted).chain([(&self.events_lost, now.events_lost)]) {
            counter.inner().store(value, Ordering::Relaxed);
        }
        for (reason, value) in &doors.refusals {
            self.refused.get_or_create(&ByReason { reason }).inner().store(*value, Ordering::Relaxed);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn attempted(&self, it: &Attempted) {
        self.attempt_seconds.observe(it.took_ms as f64 / 1000.0);
    }
}

impl Sink for Metrics {
    fn emit(&self, event: &Event) -> Ticket {
        match event {
            Event::Accepted(it) => {
                let origin = match it.origin {
                    Origin::Relay => "relay",
                    Origin::Submission => "submission",
                    Origin::Notice => "notice",
                };
                self.accepted.get_or_create(&ByOrigin { origin }).inc();
                self.recipients.inc_by(it.recipients.len() as u64);
            }
            Event::Delivered(it) => {
                self.delivered.inc();
                self.attempted(it);
                self.delay_seconds.observe(it.at.since(it.message.time()).as_secs_f64());
            }
            Event::Deferred(it) => {
                self.deferred.get_or_create(&ByCause { cause: it.verdict.cause.name() }).inc();
                self.attempted(it);
            }
            Event::Failed(it) => {
                self.failed.get_or_create(&ByCause { cause: it.verdict.cause.name() }).inc();
                self.attempted(it);
            }
            Event::InDoubt(it) => {
                self.in_doubt.inc();
                self.attempted(it);
            }
            Event::Expired(_) => drop(self.expired.inc()),
            Event::Noticed(_) => drop(self.notices.inc()),
            // Refusals are counted by the doors, with reasons finer than replies.
            Event::Refused(_) => {}
            Event::Held(_) | Event::Released(_) | Event::Retried(_) | Event::Dropped(_) | Event::Recovered(_) => {}
        }
        Ticket::default()
    }

    fn written(&self) -> Ticket {
        Ticket(u64::MAX)
    }
}

/// A door's way to the relay, with a clock on it.
#[derive(Debug)]
pub(crate) struct Measured<A> {
    /// The relay.
    pub(crate) accept: A,
    /// Where the time is noted.
    pub(crate) metrics: Arc<Metrics>,
}

impl<A: Accept> Accept for Measured<A> {
    async fn accept(&self, received: Received) -> Result<MessageId, Reply> {
        let begun = Instant::now();
        let result = self.accept.accept(received).await;
        self.metrics.accept_seconds.observe(begun.elapsed().as_secs_f64());
        result
    }

    fn refuses_now(&self) -> Option<Reply> {
        self.accept.refuses_now()
    }

    fn refused(&self, refusal: Refusal) {
        self.accept.refused(refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_events::Expired;
    use postrider_smtp::Timestamp;

    #[test]
    fn events_and_doors_are_counted_and_the_page_is_prometheus_text() {
        let metrics = Metrics::new();
        let expired = Event::Expired(Box::new(Expired {
            at: Timestamp(0),
            message: MessageId::at(Timestamp(0), 0),
            sender: None,
            recipient: "tom@x.test".parse().unwrap(),
            destination: "x.test".parse().unwrap(),
            attempts: 36,
            reason: "greylisted".into(),
        }));
        metrics.emit(&expired);
        metrics.emit(&expired);
        let doors = Snapshot { sessions: 9, refusals: vec![("smuggling", 2)], ..Snapshot::default() };
        let text = metrics.text(&Gauges { messages: 7, doors, ..Gauges::default() }).unwrap();
        for line in [
            "# TYPE postrider_recipients_expired counter",
            "postrider_recipients_expired_total 2",
            "postrider_refusals_total{reason=\"smuggling\"} 2",
            "postrider_sessions_total 9",
            "postrider_queue_messages 7",
            "postrider_accept_seconds_count 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
    }
}
