//! OpenSMTPD: a session's number, the part that speaks, what happened, and `key=value`.
//!
//! The first eight digits of an envelope's number (`evpid`) are its message's (`msgid`), by which
//! the lines are joined; a session is remembered for the client's name.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::words;

/// Whether the words are OpenSMTPD's, as a container's output has them without a tag.
pub(crate) fn looks_so(text: &str) -> bool {
    let parts = [" smtp ", " mta ", " mda "];
    text.get(..16).is_some_and(|number| is_number(number, 16)) && parts.iter().any(|part| text[16..].starts_with(part))
}

/// Reads one line.
pub(crate) fn read(entry: &Entry<'_>, teller: &mut Teller<'_, '_>) {
    let Some((session, rest)) = entry.text.split_once(' ').filter(|(session, _)| is_number(session, 16)) else {
        return;
    };
    // Until 6.3 the event was a field: `smtp event=message …`.
    let Some((part, rest)) = rest.split_once(' ') else { return };
    let rest = rest.strip_prefix("event=").unwrap_or(rest);
    let (event, fields) = rest.split_once(' ').unwrap_or((rest, ""));
    match (part, event) {
        ("smtp", "connected") => {
            let client = value(fields, "host").filter(|host| !host.is_empty() && *host != "<unknown>");
            if let Some(client) = client.or_else(|| value(fields, "address")) {
                teller.messages.open(entry.host, session).client.set(words::host(client));
            }
        }
        ("smtp", "disconnected" | "closed") => teller.messages.close(entry.host, session),
        ("smtp", "envelope") => {
            if let Some(id) = message_id(fields) {
                let from = value(fields, "from").map(words::bare).unwrap_or_default();
                let message = teller.messages.open(entry.host, id);
                message.from.set(from);
                // The message may have been named before its first envelope.
                if message.arrived && !std::mem::replace(&mut message.told, true) {
                    teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
                }
            }
        }
        ("smtp", "message") => arrived(entry, session, fields, teller),
        ("smtp", "failed-command") => refused(entry, session, fields, teller),
        ("mta" | "mda" | "queue", "delivery") => attempted(entry, part, fields, teller),
        _ => {}
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::OpenSmtpd, entry.at, kind, direction)
}

fn is_number(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The message's number within `evpid=`.
fn message_id(fields: &str) -> Option<&str> {
    value(fields, "evpid").filter(|id| is_number(id, 16)).and_then(|id| id.get(..8))
}

fn value<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    words::quoted_value(fields, name)
}

/// `message msgid=4b2f3c1d size=900 nrcpt=1 proto=ESMTP`
fn arrived(entry: &Entry<'_>, session: &str, fields: &str, teller: &mut Teller<'_, '_>) {
    let Some(id) = value(fields, "msgid") else { return };
    // Only one message is at hand at a time, so the session's client is copied.
    let client = teller.messages.get(entry.host, session).and_then(|session| session.client.get().map(str::to_owned));
    let client = client.or_else(|| value(fields, "host").map(str::to_owned));
    let message = teller.messages.open(entry.host, id);
    message.arrived = true;
    message.size = value(fields, "size").and_then(|digits| digits.parse().ok());
    if let Some(from) = value(fields, "from") {
        message.from.set(words::bare(from));
    }
    if let Some(client) = client {
        message.client.set(&client);
    }
    // Without a sender, an envelope follows that has it.
    if message.from.get().is_some() {
        message.told = true;
        teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
    }
}

/// `delivery evpid=… from=<a> to=<b> rcpt=<-> source="…" relay="192.0.2.9 (mx.example.com)"
/// delay=1s result="Ok" stat="250 2.0.0 Ok"`
fn attempted(entry: &Entry<'_>, part: &str, fields: &str, teller: &mut Teller<'_, '_>) {
    let Some(id) = message_id(fields) else { return };
    let kind = match value(fields, "result") {
        Some("Ok") => Kind::Delivered,
        Some("TempFail") => Kind::Deferred,
        Some("PermFail" | "LoopDetected" | "Loop") => Kind::Failed,
        Some("Expire" | "Expired") => Kind::Expired,
        _ => return,
    };
    // `192.0.2.9 (mx.example.com)`; a host without a name is written twice.
    let host = value(fields, "relay").map(|relay| match relay.split_once(" (") {
        Some((_, name)) => name.trim_end_matches(')'),
        None => relay,
    });
    let host = host.map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty() && *host != "-");
    let direction = match part {
        "mda" => Direction::Receiving,
        _ if host.is_some_and(words::is_loopback) => Direction::Within,
        _ => Direction::Sending,
    };
    let record = Record {
        from: value(fields, "from").map(words::bare),
        recipient: value(fields, "to").map(words::bare),
        host,
        said: value(fields, "stat").unwrap_or_default(),
        ..record(entry, kind, direction)
    };
    teller.tell(entry.host, id, record);
}

/// `failed-command command="RCPT TO:<b@example.com>" result="550 Invalid recipient"`
fn refused(entry: &Entry<'_>, session: &str, fields: &str, teller: &mut Teller<'_, '_>) {
    let command = value(fields, "command").unwrap_or_default();
    let of_sender = command.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("mail"));
    let address = words::between(command, "<", '>');
    let known = teller.messages.get(entry.host, session).and_then(|session| session.client.get());
    let record = Record {
        client: known.or_else(|| value(fields, "host")),
        from: address.filter(|_| of_sender),
        recipient: address.filter(|_| !of_sender),
        said: value(fields, "result").unwrap_or_default(),
        ..record(entry, Kind::Rejected, Direction::Receiving)
    };
    (teller.sink)(&record);
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn its_lines_are_read_in_both_spellings() {
        let bare = "0000000000000000 mda delivery evpid=4b2f3c1d8e1f2a3c from=<> to=<ida@mx1> rcpt=<-> user=ida delay=0s result=Ok stat=Delivered";
        assert_eq!(told(bare), ["delivered receiving 4b2f3c1d from= to=ida@mx1: Delivered"]);
        let log = "\
Nov 24 09:12:00 mx1 smtpd[1]: 7d5a1f6fd5b2a4c1 smtp connected address=192.0.2.7 host=shop.example.org
Nov 24 09:12:00 mx1 smtpd[1]: 7d5a1f6fd5b2a4c1 smtp envelope evpid=4b2f3c1d8e1f2a3b from=<ann@example.org> to=<tom@example.com>
Nov 24 09:12:00 mx1 smtpd[1]: 7d5a1f6fd5b2a4c1 smtp message msgid=4b2f3c1d size=900 nrcpt=1 proto=ESMTP
Nov 24 09:12:00 mx1 smtpd[1]: 7d5a1f6fd5b2a4c1 smtp failed-command command=\"RCPT TO:<b@example.com>\" result=\"550 Invalid recipient: <b@example.com>\"
Nov 24 09:12:00 mx1 smtpd[1]: 7d5a1f6fd5b2a4c1 smtp disconnected reason=quit
Nov 24 09:12:01 mx1 smtpd[1]: 7d5a1f70a1b2c3d4 mta delivery evpid=4b2f3c1d8e1f2a3b from=<ann@example.org> to=<tom@example.com> rcpt=<-> source=\"192.0.2.2\" relay=\"192.0.2.9 (mx.example.com)\" delay=1s result=\"TempFail\" stat=\"450 4.7.1 wait, please\"
Nov 24 09:12:02 mx1 smtpd[1]: 7d5a1f70a1b2c3d4 mta event=delivery evpid=4b2f3c1d8e1f2a3b from=<ann@example.org> to=<tom@example.com> rcpt=<-> source=\"192.0.2.2\" relay=\"192.0.2.9 (mx.example.com)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 Ok\"
Nov 24 09:12:03 mx1 smtpd[1]: 0000000000000000 mda delivery evpid=4b2f3c1d8e1f2a3c from=<ann@example.org> to=<ida@mx1> rcpt=<ida@mx1> user=ida delay=0s result=Ok stat=Delivered
Nov 24 09:12:03 mx1 smtpd[1]: 7d5a1f70a1b2c3d4 mta disconnected reason=quit messages=1
Nov 24 09:12:04 mx1 smtpd[1]: 7d5a1f6fd5b2a4c2 smtp message msgid=5b2f3c1d size=7 nrcpt=1 proto=ESMTP
Nov 24 09:12:04 mx1 smtpd[1]: 7d5a1f6fd5b2a4c2 smtp envelope evpid=5b2f3c1d8e1f2a3b from=<ann@example.org> to=<tom@example.com>
";
        let (head, tail) = ("4b2f3c1d from=ann@example.org", "<shop.example.org 900");
        assert_eq!(
            told(log),
            [
                format!("received receiving {head} {tail}"),
                "rejected receiving to=b@example.com <shop.example.org: 550 Invalid recipient: <b@example.com>"
                    .to_owned(),
                format!("deferred sending {head} to=tom@example.com @mx.example.com {tail}: 450 4.7.1 wait, please"),
                format!("delivered sending {head} to=tom@example.com @mx.example.com {tail}: 250 2.0.0 Ok"),
                format!("delivered receiving {head} to=ida@mx1 {tail}: Delivered"),
                "received receiving 5b2f3c1d from=ann@example.org 7".to_owned(),
            ]
        );
    }
}
