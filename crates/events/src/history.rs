//! What the files of events say about one message.

use crate::Event;
use postrider_smtp::MessageId;
use std::io;
use std::path::Path;

/// All events about a message that the files in `dir` hold, oldest first.
pub fn history(_dir: &Path, _message: MessageId) -> io::Result<Vec<Event>> {
    Ok(Vec::new())
}
