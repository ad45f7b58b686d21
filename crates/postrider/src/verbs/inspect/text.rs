//! The screen: the answer, what each method says, the way, then the findings as the doctor's.

use crate::verbs::doctor::{self, ShowArgs};
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use postrider_diagnosis::message::{Acceptance, ClaimSeen, HopSeen, Inspection, MethodSeen, Seen};
use std::fmt::Write as _;

/// Hops that are shown without `--all`.
const HOPS_MAX: usize = 8;
/// Where what a method says begins.
const WORDS: usize = 20;

/// The whole screen.
pub(super) fn screen(inspection: &Inspection, show: &ShowArgs, look: Look) -> String {
    let seen = &inspection.message;
    let mut text = String::from("\n");
    answer(&mut text, seen, look);
    head(&mut text, seen, look);
    for method in &seen.methods {
        said(&mut text, method, look);
    }
    for claim in &seen.claims {
        claimed(&mut text, claim, show.all, look);
    }
    way(&mut text, seen, show.all, look);
    text.push_str(&doctor::below(&inspection.report, show, look));
    if show.ascii { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() } else { text }
}

fn answer(text: &mut String, seen: &Seen, look: Look) {
    let tone = match seen.accept {
        Acceptance::Yes => Tone::Good,
        Acceptance::No => Tone::Bad,
        Acceptance::Doubtful | Acceptance::Unknown => Tone::Waiting,
    };
    for line in wrapped(&seen.answer, look.columns.saturating_sub(2)) {
        let _ = writeln!(text, "  {}", look.paint(&line, tone));
    }
    let mut took = seen.took.clone();
    if let Some(first) = took.get(..1).map(str::to_ascii_uppercase) {
        took.replace_range(..1, &first);
    }
    for line in wrapped(&format!("{took}."), look.columns.saturating_sub(2)) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

fn head(text: &mut String, seen: &Seen, look: Look) {
    for (name, value) in [("From", &seen.from), ("To", &seen.to), ("Subject", &seen.subject), ("Date", &seen.date)] {
        if !value.is_empty() {
            let room = look.columns.saturating_sub(12).max(20);
            let cut: String = value.chars().take(room).collect();
            let _ = writeln!(text, "  {}{cut}", look.paint(&format!("{name:9}"), Tone::Faint));
        }
    }
    text.push('\n');
}

fn said(text: &mut String, method: &MethodSeen, look: Look) {
    let tone = match method.result {
        "pass" => Tone::Good,
        "fail" | "permerror" => Tone::Bad,
        "none" | "neutral" => Tone::Plain,
        _ => Tone::Waiting,
    };
    let result = look.paint(&format!("{:11}", method.result), tone);
    let _ = write!(text, "  {:7}{result}", method.method);
    words(text, &method.why, look);
}

fn words(text: &mut String, words: &str, look: Look) {
    for (row, line) in wrapped(words, look.columns.saturating_sub(WORDS).max(30)).iter().enumerate() {
        let indent = if row == 0 { 0 } else { WORDS };
        let _ = writeln!(text, "{}{line}", " ".repeat(indent));
    }
}

/// What the receiver's hosts found; what cannot be believed is named.
fn claimed(text: &mut String, claim: &ClaimSeen, all: bool, look: Look) {
    if !claim.trusted && !all {
        return;
    }
    let author = claim.author.as_deref().unwrap_or(if claim.trusted { "the receiver" } else { "somebody" });
    let says = if claim.says.is_empty() { "nothing".to_owned() } else { claim.says.join(", ") };
    let (verb, why) = if claim.trusted {
        ("found", String::new())
    } else {
        ("claims, not to be trusted", format!(" ({})", claim.why))
    };
    for line in wrapped(&format!("{author} {verb}: {says}{why}"), look.columns.saturating_sub(2)) {
        let _ = writeln!(text, "  {}", look.paint(&line, Tone::Faint));
    }
}

fn way(text: &mut String, seen: &Seen, all: bool, look: Look) {
    if seen.hops.is_empty() {
        return;
    }
    text.push('\n');
    let left = if all { 0 } else { seen.hops.len().saturating_sub(HOPS_MAX) };
    if left > 0 {
        let _ = writeln!(text, "  … {left} hops before; --all shows them");
    }
    for hop in seen.hops.iter().skip(left) {
        let delay = hop.delay.map_or_else(|| String::from("-"), |delay| format!("{delay:+} s"));
        let line = format!("  {delay:>9}  {}", told(hop));
        let tone = if hop.own { Tone::Plain } else { Tone::Faint };
        // Long names of hosts: who took it goes into a line of its own.
        let rows = match line.split_once(" > ").filter(|_| cells(&line) > look.columns) {
            Some((from, by)) => vec![from.to_owned(), format!("{}> {by}", " ".repeat(13))],
            None => vec![line],
        };
        for row in rows {
            let _ = writeln!(text, "{}", look.paint(&row, tone));
        }
    }
}

fn told(hop: &HopSeen) -> String {
    let from = match (&hop.from, &hop.ip) {
        (Some(from), Some(ip)) if from != ip => format!("{from} [{ip}]"),
        (Some(name), _) | (None, Some(name)) => name.clone(),
        (None, None) => "itself".into(),
    };
    let by = hop.by.as_deref().unwrap_or("?");
    let how: Vec<&str> = [hop.with.as_deref(), hop.tls.as_deref()].into_iter().flatten().collect();
    let how = if how.is_empty() { String::new() } else { format!("  {}", how.join(" ")) };
    format!("{from} > {by}{how}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_in_a_line() {
        let hop = HopSeen {
            from: Some("a.example".into()),
            ip: Some("192.0.2.1".into()),
            by: Some("b.example".into()),
            with: Some("ESMTPS".into()),
            tls: Some("TLSv1.3".into()),
            at: None,
            delay: None,
            own: true,
        };
        assert_eq!(told(&hop), "a.example [192.0.2.1] > b.example  ESMTPS TLSv1.3");
        assert_eq!(told(&HopSeen { from: None, ip: None, by: None, with: None, tls: None, ..hop }), "itself > ?");
    }

    #[test]
    fn what_a_method_says_stays_in_its_column() {
        let method = MethodSeen { method: "DKIM", result: "fail", why: "word ".repeat(20) };
        let mut text = String::new();
        said(&mut text, &method, Look { colour: false, columns: 60 });
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(WORDS))), "{text}");
    }
}
