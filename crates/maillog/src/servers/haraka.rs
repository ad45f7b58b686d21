//! Haraka: `[LEVEL] [uuid] [who] words key="value" …`, its default format.
//!
//! A transaction's uuid is the connection's with a number behind; the part that sends puts a
//! second number behind that. Lines are joined by the transaction's.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::words;

/// A delivery to more recipients than this is told as one to so many.
const RECIPIENTS_MAX: usize = 1000;

const LEVELS: [&str; 10] = ["DATA", "PROTOCOL", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "EMERG"];

/// Whether the words begin as Haraka's do.
pub(crate) fn looks_so(text: &str) -> bool {
    parts(text).is_some()
}

/// `[LEVEL] [uuid] [who] words`
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (level, rest) = text.strip_prefix('[')?.split_once("] [")?;
    let (uuid, rest) = rest.split_once("] [")?;
    let (who, words) = rest.split_once("] ")?;
    LEVELS.contains(&level).then_some((uuid, who, words))
}

/// Reads one line.
pub(crate) fn read(entry: &Entry<'_>, teller: &mut Teller<'_, '_>) {
    let Some((uuid, who, said)) = parts(entry.text) else { return };
    let id = transaction(uuid);
    if who == "outbound" || said.starts_with("delivered file=") {
        outbound(entry, id, said, teller);
        return;
    }
    let code = words::quoted_value(said, "code").unwrap_or_default();
    let (first, rest) = said.split_once(' ').unwrap_or((said, ""));
    match first {
        "connect" => {
            if let Some(address) = words::quoted_value(said, "ip") {
                teller.messages.open(entry.host, id).client.set(address);
            }
        }
        "disconnect" => teller.messages.close(entry.host, id),
        "sender" => {
            let from = words::between(rest, "<", '>').unwrap_or_default();
            let connection = id.rsplit_once('.').map_or(id, |(connection, _)| connection);
            let client =
                teller.messages.get(entry.host, connection).and_then(|known| known.client.get().map(str::to_owned));
            let message = teller.messages.open(entry.host, id);
            message.begin();
            message.from.set(from);
            if let Some(client) = client {
                message.client.set(&client);
            }
            refused(entry, id, said, code, None, teller);
        }
        "recipient" => {
            refused(entry, id, said, code, words::between(rest, "<", '>'), teller);
        }
        "message" => {
            let message = teller.messages.open(entry.host, id);
            message.size = words::quoted_value(said, "size").and_then(|digits| digits.parse().ok());
            message.message_id.set(words::bare(words::quoted_value(said, "mid").unwrap_or_default()));
            (message.arrived, message.told) = (true, true);
            if !refused(entry, id, said, code, None, teller) {
                teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
            }
        }
        "queue" => {
            refused(entry, id, said, code, None, teller);
        }
        _ => {}
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::Haraka, entry.at, kind, direction)
}

/// `5A2E….1` of `5A2E….1.2`.
fn transaction(uuid: &str) -> &str {
    match uuid.match_indices('.').nth(1) {
        Some((at, _)) => &uuid[..at],
        None => uuid,
    }
}

/// Tells a refusal, if the code is one: `DENY`, `DENYSOFT`, `DENYDISCONNECT` …
fn refused(
    entry: &Entry<'_>,
    id: &str,
    words: &str,
    code: &str,
    recipient: Option<&str>,
    teller: &mut Teller<'_, '_>,
) -> bool {
    if !code.starts_with("DENY") {
        return false;
    }
    let said = words::quoted_value(words, "msg").filter(|said| !said.is_empty()).unwrap_or(code);
    teller.tell(entry.host, id, Record { recipient, said, ..record(entry, Kind::Rejected, Direction::Receiving) });
    true
}

fn outbound(entry: &Entry<'_>, id: &str, said: &str, teller: &mut Teller<'_, '_>) {
    if said.starts_with("delivered file=") {
        // The recipients are only counted: `rcpts=taken/deferred/refused`.
        let count = words::quoted_value(said, "rcpts").and_then(|counts| counts.split('/').next()?.parse().ok());
        let host = words::quoted_value(said, "host")
            .filter(|host| !host.is_empty())
            .or_else(|| words::quoted_value(said, "ip"));
        let record = Record {
            recipient: words::quoted_value(said, "domain"),
            host,
            said: words::quoted_value(said, "response").unwrap_or_default(),
            ..record(entry, Kind::Delivered, Direction::Sending)
        };
        for _ in 0..count.unwrap_or(1).min(RECIPIENTS_MAX) {
            teller.tell(entry.host, id, record);
        }
        return;
    }
    let told = match said.strip_prefix("recipient <").and_then(|rest| rest.split_once("> ")) {
        Some((recipient, rest)) => rest
            .strip_prefix("deferred: ")
            .map(|said| (Kind::Deferred, Some(recipient), said))
            .or_else(|| rest.strip_prefix("rejected: ").map(|said| (Kind::Failed, Some(recipient), said))),
        None => whole(said),
    };
    if let Some((kind, recipient, said)) = told {
        teller.tell(entry.host, id, Record { recipient, said, ..record(entry, kind, Direction::Sending) });
    }
}

/// What is said of all recipients of a message at once.
fn whole(said: &str) -> Option<(Kind, Option<&str>, &str)> {
    let (kind, said) = match said.strip_prefix("bouncing mail: ") {
        Some(said) => match said.strip_prefix("Too many failures (") {
            Some(said) => (Kind::Expired, said.trim_end_matches(')')),
            None => (Kind::Failed, said),
        },
        None => (Kind::Deferred, said.strip_prefix("Temp failing ")?.split_once(" seconds: ")?.1),
    };
    // Each of them was told by a line of its own.
    (!said.starts_with("Some recipients ")).then_some((
        kind,
        None,
        said.strip_prefix("Upstream error: ").unwrap_or(said),
    ))
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn both_directions_are_read() {
        let log = "\
2026-11-24T09:12:00.000Z [NOTICE] [5A2E3C] [core] connect ip=192.0.2.7 port=4711 local_ip=192.0.2.1 local_port=587
2026-11-24T09:12:00.000Z [NOTICE] [5A2E3C.1] [core] sender <ann@example.org> code=CONT msg=\"\"
2026-11-24T09:12:00.000Z [NOTICE] [5A2E3C.1] [core] recipient <b@nowhere.example> code=DENY msg=\"no such user here\" sender=\"ann@example.org\"
2026-11-24T09:12:00.000Z [NOTICE] [5A2E3C.1] [core] recipient <tom@example.com> code=OK msg=\"\" sender=\"ann@example.org\"
2026-11-24T09:12:00.000Z [NOTICE] [5A2E3C.1] [core] message mid=\"<m1@example.org>\" size=900 rcpts=1/0/1 delay=0.1 code=CONT msg=\"\"
2026-11-24T09:12:01.000Z [NOTICE] [5A2E3C.1.1] [outbound] delivered file=1795_0 domain=example.com host=mx.example.com ip=192.0.2.9 port=25 mode=SMTP tls=Y auth=N response=\"2.0.0 Ok: queued\" delay=0.5 fails=0 rcpts=1/0/0
2026-11-24T09:12:01.000Z [NOTICE] [5A2E3C.1.1] [outbound] recipient <ida@example.com> deferred: 450 4.7.1 Greylisted
2026-11-24T09:12:01.000Z [NOTICE] [5A2E3C.1.1] [outbound] recipient <bob@example.com> rejected: 550 5.1.1 no such user
2026-11-24T09:12:01.000Z [INFO] [5A2E3C.1.1] [outbound] bouncing mail: Some recipients failed: <bob@example.com>
2026-11-24T09:12:01.000Z [INFO] [5A2E3C.1.1] [outbound] Temp failing 1795_0 for 64 seconds: Upstream error: 421 4.7.0 busy
2026-11-24T09:12:02.000Z [INFO] [5A2E3C.1.1] [outbound] bouncing mail: Too many failures (Tried all MXs)
";
        let (head, tail) = ("5A2E3C.1 id=m1@example.org from=ann@example.org", "<192.0.2.7 900");
        assert_eq!(
            told(log),
            [
                "rejected receiving 5A2E3C.1 from=ann@example.org to=b@nowhere.example <192.0.2.7: no such user here"
                    .to_owned(),
                format!("received receiving {head} {tail}"),
                format!("delivered sending {head} to=example.com @mx.example.com {tail}: 2.0.0 Ok: queued"),
                format!("deferred sending {head} to=ida@example.com {tail}: 450 4.7.1 Greylisted"),
                format!("failed sending {head} to=bob@example.com {tail}: 550 5.1.1 no such user"),
                format!("deferred sending {head} {tail}: 421 4.7.0 busy"),
                format!("expired sending {head} {tail}: Tried all MXs"),
            ]
        );
    }
}
