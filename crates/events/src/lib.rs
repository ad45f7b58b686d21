//! Everything that can be said about a message, one fact at a time.
