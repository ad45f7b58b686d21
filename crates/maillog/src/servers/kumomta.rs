//! KumoMTA: an object of JSON per recipient and event (its reference, "Log Record").

use crate::json::Text;
use crate::record::{Direction, Kind, Record, Server, Sink};
use crate::stamp;
use crate::words;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    sender: Text<'a>,
    #[serde(borrow)]
    recipient: Text<'a>,
    #[serde(borrow)]
    size: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    #[serde(borrow)]
    peer_address: Option<Peer<'a>>,
    #[serde(borrow)]
    headers: Option<Headers<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    enhanced_code: Option<Enhanced>,
    #[serde(borrow)]
    content: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Enhanced {
    class: u16,
    subject: u16,
    detail: u16,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Peer<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    addr: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Headers<'a> {
    #[serde(borrow, rename = "Message-ID", alias = "Message-Id", alias = "message-id")]
    message_id: Text<'a>,
}

/// Reads a line; `false` when it is none of KumoMTA's.
pub(crate) fn read(line: &str, sink: &mut Sink<'_>) -> bool {
    let Ok(line) = serde_json::from_str::<Line<'_>>(line) else { return false };
    let kind = match line.kind.get() {
        Some("Reception") => Kind::Received,
        Some("Delivery") => Kind::Delivered,
        Some("TransientFailure") => Kind::Deferred,
        Some("Bounce" | "AdminBounce") => Kind::Failed,
        Some("Expiration") => Kind::Expired,
        Some("Rejection") => Kind::Rejected,
        // Reports by mail, and what an operator moved.
        Some("OOB" | "Feedback" | "Delayed" | "AdminRebind" | "XferOut" | "XferIn" | "DeferredInjectionRebind") => {
            return true;
        }
        _ => return false,
    };
    let incoming = matches!(kind, Kind::Received | Kind::Rejected);
    let direction = if incoming { Direction::Receiving } else { Direction::Sending };
    let at = line.event_time.get().and_then(stamp::epoch).or_else(|| line.timestamp.get().and_then(stamp::epoch));
    let peer = line.peer_address.unwrap_or_default();
    let peer = peer.name.get().filter(|name| !name.is_empty()).or_else(|| peer.addr.get());
    let peer = peer.map(|peer| peer.trim_end_matches('.'));
    let response = line.response.unwrap_or_default();
    let enhanced = response.enhanced_code.map(|it| format!("{}.{}.{}", it.class, it.subject, it.detail));
    let content = response.content.get().unwrap_or_default();
    let said = match (response.code.get(), &enhanced) {
        // KumoMTA's own troubles come with a code that nobody sent.
        _ if content.starts_with("KumoMTA internal: ") => content["KumoMTA internal: ".len()..].to_owned(),
        (Some(code), _) if content.starts_with(code) => content.to_owned(),
        (Some(code), Some(enhanced)) if !content.starts_with(enhanced.as_str()) => {
            format!("{code} {enhanced} {content}")
        }
        (Some(code), _) if !content.is_empty() || code != "250" => format!("{code} {content}"),
        _ => content.to_owned(),
    };
    sink(&Record {
        queue_id: line.id.get(),
        message_id: line.headers.as_ref().and_then(|headers| headers.message_id.get()).map(words::bare),
        from: line.sender.get(),
        recipient: line.recipient.get(),
        host: peer.filter(|_| !incoming),
        client: peer.filter(|_| incoming),
        size: line.size.get().and_then(|digits| digits.parse().ok()).filter(|size| *size > 0),
        status: enhanced.as_deref().and_then(words::status),
        said: said.trim_end(),
        ..Record::new(Server::KumoMta, at, kind, direction)
    });
    true
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn records_are_read() {
        let log = r#"{"type":"Reception","id":"1d98","sender":"ann@example.org","recipient":"tom@example.com","queue":"example.com","site":"","size":900,"response":{"code":250,"enhanced_code":null,"content":"","command":null},"peer_address":{"name":"shop.example.org","addr":"192.0.2.7"},"timestamp":1795540000,"created":1795540000,"num_attempts":0}
{"type":"TransientFailure","id":"1d98","sender":"ann@example.org","recipient":["tom@example.com"],"queue":"example.com","site":"x->mx.example.com.","size":900,"response":{"code":450,"enhanced_code":{"class":4,"subject":7,"detail":1},"content":"wait, please","command":"RCPT TO:<tom@example.com>"},"peer_address":{"name":"mx.example.com.","addr":"192.0.2.9"},"timestamp":1795540001,"num_attempts":0}
{"type":"TransientFailure","id":"1d98","sender":"ann@example.org","recipient":"tom@example.com","size":900,"response":{"code":400,"content":"KumoMTA internal: failed to connect to any candidate hosts"},"timestamp":1795540001}
{"type":"Bounce","id":"1d99","sender":"ann@example.org","recipient":"bob@example.net","size":900,"response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"no such user"},"peer_address":{"name":"","addr":"192.0.2.8"},"timestamp":1795540001,"headers":{"Message-ID":"<m1@example.org>"}}
{"type":"OOB","id":"1d99","sender":"","recipient":"x@example.org","timestamp":1795540001}
{"type":"other","recipient":"x"}
"#;
        assert_eq!(
            told(log),
            [
                "received receiving 1d98 from=ann@example.org to=tom@example.com <shop.example.org 900",
                "deferred sending 1d98 from=ann@example.org to=tom@example.com @mx.example.com 900 4.7.1: 450 4.7.1 wait, please",
                "deferred sending 1d98 from=ann@example.org to=tom@example.com 900: failed to connect to any candidate hosts",
                "failed sending 1d99 id=m1@example.org from=ann@example.org to=bob@example.net @192.0.2.8 900 5.1.1: 550 5.1.1 no such user",
            ]
        );
    }
}
