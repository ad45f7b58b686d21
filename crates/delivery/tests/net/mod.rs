//! A small world for deliveries: a zone, scripted hosts, and one order.

use bytes::Bytes;
use postrider_delivery::{Attempt, Delivery, Order, Settings};
use postrider_dns::Zone;
use postrider_smtp::{Content, Destination, Envelope, MessageId, Outcome, Recipient, Timestamp};
use postrider_testkit::Peer;
use std::sync::Arc;

/// A host that takes everything, message after message, in one flight each.
pub(crate) const TAKES_ALL: &str = "
    S: 220 mx
    C: EHLO relay.example
    S: 250-mx
    S: 250 PIPELINING
    LOOP
    C: MAIL FROM:<a@x.example>
    S: 250 ok
    C: RCPT TO:*
    S: 250 ok
    C: DATA
    S: 354 go on
    MESSAGE
    S: 250 kept";

/// A host that is full before it greets.
pub(crate) const BUSY: &str = "
    S: 421 4.3.2 too busy
    CLOSE";

/// Settings of the tests: loopback is open, and the hosts' port is not 25.
pub(crate) fn settings(port: u16) -> Settings {
    Settings { hello: "relay.example".into(), port, private_addresses: true, ..Settings::default() }
}

/// A delivery in a zone.
pub(crate) fn delivery(settings: Settings, zone: &str) -> Delivery {
    let zone = Zone::parse(zone).expect("a zone");
    Delivery::new(settings, Arc::new(zone)).expect("settings that can be used")
}

/// Hosts at 127.0.0.1, .2, .3 … and one port.
pub(crate) async fn hosts(scripts: &[&[&str]]) -> (u16, Vec<Peer>) {
    let mut peers: Vec<Peer> = Vec::new();
    for (index, scripts) in scripts.iter().enumerate() {
        let port = peers.first().map_or(0, |first| first.address().port());
        peers.push(Peer::start(&format!("127.0.0.{}", index + 1), port, scripts).await);
    }
    (peers[0].address().port(), peers)
}

/// A message for these recipients, by the destination of the first.
pub(crate) fn order(delivery: &Delivery, to: &[&str]) -> Order {
    let recipients: Vec<Recipient> =
        to.iter().map(|address| Recipient::new(address.parse().expect("an address"))).collect();
    Order {
        message: MessageId::at(Timestamp(1_800_000_000_000), 1),
        destination: delivery.destination(&recipients[0].address),
        envelope: Envelope { sender: "a@x.example".parse().ok(), ..Envelope::default() },
        recipients: (0..).zip(recipients).collect(),
        content: Content::split(Bytes::from_static(b"Subject: hi\r\n\r\nhello\r\n")),
        before_dot: None,
    }
}

/// Delivers to these, and tells what became of each.
pub(crate) async fn deliver(delivery: &Delivery, to: &[&str]) -> Vec<String> {
    told(&delivery.attempt(order(delivery, to)).await)
}

/// The outcomes, in short.
pub(crate) fn told(attempt: &Attempt) -> Vec<String> {
    let short = |outcome: &Outcome| match outcome {
        Outcome::Replied { .. } => outcome.to_string(),
        Outcome::Unreached(trouble) => format!("unreached {}", trouble.kind),
        Outcome::InDoubt(trouble) => format!("in-doubt {}", trouble.kind),
    };
    attempt.outcomes.iter().map(|(_, outcome)| short(outcome)).collect()
}

/// The destination written so.
pub(crate) fn to(text: &str) -> Destination {
    text.parse().expect("a destination")
}
