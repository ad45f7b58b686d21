//! The relay as its users see it: start, accept, look, operate, reload, stop.

use crate::accept::{Accept, Received, Refusal};
use crate::clock::Clock;
use crate::dots::DotKeeper;
use crate::prepare::prepare;
use crate::pump;
use crate::settings::Settings;
use crate::shared::{Fresh, Live, Shared};
use crate::tell;
use postrider_delivery::Delivery;
use postrider_events::Sink;
use postrider_mailauth::Signer;
use postrider_queue::{Queue, Snapshot, Target};
use postrider_reply::Decoder;
use postrider_smtp::{MessageId, Reply, ReplyCode, Timestamp};
use postrider_spool::{Kept, QueueDestination, QueuePage, QueueQuery, Recovery, Spool, SpoolError, Surgery};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};

/// Attempts whose outcomes may wait to be written; more are not begun until the disk takes some.
const UNWRITTEN_MAX: usize = 2000;

/// The most rows whose neighbours are looked at when an operator wants something tried now.
const PAUSES_FORGOTTEN_MAX: usize = 1000;

/// Why mail waits for a destination that is held.
const HELD: &str = "by an operator";

/// Everything a relay is made of.
pub struct Parts {
    /// The store, opened.
    pub spool: Spool,
    /// What opening it found.
    pub recovery: Recovery,
    /// Routes and connections.
    pub delivery: Delivery,
    /// What replies mean.
    pub decoder: Arc<Decoder>,
    /// When to try what.
    pub queue: postrider_queue::Settings,
    /// Where events go.
    pub sink: Arc<dyn Sink>,
    /// DKIM keys, if any.
    pub signer: Option<Signer>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// The relay's own settings.
    pub settings: Settings,
}

/// A running relay. Cheap to clone; all clones are the same relay.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

impl Relay {
    /// Starts working on what is due. To be called within a tokio runtime.
    pub fn start(parts: Parts) -> Self {
        let now = parts.clock.now();
        let content_room_kib = u32::try_from(parts.settings.content_bytes_max / 1024).unwrap_or(u32::MAX).max(1);
        let node = parts.settings.node;
        let first_id = MessageId::at(now, node);
        let mut queue = Queue::new(parts.queue);
        for destination in &parts.recovery.held {
            queue.hold(&Target::Destination(destination.clone()), HELD, now);
        }
        let shared = Arc::new(Shared {
            dots: DotKeeper::new(parts.spool.clone()),
            spool: parts.spool,
            decoder: parts.decoder,
            sink: parts.sink,
            clock: parts.clock,
            queue: Mutex::new(queue),
            live: RwLock::new(Arc::new(Live {
                settings: parts.settings,
                delivery: parts.delivery,
                signer: parts.signer,
            })),
            wake: Notify::new(),
            content_room: Semaphore::new(content_room_kib as usize),
            content_room_kib,
            unwritten_room: Semaphore::new(UNWRITTEN_MAX),
            claim_after: Mutex::new(None),
            // A clock that was set back must not give an id twice.
            last_id: Mutex::new(parts.recovery.newest.map_or(first_id, |newest| newest.max(first_id))),
            stopping: AtomicBool::new(false),
            operating: tokio::sync::Mutex::new(()),
            carrying: watch::Sender::new(0),
        });
        shared.dots.left_told(tell::recovered(&shared, &parts.recovery, now));
        pump::start(&shared);
        Self(shared)
    }

    /// What is in memory: the busiest sites and destinations, and why they wait.
    pub fn snapshot(&self, rows_max: usize) -> Snapshot {
        self.0.queue().snapshot(rows_max, self.0.clock.now())
    }

    /// How many messages and recipients there are on the spool.
    pub async fn count(&self) -> Result<(u64, u64), SpoolError> {
        self.0.spool.count().await
    }

    /// Destinations with mail, the longest queues first.
    pub async fn destinations(&self, rows_max: usize) -> Result<Vec<QueueDestination>, SpoolError> {
        self.0.spool.destinations(rows_max).await
    }

    /// A look at recipients.
    pub async fn look(&self, query: QueueQuery) -> Result<QueuePage, SpoolError> {
        self.0.spool.look(query).await
    }

    /// A message on the spool, with its attempts.
    pub async fn kept(&self, message: MessageId) -> Result<Kept, SpoolError> {
        self.0.spool.kept(message).await
    }

    /// Changes a part of the queue; gives how many recipients it touched. `by` says who did it.
    ///
    /// What holds a destination as a whole, and nothing narrower, holds for its future mail too,
    /// and over a restart, until that destination or everything is released.
    pub async fn operate(&self, query: QueueQuery, surgery: Surgery, by: &str) -> Result<u64, SpoolError> {
        let now = self.0.clock.now();
        let touched = {
            // One at a time: the holds in the queue are those on disk.
            let _operating = self.0.operating.lock().await;
            self.hold_in_queue(&query, &surgery, now).await?;
            self.0.spool.operate(query.clone(), surgery.clone(), now).await?
        };
        if matches!(surgery, Surgery::Retry | Surgery::Release) {
            self.forget_pauses(&query, now).await?;
        }
        tell::operated(&self.0, &query, &surgery, touched, by, now);
        self.0.wake.notify_one();
        Ok(touched)
    }

    /// A held destination gives out nothing from memory either: what is ready for it goes back to disk.
    async fn hold_in_queue(&self, query: &QueueQuery, surgery: &Surgery, now: Timestamp) -> Result<(), SpoolError> {
        if query.message.is_some() || query.address.is_some() {
            return Ok(());
        }
        match (surgery, &query.destination) {
            (Surgery::Hold, Some(destination)) => {
                self.0.queue().hold(&Target::Destination(destination.clone()), HELD, now);
            }
            (Surgery::Release, Some(destination)) => {
                self.0.queue().release(&Target::Destination(destination.clone()), now);
            }
            (Surgery::Release, None) => {
                let held = self.0.spool.held().await?;
                let mut queue = self.0.queue();
                for destination in held {
                    queue.release(&Target::Destination(destination), now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What an operator wants tried now is not kept waiting by a pause of its neighbour.
    async fn forget_pauses(&self, query: &QueueQuery, now: Timestamp) -> Result<(), SpoolError> {
        let narrowed = query.message.is_some() || query.address.is_some();
        let rows = if narrowed {
            self.0.spool.look(QueueQuery { rows_max: PAUSES_FORGOTTEN_MAX, ..query.clone() }).await?.rows
        } else {
            Vec::new()
        };
        let mut queue = self.0.queue();
        match &query.destination {
            Some(destination) => queue.retry(&Target::Destination(destination.clone()), now),
            None if narrowed => {
                for row in rows {
                    queue.retry(&Target::Destination(row.destination), now);
                }
            }
            None => queue.retry_all(now),
        }
        queue.kept(now);
        Ok(())
    }

    /// Swaps routes, keys and settings from the next message on; sessions and attempts go on.
    pub fn reload(
        &self,
        delivery: Delivery,
        signer: Option<Signer>,
        queue: postrider_queue::Settings,
        settings: Settings,
    ) {
        let live = Arc::new(Live { settings, delivery, signer });
        let old = std::mem::replace(&mut *self.0.live.write().unwrap_or_else(PoisonError::into_inner), live);
        self.0.queue().set_settings(queue);
        self.0.wake.notify_one();
        tokio::spawn(async move { old.delivery.close_idle().await });
    }

    /// Begins no more attempts, waits for those under way at most for `within`, and closes the
    /// spool. What was not finished is found leased at the next start, and done then.
    pub async fn stop(&self, within: Duration) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.wake.notify_one();
        let mut carrying = self.0.carrying.subscribe();
        let finished = carrying.wait_for(|count| *count == 0);
        if tokio::time::timeout(within, finished).await.is_err() {
            let left = *self.0.carrying.borrow();
            tracing::warn!(left, "stopped before all attempts were over; they are made again at the next start");
        }
        self.0.live().delivery.close_idle().await;
        self.0.spool.close().await;
        self.0.dots.written(self.0.sink.written());
    }
}

impl Accept for Relay {
    async fn accept(&self, received: Received) -> Result<MessageId, Reply> {
        let shared = &self.0;
        if let Some(refusal) = self.refuses_now() {
            return Err(refusal);
        }
        let live = shared.live();
        let now = shared.clock.now();
        let id = shared.next_id(now, live.settings.node);
        let content = prepare(&received, id, &live.settings.hostname, now);
        let content = tell::signed(&live, content).await;
        let client = tell::client_of(&received);
        let mut envelope = received.envelope;
        // Some libraries ask for SMTPUTF8 always: what needs it is a non-ASCII local part or header field (RFC 6531 §3.1).
        envelope.smtputf8 = (envelope.smtputf8 && !content.head.is_ascii())
            || envelope.sender.iter().chain(envelope.recipients.iter().map(|r| &r.address)).any(|a| a.needs_smtputf8());
        let planned = shared.plan(Fresh { id, origin: received.origin, client, envelope, content }, &live, now);
        let told = tell::accepted(&planned.message, received.client.protocol, received.client.tls);
        // A task of its own: a session that ends meanwhile must not leave a message that is kept,
        // leased, and never tried.
        let keeping = pump::run(shared, move |shared| async move {
            shared.spool.commit(planned.message).await?;
            shared.sink.emit(&told);
            shared.admit(planned.jobs, planned.waits_until, now);
            Ok(())
        });
        keeping.await.unwrap_or(Err(SpoolError::Closed)).map_err(|error| refusal(&error))?;
        Ok(id)
    }

    fn refused(&self, refusal: Refusal) {
        tell::refused(&self.0, refusal, self.0.clock.now());
    }

    fn refuses_now(&self) -> Option<Reply> {
        if self.0.stopping.load(Ordering::Acquire) {
            return Some(Reply::new(ReplyCode::UNAVAILABLE_421, "4.3.2 shutting down, try again in a minute"));
        }
        if self.0.spool.has_room() { None } else { Some(refusal(&SpoolError::Full(String::new()))) }
    }
}

/// What a client is told when its message could not be kept: nothing is lost, it has it still.
fn refusal(error: &SpoolError) -> Reply {
    if !matches!(error, SpoolError::Full(_) | SpoolError::Closed) {
        tracing::error!(%error, "a message could not be stored; its client has it still");
    }
    match error {
        SpoolError::Full(_) => {
            Reply::new(ReplyCode::NO_STORAGE_452, "4.3.1 no room for mail at the moment, try again later")
        }
        SpoolError::Closed => Reply::new(ReplyCode::UNAVAILABLE_421, "4.3.2 shutting down, try again in a minute"),
        _ => Reply::new(ReplyCode::LOCAL_ERROR_451, "4.3.0 the message could not be stored, try again later"),
    }
}
