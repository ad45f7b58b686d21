//! Which crate may use which: the table of ARCHITECTURE.md, held against `cargo metadata`.
//!
//! Dev-dependencies are free, as tests may look down from above; what ships may not.

use super::remark::Remark;
use serde_json::Value;

/// Crate and what it may use. A crate that is not here may use no other.
const ARROWS: [(&str, &[&str]); 16] = [
    ("smtp", &[]),
    ("dns", &[]),
    ("reply", &["smtp"]),
    ("report", &["smtp"]),
    ("maillog", &["smtp"]),
    ("queue", &["smtp", "reply"]),
    ("events", &["smtp", "reply"]),
    ("mailauth", &["smtp", "dns"]),
    ("transport", &["smtp"]),
    ("spool", &["smtp"]),
    ("delivery", &["smtp", "dns", "mailauth", "transport"]),
    ("diagnosis", &["smtp", "dns", "mailauth", "reply", "transport"]),
    ("world", &["smtp", "dns", "transport"]),
    ("relay", &["smtp", "spool", "queue", "delivery", "reply", "report", "events", "mailauth"]),
    ("inbound", &["smtp", "dns", "mailauth", "transport", "relay"]),
    ("testkit", &["smtp"]),
];

/// Packages that may use every crate: the binary, and what never ships.
const FREE: [&str; 2] = ["postrider", "postrider-fuzz"];

/// What pure crates must not even be able to see.
const PURE: [&str; 5] = ["smtp", "reply", "report", "queue", "maillog"];
const IMPURE_PACKAGES: [&str; 7] = ["tokio", "async-std", "smol", "mio", "socket2", "rand", "hickory-resolver"];

/// Looks at every dependency of every package of the workspace.
pub(crate) fn check(metadata: &Value) -> Vec<Remark> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().flat_map(arrows_of).collect()
}

fn arrows_of(package: &Value) -> Vec<Remark> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(noun) = name.strip_prefix("postrider-").filter(|_| !FREE.contains(&name)) else {
        return Vec::new();
    };
    let manifest = format!("crates/{noun}/Cargo.toml");
    let allowed = ARROWS.iter().find(|(from, _)| *from == noun).map(|(_, to)| *to);
    let Some(allowed) = allowed else {
        return vec![Remark::fault(&manifest, 0, "a crate without a row in the table of arrows: add it there first")];
    };
    let mut remarks = Vec::new();
    for used in shipped_dependencies(package) {
        if let Some(to) = used.strip_prefix("postrider-").filter(|to| !allowed.contains(to)) {
            let text = format!("{noun} may not use {to}: it may use {allowed:?}; ask where the code belongs");
            remarks.push(Remark::fault(&manifest, 0, text));
        }
        if PURE.contains(&noun) && IMPURE_PACKAGES.contains(&used) {
            let text = format!("{noun} is pure and may not see {used}: take what it gives as an argument");
            remarks.push(Remark::fault(&manifest, 0, text));
        }
    }
    remarks
}

fn shipped_dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let all = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(|dependency| dependency["kind"].as_str() != Some("dev")).filter_map(|d| d["name"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn remarks(package: &str, uses: &[(&str, Option<&str>)]) -> Vec<String> {
        let dependencies: Vec<Value> = uses.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
        let metadata = json!({"packages": [{"name": package, "dependencies": dependencies}]});
        check(&metadata).into_iter().map(|remark| remark.text).collect()
    }

    #[test]
    fn an_arrow_up_is_a_fault_and_a_test_may_look_anywhere() {
        assert!(remarks("postrider-relay", &[("postrider-spool", None), ("tokio", None)]).is_empty());
        assert!(remarks("postrider-smtp", &[("postrider-testkit", Some("dev"))]).is_empty());
        assert!(remarks("postrider", &[("postrider-relay", None)]).is_empty());
        assert!(
            remarks("postrider-delivery", &[("postrider-spool", None)])[0].starts_with("delivery may not use spool")
        );
        assert!(remarks("postrider-spool", &[("postrider-relay", Some("build"))])[0].contains("may not use relay"));
    }

    #[test]
    fn a_pure_crate_sees_no_runtime_and_a_new_crate_needs_a_row() {
        assert!(remarks("postrider-queue", &[("tokio", None)])[0].starts_with("queue is pure"));
        assert!(remarks("postrider-queue", &[("tokio", Some("dev"))]).is_empty());
        assert!(remarks("postrider-novelty", &[])[0].contains("without a row"));
    }

    #[test]
    fn no_row_points_up() {
        for (row, (from, to)) in ARROWS.iter().enumerate() {
            for used in *to {
                let below = ARROWS[..row].iter().any(|(name, _)| name == used);
                assert!(below, "{from} uses {used}, which is not above it in the table");
            }
        }
    }
}
