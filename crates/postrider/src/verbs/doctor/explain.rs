//! `postrider doctor explain ID`: what a check asks, why, what to do, and by which rule.

use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone, wrapped};
use postrider_diagnosis::catalogue::{Check, checks, find};
use std::fmt::Write as _;

/// Prints one check, or a list of all, or of a group.
pub(super) fn run(id: Option<&str>) -> Result<Exit, Failure> {
    let look = Look::of_stdout();
    let text = match id {
        None => list(look, |_| true),
        Some(id) => match find(id) {
            Some(check) => one(look, check),
            None if checks().iter().any(|check| check.group == id) => list(look, |check| check.group == id),
            None => return Err(Failure::new(Exit::Usage, unknown(id))),
        },
    };
    super::print(&text)
}

fn unknown(id: &str) -> String {
    let near: Vec<&str> = checks()
        .iter()
        .map(|check| check.id)
        .filter(|known| known.contains(id) || id.split('.').next() == known.split('.').next())
        .take(8)
        .collect();
    let near = if near.is_empty() { String::new() } else { format!("; near it are {}", near.join(", ")) };
    format!("no check is called {id}{near}; `postrider doctor explain` lists all")
}

fn list(look: Look, wanted: impl Fn(&Check) -> bool) -> String {
    let mut text = String::new();
    let mut group = "";
    let mut sorted: Vec<&Check> = checks().iter().filter(|check| wanted(check)).collect();
    sorted.sort_by_key(|check| check.group);
    for check in sorted {
        if check.group != group {
            group = check.group;
            let _ = writeln!(text, "{}{}", if text.is_empty() { "" } else { "\n" }, look.paint(group, Tone::Strong));
        }
        let lines = wrapped(check.asks, look.columns.saturating_sub(18));
        for (index, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "  {:<15} {line}", if index == 0 { check.id } else { "" });
        }
    }
    text
}

fn one(look: Look, check: &Check) -> String {
    let mut text = format!("{}\n", look.paint(check.id, Tone::Strong));
    for (head, body) in [("asks", check.asks), ("why", check.why), ("fix", check.fix), ("rule", check.rfc)] {
        if body.is_empty() {
            continue;
        }
        for (index, line) in wrapped(body, look.columns.saturating_sub(8)).iter().enumerate() {
            let _ = writeln!(text, "  {:<5} {line}", if index == 0 { head } else { "" });
        }
    }
    text
}
