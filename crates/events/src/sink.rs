//! Where events go.

use crate::Event;
use std::sync::{Arc, Mutex, PoisonError};

/// The place of an event in its sink, in the order of emission. The first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// Takes events. Taking never blocks on the world and never fails: a sink that cannot keep up
/// loses lines, counts them and says so.
pub trait Sink: Send + Sync + 'static {
    /// Takes one event.
    fn emit(&self, event: &Event) -> Ticket;

    /// Everything up to this ticket is where it belongs, and outlives the death of this process.
    fn written(&self) -> Ticket;
}

/// Hands every event to several sinks.
#[derive(Default)]
pub struct Fan {
    sinks: Vec<Arc<dyn Sink>>,
}

impl Fan {
    /// A fan of these sinks. They must get their events by this fan alone, or tickets say nothing.
    pub fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks }
    }
}

impl Sink for Fan {
    // Threads may reach the sinks in different orders, so the largest of an event's tickets is
    // the one that holds for all of them.
    fn emit(&self, event: &Event) -> Ticket {
        self.sinks.iter().map(|sink| sink.emit(event)).max().unwrap_or_default()
    }

    fn written(&self) -> Ticket {
        self.sinks.iter().map(|sink| sink.written()).min().unwrap_or(Ticket(u64::MAX))
    }
}

/// Keeps events in memory: for tests, and for a console that shows what just happened.
#[derive(Debug, Default)]
pub struct Memory {
    events: Mutex<Vec<Event>>,
}

impl Memory {
    /// What was emitted so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Memory {
    fn emit(&self, event: &Event) -> Ticket {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event.clone());
        Ticket(events.len() as u64)
    }

    fn written(&self) -> Ticket {
        Ticket(self.events.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }
}
