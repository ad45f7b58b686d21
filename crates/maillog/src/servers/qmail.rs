//! qmail: what `qmail-send` says, by syslog or by multilog.
//!
//! A delivery has a number, and its recipient is only in the line that starts it; so deliveries
//! under way are remembered, up to a bound. In the words, `_` stands for a blank and `/` for a
//! line end.

use crate::carrier::Entry;
use crate::reader::Teller;
use crate::record::{Direction, Kind, Record, Server};
use crate::stamp;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// qmail runs at most 255 of each kind unless it is patched.
const DELIVERIES_MAX: usize = 4096;
/// The longest message number and recipient that are remembered.
const FIELD_BYTES_MAX: usize = crate::messages::FIELD_BYTES_MAX;

/// The deliveries under way, by their number.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(BTreeMap<String, Delivery>);

#[derive(Debug)]
struct Delivery {
    message: String,
    recipient: String,
    direction: Direction,
}

/// Whether the words are qmail-send's.
pub(crate) fn looks_so(text: &str) -> bool {
    let text = without_stamp(text);
    let starts = [
        "new msg ",
        "info msg ",
        "starting delivery ",
        "delivery ",
        "status: local ",
        "bounce msg ",
        "end msg ",
        "triple bounce: ",
    ];
    starts.iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == 'd'))
    })
}

/// By syslog, splogger puts a stamp of its own first.
fn without_stamp(text: &str) -> &str {
    match text.split_once(' ') {
        Some((first, rest)) if stamp::epoch(first).is_some() => rest,
        _ => text,
    }
}

/// The word at the beginning: with several queues, a line ends with the queue's name.
fn first(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

/// Reads one line without its stamp.
pub(crate) fn read(entry: &Entry<'_>, deliveries: &mut Deliveries, teller: &mut Teller<'_, '_>) {
    let text = without_stamp(entry.text);
    if let Some(id) = text.strip_prefix("new msg ") {
        teller.messages.open(entry.host, first(id)).begin();
    } else if let Some(rest) = text.strip_prefix("info msg ") {
        arrived(entry, rest, teller);
    } else if let Some(rest) = text.strip_prefix("starting delivery ") {
        deliveries.start(rest);
    } else if let Some(rest) = text.strip_prefix("delivery ") {
        ended(entry, rest, deliveries, teller);
    } else if let Some(rest) = text.strip_prefix("bounce msg ") {
        teller.tell(entry.host, first(rest), record(entry, Kind::Noticed, Direction::Sending));
    } else if let Some(id) = text.strip_prefix("end msg ") {
        teller.tell(entry.host, first(id), record(entry, Kind::Removed, Direction::Sending));
        teller.messages.close(entry.host, first(id));
    }
}

fn record<'a>(entry: &Entry<'a>, kind: Kind, direction: Direction) -> Record<'a> {
    Record::new(Server::Qmail, entry.at, kind, direction)
}

/// `123456: bytes 900 from <ann@example.org> qp 4711 uid 7791`
fn arrived(entry: &Entry<'_>, rest: &str, teller: &mut Teller<'_, '_>) {
    let Some((id, rest)) = rest.split_once(": bytes ") else { return };
    let Some((size, rest)) = rest.split_once(" from <") else { return };
    let from = rest.rsplit_once("> qp ").map_or(rest, |(from, _)| from);
    let message = teller.messages.open(entry.host, id);
    message.from.set(from);
    message.size = size.parse().ok();
    (message.arrived, message.told) = (true, true);
    teller.tell(entry.host, id, record(entry, Kind::Received, Direction::Receiving));
}

impl Deliveries {
    /// `7: msg 123456 to remote tom@example.com`
    fn start(&mut self, rest: &str) {
        let Some((number, rest)) = rest.split_once(": msg ") else { return };
        let Some((message, rest)) = rest.split_once(" to ") else { return };
        let mut words = rest.split(' ');
        let (channel, recipient) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let direction = if channel == "local" { Direction::Receiving } else { Direction::Sending };
        let kept = |text: &str| text[..text.floor_char_boundary(FIELD_BYTES_MAX)].to_owned();
        let delivery = Delivery { message: kept(message), recipient: kept(recipient), direction };
        self.0.insert(key(number, words.next().unwrap_or_default()), delivery);
        if self.0.len() > DELIVERIES_MAX {
            self.0.pop_first();
        }
    }
}

/// Each queue numbers its own deliveries.
fn key(number: &str, queue: &str) -> String {
    let cut = |text: &str| text[..text.floor_char_boundary(20)].to_owned();
    cut(number) + " " + &cut(queue)
}

/// `7: deferral: 192.0.2.9_does_not_like_recipient./Remote_host_said:_450_later/Giving_up_on_192.0.2.9./`
fn ended(entry: &Entry<'_>, rest: &str, deliveries: &mut Deliveries, teller: &mut Teller<'_, '_>) {
    let Some((number, rest)) = rest.split_once(": ") else { return };
    let Some((word, said)) = rest.split_once(": ") else { return };
    let kind = match word {
        "success" => Kind::Delivered,
        "deferral" => Kind::Deferred,
        "failure" => Kind::Failed,
        _ => return,
    };
    let (said, queue) = said.split_once(' ').unwrap_or((said, ""));
    let Some(delivery) = deliveries.0.remove(&key(number, queue)) else { return };
    let said = said.replace('_', " ");
    let said = said.trim_end_matches('/');
    let (said, _) = said.split_once("/Giving up on ").unwrap_or((said, ""));
    let expired = said.contains("this message has been in the queue too long");
    let kind = if kind == Kind::Failed && expired { Kind::Expired } else { kind };
    let address = |word: &str| word.trim_matches(|c: char| !c.is_ascii_hexdigit()).parse::<IpAddr>().is_ok();
    let host =
        said.split(' ').find(|word| address(word)).map(|word| word.trim_matches(|c: char| !c.is_ascii_hexdigit()));
    // What the other host said is all that counts; qmail's own words before it say where it was.
    let said = said.split_once("/Remote host said: ").map_or(said, |(_, said)| said);
    let record = Record { recipient: Some(&delivery.recipient), host, said, ..record(entry, kind, delivery.direction) };
    teller.tell(entry.host, &delivery.message, record);
}

#[cfg(test)]
mod tests {
    use crate::servers::tests::told;

    #[test]
    fn deliveries_are_joined_by_their_number() {
        let log = "\
@400000006b05d3aa075bcd15 new msg 123456
@400000006b05d3aa075bcd15 info msg 123456: bytes 900 from <ann@example.org> qp 4711 uid 7791
@400000006b05d3aa075bcd15 starting delivery 1: msg 123456 to remote tom@example.com
@400000006b05d3aa075bcd15 starting delivery 2: msg 123456 to remote ida@example.net
@400000006b05d3aa075bcd15 starting delivery 3: msg 123456 to local bob@mx1
@400000006b05d3aa075bcd15 status: local 1/10 remote 2/20
@400000006b05d3aa075bcd15 delivery 2: deferral: 192.0.2.8_does_not_like_recipient./Remote_host_said:_450_4.7.1_later,_see_https://a.example/x/Giving_up_on_192.0.2.8./
@400000006b05d3aa075bcd15 delivery 1: success: 192.0.2.9_accepted_message./Remote_host_said:_250_ok_1/
@400000006b05d3aa075bcd15 delivery 3: failure: Sorry,_no_mailbox_here_by_that_name._(#5.1.1)/
@400000006b05d3aa075bcd15 delivery 9: success: never_started/
@400000006b05d3aa075bcd15 bounce msg 123456 qp 4712
@400000006b05d3aa075bcd15 starting delivery 4: msg 123456 to remote eve@example.net
@400000006b05d3aa075bcd15 delivery 4: failure: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/I'm_not_going_to_try_again;_this_message_has_been_in_the_queue_too_long./
@400000006b05d3aa075bcd15 end msg 123456
";
        let head = "123456 from=ann@example.org";
        assert_eq!(
            told(log),
            [
                format!("received receiving {head} 900"),
                format!(
                    "deferred sending {head} to=ida@example.net @192.0.2.8 900: 450 4.7.1 later, see https://a.example/x"
                ),
                format!("delivered sending {head} to=tom@example.com @192.0.2.9 900: 250 ok 1"),
                format!("failed receiving {head} to=bob@mx1 900: Sorry, no mailbox here by that name. (#5.1.1)"),
                format!("noticed sending {head} 900"),
                format!(
                    "expired sending {head} to=eve@example.net 900: Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)/I'm not going to try again; this message has been in the queue too long."
                ),
                format!("removed sending {head} 900"),
            ]
        );
        let by_syslog = "Nov 24 09:12:00 mx1 qmail: 1795540000.123456 info msg 7: bytes 5 from <> qp 1 uid 2";
        assert_eq!(told(by_syslog), ["received receiving 7 from= 5"]);
        let two_queues = "\
2026-11-24 08:00:09.681 starting delivery 1: msg 7 to local ann@mx1 queue1
1795540000.334422 starting delivery 1: msg 8 to local tom@mx1 queue2
1795540000.334422 delivery 1: success: did_0+0+1/ queue1
";
        assert_eq!(told(two_queues), ["delivered receiving 7 to=ann@mx1: did 0+0+1"]);
    }
}
