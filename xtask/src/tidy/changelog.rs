//! The changelog exists, and its first section is the version being built, or what is not yet released.

use super::remark::Remark;
use super::tree::Tree;

const PAGE: &str = "CHANGELOG.md";

/// Looks at CHANGELOG.md and the version in Cargo.toml.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let Some(page) = tree.file(PAGE) else {
        return vec![Remark::fault(PAGE, 0, "there is none: write what changes for users, incompatible things first")];
    };
    let manifest = tree.file("Cargo.toml").map(|file| file.text.as_str()).unwrap_or_default();
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    let first = page.lines().find_map(|(number, line)| Some((number, line.strip_prefix("## ")?)));
    match (first, version) {
        (None, _) => vec![Remark::fault(PAGE, 0, "no section: begin with `## Unreleased`")],
        (Some((number, title)), Some(version)) if !title.contains("Unreleased") && !title.contains(version) => {
            let text = format!("the first section is `{title}`, the version is {version}: add one");
            vec![Remark::fault(PAGE, number, text)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_section_is_about_now() {
        let manifest = "[workspace.package]\nversion = \"0.2.0\"\n";
        for (page, good) in [
            ("# Changelog\n\n## Unreleased\n", true),
            ("## 0.2.0 (2026-11-30)\n", true),
            ("## 0.1.0\n", false),
            ("# Changelog\n", false),
        ] {
            let tree = Tree::of(&[("Cargo.toml", manifest), (PAGE, page)]);
            assert_eq!(check(&tree).is_empty(), good, "{page}");
        }
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
