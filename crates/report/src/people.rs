//! The part for people: what happened, what the host said, who must act, what to do.

use crate::fields::REPLY_BYTES_MAX;
use crate::notice::{Fate, Notice, Tidings};
use crate::text::{base64_lines, date, wrap};
use postrider_smtp::{Outcome, Phase};
use std::time::Duration;

const WIDTH: usize = 72;

/// The part, from its header to its last line. In base64 when it is not ASCII, so that the
/// notice goes through any host.
pub(crate) fn part(notice: &Notice<'_>, reporter: &str) -> String {
    let text = text(notice, reporter);
    if text.is_ascii() {
        return format!("Content-Type: text/plain; charset=us-ascii\r\n\r\n{text}");
    }
    let encoded = base64_lines(text.as_bytes());
    format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}")
}

fn text(notice: &Notice<'_>, reporter: &str) -> String {
    let mut text = Text::default();
    text.paragraph(0, &opening(notice, reporter));
    for fate in &notice.fates {
        text.blank();
        text.paragraph(2, &format!("<{}>", fate.recipient.address));
        recipient(&mut text, notice.tidings, fate);
    }
    text.blank();
    let returned = match notice.tidings {
        Tidings::Failure => "Your message, or its headers, is attached, and so is a report for programs.",
        Tidings::Delay | Tidings::Success => {
            "The headers of your message are attached, and so is a report for programs."
        }
    };
    text.paragraph(0, returned);
    text.paragraph(0, &format!("Postrider at {reporter}, about message {}", notice.about));
    text.0
}

fn opening(notice: &Notice<'_>, reporter: &str) -> String {
    let of = format!("the message you sent on {}", date(notice.accepted));
    let people = if notice.fates.len() == 1 { "this recipient" } else { "these recipients" };
    match notice.tidings {
        Tidings::Failure => format!("{reporter} could not deliver {of} to {people}, and has given up:"),
        Tidings::Delay => format!(
            "{reporter} has not been able to deliver {of} to {people} yet. \
             It goes on trying; you need not send the message again:"
        ),
        Tidings::Success => format!(
            "{reporter} has passed on {of} to {people}, as you asked to be told. \
             The next host does not report on its own, so this is the last you hear:"
        ),
    }
}

fn recipient(text: &mut Text, tidings: Tidings, fate: &Fate<'_>) {
    text.paragraph(4, fate.summary);
    if let Some(age) = fate.expired {
        let times = if fate.attempts == 1 { "once".to_owned() } else { format!("{} times", fate.attempts) };
        text.paragraph(4, &format!("It was tried {times} in {}.", span(age)));
    }
    if let Some(outcome) = fate.outcome {
        said(text, fate.host, outcome);
    }
    if let (Tidings::Delay, Some(until)) = (tidings, fate.retry_until) {
        text.paragraph(4, &format!("It is tried until {}.", date(until)));
    }
    if tidings == Tidings::Success {
        return;
    }
    if !fate.who.is_empty() {
        text.paragraph(4, &format!("Who must act: {}.", fate.who));
    }
    for step in fate.advice {
        text.item(4, step);
    }
}

fn said(text: &mut Text, host: Option<&str>, outcome: &Outcome) {
    let host = host.map_or("The host".to_owned(), |host| format!("The host {host}"));
    match outcome {
        Outcome::Replied { phase, reply } => {
            text.paragraph(4, &format!("{host} said, {}:", at(*phase)));
            let mut left = REPLY_BYTES_MAX;
            for line in reply.lines() {
                let line = &line[..line.floor_char_boundary(left)];
                left -= line.len();
                text.paragraph(8, &format!("{} {line}", reply.code()));
                if left == 0 {
                    break;
                }
            }
        }
        Outcome::Unreached(trouble) => text.paragraph(4, &format!("What was seen: {}", trouble.detail)),
        Outcome::InDoubt(trouble) => text.paragraph(
            4,
            &format!("The whole message was sent, and no answer came ({}): it may have arrived.", trouble.detail),
        ),
    }
}

fn at(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "when it was called",
        Phase::Ehlo => "when this relay gave its name (EHLO)",
        Phase::StartTls => "when encryption was asked for (STARTTLS)",
        Phase::Auth => "when this relay logged in (AUTH)",
        Phase::Mail => "when it was given your address (MAIL FROM)",
        Phase::Rcpt => "when it was given the recipient's address (RCPT TO)",
        Phase::Data => "before it was given the message (DATA)",
        Phase::Dot => "after it was given the message",
    }
}

fn span(age: Duration) -> String {
    let (number, unit) = match age.as_secs() {
        s if s >= 2 * 86_400 => (s / 86_400, "days"),
        s if s >= 2 * 3600 => (s / 3600, "hours"),
        s => (s.div_ceil(60), "minutes"),
    };
    format!("{number} {unit}")
}

/// Lines, each ended, each short.
#[derive(Default)]
struct Text(String);

impl Text {
    fn blank(&mut self) {
        self.0.push_str("\r\n");
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        self.lines(indent, "", text);
    }

    fn item(&mut self, indent: usize, text: &str) {
        self.lines(indent, "- ", text);
    }

    /// Control characters become blanks: a reply must not look like a line of ours.
    fn lines(&mut self, indent: usize, mark: &str, text: &str) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for (index, line) in wrap(&clean, WIDTH - indent - mark.len()).iter().enumerate() {
            let mark = if index == 0 { mark } else { &"  "[..mark.len()] };
            self.0.push_str(&" ".repeat(indent));
            self.0.push_str(mark);
            self.0.push_str(line);
            self.0.push_str("\r\n");
        }
    }
}
