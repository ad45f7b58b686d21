//! Why something waits, as a name that is the same in events, on disk, and for people.

use postrider_reply::Cause;
use std::fmt;
use std::sync::Arc;

/// Why something waits.
///
/// ```
/// use postrider_queue::Reason;
/// use postrider_reply::Cause;
/// assert_eq!(Reason::SitePaused(Cause::ConnectionRefused).to_string(), "site-paused:connection-refused");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The backoff after an attempt with this verdict: `retry:greylisted`.
    Retry(Cause),
    /// The backoff after a final dot without a reply.
    InDoubt,
    /// Its site had trouble, and is left alone for a while: `site-paused:rate-limited`.
    SitePaused(Cause),
    /// Its destination had trouble, and is left alone for a while.
    DestinationPaused(Cause),
    /// Its site or destination is back from a pause, and one job finds out how it is.
    Probing(Cause),
    /// An operator holds its site or destination: `held: REASON`.
    Held(Arc<str>),
    /// The rate set for its site is used up.
    RateLimit,
    /// All connections that its site or destination may have are in use.
    ConnectionLimit,
    /// All connections that the relay may have are in use.
    ConnectionsMax,
    /// Its site is being looked up.
    Routing,
    /// There was no room in memory.
    Memory,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(cause) => write!(f, "retry:{cause}"),
            Self::InDoubt => f.write_str("in-doubt"),
            Self::SitePaused(cause) => write!(f, "site-paused:{cause}"),
            Self::DestinationPaused(cause) => write!(f, "destination-paused:{cause}"),
            Self::Probing(cause) => write!(f, "probing:{cause}"),
            Self::Held(why) if why.is_empty() => f.write_str("held"),
            Self::Held(why) => write!(f, "held: {why}"),
            Self::RateLimit => f.write_str("rate-limit"),
            Self::ConnectionLimit => f.write_str("connection-limit"),
            Self::ConnectionsMax => f.write_str("connections-max"),
            Self::Routing => f.write_str("routing"),
            Self::Memory => f.write_str("memory"),
        }
    }
}
