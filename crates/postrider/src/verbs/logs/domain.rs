//! What logs tell of one domain, for the doctor: how each direction fares, why it fails, and
//! since when.

use super::curve::Curve;
use super::judge::Judge;
use super::{Report, read_all, source, text};
use crate::exit::{Exit, Failure};
use postrider_diagnosis::log::{Flow, LogSeen, Reason, Silent, Streak};
use postrider_maillog::{Direction, Kind, Reader, Record, Settings};
use postrider_reply::{Cause, Verdict};
use postrider_smtp::{Said, Timestamp};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::net::IpAddr;

/// Outcomes that are kept of one direction, the latest; and peers that are told apart.
const EVENTS_MAX: usize = 200_000;
const PEERS_MAX: usize = 20_000;
/// Our own addresses, silent peers and reasons that are told.
const TOLD_MAX: usize = 10;
/// So many messages in a row make a peer silent; fewer are an accident.
const SILENT_MIN: u64 = 2;
const WORDS_BYTES_MAX: usize = 400;
const SHORT_CHARS_MAX: usize = 60;

/// Reads logs for what concerns `domain`; stamps without a year are put before `reference`.
pub(crate) fn domain_in(files: &[String], domain: &str, reference: Timestamp) -> Result<LogSeen, Failure> {
    let zone = super::Zone::parse(None)?;
    let mut reader = Reader::new(Settings { reference, offset_s: zone.offset_s, ..Settings::default() });
    let mut progress = source::Progress::new(files, false);
    let mut desk = Desk::new(domain);
    let (names, notes) = read_all(files, &mut reader, &mut progress, &mut |record| desk.add(record))?;
    let (counts, forgotten) = (reader.counts(), reader.forgotten());
    if counts.lines > 0 && counts.foreign() == counts.lines {
        let tally = super::Tally::new(super::By::Both);
        let strangers = reader.strangers();
        let report = Report { files: names, counts, strangers, forgotten, tally: &tally, zone, notes };
        return Err(Failure::new(Exit::Data, text::nobody(&report)));
    }
    for note in notes {
        eprintln!("postrider: {note}");
    }
    Ok(desk.seen(names))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Deferred,
    GivenUp,
    Refused,
}

/// What became of one message at one moment.
#[derive(Debug, Clone, Copy)]
struct Event {
    at: i64,
    message: u64,
    peer: u32,
    outcome: Outcome,
    /// The cause, where it tells something of the direction.
    telling: Option<Cause>,
}

/// One direction while it is read.
#[derive(Debug, Default)]
struct Way {
    events: Vec<Event>,
    peers: HashMap<String, u32>,
    reasons: HashMap<(Cause, bool), Reason>,
    refused: u64,
    last_accepted: Option<(i64, String)>,
    /// A mailbox of the domain is on the log's own system.
    is_home: bool,
}

struct Desk {
    domain: String,
    judge: Judge,
    hasher: RandomState,
    sending: Way,
    receiving: Way,
    senders: Vec<IpAddr>,
    first: Option<i64>,
    last: Option<i64>,
}

impl Desk {
    fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            judge: Judge::new(),
            hasher: RandomState::new(),
            sending: Way::default(),
            receiving: Way::default(),
            senders: Vec::new(),
            first: None,
            last: None,
        }
    }

    fn add(&mut self, record: &Record<'_>) {
        if let Some(Timestamp(at)) = record.at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        let outcome = match record.kind {
            Kind::Delivered => Outcome::Accepted,
            Kind::Deferred => Outcome::Deferred,
            Kind::Failed | Kind::Expired => Outcome::GivenUp,
            Kind::Rejected => Outcome::Refused,
            Kind::Received | Kind::Queued | Kind::Noticed | Kind::Removed => return,
        };
        let is_ours = |domain: Option<&str>| domain.is_some_and(|domain| domain.eq_ignore_ascii_case(&self.domain));
        let to = is_ours(record.domain());
        let from = is_ours(record.from.and_then(|from| from.rsplit_once('@')).map(|(_, domain)| domain));
        // Mail within the domain, or into a mailbox beside it, says nothing of the way out.
        let out = from && !to && record.direction == Direction::Sending;
        if record.direction == Direction::Within || !(to || out) {
            return;
        }
        let at = record.at.or(self.last.map(Timestamp)).unwrap_or_default().0;
        let verdict = self.judge.verdict(record);
        // Who checks SPF is the receiver, not a smarthost that knows us by another address.
        let by_spf = matches!(verdict.cause, Cause::SpfFailed | Cause::DmarcFailed | Cause::Unauthenticated);
        if out && by_spf && outcome != Outcome::Accepted {
            self.own_address(record.said);
        }
        let message =
            self.hasher.hash_one((record.queue_id.or(record.message_id).unwrap_or_default(), record.recipient));
        let way = if to { &mut self.receiving } else { &mut self.sending };
        way.add(record, Event { at, message, peer: 0, outcome, telling: None }, &verdict, to);
    }

    /// Keeps our own address where the other host names it.
    fn own_address(&mut self, said: &str) {
        if let Some(ip) = own_address(said)
            && self.senders.len() < TOLD_MAX
            && !self.senders.contains(&ip)
        {
            self.senders.push(ip);
        }
    }

    fn seen(self, files: Vec<String>) -> LogSeen {
        LogSeen {
            files,
            first: self.first,
            last: self.last,
            sending: self.sending.flow(),
            receiving: self.receiving.flow(),
            senders: self.senders,
        }
    }
}

impl Way {
    fn add(&mut self, record: &Record<'_>, mut event: Event, verdict: &Verdict, to: bool) {
        let host = record.host.or_else(|| Said::parse(record.said).host);
        let by = host.or(record.client).or_else(|| record.domain()).unwrap_or_default();
        if event.outcome == Outcome::Accepted {
            self.is_home |= to && record.direction == Direction::Receiving;
            if self.last_accepted.as_ref().is_none_or(|(at, _)| *at <= event.at) {
                self.last_accepted = Some((event.at, clean(by, 255)));
            }
        } else {
            let at_door = event.outcome == Outcome::Refused;
            self.refused += u64::from(at_door);
            if tells(verdict.cause, to, at_door) {
                event.telling = Some(verdict.cause);
            }
            self.reason(record, &event, verdict, by);
        }
        // What comes in is told apart by nothing: the sender's side has no name that holds.
        event.peer = if to { 0 } else { self.peer(record.domain().unwrap_or_default()) };
        // What is refused at the door is no message of anybody's yet, unless it tells.
        if event.outcome == Outcome::Refused && event.telling.is_none() {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            self.events.drain(..EVENTS_MAX / 2);
        }
        self.events.push(event);
    }

    fn peer(&mut self, domain: &str) -> u32 {
        if let Some(number) = self.peers.get(domain) {
            return *number;
        }
        let number = u32::try_from(self.peers.len()).unwrap_or(u32::MAX);
        if self.peers.len() >= PEERS_MAX {
            return u32::MAX;
        }
        self.peers.insert(clean(domain, 255), number);
        number
    }

    fn reason(&mut self, record: &Record<'_>, event: &Event, verdict: &Verdict, by: &str) {
        let at_door = event.outcome == Outcome::Refused;
        let reason = self.reasons.entry((verdict.cause, at_door)).or_insert_with(|| Reason {
            cause: verdict.cause,
            who: verdict.who,
            summary: verdict.summary.to_string(),
            advice: verdict.advice.iter().take(3).map(ToString::to_string).collect(),
            count: 0,
            at_door,
            tells: event.telling.is_some(),
            first: None,
            last: None,
            words: String::new(),
            short: String::new(),
            by: String::new(),
        });
        reason.count += 1;
        if reason.first.is_none_or(|first| event.at < first) {
            reason.first = Some(event.at);
            (reason.words, reason.short, reason.by) =
                (clean(record.said, WORDS_BYTES_MAX), short(record.said), clean(by, 255));
        }
        reason.last = reason.last.max(Some(event.at));
    }

    /// What it comes to. The files may come in any order; their moments say what was first.
    fn flow(mut self) -> Flow {
        if !self.is_home {
            // A host that is not the domain's own rightly refuses to pass on mail to it.
            let is_strangers = |cause: Cause, at_door: bool| at_door && cause == Cause::RelayingDenied;
            self.events.retain(|event| {
                !event.telling.is_some_and(|cause| is_strangers(cause, event.outcome == Outcome::Refused))
            });
            for reason in self.reasons.values_mut() {
                reason.tells &= !is_strangers(reason.cause, reason.at_door);
            }
        }
        self.events.sort_by_key(|event| event.at);
        let mut ends: HashMap<u64, Outcome> = HashMap::new();
        for event in &self.events {
            ends.insert(event.message, event.outcome);
        }
        let count = |outcome: Outcome| ends.values().filter(|end| **end == outcome).count() as u64;
        let behind = self.events.iter().rposition(|event| event.outcome == Outcome::Accepted).map_or(0, |at| at + 1);
        let tail: Vec<&Event> = self.events[behind..].iter().filter(|event| event.telling.is_some()).collect();
        let silent = self.silent();
        let since = tail.first().map(|event| event.at);
        let onset = since.or_else(|| silent.iter().map(|silent| silent.since).min()).or_else(|| self.change());
        let mut reasons: Vec<Reason> = self.reasons.into_values().collect();
        reasons.sort_by_key(|reason| (!reason.tells, std::cmp::Reverse(reason.count), reason.cause));
        reasons.truncate(TOLD_MAX);
        let (last_accepted, last_accepted_by) = self.last_accepted.unzip();
        Flow {
            tried: ends.len() as u64,
            accepted: count(Outcome::Accepted),
            failed: count(Outcome::GivenUp),
            deferred: count(Outcome::Deferred),
            refused: self.refused,
            last_accepted,
            last_accepted_by: last_accepted_by.unwrap_or_default(),
            onset,
            streak: Streak {
                attempts: tail.len() as u64,
                messages: distinct(tail.iter().map(|event| event.message)),
                peers: distinct(tail.iter().map(|event| event.peer)),
                cause: most_frequent(tail.iter().filter_map(|event| event.telling)),
            },
            silent,
            reasons,
        }
    }

    /// Peers at which nothing arrives any more.
    fn silent(&self) -> Vec<Silent> {
        let mut since: HashMap<u32, Vec<&Event>> = HashMap::new();
        for event in &self.events {
            match event.outcome {
                Outcome::Accepted => {
                    since.remove(&event.peer);
                }
                _ if event.telling.is_some() && event.peer != u32::MAX => {
                    since.entry(event.peer).or_default().push(event)
                }
                _ => {}
            }
        }
        let mut silent: Vec<Silent> = self
            .peers
            .iter()
            .filter_map(|(peer, number)| {
                let events = since.get(number)?;
                let messages = distinct(events.iter().map(|event| event.message));
                let cause = most_frequent(events.iter().filter_map(|event| event.telling))?;
                (messages >= SILENT_MIN).then(|| Silent { peer: peer.clone(), messages, since: events[0].at, cause })
            })
            .collect();
        silent.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.peer.cmp(&b.peer)));
        silent.truncate(TOLD_MAX);
        silent
    }

    /// Since when failures are much more frequent than before.
    fn change(&self) -> Option<i64> {
        let mut curve = Curve::new(Timestamp(self.events.first()?.at));
        self.events.iter().filter(|event| event.telling.is_some()).for_each(|event| curve.add(Timestamp(event.at)));
        curve.change(Timestamp(self.events.last()?.at)).map(|at| at.0)
    }
}

/// Whether a cause says something of the direction, not of one recipient or one message.
fn tells(cause: Cause, to: bool, at_door: bool) -> bool {
    if at_door {
        // Doors refuse rubbish all day; only trouble of the server itself counts.
        return to && matches!(cause, Cause::ServerError | Cause::RoutingFailed | Cause::RelayingDenied);
    }
    match cause {
        Cause::DomainNotFound | Cause::NoMx => to,
        Cause::RoutingFailed
        | Cause::Loop
        | Cause::ConnectionRefused
        | Cause::ConnectionTimeout
        | Cause::Expired
        | Cause::RelayingDenied
        | Cause::AuthRequired
        | Cause::TlsRequired
        | Cause::SpfFailed
        | Cause::DkimFailed
        | Cause::DmarcFailed
        | Cause::Unauthenticated
        | Cause::IpBlocklisted
        | Cause::DomainBlocklisted
        | Cause::LowReputation
        | Cause::MissingPtr
        | Cause::SenderRejected
        | Cause::RateLimited
        | Cause::ServerBusy
        | Cause::ServerError
        | Cause::ProtocolError => true,
        _ => false,
    }
}

fn distinct<T: std::hash::Hash + Eq>(of: impl Iterator<Item = T>) -> u64 {
    of.collect::<HashSet<T>>().len() as u64
}

fn most_frequent(causes: impl Iterator<Item = Cause>) -> Option<Cause> {
    let mut counts: BTreeMap<Cause, u64> = BTreeMap::new();
    causes.for_each(|cause| *counts.entry(cause).or_default() += 1);
    counts.into_iter().max_by_key(|(cause, count)| (*count, std::cmp::Reverse(*cause))).map(|(cause, _)| cause)
}

/// Words behind which hosts name the address that they refuse.
const BEFORE_ADDRESS: [&str; 4] = ["client host [", "with ip: [", "messages from [", "connecting ip address ["];

/// The address from which we came, where the refusing host names it.
fn own_address(said: &str) -> Option<IpAddr> {
    let said = said.to_ascii_lowercase();
    BEFORE_ADDRESS.iter().find_map(|before| {
        let (_, behind) = said.split_once(before)?;
        let ip: IpAddr = behind.split([']', ' ']).next()?.parse().ok()?;
        let is_inner = match ip {
            IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback() || ip.is_unspecified(),
            IpAddr::V6(ip) => {
                ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback() || ip.is_unspecified()
            }
        };
        (!is_inner).then_some(ip)
    })
}

/// No more than so many octets, and nothing that a terminal obeys.
fn clean(text: &str, bytes_max: usize) -> String {
    let cut = &text[..text.floor_char_boundary(bytes_max)];
    cut.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Code, status and the beginning of the words.
fn short(said: &str) -> String {
    let said = Said::parse(said);
    let code = said.code.map(|code| code.to_string());
    let status = said.enhanced.map(|status| status.to_string());
    let words = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Postfix adds which command was answered.
    let words = words.split_once(" (in reply to ").map_or(words.as_str(), |(words, _)| words).to_owned();
    let all = [code, status, Some(words)].into_iter().flatten().filter(|part| !part.is_empty());
    let all = clean(&all.collect::<Vec<_>>().join(" "), WORDS_BYTES_MAX);
    if all.chars().count() <= SHORT_CHARS_MAX {
        return all;
    }
    all.chars().take(SHORT_CHARS_MAX - 1).collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Postfix log: `shop.test` sends, and takes mail; at 09:30 its SPF record was broken.
    const LOG: &str = "\
Nov 24 09:00:00 mx1 postfix/qmgr[3]: 4F2A1B3C: from=<ann@shop.test>, size=900, nrcpt=1 (queue active)
Nov 24 09:00:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<tom@one.test>, relay=mx.one.test[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok)
Nov 24 09:30:00 mx1 postfix/qmgr[3]: 4F2A1B3D: from=<ann@SHOP.test>, size=900, nrcpt=3 (queue active)
Nov 24 09:30:01 mx1 postfix/smtp[4]: 4F2A1B3D: to=<tom@one.test>, relay=mx.one.test[192.0.2.9]:25, delay=1, dsn=5.7.26, status=bounced (host mx.one.test[192.0.2.9] said: 550-5.7.26 Your email has been blocked because the sender is unauthenticated. SPF [shop.test] with ip: [198.51.100.7] = did not pass (in reply to end of DATA command))
Nov 24 09:31:01 mx1 postfix/smtp[4]: 4F2A1B3D: to=<ida@two.test>, relay=mx.two.test[192.0.2.8]:25, delay=1, dsn=5.7.26, status=bounced (host mx.two.test[192.0.2.8] said: 550-5.7.26 Your email has been blocked because the sender is unauthenticated (in reply to end of DATA command))
Nov 24 09:31:02 mx1 postfix/smtp[4]: 4F2A1B3D: to=<no@two.test>, relay=mx.two.test[192.0.2.8]:25, delay=1, dsn=5.1.1, status=bounced (host mx.two.test[192.0.2.8] said: 550 5.1.1 no such user (in reply to RCPT TO command))
Nov 24 09:40:00 mx1 postfix/qmgr[3]: 4F2A1B3E: from=<x@other.test>, size=900, nrcpt=2 (queue active)
Nov 24 09:40:01 mx1 postfix/local[4]: 4F2A1B3E: to=<ann@shop.test>, relay=local, delay=1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 24 09:40:02 mx1 postfix/smtp[4]: 4F2A1B3E: to=<eve@three.test>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to three.test[192.0.2.5]:25: Connection timed out)
Nov 24 09:41:00 mx1 postfix/smtpd[5]: NOQUEUE: reject: RCPT from bad.test[192.0.2.66]: 554 5.7.1 Service unavailable; Client host [192.0.2.66] blocked using zen.bl.test; from=<x@bad.test> to=<ann@shop.test> proto=ESMTP helo=<bad>
";

    fn seen(parts: &[&str], domain: &str) -> LogSeen {
        let mut desk = Desk::new(domain);
        // 2026-12-01.
        let mut reader = Reader::new(Settings { reference: Timestamp(1_796_083_200_000), ..Settings::default() });
        for part in parts {
            reader.feed(part.as_bytes(), &mut |record| desk.add(record));
            reader.end_file(&mut |record| desk.add(record));
        }
        desk.seen(vec!["mail.log".to_owned()])
    }

    #[test]
    fn one_domain_is_taken_out_of_a_log() {
        let at =
            |clock: &str| Some(format!("2026-11-24T{clock}Z").parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let log = seen(&[LOG], "shop.test");
        let out = &log.sending;
        assert_eq!((out.tried, out.accepted, out.failed, out.deferred, out.refused), (4, 1, 3, 0, 0));
        assert_eq!((out.last_accepted, out.onset), (at("09:00:01"), at("09:30:01")));
        assert_eq!(out.last_accepted_by, "mx.one.test");
        // The unknown mailbox is no failure of the direction.
        assert_eq!((out.streak.attempts, out.streak.messages, out.streak.peers), (2, 2, 2));
        let first = &out.reasons[0];
        assert!(first.tells && first.count == 2 && first.short.starts_with("550 5.7.26 Your email"), "{first:?}");
        assert_eq!(first.by, "mx.one.test");
        assert_eq!(log.senders, ["198.51.100.7".parse::<IpAddr>().unwrap()]);
        let into = &log.receiving;
        assert_eq!((into.tried, into.accepted, into.refused, into.onset), (1, 1, 1, None));
        // A file that is read in the wrong order tells the same.
        let (head, tail) = LOG.split_at(LOG.find("Nov 24 09:30:00").unwrap());
        let turned = seen(&[tail, head], "shop.test");
        assert_eq!((turned.sending.onset, turned.sending.streak.attempts), (out.onset, 2));
        assert!(!seen(&[LOG], "nobody.test").sending.is_seen());
    }

    #[test]
    fn our_own_address_in_the_words_of_others() {
        let ip = |said: &str| own_address(said).map(|ip| ip.to_string());
        assert_eq!(ip("554 5.7.1 Client host [192.0.2.7] blocked").as_deref(), Some("192.0.2.7"));
        assert_eq!(ip("messages from [2001:DB8::7] weren't sent").as_deref(), Some("2001:db8::7"));
        assert_eq!(ip("host mx.one.test[192.0.2.9] said: 550 no"), None);
        assert_eq!((ip("client host [127.0.0.1] no"), ip("client host [10.1.2.3] no")), (None, None));
        assert_eq!(ip("client host ["), None);
    }
}
