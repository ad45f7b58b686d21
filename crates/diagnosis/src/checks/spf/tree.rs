//! What the record and those below it cost, and whether they are all there.

use super::{SpfFacts, is_own, lighter, shown};
use crate::facts::Facts;
use crate::finding::{Confidence, Finding, Impact, Say};
use postrider_dns::Failure;
use postrider_mailauth::spf::{Branch, Form, Found, Mechanism, Node, Target};

/// RFC 7208 §4.6.4.
const LOOKUPS_MAX: usize = 10;
const VOIDS_MAX: usize = 2;
const EXCHANGES_MAX: usize = 10;
/// Lines of the tree that are shown.
const LINES_MAX: usize = 16;
/// And how deep it is drawn.
const DRAWN_DEPTH_MAX: usize = 3;

pub(super) fn judge(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    below(facts, spf, say);
    lookups(facts, spf, say);
    voids(facts, spf, say);
    exchanges_and_names(facts, spf, say);
}

/// Each node below the root, with the node and the branch that lead to it.
fn steps<'a>(node: &'a Node, steps_so_far: &mut Vec<(&'a Node, &'a Branch)>) {
    for branch in node.branches.iter().filter(|branch| branch.reached) {
        steps_so_far.push((node, branch));
        if let Some(below) = branch.node() {
            steps(below, steps_so_far);
        }
    }
}

fn all_steps(spf: &SpfFacts) -> Vec<(&Node, &Branch)> {
    let mut found = Vec::new();
    steps(&spf.tree.root, &mut found);
    found
}

/// `term` marked in the record it stands in.
fn marked(finding: Finding, spf: &SpfFacts, node: &Node, branch: &Branch) -> Finding {
    let (text, offset) = shown(node);
    let server = if node.domain == spf.tree.root.domain { spf.server.as_str() } else { "" };
    finding.seen_at("dns", server, text, offset + branch.span.start..offset + branch.span.end)
}

/// Includes of nothing, and loops.
fn below(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let mut found: Vec<Finding> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for (node, branch) in all_steps(spf) {
        let Some(below) = branch.node() else { continue };
        let target = &below.domain;
        if found.iter().any(|finding| finding.subject == **target) {
            continue;
        }
        let term = node.text(branch);
        let claim = match &below.found {
            Found::NoRecord { absence: Some(Failure::NoSuchDomain { .. }), .. } => format!("{target} does not exist"),
            Found::NoRecord { .. } => format!("{target} has no SPF record"),
            Found::Many(records) => format!("{target} has {} SPF records", records.len()),
            Found::NotAName => format!("`{target}` is no name that could have a record"),
            Found::Loop => format!("{target} leads back to itself"),
            Found::Failed(failure) => {
                unknown.push(format!("{target}: {failure}"));
                if matches!(failure, Failure::ServFail(_)) {
                    found.push(failing(facts, spf, node, branch, below, failure));
                }
                continue;
            }
            Found::NotAsked => {
                unknown.push(format!("{target} was not looked up"));
                continue;
            }
            Found::Record(_) => continue,
        };
        let title = format!("`{term}` in the SPF record of {} leads nowhere: {claim}", node.domain);
        let finding = Finding::problem("spf.loop", &**target, title)
            .meaning("When a check comes to this term, the result is permerror: the mail counts as unauthenticated.");
        let finding = removal(marked(finding, spf, node, branch), facts, node, branch);
        let is_glued = super::record::glued(spf).is_some() && node.domain == spf.tree.root.domain;
        found.push(if is_glued { finding.because_of("spf.size", &facts.domain) } else { finding });
    }
    if found.is_empty() && !unknown.is_empty() {
        return say.untested("spf.loop", unknown.join("; "));
    }
    say.found_or_fine("spf.loop", found, "all that is included is there");
}

fn failing(facts: &Facts, spf: &SpfFacts, node: &Node, branch: &Branch, below: &Node, failure: &Failure) -> Finding {
    let title = format!("`{}` in the SPF record of {} cannot be looked up", node.text(branch), node.domain);
    let finding = Finding::warning("spf.loop", &*below.domain, title)
        .confidence(Confidence::Medium)
        .meaning("While that lasts, receivers that come to this term put the mail off (temperror).")
        .seen("dns", "", format!("{} TXT: {failure}", below.domain))
        .rfc("RFC 7208 §2.6.6");
    let who = if is_own(facts, &below.domain) { "Mend the name servers of that name" } else { "Tell whoever runs it" };
    marked(finding, spf, node, branch).fix(format!("{who}, or leave the term out."))
}

/// How the term is to be left out, when the record is the domain's own.
fn removal(finding: Finding, facts: &Facts, node: &Node, branch: &Branch) -> Finding {
    let term = node.text(branch);
    if !is_own(facts, &node.domain) {
        return finding.fix(format!("Tell whoever runs {}; the term stands in their record.", node.domain));
    }
    let finding = finding.fix(format!("Leave `{term}` out, or publish the record it points to."));
    match (lighter::without(node, branch), node.record()) {
        (Some(right), Some(record)) => finding.change("replace", &node.domain, "TXT", &record.text, &right),
        _ => finding,
    }
}

/// The ten look-ups.
fn lookups(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let root = &spf.tree.root;
    let (count, domain) = (root.lookups, &facts.domain);
    let looped = spf.tree.nodes().iter().any(|node| node.found == Found::Loop);
    if count <= LOOKUPS_MAX {
        let least = spf.tree.cut || root.record().is_some_and(|record| !record.is_valid()) || looped;
        return match least {
            true => say.untested("spf.lookups", format!("{count} look-ups, as far as the records could be read")),
            false => say.fine("spf.lookups", format!("{count} of {LOOKUPS_MAX} look-ups")),
        };
    }
    let more = if spf.tree.cut { "at least " } else { "" };
    let title = format!("SPF of {domain} needs {more}{count} DNS look-ups, and {LOOKUPS_MAX} are allowed");
    let mut finding = Finding::problem("spf.lookups", domain, title)
        .meaning("A sender that is not found among the first ten gets permerror: the mail counts as unauthenticated.");
    let over = all_steps(spf).into_iter().find(|(_, branch)| branch.number == Some(LOOKUPS_MAX + 1));
    let (text, offset) = shown(root);
    let mut lines = Vec::new();
    drawn(root, 0, &mut lines);
    let left_out = lines.len().saturating_sub(LINES_MAX);
    for line in lines.into_iter().take(LINES_MAX) {
        finding = finding.meaning(line);
    }
    if left_out > 0 {
        finding = finding.meaning(format!("and {left_out} more"));
    }
    finding = finding.seen("dns", &spf.server, text.as_str());
    if let Some((node, branch)) = over {
        finding = finding.meaning(format!("The eleventh is `{}` of {}.", node.text(branch), node.domain));
        if node.domain == root.domain {
            finding.evidence.pop();
            finding = finding.seen_at("dns", &spf.server, text, offset + branch.span.start..offset + branch.span.end);
        } else {
            finding = marked(finding, spf, node, branch);
        }
    }
    finding = match (lighter::record(facts, spf), root.record()) {
        (Some(lighter), Some(record)) => finding
            .fix(format!("This record says the same with {} look-ups.", lighter.lookups))
            .change("replace", domain, "TXT", &record.text, &lighter.text),
        _ => finding.fix(lighter::advice(spf, count - LOOKUPS_MAX)),
    };
    say.found(finding);
}

/// The terms that cost something, each with its cost, those of an included record behind it.
fn drawn(node: &Node, depth: usize, lines: &mut Vec<String>) {
    for branch in node.branches.iter().filter(|branch| branch.lookups > 0) {
        lines.push(format!("{}{} {}", "- ".repeat(depth), branch.lookups, node.text(branch)));
        // A single look-up below is told by the number already.
        if let Some(below) = branch.node().filter(|below| below.lookups > 1 && depth < DRAWN_DEPTH_MAX) {
            drawn(below, depth + 1, lines);
        }
    }
}

/// Look-ups that find nothing.
fn voids(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let (root, domain) = (&spf.tree.root, &facts.domain);
    let dead: Vec<(&Node, &Branch)> =
        all_steps(spf).into_iter().filter(|(_, branch)| branch.voids > 0 && branch.node().is_none()).collect();
    let Some(first) = dead.first() else {
        return say.fine("spf.void", "every look-up finds something");
    };
    let terms: Vec<String> = dead.iter().map(|(node, branch)| format!("`{}`", node.text(branch))).collect();
    let mut finding = if root.voids > VOIDS_MAX {
        let title =
            format!("{} terms in SPF of {domain} look up what is not there; {VOIDS_MAX} are allowed", root.voids);
        Finding::problem("spf.void", domain, title)
            .meaning("At the third, receivers stop with permerror: the mail counts as unauthenticated.")
    } else {
        let title = format!("{} in SPF of {} finds nothing", terms[0], first.0.domain);
        Finding::note("spf.void", domain, title).meaning("It does no harm yet: with more than two, receivers stop.")
    };
    for (node, branch) in dead.iter().take(4) {
        finding = marked(finding, spf, node, branch);
    }
    finding = finding.fix(format!("Leave out {}, or give the names what is looked for.", terms.join(", ")));
    let own: Vec<&Branch> = dead.iter().filter(|(node, _)| node.domain == root.domain).map(|(_, b)| *b).collect();
    if let (Some(right), Some(record)) = (lighter::without_all(root, &own), root.record())
        && !own.is_empty()
    {
        finding = finding.change("replace", domain, "TXT", &record.text, &right);
    }
    say.found(finding);
}

/// `mx` with too many hosts, and `ptr`.
fn exchanges_and_names(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let mut found = Vec::new();
    for (node, branch) in all_steps(spf) {
        let own = is_own(facts, &node.domain);
        if let Target::Exchanges { name, hosts, .. } = &branch.target
            && *hosts > EXCHANGES_MAX
        {
            let title = format!("`{}` of {}: {name} has {hosts} mail exchanges", node.text(branch), node.domain);
            let finding = Finding::problem("spf.mxptr", &*node.domain, title)
                .rfc("RFC 7208 §4.6.4")
                .meaning("SPF allows ten for one `mx`; with more, the result is permerror.")
                .fix("Name the sending hosts by `ip4` and `ip6` in place of `mx`.");
            found.push(marked(finding, spf, node, branch));
        }
        let is_ptr = node
            .term(branch)
            .is_some_and(|term| matches!(&term.form, Form::Directive { mechanism: Mechanism::Ptr(_), .. }));
        if is_ptr && !found.iter().any(|finding: &Finding| finding.subject == *node.domain) {
            let title = format!("`{}` in the SPF record of {} should not be used", node.text(branch), node.domain);
            let finding = if own {
                Finding::warning("spf.mxptr", &*node.domain, title)
            } else {
                Finding::note("spf.mxptr", &*node.domain, title)
            };
            let finding = finding
                .impact(Impact::None, Impact::None)
                .meaning("It is slow, unreliable and costs look-ups; some receivers pass over it.")
                .fix("Name the sending hosts by `ip4`, `ip6`, `a` or `mx` in its place.");
            let finding = marked(finding, spf, node, branch);
            found.push(match (lighter::without(node, branch), node.record()) {
                (Some(right), Some(record)) if own => {
                    finding.change("replace", &node.domain, "TXT", &record.text, &right)
                }
                _ => finding,
            });
        }
    }
    say.found_or_fine("spf.mxptr", found, "no `ptr`, and no `mx` with more than ten hosts");
}
