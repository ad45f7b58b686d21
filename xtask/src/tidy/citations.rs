//! Citations of standards have one form, `RFC 5321 §4.5.3.2.6`, so that the sections a file
//! applies can be listed.

use super::remark::Remark;
use super::tree::Tree;

/// Looks at comments in Rust and at Markdown.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for file in &tree.files {
        let rust = file.path.ends_with(".rs");
        if !rust && !file.path.ends_with(".md") {
            continue;
        }
        for (number, line) in file.lines() {
            let prose = if rust { comment(line) } else { Some(line) };
            if let Some(fault) = prose.and_then(fault_in) {
                remarks.push(Remark::fault(&file.path, number, format!("{fault}: write `RFC 5321 §4.5.3.2.6`")));
            }
        }
    }
    remarks
}

/// A line that is a comment; what stands behind code is rarely a citation and often an URL.
fn comment(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("//")
}

/// What is wrong with the citations of one line.
fn fault_in(line: &str) -> Option<String> {
    let mut rest = line;
    while let Some(at) = rest.find("RFC") {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + 3..];
        if before.is_some_and(|c| c.is_alphanumeric() || "/_-#`".contains(c)) {
            continue;
        }
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return Some(format!("`RFC{}`", word(rest)));
        }
        let Some(number) = rest.strip_prefix(' ').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) else {
            continue;
        };
        let behind = number.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(',').trim_start();
        let spelled =
            ["section", "Section", "sect.", "sec.", "Sec.", "§ ", "§§ "].iter().any(|s| behind.starts_with(s));
        if spelled || behind.starts_with('.') && behind[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return Some(format!("a section spelled `{}`", word(behind)));
        }
    }
    None
}

fn word(text: &str) -> &str {
    text.split(char::is_whitespace).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only() {
        for bad in [
            "RFC5321 §4.5",
            "see RFC-5321",
            "RFC 5321, section 4.5.3",
            "RFC 5321 Section 4",
            "RFC 5321 § 4",
            "RFC 1, sec. 2",
        ] {
            assert!(fault_in(bad).is_some(), "{bad}");
        }
        for good in [
            "RFC 5321 §4.5.3.2.6: ten minutes",
            "RFC 5321 §4.5.4.1, RFC 1047",
            "RFC 3461.",
            "RFC 5321 says 512.",
            "https://www.rfc-editor.org/rfc/rfc5321#section-4.5",
            "message/RFC822",
        ] {
            assert_eq!(fault_in(good), None, "{good}");
        }
        let tree = Tree::of(&[("a.rs", "let x = \"RFC5321\";\n// RFC5321\n")]);
        assert_eq!(check(&tree).iter().map(|remark| remark.line).collect::<Vec<_>>(), [2]);
    }
}
