//! What the demo says at its end: the table, the comparison with what the neighbours took, and
//! what to look at next. As text, and as JSON.

use super::scene::{Tally, View};
use super::screen::{Line, Look};
use postrider_smtp::MessageId;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the neighbours say they took, by their own books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Books {
    /// Different mails of the demo.
    pub(crate) mails: usize,
    /// Of these, those that came more than once.
    pub(crate) twice: usize,
    /// Mails that the relay says it delivered and nobody took. Zero, or the relay is broken.
    pub(crate) missing: usize,
    /// Bounces that came back to the senders.
    pub(crate) bounces: u64,
}

/// The end of a demo.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    /// The last view.
    pub(crate) view: View,
    /// What the neighbours say.
    pub(crate) books: Books,
    /// Where spool and events are kept.
    pub(crate) data: PathBuf,
    /// Whether it was ended by Ctrl-C or the time limit rather than by itself.
    pub(crate) cut_short: Option<&'static str>,
    /// A message that still waits, for the suggestions.
    pub(crate) example: Option<MessageId>,
}

impl Books {
    /// Counts what came more than once, and what never came. `copies` has Message-IDs with their
    /// brackets, as the neighbours saw them; `delivered` those without, as events have them.
    pub(crate) fn of(copies: &HashMap<Box<str>, u32>, delivered: &[String], bounces: u64) -> Self {
        let demo = |id: &str| id.starts_with("<demo-");
        let mails = copies.keys().filter(|id| demo(id)).count();
        let twice = copies.iter().filter(|(id, count)| demo(id) && **count > 1).count();
        let missing = delivered.iter().filter(|id| !copies.contains_key(format!("<{id}>").as_str())).count();
        Self { mails, twice, missing, bounces }
    }
}

impl Closing {
    /// The lines of the table. Only what hosts said is cut to the width; paths and sentences are not.
    pub(crate) fn lines(&self, width: usize) -> Vec<Line> {
        let Self { view, books, .. } = self;
        let mut lines = vec![Line::default(), self.title(), Line::default()];
        lines.push(total(view.delivered, "delivered", Look::Good, ""));
        lines.push(total(view.waits, "deferred", Look::Waiting, "kept, and tried again when the relay runs"));
        lines.extend(view.waits_by_cause.iter().map(|tally| by_cause(tally, width)));
        let untried = view.waits - view.waits_by_cause.iter().map(|tally| tally.recipients).sum::<usize>();
        if untried > 0 {
            lines.push(Line::plain(format!("    {untried:>6}  not tried yet: their neighbour is in trouble")));
        }
        lines.push(total(view.failed, "failed", Look::Bad, "given up; the senders were told"));
        lines.extend(view.failed_by_cause.iter().map(|tally| by_cause(tally, width)));
        let doubt = format!("no reply to the final dot; {} delivered by a later attempt", view.in_doubt_delivered);
        lines.push(total(view.in_doubt, "in doubt", Look::Waiting, if view.in_doubt > 0 { &doubt } else { "" }));
        let bounces = usize::try_from(view.bounces).unwrap_or(usize::MAX);
        lines.push(total(
            bounces,
            "bounces",
            Look::Plain,
            &format!("sent; {} have come back to home.test", books.bounces),
        ));
        lines.push(Line::default());
        lines.extend(self.comparison());
        lines.push(Line::plain(format!("Kept in {}", self.data.display())));
        lines.push(Line::default());
        lines.push(Line::plain("Look at it:"));
        lines.extend(self.suggestions().into_iter().map(|command| Line::plain(format!("  {command}"))));
        lines
    }

    fn title(&self) -> Line {
        let View { letters, accepted, attempts, elapsed, .. } = &self.view;
        let taken = if accepted < letters { format!("{accepted} of {letters}") } else { letters.to_string() };
        let seconds = elapsed.as_secs_f32();
        let title = format!("{taken} mails, {attempts} attempts, {seconds:.1} s");
        let line = Line::default().with(Look::Strong, title);
        match self.cut_short {
            Some(why) => line.with(Look::Plain, format!(" ({why})")),
            None => line,
        }
    }

    /// What the relay says against what the neighbours say.
    fn comparison(&self) -> Vec<Line> {
        let Books { mails, twice, missing, .. } = self.books;
        if missing > 0 {
            let text = format!("{missing} mails were called delivered and nobody took them: please report this");
            return vec![Line::default().with(Look::Bad, text)];
        }
        let mut lines =
            vec![Line::plain(format!("By their own books the neighbours took {mails} mails: nothing is lost."))];
        if twice > 0 {
            let text = format!("{twice} of them came twice, as the connection was dropped behind the final dot.");
            lines.push(Line::plain(text));
        }
        lines
    }

    fn suggestions(&self) -> Vec<String> {
        let data = quoted(&self.data);
        let mut commands = vec![format!("postrider queue --data {data}")];
        if let Some(message) = &self.example {
            commands.push(format!("postrider queue show {message} --transcript --data {data}"));
        }
        commands.push(format!("rm -r {data}"));
        commands
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        let View { letters, accepted, delivered, waits, failed, in_doubt, bounces, attempts, .. } = self.view;
        let report = Report {
            letters,
            accepted,
            delivered,
            deferred: waits,
            failed,
            in_doubt,
            bounces,
            attempts,
            seconds: self.view.elapsed.as_secs_f64(),
            deferred_by_cause: counts(&self.view.waits_by_cause),
            failed_by_cause: counts(&self.view.failed_by_cause),
            neighbours: self.books,
            cut_short: self.cut_short,
            data: &self.data,
        };
        serde_json::to_string_pretty(&report)
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    letters: usize,
    accepted: usize,
    delivered: usize,
    deferred: usize,
    failed: usize,
    in_doubt: usize,
    bounces: u64,
    attempts: u64,
    seconds: f64,
    deferred_by_cause: Vec<Count<'a>>,
    failed_by_cause: Vec<Count<'a>>,
    neighbours: Books,
    cut_short: Option<&'static str>,
    data: &'a Path,
}

#[derive(Debug, Serialize)]
struct Count<'a> {
    cause: &'static str,
    recipients: usize,
    domains: &'a [&'static str],
    example: &'a str,
}

fn counts(tallies: &[Tally]) -> Vec<Count<'_>> {
    let count = |tally| {
        let Tally { cause, recipients, domains, words }: &Tally = tally;
        Count { cause: cause.name(), recipients: *recipients, domains, example: words }
    };
    tallies.iter().map(count).collect()
}

fn total(count: usize, name: &str, look: Look, what: &str) -> Line {
    let look = if count == 0 { Look::Faint } else { look };
    Line::default()
        .with(look, format!("  {count:>6}  {name:<10}"))
        .with(Look::Faint, if what.is_empty() { String::new() } else { format!("  {what}") })
}

fn by_cause(tally: &Tally, width: usize) -> Line {
    let domains = match tally.domains.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    };
    let start = format!("    {:>6}  {:<20} {:<17} ", tally.recipients, tally.cause.name(), domains);
    let room = width.saturating_sub(start.chars().count());
    Line::plain(start).with(Look::Faint, tally.words.chars().take(room).collect::<String>())
}

/// A path that can be pasted into a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(harmless) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_reply::Cause;
    use std::time::Duration;

    fn closing() -> Closing {
        let tally = |cause, recipients, domains: &[&'static str], words: &str| Tally {
            cause,
            recipients,
            domains: domains.to_vec(),
            words: words.into(),
        };
        let view = View {
            elapsed: Duration::from_millis(14_230),
            letters: 1000,
            accepted: 1000,
            delivered: 800,
            waits: 64,
            failed: 136,
            in_doubt: 12,
            in_doubt_delivered: 12,
            bounces: 136,
            attempts: 1900,
            waits_by_cause: vec![tally(Cause::MailboxFull, 60, &["full.test"], "452 4.2.2 The mailbox is full")],
            failed_by_cause: vec![
                tally(Cause::MailboxUnknown, 100, &["users.test", "gone.test", "null.test"], "550 5.1.1 no such user"),
                tally(Cause::SpamContent, 36, &[], "550 5.7.1 spam"),
            ],
            ..View::default()
        };
        let books = Books { mails: 806, twice: 4, missing: 0, bounces: 136 };
        let example = "0FXK3V2Q80001".parse().ok();
        Closing { view, books, data: "/tmp/it's here".into(), cut_short: None, example }
    }

    fn text(closing: &Closing) -> Vec<String> {
        closing.lines(70).iter().map(|line| line.painted(usize::MAX, false)).collect()
    }

    #[test]
    fn the_table_at_the_end() {
        let want = r"
1000 mails, 1900 attempts, 14.2 s

     800  delivered
      64  deferred    kept, and tried again when the relay runs
        60  mailbox-full         full.test         452 4.2.2 The mailb
         4  not tried yet: their neighbour is in trouble
     136  failed      given up; the senders were told
       100  mailbox-unknown      users.test +2     550 5.1.1 no such u
        36  spam-content                           550 5.7.1 spam
      12  in doubt    no reply to the final dot; 12 delivered by a later attempt
     136  bounces     sent; 136 have come back to home.test

By their own books the neighbours took 806 mails: nothing is lost.
4 of them came twice, as the connection was dropped behind the final dot.
Kept in /tmp/it's here

Look at it:
  postrider queue --data '/tmp/it'\''s here'
  postrider queue show 0FXK3V2Q80001 --transcript --data '/tmp/it'\''s here'
  rm -r '/tmp/it'\''s here'";
        assert_eq!(text(&closing()).join("\n"), want);
    }

    #[test]
    fn a_mail_that_nobody_took_is_not_passed_over() {
        let copies = HashMap::from([("<demo-1@home.test>".into(), 1), ("<demo-2@home.test>".into(), 3)]);
        let delivered: Vec<String> = (1..=3).map(|n| format!("demo-{n}@home.test")).collect();
        let books = Books::of(&copies, &delivered, 0);
        assert_eq!(books, Books { mails: 2, twice: 1, missing: 1, bounces: 0 });
        let lines = text(&Closing { books, cut_short: Some("interrupted"), ..closing() });
        assert!(lines.contains(&"1 mails were called delivered and nobody took them: please report this".into()));
        assert!(lines.contains(&"1000 mails, 1900 attempts, 14.2 s (interrupted)".into()));
    }

    #[test]
    fn programs_get_the_same() {
        let json: serde_json::Value = serde_json::from_str(&closing().json().unwrap()).unwrap();
        assert_eq!(json["deferred"], 64);
        assert_eq!(json["deferred_by_cause"][0]["cause"], "mailbox-full");
        assert_eq!(json["neighbours"]["twice"], 4);
        assert_eq!(json["cut_short"], serde_json::Value::Null);
    }
}
