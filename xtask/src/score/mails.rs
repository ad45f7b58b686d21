//! Mails about mail against their right answers: is it a bounce, about whom, and why.

use super::groups::Groups;
use super::row::{Answer, MailRow, UNKNOWN, sorted};
use super::tally::{Share, Suppression, Tally, line};
use postrider_reply::{Context, Decoder, Verdict};
use postrider_report::{Kind, Report};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// The score of a folder of mails.
#[derive(Debug, Default)]
pub(super) struct Score {
    /// Bounces and delays told from all other mail.
    recognised: Share,
    /// Bounces whose recipients are exactly those of the answer.
    sets: Share,
    /// The same for mail that is no bounce: complaints name a recipient as well.
    other_sets: Share,
    tally: Tally,
    suppression: Suppression,
    unreadable: Vec<String>,
    crashed: Vec<String>,
    slowest: Option<(Duration, String)>,
    misses: Vec<String>,
}

/// Reads every mail below `folder`.
pub(super) fn score(decoder: &Decoder, rows: &[MailRow], groups: &Groups, folder: &Path) -> Score {
    let mut score = Score::default();
    for row in rows {
        let Ok(mail) = std::fs::read(folder.join(&row.file)) else {
            score.unreadable.push(row.file.clone());
            continue;
        };
        let begun = Instant::now();
        let read = std::panic::catch_unwind(|| postrider_report::read(&mail));
        let took = begun.elapsed();
        let Ok(report) = read else {
            score.crashed.push(row.file.clone());
            continue;
        };
        if score.slowest.as_ref().is_none_or(|(most, _)| took > *most) {
            score.slowest = Some((took, row.file.clone()));
        }
        score.count(decoder, row, &report, groups);
    }
    score
}

impl Score {
    fn count(&mut self, decoder: &Decoder, row: &MailRow, report: &Report, groups: &Groups) {
        let is_bounce = matches!(report.kind, Kind::Bounce | Kind::Delay);
        self.recognised.count(is_bounce == row.is_bounce);
        if is_bounce != row.is_bounce {
            let wanted = if row.is_bounce { "a bounce" } else { "no bounce" };
            self.misses.push(format!("{}: taken for {}, it is {wanted}", row.file, report.kind));
        }
        if let Some(wanted) = row.addresses() {
            let found = sorted(report.recipients.iter().map(|reported| reported.recipient.as_str()));
            let sets = if row.is_bounce { &mut self.sets } else { &mut self.other_sets };
            sets.count(found == wanted);
            if found != wanted {
                let what = format!("{}: recipients {found:?}, should be {wanted:?}", row.file);
                self.misses.push(format!("{what} ({})", report.format));
            }
        }
        for (index, recipient) in row.recipients.iter().enumerate() {
            let answer = Answer { ambiguous: row.ambiguous || recipient.answer.ambiguous, ..recipient.answer.clone() };
            let (cause, suppress, words) = match report.kind {
                Kind::Complaint => ("complaint", false, String::new()),
                Kind::AutoReply => ("auto-reply", false, String::new()),
                _ => match verdict(decoder, report, recipient.recipient.as_deref(), index) {
                    Some((verdict, words)) => (verdict.cause.name(), verdict.suppress, words),
                    None => (UNKNOWN, false, String::new()),
                },
            };
            self.tally.count(&answer, cause, groups);
            let permanent = row.is_bounce;
            self.suppression.count(&answer, permanent, suppress);
            if answer.counts() && !answer.takes(cause) {
                self.misses.push(format!("{}: {} → {cause}\n    {words:?}", row.file, answer.our_label));
            }
        }
    }

    pub(super) fn text(&self, misses: bool) -> String {
        let mut text = line("recognised", self.recognised, "99") + &line("recipients", self.sets, "97");
        if self.other_sets.of > 0 {
            text.push_str(&line("of others", self.other_sets, ""));
        }
        if let Some((took, file)) = &self.slowest {
            let build = if cfg!(debug_assertions) { ", built without optimisation" } else { "" };
            let ms = took.as_secs_f64() * 1e3;
            text.push_str(&format!("{:<12} {ms:5.1} ms ({file}{build})  bar 50 ms\n", "slowest"));
        }
        text.push_str(&format!("{:<12} {:5}\n", "crashed", self.crashed.len()));
        text.push_str("causes\n");
        text.push_str(&(self.tally.text() + "suppression\n" + &self.suppression.text() + &self.tally.confusion()));
        for (what, files) in [("cannot be read", &self.unreadable), ("crashed", &self.crashed)] {
            text.extend(files.iter().map(|file| format!("{file}: {what}\n")));
        }
        if misses {
            text.push('\n');
            text.extend(self.misses.iter().map(|miss| format!("x {miss}\n")));
        }
        text
    }

    pub(super) fn json(&self, misses: bool) -> Value {
        let slowest = self.slowest.as_ref();
        let mut value = json!({
            "kind": "mails", "recognised": self.recognised.json(), "recipient_sets": self.sets.json(),
            "recipient_sets_of_others": self.other_sets.json(), "crashed": self.crashed,
            "unreadable": self.unreadable, "causes": self.tally.json(), "suppression": self.suppression.json(),
            "slowest_ms": slowest.map(|(took, _)| took.as_secs_f64() * 1e3), "slowest": slowest.map(|(_, file)| file),
        });
        if misses {
            value["misses"] = json!(self.misses);
        }
        value
    }
}

/// What the report says about one recipient, by address, or by place where the row has none.
fn verdict(decoder: &Decoder, report: &Report, address: Option<&str>, index: usize) -> Option<(Verdict, String)> {
    let by_address = address
        .and_then(|address| report.recipients.iter().find(|reported| reported.recipient.eq_ignore_ascii_case(address)));
    let reported = by_address.or_else(|| report.recipients.get(index))?;
    let host = reported.host.as_deref().unwrap_or_default();
    let verdict = decoder.explain(&reported.quoted(), &Context { host, ..Context::default() });
    Some((verdict, reported.said.clone()))
}
