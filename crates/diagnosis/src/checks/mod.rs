//! The checks, a file for each subject.
//!
//! Each file has three things: the facts of its subject, `gather`, which asks the world for
//! them through [`Ctx`](crate::ctx::Ctx) and judges nothing, and `judge`, which turns
//! [`Facts`] into what is said, and asks nothing. The tests are tables over
//! `judge`. A fact that could not be had makes its checks `untested`, never a fault.
//!
//! To add a check: an entry in `catalogue.toml`, its judge here, and, when it needs to ask
//! something new, a field in [`Facts`] filled in `run.rs`.

pub mod client;
pub mod dane;
pub mod dkim;
pub mod dmarc;
pub mod dns;
pub mod egress;
pub mod identity;
pub(crate) mod log;
pub mod mx;
pub mod policy;
mod recent;
pub mod registration;
pub mod smtp;
pub mod spf;

use crate::facts::Facts;
use crate::finding::{Finding, Say, Severity};
use crate::report::Change;
use std::collections::BTreeMap;

/// All judges, in the order of the house: deep things first.
#[rustfmt::skip]
const JUDGES: &[fn(&Facts, &mut Say)] = &[
    registration::judge,
    dns::judge,
    mx::judge,
    smtp::judge,
    identity::judge,
    spf::judge,
    dkim::judge,
    dmarc::judge,
    policy::judge,
    dane::judge,
    recent::judge,
    egress::judge,
    client::judge,
    // It names what the others found as the cause of what it shows.
    log::judge,
];

/// What rooms want remembered from run to run: a name, and its value in a line.
pub(crate) const MEMORIES: &[Remember] =
    &[smtp::remember, policy::remember, dkim::remember, dane::remember, registration::remember];

/// Writes down what a room wants remembered.
type Remember = fn(&Facts, &mut BTreeMap<String, String>);

/// Dates that what was seen carries in itself, for the timeline.
pub(crate) const DATES: &[fn(&Facts) -> Vec<Change>] = &[registration::timeline, dns::timeline, log::timeline];

/// Lets every judge speak.
pub(crate) fn judge(facts: &Facts) -> Say {
    let mut say = Say::default();
    for judge in JUDGES {
        judge(facts, &mut say);
    }
    say.keep(|id| facts.settings.wants(id));
    overshadow(&mut say);
    say
}

/// Without a domain in the DNS nothing else can be well: whatever else was found comes of that.
fn overshadow(say: &mut Say) {
    let walk = say.findings.iter().find(|finding| finding.id == "dns.walk" && finding.severity == Severity::Problem);
    let Some(key) = walk.map(Finding::key) else { return };
    for finding in &mut say.findings {
        let of_its_own = finding.id == "dns.walk" || finding.id.starts_with("reg.") || !finding.because_of.is_empty();
        if !of_its_own {
            finding.because_of.push(key.clone());
        }
    }
}

/// Lets only the judges of mail programs speak: the rest was not looked at.
pub(crate) fn judge_client(facts: &Facts) -> Say {
    let mut say = Say::default();
    client::judge(facts, &mut say);
    say
}
