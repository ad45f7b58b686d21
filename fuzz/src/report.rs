//! Mails about mail: any octets are read.

use postrider_report::{Kind, read};

/// Recipients are named once each, and only kinds that have them have them.
pub fn run(data: &[u8]) {
    let report = read(data);
    for (index, reported) in report.recipients.iter().enumerate() {
        assert!(!reported.recipient.is_empty(), "a recipient without a name");
        let again = report.recipients[index + 1..].iter().any(|other| other.recipient == reported.recipient);
        assert!(!again, "{} is named twice", reported.recipient);
        let _ = reported.quoted();
    }
    assert_eq!(report.complaint.is_some(), report.kind == Kind::Complaint);
    assert_eq!(read(data), report, "the same mail, another report");
}
