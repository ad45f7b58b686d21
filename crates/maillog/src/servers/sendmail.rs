//! Sendmail: `id: key=value, key=value, …, stat=words` by one tag for all its parts.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::words;

/// The most recipients of one line that are told.
const RECIPIENTS_MAX: usize = 1000;

/// Reads one line.
pub(crate) fn read(entry: &Entry<'_>, teller: &mut Teller<'_, '_>) {
    let Some((id, rest)) = id(entry.text) else {
        refused(entry, None, entry.text, teller);
        return;
    };
    if rest.starts_with("from=") {
        arrived(entry, id, rest, teller);
    } else if rest.starts_with("to=") {
        attempted(entry, id, rest, teller);
    } else if rest.starts_with("ruleset=") || rest.contains("reject=") {
        refused(entry, Some(id), rest, teller);
    } else if let Some((_, said)) = rest.split_once(": ").filter(|(child, _)| is_id(child)) {
        // `id: new id: DSN: User unknown`: the bounce, and what it is about.
        if said.contains("Cannot send message for") {
            teller.tell(entry.host, id, Record { said, ..record(entry, Kind::Expired, Direction::Sending) });
        }
        if ["DSN: ", "sender notify: ", "return to sender: ", "postmaster notify: "]
            .iter()
            .any(|start| said.starts_with(start))
        {
            teller.tell(entry.host, id, Record { said, ..record(entry, Kind::Noticed, Direction::Sending) });
        }
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::Sendmail, entry.at, kind, direction)
}

fn is_id(text: &str) -> bool {
    (8..=20).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `2AO9C1ab012345: rest`
fn id(text: &str) -> Option<(&str, &str)> {
    text.split_once(": ").filter(|(id, _)| is_id(id))
}

/// The value of a field, up to the next comma and blank.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (field, behind) = rest.split_once(", ").unwrap_or((rest, ""));
        if let Some(value) = field.strip_prefix(name).and_then(|value| value.strip_prefix('=')) {
            return Some(value);
        }
        if behind.is_empty() {
            return None;
        }
        rest = behind;
    }
}

fn arrived(entry: &Entry<'_>, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    let message = teller.messages.open(entry.host, id);
    message.begin();
    (message.arrived, message.told) = (true, true);
    message.from.set(words::bare(field(rest, "from").unwrap_or_default()));
    message.size = field(rest, "size").and_then(|digits| digits.parse().ok());
    if let Some(message_id) = field(rest, "msgid") {
        message.message_id.set(words::bare(message_id));
    }
    if let Some(relay) = field(rest, "relay") {
        message.client.set(words::host(relay.split(" (").next().unwrap_or(relay)));
    }
    teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
}

/// `to=<a@x>,<b@x>, ctladdr=…, mailer=esmtp, relay=mx.x. [192.0.2.9], dsn=5.1.1, stat=User unknown`
fn attempted(entry: &Entry<'_>, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    // The words come last, and have commas of their own.
    let Some(at) = memchr::memmem::find(rest.as_bytes(), b", stat=") else { return };
    let (fields, stat) = (&rest[..at], &rest[at + 7..]);
    let status = field(fields, "dsn").and_then(words::status);
    let (kind, said) = match stat.split_once([' ', ':', '(']).map_or(stat, |(word, _)| word) {
        "Sent" => (Kind::Delivered, stat.strip_prefix("Sent").unwrap_or(stat)),
        "Deferred" => (Kind::Deferred, stat.strip_prefix("Deferred").unwrap_or(stat)),
        "queued" => return,
        _ if status.is_some_and(|status| status.class() == 4) => (Kind::Deferred, stat),
        _ => (Kind::Failed, stat),
    };
    let said = said.trim_start_matches([':', ' ']);
    let said = said.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')).unwrap_or(said);
    // `reply=` is what the host said, since 8.16; `stat=` is Sendmail's own word for it.
    let reply = memchr::memmem::find(fields.as_bytes(), b", reply=").map(|at| &fields[at + 8..]);
    let said = reply.filter(|reply| kind != Kind::Delivered && reply.len() > 3).unwrap_or(said);
    let relay = field(fields, "relay");
    let host = relay.map(words::host).filter(|host| !host.is_empty());
    let direction = match field(fields, "mailer") {
        Some(mailer) if !mailer.contains("smtp") && mailer != "relay" => Direction::Receiving,
        Some("relay") if host.is_some_and(words::is_loopback) => Direction::Within,
        _ => Direction::Sending,
    };
    let to = field(fields, "to").unwrap_or_default();
    for recipient in to.split(',').take(RECIPIENTS_MAX) {
        let recipient = Some(words::bare(recipient));
        teller.tell(entry.host, id, Record { recipient, host, status, said, ..record(entry, kind, direction) });
    }
}

/// `ruleset=check_rcpt, arg1=<b@example.com>, relay=m.example [192.0.2.7], reject=550 5.7.1 words`,
/// and `Milter: to=<b@example.com>, reject=451 4.7.1 words`.
fn refused(entry: &Entry<'_>, id: Option<&str>, rest: &str, teller: &mut Teller<'_, '_>) {
    let Some(at) = rest.find("reject=").filter(|_| rest.starts_with("ruleset=") || rest.starts_with("Milter")) else {
        return;
    };
    let (fields, said) = (&rest[..at], &rest[at + 7..]);
    // What another host's TLS was refused for follows as that delivery's own line.
    if fields.starts_with("ruleset=tls_") {
        return;
    }
    let fields = fields.strip_prefix("Milter: ").unwrap_or(fields);
    let address = field(fields, "arg1").or_else(|| field(fields, "to")).map(words::bare);
    let of_sender = fields.starts_with("ruleset=check_mail") || fields.starts_with("from=");
    let record = Record {
        client: field(fields, "relay").map(words::host),
        from: if of_sender { address.or_else(|| field(fields, "from").map(words::bare)) } else { None },
        recipient: address.filter(|address| !of_sender && address.contains('@')),
        said,
        ..record(entry, Kind::Rejected, Direction::Receiving)
    };
    teller.tell_of(entry.host, id, record);
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn its_lines_are_read() {
        let log = "\
Nov 24 09:12:00 mx1 sm-mta[1]: 2AO9C1ab012345: from=<ann@example.org>, size=900, class=0, nrcpts=3, msgid=<m1@example.org>, proto=ESMTP, daemon=MTA, relay=shop.example.org [192.0.2.7]
Nov 24 09:12:01 mx1 sm-mta[2]: 2AO9C1ab012345: to=<tom@example.com>,<ida@example.com>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=30900, relay=mx.example.com. [192.0.2.9], dsn=2.0.0, stat=Sent (ok, queued)
Nov 24 09:12:01 mx1 sm-mta[2]: 2AO9C1ab012345: to=<bob@example.net>, delay=00:00:01, mailer=esmtp, pri=30900, relay=mx.example.net. [192.0.2.8], dsn=4.7.1, reply=451 4.7.1 Greylisted, wait, stat=Deferred: 451 4.7.1 Greylisted, wait
Nov 24 09:12:02 mx1 sm-mta[2]: 2AO9C1ab012345: to=<eve@example.net>, delay=00:00:01, mailer=esmtp, relay=mx.example.net. [192.0.2.8], dsn=5.1.1, stat=User unknown
Nov 24 09:12:02 mx1 sm-mta[2]: 2AO9C1ab012345: 2AO9C2ab012346: DSN: User unknown
Nov 24 09:12:03 mx1 sendmail[3]: 2AO9C2ab012347: ruleset=check_rcpt, arg1=<b@example.com>, relay=m.example [192.0.2.6], reject=550 5.7.1 <b@example.com>... Relaying denied
Nov 24 09:12:04 mx1 sm-mta[3]: 2AO9C2ab012348: Milter: to=<b@example.com>, reject=451 4.7.1 later, please
Nov 24 09:12:05 mx1 sm-mta[2]: 2AO9C1ab012345: to=<joe@example.net>, delay=00:00:01, mailer=esmtp, relay=mx.example.net. [192.0.2.8], dsn=4.5.0, stat=Operating system error
Nov 24 09:12:05 mx1 sm-mta[3]: STARTTLS=client, relay=mx.example.com., version=TLSv1.3
";
        let head = "2AO9C1ab012345 id=m1@example.org from=ann@example.org";
        let tail = "<shop.example.org 900";
        assert_eq!(told(log), [
            format!("received receiving {head} {tail}"),
            format!("delivered sending {head} to=tom@example.com @mx.example.com {tail} 2.0.0: ok, queued"),
            format!("delivered sending {head} to=ida@example.com @mx.example.com {tail} 2.0.0: ok, queued"),
            format!("deferred sending {head} to=bob@example.net @mx.example.net {tail} 4.7.1: 451 4.7.1 Greylisted, wait"),
            format!("failed sending {head} to=eve@example.net @mx.example.net {tail} 5.1.1: User unknown"),
            format!("noticed sending {head} {tail}: DSN: User unknown"),
            "rejected receiving 2AO9C2ab012347 to=b@example.com <m.example: 550 5.7.1 <b@example.com>... Relaying denied".to_owned(),
            "rejected receiving 2AO9C2ab012348 to=b@example.com: 451 4.7.1 later, please".to_owned(),
            format!("deferred sending {head} to=joe@example.net @mx.example.net {tail} 4.5.0: Operating system error"),
        ]);
    }
}
