//! Reading mails about mail: bounces, delays, complaints and automatic replies.

mod model;

pub use model::{Action, Complaint, Kind, Original, Report, Reported};

/// What a mail tells about the fate of other mail.
///
/// It is total: whatever the bytes are, there is a report about them.
pub fn read(_mail: &[u8]) -> Report {
    Report {
        kind: Kind::NotAReport,
        recipients: Vec::new(),
        original: Original::default(),
        reporting_mta: None,
        format: "none",
        complaint: None,
    }
}
