//! Long files say why they are long; long functions are listed.
//!
//! Length alone is innocent when flat: tables, registries, tests. Such a file carries a line
//! `//! Long because …`, and is let be.

use super::remark::Remark;
use super::tree::{File, Tree};

/// The longest file that needs no reason.
const FILE_LINES_MAX: usize = 600;
/// The longest function that is not listed.
const FUNCTION_LINES_MAX: usize = 80;
const REASON: &str = "//! Long because ";

/// Looks at Rust files.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in tree.with_ending(".rs") {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX && !file.text.contains(REASON) {
            let text = format!("{lines} lines: split it by noun, or say `{REASON}…` in the module's words");
            remarks.push(Remark::fault(&file.path, 0, text));
        }
        for (number, name, length) in functions(file).filter(|(_, _, length)| *length > FUNCTION_LINES_MAX) {
            remarks.push(Remark::warning(&file.path, number, format!("`{name}` is {length} lines long")));
        }
    }
    remarks
}

/// Line, name and length of each function. Relies on rustfmt: a function ends at the first
/// closing brace that stands as far to the right as its first line.
fn functions(file: &File) -> impl Iterator<Item = (usize, &str, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indent]);
        if line.trim_end().ends_with([';', '}']) {
            continue;
        }
        if let Some(length) = lines[index..].iter().position(|line| *line == closing) {
            found.push((index + 1, name, length + 1));
        }
    }
    found.into_iter()
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (before, after) = line.split_once("fn ")?;
    let only_keywords = before.split_whitespace().all(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "extern", "crate)", "super)"].contains(&word)
    });
    only_keywords.then(|| after.split(['(', '<']).next().unwrap_or(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_need_a_reason_and_long_functions_are_listed() {
        let long = "// x\n".repeat(FILE_LINES_MAX + 1);
        let reasoned = format!("{REASON}it is a table.\n{long}");
        let function = format!("    pub async fn endless(a: u8) {{\n{}    }}\n", "        a;\n".repeat(90));
        let tree =
            Tree::of(&[("a.rs", &long), ("b.rs", &reasoned), ("c.rs", &function), ("d.rs", "fn short() {\n}\n")]);
        let texts: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].starts_with("a.rs: fault: 601 lines"), "{texts:?}");
        assert_eq!(texts[1], "c.rs:1: warning: `endless` is 92 lines long");
    }
}
