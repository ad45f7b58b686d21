//! Answers about the queue as text: aligned columns, no colours, one `now` for all.

use super::times::{ahead, count, harmless, moment, size, span};
use crate::control::protocol::{Answer, DestinationRow, Message, RecipientRow, State};
use postrider_events::Event;
use postrider_smtp::Timestamp;
use std::fmt::Write as _;

/// How wide lines may be when a terminal shows them; elsewhere they are as long as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Width(pub(crate) Option<usize>);

/// The text of an answer.
pub(crate) fn render(answer: &Answer, now: Timestamp, width: Width, transcripts: bool) -> String {
    match answer {
        Answer::Destinations { recipients, messages, destinations } => {
            destination_table(*recipients, *messages, destinations, now, width)
        }
        Answer::List { recipients, messages, rows, more } => {
            let mut text = recipient_table(*recipients, *messages, rows, now, width);
            if *more {
                let shown = rows.len();
                let _ = writeln!(
                    text,
                    "… the first {shown} are shown; --rows shows more, --destination and --address fewer"
                );
            }
            text
        }
        Answer::Show(message) => message_page(message, now, transcripts),
        Answer::Operated { touched } => format!("{}\n", count(*touched, "recipient")),
        Answer::Accepted { message } => format!("{message}\n"),
        Answer::Refused { reply, .. } => format!("{}\n", harmless(reply)),
        Answer::Trouble { message, .. } => format!("{message}\n"),
    }
}

fn waits(recipients: u64, messages: u64) -> String {
    if recipients == 0 {
        return "nothing waits here\n".to_owned();
    }
    format!("{} of {} waiting\n\n", count(recipients, "recipient"), count(messages, "message"))
}

fn destination_table(recipients: u64, messages: u64, rows: &[DestinationRow], now: Timestamp, width: Width) -> String {
    let mut table = Table::new(&["DESTINATION", ">WAITING", ">HELD", ">OLDEST", "GOES ON", "WHY IT WAITS"]);
    for row in rows {
        let idle = row.recipients.saturating_sub(row.in_flight);
        let goes_on = match row.next_due {
            _ if row.in_flight > 0 => format!("{} being tried", row.in_flight),
            Some(due) if idle > 0 => ahead(due, now),
            _ if row.held > 0 => "when released".to_owned(),
            _ => "-".to_owned(),
        };
        let held = if row.held == 0 { "-".to_owned() } else { row.held.to_string() };
        let oldest = span(now.0 - row.oldest);
        table.row(vec![row.destination.clone(), row.recipients.to_string(), held, oldest, goes_on, why(&row.reason)]);
    }
    waits(recipients, messages) + &table.text(width)
}

fn recipient_table(recipients: u64, messages: u64, rows: &[RecipientRow], now: Timestamp, width: Width) -> String {
    let mut table = Table::new(&["MESSAGE", "RECIPIENT", "SENDER", ">AGE", ">TRIES", "GOES ON", "WHY IT WAITS"]);
    for row in rows {
        table.row(vec![
            row.message.clone(),
            harmless(&row.recipient),
            harmless(row.sender.as_deref().unwrap_or("<>")),
            span(now.0 - row.accepted),
            row.attempts.to_string(),
            goes_on(row, now),
            why(&row.reason),
        ]);
    }
    waits(recipients, messages) + &table.text(width)
}

fn goes_on(row: &RecipientRow, now: Timestamp) -> String {
    match (row.state, row.due) {
        (State::Held, _) => "when released".to_owned(),
        (State::Waiting, Some(due)) => ahead(due, now),
        (State::InFlight | State::Waiting, _) => "being tried".to_owned(),
    }
}

fn why(reason: &str) -> String {
    if reason.is_empty() { "-".to_owned() } else { harmless(reason) }
}

fn message_page(message: &Message, now: Timestamp, transcripts: bool) -> String {
    let mut text = String::new();
    let sender = harmless(message.sender.as_deref().unwrap_or("<> (a notice)"));
    let _ = writeln!(text, "message   {}", message.message);
    let _ = writeln!(text, "from      {sender}");
    let age = span(now.0 - message.accepted);
    let _ = writeln!(text, "accepted  {}, {age} ago", moment(message.accepted));
    if let Some(client) = &message.client {
        let _ = writeln!(text, "by        {}", harmless(client));
    }
    if let Some(row) = message.waiting.first() {
        let _ = writeln!(text, "size      {}", size(row.size));
    }
    if !message.queued {
        text.push_str("state     finished: not in the queue any more\n");
    }
    for row in &message.waiting {
        let tries = count(row.attempts.into(), "attempt");
        let _ = writeln!(text, "\nto        {}\n  {}, then {}", harmless(&row.recipient), tries, goes_on(row, now));
        let _ = writeln!(text, "  {}", why(&row.reason));
    }
    if !message.attempts.is_empty() {
        attempts(message, transcripts, &mut text);
    }
    if !message.events.is_empty() {
        text.push_str("\nhistory\n");
        for event in &message.events {
            history_line(event, transcripts && !message.queued, &mut text);
        }
    }
    text
}

fn attempts(message: &Message, transcripts: bool, text: &mut String) {
    text.push_str("\nattempts\n");
    for attempt in &message.attempts {
        let (at, host) = (moment(attempt.at), harmless(&attempt.host));
        let _ = writeln!(text, "  {at}  {host}, {} ms", attempt.took);
        for (index, outcome) in &attempt.outcomes {
            let address = message.recipients.get(*index as usize).map_or("?", String::as_str);
            let _ = writeln!(text, "    {}: {}", harmless(address), harmless(outcome));
        }
        if transcripts {
            transcript(&attempt.transcript, text);
        }
    }
    if !transcripts {
        text.push_str("  (--transcript shows the dialogues)\n");
    }
}

fn transcript(dialogue: &str, text: &mut String) {
    for line in dialogue.lines() {
        let _ = writeln!(text, "    | {}", harmless(line));
    }
}

/// One event: when, what, whom; and below it the words that were said.
fn history_line(event: &Event, transcripts: bool, text: &mut String) {
    let (whom, words) = match event {
        Event::Accepted(it) => (count(it.recipients.len() as u64, "recipient"), vec![format!("from {}", it.client)]),
        Event::Refused(it) => (it.recipient.clone().unwrap_or_default(), vec![it.reply.to_string()]),
        Event::Delivered(it) => (it.recipient.to_string(), vec![it.outcome.to_string()]),
        Event::Deferred(it) | Event::InDoubt(it) | Event::Failed(it) => {
            (it.recipient.to_string(), vec![it.outcome.to_string(), it.verdict.summary.to_string()])
        }
        Event::Expired(it) => (it.recipient.to_string(), vec![it.reason.clone()]),
        Event::Noticed(it) => (it.to.to_string(), vec![format!("by message {}", it.notice)]),
        Event::Held(it) | Event::Released(it) | Event::Retried(it) | Event::Dropped(it) => {
            (count(it.recipients, "recipient"), vec![format!("by {}", it.by)])
        }
        Event::Recovered(it) => (format!("{:?}", it.found).to_lowercase(), Vec::new()),
    };
    let _ = writeln!(text, "  {}  {}  {}", moment(event.at().0), event.name(), harmless(&whom));
    for line in words.iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "    {}", harmless(line));
    }
    let dialogue = event.attempted().and_then(|it| it.transcript.as_deref());
    if transcripts && let Some(dialogue) = dialogue {
        transcript(dialogue, text);
    }
}

/// Columns as wide as their widest cell; the last one takes what is left.
struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A head with `>` before it names a column of numbers, aligned to the right.
    fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn text(&self, width: Width) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let heads: Vec<String> = self.heads.iter().map(|head| head.trim_start_matches('>').to_owned()).collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|column| self.rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let wide = widths[column];
                if column + 1 == row.len() {
                    line.push_str(cell);
                } else if self.heads[column].starts_with('>') {
                    let _ = write!(line, "{cell:>wide$}  ");
                } else {
                    let _ = write!(line, "{cell:wide$}  ");
                }
            }
            text.push_str(&cut(line.trim_end(), width));
            text.push('\n');
        }
        text
    }
}

fn cut(line: &str, width: Width) -> String {
    match width.0 {
        Some(width) if line.chars().count() > width && width > 1 => line.chars().take(width - 1).chain(['…']).collect(),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::AttemptRow;
    use postrider_events::Operated;

    const NOW: Timestamp = Timestamp(1_795_540_000_000);

    fn text(answer: &Answer) -> String {
        render(answer, NOW, Width(None), true)
    }

    fn row(state: State, due: Option<i64>) -> RecipientRow {
        RecipientRow {
            message: "0FXK3V2Q80001".into(),
            index: 0,
            sender: Some("shop@example.com".into()),
            recipient: "tom@full.test".into(),
            destination: "full.test".into(),
            size: 10_240,
            accepted: NOW.0 - 7_200_000,
            attempts: 3,
            state,
            due,
            reason: "mailbox-full: 452 4.2.2 over quota".into(),
        }
    }

    #[test]
    fn the_queue_by_destination_says_why_and_when() {
        let destination = |name: &str, recipients, held, in_flight, next_due, reason: &str| DestinationRow {
            destination: name.into(),
            recipients,
            held,
            in_flight,
            oldest: NOW.0 - 7_200_000,
            next_due,
            reason: reason.into(),
        };
        let answer = Answer::Destinations {
            recipients: 1207,
            messages: 312,
            destinations: vec![
                destination("slow.test", 1204, 0, 0, Some(NOW.0 + 240_000), "rate-limited: 421 4.7.28 try later"),
                destination("busy.test", 2, 0, 2, None, ""),
                destination("held.test", 0, 1, 0, None, "held by an operator"),
            ],
        };
        let want = "\
1,207 recipients of 312 messages waiting

DESTINATION  WAITING  HELD  OLDEST  GOES ON        WHY IT WAITS
slow.test       1204     -     2 h  in 4 min       rate-limited: 421 4.7.28 try later
busy.test          2     -     2 h  2 being tried  -
held.test          0     1     2 h  when released  held by an operator
";
        assert_eq!(text(&answer), want);
        let narrow = render(&answer, NOW, Width(Some(40)), true);
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    }

    #[test]
    fn recipients_and_an_empty_queue() {
        let rows =
            vec![row(State::Waiting, Some(NOW.0 - 5)), row(State::Held, Some(NOW.0)), row(State::InFlight, None)];
        let want = "\
3 recipients of 1 message waiting

MESSAGE        RECIPIENT      SENDER            AGE  TRIES  GOES ON        WHY IT WAITS
0FXK3V2Q80001  tom@full.test  shop@example.com  2 h      3  now            mailbox-full: 452 4.2.2 over quota
0FXK3V2Q80001  tom@full.test  shop@example.com  2 h      3  when released  mailbox-full: 452 4.2.2 over quota
0FXK3V2Q80001  tom@full.test  shop@example.com  2 h      3  being tried    mailbox-full: 452 4.2.2 over quota
";
        assert_eq!(text(&Answer::List { recipients: 3, messages: 1, rows, more: false }), want);
        let empty = Answer::Destinations { recipients: 0, messages: 0, destinations: vec![] };
        assert_eq!(text(&empty), "nothing waits here\n");
    }

    #[test]
    fn a_message_is_shown_with_attempts_and_dialogue() {
        let message = Message {
            message: "0FXK3V2Q80001".into(),
            queued: true,
            accepted: NOW.0 - 7_200_000,
            client: Some("127.0.0.1".into()),
            sender: Some("shop@example.com".into()),
            recipients: vec!["tom@full.test".into()],
            waiting: vec![row(State::Waiting, Some(NOW.0 + 240_000))],
            attempts: vec![AttemptRow {
                at: NOW.0 - 60_000,
                took: 120,
                host: "mx.full.test [127.0.0.9]".into(),
                outcomes: vec![(0, "rcpt: 452 4.2.2 over \u{1b}quota".into())],
                transcript: "C: RCPT TO:<tom@full.test>\nS: 452 4.2.2 over quota\n".into(),
            }],
            events: vec![Event::Held(Box::new(Operated {
                at: Timestamp(NOW.0 - 30_000),
                message: "0FXK3V2Q80001".parse().ok(),
                destination: None,
                address: None,
                recipients: 1,
                by: "control socket".into(),
            }))],
        };
        let want = "\
message   0FXK3V2Q80001
from      shop@example.com
accepted  2026-11-24 15:06:40 UTC, 2 h ago
by        127.0.0.1
size      10 KiB

to        tom@full.test
  3 attempts, then in 4 min
  mailbox-full: 452 4.2.2 over quota

attempts
  2026-11-24 17:05:40 UTC  mx.full.test [127.0.0.9], 120 ms
    tom@full.test: rcpt: 452 4.2.2 over  quota
    | C: RCPT TO:<tom@full.test>
    | S: 452 4.2.2 over quota

history
  2026-11-24 17:06:10 UTC  held  1 recipient
    by control socket
";
        assert_eq!(text(&Answer::Show(Box::new(message))), want);
    }
}
