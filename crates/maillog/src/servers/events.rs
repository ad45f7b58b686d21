//! Postrider's own events, `postrider.events/1` (docs/events.md).
//!
//! Every line says all that is needed, so nothing is joined.

use crate::json::Text;
use crate::record::{Direction, Kind, Record, Server, Sink};
use crate::stamp::Calendar;
use crate::words;
use serde::Deserialize;

#[derive(Deserialize)]
struct Line<'a> {
    schema: &'a str,
    #[serde(default)]
    event: Text<'a>,
    #[serde(default)]
    at: Text<'a>,
    #[serde(default)]
    message: Text<'a>,
    #[serde(default)]
    header_id: Text<'a>,
    #[serde(default)]
    client: Text<'a>,
    #[serde(default)]
    sender: Text<'a>,
    #[serde(default)]
    recipient: Text<'a>,
    #[serde(default)]
    size: Text<'a>,
    #[serde(default)]
    reason: Text<'a>,
    #[serde(default, alias = "reply")]
    outcome: Option<Outcome<'a>>,
    #[serde(default)]
    via: Option<Via<'a>>,
    #[serde(default)]
    verdict: Option<Verdict<'a>>,
}

/// What the relay's own decoder said; it knew more than the words.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Verdict<'a> {
    #[serde(borrow)]
    cause: Text<'a>,
}

/// An outcome, or the reply that a client was given.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Outcome<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    enhanced: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    trouble: Text<'a>,
    #[serde(borrow)]
    detail: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Via<'a> {
    #[serde(borrow)]
    host: Text<'a>,
    #[serde(borrow)]
    address: Text<'a>,
}

/// Reads a line; `false` when it is none of ours.
pub(crate) fn read(line: &str, calendar: &Calendar, sink: &mut Sink<'_>) -> bool {
    let Ok(line) = serde_json::from_str::<Line<'_>>(line) else { return false };
    if !line.schema.starts_with("postrider.events/") {
        return false;
    }
    let kind = match line.event.get() {
        Some("accepted") => Kind::Received,
        Some("refused") => Kind::Rejected,
        Some("delivered") => Kind::Delivered,
        Some("deferred" | "in-doubt") => Kind::Deferred,
        Some("failed") => Kind::Failed,
        Some("expired") => Kind::Expired,
        Some("noticed") => Kind::Noticed,
        // What an operator did, and the relay's own life.
        _ => return true,
    };
    let incoming = matches!(kind, Kind::Received | Kind::Rejected);
    let direction = if incoming { Direction::Receiving } else { Direction::Sending };
    let outcome = line.outcome.unwrap_or_default();
    let via = line.via.unwrap_or_default();
    let said = match (outcome.code.get(), outcome.text.get()) {
        (Some(code), text) => format!("{code} {}", text.unwrap_or_default()),
        (None, _) => {
            let detail = outcome.detail.get().filter(|detail| !detail.is_empty()).or_else(|| outcome.trouble.get());
            detail.or_else(|| line.reason.get()).unwrap_or_default().to_owned()
        }
    };
    sink(&Record {
        queue_id: line.message.get(),
        message_id: line.header_id.get().map(words::bare),
        from: line.sender.get(),
        recipient: line.recipient.get(),
        host: via.host.get().or_else(|| via.address.get()),
        client: line.client.get(),
        size: line.size.get().and_then(|digits| digits.parse().ok()),
        status: outcome.enhanced.get().and_then(words::status),
        cause: line.verdict.as_ref().and_then(|verdict| verdict.cause.get()),
        said: said.trim_end(),
        ..Record::new(
            Server::Postrider,
            line.at.get().and_then(|at| calendar.iso(at)).map(|(at, _)| at),
            kind,
            direction,
        )
    });
    true
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn our_own_events_are_read_bare_and_carried() {
        let log = r#"{"schema":"postrider.events/1","event":"accepted","at":"2026-11-24T16:50:08.000Z","message":"06Z8","origin":"submission","client":"shop","sender":"ann@shop.example","recipients":["tom@customer.example"],"size":10240,"header_id":"o1@shop.example"}
{"schema":"postrider.events/1","event":"refused","at":"2026-11-24T16:50:08.005Z","client":"203.0.113.9:40222","hello":"localhost","phase":"rcpt","sender":"ann@shop.example","recipient":"tom@customer.example","reply":{"code":"554","enhanced":"5.7.1","text":"5.7.1 Relaying is not allowed for you"},"reason":"x"}
{"schema":"postrider.events/1","event":"deferred","at":"2026-11-24T16:50:08.120Z","message":"06Z8","sender":"ann@shop.example","recipient":"tom@customer.example","attempt":1,"via":{"site":"s","host":"mx1.mailhost.example","address":"192.0.2.25:25"},"outcome":{"kind":"replied","phase":"rcpt","code":"451","enhanced":"4.7.1","text":"4.7.1 Greylisted"},"next":null}
{"schema":"postrider.events/1","event":"in-doubt","at":"2026-11-24T16:50:08.130Z","message":"06Z8","sender":"ann@shop.example","recipient":"tom@customer.example","via":null,"outcome":{"kind":"in-doubt","phase":"dot","trouble":"connection-lost","errno":104,"detail":"connection reset by peer"}}
{"log":"{\"schema\":\"postrider.events/1\",\"event\":\"expired\",\"at\":\"2026-11-29T16:50:08.000Z\",\"message\":\"06Z8\",\"sender\":\"\",\"recipient\":\"t@c.example\",\"attempts\":31,\"reason\":\"the mailbox is full\"}\n","stream":"stdout","time":"2026-11-29T16:50:08.1Z"}
{"schema":"postrider.events/1","event":"held","at":"2026-11-24T17:00:08.000Z","message":null}
"#;
        assert_eq!(
            told(log),
            [
                "received receiving 06Z8 id=o1@shop.example from=ann@shop.example <shop 10240",
                "rejected receiving from=ann@shop.example to=tom@customer.example <203.0.113.9:40222 5.7.1: 554 5.7.1 Relaying is not allowed for you",
                "deferred sending 06Z8 from=ann@shop.example to=tom@customer.example @mx1.mailhost.example 4.7.1: 451 4.7.1 Greylisted",
                "deferred sending 06Z8 from=ann@shop.example to=tom@customer.example: connection reset by peer",
                "expired sending 06Z8 from= to=t@c.example: the mailbox is full",
            ]
        );
    }
}
