//! `cargo xtask knowledge`: for authors of knowledge. Reads the files as they lie on disk, so
//! that a change shows without a build, and says what is wrong with them.

use anyhow::{Context as _, bail};
use postrider_reply::proof::Example;
use postrider_reply::{Context, Decoder};
use postrider_smtp::Said;
use std::path::Path;

/// What `cargo xtask knowledge` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files to speak of, by name without `.toml` [default: all]
    files: Vec<String>,
    /// Say what this reply means and which entries were considered; may be given often
    #[arg(long, value_name = "REPLY")]
    explain: Vec<String>,
}

/// Reads all files; true when nothing is wrong with those that were asked for.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let texts = read(&root.join("crates/reply/knowledge"))?;
    if let Some(name) = options.files.iter().find(|name| texts.iter().all(|(other, _)| other != *name)) {
        bail!("there is no crates/reply/knowledge/{name}.toml");
    }
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let (decoder, mistakes) = Decoder::of_files(&files);
    for reply in &options.explain {
        explain(&decoder, reply);
    }
    let asked = |id: &str| {
        let about = |name: &String| id.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(['.', ':']));
        options.files.is_empty() || options.files.iter().any(about)
    };
    let mut wrong: Vec<_> = mistakes.into_iter().filter(|mistake| asked(mistake)).collect();
    let disputes = decoder.disputes();
    wrong.extend(disputes.iter().filter(|dispute| asked(&dispute.entry)).map(ToString::to_string));
    for line in &wrong {
        println!("{line}");
    }
    let entries = decoder.entries().filter(|entry| asked(&entry.id)).count();
    println!("{entries} entries, {} wrong", wrong.len());
    Ok(wrong.is_empty())
}

/// Says what decided, then what else was considered.
fn explain(decoder: &Decoder, reply: &str) {
    let example = Example::parse(reply);
    let verdict = example.decode(decoder);
    println!("{reply}\n  {} · {} · suppress {}", verdict.cause, verdict.disposition, verdict.suppress);
    let context = Context { host: example.host, recipients_accepted: 0 };
    let said = Said { phase: example.phase, ..Said::parse(example.reply) };
    for one in decoder.weigh(&said, &context) {
        println!("  {:>2} {} → {} · \"{}\"", one.points, one.entry, one.cause, one.matched);
    }
}

/// The files by name, in order. Their texts live as long as the chore.
fn read(folder: &Path) -> anyhow::Result<Vec<(String, &'static str)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else { continue };
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text: &'static str = text.leak();
        files.push((name.to_owned(), text));
    }
    files.sort();
    Ok(files)
}
