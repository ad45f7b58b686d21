//! The house rules, one check per file.
//!
//! A check is a pure function from the tree of files (or `cargo metadata`) to remarks, so that
//! each is tested with a bad sample. Remarks say where, what, and what to do about it. Checks
//! read lines, not syntax: the code is formatted by rustfmt, and a rule that needs a parser to
//! be understood is not a house rule.

mod arrows;
mod changelog;
mod citations;
mod length;
mod licences;
mod links;
mod markers;
mod names;
mod purity;
mod remark;
mod tree;
mod verbs;
mod words;

use anyhow::Context as _;
use remark::{Remark, Severity};
use std::path::Path;
use std::process::Command;
use tree::Tree;

/// What `cargo xtask tidy` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Do not look at licences: needs all dependencies at hand
    #[arg(long)]
    no_licences: bool,
}

type Check = fn(&Tree) -> Vec<Remark>;

const CHECKS: [(&str, Check); 9] = [
    ("purity", purity::check),
    ("names", names::check),
    ("citations", citations::check),
    ("length", length::check),
    ("markers", markers::check),
    ("links", links::check),
    ("words", words::check),
    ("verbs", verbs::check),
    ("changelog", changelog::check),
];

/// Runs all checks; true when nothing but warnings came up.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let tree = Tree::read(root)?;
    let mut remarks = Vec::new();
    for (name, check) in CHECKS {
        remarks.extend(check(&tree).into_iter().map(|remark| (name, remark)));
    }
    let workspace = metadata(root, &["--no-deps"])?;
    remarks.extend(arrows::check(&workspace).into_iter().map(|remark| ("arrows", remark)));
    if !options.no_licences {
        let all = metadata(root, &[])?;
        remarks.extend(licences::check(&all, &tree).into_iter().map(|remark| ("licences", remark)));
    }
    for (name, remark) in &remarks {
        println!("{remark} [{name}]");
    }
    let faults = remarks.iter().filter(|(_, remark)| remark.severity == Severity::Fault).count();
    println!("tidy: {} files, {} faults, {} warnings", tree.files.len(), faults, remarks.len() - faults);
    Ok(faults == 0)
}

fn metadata(root: &Path, more: &[&str]) -> anyhow::Result<serde_json::Value> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--format-version", "1"]).args(more).current_dir(root);
    let output = cargo.output().context("cannot run cargo metadata")?;
    anyhow::ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cargo metadata printed something that is not JSON")
}
