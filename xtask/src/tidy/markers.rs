//! Marks of unfinished work carry their reason, so that a stranger can tell whether they still hold.

use super::remark::Remark;
use super::tree::Tree;

/// A reason in fewer letters is none.
const REASON_BYTES_MIN: usize = 20;
// In two halves, so that this file does not find itself.
const OPEN: &str = concat!("TO", "DO");
const NEVER: [&str; 3] = [concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];

/// Looks at source files and scripts.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with(".eml") && !file.path.ends_with(".lock")) {
        for (number, line) in file.lines() {
            if let Some(mark) = NEVER.iter().find(|mark| line.contains(*mark)) {
                remarks.push(Remark::fault(
                    &file.path,
                    number,
                    format!("{mark}: mend it, or write {OPEN}: and why not"),
                ));
            }
            if let Some((_, behind)) = line.split_once(OPEN) {
                let reason = behind.strip_prefix(':').unwrap_or_default().trim();
                if !behind.starts_with(|c: char| c.is_alphanumeric()) && reason.len() < REASON_BYTES_MIN {
                    let text = format!("{OPEN} without a reason: say what is missing and why it may wait");
                    remarks.push(Remark::fault(&file.path, number, text));
                }
            }
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_without_a_reason_is_a_fault() {
        let text = format!(
            "// {OPEN}\n// {OPEN}: later\n// {OPEN}: IPv6 scopes, once a peer is seen that has them\n// {}\n",
            NEVER[0]
        );
        let lines: Vec<usize> = check(&Tree::of(&[("a.rs", &text)])).iter().map(|remark| remark.line).collect();
        assert_eq!(lines, [1, 2, 4]);
    }
}
