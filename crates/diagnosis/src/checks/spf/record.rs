//! The record as such: there, alone, read, and of a size that fits.

use super::{SpfFacts, is_own, shown};
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use postrider_mailauth::spf::{Form, Node, Record, parse};

/// RFC 7208 §3.4: so that an answer fits into 512 octets.
const RECORD_OCTETS_MAX: usize = 450;
/// What a UDP answer may have without being broken up on the way.
const ANSWER_OCTETS_MAX: usize = 1232;

/// There is no record.
pub(super) fn none(facts: &Facts, spf: &SpfFacts, texts: &[Box<str>], say: &mut Say) {
    let domain = &facts.domain;
    if cut_off(facts) {
        return say.untested("spf.one", "the answer with the TXT records was cut off, and did not come by TCP either");
    }
    if let Some(text) = texts.iter().find(|text| is_meant(text)) {
        return say.found(meant(facts, spf, text));
    }
    let takes_mail = facts.mx.as_ref().is_some_and(|mx| !mx.hosts.is_empty());
    let finding = if takes_mail {
        Finding::warning("spf.one", domain, format!("{domain} has no SPF record"))
            .meaning("Large receivers treat mail of a domain without SPF with suspicion, or refuse it.")
    } else {
        Finding::note("spf.one", domain, format!("{domain} has no SPF record, and takes no mail"))
    };
    let finding = finding.seen("dns", &spf.server, format!("{domain} TXT: {} records, none with v=spf1", texts.len()));
    let finding = match spf.misplaced.first() {
        Some((name, text)) => finding
            .meaning(format!("There is one at {name}, where nobody looks for it."))
            .seen("dns", "", format!("{name} TXT \"{text}\""))
            .fix(format!("Put the record at {domain} itself."))
            .change("add", domain, "TXT", "", text),
        None if spf.old_type => finding
            .meaning("There is one of the old type SPF (99), which nobody asks for any more.")
            .seen("dns", &spf.server, format!("{domain} SPF: a record of type 99"))
            .rfc("RFC 7208 §3.1")
            .fix("Publish the same text as a TXT record."),
        None if takes_mail => finding
            .fix("Name the hosts that send for the domain; when these are its mail exchanges, this is enough.")
            .change("add", domain, "TXT", "", "v=spf1 mx ~all"),
        None => {
            finding.fix("When the domain sends no mail either, say so.").change("add", domain, "TXT", "", "v=spf1 -all")
        }
    };
    say.found(finding);
}

/// Whether every server's answer was cut off: then a record may be in what is missing.
fn cut_off(facts: &Facts) -> bool {
    let Some(zone) = &facts.zone else { return false };
    let mut answers = zone.serving().filter_map(|server| server.answer(&facts.domain, super::Rtype::TXT)).peekable();
    answers.peek().is_some() && answers.all(|packet| packet.truncated)
}

/// Whether a text was meant to be an SPF record.
fn is_meant(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !"\"'\\\u{feff}".contains(*c)).take(12).collect();
    let bare = bare.to_ascii_lowercase();
    bare.starts_with("v=spf") && !bare.starts_with("v=spf2") || bare.starts_with("spf1") || bare.starts_with("v:spf1")
}

fn meant(facts: &Facts, spf: &SpfFacts, text: &str) -> Finding {
    let domain = &facts.domain;
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || "\"'\\\u{feff}".contains(c));
    let record = parse(trimmed);
    let right = corrected(&record).unwrap_or_else(|| trimmed.to_owned());
    let end = text.find("spf1").or_else(|| text.find("SPF1")).map_or(text.len().min(7), |at| at + 4);
    let head = format!("{domain} TXT \"");
    let finding =
        Finding::problem("spf.one", domain, format!("{domain} has no SPF record that counts: one begins wrongly"))
            .meaning("A record counts only when it begins with `v=spf1` and a space, and nothing before.")
            .seen_at("dns", &spf.server, format!("{head}{text}\""), head.len()..head.len() + end);
    if parse(&right).is_valid() { finding.change("replace", domain, "TXT", text, &right) } else { finding }
}

/// There are several records.
pub(super) fn many(facts: &Facts, spf: &SpfFacts, records: &[Box<str>], say: &mut Say) {
    let domain = &facts.domain;
    let mut finding = Finding::problem(
        "spf.one",
        domain,
        format!("{domain} has {} SPF records; only one may be there", records.len()),
    )
    .meaning("Receivers take none of them: the result is permerror for every sender.")
    .fix("Keep one, with the terms of all, and remove the others.");
    for text in records {
        finding = finding.seen("dns", &spf.server, format!("{domain} TXT \"{text}\""));
    }
    let joined = join(records);
    for (index, text) in records.iter().enumerate() {
        finding = match (index, &joined) {
            (0, Some(joined)) => finding.change("replace", domain, "TXT", text, joined),
            (0, None) => finding,
            _ => finding.change("remove", domain, "TXT", text, ""),
        };
    }
    say.found(finding);
}

/// One record with the terms of all: each once, `all` of the first that has one at the end.
fn join(records: &[Box<str>]) -> Option<String> {
    let mut terms: Vec<&str> = Vec::new();
    let mut all = None;
    let parsed: Vec<Record> = records.iter().map(|text| parse(text)).collect();
    for record in &parsed {
        if !record.is_valid() || record.redirect().is_some() {
            return None;
        }
        let end = record.all().map(|(index, _)| index);
        for (index, term) in record.terms.iter().enumerate() {
            let text = term.span.of(&record.text);
            if Some(index) == end {
                all = all.or(Some(text));
            } else if end.is_none_or(|end| index < end) && !terms.contains(&text) {
                terms.push(text);
            }
        }
    }
    terms.extend(all);
    let joined = format!("v=spf1 {}", terms.join(" "));
    parse(&joined).is_valid().then_some(joined)
}

/// The record is there: can all of it be read, and does it fit?
pub(super) fn judge(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let glued = glued(spf);
    let mut found = Vec::new();
    for node in spf.tree.nodes() {
        let Some(record) = node.record() else { continue };
        let again = found.iter().any(|finding: &Finding| finding.subject == *node.domain);
        if !again && !record.is_valid() {
            found.push(syntax(facts, spf, node, record, glued.is_some()));
        }
    }
    if let Some(record) = spf.tree.root.record() {
        found.extend(unknown_modifiers(facts, spf, record));
    }
    say.found_or_fine("spf.syntax", found, "every term can be read");
    size(facts, spf, glued, say);
}

fn syntax(facts: &Facts, spf: &SpfFacts, node: &Node, record: &Record, glued: bool) -> Finding {
    let domain = &facts.domain;
    let is_root = *node.domain == **domain;
    let count = record.faults.len();
    let whose = if is_root { domain.clone() } else { format!("{}, which {domain} includes,", node.domain) };
    let title = match record.faults.as_slice() {
        [fault] if fault.span.start < fault.span.end => {
            let there = fault.span.of(&record.text).escape_debug();
            format!("`{there}` in the SPF record of {whose} cannot be read: {}", fault.flaw)
        }
        [fault] => format!("The SPF record of {whose} has an error: {}", fault.flaw),
        _ => format!("The SPF record of {whose} has {count} errors"),
    };
    let (text, offset) = shown(node);
    let mut finding = Finding::problem("spf.syntax", &*node.domain, title)
        .meaning("One error spoils the whole record: the result is permerror for every sender.");
    for fault in record.faults.iter().take(8) {
        let there = fault.span.of(&record.text);
        let told = count == 1 && !there.is_empty();
        let line = if there.is_empty() { format!("{fault}") } else { format!("`{}`: {fault}", there.escape_debug()) };
        let server = if is_root { spf.server.as_str() } else { "" };
        let span = offset + fault.span.start..offset + fault.span.end;
        finding = finding.seen_at("dns", server, text.as_str(), span);
        if !told {
            finding = finding.meaning(line);
        }
    }
    if glued && is_root {
        finding = finding.because_of("spf.size", domain);
    }
    if !is_own(facts, &node.domain) {
        return finding.fix(format!("Tell whoever runs {}; until it is mended, leave the include out.", node.domain));
    }
    match corrected(record) {
        Some(right) => {
            finding.fix("Publish the record as below.").change("replace", &node.domain, "TXT", &record.text, &right)
        }
        None => finding,
    }
}

/// The record with what is to be written in place of each fault, when that makes it a good one.
fn corrected(record: &Record) -> Option<String> {
    let mut right = String::new();
    let mut at = 0;
    for fault in &record.faults {
        let instead = fault.instead.as_deref()?;
        right.push_str(record.text.get(at..fault.span.start)?);
        right.push_str(instead);
        at = fault.span.end;
    }
    right.push_str(record.text.get(at..)?);
    let right = right.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    parse(&right).is_valid().then_some(right)
}

/// Modifiers that nobody has defined, and that were meant to be mechanisms: receivers pass over
/// them without a word.
fn unknown_modifiers(facts: &Facts, spf: &SpfFacts, record: &Record) -> Option<Finding> {
    let domain = &facts.domain;
    let (text, offset) = shown(&spf.tree.root);
    record.terms.iter().find_map(|term| {
        let Form::Unknown { name, value } = &term.form else { return None };
        let (name, value) = (name.of(&record.text).to_ascii_lowercase(), value.of(&record.text));
        let span = offset + term.span.start..offset + term.span.end;
        let written = term.span.of(&record.text);
        let finding = |title: String| {
            Finding::problem("spf.syntax", domain, title).seen_at("dns", &spf.server, text.as_str(), span.clone())
        };
        match name.as_str() {
            "v" => Some(
                finding(format!("Two SPF records of {domain} stand in one text"))
                    .meaning(format!("`{written}` in the middle means nothing; what stands behind the first `all` is never looked at."))
                    .fix("Put all terms before one `all` at the end."),
            ),
            "include" | "ip4" | "ip6" | "a" | "mx" | "ptr" | "exists" => {
                let right = record.text.replacen(written, &format!("{name}:{value}"), 1);
                let finding = finding(format!("`{written}` in the SPF record of {domain} means nothing: `{name}` takes a colon"))
                    .meaning("With `=` it is an unknown modifier, which receivers pass over without a word.");
                Some(if parse(&right).is_valid() { finding.change("replace", domain, "TXT", &record.text, &right) } else { finding })
            }
            _ => None,
        }
    })
}

/// Where two strings of the record are joined without the space that belongs there.
pub(super) fn glued(spf: &SpfFacts) -> Option<usize> {
    let mut at = 0;
    for pair in spf.strings.windows(2) {
        at += pair[0].len();
        let word = pair[1].split(' ').next().unwrap_or_default().trim_start_matches(['+', '-', '~', '?']);
        let begins_term = ["include:", "ip4:", "ip6:", "a:", "mx:", "exists:", "redirect=", "exp="]
            .iter()
            .any(|start| word.to_ascii_lowercase().starts_with(start))
            || word.eq_ignore_ascii_case("all");
        if begins_term && !pair[0].ends_with(' ') && pair[0].len() > "v=spf1".len() {
            return Some(at);
        }
    }
    None
}

fn size(facts: &Facts, spf: &SpfFacts, glued: Option<usize>, say: &mut Say) {
    let domain = &facts.domain;
    let Some(record) = spf.tree.root.record() else { return };
    let (text, offset) = shown(&spf.tree.root);
    if let Some(at) = glued {
        let right =
            format!("{} {}", record.text.get(..at).unwrap_or_default(), record.text.get(at..).unwrap_or_default());
        return say.found(
            Finding::problem(
                "spf.size",
                domain,
                format!("Two pieces of the SPF record of {domain} run into each other"),
            )
            .meaning("A TXT record of several strings is joined without a space between them, and one is missing here.")
            .seen_at("dns", &spf.server, text, offset + at.saturating_sub(1)..offset + at + 1)
            .rfc("RFC 7208 §3.3")
            .fix("End the first string with a space, or begin the second with one.")
            .change("replace", domain, "TXT", &record.text, &right),
        );
    }
    let length = record.text.len();
    if spf.octets > ANSWER_OCTETS_MAX {
        say.found(
            Finding::note(
                "spf.size",
                domain,
                format!("The TXT records of {domain} come to about {} octets", spf.octets),
            )
            .meaning("Such an answer does not fit into one UDP packet; resolvers must ask again by TCP.")
            .seen(
                "dns",
                &spf.server,
                format!("{domain} TXT: about {} octets in all, of which SPF {length}", spf.octets),
            )
            .fix("Remove texts that are no longer needed, such as old verification codes."),
        );
    } else if length > RECORD_OCTETS_MAX {
        say.found(
            Finding::note("spf.size", domain, format!("The SPF record of {domain} is {length} octets long"))
                .seen("dns", &spf.server, text)
                .meaning(format!("Up to {RECORD_OCTETS_MAX} an answer fits into the smallest packets, too."))
                .impact(Impact::None, Impact::None)
                .fix("Move some of its terms into a record of their own, and include that."),
        );
    } else {
        say.fine("spf.size", format!("{length} octets"));
    }
}
