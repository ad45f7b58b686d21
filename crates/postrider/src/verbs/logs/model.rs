//! The summary for programs: schema `postrider.logs/1`.

use super::Report;
use super::rows::Row;
use super::tally::{By, Volume};
use super::when::Zone;
use postrider_reply::Verdict;
use postrider_smtp::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    files: &'a [String],
    first: Option<String>,
    last: Option<String>,
    lines: u64,
    /// Lines by the server that wrote them.
    servers: BTreeMap<&'static str, u64>,
    /// Lines that are no mail server's, and the first of them.
    foreign: u64,
    strangers: &'a [String],
    volume: Volume,
    by: String,
    troubles: Vec<Trouble<'a>>,
    /// Troubles without a row of their own.
    beyond: u64,
    refused: Vec<Trouble<'a>>,
    silent: Vec<Silent<'a>>,
    unknown: Vec<Unknown<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Trouble<'a> {
    cause: &'static str,
    /// What it is put together by, besides the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    deferred: u64,
    failed: u64,
    rejected: u64,
    delivered: u64,
    first: Option<String>,
    last: Option<String>,
    /// Since when it is much more frequent than before.
    since: Option<String>,
    causes: BTreeMap<&'static str, u64>,
    places: BTreeMap<&'a str, u64>,
    said: &'a str,
    host: Option<&'a str>,
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct Silent<'a> {
    domain: &'a str,
    since: Option<String>,
    failures: u64,
}

#[derive(Serialize)]
struct Unknown<'a> {
    count: u64,
    said: &'a str,
}

/// How many places of a row are named.
const PLACES_MAX: usize = 20;

/// The summary as one line.
pub(super) fn json(report: &Report<'_>, by: By) -> String {
    let tally = report.tally;
    let (rows, rest) = tally.rows.sorted();
    let (refused, _) = tally.refused.sorted();
    let mut unknown: Vec<Unknown<'_>> =
        tally.unknown.values().map(|(count, said)| Unknown { count: *count, said }).collect();
    unknown.sort_by_key(|it| (std::cmp::Reverse(it.count), it.said));
    let silent = tally.silent();
    let silent =
        silent.iter().map(|(domain, streak)| Silent { domain, since: exact(streak.since), failures: streak.failures });
    let rows = rows.into_iter().filter(|(_, row, _)| row.troubles() > 0);
    let summary = Summary {
        schema: "postrider.logs/1",
        files: &report.files,
        first: exact(tally.first),
        last: exact(tally.last),
        lines: report.counts.lines,
        servers: report.servers().into_iter().map(|(server, lines)| (server.name(), lines)).collect(),
        foreign: report.counts.foreign(),
        strangers: report.strangers,
        volume: tally.volume,
        by: format!("{by:?}").to_ascii_lowercase(),
        troubles: rows.map(|(key, row, delivered)| trouble(report, place(by, key), row, delivered)).collect(),
        beyond: rest.map_or(0, Row::troubles),
        refused: refused.into_iter().map(|(_, row, _)| trouble(report, None, row, 0)).collect(),
        silent: silent.collect(),
        unknown,
        notes: &report.notes,
    };
    serde_json::to_string(&summary).map_or_else(|error| format!("{{\"error\":\"{error}\"}}\n"), |line| line + "\n")
}

fn exact(at: Option<Timestamp>) -> Option<String> {
    at.map(Zone::exact)
}

fn place(by: By, key: &str) -> Option<&str> {
    match by {
        By::Both => key.split_once('\t').map(|(_, place)| place),
        By::Cause => None,
        _ => Some(key),
    }
}

fn trouble<'a>(report: &Report<'_>, place: Option<&'a str>, row: &'a Row, delivered: u64) -> Trouble<'a> {
    Trouble {
        cause: row.verdict.cause.name(),
        place,
        deferred: row.deferred,
        failed: row.failed,
        rejected: row.rejected,
        delivered,
        first: exact(row.first),
        last: exact(row.last),
        since: exact(report.tally.change(&row.curve)),
        causes: row.causes.iter().map(|(cause, count)| (cause.name(), *count)).collect(),
        places: row.most(PLACES_MAX).0.into_iter().collect(),
        said: &row.example,
        host: Some(row.host.as_str()).filter(|host| !host.is_empty()),
        verdict: &row.verdict,
    }
}
