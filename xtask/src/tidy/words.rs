//! Words that have no place in the repository: paths of the machine a line was written on, keys,
//! and marks that tools leave behind.

use super::remark::Remark;
use super::tree::Tree;

// In two halves, so that this file does not find itself.
const FORBIDDEN: [(&str, &str); 7] = [
    (concat!("/ro", "ot/"), "a home folder: write it relative to the project"),
    (concat!("/wo", "rk/"), "a folder of one machine: write it relative to the project"),
    (concat!("BEGIN PRIV", "ATE KEY"), "a private key: make keys when they are needed"),
    (concat!("BEGIN RSA PRIV", "ATE KEY"), "a private key: make keys when they are needed"),
    (concat!("<<<<", "<<< "), "a conflict left by a merge"),
    (concat!("Co-auth", "ored-by"), "belongs to a commit, if anywhere"),
    (concat!("language ", "model"), "not what this project is about"),
];

/// Looks at every text file.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            for (word, why) in FORBIDDEN.iter().filter(|(word, _)| stands_in(line, word)) {
                remarks.push(Remark::fault(&file.path, number, format!("`{word}`: {why}")));
            }
        }
    }
    remarks
}

/// A path counts only where it begins: `crates/network/` is not a folder of one machine.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !word.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || "_-.}$/".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        let bad = format!("see {}x\nfine: crates{}x and ${{HOME}}{}\n", FORBIDDEN[1].0, FORBIDDEN[1].0, FORBIDDEN[0].0);
        let lines: Vec<usize> = check(&Tree::of(&[("a.md", &bad)])).iter().map(|remark| remark.line).collect();
        assert_eq!(lines, [1]);
    }
}
