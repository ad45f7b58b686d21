//! A world played from a seed: random arrivals, verdicts, pauses, a spool that is a map. After
//! each step the bounds hold; at the end every job came out exactly once.

use crate::rig::{START, delivered, to, verdict};
use postrider_queue::{
    Action, Admission, ClaimWish, Claimed, Job, JobRecipient, Queue, Routed, Settings, Settled, SiteSettings, Ticket,
};
use postrider_reply::{Cause, Disposition, Scope, Verdict};
use postrider_smtp::{Destination, MessageId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const STEPS: usize = 3_000;
const DESTINATIONS: u64 = 40;

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

struct World {
    dice: Dice,
    queue: Queue<()>,
    now: Timestamp,
    last: MessageId,
    /// Waiting rows: by destination, message.
    disk: BTreeMap<(Destination, MessageId), (Timestamp, Job<()>)>,
    going: Vec<(Ticket, Job<()>)>,
    /// Every message accepted, and how often it ended.
    ends: HashMap<MessageId, u32>,
    claimed_to: Option<Destination>,
    fair_weather: bool,
}

fn settings(seed: u64) -> Settings {
    Settings {
        connections_max: 12,
        destination_connections_max: 3,
        jobs_max: 80,
        bytes_max: 2000,
        per_destination_max: 12,
        per_site_max: 30,
        claim_max: 10,
        routes_max: 4,
        destinations_max: 30,
        site: SiteSettings { connections_max: 5, connections_start: 2, ..SiteSettings::default() },
        seed,
        ..Settings::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            queue: Queue::new(settings(seed)),
            now: START,
            last: MessageId::at(START, 0),
            disk: BTreeMap::new(),
            going: Vec::new(),
            ends: HashMap::new(),
            claimed_to: None,
            fair_weather: false,
        }
    }

    fn arrive(&mut self) {
        // A third of all mail goes to one destination.
        let number = if self.dice.below(3) == 0 { 0 } else { self.dice.below(DESTINATIONS) };
        self.last = MessageId::next_after(self.last, self.now, 0);
        let bytes_held = self.dice.below(300);
        let mut job = Job {
            message: self.last,
            accepted: self.now,
            null_sender: self.dice.below(10) == 0,
            bytes_held,
            destination: to(&format!("d{number}.example")),
            recipients: vec![JobRecipient { index: 0, attempts: 0, delay_told: false, doubts: 0, notify_delay: true }],
            payload: (),
        };
        self.ends.insert(job.message, 0);
        let due = match self.queue.admission(&job.destination, bytes_held, self.now) {
            Admission::Now => return self.queue.admit(job, self.now),
            Admission::Later { due, .. } => due,
            Admission::Spill => self.now,
        };
        job.bytes_held = 0;
        self.keep(job, due);
    }

    fn keep(&mut self, mut job: Job<()>, due: Timestamp) {
        job.bytes_held = 0;
        let before = self.disk.insert((job.destination.clone(), job.message), (due, job));
        assert!(before.is_none(), "a job in two places");
        self.queue.kept(due);
    }

    fn end(&mut self, message: MessageId) {
        *self.ends.get_mut(&message).unwrap() += 1;
    }

    /// Does what the queue asks; gives when it wants to be asked again.
    fn serve(&mut self) -> Timestamp {
        for _ in 0..10_000 {
            match self.queue.next(self.now) {
                Action::Attempt(ticket, job) => self.going.push((ticket, job)),
                Action::Expire(job, _) => self.end(job.message),
                Action::Route(destination) => {
                    let routed = match self.dice.below(20) {
                        0 if !self.fair_weather => Routed::Unknown,
                        1 if !self.fair_weather => Routed::Nowhere,
                        // Four neighbours, and destinations that move.
                        n => Routed::Site {
                            site: format!("mx{}", n % 4).into(),
                            fresh_until: self.now.plus(Duration::from_secs(self.dice.below(2000))),
                        },
                    };
                    self.queue.routed(&destination, routed, self.now);
                }
                Action::PutBack(put_back) => {
                    for job in put_back.jobs {
                        self.keep(job, put_back.due);
                    }
                }
                Action::Claim(wish) => self.claim(&wish),
                Action::SleepUntil(at) => return at,
            }
            self.check();
        }
        panic!("the queue does not come to rest");
    }

    fn claim(&mut self, wish: &ClaimWish) {
        let mut jobs = Vec::new();
        let mut per_destination: HashMap<&Destination, usize> = HashMap::new();
        let (mut next_due, mut stopped_at) = (None::<Timestamp>, None);
        let from = self.claimed_to.take();
        let rows = self.disk.iter().filter(|((d, _), _)| !wish.skip.contains(d));
        for ((destination, message), (due, _)) in rows {
            if from.as_ref().is_some_and(|from| destination < from) {
                continue;
            }
            let taken = per_destination.entry(destination).or_default();
            if *due > self.now {
                next_due = Some(next_due.map_or(*due, |next| next.min(*due)));
            } else if *taken == wish.per_destination_max {
                next_due = Some(self.now);
            } else if jobs.len() == wish.work_max {
                stopped_at = Some(destination.clone());
                break;
            } else {
                *taken += 1;
                jobs.push((destination.clone(), *message));
            }
        }
        let more = stopped_at.is_some() || from.is_some();
        self.claimed_to = stopped_at;
        let jobs = jobs.iter().map(|key| self.disk.remove(key).unwrap().1).collect();
        self.queue.claimed(Claimed { jobs, next_due, more }, self.now);
    }

    fn weather(&mut self) -> (Verdict, bool) {
        if self.fair_weather || self.dice.below(3) > 0 {
            return (delivered(), false);
        }
        let (cause, scope) = [
            (Cause::ConnectionRefused, Scope::Connection),
            (Cause::ServerBusy, Scope::Destination),
            (Cause::RateLimited, Scope::Source),
            (Cause::Greylisted, Scope::Recipient),
            (Cause::MailboxFull, Scope::Recipient),
            (Cause::RoutingFailed, Scope::Destination),
            (Cause::MailboxUnknown, Scope::Recipient),
        ][usize::try_from(self.dice.below(7)).unwrap()];
        let mut said = verdict(cause, scope);
        if cause == Cause::MailboxUnknown {
            said.disposition = Disposition::Fail;
        }
        (said, self.dice.below(5) == 0)
    }

    fn finish_one(&mut self) {
        if self.going.is_empty() {
            return;
        }
        let at = usize::try_from(self.dice.below(self.going.len() as u64)).unwrap();
        let (mut ticket, mut job) = self.going.swap_remove(at);
        let (said, in_doubt) = self.weather();
        let settled = self.queue.settle(&mut ticket, &job, &job.recipients[0], &said, in_doubt, self.now);
        self.queue.finished(ticket, self.now);
        match settled {
            Settled::Done | Settled::GiveUp { .. } => self.end(job.message),
            Settled::RetryAt { due, tell_delay, .. } => {
                assert!(due > self.now);
                let recipient = &mut job.recipients[0];
                recipient.attempts += 1;
                assert!(!(tell_delay && recipient.delay_told), "told twice");
                recipient.delay_told |= tell_delay;
                self.keep(job, due);
            }
        }
    }

    fn check(&self) {
        let most = settings(0);
        let seen = self.queue.snapshot(usize::MAX, self.now);
        // What overflows is on its way out by the next action.
        assert_eq!(seen.in_flight as usize, self.going.len());
        assert!(seen.in_flight <= most.connections_max);
        assert!(seen.destinations_known <= most.destinations_max);
        assert!(seen.sites_known <= 2 * most.destinations_max);
        for site in &seen.sites {
            assert!(site.in_flight <= most.site.connections_max, "{site:?}");
        }
        for lane in &seen.destinations {
            assert!(lane.in_flight <= most.destination_connections_max, "{lane:?}");
        }
        let ready: usize = seen.destinations.iter().map(|lane| lane.ready).sum();
        let by_site: usize = seen.sites.iter().map(|site| site.ready).sum();
        let routed: usize = seen.destinations.iter().filter(|lane| lane.site.is_some()).map(|lane| lane.ready).sum();
        assert!(ready + self.going.len() <= seen.jobs);
        assert_eq!(by_site, routed);
    }

    fn check_at_rest(&self) {
        let most = settings(0);
        let seen = self.queue.snapshot(usize::MAX, self.now);
        assert!(seen.jobs <= most.jobs_max && seen.bytes <= most.bytes_max, "{seen:?}");
        let ready: usize = seen.destinations.iter().map(|lane| lane.ready).sum();
        assert_eq!(ready + self.going.len(), seen.jobs);
        let open = self.ends.values().filter(|ends| **ends == 0).count();
        assert_eq!(open, self.disk.len() + seen.jobs, "a job was lost or doubled");
    }
}

fn play(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        match world.dice.below(8) {
            0..4 => world.arrive(),
            4..7 => world.finish_one(),
            _ => world.now = world.now.plus(Duration::from_millis(world.dice.below(60_000))),
        }
        world.serve();
        world.check_at_rest();
    }
    // Fair weather: everything comes out, and nothing but time is waited for.
    world.fair_weather = true;
    for _ in 0..1_000_000 {
        let sleep = world.serve();
        world.check_at_rest();
        if !world.going.is_empty() {
            world.finish_one();
        } else if sleep == Timestamp::NEVER {
            break;
        } else {
            world.now = world.now.max(sleep);
        }
    }
    assert!(world.disk.is_empty() && world.queue.jobs() == 0, "{} never went", world.disk.len());
    assert!(world.ends.values().all(|ends| *ends == 1));
    assert!(world.now.since(START) < Duration::from_secs(9 * 24 * 3600), "nothing starves");
}

#[test]
fn whatever_happens_every_job_comes_out_once_and_the_bounds_hold() {
    for seed in 1..=6 {
        println!("seed {seed}");
        play(seed);
    }
}
