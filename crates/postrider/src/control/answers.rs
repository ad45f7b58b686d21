//! What was found in the queue, as answers: the same whether a relay or its spool was asked.

use super::protocol::{
    Answer, AttemptRow, DestinationRow, Message, Operation, Page, Part, ROWS_MAX, RecipientRow, State,
};
use postrider_events::Event;
use postrider_smtp::MessageId;
use postrider_spool::{Kept, QueueDestination, QueuePage, QueueQuery, QueueRow, SpoolError, Surgery};

/// The most destinations of one answer.
pub(crate) const DESTINATIONS_MAX: usize = 1000;

/// Messages and recipients in all, and destinations, the longest queues first.
pub(crate) fn destinations(found: Result<((u64, u64), Vec<QueueDestination>), SpoolError>) -> Answer {
    found.map_or_else(
        |error| trouble(&error),
        |((messages, recipients), rows)| Answer::Destinations {
            recipients,
            messages,
            destinations: rows.into_iter().map(destination_row).collect(),
        },
    )
}

/// Recipients in a part.
pub(crate) fn list(found: Result<QueuePage, SpoolError>) -> Answer {
    found.map_or_else(
        |error| trouble(&error),
        |page| Answer::List {
            recipients: page.recipients,
            messages: page.messages,
            rows: page.rows.into_iter().map(recipient_row).collect(),
            more: page.more,
        },
    )
}

/// One message: from the spool while it is there, else from its events.
pub(crate) fn show(id: MessageId, found: Result<(Kept, QueuePage), SpoolError>, events: Vec<Event>) -> Answer {
    match found {
        Ok((kept, page)) => Answer::Show(Box::new(kept_message(id, &kept, page.rows, events))),
        Err(SpoolError::NoSuchMessage(_)) if !events.is_empty() => Answer::Show(Box::new(finished_message(id, events))),
        Err(error) => trouble(&error),
    }
}

/// How many recipients a change touched.
pub(crate) fn operated(touched: Result<u64, SpoolError>) -> Answer {
    touched.map_or_else(|error| trouble(&error), |touched| Answer::Operated { touched })
}

/// The id in a request.
pub(crate) fn message_id(text: &str) -> Result<MessageId, Answer> {
    text.parse().map_err(|error| misunderstood(&error))
}

/// All rows of one message.
pub(crate) fn rows_of(message: MessageId) -> QueueQuery {
    QueueQuery { message: Some(message), rows_max: ROWS_MAX, ..QueueQuery::default() }
}

/// The spool's word for some rows of a part.
pub(crate) fn page_query(page: &Page) -> Result<QueueQuery, Answer> {
    let after = match &page.after {
        Some((id, index)) => Some((message_id(id)?, *index)),
        None => None,
    };
    Ok(QueueQuery { rows_max: page.rows.min(ROWS_MAX), after, ..query(&page.part)? })
}

/// The spool's word for an operation.
pub(crate) fn surgery(operation: Operation) -> Surgery {
    match operation {
        Operation::Retry => Surgery::Retry,
        Operation::Hold => Surgery::Hold,
        Operation::Release => Surgery::Release,
        Operation::Drop => Surgery::Drop,
    }
}

/// The spool's word for a part.
pub(crate) fn query(part: &Part) -> Result<QueueQuery, Answer> {
    let message = part.message.as_deref().map(message_id).transpose()?;
    let destination = part.destination.as_deref().map(str::parse).transpose().map_err(|error| misunderstood(&error))?;
    Ok(QueueQuery { destination, message, address: part.address.clone(), ..QueueQuery::default() })
}

fn trouble(error: &SpoolError) -> Answer {
    Answer::Trouble { message: error.to_string(), missing: matches!(error, SpoolError::NoSuchMessage(_)) }
}

fn misunderstood(error: &impl ToString) -> Answer {
    Answer::Trouble { message: error.to_string(), missing: true }
}

fn destination_row(row: QueueDestination) -> DestinationRow {
    DestinationRow {
        destination: row.destination.to_string(),
        recipients: row.recipients,
        held: row.held,
        in_flight: row.leased,
        oldest: row.oldest.0,
        next_due: row.next_due.map(|due| due.0),
        reason: row.reason,
    }
}

fn recipient_row(row: QueueRow) -> RecipientRow {
    let state = match (row.held, row.due) {
        (true, _) => State::Held,
        (false, None) => State::InFlight,
        (false, Some(_)) => State::Waiting,
    };
    RecipientRow {
        message: row.message.to_string(),
        index: row.standing.index,
        sender: row.sender,
        recipient: row.standing.recipient.address.to_string(),
        destination: row.destination.to_string(),
        size: row.size,
        accepted: row.accepted.0,
        attempts: row.standing.attempts,
        state,
        due: row.due.map(|due| due.0),
        reason: row.reason,
    }
}

fn kept_message(id: MessageId, kept: &Kept, rows: Vec<QueueRow>, events: Vec<Event>) -> Message {
    let attempts = kept.attempts.iter().map(|attempt| AttemptRow {
        at: attempt.at.0,
        took: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        host: attempt.host.clone(),
        outcomes: attempt.outcomes.clone(),
        transcript: attempt.transcript.clone(),
    });
    Message {
        message: id.to_string(),
        queued: true,
        accepted: kept.accepted.0,
        client: Some(kept.client.clone()),
        sender: kept.envelope.sender.as_ref().map(ToString::to_string),
        recipients: kept.envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        waiting: rows.into_iter().map(recipient_row).collect(),
        attempts: attempts.collect(),
        events,
    }
}

fn finished_message(id: MessageId, events: Vec<Event>) -> Message {
    let accepted = events.iter().find_map(|event| match event {
        Event::Accepted(it) => Some(it),
        _ => None,
    });
    let shown = |address: &postrider_smtp::Address| address.to_string();
    Message {
        message: id.to_string(),
        queued: false,
        accepted: id.time().0,
        client: accepted.map(|it| it.client.clone()),
        sender: accepted.and_then(|it| it.sender.as_ref()).map(shown),
        recipients: accepted.map(|it| it.recipients.iter().map(shown).collect()).unwrap_or_default(),
        waiting: Vec::new(),
        attempts: Vec::new(),
        events,
    }
}
