//! `postrider doctor dns DOMAIN`: the way down to the zone, every server with what it says of
//! every name that mail needs, the chain of trust, resolvers, and what changed. One screen.

use super::WorldArgs;
use super::memory::Memory;
use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use postrider_diagnosis::dns::survey::Question;
use postrider_diagnosis::dns::{NsFacts, Rr, Survey};
use postrider_diagnosis::finding::{Finding, Severity};
use postrider_diagnosis::name_service::{Looked, does, look, proof, questions, records};
use postrider_diagnosis::net::Live;
use postrider_diagnosis::{Change, Target, moment};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The arguments of `doctor dns`.
#[derive(Debug, clap::Args)]
pub(super) struct DnsArgs {
    /// The domain
    #[arg(value_name = "DOMAIN")]
    domain: String,
    /// What changed since so long ago, as in 24h or 3d
    #[arg(long, value_name = "SPAN", default_value = "3d", value_parser = span)]
    since: Duration,
    /// Where earlier looks are kept [default: ~/.local/state/postrider]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print JSON, one object (postrider.dns/1)
    #[arg(long)]
    json: bool,
}

/// Reads a span of time: a number and one of s, m, h, d and w.
fn span(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text} is no span of time; write a number and m, h, d or w, as in 24h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| bad())?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(bad()),
    };
    Ok(Duration::from_secs(number.checked_mul(unit).ok_or_else(bad)?))
}

/// Does it.
pub(super) fn run(args: &DnsArgs, world: &WorldArgs) -> Result<Exit, Failure> {
    let (Target::Domain { name, .. } | Target::Host { name, .. }) = super::target(&args.domain)? else {
        let said = format!("{} is an address; name the domain whose name servers are wanted", args.domain);
        return Err(Failure::new(Exit::Usage, said));
    };
    let mut settings = world.settings()?;
    if let Some(memory) = Memory::find(args.state.as_deref()) {
        settings.history = memory.recall(&name).unwrap_or_default();
    }
    let ctx = world.ctx(Arc::new(Live::new(world.source)), settings)?;
    let runtime = super::runtime()?;
    let looked = runtime.block_on(look(&ctx, &name));
    // What still waits for a silent server is left behind.
    runtime.shutdown_background();
    let text = if args.json {
        let page = page(&name, &looked, args.since);
        serde_json::to_string_pretty(&page).map_err(|error| Failure::new(Exit::System, error.to_string()))? + "\n"
    } else {
        screen(&name, &looked, args.since, Look::of_stdout())
    };
    super::print(&text)?;
    Ok(exit(&looked))
}

/// 0 all well, 1 warnings, 2 a problem, 3 the zone was not come to.
fn exit(looked: &Looked) -> Exit {
    let met = looked.facts.zone.as_ref().is_some_and(|zone| zone.serving().next().is_some());
    match looked.findings.iter().map(|(root, _)| root.severity).max() {
        Some(Severity::Problem) => Exit::Problem,
        Some(Severity::Warning) => Exit::Failed,
        _ if !met => Exit::Unsure,
        _ => Exit::Ok,
    }
}

/// What of the timeline lies within the span.
fn lately(looked: &Looked, since: Duration) -> Vec<&Change> {
    let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let from = moment(looked.facts.now.0.saturating_sub(ms));
    looked.timeline.iter().filter(|change| change.at >= from).collect()
}

fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

fn value(records: &[Rr]) -> String {
    let values: Vec<String> = records.iter().map(|rr| rr.data.to_string()).collect();
    if values.is_empty() { "no record".into() } else { values.join(", ") }
}

/// A value as the screen has it: what is too long to read is cut; all of it is in the JSON.
fn cut(value: &str) -> String {
    match value.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{} … and {} octets more (--json has them)", &value[..end], value.len() - end),
        None => value.to_owned(),
    }
}

/// Letters of a value on the screen: a dozen lines.
const VALUE_MAX: usize = 1000;

fn least(records: &[Rr]) -> Option<u32> {
    records.iter().map(|rr| rr.ttl).min()
}

fn screen(domain: &str, looked: &Looked, since: Duration, look: Look) -> String {
    let mut screen = Screen { text: String::from("\n"), look };
    let (state, tone) = standing(looked);
    let _ = writeln!(screen.text, "  {}   {}", look.paint(domain, Tone::Strong), look.paint(&state, tone));
    if let Some(zone) = &looked.facts.zone {
        screen.way(zone);
        screen.servers(zone);
        screen.records(zone);
        screen.chain(looked);
        screen.resolvers(looked);
        screen.lasting(looked, zone);
    }
    screen.changes(looked, since);
    for (root, under) in &looked.findings {
        screen.finding(root, under.len());
    }
    screen.text
}

fn standing(looked: &Looked) -> (String, Tone) {
    let count = |severity| looked.findings.iter().filter(|(root, _)| root.severity == severity).count();
    match (count(Severity::Problem), count(Severity::Warning)) {
        (0, 0) if exit(looked) == Exit::Unsure => {
            ("its name servers could not be looked at from here".into(), Tone::Waiting)
        }
        (0, 0) => ("its name servers are well".into(), Tone::Good),
        (0, warnings) => (format!("{warnings} warning(s), below"), Tone::Waiting),
        (problems, _) => (format!("{problems} problem(s), below"), Tone::Bad),
    }
}

struct Screen {
    text: String,
    look: Look,
}

impl Screen {
    fn head(&mut self, head: &str) {
        let _ = writeln!(self.text, "\n  {}", self.look.paint(head, Tone::Strong));
    }

    /// Lines whose columns stand below each other; the last column is folded.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter(|row| row.len() > column + 1).map(|row| cells(&row[column])).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let mut line = String::from("   ");
            for (cell, width) in row.iter().zip(&widths).take(row.len().saturating_sub(1)) {
                let _ = write!(line, " {cell}{} ", " ".repeat(width.saturating_sub(cells(cell))));
            }
            let indent = cells(&line) + 1;
            let room = self.look.columns.saturating_sub(indent).max(24);
            let last = row.last().map(String::as_str).unwrap_or_default();
            for (index, part) in wrapped(last, room).iter().enumerate() {
                let before = if index == 0 { line.clone() } else { " ".repeat(indent - 1) };
                let _ = writeln!(self.text, "{} {part}", before);
            }
        }
    }

    fn way(&mut self, zone: &Survey) {
        self.head("Way down from the root");
        let row = |step: &postrider_diagnosis::dns::survey::Step| {
            let to = step.to.as_ref().map_or_else(|| "answers".to_owned(), |to| format!("to {to}"));
            vec![step.zone.clone(), step.server.to_string(), format!("{} ms", ms(step.took)), to]
        };
        let rows: Vec<Vec<String>> = zone.steps.iter().map(row).collect();
        self.table(&rows);
    }

    fn servers(&mut self, zone: &Survey) {
        self.head("Name servers");
        let known = zone.servers.iter().any(|server| server.in_child);
        let named = |server: &NsFacts| match (server.in_parent, server.in_child) {
            _ if !known => "",
            (true, true) => "",
            (true, false) => ", named above only",
            (false, true) => ", named in the zone only",
            (false, false) => "",
        };
        let row = |server: &NsFacts| {
            let serial = server.serial().map_or_else(|| "-".to_owned(), |serial| format!("serial {serial}"));
            let took = if server.udp.is_ok() { format!("{} ms", ms(server.took)) } else { "-".into() };
            let tcp = if server.serves() && server.tcp.is_err() { ", no TCP" } else { "" };
            let does = if server.serves() { "serves".to_owned() } else { does(zone, server) };
            vec![server.name.clone(), server.ip.to_string(), took, serial, format!("{does}{tcp}{}", named(server))]
        };
        let mut rows: Vec<Vec<String>> = zone.servers.iter().map(row).collect();
        rows.extend(zone.homeless.iter().map(|name| vec![name.clone(), "has no address".into()]));
        self.table(&rows);
    }

    /// Each record of mail: one line where all say the same, one for each server where not.
    fn records(&mut self, zone: &Survey) {
        let questions = questions(zone);
        if questions.is_empty() {
            return;
        }
        self.head("What they say");
        let mut rows: Vec<Vec<String>> = Vec::new();
        for question in &questions {
            let said: Vec<(&NsFacts, Vec<Rr>)> =
                zone.serving().filter_map(|server| Some((server, records(server, question)?))).collect();
            let what = format!("{} {}", question.0, question.1);
            let first = said.first().map(|(_, records)| value(records)).unwrap_or_default();
            if said.iter().all(|(_, records)| value(records) == first) {
                let ttl = said.iter().filter_map(|(_, records)| least(records)).min();
                rows.push(vec![what, format!("all {}", said.len()), seconds(ttl), cut(&first)]);
                continue;
            }
            let right = zone.agreed(&question.0, question.1).unwrap_or_default();
            for (index, (server, records)) in said.iter().enumerate() {
                let odd = !records.iter().all(|rr| right.iter().any(|right| right.data == rr.data))
                    || records.is_empty() != right.is_empty();
                let what = if index == 0 { what.clone() } else { String::new() };
                let mark = if odd { "  <-" } else { "" };
                rows.push(vec![
                    what,
                    server.name.clone(),
                    seconds(least(records)),
                    format!("{}{mark}", cut(&value(records))),
                ]);
            }
        }
        self.table(&rows);
    }

    fn chain(&mut self, looked: &Looked) {
        let Some(seen) = looked.facts.dnssec.as_ref() else { return };
        // Where the zone above was not come to, nothing is known of what it has.
        if seen.chain.is_empty() && exit(looked) == Exit::Unsure {
            return;
        }
        self.head("DNSSEC");
        if seen.chain.is_empty() {
            self.table(&[vec!["not signed: the zone above has no DS record".into()]]);
            return;
        }
        let rows: Vec<Vec<String>> = seen.chain.iter().map(|(zone, trust)| vec![zone.clone(), proof(trust)]).collect();
        self.table(&rows);
    }

    fn resolvers(&mut self, looked: &Looked) {
        let (Some(views), Some(zone)) = (&looked.facts.views, &looked.facts.zone) else { return };
        if views.views.is_empty() {
            return;
        }
        self.head("Resolvers");
        let rows: Vec<Vec<String>> = views
            .views
            .iter()
            .flat_map(|view| {
                view.answers.iter().filter(|((_, kind), _)| matches!(*kind, postrider_diagnosis::dns::Rtype::MX)).map(
                    |(question, heard)| {
                        let right = zone.agreed(&question.0, question.1).unwrap_or_default();
                        let told = match heard {
                            Ok(packet) => {
                                let mut records: Vec<Rr> = packet.of(question.1).cloned().collect();
                                records.sort_by(|one, other| one.data.cmp(&other.data));
                                let same = records.iter().all(|rr| right.iter().any(|right| right.data == rr.data));
                                let mark = if same { "" } else { "  <- not what the zone says" };
                                format!("{} for {} more{mark}", cut(&value(&records)), seconds(least(&records)))
                            }
                            Err(silence) => silence.to_string(),
                        };
                        vec![view.resolver.ip().to_string(), format!("{} {}", question.0, question.1), told]
                    },
                )
            })
            .collect();
        self.table(&rows);
    }

    /// How long what is changed now is still seen as it was.
    fn lasting(&mut self, looked: &Looked, zone: &Survey) {
        let wanted = questions(zone);
        let longest = |question: &Question| {
            let ttl = zone.serving().filter_map(|server| records(server, question)).flatten().map(|rr| rr.ttl).max()?;
            Some((ttl, question.clone()))
        };
        let Some((ttl, (name, kind))) = wanted.iter().filter_map(longest).max_by_key(|(ttl, _)| *ttl) else { return };
        self.head("How long old answers live");
        let until = moment(looked.facts.now.0.saturating_add(i64::from(ttl) * 1000));
        let text = format!(
            "What is changed now is seen everywhere after {}, at {until}: {name} {kind} is kept longest.",
            seconds(Some(ttl))
        );
        self.table(&[vec![text]]);
    }

    fn changes(&mut self, looked: &Looked, since: Duration) {
        self.head("What changed");
        let rows: Vec<Vec<String>> = lately(looked, since)
            .into_iter()
            .map(|change| vec![change.at.clone(), format!("{} ({})", change.what, change.source)])
            .collect();
        if rows.is_empty() {
            let why = if looked.facts.settings.history.is_empty() {
                "Nothing tells; there was no earlier look to compare with."
            } else {
                "Nothing, in that time."
            };
            self.table(&[vec![why.to_owned()]]);
        } else {
            self.table(&rows);
        }
    }

    fn finding(&mut self, finding: &Finding, explained: usize) {
        let (sign, tone) = match finding.severity {
            Severity::Problem => ("✖", Tone::Bad),
            Severity::Warning => ("!", Tone::Waiting),
            Severity::Note => ("·", Tone::Faint),
        };
        let id = self.look.paint(finding.id, Tone::Faint);
        let title = self.look.paint(&finding.title, Tone::Strong);
        let _ = writeln!(self.text, "\n  {} {title}   {id}", self.look.paint(sign, tone));
        let room = self.look.columns.saturating_sub(4).max(30);
        for evidence in &finding.evidence {
            for line in wrapped(&format!("{}  {}", evidence.server, cut(&evidence.text)), room) {
                let _ = writeln!(self.text, "    {}", self.look.paint(&line, Tone::Faint));
            }
        }
        let fix = format!("Fix: {}", finding.fix.text);
        let then = if finding.then.is_empty() { String::new() } else { format!("Then: {}", finding.then) };
        let more = if explained > 0 { format!("It explains {explained} more finding(s).") } else { String::new() };
        let said = finding.meaning.iter().chain([&fix, &then, &more]).filter(|text| !text.is_empty());
        for line in said.flat_map(|text| wrapped(text, room)) {
            let _ = writeln!(self.text, "    {line}");
        }
    }
}

/// Seconds as zone files and people have them.
fn seconds(ttl: Option<u32>) -> String {
    match ttl {
        None => "-".into(),
        Some(ttl) if ttl >= 7200 && ttl % 3600 == 0 => format!("{} h", ttl / 3600),
        Some(ttl) if ttl >= 120 && ttl % 60 == 0 => format!("{} min", ttl / 60),
        Some(ttl) => format!("{ttl} s"),
    }
}

/// The JSON object, `postrider.dns/1`.
fn page(asked: &str, looked: &Looked, since: Duration) -> Value {
    let facts = &looked.facts;
    let empty = Survey::default();
    let zone = facts.zone.as_ref().unwrap_or(&empty);
    let way = zone
        .steps
        .iter()
        .map(|step| json!({ "zone": step.zone, "server": step.server, "to": step.to, "ms": ms(step.took) }));
    let servers = zone.servers.iter().map(|server| {
        json!({
            "name": server.name, "ip": server.ip, "in_parent": server.in_parent, "in_child": server.in_child,
            "serves": server.serves(), "does": does(zone, server), "serial": server.serial(),
            "udp": server.udp.is_ok(), "tcp": server.tcp.is_ok(), "ms": ms(server.took),
        })
    });
    let said = questions(zone).into_iter().flat_map(|question| {
        zone.serving()
            .filter_map(|server| {
                let records = records(server, &question)?;
                let values: Vec<String> = records.iter().map(|rr| rr.data.to_string()).collect();
                Some(json!({
                    "name": question.0, "type": question.1.to_string(), "server": server.name, "ip": server.ip,
                    "values": values, "ttl": least(&records),
                }))
            })
            .collect::<Vec<_>>()
    });
    let chain = facts.dnssec.iter().flat_map(|seen| &seen.chain);
    let chain = chain.map(|(zone, trust)| json!({ "zone": zone, "state": proof(trust) }));
    let findings: Vec<&Finding> =
        looked.findings.iter().flat_map(|(root, under)| std::iter::once(root).chain(under)).collect();
    json!({
        "schema": "postrider.dns/1",
        "target": asked,
        "at": moment(facts.now.0),
        "zone": zone.zone,
        "parent": zone.parent,
        "way": way.collect::<Vec<_>>(),
        "servers": servers.collect::<Vec<_>>(),
        "homeless": zone.homeless,
        "records": said.collect::<Vec<_>>(),
        "dnssec": chain.collect::<Vec<_>>(),
        "timeline": lately(looked, since),
        "findings": findings,
        "checks": looked.checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_to_read_is_cut() {
        assert_eq!(cut("é"), "é");
        assert_eq!(cut(&"é".repeat(VALUE_MAX)), "é".repeat(VALUE_MAX));
        let long = cut(&"é".repeat(VALUE_MAX + 2));
        assert!(long.ends_with("é … and 4 octets more (--json has them)"), "{long}");
    }

    #[test]
    fn spans_as_they_are_typed() {
        for (text, want) in [("24h", 86_400), ("3d", 259_200), ("90m", 5400), ("1w", 604_800)] {
            assert_eq!(span(text).unwrap(), Duration::from_secs(want), "{text}");
        }
        for text in ["", "h", "24", "-1h", "1y", "99999999999999999999d", "18446744073709551615w"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
