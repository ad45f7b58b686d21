//! What a run says: the answer first, then what proves it. One shape for text, JSON and pages.

use crate::catalogue;
use crate::checks::client::ClientAnswer;
use crate::facts::Facts;
use crate::finding::{Actor, Checked, Finding, Impact, Say, Severity, State};
use crate::fold::{Folded, fold};
use crate::history::{self, Snapshot};
use jiff::Timestamp as Instant;
use serde::Serialize;
use std::collections::BTreeMap;

/// How one direction of mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It flows.
    Ok,
    /// It flows, and some of it may not.
    AtRisk,
    /// It does not flow.
    Broken,
    /// Too little could be tested.
    Unknown,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Mail from the domain.
    pub sending: Health,
    /// Mail to the domain.
    pub receiving: Health,
    /// Its users' mail programs.
    pub client: Health,
    /// Since when, where something tells (RFC 3339).
    pub since: Option<String>,
    /// Who must act on the first finding; `None` when nothing was found.
    pub act: Option<Actor>,
}

/// How long one step took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// The step, as in `banner`.
    pub step: String,
    /// Milliseconds.
    pub ms: f64,
}

/// One change, on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// When (RFC 3339).
    pub at: String,
    /// What, in a line.
    pub what: String,
    /// Who says so: `snapshot`, `serial`, `registry`, `signature`, `certificate`, `log`.
    pub source: &'static str,
}

/// The way to one host, step by step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Path {
    /// The host.
    pub host: String,
    /// Its address and port.
    pub address: String,
    /// How it ended, in a word or two.
    pub end: String,
    /// What each step took.
    pub steps: Vec<Timing>,
}

/// From where it was looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vantage {
    /// The address of this machine towards the internet, as far as known.
    pub ip: Option<String>,
    /// Whether this machine may connect to port 25: `open`, `blocked` or `unknown`.
    pub egress25: &'static str,
}

/// What a run found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `postrider.doctor/1`.
    pub schema: &'static str,
    /// What was looked at.
    pub target: String,
    /// When (RFC 3339).
    pub at: String,
    /// From where.
    pub vantage: Vantage,
    /// The answer.
    pub verdict: Answer,
    /// Roots first, worst first; behind each root what it explains, which names it in `because_of`.
    pub findings: Vec<Finding>,
    /// The roots among `findings`, each with what it explains.
    #[serde(skip)]
    pub roots: Vec<(Finding, Vec<Finding>)>,
    /// What came of each check.
    pub checks: Vec<Checked>,
    /// The way to each host.
    pub path: Vec<Path>,
    /// Milliseconds by subject.
    pub timings: BTreeMap<String, f64>,
    /// What changed, oldest first.
    pub timeline: Vec<Change>,
    /// What the next run is to know of this one.
    #[serde(skip)]
    pub snapshot: Snapshot,
    /// For one mailbox: whether its mail program can fetch and send, and what to type into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientAnswer>,
    /// Who runs the domain's name servers, where the company is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_host: Option<String>,
    /// Whether the run was cut short, and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
}

/// The schema's name.
pub(crate) const SCHEMA: &str = "postrider.doctor/1";

impl Report {
    /// Draws the report from what was seen and said.
    pub(crate) fn draw(facts: &Facts, say: Say) -> Self {
        let Folded { roots } = fold(say.findings);
        let checks = sum_up(say.checked);
        let snapshot = history::snapshot(facts, &findings_of(&roots));
        let verdict = answer(&roots, &checks, facts);
        let findings = findings_of(&roots);
        let client = facts.client.as_ref().and_then(|client| ClientAnswer::draw(client, &findings));
        Self {
            schema: SCHEMA,
            target: facts.target.as_ref().map(ToString::to_string).unwrap_or_default(),
            at: moment(facts.now.0),
            vantage: vantage(facts),
            verdict,
            findings,
            roots,
            checks,
            path: crate::checks::smtp::paths(facts),
            timings: BTreeMap::new(),
            timeline: history::timeline(facts, &snapshot),
            snapshot,
            client,
            dns_host: crate::checks::registration::dns_company(facts),
            cut_short: None,
        }
    }

    /// The roots, each with what it explains.
    pub fn roots(&self) -> impl Iterator<Item = &(Finding, Vec<Finding>)> + Clone {
        self.roots.iter()
    }

    /// Gives each check the time that was spent on its subject.
    pub(crate) fn time_checks(&mut self) {
        for checked in &mut self.checks {
            let spent = subjects(checked.id).iter().filter_map(|subject| self.timings.get(*subject));
            checked.ms = spent.copied().reduce(f64::max).map(whole);
        }
    }

    /// How many checks came out as that.
    pub fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|checked| checked.state == state).count()
    }

    /// How many findings of that severity there are, consequences counted.
    pub fn found(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// What is gathered for a check, by the names of [`Report::timings`].
fn subjects(id: &str) -> &'static [&'static str] {
    match id {
        "dns.sec" | "dns.sig" | "dns.alg" => &["DNSSEC"],
        "dns.propag" | "dns.split" => &["resolvers"],
        "net.egress25" => &["the way out"],
        "net.class" | "helo.match" => &["mail hosts", "mail host"],
        "sts.dane" | "caa" => &["TLSA and CAA"],
        "tlsrpt" | "bimi" => &["policies"],
        "dmarc.align" | "dkim.verify" | "dkim.risk" | "dkim.2" | "dns.recent" => &[],
        _ => match id.split('.').next().unwrap_or_default() {
            "reg" => &["registry"],
            "dns" => &["name servers"],
            "mx" => &["mail exchanges"],
            "smtp" | "tls" => &["mail hosts", "mail host"],
            "ptr" | "bl" => &["addresses", "names and lists"],
            "spf" => &["SPF"],
            "dkim" => &["DKIM keys"],
            "dmarc" => &["DMARC"],
            "dane" => &["TLSA and CAA"],
            "sts" => &["policies"],
            "cl" => &["settings of mail programs", "servers for mail programs"],
            _ => &[],
        },
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time is small and not negative")]
fn whole(ms: f64) -> u64 {
    ms.round() as u64
}

fn vantage(facts: &Facts) -> Vantage {
    let egress = facts.egress.as_ref();
    let ip = egress.and_then(|egress| egress.vantage_ip()).map(|ip| ip.to_string());
    Vantage { ip, egress25: egress.map_or("unknown", |egress| egress.word()) }
}

/// A moment as RFC 3339 has it, in UTC.
pub fn moment(ms: i64) -> String {
    Instant::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |instant| instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn findings_of(roots: &[(Finding, Vec<Finding>)]) -> Vec<Finding> {
    roots.iter().flat_map(|(root, under)| std::iter::once(root).chain(under)).cloned().collect()
}

/// One line per check: its worst state.
fn sum_up(said: Vec<Checked>) -> Vec<Checked> {
    let mut by_id: BTreeMap<&str, Checked> = BTreeMap::new();
    for checked in said {
        match by_id.get_mut(checked.id) {
            Some(known) if known.state >= checked.state => {}
            Some(known) => *known = checked,
            None => {
                by_id.insert(checked.id, checked);
            }
        }
    }
    let mut checks: Vec<Checked> = by_id.into_values().collect();
    checks.sort_by_key(|checked| catalogue::find(checked.id).map_or(usize::MAX, |check| check.rank));
    checks
}

/// The checks without which a direction cannot be called well: one of each row must be fine.
const PROOF_OF_RECEIVING: [&str; 1] = ["smtp.banner"];
const PROOF_OF_SENDING: [&str; 2] = ["spf.one", "net.egress25"];
const PROOF_OF_CLIENT: [&str; 3] = ["cl.port", "cl.auth", "cl.imap"];

fn answer(roots: &[(Finding, Vec<Finding>)], checks: &[Checked], facts: &Facts) -> Answer {
    let worst = |of: fn(&Finding) -> Impact| roots.iter().map(|(root, _)| of(root)).max().unwrap_or_default();
    let proven = |ids: &[&str]| {
        checks.iter().any(|checked| ids.contains(&checked.id) && matches!(checked.state, State::Fine | State::Found))
    };
    let health = |impact: Impact, proof: &[&str]| match impact {
        Impact::Broken => Health::Broken,
        Impact::AtRisk => Health::AtRisk,
        Impact::None if proven(proof) => Health::Ok,
        Impact::None => Health::Unknown,
    };
    let worst_root = roots.first();
    Answer {
        sending: health(worst(|finding| finding.sending), &PROOF_OF_SENDING),
        receiving: health(worst(|finding| finding.receiving), &PROOF_OF_RECEIVING),
        client: health(worst(|finding| finding.client), &PROOF_OF_CLIENT),
        since: worst_root.and_then(|(root, _)| since(facts, root)).map(moment),
        act: worst_root.map(|(root, _)| root.act),
    }
}

/// Since when the worst fault is there: by its own date, by the log, or by what earlier runs saw.
fn since(facts: &Facts, root: &Finding) -> Option<i64> {
    root.since
        .or_else(|| crate::checks::log::since(facts, root))
        .or_else(|| history::since(&facts.settings.history, &root.key()))
}
