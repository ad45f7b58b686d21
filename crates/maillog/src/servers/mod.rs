//! One file per server: its lines to records.
//!
//! Each `read` takes words without their wrapping and tells what they say; words it does not
//! know it passes over. `looks_so` tells a server's words from others' where no tag names them.

pub(crate) mod events;
pub(crate) mod exchange;
pub(crate) mod exim;
pub(crate) mod haraka;
pub(crate) mod kumomta;
pub(crate) mod opensmtpd;
pub(crate) mod postfix;
pub(crate) mod powermta;
pub(crate) mod qmail;
pub(crate) mod sendmail;

#[cfg(test)]
pub(crate) mod tests {
    use crate::{Reader, Settings};
    use postrider_smtp::Timestamp;

    /// What a log tells, a text per record: kind, direction, `id`, `from>recipient`, `@host`,
    /// `<client`, size, status, and the words behind a colon.
    pub(crate) fn told(log: &str) -> Vec<String> {
        // 2026-11-24 17:06:40 UTC.
        let settings = Settings { reference: Timestamp(1_795_540_000_000), ..Settings::default() };
        let mut reader = Reader::new(settings);
        let mut told = Vec::new();
        let mut sink = |record: &crate::Record<'_>| {
            let mut text = format!("{} {}", record.kind.name(), record.direction.name());
            let mut add = |mark: &str, value: Option<&str>| {
                if let Some(value) = value {
                    text.push_str(mark);
                    text.push_str(value);
                }
            };
            let (size, status) =
                (record.size.map(|size| size.to_string()), record.status.map(|status| status.to_string()));
            add(" ", record.queue_id);
            add(" id=", record.message_id);
            add(" from=", record.from);
            add(" to=", record.recipient);
            add(" @", record.host);
            add(" <", record.client);
            add(" ", size.as_deref());
            add(" ", status.as_deref());
            add(": ", Some(record.said).filter(|said| !said.is_empty()));
            told.push(text);
        };
        reader.feed(log.as_bytes(), &mut sink);
        reader.end_file(&mut sink);
        told
    }
}
