//! The report for a person: the answer in the first lines, then who must act and what to do, then
//! the way of both mails with the time each step took.

use crate::verbs::paint::{Look, Tone, cells, wrapped};
use crate::verbs::queue::times::harmless;
use postrider_diagnosis::trip::{Actor, Arrived, Direction, Health, Hop, Leg, Mailbox, Report, Step};

/// Steps and their times stand so far from the left.
const INDENT: usize = 6;
/// The column at which times end.
const TIME_AT: usize = 52;

/// The report as text.
pub(super) fn render(report: &Report, look: Look) -> String {
    let facts = &report.facts;
    let mut page = Page { look, text: String::new() };
    page.head(report);
    page.remedies(report);
    page.leg(&facts.a, &facts.b, &facts.out);
    if !facts.one_way {
        page.leg(&facts.b, &facts.a, &facts.back);
    }
    for mailbox in &facts.mailboxes {
        page.mailbox(mailbox);
    }
    for left in &facts.left_behind {
        page.paragraph(2, &format!("Not removed: {left}"), Tone::Plain);
    }
    page.text
}

struct Page {
    look: Look,
    text: String,
}

impl Page {
    fn head(&mut self, report: &Report) {
        let (facts, verdict) = (&report.facts, &report.verdict);
        let width = cells(&facts.a) + 4;
        let mut lines = vec![("SENDING", &verdict.sending)];
        if !facts.one_way {
            lines.push(("RECEIVING", &verdict.receiving));
        }
        self.text.push('\n');
        let mut name = facts.a.as_str();
        for (word, direction) in lines {
            let (state, tone) = state(direction.health);
            let head = format!("{word} {state}");
            let painted = format!("{} {}", word, self.look.paint(state, tone));
            let room = self.look.columns.saturating_sub(width + 2).max(30);
            let all = wrapped(&format!("{head}: {}", direction.sentence), room);
            for (index, line) in all.iter().enumerate() {
                let line = if index == 0 { line.replacen(&head, &painted, 1) } else { line.clone() };
                let shown = self.look.paint(name, Tone::Strong);
                let pad = " ".repeat(width.saturating_sub(cells(name)));
                self.text.push_str(&format!("  {shown}{pad}{line}\n"));
                name = "";
            }
        }
        let pad = " ".repeat(width);
        self.text.push_str(&format!("  {pad}who must act: {}\n", who(verdict.act, &facts.a, &facts.b)));
    }

    fn remedies(&mut self, report: &Report) {
        let verdict = &report.verdict;
        let mut said: Vec<&str> = Vec::new();
        for direction in [&verdict.sending, &verdict.receiving] {
            said.extend(advice(direction).filter(|advice| !advice.is_empty()));
        }
        let mut seen = Vec::new();
        said.retain(|advice| {
            !seen.contains(advice) && {
                seen.push(advice);
                true
            }
        });
        if said.is_empty() {
            return;
        }
        self.text.push('\n');
        for (number, advice) in said.iter().take(ADVICE_MAX).enumerate() {
            self.paragraph(2, &format!("{}  {advice}", number + 1), Tone::Plain);
        }
    }

    fn leg(&mut self, from: &str, to: &str, leg: &Leg) {
        let (end, tone, steps) = match leg {
            Leg::NotTried { .. } => ("not tried".to_owned(), Tone::Faint, &[][..]),
            Leg::NotTaken(stop) => ("not taken".to_owned(), Tone::Bad, &stop.steps[..]),
            Leg::Bounced { taken, .. } => ("came back".to_owned(), Tone::Bad, &taken.steps[..]),
            Leg::Missing { taken, .. } => ("did not arrive".to_owned(), Tone::Bad, &taken.steps[..]),
            Leg::Unseen { taken, .. } => ("taken, not seen".to_owned(), Tone::Waiting, &taken.steps[..]),
            Leg::Arrived { taken, arrived } => {
                (format!("arrived in {}", harmless(&arrived.place.folder)), Tone::Good, &taken.steps[..])
            }
        };
        let arrow = format!("{from} → {to}");
        self.text.push_str(&format!(
            "\n  {}  {}\n",
            self.look.paint(&arrow, Tone::Strong),
            self.look.paint(&end, tone)
        ));
        self.steps(steps);
        match leg {
            Leg::NotTaken(stop) if !stop.said.is_empty() => self.row(&harmless(&stop.said), ""),
            Leg::Bounced { bounce, .. } => self.row(&harmless(&bounce.said), ""),
            Leg::Missing { taken, waited_ms } => {
                self.row(&harmless(&taken.reply), "");
                self.row("looked for", &milliseconds(*waited_ms));
            }
            Leg::Unseen { taken, .. } => self.row(&harmless(&taken.reply), ""),
            Leg::Arrived { arrived, .. } => self.way(arrived),
            _ => {}
        }
    }

    fn way(&mut self, arrived: &Arrived) {
        for hop in &arrived.hops {
            let (what, after) = of_hop(hop);
            self.row(&what, &after);
        }
        self.row(&format!("seen in {}", harmless(&arrived.place.folder)), &milliseconds(arrived.after_ms));
        if let Some(seen) = &arrived.authentication {
            let result = |name: &str, result: &Option<String>| Some(format!("{name}={}", result.as_deref()?));
            let results: Vec<String> =
                [result("spf", &seen.spf), result("dkim", &seen.dkim), result("dmarc", &seen.dmarc)]
                    .into_iter()
                    .flatten()
                    .collect();
            self.row(&format!("{} found {}", seen.by, results.join(" ")), "");
        }
    }

    fn mailbox(&mut self, mailbox: &Mailbox) {
        let host = mailbox.host.as_deref().unwrap_or("no server");
        let name = format!("mailbox of {}", mailbox.address);
        let (state, tone) = match (&mailbox.trouble, mailbox.full) {
            (Some(_), _) => ("cannot be read".to_owned(), Tone::Bad),
            (None, true) => ("open, and full".to_owned(), Tone::Bad),
            (None, false) => {
                let all: u64 = mailbox.steps.iter().map(|step| step.ms).sum();
                (format!("open at {host} after {}", milliseconds(all)), Tone::Plain)
            }
        };
        self.text.push_str(&format!(
            "\n  {}  {}\n",
            self.look.paint(&name, Tone::Strong),
            self.look.paint(&state, tone)
        ));
        if let Some(trouble) = &mailbox.trouble {
            self.steps(&mailbox.steps);
            self.row(&harmless(trouble), "");
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.row(&harmless(&step.what), &milliseconds(step.ms));
        }
    }

    fn row(&mut self, what: &str, time: &str) {
        let room = self.look.columns.saturating_sub(INDENT).max(30);
        let mut lines = wrapped(what, if time.is_empty() { room } else { TIME_AT - INDENT - time.len() - 1 });
        if let (Some(last), false) = (lines.last_mut(), time.is_empty()) {
            let gap = TIME_AT.saturating_sub(INDENT + cells(last) + time.len());
            *last = format!("{last}{}{time}", " ".repeat(gap.max(1)));
        }
        for line in lines {
            self.text.push_str(&format!("{}{line}\n", " ".repeat(INDENT)));
        }
    }

    fn paragraph(&mut self, indent: usize, text: &str, tone: Tone) {
        let room = self.look.columns.saturating_sub(indent + 3).max(30);
        for (index, line) in wrapped(text, room).iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + 3 };
            self.text.push_str(&format!("{}{}\n", " ".repeat(indent), self.look.paint(line, tone)));
        }
    }
}

/// More is not read.
const ADVICE_MAX: usize = 6;

/// What works needs no advice, but a word where something is odd.
fn advice(direction: &Direction) -> impl Iterator<Item = &str> {
    direction.advice.iter().map(String::as_str)
}

const fn state(health: Health) -> (&'static str, Tone) {
    match health {
        Health::Ok => ("works", Tone::Good),
        Health::AtRisk => ("works, but not well", Tone::Waiting),
        Health::Broken => ("is broken", Tone::Bad),
        Health::Unknown => ("could not be tested", Tone::Waiting),
    }
}

fn who(actor: Actor, a: &str, b: &str) -> String {
    let domain = |address: &str| address.rsplit('@').next().unwrap_or(address).to_owned();
    match actor {
        Actor::A => format!("you, at {a}: settings, password or mailbox"),
        Actor::AHost => format!("who runs the mail of {}", domain(a)),
        Actor::B => format!("the owner of {b}: settings, password or mailbox"),
        Actor::BHost => format!("who runs the mail of {}", domain(b)),
        Actor::Network => "who runs the network you are in".to_owned(),
        Actor::Nobody => "no one".to_owned(),
    }
}

fn milliseconds(ms: u64) -> String {
    format!("{ms} ms")
}

/// A hop in words; Received fields have no more than seconds.
fn of_hop(hop: &Hop) -> (String, String) {
    let by = hop.by.as_deref().or(hop.from.as_deref()).unwrap_or("a server without a name");
    let with = hop.with.as_deref().map(|with| format!(" ({with})")).unwrap_or_default();
    let after = match hop.after_s {
        Some(seconds) if seconds < -CLOCK_S => format!("clock {} s behind", seconds.unsigned_abs()),
        Some(seconds) => format!("+{} s", seconds.max(0)),
        None => "no time".to_owned(),
    };
    (format!("{by}{with}"), after)
}

/// Stamps are cut to seconds, so that one second less is no wrong clock.
const CLOCK_S: i64 = 2;

#[cfg(test)]
mod tests;
