//! Relative links in Markdown lead somewhere: the file exists, and so does the heading.

use super::remark::Remark;
use super::tree::{File, Tree};

/// Looks at Markdown files. Links to the web are not followed: a test asks no network.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in tree.with_ending(".md") {
        for (number, target) in targets(file) {
            let foreign = target.contains("://") || target.starts_with("mailto:");
            if let Some(text) = (!foreign).then(|| fault_of(tree, file, target)).flatten() {
                remarks.push(Remark::fault(&file.path, number, text));
            }
        }
    }
    remarks
}

fn fault_of(tree: &Tree, from: &File, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.path.clone() } else { resolve(&from.path, path) };
    if !tree.exists(path.trim_end_matches('/')) {
        return Some(format!("`{target}` leads nowhere: there is no {path}"));
    }
    let page = tree.file(&path).filter(|page| !anchor.is_empty() && page.path.ends_with(".md"))?;
    let known = prose(page).filter_map(|(_, line)| line.strip_prefix('#')).any(|title| slug(title) == anchor);
    (!known).then(|| format!("`{target}`: {path} has no heading `{anchor}`"))
}

/// A path relative to a file, from the root.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor of a heading: lower case, spaces to hyphens, punctuation gone.
fn slug(title: &str) -> String {
    let title = title.trim_start_matches('#').trim().to_lowercase();
    title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Lines outside fenced code.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn targets(file: &File) -> impl Iterator<Item = (usize, &str)> {
    prose(file).flat_map(|(number, line)| {
        line.split("](").skip(1).filter_map(move |rest| Some((number, rest.split_once(')')?.0.split(' ').next()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let page = "# A Page: of its own\n[a](docs/b.md) [b](docs/none.md) [c](#a-page-of-its-own) [d](#none)\n\
                    [e](https://example.com) [f](docs)\n```\n[g](none)\n```\n";
        let tree =
            Tree::of(&[("README.md", page), ("docs/b.md", "[up](../README.md#a-page-of-its-own) [bad](../x)\n")]);
        let texts: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(
            texts[0].contains("docs/none.md") && texts[1].contains("`none`") && texts[2].contains("no x"),
            "{texts:?}"
        );
    }
}
