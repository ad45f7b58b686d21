//! A queue with a present that is moved by hand, and answers to routes.

use postrider_queue::{
    Action, ClaimWish, Claimed, Job, JobRecipient, PutBack, Queue, Routed, Settings, Settled, Ticket,
};
use postrider_reply::{Cause, Confidence, Disposition, Evidence, Scope, Verdict, Who};
use postrider_smtp::{Destination, MessageId, Timestamp};
use std::time::Duration;

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) struct Rig {
    pub(crate) queue: Queue<u64>,
    pub(crate) now: Timestamp,
    made: u64,
    last: MessageId,
}

/// Everything that one round of `next` asked for.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) attempts: Vec<(Ticket, Job<u64>)>,
    pub(crate) put_back: Vec<PutBack<u64>>,
    pub(crate) expired: Vec<(Job<u64>, String)>,
    pub(crate) wishes: Vec<ClaimWish>,
    pub(crate) sleep: Timestamp,
}

pub(crate) fn to(name: &str) -> Destination {
    name.parse().unwrap()
}

/// `verdict(cause, scope)`: a retry, but for `Delivered`.
pub(crate) fn verdict(cause: Cause, scope: Scope) -> Verdict {
    Verdict {
        cause,
        disposition: if cause == Cause::Delivered { Disposition::Delivered } else { Disposition::Retry },
        scope,
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

pub(crate) fn delivered() -> Verdict {
    verdict(Cause::Delivered, Scope::Recipient)
}

pub(crate) fn refused() -> Verdict {
    verdict(Cause::ConnectionRefused, Scope::Connection)
}

impl Rig {
    /// A queue whose disk is empty.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut rig =
            Self { queue: Queue::new(settings), now: START, made: 0, last: MessageId::at(Timestamp(START.0 - 1), 0) };
        assert_eq!(rig.round().wishes.len(), 1, "a new queue asks what is on disk");
        rig.claimed(Vec::new(), None, false);
        rig
    }

    pub(crate) fn job(&mut self, name: &str) -> Job<u64> {
        self.made += 1;
        self.last = MessageId::next_after(self.last, self.now, 0);
        Job {
            message: self.last,
            accepted: self.now,
            null_sender: false,
            bytes_held: 0,
            destination: to(name),
            recipients: vec![JobRecipient { index: 0, attempts: 0, delay_told: false, doubts: 0, notify_delay: true }],
            payload: self.made,
        }
    }

    pub(crate) fn admit(&mut self, name: &str, count: usize) {
        for _ in 0..count {
            let job = self.job(name);
            self.queue.admit(job, self.now);
        }
    }

    pub(crate) fn claimed(&mut self, jobs: Vec<Job<u64>>, next_due: Option<Timestamp>, more: bool) {
        self.queue.claimed(Claimed { jobs, next_due, more }, self.now);
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Asks until the queue sleeps. `NAME.at.SITE` lies behind `SITE`, other names behind themselves.
    pub(crate) fn round(&mut self) -> Round {
        let mut round = Round::default();
        loop {
            match self.queue.next(self.now) {
                Action::Route(destination) => {
                    let name = destination.to_string();
                    let site = name.split_once(".at.").map_or(name.as_str(), |(_, site)| site);
                    let routed = Routed::Site { site: site.into(), fresh_until: Timestamp::NEVER };
                    self.queue.routed(&destination, routed, self.now);
                }
                Action::Attempt(ticket, job) => round.attempts.push((ticket, job)),
                Action::PutBack(put_back) => round.put_back.push(put_back),
                Action::Expire(job, reason) => round.expired.push((job, reason.to_string())),
                Action::Claim(wish) => round.wishes.push(wish),
                Action::SleepUntil(at) => {
                    round.sleep = at;
                    return round;
                }
            }
        }
    }

    /// Ends an attempt with this verdict for each recipient; gives what became of the first.
    pub(crate) fn finish(&mut self, attempt: (Ticket, Job<u64>), verdict: &Verdict) -> Settled {
        let (mut ticket, job) = attempt;
        let mut settled = Vec::new();
        for recipient in &job.recipients {
            settled.push(self.queue.settle(&mut ticket, &job, recipient, verdict, false, self.now));
        }
        self.queue.finished(ticket, self.now);
        settled.remove(0)
    }

    /// Delivers until nothing is left; gives the order of destinations.
    pub(crate) fn deliver_all(&mut self) -> Vec<String> {
        let mut order = Vec::new();
        loop {
            let attempts = self.round().attempts;
            if attempts.is_empty() {
                return order;
            }
            for attempt in attempts {
                order.push(attempt.1.destination.to_string());
                self.finish(attempt, &delivered());
            }
        }
    }
}
