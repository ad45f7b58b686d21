//! A log on one screen: volumes, then troubles, the most frequent first.

use super::Report;
use super::rows::{Row, Rows};
use super::tally::By;
use crate::verbs::explain::who;
use crate::verbs::paint::{Look, Tone, wrapped};
use crate::verbs::queue::times::{count, harmless, size, thousands};
use postrider_smtp::{Said, Timestamp};
use std::fmt::Write as _;

/// How much is shown of a server's words, of a stranger's line, and of lists.
const SAID_BYTES_MAX: usize = 150;
const PLACES_SHOWN: usize = 4;
const LISTED_MAX: usize = 5;

/// The page.
pub(super) fn render(report: &Report<'_>, by: By, top: usize, look: Look) -> String {
    let mut page = Page { report, look, text: String::new() };
    page.head();
    page.volume();
    page.silent();
    let (rows, rest) = report.tally.rows.sorted();
    if report.counts.lines == 0 {
        page.title("There is nothing in it.");
    } else if rows.is_empty() {
        page.title("Nothing went wrong on the way out.");
    } else {
        page.title("What went wrong, the most frequent first");
    }
    for (at, (key, row, delivered)) in rows.iter().filter(|(_, row, _)| row.troubles() > 0).take(top).enumerate() {
        page.row(at + 1, key, row, *delivered, by);
    }
    page.left(rows.len().saturating_sub(top), rest);
    page.refused(&report.tally.refused, top);
    page.unknown();
    page.strangers();
    page.text
}

/// What to say when no line is a mail server's.
pub(super) fn nobody(report: &Report<'_>) -> String {
    let mut text =
        format!("no line of {} is one of a mail server that is known here. It begins:", report.files.join(", "));
    for line in report.strangers.iter().take(3) {
        let _ = write!(text, "\n  {}", harmless(line));
    }
    text + "\n`postrider logs --help` says whose logs are read."
}

struct Page<'a> {
    report: &'a Report<'a>,
    look: Look,
    text: String,
}

impl Page<'_> {
    fn head(&mut self) {
        let report = self.report;
        let servers: Vec<&str> = report.servers().iter().map(|(server, _)| server.name()).collect();
        let whose = if servers.is_empty() { "empty".to_owned() } else { servers.join(", ") };
        let lines = count(report.counts.lines, "line");
        let files =
            if report.files.len() > 3 { format!("{} files", report.files.len()) } else { report.files.join(", ") };
        self.line("", &format!("{files}: {lines}, {whose}"), Tone::Strong);
        if let (Some(first), Some(last)) = (report.tally.first, report.tally.last) {
            self.line("", &format!("{} to {}", report.zone.show(first), report.zone.show(last)), Tone::Faint);
        }
        for note in &report.notes {
            self.line("", note, Tone::Bad);
        }
    }

    fn volume(&mut self) {
        let volume = self.report.tally.volume;
        self.text.push('\n');
        if self.report.counts.lines == 0 {
            return;
        }
        let bytes =
            if volume.received_bytes > 0 { format!(", {}", size(volume.received_bytes)) } else { String::new() };
        if volume.received > 0 {
            self.pair("Taken in", &format!("{}{bytes}", count(volume.received, "message")));
        }
        let here = if volume.delivered_here > 0 {
            format!(", {} into mailboxes here", thousands(volume.delivered_here))
        } else {
            String::new()
        };
        self.pair("Delivered", &format!("to {}{here}", count(volume.delivered, "recipient")));
        if volume.deferred > 0 {
            self.pair("Put off", &format!("{}; these are tried again", count(volume.deferred, "time")));
        }
        if volume.failed + volume.expired > 0 {
            let expired = if volume.expired > 0 {
                format!(", {} of them for want of time", volume.expired)
            } else {
                String::new()
            };
            self.pair("Given up", &format!("{}{expired}", count(volume.failed + volume.expired, "recipient")));
        }
        if volume.rejected > 0 {
            self.pair("Turned away", &format!("{} at the door", count(volume.rejected, "time")));
        }
    }

    /// Destinations at which nothing arrives any more.
    fn silent(&mut self) {
        let silent = self.report.tally.silent();
        if silent.is_empty() {
            return;
        }
        self.title("Nothing arrives any more at");
        for (domain, streak) in silent.iter().take(LISTED_MAX) {
            let since = streak.since.map(|at| self.short(at)).unwrap_or_default();
            self.line(
                "  ",
                &format!("{}, since {since} ({} in a row)", harmless(domain), count(streak.failures, "failure")),
                Tone::Bad,
            );
        }
        self.more(silent.len());
    }

    fn row(&mut self, number: usize, key: &str, row: &Row, delivered: u64, by: By) {
        let (cause, place) = match (by, key.split_once('\t')) {
            (By::Both, Some((cause, place))) => (cause, place),
            (By::Both | By::Cause, _) => (key, ""),
            _ => (row.verdict.cause.name(), key),
        };
        let at = if place.is_empty() { String::new() } else { format!(" at {}", harmless(place)) };
        let after = if delivered > 0 { format!(" ({} delivered)", thousands(delivered)) } else { String::new() };
        self.line(&format!("{number:2}. "), &format!("{}{at}{after}: {cause}", self.times(row)), Tone::Strong);
        self.line("    ", &format!("{} {}", harmless(&row.verdict.summary), self.span(row)), Tone::Plain);
        let mut act = format!("→ {}", who(row.verdict.who).trim_end_matches('.'));
        if let Some(step) = row.verdict.advice.first() {
            let _ = write!(act, ": {step}");
        }
        if row.verdict.suppress {
            act.push_str(" Take the address off your lists.");
        }
        self.line("    ", &act, Tone::Waiting);
        if place.is_empty() {
            self.places(row);
        }
        self.said(row);
    }

    /// `1,204 put off, 3 given up`
    fn times(&self, row: &Row) -> String {
        let part = |number: u64, what: &str| (number > 0).then(|| format!("{} {what}", thousands(number)));
        let parts = [part(row.deferred, "put off"), part(row.failed, "given up"), part(row.rejected, "turned away")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// When, and since when more often than before.
    fn span(&self, row: &Row) -> String {
        let (Some(first), Some(last)) = (row.first, row.last) else { return String::new() };
        let (from, to) = (self.short(first), self.short(last));
        let seen = if from == to { format!("({from}") } else { format!("({from} to {to}") };
        match self.report.tally.change(&row.curve) {
            Some(at) => format!("{seen}; much more often since {})", self.short(at)),
            None => format!("{seen})"),
        }
    }

    fn short(&self, at: Timestamp) -> String {
        let tally = self.report.tally;
        self.report.zone.short(at, tally.first.unwrap_or(at), tally.last.unwrap_or(at))
    }

    fn places(&mut self, row: &Row) {
        let (places, all) = row.most(PLACES_SHOWN);
        let mut named: Vec<String> =
            places.iter().map(|(place, count)| format!("{} {count}", harmless(place))).collect();
        if all > places.len() {
            named.push(format!("and {} more", all - places.len()));
        }
        if !named.is_empty() {
            self.line("    ", &format!("at {}", named.join(", ")), Tone::Plain);
        }
    }

    /// The words as the other host said them, in one line.
    fn said(&mut self, row: &Row) {
        let said = Said::parse(&row.example);
        let code = said.code.map(|code| format!("{code} ")).unwrap_or_default();
        let status = said.enhanced.map(|status| format!("{status} ")).unwrap_or_default();
        // Where the code stands amidst the words, they are shown as they are.
        let words = if said.text.contains(code.trim()) {
            said.text.clone().into_owned()
        } else {
            format!("{code}{status}{}", said.text)
        };
        let words = harmless(&words);
        let words = words.split_once(" said: ").map_or(words.as_str(), |(_, words)| words);
        if !words.is_empty() {
            let room = self.look.columns.saturating_sub(12).max(20);
            let cut = words.char_indices().nth(room).map_or(words.len(), |(at, _)| at);
            let more = if cut < words.len() { "…" } else { "" };
            let _ =
                writeln!(self.text, "    {}", self.look.paint(&format!("said: {}{more}", &words[..cut]), Tone::Faint));
        }
    }

    fn left(&mut self, rows: usize, rest: Option<&Row>) {
        if rows > 0 {
            self.line(
                "",
                &format!("{} more; --top N shows more of them, --json all.", count(rows as u64, "row")),
                Tone::Faint,
            );
        }
        if let Some(rest) = rest {
            self.line("", &format!("Beyond the rows that are kept: {}.", self.times(rest)), Tone::Faint);
        }
    }

    fn refused(&mut self, refused: &Rows, top: usize) {
        let (rows, _) = refused.sorted();
        if rows.is_empty() {
            return;
        }
        self.title("Turned away at the door");
        for (at, (cause, row, _)) in rows.iter().take(top).enumerate() {
            self.line(
                &format!("{:2}. ", at + 1),
                &format!("{cause}: {} {}", self.times(row), self.span(row)),
                Tone::Strong,
            );
            let (places, all) = row.most(PLACES_SHOWN);
            let mut named: Vec<String> =
                places.iter().map(|(place, count)| format!("{} {count}", harmless(place))).collect();
            named.extend((all > places.len()).then(|| format!("and {} more", all - places.len())));
            if !named.is_empty() {
                self.line("    ", &format!("clients: {}", named.join(", ")), Tone::Plain);
            }
            self.said(row);
        }
    }

    /// Words for the knowledge.
    fn unknown(&mut self) {
        let mut unknown: Vec<_> = self.report.tally.unknown.values().collect();
        if unknown.is_empty() {
            return;
        }
        unknown.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        self.title("Words that are not known here (please report them, so that they will be)");
        for (times, said) in unknown.iter().take(LISTED_MAX) {
            let said = harmless(said);
            self.line("  ", &format!("{times} × {}", &said[..said.floor_char_boundary(SAID_BYTES_MAX)]), Tone::Plain);
        }
        self.more(unknown.len());
    }

    /// Lines that are nobody's are shown, so that a format that is not read does not go unnoticed.
    fn strangers(&mut self) {
        let report = self.report;
        let foreign = report.counts.foreign();
        if foreign > 0 {
            self.title(&format!(
                "{} of other programs, or of a form that is not known, such as",
                count(foreign, "line")
            ));
            for line in report.strangers.iter().take(2) {
                let line = harmless(line);
                self.line("  ", &line[..line.floor_char_boundary(SAID_BYTES_MAX)], Tone::Faint);
            }
        }
        if report.counts.long > 0 {
            self.line(
                "",
                &format!("{} read only at the beginning, as too long.", count(report.counts.long, "line")),
                Tone::Faint,
            );
        }
        if report.forgotten > 0 {
            let told = count(report.forgotten, "message");
            self.line(
                "",
                &format!("{told} under way at the same time as too many others: their senders may be missing."),
                Tone::Faint,
            );
        }
    }

    fn more(&mut self, all: usize) {
        if all > LISTED_MAX {
            self.line("  ", &format!("and {} more; --json has all that are kept", all - LISTED_MAX), Tone::Faint);
        }
    }

    fn title(&mut self, title: &str) {
        self.text.push('\n');
        self.line("", title, Tone::Strong);
    }

    fn pair(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name:<13}{value}");
    }

    fn line(&mut self, indent: &str, text: &str, tone: Tone) {
        let columns = self.look.columns.saturating_sub(indent.len()).max(20);
        for (at, line) in wrapped(text, columns).iter().enumerate() {
            let lead = if at == 0 { indent.to_owned() } else { " ".repeat(indent.len()) };
            let _ = writeln!(self.text, "{lead}{}", self.look.paint(line, tone));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Tally;
    use super::super::when::Zone;
    use super::*;
    use postrider_maillog::{Reader, Settings};

    /// 2026-11-24 17:06:40 UTC.
    const NOW: Timestamp = Timestamp(1_795_540_000_000);

    fn with<T>(log: &str, by: By, show: impl Fn(&Report<'_>) -> T) -> T {
        let mut reader = Reader::new(Settings { reference: NOW, ..Settings::default() });
        let mut tally = Tally::new(by);
        reader.feed(log.as_bytes(), &mut |record| tally.add(record));
        reader.end_file(&mut |record| tally.add(record));
        show(&Report {
            files: vec!["mail.log".to_owned()],
            counts: reader.counts(),
            strangers: reader.strangers(),
            forgotten: reader.forgotten(),
            tally: &tally,
            zone: Zone::default(),
            notes: Vec::new(),
        })
    }

    fn page(log: &str, by: By) -> String {
        with(log, by, |report| render(report, by, 8, Look { colour: false, columns: 80 }))
    }

    /// A morning: one domain takes mail until 09:10, then none any more.
    fn morning() -> String {
        let mut log = String::from("Nov 24 09:00:00 mx1 kernel: eth0 up\n");
        for minute in 0..30 {
            let (dsn, status) = match minute {
                0..10 => ("2.0.0", "sent (250 2.0.0 Ok)"),
                _ => (
                    "4.7.0",
                    "deferred (host mx.slow.example[192.0.2.7] said: 421 4.7.0 Too many connections, slow down (in reply to MAIL FROM command))",
                ),
            };
            log += &format!(
                "Nov 24 09:{minute:02}:00 mx1 postfix/smtp[4]: 4F2A1B{minute:02}: to=<u{minute}@slow.example>, relay=mx.slow.example[192.0.2.7]:25, delay=1, dsn={dsn}, status={status}\n"
            );
            log += &format!(
                "Nov 24 09:{minute:02}:01 mx1 postfix/smtp[4]: 5F2A1B{minute:02}: to=<u{minute}@d{minute}.example>, relay=mx[192.0.2.8]:25, delay=1, dsn=5.1.1, status=bounced (host mx[192.0.2.8] said: 550 5.1.1 no such user (in reply to RCPT TO command))\n"
            );
        }
        log
    }

    #[test]
    fn a_page_tells_what_where_since_when_and_who() {
        let page = page(&morning(), By::Both);
        let parts = [
            "mail.log: 61 lines, Postfix",
            "Delivered    to 10 recipients",
            "slow.example, since 09:10 (20 failures in a row)",
            "1. 30 given up: mailbox-unknown",
            "d0.example 1, d1.example 1",
            "2. 20 put off at slow.example: rate-limited",
            "much more often since 09:10)",
            "said: 421 4.7.0 Too many connections",
            "1 line of other programs",
            "kernel: eth0 up",
        ];
        let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(&part), "{part:?} is not in:\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    }

    #[test]
    fn troubles_are_put_together_as_wanted() {
        let by_domain = page(&morning(), By::Domain);
        assert!(by_domain.contains("1. 20 put off at slow.example (10 delivered): rate-limited"), "{by_domain}");
        let by_host = page(&morning(), By::Host);
        assert!(by_host.contains("1. 30 given up at mx: mailbox-unknown"), "{by_host}");
        let json = with(&morning(), By::Cause, |report| super::super::model::json(report, By::Cause));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["schema"], &json["troubles"][0]["failed"]), (&"postrider.logs/1".into(), &30.into()));
        assert_eq!(json["troubles"][1]["since"], "2026-11-24T09:10:00Z");
    }

    #[test]
    fn words_of_peers_cannot_drive_the_terminal() {
        let log = "Nov 24 09:00:00 mx1 postfix/smtp[4]: 4F2A1B00: to=<a@b\u{1b}[2J.example>, relay=x[192.0.2.7]:25, delay=1, dsn=4.0.0, status=deferred (\u{1b}[2J)\n\u{1b}[2J\n";
        let page = page(log, By::Domain);
        assert!(!page.contains('\u{1b}'), "{page:?}");
    }
}
