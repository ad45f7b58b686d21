//! The verdict for a person who has never read an RFC: the answer first, the evidence small below it.

use super::model::{Explained, Kind, Reading, Spoken};
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use crate::verbs::queue::times::harmless;
use postrider_reply::{Cause, Confidence, Disposition, Verdict, Who};
use postrider_smtp::Phase;
use std::fmt::Write as _;

/// The most recipients of one group that are named.
const NAMED_MAX: usize = 20;
/// The most octets of a server's words that are shown.
const WORDS_BYTES_MAX: usize = 600;

/// The text of one input's explanation.
pub(super) fn render(explained: &Explained, look: Look) -> String {
    let mut page = Page { look, text: String::new() };
    page.head(explained);
    match explained.kind {
        Kind::Transcript => page.session(explained),
        Kind::Empty => page.paragraph("", "There is nothing to explain: the input is empty."),
        _ => {
            let all: Vec<&Spoken> = explained.spoken().collect();
            for (index, group) in grouped(&all).iter().enumerate() {
                if index > 0 {
                    page.text.push('\n');
                }
                page.group(explained, group, all.len());
            }
        }
    }
    page.readings(&explained.readings);
    page.notes(explained);
    page.text
}

/// What is the same for several recipients is said once.
fn grouped<'a>(all: &[&'a Spoken]) -> Vec<Vec<&'a Spoken>> {
    let mut groups: Vec<Vec<&Spoken>> = Vec::new();
    for spoken in all {
        let same = |group: &&mut Vec<&Spoken>| {
            let first = group[0];
            first.recipient.is_some()
                && spoken.recipient.is_some()
                && (first.verdict.cause, first.verdict.disposition)
                    == (spoken.verdict.cause, spoken.verdict.disposition)
                && first.verdict.summary == spoken.verdict.summary
                && (first.code, first.enhanced) == (spoken.code, spoken.enhanced)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(spoken),
            None => groups.push(vec![spoken]),
        }
    }
    groups
}

struct Page {
    look: Look,
    text: String,
}

impl Page {
    /// What the input is, where that is not plain from what follows.
    fn head(&mut self, explained: &Explained) {
        let mut what = match explained.kind {
            Kind::Bounce => "A bounce: a mail was not delivered.",
            Kind::Delay => "A warning of delay: a mail is late and still being tried.",
            Kind::Complaint => "A complaint: somebody, or a filter, objects to a mail.",
            Kind::AutoReply => "An automatic answer.",
            Kind::NotAReport => "An ordinary mail.",
            Kind::Header => "The header of a mail.",
            Kind::Log => "From the log of a mail server.",
            _ => return,
        }
        .to_owned();
        let original = explained.original.as_ref();
        if let Some(subject) = original.and_then(|original| original.subject.as_deref()) {
            let _ = write!(what, " Subject: {:?}", harmless(subject));
        }
        self.paragraph("", &what);
        if let Some(id) = original.and_then(|original| original.message_id.as_deref()) {
            self.faint("", &format!("Message-ID {}", harmless(id)));
        }
        if explained.spoken().next().is_some() {
            self.text.push('\n');
        }
    }

    fn group(&mut self, explained: &Explained, group: &[&Spoken], of: usize) {
        let first = group[0];
        let recipients: Vec<String> = group.iter().filter_map(|it| it.recipient.as_deref()).map(harmless).collect();
        if !recipients.is_empty() {
            let mut named = recipients.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            if recipients.len() > NAMED_MAX {
                let _ = write!(named, " and {} more", recipients.len() - NAMED_MAX);
            }
            let what = if explained.kind == Kind::Complaint { "From" } else { "To" };
            self.paragraph(&format!("{what} "), &named);
        } else if of > 1 {
            let said = format!("{} {}", code_of(first), harmless(&first.text));
            self.faint("", said.get(..said.floor_char_boundary(100)).unwrap_or_default());
        }
        self.verdict(first);
    }

    /// Answer, who, waiting, steps; then the evidence.
    fn verdict(&mut self, spoken: &Spoken) {
        let verdict = &spoken.verdict;
        let tone = match verdict.disposition {
            Disposition::Delivered => Tone::Good,
            Disposition::Retry => Tone::Waiting,
            Disposition::Fail => Tone::Bad,
        };
        for line in wrapped(&harmless(&verdict.summary), self.look.columns) {
            let _ = writeln!(self.text, "{}", self.look.paint(&line, tone));
        }
        self.text.push('\n');
        let told = matches!(verdict.cause, Cause::AutoReply | Cause::Complaint);
        self.row("Who must act", who(verdict.who));
        if !told {
            self.row("Will waiting help", &waiting(spoken));
        }
        if verdict.suppress {
            self.row("The address", "takes no mail any more: take it off your lists.");
        }
        if !verdict.advice.is_empty() {
            self.row("What to do", "");
            for (index, step) in verdict.advice.iter().enumerate() {
                self.paragraph(&format!("  {}. ", index + 1), step);
            }
        }
        self.evidence(spoken);
    }

    fn evidence(&mut self, spoken: &Spoken) {
        let verdict = &spoken.verdict;
        let mut line = vec![verdict.cause.name().to_owned()];
        let code = code_of(spoken);
        line.extend((!code.is_empty()).then_some(code));
        line.extend(spoken.phase.map(|phase| format!("at {phase}")));
        line.extend(verdict.provider.as_ref().map(|provider| format!("provider {provider}")));
        line.extend(spoken.host.as_ref().map(|host| format!("host {}", harmless(host))));
        line.extend(spoken.action.map(|action| format!("reported as {action}")));
        self.text.push('\n');
        self.faint("", &line.join(" · "));
        let words = harmless(&spoken.text);
        if !words.is_empty() {
            let cut = words.floor_char_boundary(WORDS_BYTES_MAX);
            let more = if cut < words.len() { " …" } else { "" };
            self.faint("", &format!("said: {}{more}", &words[..cut]));
        }
        self.faint("", &rests_on(verdict));
        if let Some(conflict) = &verdict.evidence.conflict {
            self.faint("", &format!("note: {conflict}"));
        }
        let mut references: Vec<&str> = Vec::new();
        for reference in &verdict.references {
            if !references.contains(&reference.as_ref()) {
                references.push(reference);
            }
        }
        if !references.is_empty() {
            self.faint("", &format!("see: {}", references.join(", ")));
        }
        if let Some(considered) = &spoken.considered {
            self.why(spoken, considered);
        }
    }

    /// The path of trust: what matched, what decided, what lost.
    fn why(&mut self, spoken: &Spoken, considered: &[postrider_reply::Considered]) {
        self.text.push('\n');
        self.paragraph("", "Why (an entry's words come first, then the enhanced status, the code, the first digit):");
        let decided = spoken.verdict.evidence.entry.as_deref();
        if considered.is_empty() {
            self.paragraph("  ", "no entry's words are in it");
        }
        for it in considered {
            let mark = if decided == Some(it.entry.as_str()) { "decided" } else { "lost" };
            let by = if it.matched.is_empty() { "its status or code".to_owned() } else { format!("{:?}", it.matched) };
            self.paragraph("  ", &format!("{mark}  {} → {}, {} points, by {by}", it.entry, it.cause, it.points));
        }
        if decided.is_none() {
            let by = match spoken.verdict.confidence {
                Confidence::Entry => "what kind of trouble it is",
                Confidence::Enhanced => "the enhanced status",
                Confidence::Code => "the reply code",
                Confidence::Digit => "the first digit, or nothing at all",
            };
            self.paragraph("  ", &format!("decided by {by} → {}", spoken.verdict.cause));
        }
    }

    /// The verdict on the cause, then the session line by line.
    fn session(&mut self, explained: &Explained) {
        if let Some(cause) = &explained.reply {
            if let Some(recipient) = &cause.recipient {
                self.paragraph("To ", &harmless(recipient));
            }
            self.verdict(cause);
        }
        self.text.push_str("\nThe session\n");
        let mut failed = false;
        for spoken in &explained.replies {
            let command = spoken.command.as_deref().unwrap_or("(greeting)");
            // RFC 2920 §3.1: DATA is refused when no recipient was taken.
            let follows = failed && spoken.phase == Some(Phase::Data);
            let meaning = match spoken.is_failure() {
                true if follows => "This follows from the failure above.",
                true => spoken.verdict.summary.as_ref(),
                false => "fine",
            };
            failed |= spoken.is_failure() && spoken.phase == Some(Phase::Rcpt);
            let mark = if spoken.is_failure() { "✗" } else { "✓" };
            let command = if command == "." { "the message" } else { command };
            self.paragraph(&format!("  {mark} "), &format!("{} → {} {meaning}", harmless(command), code_of(spoken)));
        }
    }

    fn readings(&mut self, readings: &[Reading]) {
        if readings.is_empty() {
            return;
        }
        self.text.push_str("\nHow the number is read\n");
        for reading in readings {
            self.paragraph("  ", &format!("{}: {}", reading.by, reading.says));
        }
    }

    fn notes(&mut self, explained: &Explained) {
        if explained.notes.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        for note in &explained.notes {
            self.paragraph("", &harmless(note));
        }
    }

    fn row(&mut self, name: &str, value: &str) {
        const NAME_CELLS: usize = 19;
        let label = format!("{name:<NAME_CELLS$}");
        let lines = wrapped(value, self.look.columns.saturating_sub(NAME_CELLS).max(20));
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { self.look.paint(&label, Tone::Strong) } else { " ".repeat(NAME_CELLS) };
            let _ = writeln!(self.text, "{}", format!("{label}{line}").trim_end());
        }
    }

    /// A paragraph whose first line begins with `lead`; the others stand below its words.
    fn paragraph(&mut self, lead: &str, text: &str) {
        let indent = cells(lead);
        for (index, line) in wrapped(text, self.look.columns.saturating_sub(indent).max(20)).iter().enumerate() {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
            let _ = writeln!(self.text, "{}", format!("{lead}{line}").trim_end());
        }
    }

    fn faint(&mut self, lead: &str, text: &str) {
        for line in wrapped(text, self.look.columns.saturating_sub(cells(lead))) {
            let _ = writeln!(self.text, "{}", self.look.paint(&format!("{lead}{line}"), Tone::Faint));
        }
    }
}

fn code_of(spoken: &Spoken) -> String {
    let code = spoken.code.map(|code| code.to_string());
    let enhanced = spoken.enhanced.map(|enhanced| enhanced.to_string());
    code.into_iter().chain(enhanced).collect::<Vec<_>>().join(" ")
}

/// How far down the order of trust it went, for people.
fn rests_on(verdict: &Verdict) -> String {
    let evidence = &verdict.evidence;
    match (verdict.confidence, evidence.entry.as_deref(), evidence.matched.as_deref()) {
        (Confidence::Entry, Some(entry), Some(matched)) => format!("known by {matched:?} (entry {entry})"),
        (Confidence::Entry, Some(entry), None) => format!("known by its status or code (entry {entry})"),
        (Confidence::Entry, None, _) => "known by what kind of report it is".to_owned(),
        (Confidence::Enhanced, ..) => "known by the enhanced status; the words are not known here".to_owned(),
        (Confidence::Code, ..) => "known by the reply code; the words are not known here".to_owned(),
        (Confidence::Digit, ..) if evidence.code.is_some() || evidence.enhanced.is_some() => {
            "only the first digit spoke; the words are not known here".to_owned()
        }
        (Confidence::Digit, ..) => "neither the words nor a code are known here".to_owned(),
    }
}

/// Who must act, to somebody who sent a mail.
pub(crate) fn who(who: Who) -> &'static str {
    match who {
        Who::Sender => "you who wrote the mail, or keep the list it went to.",
        Who::SenderAdmin => "whoever runs the mail server or the domain that sent it.",
        Who::Recipient => "the recipient.",
        Who::RecipientAdmin => "whoever runs the recipient's mail server.",
        Who::Network => "whoever runs the network in between.",
        Who::Nobody => "nobody.",
    }
}

fn waiting(spoken: &Spoken) -> String {
    let verdict = &spoken.verdict;
    match (verdict.disposition, verdict.retry_after_s) {
        (Disposition::Delivered, _) => "There is nothing to wait for: the next mail server has taken it.".to_owned(),
        (Disposition::Retry, _) if spoken.code.is_some_and(|code| code.class() < 4) => {
            "There is nothing to wait for: the session goes on.".to_owned()
        }
        (Disposition::Retry, Some(seconds)) => {
            let span = crate::verbs::queue::times::span(i64::from(seconds) * 1000);
            format!("Yes: the host asks to try again in {span}. Mail servers do that by themselves.")
        }
        (Disposition::Retry, None) if spoken.action == Some("failed") => {
            "It might have, but the sending server has given up: send the mail again later.".to_owned()
        }
        (Disposition::Retry, None) if verdict.who == Who::Nobody => {
            "Yes. Mail servers try again by themselves.".to_owned()
        }
        (Disposition::Retry, None) => "It may: mail servers try again by themselves for some days.".to_owned(),
        (Disposition::Fail, _) => "No: the same mail will get the same answer.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::{Hints, Reader};
    use super::*;

    fn text(input: &str, columns: usize) -> String {
        let reader = Reader::new(false);
        render(&reader.explain(input.as_bytes(), &Hints::default()), Look { colour: false, columns })
    }

    #[test]
    fn the_answer_comes_first_and_tells_four_things() {
        let page = text("550 5.1.1 <tom@example.com>: no such user", 80);
        let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part} is not in:\n{page}"));
        let places = ["mailbox", "Who must act", "Will waiting help", "What to do", "1. ", "mailbox-unknown"].map(at);
        assert!(places.is_sorted(), "{page}");
    }

    #[test]
    fn lines_keep_to_the_width_and_words_cannot_drive_the_terminal() {
        let page = text("550 5.7.1 \u{1b}[2Jno mail from you, as your address is on a list that we keep of those", 50);
        assert!(page.lines().all(|line| cells(line) <= 50), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn a_session_is_told_line_by_line() {
        let page =
            text("220 a\nEHLO b\n250 a\nMAIL FROM:<c@d.example>\n250 ok\nRCPT TO:<e@f.example>\n550 5.1.1 no\n", 80);
        assert!(page.starts_with("To e@f.example\n"), "{page}");
        assert!(page.contains("✓ EHLO b → 250 fine") && page.contains("✗ RCPT TO:<e@f.example> → 550 5.1.1"), "{page}");
    }

    #[test]
    fn nothing_gets_a_sentence() {
        assert!(text("", 80).starts_with("There is nothing to explain"));
        assert!(text("\0\0\0", 80).starts_with("This is no text"));
    }
}
