//! How verbs talk to the running relay: a Unix socket in the data folder, JSON lines on it.
//!
//! One request is one line; `send` is followed by the octets of its message. Each request gets one
//! line of answer. Who may open the socket may do everything here, so its mode is 0660.
//!
//! The same answers are given without a relay: `queue` then opens the spool itself.

pub(crate) mod answers;
pub(crate) mod client;
pub(crate) mod closed;
pub(crate) mod protocol;
pub(crate) mod server;

use std::path::{Path, PathBuf};

/// The socket in a data folder.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Where the relay of a data folder keeps its events.
pub(crate) fn events(data: &Path) -> PathBuf {
    data.join("events")
}

/// Where the relay of a data folder keeps its spool.
pub(crate) fn spool(data: &Path) -> PathBuf {
    data.join("spool")
}
