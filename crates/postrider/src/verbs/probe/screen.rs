//! The session on the screen, a line when it happens.

use super::Reader;
use super::end::End;
use super::place::Place;
use crate::verbs::paint::{Look, Tone, wrapped};
use crate::verbs::queue::times::harmless;
use postrider_diagnosis::session::{By, Line, SessionFacts};
use postrider_reply::Context;
use postrider_smtp::{Phase, Said};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

/// Lines of explanation under a refusal.
const EXPLANATION_LINES_MAX: usize = 2;

/// Draws the session.
pub(super) struct Screen {
    look: Look,
    ascii: bool,
    quiet: bool,
    host: String,
    title: String,
    phase: Phase,
    reader: Arc<Reader>,
}

impl Screen {
    pub(super) fn new(look: Look, ascii: bool, quiet: bool, place: &Place, reader: Arc<Reader>) -> Self {
        let title = match &place.mx_of {
            Some((domain, preference)) => format!("{} (MX {preference} of {domain})", place.host),
            None => place.host.clone(),
        };
        Self { look, ascii, quiet, host: place.host.clone(), title, phase: Phase::Connect, reader }
    }

    /// Before a connection.
    pub(super) fn head(&mut self, to: SocketAddr) {
        let place = if self.title == to.ip().to_string() { to.to_string() } else { format!("{} at {to}", self.title) };
        let text = format!("{}\n", self.look.paint(&harmless(&place), Tone::Strong));
        self.show(&text);
    }

    /// A line of the session.
    pub(super) fn line(&mut self, line: &Line) {
        let text = self.drawn(line);
        self.show(&text);
    }

    fn show(&self, text: &str) {
        if !self.quiet {
            // A reader that went away does not stop the session.
            let _ = crate::verbs::doctor::print(text);
        }
    }

    fn drawn(&mut self, line: &Line) -> String {
        let ms = line.at.as_secs_f64() * 1000.0;
        let (arrow, tone) = match (line.by, line.encrypted, self.ascii) {
            (By::Us, false, false) => (" → ", Tone::Plain),
            (By::Us, true, false) => ("~→ ", Tone::Plain),
            (By::Us, false, true) => (" ->", Tone::Plain),
            (By::Us, true, true) => ("~->", Tone::Plain),
            (By::Host, false, false) => (" ← ", reply_tone(&line.text)),
            (By::Host, true, false) => ("~← ", reply_tone(&line.text)),
            (By::Host, false, true) => (" <-", reply_tone(&line.text)),
            (By::Host, true, true) => ("~<-", reply_tone(&line.text)),
            (By::Note, true, false) => (" ~ ", Tone::Faint),
            (By::Note, true, true) => ("~  ", Tone::Faint),
            (By::Note, false, _) => ("   ", Tone::Faint),
        };
        let words = if self.ascii { ascii(&harmless(&line.text)) } else { harmless(&line.text) };
        let mut text = format!(
            "{} {arrow} {}\n",
            self.look.paint(&format!("{ms:8.1} ms"), Tone::Faint),
            self.look.paint(&words, tone)
        );
        match line.by {
            By::Us => self.phase = phase_of(&line.text, self.phase),
            By::Host => self.explain(&line.text, &mut text),
            By::Note => {}
        }
        text
    }

    /// What a refusing reply means, under its last line.
    fn explain(&self, line: &str, text: &mut String) {
        let is_last = line.as_bytes().get(3) != Some(&b'-');
        if !is_last || !matches!(line.as_bytes().first(), Some(b'4' | b'5')) {
            return;
        }
        let mut said = Said::parse(line);
        said.phase = Some(self.phase);
        let verdict = self.reader.decoder().explain(&said, &Context { host: &self.host, ..Context::default() });
        let lines = wrapped(&harmless(&verdict.summary), self.look.columns.saturating_sub(19).max(30));
        for line in lines.iter().take(EXPLANATION_LINES_MAX) {
            let _ = writeln!(text, "{:16}{}", "", self.look.paint(&format!("= {line}"), Tone::Waiting));
        }
    }

    /// What stands below the session.
    pub(super) fn summary(&self, facts: &SessionFacts, end: &End) -> String {
        let mut text = String::from("\n");
        let mut row = |name: &str, words: &str, tone: Tone| {
            for (index, line) in
                wrapped(&harmless(words), self.look.columns.saturating_sub(14).max(30)).iter().enumerate()
            {
                let name = if index == 0 { name } else { "" };
                let line = if self.ascii { ascii(line) } else { line.clone() };
                let _ = writeln!(text, "{name:13} {}", self.look.paint(&line, tone));
            }
        };
        if let Some(seen) = &facts.tls {
            row("tls", &format!("{} {}", seen.version, seen.cipher), Tone::Plain);
        }
        if let Some(certificate) = &end.certificate {
            row("certificate", &certificate.line(), Tone::Plain);
            let good = end.warnings.iter().all(|warning| !warning.starts_with("the certificate"));
            if good {
                row("", "verified: a known authority vouches for that name", Tone::Good);
            }
        }
        for warning in &end.warnings {
            row("warning", warning, Tone::Waiting);
        }
        let steps: Vec<String> =
            facts.steps.iter().map(|step| format!("{} {:.0}", step.step, step.took.as_secs_f64() * 1000.0)).collect();
        if !steps.is_empty() {
            row("times (ms)", &steps.join(", "), Tone::Faint);
        }
        let tone = match end.word() {
            "accepted" => Tone::Good,
            "accepted-with-warnings" => Tone::Waiting,
            _ => Tone::Bad,
        };
        row("result", &end.why, tone);
        text
    }
}

fn reply_tone(text: &str) -> Tone {
    match text.as_bytes().first() {
        Some(b'4') => Tone::Waiting,
        Some(b'5') => Tone::Bad,
        _ => Tone::Good,
    }
}

/// Which phase a command begins; its arguments do not matter.
fn phase_of(line: &str, before: Phase) -> Phase {
    let verb = line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match verb.as_str() {
        "EHLO" | "HELO" => Phase::Ehlo,
        "STARTTLS" => Phase::StartTls,
        "AUTH" => Phase::Auth,
        "MAIL" | "RSET" | "NOOP" | "VRFY" | "EXPN" | "HELP" | "QUIT" => Phase::Mail,
        "RCPT" => Phase::Rcpt,
        "DATA" => Phase::Data,
        _ => before,
    }
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn screen(ascii: bool) -> Screen {
        let place = Place { host: "mx.example".into(), port: 25, ips: Vec::new(), mx_of: None };
        Screen::new(Look { colour: false, columns: 80 }, ascii, true, &place, Arc::default())
    }

    fn line(by: By, encrypted: bool, text: &str) -> Line {
        Line { at: Duration::from_micros(12_300), by, encrypted, text: text.into() }
    }

    #[test]
    fn lines_have_arrows_times_and_explanations() {
        let mut unicode = screen(false);
        assert_eq!(unicode.drawn(&line(By::Us, false, "EHLO a")), "    12.3 ms  →  EHLO a\n");
        assert_eq!(unicode.drawn(&line(By::Host, true, "250 ok")), "    12.3 ms ~←  250 ok\n");
        let mut plain = screen(true);
        plain.line(&line(By::Us, true, "RCPT TO:<b@y.example>"));
        let refused = plain.drawn(&line(By::Host, true, "550 5.1.1 no such user \u{1b}[31m"));
        assert!(refused.starts_with("    12.3 ms ~<- 550 5.1.1 no such user  [31m\n"), "{refused:?}");
        assert!(refused.contains("= ") && refused.is_ascii(), "{refused:?}");
        // Only the last line of a reply is explained.
        assert_eq!(plain.drawn(&line(By::Host, true, "550-5.1.1 more")).lines().count(), 1);
    }
}
