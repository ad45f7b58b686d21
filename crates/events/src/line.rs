//! One event, one line of JSON.

use crate::Event;

/// The schema of a line, in its first field. Fields may be added under this name; anything else is a new name.
pub const SCHEMA: &str = "postrider.events/1";

const PREFIX: &[u8] = b"{\"schema\":\"postrider.events/1\"";

/// Why a line is not an event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// Not the JSON that this schema asks for.
    #[error("the line is not an event of {SCHEMA}: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Of a schema that this program does not know.
    #[error("the line does not begin as one of {SCHEMA} does")]
    Foreign,
}

impl Event {
    /// Appends the event's line, its line end included. Nothing is allocated but room in `out`.
    pub fn to_json_line(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(PREFIX);
        let object = out.len();
        if serde_json::to_writer(&mut *out, self).is_err() {
            // Writing to memory and values with string keys only: there is nothing that can fail.
            out.truncate(start);
            return;
        }
        // The event's own opening brace becomes the comma behind the schema.
        out[object] = b',';
        out.push(b'\n');
    }

    /// Reads a line back.
    pub fn from_json_line(line: &[u8]) -> Result<Self, NotAnEvent> {
        if !line.starts_with(PREFIX) {
            return Err(NotAnEvent::Foreign);
        }
        Ok(serde_json::from_slice(line)?)
    }
}
