//! The cause graph: which findings are consequences of which.
//!
//! Judges name causes by id and subject ([`Finding::because_of`]); here the names are resolved,
//! roots are put in order, and what hangs below a root goes under it. A cause of the form
//! `id#*` is any finding of that check. A loop of causes leaves its members as roots.

use crate::catalogue;
use crate::finding::Finding;
use std::cmp::Reverse;

/// The findings, roots first in the order they are to be told; each with its consequences.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folded {
    /// Roots, and the indices of what each explains.
    pub(crate) roots: Vec<(Finding, Vec<Finding>)>,
}

/// Puts findings in order and consequences under their roots.
pub(crate) fn fold(findings: Vec<Finding>) -> Folded {
    let parents: Vec<Option<usize>> = (0..findings.len()).map(|index| cause_of(&findings, index)).collect();
    let root_of = |index: usize| {
        let mut at = index;
        for _ in 0..findings.len() {
            match parents[at] {
                Some(parent) => at = parent,
                None => return at,
            }
        }
        // A loop: it stays where it is.
        index
    };
    let roots: Vec<usize> = (0..findings.len()).map(root_of).collect();
    let mut folded: Vec<(usize, Finding, Vec<Finding>)> = Vec::new();
    for (index, finding) in findings.iter().enumerate() {
        if roots[index] == index {
            folded.push((index, finding.clone(), Vec::new()));
        }
    }
    for (index, finding) in findings.into_iter().enumerate() {
        if let Some((_, _, under)) = folded.iter_mut().find(|(root, _, _)| *root == roots[index] && *root != index) {
            under.push(finding);
        }
    }
    let mut roots: Vec<(Finding, Vec<Finding>)> = folded.into_iter().map(|(_, root, under)| (root, under)).collect();
    for (root, under) in &mut roots {
        under.sort_by_key(order);
        inherit(root, under);
    }
    roots.sort_by_key(|(root, _)| order(root));
    Folded { roots }
}

/// What breaks most, then what is worst, then what lies deepest.
fn order(finding: &Finding) -> (Reverse<crate::finding::Severity>, Reverse<crate::finding::Impact>, usize, String) {
    let impact = finding.sending.max(finding.receiving).max(finding.client);
    let rank = catalogue::find(finding.id).map_or(usize::MAX, |check| check.rank);
    (Reverse(finding.severity), Reverse(impact), rank, finding.subject.clone())
}

/// The finding this one comes from, if it is there.
fn cause_of(findings: &[Finding], index: usize) -> Option<usize> {
    findings[index].because_of.iter().find_map(|cause| {
        let (id, subject) = cause.split_once('#')?;
        findings
            .iter()
            .enumerate()
            .position(|(at, other)| at != index && other.id == id && (subject == "*" || other.subject == subject))
    })
}

/// A root is as bad as what comes of it.
fn inherit(root: &mut Finding, under: &[Finding]) {
    for consequence in under {
        root.severity = root.severity.max(consequence.severity);
        root.sending = root.sending.max(consequence.sending);
        root.receiving = root.receiving.max(consequence.receiving);
        root.client = root.client.max(consequence.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(findings: Vec<Finding>) -> Vec<String> {
        let line = |(root, under): &(Finding, Vec<Finding>)| {
            let under: Vec<String> = under.iter().map(Finding::key).collect();
            format!("{} {:?} < {}", root.key(), root.severity, under.join(" "))
        };
        fold(findings).roots.iter().map(line).collect()
    }

    #[test]
    fn a_consequence_goes_under_its_root_and_makes_it_as_bad() {
        let findings = vec![
            Finding::note("mx.dup", "a", "a"),
            Finding::problem("mx.nohost", "mx1", "no address").because_of("dns.lame", "ns1"),
            Finding::warning("dns.lame", "ns1", "lame"),
            Finding::warning("smtp.slow", "mx1", "slow").because_of("mx.nohost", "*"),
            Finding::problem("mx.cname", "mx2", "alias").because_of("dns.lame", "ns9"),
        ];
        let want =
            ["dns.lame#ns1 Problem < mx.nohost#mx1 smtp.slow#mx1", "mx.cname#mx2 Problem < ", "mx.dup#a Note < "];
        assert_eq!(told(findings), want);
    }

    #[test]
    fn causes_in_a_ring_stay_roots() {
        let findings = vec![
            Finding::note("mx.dup", "a", "a").because_of("mx.backup", "b"),
            Finding::note("mx.backup", "b", "b").because_of("mx.dup", "a"),
        ];
        assert_eq!(told(findings).len(), 2);
    }
}
