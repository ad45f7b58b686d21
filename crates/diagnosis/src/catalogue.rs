//! All checks there are: what each asks, why it matters, what to do, and by which rule.
//!
//! The data is `catalogue.toml`, in the order in which faults are told: what lies deeper comes
//! first. `postrider doctor explain ID` prints it.

use crate::finding::{Actor, Impact, Severity};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a fault found by a check does to one direction of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Touches {
    /// Nothing.
    #[default]
    None,
    /// A problem puts it at risk.
    AtRisk,
    /// A problem breaks it, a warning puts it at risk.
    Broken,
}

impl Touches {
    /// The impact of a finding of that severity.
    pub(crate) const fn at(self, severity: Severity) -> Impact {
        match (self, severity) {
            (Self::None, _) | (_, Severity::Note) => Impact::None,
            (Self::AtRisk, _) | (Self::Broken, Severity::Warning) => Impact::AtRisk,
            (Self::Broken, Severity::Problem) => Impact::Broken,
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its id, stable.
    pub id: &'static str,
    /// Its group: `registration`, `dns`, `mx`, `identity`, `spf`, `dkim`, `dmarc`, `policy`, `smtp`, `client`, `trip`, `log`, `message`.
    pub group: &'static str,
    /// What it asks, in a line.
    pub asks: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to do, when nothing more precise can be said.
    pub fix: &'static str,
    /// The rule.
    pub rfc: &'static str,
    /// What a fault does to mail from the domain.
    pub sending: Touches,
    /// What it does to mail to the domain.
    pub receiving: Touches,
    /// What it does to its users' mail programs.
    pub client: Touches,
    /// Who must act.
    pub act: Actor,
    /// Where it stands among all: lower is told first.
    pub rank: usize,
}

/// A check as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    asks: String,
    why: String,
    fix: String,
    #[serde(default)]
    rfc: String,
    #[serde(default)]
    sending: Touches,
    #[serde(default)]
    receiving: Touches,
    #[serde(default)]
    client: Touches,
    #[serde(default)]
    act: Option<Act>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    You,
    DnsHost,
    Isp,
    Recipient,
    Wait,
}

#[derive(Debug, Deserialize)]
struct File {
    check: Vec<Row>,
}

struct Catalogue {
    checks: Vec<Check>,
    by_id: HashMap<&'static str, usize>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // A file that cannot be read would leave no check known; a test reads it.
    let file: File = toml::from_str(include_str!("catalogue.toml")).unwrap_or(File { check: Vec::new() });
    let checks: Vec<Check> = file.check.into_iter().enumerate().map(|(rank, row)| row.check(rank)).collect();
    let by_id = checks.iter().enumerate().map(|(index, check)| (check.id, index)).collect();
    Catalogue { checks, by_id }
});

impl Row {
    fn check(self, rank: usize) -> Check {
        // Once per process; the texts live as long as it does.
        let keep = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let id = keep(self.id);
        Check {
            id,
            group: group_of(id),
            asks: keep(self.asks),
            why: keep(self.why),
            fix: keep(self.fix),
            rfc: keep(self.rfc),
            sending: self.sending,
            receiving: self.receiving,
            client: self.client,
            act: match self.act {
                None | Some(Act::You) => Actor::You,
                Some(Act::DnsHost) => Actor::DnsHost,
                Some(Act::Isp) => Actor::Isp,
                Some(Act::Recipient) => Actor::Recipient,
                Some(Act::Wait) => Actor::Wait,
            },
            rank,
        }
    }
}

fn group_of(id: &str) -> &'static str {
    match id.split('.').next().unwrap_or_default() {
        "reg" => "registration",
        "dns" => "dns",
        "mx" => "mx",
        "ptr" | "helo" | "bl" => "identity",
        "spf" => "spf",
        "dkim" => "dkim",
        "dmarc" => "dmarc",
        "sts" | "tlsrpt" | "dane" | "bimi" | "caa" => "policy",
        "net" | "smtp" | "tls" => "smtp",
        "cl" => "client",
        "trip" => "trip",
        "log" => "log",
        _ => "message",
    }
}

/// All checks, in the order in which their findings are told.
pub fn checks() -> &'static [Check] {
    &CATALOGUE.checks
}

/// The check of that id, if there is one.
pub fn find(id: &str) -> Option<&'static Check> {
    CATALOGUE.by_id.get(id).map(|index| &CATALOGUE.checks[*index])
}

pub(crate) fn knows(id: &str) -> bool {
    CATALOGUE.by_id.contains_key(id)
}

/// The check of that id; an unknown one is a plain one told last, and a fault of ours.
pub(crate) fn check(id: &'static str) -> &'static Check {
    static UNKNOWN: Check = Check {
        id: "unknown",
        group: "message",
        asks: "",
        why: "",
        fix: "",
        rfc: "",
        sending: Touches::None,
        receiving: Touches::None,
        client: Touches::None,
        act: Actor::You,
        rank: usize::MAX,
    };
    debug_assert!(knows(id), "the catalogue has no check {id}");
    find(id).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_there_once_with_its_words() {
        let file: File = toml::from_str(include_str!("catalogue.toml")).unwrap();
        assert!(!file.check.is_empty());
        assert_eq!(CATALOGUE.by_id.len(), file.check.len(), "an id is there twice");
        for check in checks() {
            assert!(check.asks.len() > 10 && check.why.len() > 10 && check.fix.len() > 5, "{}", check.id);
            assert!(check.rfc.is_empty() || check.rfc.starts_with("RFC "), "{}: {}", check.id, check.rfc);
        }
    }
}
