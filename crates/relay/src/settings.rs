//! What an operator may decide about the order of things.

use std::time::Duration;

/// The relay's own settings; its parts have theirs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in Received fields, Message-IDs and notices.
    pub hostname: String,
    /// Which node of a cluster this is, 0 to 1023: part of every message id.
    pub node: u16,
    /// `notices.original_bytes_max`: a larger message comes back as its headers only. 50 KB: enough to recognise
    /// it, and a bounce that is itself too large helps nobody.
    pub notice_original_bytes_max: usize,
    /// `queue.content_bytes_max`: octets of message contents read back from the spool at one time. 64 MiB: beside
    /// the first attempts made from memory, a second share of the same size.
    pub content_bytes_max: u64,
    /// `spool.lease`: how long work is leased to this node. One hour: longer than any attempt, and what a cluster
    /// waits at most for a dead node's work.
    pub lease: Duration,
    /// `spool.retry_write`: how long to wait before an outcome that could not be written is written again.
    pub rewrite_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost.localdomain".into(),
            node: 0,
            notice_original_bytes_max: 50_000,
            content_bytes_max: 64 << 20,
            lease: Duration::from_secs(3600),
            rewrite_after: Duration::from_secs(1),
        }
    }
}
