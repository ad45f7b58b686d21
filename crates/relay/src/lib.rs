//! The order of things: from an accepted message to its last event.
