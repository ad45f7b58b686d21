//! Group commit: what one transaction takes in, and what is done when it fails.
//!
//! Invariant: every ticket gets exactly one answer, and `Ok` only from a transaction that was durable.
//! When a batch fails, records go first, so that finished mail leaves a full disk; then each ticket
//! is tried by itself, so that one message that is too large or damaged fails alone.

use crate::engine::{Engine, NewMessage, Record, SpoolError};
use tokio::sync::oneshot;

/// Failures in a row after which the rest of a batch is not tried one by one: the disk is at fault, not a message.
const FAILURES_IN_A_ROW_MAX: usize = 3;

/// Where the answer goes. The asker may be gone; then the work is done all the same.
pub(crate) type Answer = oneshot::Sender<Result<(), SpoolError>>;

/// Something to be written, and who waits for it.
pub(crate) enum Ticket {
    Commit(Box<NewMessage>, Answer),
    Record(Record, Answer),
}

impl Ticket {
    /// Octets of content that it brings.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Commit(new, _) => new.content.len(),
            Self::Record(record, _) => record.notices.iter().map(|notice| notice.content.len()).sum(),
        }
    }
}

/// One transaction's tickets.
#[derive(Default)]
pub(crate) struct Batch {
    commits: Vec<NewMessage>,
    commit_answers: Vec<Answer>,
    records: Vec<Record>,
    record_answers: Vec<Answer>,
}

impl Batch {
    pub(crate) fn push(&mut self, ticket: Ticket) {
        match ticket {
            Ticket::Commit(new, answer) => {
                self.commits.push(*new);
                self.commit_answers.push(answer);
            }
            Ticket::Record(record, answer) => {
                self.records.push(record);
                self.record_answers.push(answer);
            }
        }
    }

    /// Writes all and answers all.
    pub(crate) fn write(&mut self, engine: &dyn Engine) {
        if self.commits.is_empty() && self.records.is_empty() {
            return;
        }
        match engine.write(&self.commits, &self.records) {
            Ok(()) => {
                let answers = self.commit_answers.drain(..).chain(self.record_answers.drain(..));
                answers.for_each(|answer| drop(answer.send(Ok(()))));
            }
            Err(error) => self.write_in_parts(engine, error),
        }
        self.commits.clear();
        self.records.clear();
    }

    fn write_in_parts(&mut self, engine: &dyn Engine, error: SpoolError) {
        let alone = self.commits.len() + self.records.len() == 1;
        let records = std::mem::take(&mut self.records);
        let answers = std::mem::take(&mut self.record_answers);
        if !self.commits.is_empty() && !records.is_empty() && engine.record(&records).is_ok() {
            answers.into_iter().for_each(|answer| drop(answer.send(Ok(()))));
        } else {
            one_by_one(records, answers, alone.then_some(&error), |record| engine.record(std::slice::from_ref(record)));
        }
        // Small ones first: on a disk that is nearly full they may still find room.
        let mut commits: Vec<_> = self.commits.drain(..).zip(self.commit_answers.drain(..)).collect();
        commits.sort_by_key(|(new, _)| new.content.len());
        let (commits, answers) = commits.into_iter().unzip();
        one_by_one(commits, answers, alone.then_some(&error), |new| engine.commit(std::slice::from_ref(new)));
    }
}

/// Tries each by itself until too many failed in a row; those behind get the last error. `known` is
/// the error of one that was tried alone already.
fn one_by_one<T>(
    items: Vec<T>,
    answers: Vec<Answer>,
    known: Option<&SpoolError>,
    write: impl Fn(&T) -> Result<(), SpoolError>,
) {
    let mut failures = 0;
    let mut last = known.cloned();
    for (item, answer) in items.iter().zip(answers) {
        let result = match &last {
            Some(error) if known.is_some() || failures >= FAILURES_IN_A_ROW_MAX => Err(error.clone()),
            _ => write(item),
        };
        match &result {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                last = Some(error.clone());
            }
        }
        let _ = answer.send(result);
    }
}
