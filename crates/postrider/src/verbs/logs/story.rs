//! The story of one message, or of all messages of an address: each fact as it happened.

use super::judge::Judge;
use super::when::Zone;
use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone};
use crate::verbs::queue::times::{harmless, size};
use postrider_maillog::{Direction, Kind, Record};
use postrider_reply::Verdict;
use postrider_smtp::Timestamp;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// How many messages of an address are followed.
const MESSAGES_MAX: usize = 100_000;

/// What is wanted, and what was found so far.
#[derive(Debug)]
pub(super) struct Story {
    wanted: String,
    zone: Zone,
    look: Look,
    json: bool,
    judge: Judge,
    /// Queue ids of messages that were found by something else.
    followed: HashSet<String>,
    /// Queue ids under which a wanted message goes on: behind a filter, or as the report about it.
    heirs: HashSet<String>,
    found: u64,
    /// Nobody reads any more.
    closed: bool,
}

/// One fact for programs: schema `postrider.logs/1`.
#[derive(Serialize)]
struct Fact<'a> {
    schema: &'static str,
    at: Option<String>,
    event: &'static str,
    direction: &'static str,
    server: &'static str,
    queue_id: Option<&'a str>,
    message_id: Option<&'a str>,
    sender: Option<&'a str>,
    recipient: Option<&'a str>,
    host: Option<&'a str>,
    client: Option<&'a str>,
    size: Option<u64>,
    said: &'a str,
    verdict: Option<&'a Verdict>,
}

impl Story {
    pub(super) fn new(wanted: &str, zone: Zone, look: Look, json: bool) -> Self {
        let wanted = wanted.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        Self {
            wanted,
            zone,
            look,
            json,
            judge: Judge::new(),
            followed: HashSet::new(),
            heirs: HashSet::new(),
            found: 0,
            closed: false,
        }
    }

    /// Tells a fact, if it belongs to the story.
    pub(super) fn add(&mut self, record: &Record<'_>) {
        if self.closed || !self.belongs(record) {
            return;
        }
        self.found += 1;
        let verdict = match record.kind {
            Kind::Received | Kind::Queued | Kind::Removed | Kind::Noticed => None,
            _ => Some(self.judge.verdict(record)),
        };
        if let Some(heir) = heir(record).filter(|_| self.heirs.len() < MESSAGES_MAX) {
            self.heirs.insert(heir.to_owned());
        }
        let is_new = self.follow(record);
        let told = match self.json {
            true => fact(record, verdict.as_deref()),
            false if is_new && record.kind != Kind::Received => {
                self.about(record) + &self.line(record, verdict.as_deref())
            }
            false => self.line(record, verdict.as_deref()),
        };
        self.closed = io::stdout().write_all(told.as_bytes()).is_err();
    }

    fn belongs(&mut self, record: &Record<'_>) -> bool {
        let is_it = |field: Option<&str>| field.is_some_and(|field| field.eq_ignore_ascii_case(&self.wanted));
        if is_it(record.queue_id) || is_it(record.message_id) || is_it(record.from) || is_it(record.recipient) {
            return true;
        }
        let Some(id) = record.queue_id else { return false };
        if self.heirs.contains(id) {
            return true;
        }
        // Another recipient's line of a message that was found by one recipient is not its story.
        record.recipient.is_none() && self.followed.contains(id)
    }

    /// Follows a message that was found by an address; `true` the first time.
    fn follow(&mut self, record: &Record<'_>) -> bool {
        let Some(id) = record.queue_id else { return false };
        if record.kind == Kind::Removed {
            // The id may be given again.
            self.followed.remove(id);
            return false;
        }
        self.followed.len() < MESSAGES_MAX && !self.followed.contains(id) && self.followed.insert(id.to_owned())
    }

    /// Which mail it is, as its arrival came before it was known to be wanted.
    fn about(&self, record: &Record<'_>) -> String {
        if record.from.is_none() {
            return String::new();
        }
        let id = record.message_id.map(|id| format!(", Message-ID {}", harmless(id))).unwrap_or_default();
        let about = format!("a mail from {}{}{id}", sender(record), by_client(record));
        format!("{}\n", self.look.paint(&about, Tone::Strong))
    }

    fn line(&self, record: &Record<'_>, verdict: Option<&Verdict>) -> String {
        let moment = record.at.map_or_else(|| "no time".to_owned(), |at: Timestamp| self.zone.show(at));
        let shown = |field: Option<&str>| field.map(harmless).unwrap_or_default();
        let (recipient, host) = (shown(record.recipient), shown(record.host));
        let at_host = if host.is_empty() { String::new() } else { format!(" at {host}") };
        let (what, tone) = match record.kind {
            Kind::Received => (format!("taken in from {}{}", sender(record), by_client(record)), Tone::Plain),
            Kind::Queued => (format!("in the queue already, from {}", sender(record)), Tone::Plain),
            Kind::Delivered => (format!("delivered to {recipient}{at_host}"), Tone::Good),
            Kind::Deferred => (format!("put off for {recipient}{at_host}"), Tone::Waiting),
            Kind::Failed => (format!("given up for {recipient}{at_host}"), Tone::Bad),
            Kind::Expired => (format!("given up for want of time {recipient}"), Tone::Bad),
            Kind::Rejected => (format!("turned away{}, for {recipient}", by_client(record)), Tone::Bad),
            Kind::Noticed => ("the sender is told by mail".to_owned(), Tone::Plain),
            Kind::Removed => ("done; it leaves the queue".to_owned(), Tone::Plain),
        };
        let id = record.queue_id.map(|id| format!("{}  ", harmless(id))).unwrap_or_default();
        let mut line = format!("{moment}  {id}{}\n", self.look.paint(what.trim_end(), tone));
        if let Some(verdict) = verdict.filter(|_| record.kind != Kind::Delivered) {
            let said = harmless(record.said);
            let _ = writeln!(
                line,
                "    {}",
                self.look.paint(&format!("said: {}", &said[..said.floor_char_boundary(400)]), Tone::Faint)
            );
            let _ = writeln!(line, "    {} ({})", verdict.summary, verdict.cause.name());
        }
        line
    }

    /// When all is told.
    pub(super) fn end(self, notes: &[String]) -> Result<Exit, Failure> {
        for note in notes {
            eprintln!("postrider: {note}");
        }
        if self.found == 0 {
            let text = format!(
                "nothing in it is about {:?}: give a queue id, a Message-ID or an address as the log writes it",
                self.wanted
            );
            return Err(Failure::new(Exit::Failed, text));
        }
        Ok(Exit::Ok)
    }
}

/// `250 2.0.0 Ok: queued as 5F2A1B3D` of a filter on the same host, and
/// `sender non-delivery notification: 5F2A1B3D`.
fn heir<'a>(record: &Record<'a>) -> Option<&'a str> {
    let behind = match (record.kind, record.direction) {
        (Kind::Delivered, Direction::Within) => record.said.rsplit_once("queued as ")?.1,
        (Kind::Noticed, _) => record.said.rsplit_once("notification: ")?.1,
        _ => return None,
    };
    behind.split(|c: char| !c.is_ascii_alphanumeric()).next().filter(|id| id.len() >= 5)
}

fn sender(record: &Record<'_>) -> String {
    match record.from {
        Some("") => "the null sender (a report)".to_owned(),
        Some(from) => harmless(from),
        None => "a sender that is not said".to_owned(),
    }
}

fn by_client(record: &Record<'_>) -> String {
    let client = record.client.map(|client| format!(" by {}", harmless(client))).unwrap_or_default();
    let size = record.size.map(|octets| format!(", {}", size(octets))).unwrap_or_default();
    client + &size
}

fn fact(record: &Record<'_>, verdict: Option<&Verdict>) -> String {
    let fact = Fact {
        schema: "postrider.logs/1",
        at: record.at.map(Zone::exact),
        event: record.kind.name(),
        direction: record.direction.name(),
        server: record.server.name(),
        queue_id: record.queue_id,
        message_id: record.message_id,
        sender: record.from,
        recipient: record.recipient,
        host: record.host,
        client: record.client,
        size: record.size,
        said: record.said,
        verdict,
    };
    serde_json::to_string(&fact).map_or_else(|_| String::new(), |line| line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_maillog::{Reader, Settings};

    #[test]
    fn a_message_is_followed_through_filter_and_report() {
        let log = b"\
Nov 24 09:00:00 mx1 postfix/smtpd[1]: AAAAA1: client=shop.example[192.0.2.7]
Nov 24 09:00:00 mx1 postfix/qmgr[1]: AAAAA1: from=<ann@b.example>, size=9, nrcpt=2 (queue active)
Nov 24 09:00:01 mx1 postfix/smtp[1]: AAAAA1: to=<tom@c.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, dsn=2.0.0, status=sent (250 2.0.0 from MTA: 250 2.0.0 Ok: queued as BBBBB2)
Nov 24 09:00:01 mx1 postfix/smtp[1]: AAAAA1: to=<ida@c.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (x)
Nov 24 09:00:01 mx1 postfix/qmgr[1]: CCCCC3: from=<eve@b.example>, size=9, nrcpt=1 (queue active)
Nov 24 09:00:02 mx1 postfix/smtp[1]: BBBBB2: to=<tom@c.example>, relay=none, delay=1, dsn=5.4.4, status=bounced (Host not found)
Nov 24 09:00:02 mx1 postfix/bounce[1]: BBBBB2: sender non-delivery notification: DDDDD4
Nov 24 09:00:02 mx1 postfix/smtp[1]: DDDDD4: to=<ann@b.example>, relay=x[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 Ok)
Nov 24 09:00:03 mx1 postfix/qmgr[1]: AAAAA1: removed
";
        let told = |wanted: &str| {
            let mut story = Story::new(wanted, Zone::default(), Look { colour: false, columns: 80 }, false);
            let mut reader = Reader::new(Settings::default());
            let mut ids = Vec::new();
            reader.feed(log, &mut |record| {
                if story.belongs(record) {
                    story.follow(record);
                    story.heirs.extend(heir(record).map(str::to_owned));
                    ids.push(format!("{} {}", record.queue_id.unwrap_or_default(), record.kind.name()));
                }
            });
            ids
        };
        let by_id = [
            "AAAAA1 received",
            "AAAAA1 delivered",
            "AAAAA1 deferred",
            "BBBBB2 failed",
            "BBBBB2 noticed",
            "DDDDD4 delivered",
            "AAAAA1 removed",
        ];
        assert_eq!(told("aaaaa1"), by_id);
        assert_eq!(told("ida@c.example"), ["AAAAA1 deferred", "AAAAA1 removed"]);
        assert_eq!(told("<nobody@c.example>"), [""; 0]);
    }
}
