//! What the hosts took, so that a test can hold it against what the relay says it delivered.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Message ids that are counted; further ones are counted per host only.
pub const MESSAGE_IDS_MAX: usize = 1_000_000;

/// What one host saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostTally {
    /// Connections taken.
    pub connections: u64,
    /// Messages taken.
    pub messages: u64,
    /// Recipients of those messages.
    pub recipients: u64,
    /// Of the messages, those whose sender was not told, as the connection was dropped behind the final dot.
    pub untold: u64,
    /// Refusals: of the connection, of a sender, of a recipient, of a message.
    pub refused: u64,
}

/// A message that a host took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The domain of the host.
    pub domain: &'static str,
    /// The reverse path, empty for the null sender.
    pub sender: String,
    /// The forward paths.
    pub recipients: Vec<String>,
    /// The message.
    pub content: Bytes,
}

#[derive(Debug, Default)]
struct Books {
    hosts: BTreeMap<&'static str, HostTally>,
    ids: HashMap<Box<str>, u32>,
    kept: Vec<Taken>,
}

/// The books of all hosts.
#[derive(Debug)]
pub(crate) struct Tally {
    messages_kept_max: usize,
    books: Mutex<Books>,
}

impl Tally {
    pub(crate) fn new(messages_kept_max: usize) -> Self {
        Self { messages_kept_max, books: Mutex::default() }
    }

    pub(crate) fn connected(&self, domain: &'static str) {
        self.books().hosts.entry(domain).or_default().connections += 1;
    }

    pub(crate) fn refused(&self, domain: &'static str) {
        self.books().hosts.entry(domain).or_default().refused += 1;
    }

    pub(crate) fn took(&self, taken: Taken, told: bool) {
        let id = message_id(&taken.content);
        let mut books = self.books();
        let host = books.hosts.entry(taken.domain).or_default();
        host.messages += 1;
        host.recipients += taken.recipients.len() as u64;
        host.untold += u64::from(!told);
        if let Some(id) = id {
            if let Some(count) = books.ids.get_mut(id.as_str()) {
                *count += 1;
            } else if books.ids.len() < MESSAGE_IDS_MAX {
                books.ids.insert(id.into(), 1);
            }
        }
        if books.kept.len() < self.messages_kept_max {
            books.kept.push(taken);
        }
    }

    pub(crate) fn hosts(&self) -> BTreeMap<&'static str, HostTally> {
        self.books().hosts.clone()
    }

    pub(crate) fn copies(&self) -> HashMap<Box<str>, u32> {
        self.books().ids.clone()
    }

    pub(crate) fn kept(&self) -> Vec<Taken> {
        self.books().kept.clone()
    }

    /// A panic while the lock was held cannot leave the counters in a state that matters to the next one.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands behind `Message-ID:` in the header, without blanks around it.
fn message_id(content: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"message-id:";
    for line in content.split(|b| *b == b'\n') {
        if line.is_empty() || line == b"\r" {
            return None;
        }
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            return Some(String::from_utf8_lossy(&line[NAME.len()..]).trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(content: &'static str) -> Taken {
        Taken {
            domain: "open.test",
            sender: String::new(),
            recipients: vec!["a@open.test".into(), "b@open.test".into()],
            content: Bytes::from_static(content.as_bytes()),
        }
    }

    #[test]
    fn books_are_kept_by_host_and_by_message_id() {
        let tally = Tally::new(1);
        tally.connected("open.test");
        tally.took(taken("Message-Id: <1@x>\r\n\r\n"), true);
        tally.took(taken("A: b\r\nMESSAGE-ID:<1@x>\r\n\r\n"), false);
        tally.took(taken("A: b\r\n\r\nMessage-ID: <no header>\r\n"), true);
        let want = HostTally { connections: 1, messages: 3, recipients: 6, untold: 1, refused: 0 };
        assert_eq!(tally.hosts()["open.test"], want);
        assert_eq!(tally.copies(), HashMap::from([("<1@x>".into(), 2)]));
        assert_eq!(tally.kept().len(), 1);
    }
}
