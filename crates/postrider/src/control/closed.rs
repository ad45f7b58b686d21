//! The queue of a data folder on which no relay is running: its spool, opened by the asker.

use super::answers;
use super::protocol::{Answer, Operation, Request};
use postrider_events::{Event, JsonLines, Operated, Sink};
use postrider_smtp::Timestamp;
use postrider_spool::{Engine, QueueQuery, SpoolError, SqliteEngine, SqliteSettings};
use std::path::{Path, PathBuf};

/// A spool without its relay.
pub(crate) struct ClosedRelay {
    engine: SqliteEngine,
    events: PathBuf,
}

impl ClosedRelay {
    /// Opens the spool in a data folder; fails when a relay has it open after all.
    pub(crate) fn open(data: &Path) -> Result<Self, SpoolError> {
        let (engine, _) = SqliteEngine::open(SqliteSettings::new(super::spool(data)))?;
        Ok(Self { engine, events: super::events(data) })
    }

    /// Carries a request out.
    pub(crate) fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        self.carry_out(request, now).unwrap_or_else(|answer| answer)
    }

    fn carry_out(&self, request: &Request, now: Timestamp) -> Result<Answer, Answer> {
        let engine = &self.engine;
        Ok(match request {
            Request::Destinations => {
                let rows = || engine.destinations(answers::DESTINATIONS_MAX);
                answers::destinations(engine.count().and_then(|count| Ok((count, rows()?))))
            }
            Request::List(page) => answers::list(engine.look(&answers::page_query(page)?)),
            Request::Show { message } => {
                let id = answers::message_id(message)?;
                let told = postrider_events::history(&self.events, id).unwrap_or_default();
                let kept = engine.kept(id).and_then(|kept| Ok((kept, engine.look(&answers::rows_of(id))?)));
                answers::show(id, kept, told)
            }
            Request::Operate { part, surgery } => {
                let query = answers::query(part)?;
                let touched = engine.operate(&query, &answers::surgery(*surgery), now);
                if let Ok(recipients) = touched {
                    self.tell(query, *surgery, recipients, now);
                }
                answers::operated(touched)
            }
            Request::Send(_) => Answer::Trouble { message: "no relay is running there".to_owned(), missing: false },
        })
    }

    /// What an operator did is told as it would be by the relay. That it could not be written is
    /// said, and is no reason to undo it.
    fn tell(&self, query: QueueQuery, operation: Operation, recipients: u64, now: Timestamp) {
        let QueueQuery { message, destination, address, .. } = query;
        let by = "command line, no relay running".to_owned();
        let operated = Box::new(Operated { at: now, message, destination, address, recipients, by });
        let event = match operation {
            Operation::Retry => Event::Retried(operated),
            Operation::Hold => Event::Held(operated),
            Operation::Release => Event::Released(operated),
            Operation::Drop => Event::Dropped(operated),
        };
        match JsonLines::open(postrider_events::Settings::new(&self.events)) {
            Ok(lines) => {
                lines.emit(&event);
                lines.flush();
            }
            Err(error) => eprintln!("postrider: done, but not written to the events: {error}"),
        }
    }
}
