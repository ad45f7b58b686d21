//! Everything one run saw. A room that was not looked into is `None`: could not be tested.

use crate::Target;
use crate::ctx::Settings;
use crate::dns::Survey;
use postrider_smtp::Timestamp;

/// What the judges look at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What was asked about.
    pub target: Option<Target>,
    /// The domain under examination, in A-labels; empty when an address or a single host was named.
    pub domain: String,
    /// What time it was.
    pub now: Timestamp,
    /// What the run was told.
    pub settings: Settings,
    /// The zone, server by server.
    pub zone: Option<Survey>,
}
