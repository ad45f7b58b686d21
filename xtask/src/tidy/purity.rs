//! Pure crates read no clock, open no file and no socket, and know no async runtime: what they
//! need of the world is an argument. That is what makes their tests tables.

use super::remark::Remark;
use super::tree::{Tree, is_beside_product};

/// The crates, and for some only a part of them.
const PURE: [&str; 5] =
    ["crates/smtp/src/", "crates/reply/src/", "crates/report/src/", "crates/queue/src/", "crates/maillog/src/"];

/// What may not stand in their product code, and what to do instead.
const FORBIDDEN: [(&str, &str); 10] = [
    ("tokio::", "be a value that a driver outside moves"),
    ("std::fs", "take the text or the bytes as an argument"),
    ("std::net::Tcp", "take bytes, give bytes"),
    ("std::net::Udp", "take bytes, give bytes"),
    ("std::thread", "be a value that a driver outside moves"),
    ("std::env", "take a setting as an argument"),
    ("SystemTime::now", "take a Timestamp as an argument"),
    ("Instant::now", "take an Instant as an argument"),
    ("RandomState", "take a seed as an argument"),
    ("thread_rng", "take a seed as an argument"),
];

/// Looks at the product code of the pure crates.
pub(crate) fn check(tree: &Tree) -> Vec<Remark> {
    let pure = |path: &str| PURE.iter().any(|folder| path.starts_with(folder)) && !is_beside_product(path);
    let mut remarks = Vec::new();
    for file in tree.with_ending(".rs").filter(|file| pure(&file.path)) {
        for (number, line) in file.product_lines() {
            for (what, instead) in FORBIDDEN.iter().filter(|(what, _)| line.contains(what)) {
                remarks.push(Remark::fault(&file.path, number, format!("{what} in a pure crate: {instead}")));
            }
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_code_is_pure_and_tests_and_comments_are_free() {
        let bad = Tree::of(&[("crates/queue/src/pace.rs", "fn due() {\n    let now = Instant::now();\n}\n")]);
        assert_eq!(check(&bad)[0].to_string().split(": ").next(), Some("crates/queue/src/pace.rs:2"));
        let good = Tree::of(&[
            ("crates/queue/src/a.rs", "// never Instant::now()\n#[cfg(test)]\nmod tests { Instant::now(); }\n"),
            ("crates/queue/tests/b.rs", "Instant::now();\n"),
            ("crates/relay/src/c.rs", "Instant::now();\n"),
        ]);
        assert_eq!(check(&good), []);
    }
}
