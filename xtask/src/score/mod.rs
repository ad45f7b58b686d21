//! `cargo xtask score`: how often the decoder is right, against a file with the right answers.
//!
//! A measurement, never a condition of the build. The file is one object a line: replies (with
//! `reply`, `our_label`, `accept`) or mails (with `file`, `is_bounce`, `recipients`), which lie
//! beside it. The decoder gets what a stranger would paste: the words, no provider and no host.

mod groups;
mod mails;
mod replies;
mod row;
mod tally;

use groups::Groups;
use postrider_reply::Decoder;
use row::Rows;
use std::path::{Path, PathBuf};

/// What `cargo xtask score` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files of rows, one JSON object a line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The folder of the mails [default: beside the file]
    #[arg(long, value_name = "DIR")]
    mails: Option<PathBuf>,
    /// A table whose first columns are cause and group [default: built in]
    #[arg(long, value_name = "FILE")]
    causes: Option<PathBuf>,
    /// Tell the decoder which command was answered, where the row says so
    #[arg(long)]
    with_phase: bool,
    /// List the rows that are not right
    #[arg(long)]
    misses: bool,
    /// Print JSON, one object for each file
    #[arg(long)]
    json: bool,
}

/// Scores each file; true when all could be read.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let groups = options.causes.as_deref().map_or_else(|| Ok(Groups::usual()), Groups::of_file)?;
    let decoder = Decoder::new();
    for path in &options.files {
        let (text, mut value) = match row::read(path)? {
            Rows::Replies(rows) => {
                let score = replies::score(&decoder, &rows, &groups, options.with_phase);
                (score.text(options.misses), score.json(options.misses))
            }
            Rows::Mails(rows) => {
                let beside = path.parent().unwrap_or(Path::new("."));
                let folder = options.mails.as_deref().unwrap_or(beside);
                let score = mails::score(&decoder, &rows, &groups, folder);
                (score.text(options.misses), score.json(options.misses))
            }
        };
        if options.json {
            value["file"] = path.display().to_string().into();
            println!("{value}");
        } else {
            print!("{}\n{text}", path.display());
        }
    }
    Ok(true)
}
