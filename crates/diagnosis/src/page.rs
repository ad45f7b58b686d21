//! A report as one web page that needs nothing else: no script, no font, no picture from
//! elsewhere; light and dark, narrow and wide, and on paper.

use crate::catalogue;
use crate::finding::{Actor, Evidence, Finding, Severity, State};
use crate::report::{Health, Report};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(report: &Report) -> String {
    let mut html = String::with_capacity(32 * 1024);
    let target = escaped(&report.target);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{target}: mail, {at}</title><style>{STYLE}</style></head><body><main>\n",
        at = escaped(&report.at),
    );
    answer(&mut html, report);
    let _ = writeln!(html, "<section><h2>Findings</h2>");
    if report.findings.is_empty() {
        let _ = writeln!(html, "<p>Nothing was found.</p>");
    }
    for (root, under) in report.roots() {
        finding(&mut html, root, under);
    }
    let _ = writeln!(html, "</section>");
    paths(&mut html, report);
    timeline(&mut html, report);
    checks(&mut html, report);
    let _ = writeln!(
        html,
        "<footer>postrider doctor {target}, {at}</footer></main></body></html>",
        at = escaped(&report.at)
    );
    html
}

fn answer(html: &mut String, report: &Report) {
    let verdict = &report.verdict;
    let _ = writeln!(html, "<header><h1>{}</h1><dl>", escaped(&report.target));
    let rows = [("Receiving", verdict.receiving), ("Sending", verdict.sending), ("Mail programs", verdict.client)];
    for (direction, health) in rows {
        let (class, words) = match health {
            Health::Ok => ("ok", "works"),
            Health::AtRisk => ("warning", "at risk"),
            Health::Broken => ("problem", "broken"),
            Health::Unknown => ("unknown", "could not be told"),
        };
        let _ = writeln!(html, "<div><dt>{direction}</dt><dd class=\"{class}\">{words}</dd></div>");
    }
    if let Some(act) = verdict.act {
        let _ = writeln!(html, "<div><dt>Who must act</dt><dd>{}</dd></div>", actor(act));
    }
    if let Some(since) = &verdict.since {
        let _ = writeln!(html, "<div><dt>Since</dt><dd>{}</dd></div>", escaped(since));
    }
    let _ = writeln!(html, "</dl></header>");
    if let Some(cut) = &report.cut_short {
        let _ = writeln!(html, "<p class=\"unknown\">Not all was looked at: {}.</p>", escaped(cut));
    }
}

const fn actor(act: Actor) -> &'static str {
    match act {
        Actor::You => "you",
        Actor::DnsHost => "you, at whoever runs the name servers",
        Actor::Isp => "whoever connects this machine to the internet",
        Actor::Recipient => "the other side",
        Actor::Wait => "nobody: it passes",
    }
}

const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Problem => "problem",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn finding(html: &mut String, root: &Finding, under: &[Finding]) {
    let open = if root.severity == Severity::Note { "" } else { " open" };
    let severity = class(root.severity);
    let _ = writeln!(
        html,
        "<details{open} class=\"{severity}\"><summary><b>{severity}</b> {} <code>{}</code></summary>",
        escaped(&root.title),
        root.id
    );
    for evidence in &root.evidence {
        proof(html, evidence);
    }
    for line in &root.meaning {
        let _ = writeln!(html, "<p>{}</p>", escaped(line));
    }
    remedy(html, root);
    if !under.is_empty() {
        let _ = writeln!(html, "<p>It explains:</p><ul>");
        for finding in under {
            let _ = writeln!(html, "<li>{} <code>{}</code></li>", escaped(&finding.title), finding.id);
        }
        let _ = writeln!(html, "</ul>");
    }
    if !root.rfc.is_empty() {
        let _ = writeln!(html, "<p class=\"rule\">{}</p>", escaped(root.rfc));
    }
    let _ = writeln!(html, "</details>");
}

fn proof(html: &mut String, evidence: &Evidence) {
    let text = &evidence.text;
    let marked = evidence
        .span
        .as_ref()
        .and_then(|span| Some((text.get(..span.start)?, text.get(span.clone())?, text.get(span.end..)?)))
        .map_or_else(
            || escaped(text),
            |(before, mark, after)| format!("{}<mark>{}</mark>{}", escaped(before), escaped(mark), escaped(after)),
        );
    let server = if evidence.server.is_empty() { String::new() } else { format!("{}: ", escaped(&evidence.server)) };
    let _ = writeln!(html, "<pre>{server}{marked}</pre>");
}

fn remedy(html: &mut String, finding: &Finding) {
    let fix = &finding.fix;
    if !fix.text.is_empty() {
        let _ = writeln!(html, "<p><b>Fix</b> {}</p>", escaped(&fix.text));
    }
    for change in &fix.dns {
        let value = match (change.old.as_str(), change.new.as_str()) {
            (old, "") => escaped(old),
            ("", new) => escaped(new),
            (old, new) => format!("<del>{}</del> <ins>{}</ins>", escaped(old), escaped(new)),
        };
        let _ = writeln!(html, "<pre>{}: {} {} {value}</pre>", change.op, escaped(&change.name), escaped(&change.kind));
    }
    if !fix.command.is_empty() {
        let _ = writeln!(html, "<pre>{}</pre>", escaped(&fix.command));
    }
    if !fix.letter.is_empty() {
        let _ = writeln!(html, "<blockquote>{}</blockquote>", escaped(&fix.letter));
    }
    if !finding.then.is_empty() {
        let _ = writeln!(html, "<p><b>Then</b> {}</p>", escaped(&finding.then));
    }
}

fn paths(html: &mut String, report: &Report) {
    if report.path.is_empty() {
        return;
    }
    let _ = writeln!(html, "<section><h2>The way there</h2><table><tbody>");
    for path in &report.path {
        let steps: Vec<String> =
            path.steps.iter().map(|step| format!("{} {:.1} ms", escaped(&step.step), step.ms)).collect();
        let _ = writeln!(
            html,
            "<tr><th>{}<br>{}</th><td>{}</td><td>{}</td></tr>",
            escaped(&path.host),
            escaped(&path.address),
            escaped(&path.end),
            steps.join(", ")
        );
    }
    let _ = writeln!(html, "</tbody></table></section>");
}

fn timeline(html: &mut String, report: &Report) {
    if report.timeline.is_empty() {
        return;
    }
    let _ = writeln!(html, "<section><h2>What changed</h2><table><tbody>");
    for change in &report.timeline {
        let _ = writeln!(
            html,
            "<tr><th><time>{}</time></th><td>{}</td><td>{}</td></tr>",
            escaped(&change.at),
            escaped(&change.what),
            change.source
        );
    }
    let _ = writeln!(html, "</tbody></table></section>");
}

fn checks(html: &mut String, report: &Report) {
    let _ = writeln!(html, "<section><h2>All checks</h2><table><tbody>");
    for checked in &report.checks {
        let (class, word) = match checked.state {
            State::Fine => ("ok", "fine"),
            State::Found => ("warning", "found"),
            State::Untested => ("unknown", "not tested"),
            State::NotApplicable => ("note", "not applicable"),
        };
        let asks = catalogue::find(checked.id).map_or("", |check| check.asks);
        let _ = writeln!(
            html,
            "<tr><th><code title=\"{}\">{}</code></th><td class=\"{class}\">{word}</td><td>{}</td></tr>",
            escaped(asks),
            checked.id,
            escaped(&checked.why)
        );
    }
    let _ = writeln!(html, "</tbody></table></section>");
}

/// Text that stands for itself in HTML. Control characters, which strangers may have put in,
/// are shown as what they are.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c => safe.push(crate::words::harmless(c)),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Facts;
    use crate::finding::Say;

    #[test]
    fn what_strangers_say_stays_text() {
        let mut say = Say::default();
        let title = "<script>alert(1)</script>";
        say.found(Finding::problem("mx.nohost", title, title).seen_at("dns", "ns<1>", "a <b> c", 2..5));
        let html = page(&Report::draw(&Facts::default(), say));
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("a <mark>&lt;b&gt;</mark> c"), "{html}");
        assert!(!html.contains("http://") && !html.contains("https://"), "a page of its own");
    }
}
