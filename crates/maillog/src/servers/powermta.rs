//! PowerMTA: its accounting file, a row of CSV per recipient and event.
//!
//! The header names the columns, as an administrator chooses them; the first is the kind of the
//! row: `d` delivered, `b` bounced, `t` tried in vain, `r` received, `rb` bounced later by mail.

use crate::csv::Row;
use crate::record::{Direction, Kind, Record, Server, Sink};
use crate::stamp::{self, Calendar};
use crate::words;

/// The columns where no header says which there are, as a pasted row has none.
pub(crate) const COLUMNS: &str = "type,timelogged,timequeued,orig,rcpt,orcpt,dsnaction,dsnstatus,dsndiag,dsnmta,bouncecat,srctype,\
    srcmta,dlvtype,dlvsourceip,dlvdestinationip,dlvesmtpavailable,dlvsize,vmta,jobid,envid,queue,vmtapool";

/// Whether a line without a header before it is a row of PowerMTA's.
pub(crate) fn looks_so(line: &str) -> bool {
    let dated = line.as_bytes().get(2).is_some_and(u8::is_ascii_digit);
    dated && ["d,", "b,", "t,", "r,"].iter().any(|kind| line.starts_with(kind)) && line.contains('@')
}

/// Reads a row; `false` when it is none of PowerMTA's.
pub(crate) fn read(row: &Row<'_>, calendar: &Calendar, sink: &mut Sink<'_>) -> bool {
    let of_mailbox = matches!(row.get("dlvtype"), Some("file" | "discard" | "pipe"));
    let status = row.get("dsnstatus").and_then(|status| words::status(status.split(' ').next().unwrap_or(status)));
    let kind = match row.get("type") {
        Some("d" | "delivery") => Kind::Delivered,
        // RFC 3463 §3.5, x.4.7: the message's time is used up.
        Some("b" | "bounce") if status.is_some_and(|status| (status.subject(), status.detail()) == (4, 7)) => {
            Kind::Expired
        }
        Some("b" | "bounce") => Kind::Failed,
        Some("t" | "transient") => Kind::Deferred,
        Some("r" | "receipt" | "received") => Kind::Received,
        // A whole queue waits; its messages have rows of their own. Reports and complaints by
        // mail are no delivery.
        Some("tq" | "rb" | "rs" | "f") => return true,
        _ => return false,
    };
    let at = row.get("timelogged").and_then(|time| calendar.iso(time).map(|(at, _)| at).or_else(|| stamp::epoch(time)));
    let direction = match kind {
        Kind::Received => Direction::Receiving,
        _ if of_mailbox => Direction::Receiving,
        _ => Direction::Sending,
    };
    // `smtp;550 5.1.1 no such user`
    let diagnostic = row.get("dsndiag").unwrap_or_default();
    let said =
        diagnostic.get(..5).filter(|head| head.eq_ignore_ascii_case("smtp;")).map_or(diagnostic, |_| &diagnostic[5..]);
    // `mx.example.com (192.0.2.9)`
    let host = row.get("dsnmta").map(|host| host.split(" (").next().unwrap_or(host));
    sink(&Record {
        queue_id: row.get("envid").or_else(|| row.get("jobid")),
        message_id: row.get("header_message-id").map(words::bare),
        from: row.get("orig"),
        recipient: row.get("rcpt"),
        host: host.or_else(|| row.get("dlvdestinationip")).filter(|_| kind != Kind::Received),
        client: row.get("srcmta").filter(|_| kind == Kind::Received),
        size: row.get("dlvsize").and_then(|digits| digits.parse().ok()),
        status,
        said: said.trim_start(),
        ..Record::new(Server::PowerMta, at, kind, direction)
    });
    true
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn rows_are_read_by_the_names_of_their_columns() {
        let log = "\
type,timeLogged,timeQueued,orig,rcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,dlvSourceIp,dlvDestinationIp,dlvSize,jobId
r,2026-11-24 09:12:00+0000,,ann@example.org,tom@example.com,,,,,,,,,j1
d,2026-11-24 09:12:01+0000,2026-11-24 09:12:00+0000,ann@example.org,tom@example.com,relayed,2.0.0 (success),smtp;250 2.0.0 OK,mx.example.com (192.0.2.9),success,192.0.2.1,192.0.2.9,900,j1
t,2026-11-24 09:12:01+0000,2026-11-24 09:12:00+0000,ann@example.org,ida@example.net,delayed,4.7.1 (x),\"smtp;450 4.7.1 wait, \"\"please\"\"\",mx.example.net (192.0.2.8),other,192.0.2.1,192.0.2.8,,j1
b,2026-11-24 09:12:02+0000,2026-11-24 09:12:00+0000,ann@example.org,bob@example.net,failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 no such user,mx.example.net (192.0.2.8),bad-mailbox,192.0.2.1,192.0.2.8,,j1
b,1795540000,,ann@example.org,eve@example.net,failed,4.4.7 (delivery time expired),smtp;,,,,,,j1
f,2026-11-24 09:12:02+0000,,,,,,,,,,,,
";
        assert_eq!(
            told(log),
            [
                "received receiving j1 from=ann@example.org to=tom@example.com",
                "delivered sending j1 from=ann@example.org to=tom@example.com @mx.example.com 900 2.0.0: 250 2.0.0 OK",
                "deferred sending j1 from=ann@example.org to=ida@example.net @mx.example.net 4.7.1: 450 4.7.1 wait, \"please\"",
                "failed sending j1 from=ann@example.org to=bob@example.net @mx.example.net 5.1.1: 550 5.1.1 no such user",
                "expired sending j1 from=ann@example.org to=eve@example.net 4.4.7",
            ]
        );
        let bare = "b,2026-11-24 09:12:02+0000,2026-11-24 09:12:00+0000,ann@example.org,bob@example.net,,failed,5.1.1 (x),smtp;550 no,mx (192.0.2.8)";
        assert_eq!(told(bare), ["failed sending from=ann@example.org to=bob@example.net @mx 5.1.1: 550 no"]);
        assert_eq!(told("#type,timeLogged,rcpt\nd,1795540000,a@b.example\n"), ["delivered sending to=a@b.example"]);
    }
}
