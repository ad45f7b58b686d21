//! The same record with fewer look-ups: what finds nothing is left out, hosts of the domain's
//! own are named by their addresses, and its own records of addresses are written where they
//! are included. Records of others are not copied, as they change without a word.

use super::{SpfFacts, is_own};
use crate::facts::Facts;
use postrider_mailauth::spf::{Branch, Form, Mechanism, Node, Qualifier, Target, parse};

/// The longest record that is proposed.
const OCTETS_MAX: usize = 450;
const LOOKUPS_MAX: usize = 10;

/// A record to publish in place of the old one.
pub(super) struct Lighter {
    pub(super) text: String,
    pub(super) lookups: usize,
}

/// A record of the root with at most ten look-ups that lets the same addresses through; `None`
/// when this is not to be had without copying what is not the domain's own.
pub(super) fn record(facts: &Facts, spf: &SpfFacts) -> Option<Lighter> {
    let root = &spf.tree.root;
    let whole = root.record().filter(|record| record.is_valid())?;
    let mut lookups = root.lookups;
    // The terms as they are to be written, and what each would save.
    let mut terms: Vec<String> = root.branches.iter().map(|branch| root.text(branch).to_owned()).collect();
    for (index, branch) in root.branches.iter().enumerate() {
        let is_dead = branch.voids > 0 && branch.node().is_none() && passes(root, branch);
        if is_dead || !branch.reached && matches!(whole.terms.get(branch.term)?.form, Form::Directive { .. }) {
            lookups -= branch.lookups;
            terms[index].clear();
        }
    }
    let mut savings: Vec<(usize, usize, String)> = Vec::new();
    for (index, branch) in root.branches.iter().enumerate().filter(|(index, _)| !terms[*index].is_empty()) {
        if branch.lookups > 0
            && passes(root, branch)
            && let Some(addresses) = written_out(facts, root, branch)
        {
            savings.push((branch.lookups, index, addresses));
        }
    }
    // What saves most for the fewest octets comes first.
    savings.sort_by_key(|(saved, _, addresses)| (usize::MAX - saved, addresses.len()));
    for (saved, index, addresses) in savings {
        if lookups <= LOOKUPS_MAX {
            break;
        }
        lookups -= saved;
        terms[index] = addresses;
    }
    terms.retain(|term| !term.is_empty());
    let text = format!("v=spf1 {}", terms.join(" "));
    (lookups <= LOOKUPS_MAX && text.len() <= OCTETS_MAX && parse(&text).is_valid()).then_some(Lighter { text, lookups })
}

/// A term of the domain's own as `ip4` and `ip6`.
fn written_out(facts: &Facts, node: &Node, branch: &Branch) -> Option<String> {
    let Target::Node(below) = &branch.target else { return None };
    let is_include = matches!(
        node.term(branch)?.form,
        Form::Directive { qualifier: Qualifier::Pass, mechanism: Mechanism::Include(_) }
    );
    if !is_include || !is_own(facts, &below.domain) || below.open || !below.record()?.is_valid() {
        return None;
    }
    let mut terms: Vec<String> = Vec::new();
    for inner in below.branches.iter().filter(|inner| inner.reached) {
        match &below.term(inner)?.form {
            Form::Directive {
                qualifier: Qualifier::Pass,
                mechanism: Mechanism::Ip4 { .. } | Mechanism::Ip6 { .. },
            } => {
                terms.push(below.text(inner).to_owned());
            }
            Form::Directive { qualifier: Qualifier::Pass, mechanism: Mechanism::Include(_) } => {
                terms.push(written_out(facts, below, inner)?);
            }
            // What an included record does not let through, it does not match (RFC 7208 §5.2).
            Form::Directive { qualifier: Qualifier::Pass, .. } | Form::Redirect(_) | Form::Broken => return None,
            Form::Directive { mechanism: Mechanism::All, .. } | Form::Explanation(_) | Form::Unknown { .. } => {}
            Form::Directive { .. } => return None,
        }
    }
    terms.retain(|term| !term.is_empty());
    (!terms.is_empty()).then(|| terms.join(" "))
}

fn passes(node: &Node, branch: &Branch) -> bool {
    node.term(branch).is_some_and(|term| matches!(term.form, Form::Directive { qualifier: Qualifier::Pass, .. }))
}

/// In words which terms would save enough, or most.
pub(super) fn advice(spf: &SpfFacts, over: usize) -> String {
    let root = &spf.tree.root;
    let mut heavy: Vec<&Branch> = root.branches.iter().filter(|branch| branch.lookups > 0).collect();
    heavy.sort_by_key(|branch| branch.lookups);
    let enough = heavy.iter().find(|branch| branch.lookups >= over);
    match (enough, heavy.last()) {
        (Some(branch), _) => format!(
            "Leave out what no longer sends for you, such as `{}` (-{}); or name single hosts by `ip4` and `ip6`, which cost nothing.",
            root.text(branch),
            branch.lookups
        ),
        (None, Some(branch)) => format!(
            "Leave out what no longer sends for you; `{}` costs most ({}). Send through fewer services, or give each a subdomain of its own.",
            root.text(branch),
            branch.lookups
        ),
        (None, None) => "Name single hosts by `ip4` and `ip6`, which cost nothing.".to_owned(),
    }
}

/// The record without a term.
pub(super) fn without(node: &Node, branch: &Branch) -> Option<String> {
    without_all(node, &[branch])
}

/// The record without some terms.
pub(super) fn without_all(node: &Node, out: &[&Branch]) -> Option<String> {
    let record = node.record()?;
    let kept = record.terms.iter().enumerate().filter(|(index, _)| !out.iter().any(|branch| branch.term == *index));
    let kept: Vec<&str> = kept.map(|(_, term)| term.span.of(&record.text)).collect();
    let text = format!("v=spf1 {}", kept.join(" "));
    (!kept.is_empty() && parse(&text).is_valid()).then_some(text)
}
