//! Lines of a mail log: each that tells of a recipient is explained.

use super::model::{Explained, Kind, Original};
use super::reader::{Hints, Reader};
use crate::verbs::logs::{said_of, verdict_of};
use crate::verbs::now;
use postrider_maillog::{Kind as Happened, Record, Settings};

/// The most records that are explained; `postrider logs` is for more.
const RECORDS_MAX: usize = 200;
/// The most octets that are looked at.
const LOG_BYTES_MAX: usize = 1 << 20;

/// The lines' explanation, if they are a mail server's and say what became of somebody.
pub(super) fn explain(reader: &Reader, text: &str, hints: &Hints) -> Option<Explained> {
    let text = text[..text.floor_char_boundary(LOG_BYTES_MAX)].trim();
    if !looks_so(text) {
        return None;
    }
    let mut explained = Explained::new(Kind::Log);
    let mut recipients = Vec::new();
    let (mut told, mut original) = (0_u64, None);
    let mut log = postrider_maillog::Reader::new(Settings { reference: now(), ..Settings::default() });
    let mut sink = |record: &Record<'_>| {
        if record.message_id.is_some() || record.from.is_some_and(|from| !from.is_empty()) {
            original = Some(Original {
                message_id: record.message_id.map(str::to_owned),
                from: record.from.map(str::to_owned),
                ..Original::default()
            });
        }
        let Some(action) = action(record.kind) else { return };
        told += 1;
        if recipients.len() < RECORDS_MAX {
            let mut spoken = reader.spoken(said_of(record), hints);
            spoken.verdict = verdict_of(&reader.decoder, record);
            spoken.recipient = record.recipient.map(str::to_owned);
            spoken.action = Some(action);
            recipients.push(spoken);
        }
    };
    log.feed(text.as_bytes(), &mut sink);
    log.end_file(&mut sink);
    let counts = log.counts();
    if counts.by_server.iter().all(|lines| *lines == 0) || (told == 0 && original.is_none()) {
        return None;
    }
    if told == 0 {
        explained.notes.push("These lines only say that a mail was taken in: nothing went wrong in them.".to_owned());
    }
    if told > RECORDS_MAX as u64 {
        explained.notes.push(format!(
            "{told} deliveries are in it; the first {RECORDS_MAX} are shown. `postrider logs` sums up whole logs."
        ));
    }
    if counts.foreign() > 0 {
        let lines =
            if counts.foreign() == 1 { "One line is".to_owned() } else { format!("{} lines are", counts.foreign()) };
        explained.notes.push(format!("{lines} no mail server's that is known here."));
    }
    // One line about one recipient is answered as a reply is; several, as a mail about several.
    if recipients.len() == 1 {
        explained.reply = recipients.pop();
    } else {
        explained.recipients = Some(recipients);
    }
    explained.original = original;
    Some(explained)
}

/// What the log says became of the recipient, in the words of RFC 3464 §2.3.3 where it has one.
fn action(kind: Happened) -> Option<&'static str> {
    match kind {
        Happened::Delivered => Some("delivered"),
        Happened::Deferred => Some("delayed"),
        Happened::Failed => Some("failed"),
        Happened::Expired => Some("expired"),
        Happened::Rejected => Some("rejected"),
        Happened::Received | Happened::Queued | Happened::Noticed | Happened::Removed => None,
    }
}

/// A first look that costs next to nothing, as most inputs are replies.
fn looks_so(text: &str) -> bool {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let bytes = text.as_bytes();
    let dated = bytes.len() > 19 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[7] == b'-';
    let month =
        text.get(..4).is_some_and(|head| MONTHS.iter().any(|month| head.starts_with(month) && head.ends_with(' ')));
    let tagged = [
        "postfix",
        "sm-mta[",
        "sendmail[",
        "exim[",
        "__CURSOR=",
        "__REALTIME",
        "#Fields:",
        "#Software: Microsoft Exchange",
        "type,",
        "date-time,",
    ];
    let opened = matches!(bytes, [b'{', ..] | [b'@', b'4', ..] | [b'[', b'A'..=b'Z', ..] | [b'<', b'0'..=b'9', ..]);
    let exim = bytes.len() > 20 && bytes[6] == b'-' && (bytes[13] == b'-' || bytes[18] == b'-');
    let numbered = bytes.len() > 20 && bytes[16] == b' ' && bytes[..16].iter().all(u8::is_ascii_hexdigit);
    let row = bytes.len() > 20 && matches!(bytes[0], b'd' | b'b' | b't' | b'r') && bytes[1] == b',';
    dated || month || opened || exim || numbered || row || tagged.iter().any(|tag| text.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_reply::{Cause, Disposition};

    fn read(text: &str) -> Option<Explained> {
        explain(&Reader::new(false), text, &Hints::default())
    }

    #[test]
    fn a_pasted_line_gets_its_verdict() {
        let table = [
            (
                "Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<a@b.example>, relay=mx.b.example[192.0.2.8]:25, delay=1, dsn=5.1.1, status=bounced (host mx.b.example[192.0.2.8] said: 550 5.1.1 no such user (in reply to RCPT TO command))",
                Cause::MailboxUnknown,
                Disposition::Fail,
            ),
            (
                "postfix/smtp[4]: 4F2A1B3C: to=<a@b.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to b.example[192.0.2.8]:25: Connection refused)",
                Cause::ConnectionRefused,
                Disposition::Retry,
            ),
            (
                "2026-11-24 09:12:01 1kABCD-0001ab-2C == a@b.example R=dnslookup T=remote_smtp defer (-44) H=mx.b.example [192.0.2.8]: SMTP error from remote mail server after RCPT TO:<a@b.example>: 452 4.2.2 mailbox full",
                Cause::MailboxFull,
                Disposition::Retry,
            ),
            (
                "1kABCD-0001ab-2C ** a@b.example R=dnslookup T=remote_smtp: retry timeout exceeded",
                Cause::Expired,
                Disposition::Fail,
            ),
        ];
        for (line, cause, disposition) in table {
            let explained = read(line).unwrap_or_else(|| panic!("no log: {line}"));
            let spoken: Vec<_> = explained.spoken().collect();
            assert_eq!(
                (spoken.len(), spoken[0].verdict.cause, spoken[0].verdict.disposition),
                (1, cause, disposition),
                "{line}"
            );
            assert_eq!(spoken[0].recipient.as_deref(), Some("a@b.example"), "{line}");
        }
    }

    #[test]
    fn replies_and_other_lines_are_no_log() {
        for text in [
            "550 5.1.1 no such user",
            "",
            "Nov 24 09:12:01 mx1 kernel: eth0 up",
            "{\"a\":1}",
            "May I ask why?",
            "[IPTS04] Messages from 192.0.2.1",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
