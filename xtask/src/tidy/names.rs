//! Names that name nothing. The true noun is usually one sentence away; see the glossary in
//! ARCHITECTURE.md.

use super::remark::Remark;
use super::tree::Tree;

/// Words that may not be part of a type's name.
const EMPTY_WORDS: [&str; 7] = ["Manager", "Handler", "Helper", "Wrapper", "Util", "Utils", "Info"];
/// Names that no file may have.
const EMPTY_FILES: [&str; 9] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "wrapper"];
const KEYWORDS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];

/// Looks at file names and at the names of types.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in tree.with_ending(".rs") {
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if EMPTY_FILES.contains(&stem) {
            remarks.push(Remark::fault(&file.path, 0, "a file named by no noun: name it by what it defines"));
        }
        for (number, line) in file.lines() {
            let Some(name) = defined_type(line) else { continue };
            if let Some(word) = words(name).find(|word| EMPTY_WORDS.contains(word)) {
                let text = format!("`{name}`: \"{word}\" says nothing; name it by what it is");
                remarks.push(Remark::fault(&file.path, number, text));
            }
        }
    }
    remarks
}

/// The name of the type that a line defines.
fn defined_type(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(public) = rest.strip_prefix("pub") {
        rest = match public.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => public,
        }
        .trim_start();
    }
    let name = KEYWORDS.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
}

/// The words of a name in camel case.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(at, _)| at).collect();
    starts.push(name.len());
    starts.windows(2).map(|pair| &name[pair[0]..pair[1]]).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_and_true_nouns_are_not() {
        let bad = Tree::of(&[
            ("a/utils.rs", ""),
            ("a/b.rs", "pub(crate) struct QueueManager {\n"),
            ("a/c.rs", "    enum ReplyInfo {}\n"),
        ]);
        let lines: Vec<usize> = check(&bad).iter().map(|remark| remark.line).collect();
        assert_eq!(lines, [0, 1, 1]);
        let good = Tree::of(&[("a/informed.rs", "pub struct Informed;\npub type Utility = u8;\nfn handler() {}\n")]);
        assert_eq!(check(&good), []);
    }
}
