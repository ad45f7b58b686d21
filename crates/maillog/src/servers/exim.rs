//! Exim: the main log and the reject log.
//!
//! A line begins with the message's id, then a mark: `<=` arrives, `=>` `->` `>>` leave, `==`
//! waits, `**` is given up (Exim specification, chapter 53). Fields of one letter follow, and
//! behind a colon the words.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::words;

/// Whether the words are Exim's: an id, or what it says without one.
pub(crate) fn looks_so(text: &str) -> bool {
    let text = without_process(text);
    id(text).is_some()
        || ["Start queue run: pid=", "End queue run: pid=", "exim 4."].iter().any(|start| text.starts_with(start))
        || refusal(text).is_some()
}

/// Reads one line without its stamp.
pub(crate) fn read(entry: &Entry<'_>, teller: &mut Teller<'_, '_>) {
    let text = without_process(entry.text);
    let Some((id, rest)) = id(text) else {
        if let Some(record) = refused(entry, text) {
            (teller.sink)(&record);
        }
        return;
    };
    let (mark, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match mark {
        "<=" => arrived(entry, id, rest, teller),
        "=>" | "->" | ">>" => left(entry, id, rest, Kind::Delivered, teller),
        "==" => left(entry, id, rest, Kind::Deferred, teller),
        "**" => left(entry, id, rest, Kind::Failed, teller),
        "Completed" => {
            teller.tell(entry.host, id, record(entry, Kind::Removed, Direction::Sending));
            teller.messages.close(entry.host, id);
        }
        _ => {
            if let Some(record) = refused(entry, text) {
                teller.tell(entry.host, id, record);
            }
        }
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::Exim, entry.at, kind, direction)
}

/// With `log_selector = +pid` the process stands first: `[4711] `.
fn without_process(text: &str) -> &str {
    match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((digits, rest)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => text,
    }
}

/// `1kABCD-0001ab-2C`, or `1kABCD-00000001ab2-2CdE` since Exim 4.97.
fn id(text: &str) -> Option<(&str, &str)> {
    let length = match text.as_bytes() {
        [_, _, _, _, _, _, b'-', _, _, _, _, _, _, b'-', ..] => 16,
        [_, _, _, _, _, _, b'-', _, _, _, _, _, _, _, _, _, _, _, b'-', ..] => 23,
        _ => return None,
    };
    let (id, rest) = (text.get(..length)?, text.get(length..)?);
    let good = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    good.then_some((id, rest.strip_prefix(' ')?))
}

/// `<= ann@example.org H=client.example (helo) [192.0.2.1] P=esmtpsa S=900 id=m1@example.org`
fn arrived(entry: &Entry<'_>, id: &str, rest: &str, teller: &mut Teller<'_, '_>) {
    let (from, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let message = teller.messages.open(entry.host, id);
    message.begin();
    (message.arrived, message.told) = (true, true);
    message.from.set(words::bare(from));
    message.size = field(rest, "S").and_then(|digits| digits.parse().ok());
    if let Some(message_id) = field(rest, "id") {
        message.message_id.set(message_id);
    }
    if let Some(client) = client(rest).or_else(|| field(rest, "U")) {
        message.client.set(client);
    }
    teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
    // A bounce names the message that it is about.
    if from == "<>"
        && let Some(about) = field(rest, "R")
    {
        teller.tell(entry.host, about, record(entry, Kind::Noticed, Direction::Sending));
    }
}

/// The value of a field: up to the next blank, without quotes.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    words::quoted_value(text, name)
}

/// The host behind `H=`: its name when that was looked up, else its address.
fn client(text: &str) -> Option<&str> {
    let at = if text.starts_with("H=") { 2 } else { memchr::memmem::find(text.as_bytes(), b" H=")? + 3 };
    let behind = &text[at..];
    let end = behind.find(']').map_or(behind.len(), |end| end + 1);
    let host = &behind[..end];
    match host.split(' ').next().filter(|name| !name.is_empty() && !name.starts_with(['(', '['])) {
        Some(name) => Some(name.trim_end_matches(':')),
        None => words::between(host, "[", ']'),
    }
}

/// `=> tom@example.com R=dnslookup T=remote_smtp H=mx.example.com [192.0.2.9] C="250 OK"`, and
/// the same with `==` and `**`, where the reason stands behind a colon.
fn left(entry: &Entry<'_>, id: &str, rest: &str, kind: Kind, teller: &mut Teller<'_, '_>) {
    let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    // A local part or a command may come first, with the address behind it in brackets.
    let (recipient, fields) = match behind.strip_prefix('<').and_then(|inside| inside.split_once('>')) {
        Some((address, fields)) if address.contains('@') => (address, fields),
        _ => (first.strip_suffix(':').unwrap_or(first), behind),
    };
    let fields = fields.strip_prefix(':').unwrap_or(fields).trim_start();
    let (fields, said) = match kind {
        Kind::Delivered => (fields, field(fields, "C").unwrap_or_default()),
        _ if first.ends_with(':') || !begins_with_field(fields) => ("", fields),
        _ => fields.split_once(": ").unwrap_or((fields, "")),
    };
    // Every run of the queue says so of every message that is not due.
    if said.starts_with("retry time not reached") {
        return;
    }
    let expired = said.contains("retry timeout exceeded") || said.contains("have been failing for a long time");
    let kind = if kind == Kind::Failed && expired { Kind::Expired } else { kind };
    // The lines of a reply are parted by `\n`, written so.
    let lines = memchr::memmem::find(said.as_bytes(), b"\\n").map(|_| said.replace("\\n", "\n"));
    let said = lines.as_deref().unwrap_or(said);
    // Until 4.88 the host stood in the words: `…: host mx.example.com [192.0.2.9]: 450 …`.
    let host = client(fields).or_else(|| said.split_once(": host ").map(|(_, rest)| words::host(rest)));
    let direction = match (host, field(fields, "T")) {
        (Some(host), _) if words::is_loopback(host) => Direction::Within,
        (None, Some(_)) if kind == Kind::Delivered => Direction::Receiving,
        (None, Some(transport)) if !transport.contains("smtp") => Direction::Receiving,
        _ => Direction::Sending,
    };
    teller.tell(entry.host, id, Record { recipient: Some(recipient), host, said, ..record(entry, kind, direction) });
}

/// `R=…`, `F=<…>`, `defer (-44)`: what stands before the colon.
fn begins_with_field(text: &str) -> bool {
    let name = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    text.starts_with("defer (") || ((1..=3).contains(&name) && text.as_bytes().get(name) == Some(&b'='))
}

/// Where the verdict of a refusal stands: `H=… F=<a> rejected RCPT <b>: words`.
fn refusal(text: &str) -> Option<(usize, &str)> {
    let of_session = ["H=", "F=", "no MAIL in", "SMTP call from ", "login authenticator", "plain authenticator"];
    let known = id(text).is_some()
        || of_session.iter().any(|start| text.starts_with(start))
        || text.contains("authenticator failed for ");
    if !known {
        return None;
    }
    [" temporarily rejected ", " rejected ", " authenticator failed for "]
        .iter()
        .find_map(|mark| Some((text.find(mark)?, text.get(text.find(mark)? + mark.len()..)?)))
}

fn refused<'a>(entry: &Entry<'a>, text: &'a str) -> Option<Record<'a>> {
    let (at, behind) = refusal(text)?;
    let head = &text[..at];
    let said = match behind.split_once(": ") {
        Some((_, said)) => said,
        None => behind,
    };
    let recipient = behind.strip_prefix("RCPT ").and_then(|rest| match rest.strip_prefix('<') {
        Some(inside) => inside.split('>').next(),
        None => rest.split([':', ' ']).next(),
    });
    let failed = words::between(behind, "[", ']').filter(|_| !head.contains("H="));
    Some(Record {
        client: client(head).or(failed),
        from: words::between(head, "F=<", '>'),
        recipient,
        said,
        ..record(entry, Kind::Rejected, Direction::Receiving)
    })
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn the_main_log_is_read() {
        let log = "\
2026-11-24 09:12:00 1kABCD-0001ab-2C <= ann@example.org H=shop.example.org (shop) [192.0.2.7]:5000 P=esmtpsa X=TLS1.3:A:256 CV=no A=login:ann S=900 id=m1@example.org
2026-11-24 09:12:01 1kABCD-0001ab-2C => tom@example.com R=dnslookup T=remote_smtp H=mx.example.com [192.0.2.9] X=TLS1.3:A:256 CV=yes C=\"250 2.0.0 OK \\\"x\\\" 1\"
2026-11-24 09:12:01 1kABCD-0001ab-2C == ida@example.net R=dnslookup T=remote_smtp defer (-44) H=mx.example.net [192.0.2.8]: SMTP error from remote mail server after RCPT TO:<ida@example.net>: 450 4.7.1 Greylisted
2026-11-24 09:12:02 1kABCD-0001ab-2C == ida@example.net R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host
2026-11-24 09:13:02 1kABCD-0001ab-2C ** bob@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.8] X=TLS1.2:B:128: SMTP error from remote mail server after RCPT TO:<bob@example.net>: 550 5.1.1 no such user
2026-11-24 09:13:03 1kABCD-0001ab-2C ** x@nowhere.example: Unrouteable address
2026-11-24 09:13:03 1kABCD-0001ab-2C ** y@example.net F=<ann@example.org> R=dnslookup T=remote_smtp: retry timeout exceeded
2026-11-24 09:13:04 +0000 [4711] 1kABCE-0001ac-00000 <= <> R=1kABCD-0001ab-2C U=Debian-exim P=local S=1200
2026-11-24 09:13:04 1kABCE-0001ac-3D <= <> R=1kABCD-0001ab-2C U=Debian-exim P=local S=1200
2026-11-24 09:13:05 1kABCD-0001ab-2C => ann <ann@mx1> R=local_user T=mail_spool
2026-11-24 09:13:06 1kABCD-0001ab-2C Completed
";
        let head = "1kABCD-0001ab-2C id=m1@example.org from=ann@example.org";
        let tail = "<shop.example.org 900";
        let want = [
            format!("received receiving {head} {tail}"),
            format!("delivered sending {head} to=tom@example.com @mx.example.com {tail}: 250 2.0.0 OK \\\"x\\\" 1"),
            format!(
                "deferred sending {head} to=ida@example.net @mx.example.net {tail}: SMTP error from remote mail server after RCPT TO:<ida@example.net>: 450 4.7.1 Greylisted"
            ),
            format!(
                "failed sending {head} to=bob@example.net @mx.example.net {tail}: SMTP error from remote mail server after RCPT TO:<bob@example.net>: 550 5.1.1 no such user"
            ),
            format!("failed sending {head} to=x@nowhere.example {tail}: Unrouteable address"),
            format!("expired sending {head} to=y@example.net {tail}: retry timeout exceeded"),
            "received receiving 1kABCE-0001ac-3D from= <Debian-exim 1200".to_owned(),
            format!("noticed sending {head} {tail}"),
            format!("delivered receiving {head} to=ann@mx1 {tail}"),
            format!("removed sending {head} {tail}"),
        ];
        assert_eq!(told(log), want);
    }

    #[test]
    fn refusals_are_read() {
        let table = [
            (
                "H=m.example (x) [192.0.2.7] F=<a@example.org> rejected RCPT <b@example.com>: relay not permitted",
                "rejected receiving from=a@example.org to=b@example.com <m.example: relay not permitted",
            ),
            (
                "H=(x) [192.0.2.7] X=TLS1.3:A:256 F=<> temporarily rejected RCPT b@example.com: greylisted",
                "rejected receiving from= to=b@example.com <192.0.2.7: greylisted",
            ),
            (
                "1kABCD-00000001ab2-2CdE H=m.example [192.0.2.7] F=<a@example.org> rejected after DATA: spam",
                "rejected receiving 1kABCD-00000001ab2-2CdE from=a@example.org <m.example: spam",
            ),
            (
                "login authenticator failed for (x) [192.0.2.7]: 535 Incorrect authentication data (set_id=ann)",
                "rejected receiving <192.0.2.7: 535 Incorrect authentication data (set_id=ann)",
            ),
            ("Start queue run: pid=4711", ""),
            (
                "1kABCD-0001ab-2C == b@example.com R=dnslookup T=remote_smtp defer (-44): SMTP error after RCPT TO:<b@example.com>: host mx.example.com [192.0.2.9]: 452-4.2.2 over\\n452 4.2.2 quota",
                "deferred sending 1kABCD-0001ab-2C to=b@example.com @mx.example.com: SMTP error after RCPT TO:<b@example.com>: host mx.example.com [192.0.2.9]: 452-4.2.2 over\n452 4.2.2 quota",
            ),
            ("1kABCD-0001ab-2C **", "failed sending 1kABCD-0001ab-2C to="),
        ];
        for (line, want) in table {
            assert_eq!(told(&format!("2026-11-24 09:12:00 {line}")).concat(), want, "{line}");
        }
    }
}
