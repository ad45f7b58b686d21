//! Exchange: the message tracking log, a row of CSV per event ("Message tracking" in Exchange's
//! documentation). A row may be about several recipients, parted by semicolons.

use crate::csv::Row;
use crate::record::{Direction, Kind, Record, Server, Sink};
use crate::stamp::Calendar;
use crate::words;

/// The columns where no header says which there are, as a pasted row has none: since Exchange 2013.
pub(crate) const COLUMNS: &str = "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,\
    event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,\
    related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,\
    original-client-ip,original-server-ip,custom-data,transport-traffic-type,log-id,schema-version";

/// Whether a line without a header before it is a row of Exchange's.
pub(crate) fn looks_so(line: &str) -> bool {
    line.get(23..25) == Some("Z,") && memchr::memchr_iter(b',', line.as_bytes()).count() >= 20
}

/// The most recipients of one row that are told.
const RECIPIENTS_MAX: usize = 1000;

/// Reads a row; `false` when it is none of Exchange's.
pub(crate) fn read(row: &Row<'_>, calendar: &Calendar, sink: &mut Sink<'_>) -> bool {
    let Some((at, _)) = row.get("date-time").and_then(|time| calendar.iso(time)) else { return false };
    let Some(event) = row.get("event-id") else { return false };
    let within = row.get("connector-id").is_some_and(|connector| connector.starts_with("Intra-Organization"));
    let (kind, direction) = match event {
        "RECEIVE" => (Kind::Received, Direction::Receiving),
        "SEND" | "SENDEXTERNAL" if within => (Kind::Delivered, Direction::Within),
        "SEND" | "SENDEXTERNAL" => (Kind::Delivered, Direction::Sending),
        "DELIVER" => (Kind::Delivered, Direction::Receiving),
        "DEFER" => (Kind::Deferred, Direction::Sending),
        "FAIL" | "BADMAIL" | "POISONMESSAGE" => {
            let of_agent = row.get("source") == Some("AGENT");
            (
                if of_agent { Kind::Rejected } else { Kind::Failed },
                if of_agent { Direction::Receiving } else { Direction::Sending },
            )
        }
        "DSN" => (Kind::Noticed, Direction::Sending),
        // Steps on the way through, copies and what agents note.
        _ => return true,
    };
    let record = Record {
        queue_id: row.get("internal-message-id"),
        message_id: row.get("message-id").map(words::bare),
        from: row.get("return-path").or_else(|| row.get("sender-address")).map(words::bare),
        client: row.get("client-hostname").or_else(|| row.get("client-ip")).filter(|_| kind == Kind::Received),
        host: row.get("server-hostname").or_else(|| row.get("server-ip")).filter(|_| event.starts_with("SEND")),
        size: row.get("total-bytes").and_then(|digits| digits.parse().ok()),
        ..Record::new(Server::Exchange, Some(at), kind, direction)
    };
    match kind {
        Kind::Received => sink(&record),
        // The row is about the report; its reference names the message that it is about.
        Kind::Noticed => sink(&Record { queue_id: None, message_id: row.get("reference").map(words::bare), ..record }),
        _ => each(row, &record, sink),
    }
    true
}

fn each(row: &Row<'_>, record: &Record<'_>, sink: &mut Sink<'_>) {
    let recipients = row.get("recipient-address").unwrap_or_default();
    let all = row.get("recipient-status").unwrap_or_default();
    let count = recipients.split(';').count();
    let statuses: Vec<&str> = match all {
        _ if count > RECIPIENTS_MAX || all.starts_with("[{") => Vec::new(),
        _ => all.split(';').collect(),
    };
    let context = row.get("source-context").unwrap_or_default();
    for (at, recipient) in recipients.split(';').take(RECIPIENTS_MAX).enumerate() {
        let own = if statuses.len() == count { statuses[at] } else { all };
        let (said, host) = words_of(if own.is_empty() { context } else { own });
        let status = said.split(' ').find_map(words::status);
        sink(&Record { recipient: Some(recipient.trim()), host: record.host.or(host), said, status, ..*record });
    }
}

/// The words in `'250 2.1.5 Recipient OK'`, or in
/// `[{LRT=…};{LED=451 4.7.0 words};{FQDN=mx.example.com};{IP=192.0.2.9}]`, where the host is too.
fn words_of(status: &str) -> (&str, Option<&str>) {
    let status = status.trim().trim_matches('\'');
    let part = |name: &str| {
        let behind = &status[status.find(name)? + name.len()..];
        let end = behind.find("};{").or_else(|| behind.find("}]")).unwrap_or(behind.len());
        Some(behind[..end].trim()).filter(|part| !part.is_empty())
    };
    match part("{LED=") {
        Some(said) => (said, part("{FQDN=").or_else(|| part("{IP="))),
        None => (status, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let log = "\
#Software: Microsoft Exchange Server
#Version: 15.01.2507.006
#Log-type: Message Tracking Log
#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path
2026-11-24T09:12:00.000Z,192.0.2.7,shop,192.0.2.1,EX1,08DC,EX1\\Default,SMTP,RECEIVE,42,<m1@example.org>,9f,tom@example.com;ida@example.net,,900,2,,,\"Hello, you\",ann@example.org,ann@example.org
2026-11-24T09:12:01.000Z,192.0.2.1,EX1,192.0.2.9,mx.example.com,08DC,To Internet,SMTP,SEND,42,<m1@example.org>,9f,tom@example.com;eve@example.com,250 2.1.5 Recipient OK;250 2.1.5 fine,900,2,,,Hello,ann@example.org,ann@example.org
2026-11-24T09:12:01.000Z,,,,,08DC,To Internet,SMTP,DEFER,42,<m1@example.org>,9f,ida@example.net,[{LRT=11/24/2026 9:12:01 AM};{LED=451 4.7.0 Temporary server error; wait};{FQDN=mx.example.net};{IP=192.0.2.8}],900,1,,,Hello,ann@example.org,ann@example.org
2026-11-24T09:12:01.000Z,,,,,,,SMTP,HAREDIRECT,42,<m1@example.org>,9f,ida@example.net,,900,1,,,Hello,ann@example.org,ann@example.org
2026-11-24T09:12:02.000Z,,,,,550 5.1.10 no such user,,ROUTING,FAIL,42,<m1@example.org>,9f,bob@example.net,,900,1,,,Hello,ann@example.org,<>
2026-11-24T09:12:02.000Z,,EX1,,,,,DSN,DSN,43,<d1@ex1.example>,9e,ann@example.org,,2000,1,,<m1@example.org>,Undeliverable,postmaster@ex1.example,<>
2026-11-24T09:12:03.000Z,,,,,,,STOREDRIVER,DELIVER,44,<m2@example.org>,9d,liz@example.org,Inbox,700,1,,,Hi,ann@example.org,ann@example.org
";
        assert_eq!(
            told(log),
            [
                "received receiving 42 id=m1@example.org from=ann@example.org <shop 900",
                "delivered sending 42 id=m1@example.org from=ann@example.org to=tom@example.com @mx.example.com 900 2.1.5: 250 2.1.5 Recipient OK",
                "delivered sending 42 id=m1@example.org from=ann@example.org to=eve@example.com @mx.example.com 900 2.1.5: 250 2.1.5 fine",
                "deferred sending 42 id=m1@example.org from=ann@example.org to=ida@example.net @mx.example.net 900 4.7.0: 451 4.7.0 Temporary server error; wait",
                "failed sending 42 id=m1@example.org from= to=bob@example.net 900 5.1.10: 550 5.1.10 no such user",
                "noticed sending id=m1@example.org from= 2000",
                "delivered receiving 44 id=m2@example.org from=ann@example.org to=liz@example.org 700: Inbox",
            ]
        );
        let bare = "2026-11-24T09:12:02.000Z,,,,,550 5.1.10 no such user,,ROUTING,FAIL,42,<m1@example.org>,9f,bob@example.net,,900,1,,,Hello,ann@example.org,<>,,,,,,,,,";
        assert_eq!(
            told(bare),
            ["failed sending 42 id=m1@example.org from= to=bob@example.net 900 5.1.10: 550 5.1.10 no such user"]
        );
    }
}
