//! What one job costs: admission, admit, next, settle, finished, and making and dropping it.
//! Processor time where the system tells it, so that a busy machine does not count.
//!
//! `cargo run --release -p postrider-queue --example bench_queue`

use postrider_queue::{Action, Admission, Job, JobRecipient, Queue, Routed, Settings};
use postrider_reply::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
use postrider_smtp::{Destination, Domain, MessageId, Timestamp};
use std::error::Error;
use std::hint::black_box;
use std::time::UNIX_EPOCH;

const JOBS: usize = 1_000_000;
/// Jobs in memory at one time.
const BATCH: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    for (destinations, sites) in [(1, 1), (1_000, 1), (1_000, 1_000), (100_000, 100_000)] {
        let names = (0..destinations)
            .map(|n| Domain::parse(&format!("d{n}.example")).map(Destination::Domain))
            .collect::<Result<Vec<_>, _>>()?;
        let ns = run(&names, sites);
        println!("{destinations:>7} destinations, {sites:>7} sites: {ns:>5.0} ns/job");
    }
    Ok(())
}

fn run(names: &[Destination], sites: usize) -> f64 {
    let now = Timestamp(1_800_000_000_000);
    let settings = Settings { per_destination_max: BATCH, ..Settings::default() };
    let mut queue: Queue<u64> = Queue::new(settings);
    let verdict = delivered();
    let mut tickets = Vec::new();
    let mut admitted = 0;
    // The first round finds the routes; it is not counted.
    let mut counted_from = clock();
    let warm = names.len().max(BATCH).div_ceil(BATCH) * BATCH;
    while admitted < JOBS + warm {
        if admitted == warm {
            counted_from = clock();
        }
        for _ in 0..BATCH {
            let job = job(admitted, names[admitted % names.len()].clone(), now);
            if black_box(queue.admission(&job.destination, 10_000, now)) == Admission::Now {
                queue.admit(job, now);
            }
            admitted += 1;
        }
        loop {
            match queue.next(now) {
                Action::Attempt(ticket, job) => tickets.push((ticket, job)),
                Action::Route(destination) => {
                    let number = admitted % sites;
                    let site = if sites == 1 { "mx".into() } else { format!("mx{number}-{destination}").into() };
                    queue.routed(&destination, Routed::Site { site, fresh_until: Timestamp::NEVER }, now);
                }
                _ if tickets.is_empty() => break,
                _ => {
                    for (mut ticket, job) in tickets.drain(..) {
                        black_box(queue.settle(&mut ticket, &job, &job.recipients[0], &verdict, false, now));
                        queue.finished(ticket, now);
                    }
                }
            }
        }
    }
    (clock() - counted_from) as f64 / JOBS as f64
}

/// Nanoseconds of processor time; wall clock where /proc is not there.
fn clock() -> u128 {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let spent = told.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    spent.unwrap_or_else(|| UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos()))
}

fn job(number: usize, destination: Destination, now: Timestamp) -> Job<u64> {
    Job {
        message: MessageId::at(now, 0),
        accepted: now,
        null_sender: false,
        bytes_held: 0,
        destination,
        recipients: vec![JobRecipient { index: 0, attempts: 0, delay_told: false, doubts: 0, notify_delay: true }],
        payload: number as u64,
    }
}

fn delivered() -> Verdict {
    Verdict {
        cause: Cause::Delivered,
        disposition: Disposition::Delivered,
        scope: Scope::Recipient,
        who: Who::Nobody,
        confidence: Confidence::Code,
        suppress: false,
        retry_after_s: None,
        provider: None,
        summary: "".into(),
        advice: Vec::new(),
        evidence: Evidence::default(),
        references: Vec::new(),
    }
}
