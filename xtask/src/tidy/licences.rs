//! Everything linked in may be given away under our licence: each dependency's SPDX expression
//! is held against the list in `deny.toml`, which cargo-deny reads too.

use super::remark::Remark;
use super::tree::Tree;
use serde_json::Value;

const LIST: &str = "deny.toml";

/// Looks at every package that `cargo metadata` resolved.
pub(crate) fn check(metadata: &Value, tree: &Tree) -> Vec<Remark> {
    let Some(list) = tree.file(LIST) else {
        return vec![Remark::fault(LIST, 0, "there is none: it holds the licences that dependencies may have")];
    };
    let allowed = allowed(&list.text);
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().filter_map(|package| fault_of(package, &allowed)).collect()
}

fn fault_of(package: &Value, allowed: &[&str]) -> Option<Remark> {
    let name = package["name"].as_str().unwrap_or_default();
    let text = match package["license"].as_str() {
        Some(expression) if satisfied(expression, allowed) => return None,
        Some(expression) => format!("{name} is under `{expression}`, which the list does not allow"),
        None => format!("{name} names no licence"),
    };
    Some(Remark::fault(LIST, 0, text))
}

/// The strings of `allow = [ … ]`.
fn allowed(text: &str) -> Vec<&str> {
    let inside = text.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    let uncommented = inside.lines().map(|line| line.split('#').next().unwrap_or_default());
    uncommented.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Whether an SPDX expression can be met. `AND` binds more tightly than `OR`; the old `/` is `OR`;
/// an exception (`WITH`) only ever gives more freedom, so it is passed over.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens: Vec<&str> = spaced.split_whitespace().rev().collect();
    any_of(&mut tokens, allowed)
}

fn any_of(tokens: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut met = all_of(tokens, allowed);
    while tokens.last() == Some(&"OR") {
        tokens.pop();
        met |= all_of(tokens, allowed);
    }
    met
}

fn all_of(tokens: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut met = one(tokens, allowed);
    while tokens.last() == Some(&"AND") {
        tokens.pop();
        met &= one(tokens, allowed);
    }
    met
}

fn one(tokens: &mut Vec<&str>, allowed: &[&str]) -> bool {
    match tokens.pop() {
        Some("(") => {
            let met = any_of(tokens, allowed);
            tokens.pop();
            met
        }
        Some(licence) => {
            if tokens.last() == Some(&"WITH") {
                tokens.truncate(tokens.len().saturating_sub(2));
            }
            allowed.contains(&licence)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(satisfied(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "GPL-2.0 OR MIT AND GPL-3.0", "", "(GPL-3.0)"] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_foreign_licence_and_a_missing_one_are_faults() {
        let tree = Tree::of(&[(LIST, "[licenses]\nallow = [\n  \"MIT\", # free\n]\n")]);
        let metadata = json!({"packages": [
            {"name": "a", "license": "MIT"}, {"name": "b", "license": "AGPL-3.0"}, {"name": "c", "license": null}
        ]});
        let texts: Vec<String> = check(&metadata, &tree).into_iter().map(|remark| remark.text).collect();
        assert_eq!(texts, ["b is under `AGPL-3.0`, which the list does not allow", "c names no licence"]);
    }
}
