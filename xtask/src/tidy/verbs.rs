//! Every verb of the binary is found in the documentation, and every documented verb exists.

use super::remark::Remark;
use super::tree::Tree;

const BINARY: &str = "crates/postrider/src/";

/// Compares the variants of the enum that derives `Subcommand` with README.md and `docs/`.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let page = |path: &str| path == "README.md" || path.starts_with("docs/") && path.ends_with(".md");
    let pages: Vec<&str> = tree.files.iter().filter(|f| page(&f.path)).map(|f| f.text.as_str()).collect();
    let mut remarks = Vec::new();
    for (path, line, verb) in verbs(tree) {
        let said = format!("postrider {verb}");
        if !pages.iter().any(|text| text.contains(&said)) {
            let text = format!("`{said}` is in no page: mention it in README.md or docs/");
            remarks.push(Remark::fault(path, line, text));
        }
    }
    remarks
}

/// File, line and name of each verb: the variants of the outermost enum of sub-commands, named `Verb`.
fn verbs(tree: &Tree) -> Vec<(&str, usize, String)> {
    let mut found = Vec::new();
    for file in tree.with_ending(".rs").filter(|file| file.path.starts_with(BINARY)) {
        let inside = file.lines().skip_while(|(_, line)| !line.contains("enum Verb {")).skip(1);
        for (number, line) in inside.take_while(|(_, line)| *line != "}") {
            let variant = line.strip_prefix("    ").filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
            if let Some(variant) = variant {
                let end = variant.find(|c: char| !c.is_alphanumeric()).unwrap_or(variant.len());
                found.push((file.path.as_str(), number, kebab(&variant[..end])));
            }
        }
    }
    found
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_nobody_wrote_about_is_found() {
        let code = "enum Verb {\n    /// Relays\n    Serve(Serve),\n    RoundTrip {\n        to: String,\n    },\n}\n";
        let tree = Tree::of(&[("crates/postrider/src/main.rs", code), ("README.md", "run `postrider serve`\n")]);
        let texts: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains("main.rs:4") && texts[0].contains("postrider round-trip"), "{texts:?}");
    }
}
