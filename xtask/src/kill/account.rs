//! The account at the end: each number was taken or not, came out never, once or more often, and
//! was named in the events or not.

use crate::load::sink::Count;
use crate::load::source::Sent;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

/// Numbers of messages by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    accepted: u64,
    /// Accepted and never seen again.
    lost: Vec<u64>,
    /// Came out more than once, and the events say that this was possible.
    doubled_and_named: Vec<u64>,
    /// Came out more than once, and nothing says why.
    doubled: Vec<u64>,
    /// Came out though their client never heard a 250; it may send them again.
    unheard: u64,
    /// Bounces and the like: nothing was refused, so there must be none.
    strays: u64,
}

impl Account {
    /// Compares what was sent, what came out, and what the events in `data` say.
    pub(crate) fn of(sent: &Sent, count: &Count, data: &Path) -> anyhow::Result<Self> {
        let named = named_in(&events(data)?);
        let mut account = Self { strays: count.unnumbered(), ..Self::default() };
        for (number, accepted) in (0u64..).zip(&sent.accepted) {
            let copies = count.copies(number);
            account.accepted += u64::from(accepted.is_some());
            match (accepted.is_some(), copies) {
                (true, 0) => account.lost.push(number),
                (_, 2..) if named.contains(&number) => account.doubled_and_named.push(number),
                (_, 2..) => account.doubled.push(number),
                (false, 1) => account.unheard += 1,
                _ => {}
            }
        }
        Ok(account)
    }

    /// Whether the promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.accepted > 0 && self.lost.is_empty() && self.doubled.is_empty() && self.strays == 0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, {} lost, {} doubled and named, {} doubled unnamed, {} delivered unheard, {} strays",
            self.accepted,
            self.lost.len(),
            self.doubled_and_named.len(),
            self.doubled.len(),
            self.unheard,
            self.strays
        )?;
        for (what, numbers) in [("lost", &self.lost), ("doubled unnamed", &self.doubled)] {
            if !numbers.is_empty() {
                write!(f, "\n{what}: {:?}", &numbers[..numbers.len().min(20)])?;
            }
        }
        Ok(())
    }
}

/// All lines of all event files that are whole; a kill may cut the last one.
fn events(data: &Path) -> anyhow::Result<Vec<Value>> {
    let mut events = Vec::new();
    for entry in std::fs::read_dir(data.join("events"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        events.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
    }
    Ok(events)
}

/// The numbers of which an event says that they may come out twice. Such an event names the
/// message by the relay's id; other events of that id carry the recipient, which has the number.
fn named_in(events: &[Value]) -> HashSet<u64> {
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    for event in events {
        let recipient = event["recipient"].as_str().or_else(|| event["recipients"][0].as_str());
        if let (Some(id), Some(number)) = (event["message"].as_str(), recipient.and_then(number_of)) {
            numbers.insert(id, number);
        }
    }
    let doubtful = |event: &&Value| matches!(event["event"].as_str(), Some("in-doubt" | "recovered"));
    let ids = events.iter().filter(doubtful).filter_map(|event| event["message"].as_str());
    ids.filter_map(|id| numbers.get(id).copied()).collect()
}

/// `user17@d0000.load.test` is the recipient of message 17.
fn number_of(recipient: &str) -> Option<u64> {
    recipient.strip_prefix("user")?.split('@').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_double_is_named_by_the_event_that_doubted_it() {
        let events = [
            json!({"event": "accepted", "message": "A", "recipients": ["user17@d0000.load.test"]}),
            json!({"event": "recovered", "message": "A", "found": "dot-sent"}),
            json!({"event": "delivered", "message": "B", "recipient": "user18@d0000.load.test"}),
            json!({"event": "in-doubt", "message": "C", "recipient": "user19@d0000.load.test"}),
        ];
        assert_eq!(named_in(&events), HashSet::from([17, 19]));
    }

    #[test]
    fn one_loss_or_one_unnamed_double_breaks_the_promise() {
        let kept = || Account { accepted: 9, doubled_and_named: vec![1], unheard: 2, ..Account::default() };
        assert!(kept().is_kept());
        assert!(!Account { lost: vec![3], ..kept() }.is_kept());
        assert!(!Account { doubled: vec![3], ..kept() }.is_kept());
        assert!(!Account { strays: 1, ..kept() }.is_kept());
        assert!(!Account::default().is_kept());
    }
}
