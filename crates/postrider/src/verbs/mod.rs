//! What the program can be told to do; one file each.

pub(crate) mod check;
pub(crate) mod codes;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod logs;
mod paint;
pub(crate) mod passwd;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod roundtrip;
mod secret;
pub(crate) mod send;
pub(crate) mod sendmail;
pub(crate) mod serve;

use postrider_smtp::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The present, for verbs that show or set times.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
