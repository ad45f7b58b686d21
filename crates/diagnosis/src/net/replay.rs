//! A case file, heard again.

use super::tape::Event;
use super::{Answered, Ask, Dial, Entry, Heading, Silence, Transport, Under, Wire, World};
use postrider_smtp::{Phase, Trouble, TroubleKind};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is wrong with a case file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It has no heading of ours.
    #[error("this is no case file: its first line is not a heading of postrider.case/1: {0}")]
    Heading(String),
    /// It is of another version.
    #[error("the case file is of another version: {0}; this program reads postrider.case/1")]
    Version(String),
    /// It is not all there.
    #[error("the case file is cut off: it has {0} of its {1} entries; get it again")]
    CutOff(usize, usize),
    /// A line of it cannot be read.
    #[error("line {0} of the case file cannot be read: {1}")]
    Line(usize, String),
}

type Question = (SocketAddr, Transport, String, u16, bool, Option<u16>);
type Call = (SocketAddr, String);

struct Connection {
    wire: u32,
    trouble: Option<Trouble>,
    took: Duration,
}

/// A world that says again what a tape heard. What was not asked then has no answer now.
#[derive(Default)]
pub struct Replay {
    dns: Mutex<HashMap<Question, VecDeque<Answered>>>,
    connections: Mutex<HashMap<Call, VecDeque<Connection>>>,
    events: Mutex<HashMap<u32, VecDeque<(Duration, Event)>>>,
}

/// The schema this program writes and reads.
pub(crate) const SCHEMA: &str = "postrider.case/1";

impl Replay {
    /// Reads a case file: its heading, and the world in it.
    pub fn read(text: &str) -> Result<(Heading, Self), ReplayError> {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let heading: Heading = serde_json::from_str(first).map_err(|error| ReplayError::Heading(error.to_string()))?;
        if heading.schema != SCHEMA {
            return Err(ReplayError::Version(heading.schema));
        }
        let mut replay = Self::default();
        let mut read = 0;
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let entry = serde_json::from_str(line).map_err(|error| ReplayError::Line(index + 2, error.to_string()))?;
            replay.learn(entry);
            read += 1;
        }
        if let Some(all) = heading.entries.filter(|all| read < *all) {
            return Err(ReplayError::CutOff(read, all));
        }
        Ok((heading, replay))
    }

    fn learn(&mut self, entry: Entry) {
        match entry {
            Entry::Dns { server, by, name, kind, recursion, edns, us, message, silence } => {
                let message = match (message, silence) {
                    (Some(octets), _) => Ok(octets.0),
                    (None, silence) => Err(silence.unwrap_or(Silence::TimedOut)),
                };
                let answered = Answered { message, took: Duration::from_micros(us) };
                let questions = self.dns.get_mut().unwrap_or_else(PoisonError::into_inner);
                questions.entry((server, by, name, kind, recursion, edns)).or_default().push_back(answered);
            }
            Entry::Connect { wire, to, purpose, us, trouble } => {
                let trouble = trouble.map(|seen| seen.trouble());
                let calls = self.connections.get_mut().unwrap_or_else(PoisonError::into_inner);
                let connection = Connection { wire, trouble, took: Duration::from_micros(us) };
                calls.entry((to, purpose)).or_default().push_back(connection);
            }
            Entry::Wire { wire, us, event } => {
                let events = self.events.get_mut().unwrap_or_else(PoisonError::into_inner);
                events.entry(wire).or_default().push_back((Duration::from_micros(us), event));
            }
        }
    }
}

impl World for Replay {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered> {
        let question = (ask.server, ask.by, ask.name.clone(), ask.kind.to_int(), ask.recursion, ask.edns);
        let mut questions = self.dns.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = questions.get_mut(&question);
        // A question asked more often than then gets the last answer again.
        let answered =
            answers.and_then(|queue| if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() });
        drop(questions);
        let unasked = || Answered {
            message: Err(Silence::Local("this was not asked when the case was recorded".into())),
            took: Duration::ZERO,
        };
        Box::pin(std::future::ready(answered.unwrap_or_else(unasked)))
    }

    fn is_now(&self) -> bool {
        false
    }

    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>> {
        let mut calls = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let call = calls.get_mut(&(dial.to, dial.purpose.clone())).and_then(VecDeque::pop_front);
        drop(calls);
        let connected = match call {
            None => Err(Trouble {
                phase: Phase::Connect,
                kind: TroubleKind::LocalFault,
                errno: None,
                detail: "this connection was not made when the case was recorded".into(),
            }),
            Some(Connection { trouble: Some(trouble), .. }) => Err(trouble),
            Some(Connection { wire, took, .. }) => {
                let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Wire::script(events.remove(&wire).unwrap_or_default(), took))
            }
        };
        Box::pin(std::future::ready(connected))
    }
}
