//! Which causes belong together: a near miss within a group leads people to the same door.

use anyhow::Context as _;
use std::collections::HashMap;
use std::path::Path;

const GROUPS: [(&str, &[&str]); 9] = [
    (
        "recipient",
        &[
            "mailbox-unknown",
            "mailbox-full",
            "mailbox-disabled",
            "mailbox-moved",
            "address-syntax",
            "recipient-rejected",
        ],
    ),
    ("domain", &["domain-not-found", "no-mx", "routing-failed", "loop"]),
    ("connection", &["connection-refused", "connection-timeout", "expired"]),
    ("access", &["relaying-denied", "auth-required", "tls-required"]),
    ("sender-auth", &["spf-failed", "dkim-failed", "dmarc-failed", "unauthenticated"]),
    ("reputation", &["ip-blocklisted", "domain-blocklisted", "low-reputation", "missing-ptr", "sender-rejected"]),
    ("rate", &["rate-limited", "too-many-recipients", "greylisted"]),
    ("content", &["spam-content", "content-rejected", "message-too-large", "message-malformed", "policy"]),
    ("server", &["server-busy", "server-error", "protocol-error", "feature-unsupported"]),
];

/// The group of each cause.
#[derive(Debug)]
pub(super) struct Groups(HashMap<String, String>);

impl Groups {
    /// The built-in ones.
    pub(super) fn usual() -> Self {
        let pairs = GROUPS.iter().flat_map(|(group, causes)| causes.iter().map(move |cause| (*cause, *group)));
        Self(pairs.map(|(cause, group)| (cause.to_owned(), group.to_owned())).collect())
    }

    /// Those of a table whose first two columns, after a heading, are cause and group.
    pub(super) fn of_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let rows = text.lines().skip(1).filter_map(|line| {
            let mut cells = line.split('\t');
            Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
        });
        Ok(Self(rows.collect()))
    }

    /// Whether two causes are of one group; a cause without a group is only with itself.
    pub(super) fn same(&self, one: &str, other: &str) -> bool {
        one == other || self.0.get(one).is_some_and(|group| self.0.get(other) == Some(group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_reply::Cause;

    #[test]
    fn every_cause_of_a_refusal_has_one_group() {
        let usual = Groups::usual();
        let none = [Cause::Delivered, Cause::Complaint, Cause::AutoReply, Cause::Unknown];
        for cause in Cause::ALL {
            assert_eq!(usual.0.contains_key(cause.name()), !none.contains(cause), "{cause}");
        }
        let listed: usize = GROUPS.iter().map(|(_, causes)| causes.len()).sum();
        assert_eq!(listed, usual.0.len());
        assert!(usual.same("spf-failed", "dkim-failed") && !usual.same("spf-failed", "loop"));
        assert!(usual.same("complaint", "complaint") && !usual.same("complaint", "auto-reply"));
    }
}
