//! Postfix.
//!
//! A message is followed by its queue id: `smtpd` or `pickup` begin it, `cleanup` adds the
//! Message-ID, `qmgr` sender and size, the delivery agents one line per recipient and attempt,
//! and `qmgr` again its end. An id is that of a new message when a message begins under it;
//! with short queue ids that happens within the hour.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::words;

/// Reads one line of the part of Postfix that is called `service`.
pub(crate) fn read(entry: &Entry<'_>, service: &str, teller: &mut Teller<'_, '_>) {
    let Some((id, rest)) = queue_id(entry.text) else {
        if matches!(service, "smtpd" | "postscreen") {
            unqueued(entry, teller);
        }
        return;
    };
    match service {
        "qmgr" | "oqmgr" => queue_manager(entry, id, rest, teller),
        "cleanup" => cleanup(entry, id, rest, teller),
        "smtpd" | "postscreen" => match rest.strip_prefix("client=") {
            Some(client) => {
                let message = teller.messages.open(entry.host, id);
                message.begin();
                message.arrived = true;
                message.client.set(client.split(',').next().unwrap_or_default());
            }
            None => rejected(entry, Some(id), rest, teller),
        },
        "pickup" => {
            let message = teller.messages.open(entry.host, id);
            message.begin();
            message.arrived = true;
            message.client.set(rest.split(' ').next().unwrap_or_default());
        }
        "bounce" => {
            if rest.contains("notification: ") {
                let kind = Kind::Noticed;
                teller.tell(entry.host, id, Record { said: rest, ..record(entry, kind, Direction::Sending) });
            }
        }
        _ => attempted(entry, service, id, rest, teller),
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::Postfix, entry.at, kind, direction)
}

/// `3F2A1B: rest`. Short ids are upper-case hexadecimal digits, long ones letters and digits
/// without vowels, so that no word of a sentence is taken for one.
fn queue_id(text: &str) -> Option<(&str, &str)> {
    const ID_BYTES: std::ops::RangeInclusive<usize> = 5..=24;
    let end = text.bytes().take(1 + ID_BYTES.end()).position(|byte| byte == b':')?;
    let (id, rest) = (&text[..end], text[end + 1..].strip_prefix(' ')?);
    let short = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    let long = |byte: u8| byte.is_ascii_alphanumeric() && !b"AEIOUaeiou".contains(&byte);
    let fits = ID_BYTES.contains(&id.len()) && (id.bytes().all(short) || id.bytes().all(long));
    fits.then_some((id, rest))
}

fn queue_manager(entry: &Entry<'_>, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    if rest == "removed" {
        teller.tell(entry.host, id, record(entry, Kind::Removed, Direction::Sending));
        teller.messages.close(entry.host, id);
        return;
    }
    let Some((from, rest)) = rest.strip_prefix("from=<").and_then(|rest| rest.split_once(">, ")) else { return };
    let message = teller.messages.open(entry.host, id);
    message.from.set(from);
    if rest.starts_with("status=expired") || rest.starts_with("status=force-expired") {
        let said = rest.strip_prefix("status=").unwrap_or(rest);
        teller.tell(entry.host, id, Record { said, ..record(entry, Kind::Expired, Direction::Sending) });
        return;
    }
    let size = rest.strip_prefix("size=").and_then(|rest| rest.split(',').next());
    message.size = size.and_then(|digits| digits.parse().ok()).or(message.size);
    // A deferred message comes by again and again; it is told once.
    if !std::mem::replace(&mut message.told, true) {
        let kind = if message.arrived { Kind::Received } else { Kind::Queued };
        teller.tell(entry.host, id, record(entry, kind, Direction::Receiving));
    }
}

fn cleanup(entry: &Entry<'_>, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    if let Some(message_id) = rest.strip_prefix("message-id=") {
        let message = teller.messages.open(entry.host, id);
        // Bounces and forwarded mail have no client; they begin here.
        message.arrived |= !message.told;
        message.message_id.set(words::bare(message_id));
    } else {
        rejected(entry, Some(id), rest, teller);
    }
}

/// A delivery agent's line: `to=<…>, relay=…, delay=…, dsn=5.1.1, status=bounced (words)`.
fn attempted(entry: &Entry<'_>, service: &str, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    let Some((recipient, mut rest)) = rest.strip_prefix("to=<").and_then(|rest| rest.split_once(">, ")) else { return };
    let (mut relay, mut status) = ("", None);
    let said = loop {
        if let Some(said) = rest.strip_prefix("status=") {
            break said;
        }
        let Some((field, behind)) = rest.split_once(", ") else { return };
        match field.split_once('=') {
            Some(("relay", value)) => relay = value,
            Some(("dsn", value)) => status = words::status(value),
            _ => {}
        }
        rest = behind;
    };
    let (word, said) = said.split_once(' ').unwrap_or((said, ""));
    let kind = match word {
        "sent" => Kind::Delivered,
        "deferred" | "SOFTBOUNCE" => Kind::Deferred,
        "bounced" => Kind::Failed,
        "expired" => Kind::Expired,
        // Probes of addresses, `deliverable` and `undeliverable`, carry no mail.
        _ => return,
    };
    let said = said.strip_prefix('(').map_or(said, |said| said.strip_suffix(')').unwrap_or(said));
    // What connects in vain names the host in its words only.
    let host = match relay {
        "" | "none" => {
            said.strip_prefix("connect to ").and_then(|rest| rest.split_once("]:").map(|_| words::host(rest)))
        }
        _ => Some(words::host(relay)),
    };
    let direction = direction(service, relay);
    let record = Record { recipient: Some(recipient), host, status, said, ..record(entry, kind, direction) };
    teller.tell(entry.host, id, record);
}

fn direction(service: &str, relay: &str) -> Direction {
    match service {
        "local" | "virtual" | "pipe" => Direction::Receiving,
        // The ports that filters are given in Postfix's own documents and in those of the filters.
        _ if words::is_loopback(relay) => match relay.rsplit_once("]:").and_then(|(_, port)| port.parse().ok()) {
            Some(10_020..=10_050_u16) => Direction::Within,
            _ if service == "lmtp" => Direction::Receiving,
            _ => Direction::Sending,
        },
        "lmtp" => Direction::Receiving,
        _ => Direction::Sending,
    }
}

/// A line without queue id: `NOQUEUE: reject: …`, or a password that was wrong.
fn unqueued(entry: &Entry<'_>, teller: &mut Teller<'_, '_>) {
    if let Some(rest) = entry.text.strip_prefix("NOQUEUE: ") {
        rejected(entry, None, rest, teller);
    } else if let Some(rest) = entry.text.strip_prefix("warning: ")
        && let Some((client, said)) = rest.split_once("]: ")
        && said.starts_with("SASL ")
        && said.contains(" authentication failed")
    {
        let client = Some(words::host(client.split_once('[').map_or(client, |(_, address)| address)));
        (teller.sink)(&Record { client, said, ..record(entry, Kind::Rejected, Direction::Receiving) });
    }
}

/// `reject: RCPT from host[address]: 550 5.1.1 words; from=<a> to=<b> proto=ESMTP helo=<c>`; also
/// `milter-reject:`, and what header and body checks say, where the words come last.
fn rejected(entry: &Entry<'_>, id: Option<&str>, rest: &str, teller: &mut Teller<'_, '_>) {
    let Some(rest) = rest.strip_prefix("reject: ").or_else(|| rest.strip_prefix("milter-reject: ")) else { return };
    let Some((_, behind)) = rest.split_once(" from ") else { return };
    let Some((client, said)) = behind.split_once("]: ").or_else(|| behind.split_once(": ")) else { return };
    let tail = said.rfind("; from=<").or_else(|| said.rfind("; to=<")).or_else(|| said.rfind("; proto="));
    let (said, envelope) = match tail {
        Some(at) => said.split_at(at),
        None => (said, ""),
    };
    // postscreen puts the port behind the address: `[192.0.2.1]:4711: 550 …`.
    let checks =
        rest.split(' ').next().is_some_and(|word| matches!(word, "header" | "body" | "mime-header" | "nested-header"));
    let (said, client, envelope) = match (checks, behind.rfind(">: ")) {
        (true, Some(at)) => (&behind[at + 3..], behind.split(';').next().unwrap_or_default(), behind),
        _ => (said, client, envelope),
    };
    let said = match client.rsplit_once("]:") {
        Some(_) => said.split_once(": ").map_or(said, |(_, said)| said),
        None => said,
    };
    let client = match client.split_once('[') {
        Some(("" | "unknown", address)) => address.split(']').next().unwrap_or(address),
        Some((name, _)) => name,
        None => client,
    };
    let record = Record {
        client: Some(client),
        from: words::between(envelope, "from=<", '>'),
        recipient: words::between(envelope, "to=<", '>'),
        said,
        ..record(entry, Kind::Rejected, Direction::Receiving)
    };
    teller.tell_of(entry.host, id, record);
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn one_message_is_followed_by_its_id() {
        let log = "\
Nov 24 09:12:00 mx1 postfix/smtpd[1]: 4F2A1B3C: client=shop.example.org[192.0.2.7], sasl_method=PLAIN
Nov 24 09:12:00 mx1 postfix/cleanup[2]: 4F2A1B3C: message-id=<m1@example.org>
Nov 24 09:12:00 mx1 postfix/qmgr[3]: 4F2A1B3C: from=<shop@example.org>, size=900, nrcpt=2 (queue active)
Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<tom@example.com>, orig_to=<t@example.org>, relay=mx.example.com[192.0.2.9]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)
Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<ida@example.net>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to example.net[192.0.2.8]:25: Connection timed out)
Nov 24 09:20:00 mx1 postfix/qmgr[3]: 4F2A1B3C: from=<shop@example.org>, size=900, nrcpt=2 (queue active)
Nov 24 09:20:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<ida@example.net>, relay=mx.example.net[192.0.2.8]:25, delay=1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.8] said: 550 5.1.1 no (ever))
Nov 24 09:20:01 mx1 postfix/bounce[5]: 4F2A1B3C: sender non-delivery notification: 5A2A1B3D
Nov 24 09:20:01 mx1 postfix/qmgr[3]: 4F2A1B3C: removed
";
        let head = "4F2A1B3C id=m1@example.org from=shop@example.org";
        let tail = "<shop.example.org[192.0.2.7] 900";
        assert_eq!(
            told(log),
            [
                format!("received receiving {head} {tail}"),
                format!("delivered sending {head} to=tom@example.com @mx.example.com {tail} 2.0.0: 250 2.0.0 Ok"),
                format!(
                    "deferred sending {head} to=ida@example.net @example.net {tail} 4.4.1: connect to example.net[192.0.2.8]:25: Connection timed out"
                ),
                format!(
                    "failed sending {head} to=ida@example.net @mx.example.net {tail} 5.1.1: host mx.example.net[192.0.2.8] said: 550 5.1.1 no (ever)"
                ),
                format!("noticed sending {head} {tail}: sender non-delivery notification: 5A2A1B3D"),
                format!("removed sending {head} {tail}"),
            ]
        );
    }

    #[test]
    fn refusals_filters_and_strange_lines() {
        let table = [
            (
                "smtpd[1]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 Service unavailable; from=<a@example.org> to=<b@example.com> proto=ESMTP helo=<x>",
                "rejected receiving from=a@example.org to=b@example.com <192.0.2.7: 554 5.7.1 Service unavailable",
            ),
            (
                "postscreen[1]: NOQUEUE: reject: RCPT from [192.0.2.7]:4711: 450 4.3.2 Service currently unavailable; from=<a@example.org>, to=<b@example.com>, proto=ESMTP, helo=<x>",
                "rejected receiving from=a@example.org to=b@example.com <192.0.2.7: 450 4.3.2 Service currently unavailable",
            ),
            (
                "cleanup[1]: 4F2A1B3C: reject: header Subject: win now from m.example[192.0.2.7]; from=<a@example.org> to=<b@example.com> proto=ESMTP helo=<m>: 5.7.1 no thanks",
                "rejected receiving 4F2A1B3C from=a@example.org to=b@example.com <m.example: 5.7.1 no thanks",
            ),
            (
                "smtpd[1]: warning: m.example[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
                "rejected receiving <192.0.2.7: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
            ),
            (
                "qmgr[1]: 4F2A1B3C: from=<a@example.org>, status=expired, returned to sender",
                "expired sending 4F2A1B3C from=a@example.org: expired, returned to sender",
            ),
            (
                "smtp[1]: 4F2A1B3C: to=<b@example.com>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, dsn=2.0.0, status=sent (250 2.0.0 from MTA)",
                "delivered within 4F2A1B3C to=b@example.com @127.0.0.1 2.0.0: 250 2.0.0 from MTA",
            ),
            (
                "lmtp[1]: 4F2A1B3C: to=<b@example.com>, relay=127.0.0.1[127.0.0.1]:10026, delay=0.15, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5A)",
                "delivered within 4F2A1B3C to=b@example.com @127.0.0.1 2.0.0: 250 2.0.0 Ok: queued as 5A",
            ),
            (
                "lmtp[1]: 4F2A1B3C: to=<b@example.com>, relay=mx1[private/dovecot-lmtp], delay=0.4, dsn=2.0.0, status=sent (250 2.0.0 Saved)",
                "delivered receiving 4F2A1B3C to=b@example.com @mx1 2.0.0: 250 2.0.0 Saved",
            ),
            (
                "local[1]: 3mNp4ZtXk9z1: to=<root@mx1>, relay=local, delay=0, dsn=2.0.0, status=sent (delivered to mailbox)",
                "delivered receiving 3mNp4ZtXk9z1 to=root@mx1 @local 2.0.0: delivered to mailbox",
            ),
            ("smtp[1]: 4F2A1B3C: to=<b@example.com>, relay=mx[1", ""),
            ("smtpd[1]: connect from unknown[192.0.2.7]", ""),
        ];
        for (line, want) in table {
            let told = told(&format!("Nov 24 09:12:00 mx1 postfix/{line}"));
            assert_eq!(told.concat(), want, "{line}");
        }
    }
}
