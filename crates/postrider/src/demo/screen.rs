//! The live screen: lines of text made from a [`View`], a width and a height, and nothing else.

use super::scene::{Row, View};
use std::time::Duration;

/// Narrower than this, a row is only its numbers.
const WIDTH_FOR_WORDS: usize = 60;
/// From here on, behaviour and words have a column each.
const WIDTH_FOR_BOTH: usize = 120;
/// Lines above and below the rows.
const LINES_AROUND: usize = 6;
const BAR_WIDTH: usize = 16;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Faint,
    Strong,
    Good,
    Waiting,
    Bad,
}

impl Look {
    const fn escape(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::Good => "\x1b[32m",
            Self::Waiting => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// One line: pieces of text, each with its look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line(Vec<(Look, String)>);

impl Line {
    pub(crate) fn with(mut self, look: Look, text: impl Into<String>) -> Self {
        self.0.push((look, text.into()));
        self
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::default().with(Look::Plain, text)
    }

    /// The line as it is written, cut to a width; with escapes only where colour is wanted.
    pub(crate) fn painted(&self, width: usize, colour: bool) -> String {
        let mut left = width;
        let mut painted = String::new();
        for (look, text) in &self.0 {
            let text: String = text.chars().take(left).collect();
            left -= text.chars().count();
            if colour && *look != Look::Plain && !text.is_empty() {
                painted.push_str(look.escape());
                painted.push_str(&text);
                painted.push_str("\x1b[0m");
            } else {
                painted.push_str(&text);
            }
        }
        painted.truncate(painted.trim_end().len());
        painted
    }
}

/// The screen.
pub(crate) fn screen(view: &View, width: usize, height: usize) -> Vec<Line> {
    let mut lines = vec![title(view), totals(view, width), Line::default(), heading(width)];
    let room = height.saturating_sub(LINES_AROUND).max(3);
    let shown = chosen(&view.rows, room);
    let hidden = view.rows.len() - shown.len();
    lines.extend(shown.into_iter().map(|row| line_of(row, width)));
    if hidden > 0 {
        lines.push(Line::default().with(Look::Faint, format!("… and {hidden} more without news")));
    }
    lines
}

fn title(view: &View) -> Line {
    let seconds = view.elapsed.as_secs_f32();
    Line::default()
        .with(Look::Strong, "postrider demo")
        .with(Look::Plain, format!("  {} mails, a relay, a small internet, no network  {seconds:.1} s", view.letters))
}

fn totals(view: &View, width: usize) -> Line {
    let line = if width >= WIDTH_FOR_WORDS + BAR_WIDTH / 2 {
        let settled = view.delivered + view.failed;
        Line::plain(format!("{} ", bar(settled, view.letters)))
    } else {
        Line::default()
    };
    line.with(Look::Plain, format!("{} in  ", view.accepted))
        .with(Look::Good, format!("{} delivered", view.delivered))
        .with(Look::Plain, "  ")
        .with(Look::Waiting, format!("{} wait", view.waits))
        .with(Look::Plain, "  ")
        .with(Look::Bad, format!("{} failed", view.failed))
        .with(Look::Faint, format!("  {} bounces", view.bounces))
}

fn bar(part: usize, whole: usize) -> String {
    let full = (part * BAR_WIDTH).checked_div(whole).unwrap_or(0).min(BAR_WIDTH);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR_WIDTH - full))
}

fn heading(width: usize) -> Line {
    let mut text = format!("{:<14}{:>6}{:>6}{:>7}", "neighbour", "out", "wait", "failed");
    if width >= WIDTH_FOR_BOTH {
        text.push_str(&format!("  {:<45}  what it said last", "how it behaves"));
    } else if width >= WIDTH_FOR_WORDS {
        text.push_str("  how it behaves, or what it said last");
    }
    Line::default().with(Look::Faint, text)
}

/// Rows with news, in their order, when there is no room for all: trouble goes before success.
fn chosen(rows: &[Row], room: usize) -> Vec<&Row> {
    if rows.len() <= room {
        return rows.iter().collect();
    }
    let mut ranked: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    ranked.sort_by_key(|(at, row)| (row.waits == 0, row.failed == 0, row.delivered == 0, *at));
    ranked.truncate(room.saturating_sub(1));
    ranked.sort_by_key(|(at, _)| *at);
    ranked.into_iter().map(|(_, row)| row).collect()
}

fn line_of(row: &Row, width: usize) -> Line {
    let number = |count: usize, width: usize| match count {
        0 => format!("{:>width$}", "-"),
        count => format!("{count:>width$}"),
    };
    let look = |count: usize, look: Look| if count == 0 { Look::Faint } else { look };
    let line = Line::plain(format!("{:<14}", row.domain))
        .with(look(row.delivered, Look::Good), number(row.delivered, 6))
        .with(look(row.waits, Look::Waiting), number(row.waits, 6))
        .with(look(row.failed, Look::Bad), number(row.failed, 7));
    if width < WIDTH_FOR_WORDS {
        return line;
    }
    let news = news(row);
    let line = line.with(Look::Plain, "  ");
    if width >= WIDTH_FOR_BOTH {
        line.with(Look::Faint, format!("{:<45}  ", row.behaviour)).with(Look::Plain, news)
    } else if news.is_empty() {
        line.with(Look::Faint, row.behaviour)
    } else {
        line.with(Look::Plain, news)
    }
}

/// What a row has to say: when it goes on, and the last words.
fn news(row: &Row) -> String {
    match row.due_in {
        _ if row.words.is_empty() => String::new(),
        Some(due_in) if row.waits > 0 => format!("{}: {}", again(due_in), row.words),
        _ => row.words.clone(),
    }
}

fn again(due_in: Duration) -> String {
    match due_in.as_secs_f32().ceil() {
        0.0 => "again now".into(),
        seconds => format!("again in {seconds} s"),
    }
}

/// One line of progress, for pipes and files.
pub(crate) fn progress(view: &View) -> String {
    format!(
        "{:>5.1} s: {} in, {} delivered, {} wait, {} failed, {} bounces",
        view.elapsed.as_secs_f32(),
        view.accepted,
        view.delivered,
        view.waits,
        view.failed,
        view.bounces
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let row = |domain, delivered, waits, failed, words: &str, due: Option<u64>| Row {
            domain,
            behaviour: super::super::plan::behaviour(domain),
            delivered,
            waits,
            failed,
            words: words.into(),
            due_in: due.map(Duration::from_millis),
        };
        View {
            elapsed: Duration::from_millis(12_340),
            letters: 1000,
            accepted: 1000,
            delivered: 450,
            waits: 90,
            failed: 50,
            bounces: 30,
            rows: vec![
                row("open.test", 248, 0, 0, "", None),
                row("greylist.test", 0, 80, 0, "451 4.7.1 Greylisted, please try again in 4 seconds", Some(1200)),
                row("users.test", 30, 0, 30, "550 5.1.1 <gone@users.test>: no such user here", None),
                row("silent.test", 0, 4, 0, "", None),
            ],
            ..View::default()
        }
    }

    fn text(width: usize, height: usize) -> String {
        let lines: Vec<String> = screen(&view(), width, height).iter().map(|line| line.painted(width, false)).collect();
        lines.join("\n")
    }

    #[test]
    fn on_a_usual_terminal_a_row_has_one_text() {
        let want = "\
postrider demo  1000 mails, a relay, a small internet, no network  12.3 s
[########--------] 1000 in  450 delivered  90 wait  50 failed  30 bounces

neighbour        out  wait failed  how it behaves, or what it said last
open.test        248     -      -  takes all mail at once
greylist.test      -    80      -  again in 2 s: 451 4.7.1 Greylisted, please tr
users.test        30     -     30  550 5.1.1 <gone@users.test>: no such user her
silent.test        -     4      -  takes connections, never greets";
        assert_eq!(text(80, 24), want);
    }

    #[test]
    fn on_a_wide_terminal_it_has_both() {
        let line = text(160, 24).lines().nth(5).unwrap().to_owned();
        let want = "greylist.test      -    80      -  puts off each new sender and recipient once    \
                    again in 2 s: 451 4.7.1 Greylisted, please try again in 4 seconds";
        assert_eq!(line, want);
    }

    #[test]
    fn on_a_narrow_terminal_it_has_only_its_numbers() {
        let want = "\
postrider demo  1000 mails, a relay, a s
1000 in  450 delivered  90 wait  50 fail

neighbour        out  wait failed
open.test        248     -      -
greylist.test      -    80      -
users.test        30     -     30
silent.test        -     4      -";
        assert_eq!(text(40, 24), want);
    }

    #[test]
    fn on_a_low_terminal_trouble_goes_before_success() {
        let shown = text(80, 9);
        let names: Vec<&str> = shown.lines().skip(4).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["greylist.test", "silent.test", "…"]);
        assert!(shown.ends_with("… and 2 more without news"));
    }

    #[test]
    fn colour_is_put_around_what_is_left_of_a_cut_line() {
        let line = Line::plain("ab").with(Look::Bad, "cdef").with(Look::Good, "gh");
        assert_eq!(line.painted(4, true), "ab\x1b[31mcd\x1b[0m");
        assert_eq!(line.painted(4, false), "abcd");
    }

    #[test]
    fn progress_in_one_line() {
        assert_eq!(progress(&view()), " 12.3 s: 1000 in, 450 delivered, 90 wait, 50 failed, 30 bounces");
    }
}
