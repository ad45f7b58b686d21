//! `postrider codes`: what codes mean, as a table to be searched, and as a static field manual.
//!
//! All of it is the decoder's own knowledge; nothing is written here twice.

mod catalogue;
mod manual;

use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone, wrapped};
use catalogue::{Row, Section};
use postrider_reply::Decoder;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The arguments of `codes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider codes                     everything: reply codes, enhanced codes, system errors, causes
  postrider codes 550                 one code, wherever in the session it stands
  postrider codes 5.7.26              an enhanced code
  postrider codes mailbox full        all that speaks of it
  postrider codes --json | jq .       for programs
  postrider codes --html manual       the field manual: pages for a browser, without a server

Exit codes: 0 found, 1 nothing is known about it, 64 wrong usage, 73 the folder cannot be written.")]
pub(crate) struct Args {
    /// A code, a cause, or words to look for
    #[arg(value_name = "CODE")]
    wanted: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the field manual into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "wanted"])]
    html: Option<PathBuf>,
}

/// The JSON form.
#[derive(Debug, Serialize)]
struct Found<'a> {
    schema: &'static str,
    rows: &'a [Row],
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let decoder = Decoder::new();
    let rows = catalogue::rows(&decoder);
    if let Some(folder) = &args.html {
        let failed = |error| Failure::new(Exit::CannotCreate, format!("cannot write {}: {error}", folder.display()));
        let pages = manual::write(&decoder, &rows, folder).map_err(failed)?;
        println!("{pages} pages; begin with {}", folder.join("index.html").display());
        return Ok(Exit::Ok);
    }
    let wanted = args.wanted.join(" ");
    let found = if wanted.trim().is_empty() { rows } else { catalogue::search(&rows, &wanted) };
    let text = if args.json {
        let found = Found { schema: "postrider.codes/1", rows: &found };
        serde_json::to_string_pretty(&found).map_err(|error| Failure::new(Exit::System, error.to_string()))? + "\n"
    } else if found.is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            format!("nothing is known about {wanted}: `postrider codes` lists all"),
        ));
    } else {
        let in_full = !wanted.trim().is_empty();
        table(&found, Look::of_stdout(), in_full)
    };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(if found.is_empty() { Exit::Failed } else { Exit::Ok })
}

/// The rows for people; in full with advice and references.
fn table(rows: &[Row], look: Look, in_full: bool) -> String {
    let mut text = String::new();
    let mut section: Option<Section> = None;
    let mut keys = 0;
    for row in rows {
        if section != Some(row.section) {
            let gap = if section.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", look.paint(row.section.title(), Tone::Strong));
            section = Some(row.section);
            let of_section = rows.iter().filter(|other| other.section == row.section);
            keys = of_section.map(|other| other.key.len()).max().unwrap_or_default() + 2;
        }
        let place = match (row.section, row.place) {
            (Section::System, Some(system)) => format!("{system}: "),
            (_, Some(phases)) => format!("at {phases}: "),
            (_, None) => String::new(),
        };
        let cause = row.cause.map(|cause| format!(" [{cause}]")).unwrap_or_default();
        let mut paragraphs = vec![format!("{place}{}{cause}", row.meaning)];
        paragraphs.extend(row.popular.map(|popular| format!("Popular lists say: {popular}")));
        if in_full {
            paragraphs.extend(row.remark.map(str::to_owned));
            paragraphs.extend(row.advice.iter().map(|step| format!("→ {step}")));
            paragraphs.extend(row.who.map(|who| format!("who acts: {who}")));
            paragraphs.extend(Some(&row.reference).filter(|it| !it.is_empty()).map(|it| format!("see: {it}")));
        }
        for (index, paragraph) in paragraphs.iter().enumerate() {
            for (at, line) in wrapped(paragraph, look.columns.saturating_sub(keys).max(20)).iter().enumerate() {
                let key = if index + at == 0 { row.key.as_str() } else { "" };
                let key = look.paint(&format!("{key:keys$}"), Tone::Strong);
                let _ = writeln!(text, "{key}{line}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_with_both_readings_within_the_width() {
        let rows = catalogue::search(&catalogue::rows(&Decoder::new()), "550");
        let text = table(&rows, Look { colour: false, columns: 60 }, true);
        assert!(text.starts_with("Reply codes\n550  at "), "{text}");
        assert!(text.contains("Popular lists say: ") && text.contains("see: RFC 5321 §"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }
}
