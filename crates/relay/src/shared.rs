//! What all tasks of one relay share.
//!
//! Locks are held for a few instructions only, never across I/O or an await.

use crate::clock::Clock;
use crate::dots::DotKeeper;
use crate::job::{Cargo, notify_delay};
use crate::settings::Settings;
use postrider_delivery::Delivery;
use postrider_events::Sink;
use postrider_mailauth::Signer;
use postrider_queue::{Admission, Job, JobRecipient, Queue};
use postrider_reply::Decoder;
use postrider_smtp::{Content, Destination, Envelope, MessageId, Timestamp};
use postrider_spool::{Due, NewMessage, Origin, Spool};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::{Notify, Semaphore, watch};

/// The parts that a reload swaps, all at once.
pub(crate) struct Live {
    pub(crate) settings: Settings,
    pub(crate) delivery: Delivery,
    pub(crate) signer: Option<Signer>,
}

pub(crate) struct Shared {
    pub(crate) spool: Spool,
    pub(crate) decoder: Arc<Decoder>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue: Mutex<Queue<Cargo>>,
    pub(crate) live: RwLock<Arc<Live>>,
    pub(crate) dots: DotKeeper,
    /// Wakes the pump: something was admitted, finished, claimed or operated on.
    pub(crate) wake: Notify,
    /// Kibibytes of content that may be read back from the spool.
    pub(crate) content_room: Semaphore,
    pub(crate) content_room_kib: u32,
    /// Where the last claim ended.
    pub(crate) claim_after: Mutex<Option<Destination>>,
    pub(crate) last_id: Mutex<MessageId>,
    /// Attempts whose outcome is not written yet.
    pub(crate) unwritten_room: Semaphore,
    /// No more attempts are begun, and nothing is accepted.
    pub(crate) stopping: AtomicBool,
    /// Held while an operator changes the queue.
    pub(crate) operating: tokio::sync::Mutex<()>,
    /// How many tasks carry something.
    pub(crate) carrying: watch::Sender<usize>,
}

/// A message planned: what to keep, and the jobs to admit once it is kept.
pub(crate) struct Planned {
    pub(crate) message: NewMessage,
    pub(crate) jobs: Vec<Job<Cargo>>,
    /// When the first recipient that waits on disk is due.
    pub(crate) waits_until: Option<Timestamp>,
}

/// What is known of a message that is about to be kept.
pub(crate) struct Fresh {
    pub(crate) id: MessageId,
    pub(crate) origin: Origin,
    pub(crate) client: String,
    pub(crate) envelope: Envelope,
    pub(crate) content: Content,
}

impl Shared {
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue<Cargo>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn next_id(&self, now: Timestamp, node: u16) -> MessageId {
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = MessageId::next_after(*last, now, node);
        *last
    }

    /// Decides for each destination of a message whether it is tried from memory or waits on disk.
    pub(crate) fn plan(&self, fresh: Fresh, live: &Live, now: Timestamp) -> Planned {
        let Fresh { id, origin, client, envelope, content } = fresh;
        let size = content.len() as u64;
        let destinations: Vec<Destination> =
            envelope.recipients.iter().map(|r| live.delivery.destination(&r.address)).collect();
        let bare = Arc::new(envelope_without_recipients(&envelope));
        let mut planned = Planned {
            message: NewMessage { id, accepted: now, origin, client, envelope, content, plan: Vec::new() },
            jobs: Vec::new(),
            waits_until: None,
        };
        let groups = group(&destinations);
        let mut due_of = vec![Due::Leased; destinations.len()];
        for (destination, indexes) in groups {
            let due = match self.queue().admission(destination, size, now) {
                Admission::Now => {
                    planned.jobs.push(fresh_job(&planned.message, destination, &indexes, &bare));
                    continue;
                }
                Admission::Later { due, .. } => due,
                Admission::Spill => now,
            };
            planned.waits_until = Some(planned.waits_until.map_or(due, |first| first.min(due)));
            indexes.iter().for_each(|index| due_of[*index as usize] = Due::At(due));
        }
        planned.message.plan = destinations.into_iter().zip(due_of).collect();
        planned
    }

    /// Gives kept jobs to the queue.
    pub(crate) fn admit(&self, jobs: Vec<Job<Cargo>>, waits_until: Option<Timestamp>, now: Timestamp) {
        {
            let mut queue = self.queue();
            for job in jobs {
                queue.admit(job, now);
            }
            if let Some(due) = waits_until {
                queue.kept(due);
            }
        }
        self.wake.notify_one();
    }
}

fn envelope_without_recipients(envelope: &Envelope) -> Envelope {
    Envelope {
        sender: envelope.sender.clone(),
        recipients: Vec::new(),
        body: envelope.body,
        smtputf8: envelope.smtputf8,
        ret: envelope.ret,
        envid: envelope.envid.clone(),
        require_tls: envelope.require_tls,
    }
}

/// Indexes by destination, in the order of first appearance.
fn group(destinations: &[Destination]) -> Vec<(&Destination, Vec<u32>)> {
    if let [only] = destinations {
        return vec![(only, vec![0])];
    }
    let mut at = std::collections::HashMap::new();
    let mut groups: Vec<(&Destination, Vec<u32>)> = Vec::new();
    for (index, destination) in (0u32..).zip(destinations) {
        let slot = *at.entry(destination).or_insert_with(|| {
            groups.push((destination, Vec::new()));
            groups.len() - 1
        });
        groups[slot].1.push(index);
    }
    groups
}

fn fresh_job(message: &NewMessage, destination: &Destination, indexes: &[u32], bare: &Arc<Envelope>) -> Job<Cargo> {
    let people: Vec<_> = indexes.iter().map(|index| message.envelope.recipients[*index as usize].clone()).collect();
    let recipients = (indexes.iter().zip(&people))
        .map(|(index, person)| JobRecipient {
            index: *index,
            attempts: 0,
            delay_told: false,
            doubts: 0,
            notify_delay: notify_delay(person),
        })
        .collect();
    let size = message.content.len() as u64;
    Job {
        message: message.id,
        accepted: message.accepted,
        null_sender: bare.sender.is_none(),
        bytes_held: size,
        destination: destination.clone(),
        recipients,
        payload: Cargo {
            envelope: bare.clone(),
            people,
            content: Some(message.content.clone()),
            size,
            leased_until: Timestamp::NEVER,
        },
    }
}
