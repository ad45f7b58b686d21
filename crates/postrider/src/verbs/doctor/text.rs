//! The screen: the answer, at most five findings with proof and remedy, the way, the time, counts.

use super::ShowArgs;
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use postrider_diagnosis::finding::{Actor, Evidence, Finding, Severity, State};
use postrider_diagnosis::{Answer, Health, Path, Report, harmless};
use std::fmt::Write as _;

/// The direction whose proof is a session.
const RECEIVING: &str = "RECEIVING";
/// Steps of a session that are shown on the first screen; the others with --all.
const STEPS: [&str; 6] = ["connect", "banner", "ehlo", "tls", "mail", "postmaster"];
/// Findings on the first screen.
const FINDINGS_MAX: usize = 5;
/// Lines of proof for one finding on the first screen.
const PROOF_MAX: usize = 6;
/// Hosts on the way that are shown.
const PATHS_MAX: usize = 6;
/// Where the text of a finding begins.
const INDENT: usize = 7;

/// The signs of a screen, in UTF-8 or ASCII.
struct Signs {
    bad: &'static str,
    warn: &'static str,
    note: &'static str,
    good: &'static str,
    dash: &'static str,
    mark: &'static str,
    arrow: &'static str,
}

const UTF8: Signs =
    Signs { bad: "✖", warn: "!", note: "·", good: "✔", dash: "–", mark: "─", arrow: "──▶" };
const ASCII: Signs = Signs { bad: "x", warn: "!", note: ".", good: "ok", dash: "-", mark: "^", arrow: "-->" };

/// The whole screen.
pub(crate) fn screen(report: &Report, show: &ShowArgs, look: Look) -> String {
    let screen = Screen { look, signs: if show.ascii || !speaks_utf8() { &ASCII } else { &UTF8 }, all: show.all };
    let mut text = String::from("\n");
    screen.answer(&mut text, report);
    screen.findings(&mut text, report, show);
    screen.paths(&mut text, &report.path);
    screen.timeline(&mut text, report);
    if show.all {
        screen.checks(&mut text, report);
    }
    screen.counts(&mut text, report);
    if show.ascii { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() } else { text }
}

/// The findings and what comes behind them, for verbs that give the answer themselves.
pub(crate) fn below(report: &Report, show: &ShowArgs, look: Look) -> String {
    let screen = Screen { look, signs: if show.ascii || !speaks_utf8() { &ASCII } else { &UTF8 }, all: show.all };
    let mut text = String::new();
    screen.findings(&mut text, report, show);
    if show.all {
        screen.checks(&mut text, report);
    }
    screen.counts(&mut text, report);
    if show.ascii { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() } else { text }
}

fn speaks_utf8() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    locale.is_none_or(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

struct Screen {
    look: Look,
    signs: &'static Signs,
    all: bool,
}

impl Screen {
    fn answer(&self, text: &mut String, report: &Report) {
        let target = self.look.paint(&report.target, Tone::Strong);
        let _ = write!(text, "  {target}");
        let column = cells(&report.target).max(14) + 4;
        let pad = column - cells(&report.target) - 2;
        let _ = write!(text, "{}", " ".repeat(pad));
        for (index, (words, tone)) in answer_lines(report).into_iter().enumerate() {
            for (row, line) in
                wrapped(&in_local(&words), self.look.columns.saturating_sub(column).max(30)).iter().enumerate()
            {
                let indent = if index == 0 && row == 0 { String::new() } else { " ".repeat(column) };
                let _ = writeln!(text, "{indent}{}", self.look.paint(line, tone));
            }
        }
    }

    fn findings(&self, text: &mut String, report: &Report, show: &ShowArgs) {
        let least =
            show.level.map_or(if self.all { Severity::Note } else { Severity::Warning }, super::Level::severity);
        let roots: Vec<_> = report.roots().filter(|(root, _)| root.severity >= least).collect();
        let shown = if self.all { roots.len() } else { FINDINGS_MAX.min(roots.len()) };
        for (index, (root, under)) in roots.iter().take(shown).enumerate() {
            text.push('\n');
            self.finding(text, index + 1, root);
            self.consequences(text, &report.target, under);
        }
        if roots.len() > shown {
            let _ = writeln!(text, "\n     {} more findings: the same command with --all", roots.len() - shown);
        }
    }

    fn finding(&self, text: &mut String, number: usize, finding: &Finding) {
        let (sign, tone) = match finding.severity {
            Severity::Problem => (self.signs.bad, Tone::Bad),
            Severity::Warning => (self.signs.warn, Tone::Waiting),
            Severity::Note => (self.signs.note, Tone::Faint),
        };
        let room = self.look.columns.saturating_sub(INDENT + finding.id.len() + 2).max(20);
        let lines = wrapped(&in_local(&finding.title), room);
        for (row, line) in lines.iter().enumerate() {
            if row == 0 {
                let gap = " ".repeat(room.saturating_sub(cells(line)) + 2);
                let id = self.look.paint(finding.id, Tone::Faint);
                let _ = writeln!(
                    text,
                    "{number:3}  {} {}{gap}{id}",
                    self.look.paint(sign, tone),
                    self.look.paint(line, Tone::Strong)
                );
            } else {
                let _ = writeln!(text, "{}{}", " ".repeat(INDENT), self.look.paint(line, Tone::Strong));
            }
        }
        let proof = if self.all { usize::MAX } else { PROOF_MAX };
        let rows: Vec<String> = finding.evidence.iter().flat_map(|evidence| self.proof(evidence)).collect();
        for row in rows.iter().take(proof) {
            let _ = writeln!(text, "{}{}", " ".repeat(INDENT), self.look.paint(row, Tone::Faint));
        }
        if rows.len() > proof {
            let _ = writeln!(text, "{}… {} more lines", " ".repeat(INDENT), rows.len() - proof);
        }
        for line in &finding.meaning {
            self.paragraph(text, "", line);
        }
        self.remedy(text, finding);
    }

    /// A line of proof, with a mark under the octets that matter.
    fn proof(&self, evidence: &Evidence) -> Vec<String> {
        let room = self.look.columns.saturating_sub(INDENT).max(30);
        let server = if evidence.server.is_empty() { String::new() } else { format!("{}: ", evidence.server) };
        let mut rows = Vec::new();
        for line in evidence.text.lines() {
            let whole = format!("{server}{line}");
            match &evidence.span {
                Some(span) if span.start < span.end && line.is_char_boundary(span.start) && span.end <= line.len() => {
                    rows.extend(self.marked(&server, line, span.clone(), room));
                }
                _ => rows.extend(folded(&whole, room)),
            }
        }
        rows
    }

    /// A line cut to the room around a span, and the marks under it.
    fn marked(&self, server: &str, line: &str, span: std::ops::Range<usize>, room: usize) -> Vec<String> {
        let clean: String = line.chars().map(harmless).collect();
        let before = line[..span.start].chars().count();
        let length = line.get(span).map_or(1, |marked| marked.chars().count()).max(1);
        let room = room.saturating_sub(cells(server) + 2).max(20);
        let letters: Vec<char> = clean.chars().collect();
        let from = if letters.len() <= room {
            0
        } else {
            before.saturating_sub(room / 3).min(letters.len().saturating_sub(room))
        };
        let part: String = letters.iter().skip(from).take(room).collect();
        let lead = if from > 0 { "…" } else { "" };
        let tail = if from + room < letters.len() { "…" } else { "" };
        let offset = cells(server) + cells(lead) + before.saturating_sub(from);
        let marks = self.signs.mark.repeat(length.min(room.saturating_sub(before.saturating_sub(from))).max(1));
        vec![format!("{server}{lead}{part}{tail}"), format!("{}{marks}", " ".repeat(offset))]
    }

    fn remedy(&self, text: &mut String, finding: &Finding) {
        if finding.severity == Severity::Note && !self.all {
            return;
        }
        if !finding.fix.text.is_empty() {
            self.paragraph(text, "Fix", &finding.fix.text);
        }
        for change in &finding.fix.dns {
            let owner = format!("{} {}", change.name, change.kind);
            let indent = " ".repeat(INDENT + 6);
            // A record is pasted: it is not broken into lines.
            if !change.old.is_empty() {
                let _ = writeln!(text, "{indent}{}: {owner} {}", change.op, change.old);
            }
            if !change.new.is_empty() {
                let head = if change.old.is_empty() { change.op } else { "with" };
                let _ = writeln!(text, "{indent}{head}: {owner} {}", change.new);
            }
        }
        if !finding.fix.command.is_empty() {
            let _ = writeln!(text, "{}{}", " ".repeat(INDENT + 6), finding.fix.command);
        }
        if !finding.fix.letter.is_empty() {
            for (row, line) in finding.fix.letter.lines().enumerate() {
                if line.is_empty() {
                    text.push('\n');
                } else {
                    self.paragraph(text, if row == 0 { "Write" } else { "     " }, line);
                }
            }
        }
        if !finding.then.is_empty() {
            self.paragraph(text, "Then", &finding.then);
        }
    }

    fn paragraph(&self, text: &mut String, head: &str, body: &str) {
        let indent = if head.is_empty() { INDENT } else { INDENT + 6 };
        for (row, line) in wrapped(&in_local(body), self.look.columns.saturating_sub(indent).max(30)).iter().enumerate()
        {
            if row == 0 && !head.is_empty() {
                let _ = writeln!(
                    text,
                    "{}{}{line}",
                    " ".repeat(INDENT),
                    self.look.paint(&format!("{head:<6}"), Tone::Strong)
                );
            } else {
                let _ = writeln!(text, "{}{line}", " ".repeat(indent));
            }
        }
    }

    fn consequences(&self, text: &mut String, target: &str, under: &[Finding]) {
        if under.is_empty() {
            return;
        }
        if self.all {
            let _ = writeln!(text, "{}explains", " ".repeat(INDENT));
            for finding in under {
                for line in
                    folded(&format!("{}  {}", finding.id, finding.title), self.look.columns.saturating_sub(INDENT + 2))
                {
                    let _ = writeln!(text, "{}{line}", " ".repeat(INDENT + 2));
                }
            }
        } else {
            let words =
                if under.len() == 1 { "1 more finding".to_owned() } else { format!("{} more findings", under.len()) };
            let line = format!("explains {words} (postrider doctor {target} --all)");
            let _ = writeln!(text, "{}{}", " ".repeat(INDENT), self.look.paint(&line, Tone::Faint));
        }
    }

    fn paths(&self, text: &mut String, paths: &[Path]) {
        if paths.is_empty() {
            return;
        }
        text.push('\n');
        let most = if self.all { usize::MAX } else { PATHS_MAX };
        for (index, path) in paths.iter().take(most).enumerate() {
            let head = if index == 0 { "path" } else { "" };
            let shown = path.steps.iter().filter(|step| self.all || STEPS.contains(&step.step.as_str()));
            let mut steps: Vec<String> = shown.map(|step| format!("{} {}", step.step, figure(step.ms))).collect();
            if !steps.is_empty() {
                steps.push(format!("in all {}", figure(path.steps.iter().map(|step| step.ms).sum())));
            }
            let unit = if steps.is_empty() { "" } else { " ms" };
            let _ =
                writeln!(text, "  {head:<8} you {} {} {}   {}", self.signs.arrow, path.host, path.address, path.end);
            for line in folded(&format!("{}{unit}", steps.join("  ")), self.look.columns.saturating_sub(11)) {
                if !line.is_empty() {
                    let _ = writeln!(text, "{}{}", " ".repeat(11), self.look.paint(&line, Tone::Faint));
                }
            }
        }
        if paths.len() > most {
            let _ = writeln!(text, "{}{} more", " ".repeat(11), paths.len() - most);
        }
    }

    fn timeline(&self, text: &mut String, report: &Report) {
        if report.timeline.is_empty() {
            return;
        }
        text.push('\n');
        let most = if self.all { usize::MAX } else { 6 };
        let skip = report.timeline.len().saturating_sub(most);
        for (index, change) in report.timeline.iter().skip(skip).enumerate() {
            let head = if index == 0 { "time" } else { "" };
            let line = format!("{}  {}", local(&change.at), in_local(&change.what));
            for (row, line) in wrapped(&line, self.look.columns.saturating_sub(11)).iter().enumerate() {
                let _ = writeln!(text, "  {:<8} {line}", if row == 0 { head } else { "" });
            }
        }
    }

    fn checks(&self, text: &mut String, report: &Report) {
        text.push('\n');
        for checked in &report.checks {
            let (sign, tone) = match checked.state {
                State::Fine => (self.signs.good, Tone::Good),
                State::Found => (self.signs.bad, Tone::Plain),
                State::Untested => ("?", Tone::Waiting),
                State::NotApplicable => (self.signs.dash, Tone::Faint),
            };
            let lines = wrapped(&checked.why, self.look.columns.saturating_sub(22));
            for (row, line) in lines.iter().enumerate() {
                let (sign, id) = if row == 0 { (sign, checked.id) } else { ("", "") };
                let gap = " ".repeat(2usize.saturating_sub(cells(sign)));
                let _ = writeln!(text, "  {}{gap} {id:<16} {line}", self.look.paint(sign, tone));
            }
        }
    }

    fn counts(&self, text: &mut String, report: &Report) {
        let total = report.timings.get("all").copied().unwrap_or_default();
        let notes = report.found(Severity::Note);
        let mut parts = vec![
            format!("{} {} fine", self.signs.good, report.count(State::Fine)),
            format!("{} {}", self.signs.bad, report.found(Severity::Problem)),
            format!("{} {}", self.signs.warn, report.found(Severity::Warning)),
        ];
        if notes > 0 {
            parts.push(format!("{} {notes} {}", self.signs.note, if notes == 1 { "note" } else { "notes" }));
        }
        let untested = report.count(State::Untested);
        if untested > 0 {
            parts.push(format!("? {untested} not tested"));
        }
        parts.push(format!("{} {} not applicable", self.signs.dash, report.count(State::NotApplicable)));
        let _ = writeln!(text, "\n  {}      {:.1} s", parts.join("   "), total / 1000.0);
        if let Some(cut) = &report.cut_short {
            let _ = writeln!(text, "  not all was looked at: {cut}");
        }
        if untested > 0 && !self.all {
            let _ = writeln!(text, "  {}", self.look.paint("why not tested, and all notes: --all", Tone::Faint));
        }
    }
}

/// Milliseconds without false precision.
fn figure(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// A moment in the local zone, short.
fn local(at: &str) -> String {
    at.parse::<jiff::Timestamp>().map_or_else(
        |_| at.to_owned(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%a %Y-%m-%d %H:%M").to_string(),
    )
}

/// A text with its moments in the local zone, as people read them.
fn in_local(text: &str) -> String {
    /// As in `2026-11-27T21:10:36Z`.
    const MOMENT: usize = 20;
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, here) = rest.split_at(at);
        told.push_str(before);
        let moment = here.get(..MOMENT).filter(|moment| moment.ends_with('Z'));
        let moment = moment.and_then(|moment| moment.parse::<jiff::Timestamp>().ok());
        // A number that is no moment is taken over as a whole.
        let end = here.find(|c: char| !c.is_ascii_digit()).unwrap_or(here.len());
        match moment {
            Some(moment) => {
                let zoned = moment.to_zoned(jiff::tz::TimeZone::system());
                told.push_str(&zoned.strftime("%Y-%m-%d %H:%M").to_string());
                rest = &here[MOMENT..];
            }
            None => {
                told.push_str(&here[..end]);
                rest = &here[end..];
            }
        }
    }
    told + rest
}

/// A line of what was seen, in rows no wider than the room; spaces are kept.
fn folded(line: &str, room: usize) -> Vec<String> {
    let clean: Vec<char> = line.chars().map(harmless).collect();
    let mut rows = Vec::new();
    let mut rest = clean.as_slice();
    while !rest.is_empty() {
        let mut end = rest.len().min(room.max(10));
        if end < rest.len()
            && let Some(space) = rest[..end].iter().rposition(|c| *c == ' ').filter(|space| *space > room / 2)
        {
            end = space + 1;
        }
        rows.push(rest[..end].iter().collect::<String>().trim_end().to_owned());
        rest = &rest[end..];
        // The spaces at which a line is broken do not begin the next.
        while let [' ', more @ ..] = rest {
            rest = more;
        }
    }
    rows
}

/// The answer, a line for each direction, and who must act.
fn answer_lines(report: &Report) -> Vec<(String, Tone)> {
    let Answer { sending, receiving, client, since, act } = &report.verdict;
    let since = since.as_ref().map(|at| format!("   since {}", local(at))).unwrap_or_default();
    let mut lines = Vec::new();
    let rows = [(RECEIVING, receiving, of(report, |f| f.receiving)), ("SENDING", sending, of(report, |f| f.sending))];
    let mut rows: Vec<_> = rows
        .into_iter()
        .chain((*client != Health::Unknown).then_some(("CLIENT ACCESS", client, of(report, |f| f.client))))
        .collect();
    rows.sort_by_key(|(_, health, _)| match health {
        Health::Broken => 0,
        Health::AtRisk => 1,
        Health::Unknown => 2,
        Health::Ok => 3,
    });
    let mut told: Vec<String> = Vec::new();
    for (index, (direction, health, because)) in rows.into_iter().enumerate() {
        // One cause for several directions is told once.
        let because = match because {
            Some(title) if told.contains(&title) => ", for the same reason".to_owned(),
            Some(title) => {
                told.push(title.clone());
                format!(": {title}")
            }
            None => String::new(),
        };
        let (words, tone) = match health {
            Health::Ok => (format!("{direction} works"), Tone::Good),
            Health::AtRisk => (format!("{direction} is at risk{because}"), Tone::Waiting),
            Health::Broken => (format!("{direction} is broken{because}"), Tone::Bad),
            Health::Unknown => {
                (format!("{direction} could not be told{}", why_unknown(report, direction)), Tone::Waiting)
            }
        };
        lines.push((if index == 0 { format!("{words}{since}") } else { words }, tone));
    }
    let worth_acting = report.roots().any(|(root, _)| root.severity > Severity::Note);
    if let Some(act) = act.as_ref().filter(|_| worth_acting) {
        // Name servers of one's own are no company's.
        let company = |host: &&String| *act == Actor::DnsHost && !report.target.ends_with(host.as_str());
        let host = report.dns_host.as_ref().filter(company);
        let host = host.map(|host| format!(" ({host})")).unwrap_or_default();
        lines.push((format!("who must act: {}{host}", actor(*act)), Tone::Plain));
    }
    lines
}

/// What kept a direction from being told, where a check says so.
fn why_unknown(report: &Report, direction: &str) -> String {
    let ids: &[&str] = if direction == RECEIVING { &["net.class", "smtp.banner", "mx.none"] } else { &["spf.one"] };
    let untested =
        |id: &&str| report.checks.iter().find(|checked| checked.id == *id && checked.state == State::Untested);
    ids.iter().find_map(untested).map(|checked| format!(": {}", checked.why)).unwrap_or_default()
}

/// The claim that makes a direction as bad as it is.
fn of(report: &Report, impact: fn(&Finding) -> postrider_diagnosis::finding::Impact) -> Option<String> {
    use postrider_diagnosis::finding::Impact;
    let roots = report.roots().map(|(root, _)| root);
    let worst = roots.clone().map(impact).max().filter(|worst| *worst != Impact::None)?;
    roots.into_iter().find(|root| impact(root) == worst).map(|root| root.title.clone())
}

const fn actor(act: Actor) -> &'static str {
    match act {
        Actor::You => "you",
        Actor::DnsHost => "you, at whoever runs your name servers",
        Actor::Isp => "whoever connects this machine to the internet (hoster, provider, firewall)",
        Actor::Recipient => "the other side",
        Actor::Wait => "nobody: it passes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_under_what_they_mark() {
        let screen = Screen { look: Look { colour: false, columns: 60 }, signs: &ASCII, all: false };
        let evidence =
            Evidence { kind: "dns", server: String::new(), text: "v=spf1 inclde:x -all".into(), span: Some(7..15) };
        assert_eq!(screen.proof(&evidence), ["v=spf1 inclde:x -all", "       ^^^^^^^^"]);
        let long = format!("v=spf1 {} +bad -all", "ip4:192.0.2.1 ".repeat(10));
        let at = long.find("+bad").unwrap();
        let rows =
            screen.proof(&Evidence { kind: "dns", server: "ns1".into(), text: long.clone(), span: Some(at..at + 4) });
        let column = rows[1].find('^').unwrap();
        assert_eq!(rows[0].chars().skip(column).take(4).collect::<String>(), "+bad", "{rows:?}");
    }

    #[test]
    fn moments_are_told_in_the_zone_of_the_reader() {
        let told = in_local("it ended at 2026-11-20T21:10:36Z, serial 2026112001, TTL 3600 s, on 2026-11-20");
        assert!(!told.contains("T21:10:36Z") && told.contains("it ended at 2026-11-2"), "{told}");
        assert!(told.ends_with(", serial 2026112001, TTL 3600 s, on 2026-11-20"), "{told}");
    }

    #[test]
    fn long_lines_are_folded_without_loss() {
        let line = "a ".repeat(60);
        let rows = folded(&line, 30);
        assert!(rows.iter().all(|row| row.len() <= 30));
        assert_eq!(rows.concat().matches('a').count(), 60);
    }
}
