//! What a job carries through the queue, so that nothing is looked up twice.

use postrider_queue::{Job, JobRecipient};
use postrider_smtp::{Content, Envelope, Recipient, Timestamp};
use postrider_spool::Work;
use std::sync::Arc;

/// The relay's part of a job.
#[derive(Debug)]
pub(crate) struct Cargo {
    /// Sender and wishes, without recipients; shared by all jobs of a message.
    pub(crate) envelope: Arc<Envelope>,
    /// Whom it goes to, in the order of the job's recipients.
    pub(crate) people: Vec<Recipient>,
    /// The message, when the first attempt is made from memory; else it is read from the spool.
    pub(crate) content: Option<Content>,
    /// Octets of the content.
    pub(crate) size: u64,
    /// Until when it is leased to us; for ever when it never waited on disk.
    pub(crate) leased_until: Timestamp,
}

/// Whether the sender wants to hear of a delay (RFC 3461 §4.1).
pub(crate) fn notify_delay(recipient: &Recipient) -> bool {
    recipient.notify.unwrap_or_default().delay
}

/// A job of work that was claimed from disk.
pub(crate) fn claimed_job(work: Work, leased_until: Timestamp) -> Job<Cargo> {
    let recipients = (work.recipients.iter())
        .map(|standing| JobRecipient {
            index: standing.index,
            attempts: standing.attempts,
            delay_told: standing.delay_told,
            doubts: standing.doubts,
            notify_delay: notify_delay(&standing.recipient),
        })
        .collect();
    Job {
        message: work.message,
        accepted: work.accepted,
        null_sender: work.envelope.sender.is_none(),
        bytes_held: 0,
        destination: work.destination,
        recipients,
        payload: Cargo {
            envelope: Arc::new(work.envelope),
            people: work.recipients.into_iter().map(|standing| standing.recipient).collect(),
            content: None,
            size: work.size,
            leased_until,
        },
    }
}
