//! The events of a relay, written as a transcript and waited for.

use postrider_events::{Event, Memory, Sink, Ticket};
use tokio::sync::watch;

/// Keeps events over the lives of a relay, and wakes who waits for them.
pub struct Told {
    memory: Memory,
    changed: watch::Sender<u64>,
}

impl Told {
    pub fn new() -> Self {
        Self { memory: Memory::default(), changed: watch::Sender::new(0) }
    }

    pub fn events(&self) -> Vec<Event> {
        self.memory.events()
    }

    /// Waits until so many events of this kind have been told.
    pub async fn until(&self, count: usize, name: &str) {
        let mut changed = self.changed.subscribe();
        let enough = |_: &u64| self.events().iter().filter(|event| event.name() == name).count() >= count;
        let waited = tokio::time::timeout(super::GUARD, changed.wait_for(enough)).await;
        assert!(waited.is_ok(), "want {count} × {name}, got {:#?}", self.lines());
    }

    /// One line for each event: kind, whom it is about, what it came to.
    pub fn lines(&self) -> Vec<String> {
        self.events().iter().map(line).collect()
    }
}

impl Sink for Told {
    fn emit(&self, event: &Event) -> Ticket {
        let ticket = self.memory.emit(event);
        self.changed.send_modify(|count| *count += 1);
        ticket
    }

    fn written(&self) -> Ticket {
        self.memory.written()
    }
}

fn line(event: &Event) -> String {
    let name = event.name();
    match event {
        Event::Accepted(it) => {
            let to: Vec<String> = it.recipients.iter().map(ToString::to_string).collect();
            let from = it.sender.as_ref().map_or_else(String::new, ToString::to_string);
            format!("{name} <{from}> → {}", to.join(" "))
        }
        Event::Delivered(it) => format!("{name} {} #{}", it.recipient, it.attempt),
        Event::Deferred(it) | Event::InDoubt(it) | Event::Failed(it) => {
            format!("{name} {} #{} {}", it.recipient, it.attempt, it.verdict.cause)
        }
        Event::Expired(it) => format!("{name} {} after {}", it.recipient, it.attempts),
        Event::Noticed(it) => {
            let about: Vec<String> = it.recipients.iter().map(ToString::to_string).collect();
            format!("{name} {} of {:?}: {}", it.to, it.tidings, about.join(" "))
        }
        Event::Held(it) | Event::Released(it) | Event::Retried(it) | Event::Dropped(it) => {
            format!("{name} {} by {}", it.recipients, it.by)
        }
        Event::Recovered(it) => format!("{name} {:?} {:?}", it.found, it.recipients),
        Event::Refused(_) => name.to_owned(),
    }
}
