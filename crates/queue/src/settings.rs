//! The knobs, their defaults, and why the defaults are what they are.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Everything that can be set about the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// When one recipient is tried again.
    pub retry: RetrySettings,
    /// How one site is treated.
    pub site: SiteSettings,
    /// `queue.expire`: how long a message is tried before it goes back to its sender. Five days:
    /// RFC 5321 §4.5.4.1 asks for at least four to five, and a host may be down over a long weekend.
    pub expire: Duration,
    /// `queue.expire_notices`: the same for null senders. One day: nobody waits for a bounce
    /// of last week, and undeliverable ones are mostly backscatter.
    pub expire_notices: Duration,
    /// `queue.expire_refused`: the same for what words refuse for what it is (policy, content, sender,
    /// recipient), though with a temporary code. One day: somebody must act, and cannot before they
    /// are told.
    pub expire_refused: Duration,
    /// `queue.delay_notice_after`: when the sender is told that a message is late. Four hours:
    /// RFC 5321 §4.5.4.1 has no number, four hours is what people have come to know.
    pub delay_notice_after: Duration,
    /// `queue.connections_max`: attempts at one time in all. 500: well below the usual limit of
    /// 1,024 descriptors, with room for inbound sessions.
    pub connections_max: u32,
    /// `queue.destination_connections_max`: attempts at one time for one destination. 20: no
    /// tighter than its site, unless the operator says so.
    pub destination_connections_max: u32,
    /// `queue.jobs_max`: jobs in memory, those being tried included. 20,000: at some 500 octets
    /// each 10 MB, and several seconds of work at full speed.
    pub jobs_max: usize,
    /// `queue.bytes_max`: octets of message contents held in memory for a first attempt.
    /// 64 MiB: a quarter of the memory that a small machine can spare.
    pub bytes_max: u64,
    /// `queue.per_destination_max`: jobs ready in memory for one destination. 5,000: a relay with
    /// one smart host has one destination only, and a quarter of `jobs_max` leaves the others room.
    pub per_destination_max: usize,
    /// `queue.per_site_max`: jobs ready in memory for one site. 10,000: a slow provider with a
    /// thousand domains shall not take all of `jobs_max`.
    pub per_site_max: usize,
    /// `queue.claim_max`: jobs claimed from disk at one time. 500: one short read transaction.
    pub claim_max: usize,
    /// `queue.claim_interval`: the shortest time between two claims that found the disk's due
    /// work done. 100 ms: what falls due one by one is fetched together.
    pub claim_interval: Duration,
    /// `queue.routes_max`: look-ups of sites at one time. 100: a resolver's usual share.
    pub routes_max: usize,
    /// `queue.destinations_max`: destinations remembered. 200,000: at some 400 octets each 80 MB
    /// at worst, reached only by who sends to so many domains within ten minutes.
    pub destinations_max: usize,
    /// `queue.forget_after`: how long an idle destination is remembered. Ten minutes: longer
    /// than the first backoff, so that a retry finds its site known.
    pub forget_after: Duration,
    /// The seed of the jitter. Any number; two relays should have two.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: RetrySettings::default(),
            site: SiteSettings::default(),
            expire: 5 * 24 * HOUR,
            expire_notices: 24 * HOUR,
            expire_refused: 24 * HOUR,
            delay_notice_after: 4 * HOUR,
            connections_max: 500,
            destination_connections_max: 20,
            jobs_max: 20_000,
            bytes_max: 64 << 20,
            per_destination_max: 5_000,
            per_site_max: 10_000,
            claim_max: 500,
            claim_interval: Duration::from_millis(100),
            routes_max: 100,
            destinations_max: 200_000,
            forget_after: 10 * MINUTE,
            seed: 0,
        }
    }
}

/// When one recipient is tried again: `first * factor ^ (attempts - 1)`, at most `max`, each
/// made longer by up to `jitter`, never shorter.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrySettings {
    /// `queue.retry.first`: five minutes. RFC 5321 §4.5.4.1 says thirty, written for hosts that
    /// were polled; most trouble of today (busy, restarting, greylisting) is over in five.
    pub first: Duration,
    /// `queue.retry.factor`: 2, so that five days take about 36 attempts.
    pub factor: f64,
    /// `queue.retry.max`: four hours, so that a host that is back is found within the half day.
    pub max: Duration,
    /// `queue.retry.jitter`: the most that is added, as a share. 0.2 spreads a burst that
    /// failed together.
    pub jitter: f64,
    /// `queue.retry.greylisted`: the wait after greylisting, for the first four attempts. Five
    /// minutes is the usual window, and growing would only make mail late (RFC 6647 §5).
    pub greylisted: Duration,
    /// `queue.retry.mailbox_full`: the first wait when a mailbox is full. One hour: its owner
    /// must act first.
    pub mailbox_full: Duration,
    /// `queue.retry.in_doubt`: the first wait when no reply came to the final dot. 15 minutes:
    /// RFC 1047 §3 asks for ten at least before what may be a duplicate is sent.
    pub in_doubt: Duration,
    /// `queue.retry.in_doubt_times`: how often a recipient is tried again after no reply came to the
    /// final dot. Once: a host that twice takes a message and never says so has most likely
    /// delivered both.
    pub in_doubt_times: u32,
    /// `queue.retry.too_many_recipients`: the first wait when a host took only some recipients.
    /// Two seconds: RFC 5321 §4.5.3.1.10 wants the rest in a further transaction.
    pub too_many_recipients: Duration,
    /// `queue.retry.after_min`: the least that is believed of a reply that names its own wait.
    pub after_min: Duration,
    /// `queue.retry.after_max`: the most that is believed of such a reply. A day.
    pub after_max: Duration,
    /// `queue.retry.attempts_max`: give up after so many attempts; none by default, as time decides.
    pub attempts_max: Option<u32>,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            first: 5 * MINUTE,
            factor: 2.0,
            max: 4 * HOUR,
            jitter: 0.2,
            greylisted: 5 * MINUTE,
            mailbox_full: HOUR,
            in_doubt: 15 * MINUTE,
            in_doubt_times: 1,
            too_many_recipients: Duration::from_secs(2),
            after_min: Duration::from_secs(10),
            after_max: 24 * HOUR,
            attempts_max: None,
        }
    }
}

/// How one site is treated.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteSettings {
    /// `queue.site_connections_max`: attempts at one time. 20: what large providers take from
    /// a stranger, and enough for thousands of messages a second to a near one.
    pub connections_max: u32,
    /// `queue.site_connections_start`: attempts at one time before the site has proved itself;
    /// each success adds one. 5, as other relays have it.
    pub connections_start: u32,
    /// `queue.site_rate`: attempts per time; off by default, as only replies can tell the right one.
    pub rate: Option<Rate>,
    /// `queue.site_failures_max`: troubles in a row before the site is paused. 3: one is chance,
    /// and each costs some job an attempt.
    pub failures_max: u32,
    /// `queue.pause.first`: the first pause of a site or destination. One minute: shorter than
    /// the first backoff, so that a hiccup makes nobody late.
    pub pause_first: Duration,
    /// `queue.pause.factor`: how pauses in a row grow.
    pub pause_factor: f64,
    /// `queue.pause.max`: 30 minutes. A pause ends with a single probe, which is cheap.
    pub pause_max: Duration,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            connections_max: 20,
            connections_start: 5,
            rate: None,
            failures_max: 3,
            pause_first: MINUTE,
            pause_factor: 2.0,
            pause_max: 30 * MINUTE,
        }
    }
}

/// So many attempts per time, evenly; a tenth of them may come in one burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Attempts.
    pub attempts: u32,
    /// Per this time.
    pub per: Duration,
}
