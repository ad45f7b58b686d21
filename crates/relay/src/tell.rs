//! From what happened to the events that say so. Nothing is told that is not durable.

use crate::accept::{Received, Refusal};
use crate::carry::Settlement;
use crate::job::Cargo;
use crate::notice::Ready;
use crate::prepare::message_id_of;
use crate::shared::{Live, Shared};
use postrider_delivery::Attempt;
use postrider_events::{
    Accepted, Attempted, Event, Expired, Found, Next, Noticed, Operated, Recovered, Refused, Ticket, Tidings, Via,
};
use postrider_queue::{GiveUp, Job, Settled};
use postrider_smtp::{Content, Outcome, Timestamp};
use postrider_spool::{NewMessage, Origin, QueueQuery, Recovery, Surgery};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message is taken over; to be emitted once it is durable.
pub(crate) fn accepted(message: &NewMessage, protocol: &str, tls: Option<String>) -> Event {
    Event::Accepted(Box::new(Accepted {
        at: message.accepted,
        message: message.id,
        origin: origin(message.origin),
        client: message.client.clone(),
        protocol: protocol.to_owned(),
        tls,
        sender: message.envelope.sender.clone(),
        recipients: message.envelope.recipients.iter().map(|r| r.address.clone()).collect(),
        size: message.content.len() as u64,
        header_id: message_id_of(&message.content.head).map(|id| id.trim_matches(['<', '>']).to_owned()),
    }))
}

/// A door said no.
pub(crate) fn refused(shared: &Shared, refusal: Refusal, now: Timestamp) {
    let reason = refusal.reply.text();
    shared.sink.emit(&Event::Refused(Box::new(Refused {
        at: now,
        client: refusal.client,
        hello: refusal.hello,
        phase: refusal.phase,
        sender: refusal.sender,
        recipient: refusal.recipient.map(|recipient| recipient.to_string()),
        reply: refusal.reply,
        reason,
    })));
}

/// Who handed a message in, for people: the user, or the client's address.
pub(crate) fn client_of(received: &Received) -> String {
    match (&received.client.user, received.client.peer) {
        (Some(user), _) => user.clone(),
        (None, Some(peer)) => peer.ip().to_string(),
        (None, None) => "command line".to_owned(),
    }
}

/// One attempt: one event for each recipient, the transcript with the first.
pub(crate) fn attempt(
    shared: &Shared,
    job: &Job<Cargo>,
    settlements: &[Settlement],
    attempt: &Attempt,
    now: Timestamp,
) -> Ticket {
    let via = via(attempt);
    let took = attempt.timings.route + attempt.timings.session + attempt.timings.transaction;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let mut transcript = Some(Arc::from(attempt.transcript.as_str()));
    let mut last = Ticket::default();
    for ((settlement, recipient), person) in settlements.iter().zip(&job.recipients).zip(&job.payload.people) {
        let Some(outcome) = &settlement.outcome else { continue };
        let attempted = Box::new(Attempted {
            at: now,
            message: job.message,
            sender: job.payload.envelope.sender.clone(),
            recipient: person.address.clone(),
            destination: job.destination.clone(),
            attempt: recipient.attempts + 1,
            took_ms,
            via: via.clone(),
            outcome: outcome.clone(),
            verdict: settlement.verdict.clone(),
            next: next(&settlement.settled),
            transcript: transcript.take(),
        });
        last = shared.sink.emit(&kind_of(settlement, outcome, attempted));
        if let Settled::GiveUp { reason: reason @ (GiveUp::Expired | GiveUp::AttemptsMax | GiveUp::InDoubt) } =
            &settlement.settled
        {
            last = expired(shared, job, recipient.index, recipient.attempts + 1, reason.name(), now);
        }
    }
    last
}

fn kind_of(settlement: &Settlement, outcome: &Outcome, attempted: Box<Attempted>) -> Event {
    match (&settlement.settled, outcome) {
        (Settled::Done, _) => Event::Delivered(attempted),
        (Settled::GiveUp { reason: GiveUp::Failed }, _) => Event::Failed(attempted),
        (_, Outcome::InDoubt(_)) => Event::InDoubt(attempted),
        _ => Event::Deferred(attempted),
    }
}

fn next(settled: &Settled) -> Option<Next> {
    match settled {
        Settled::RetryAt { due, reason, .. } => Some(Next { due: *due, reason: reason.to_string() }),
        _ => None,
    }
}

fn via(attempt: &Attempt) -> Via {
    let spoken = attempt.spoken.as_ref();
    Via {
        site: attempt.site.clone(),
        host: spoken.map(|s| s.host.clone()),
        address: spoken.map(|s| s.address),
        source: spoken.and_then(|s| s.source),
        tls: spoken.and_then(|s| s.tls.as_ref()).map(|tls| tls.to_string().into()),
    }
}

/// One recipient's time is used up.
pub(crate) fn expired(
    shared: &Shared,
    job: &Job<Cargo>,
    index: u32,
    attempts: u32,
    reason: &str,
    now: Timestamp,
) -> Ticket {
    let at = job.recipients.iter().position(|recipient| recipient.index == index);
    let Some(person) = at.and_then(|at| job.payload.people.get(at)) else { return Ticket::default() };
    shared.sink.emit(&Event::Expired(Box::new(Expired {
        at: now,
        message: job.message,
        sender: job.payload.envelope.sender.clone(),
        recipient: person.address.clone(),
        destination: job.destination.clone(),
        attempts,
        reason: reason.to_owned(),
    })))
}

/// The sender is told by mail. The notice is a message of its own, with its own `accepted`.
pub(crate) fn noticed(shared: &Shared, job: &Job<Cargo>, ready: &Ready, now: Timestamp) {
    shared.sink.emit(&Event::Noticed(Box::new(Noticed {
        at: now,
        message: job.message,
        notice: ready.id,
        tidings: match ready.tidings {
            postrider_report::Tidings::Failure => Tidings::Failure,
            postrider_report::Tidings::Delay => Tidings::Delay,
            postrider_report::Tidings::Success => Tidings::Success,
        },
        to: ready.to.clone(),
        recipients: ready.about.clone(),
    })));
}

/// What a start found of the life before it.
pub(crate) fn recovered(shared: &Shared, recovery: &Recovery, now: Timestamp) -> Ticket {
    let mut begun: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for (message, recipient) in &recovery.recovered {
        begun.entry(*message).or_default().push(*recipient);
    }
    let mut last = Ticket::default();
    let mut emit = |message, found, recipients| {
        last = shared.sink.emit(&Event::Recovered(Box::new(Recovered { at: now, message, found, recipients })));
    };
    for message in &recovery.in_doubt {
        let recipients = begun.remove(message).unwrap_or_default();
        tracing::warn!(%message, "the last life ended between this message's final dot and its record: it may come twice");
        emit(*message, Found::InDoubt, recipients);
    }
    for message in &recovery.untold {
        emit(*message, Found::Untold, Vec::new());
    }
    for (message, recipients) in begun {
        emit(message, Found::Begun, recipients);
    }
    last
}

/// An operator's hand on the queue.
pub(crate) fn operated(
    shared: &Shared,
    query: &QueueQuery,
    surgery: &Surgery,
    recipients: u64,
    by: &str,
    now: Timestamp,
) {
    let operated = Box::new(Operated {
        at: now,
        message: query.message,
        destination: query.destination.clone(),
        address: query.address.clone(),
        recipients,
        by: by.to_owned(),
    });
    shared.sink.emit(&match surgery {
        Surgery::Retry => Event::Retried(operated),
        Surgery::Hold => Event::Held(operated),
        Surgery::Release => Event::Released(operated),
        Surgery::Drop => Event::Dropped(operated),
    });
}

fn origin(origin: Origin) -> postrider_events::Origin {
    match origin {
        Origin::Relay => postrider_events::Origin::Relay,
        Origin::Submission => postrider_events::Origin::Submission,
        Origin::Notice => postrider_events::Origin::Notice,
    }
}

/// The message with its DKIM signatures, when there is a key for it. A message that cannot be
/// signed goes out unsigned, and the log says so: mail matters more than its seal.
pub(crate) async fn signed(live: &Arc<Live>, content: Content) -> Content {
    if live.signer.is_none() {
        return content;
    }
    let live = live.clone();
    let unsigned = content.clone();
    // An RSA signature takes a millisecond or two: too long for a thread that serves sessions.
    let signing = tokio::task::spawn_blocking(move || {
        let fields = match live.signer.as_ref().map(|signer| signer.sign(&content)) {
            Some(Ok(fields)) => fields,
            Some(Err(error)) => {
                tracing::error!(%error, "a message goes out unsigned");
                return content;
            }
            None => return content,
        };
        let mut head = Vec::with_capacity(fields.len() + content.head.len());
        head.extend_from_slice(fields.as_bytes());
        head.extend_from_slice(&content.head);
        Content { head: head.into(), body: content.body }
    });
    signing.await.unwrap_or(unsigned)
}
