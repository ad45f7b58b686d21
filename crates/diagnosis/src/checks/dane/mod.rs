//! DANE and CAA: whether what the zone says about certificates fits the certificates there are.
//!
//! A TLSA record counts only where DNSSEC proves it (RFC 7672 §2.2); without that proof a
//! mismatch harms nobody, and is told as what it is.

mod caa;
#[cfg(test)]
mod tests;
mod tlsa;

use crate::ctx::Ctx;
use crate::dns::secure::{Security, secure_status};
use crate::dns::{Data, Rr};
use crate::facts::Facts;
use crate::finding::Say;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_dns::{Failure, Tlsa};
use postrider_mailauth::caa::{Property, climb, read};
use std::collections::BTreeMap;

/// Hosts that are looked at.
const HOSTS_MAX: usize = 10;
/// Names that are climbed for CAA records; no mail host lies deeper.
const CLIMB_MAX: usize = 8;

/// How far the records of a name are proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// From the anchor down.
    Secure,
    /// It is proved that they are not signed.
    Insecure,
    /// They ought to be signed, and the proof fails: how.
    Bogus(String),
    /// That could not be found out: why.
    Unknown(String),
}

/// What the zone says about one host's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPins {
    /// The host.
    pub host: String,
    /// Where its TLSA records are.
    pub name: String,
    /// They; or why there are none.
    pub tlsa: Result<Vec<Tlsa>, Failure>,
    /// How far they are proved.
    pub proof: Proof,
    /// The name at which CAA records were found, and they.
    pub caa: Option<(String, Vec<Property>)>,
}

/// A chain that a host showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The host.
    pub host: String,
    /// At which address.
    pub server: String,
    /// Its own certificate first, DER.
    pub chain: Vec<Vec<u8>>,
}

/// Asks for the TLSA and CAA records of the mail hosts.
pub(crate) async fn gather(ctx: &Ctx, hosts: &[String]) -> Vec<HostPins> {
    join_all(hosts.iter().take(HOSTS_MAX).map(|host| one(ctx, host))).await
}

async fn one(ctx: &Ctx, host: &str) -> HostPins {
    // The port is that of the service, wherever we look for it (RFC 7672 §2.2.3).
    let name = format!("_25._tcp.{host}");
    let (found, caa, proof) = tokio::join!(ctx.find(&name, Rtype::TLSA), caa_of(ctx, host), proof(ctx, &name));
    let tlsa = found.records.as_ref().map(|records| records.iter().filter_map(tlsa_of).collect()).map_err(Clone::clone);
    HostPins { host: host.to_owned(), name, tlsa, proof, caa }
}

/// How far it is proved what there is of a name's TLSA records, be it that there are none.
async fn proof(ctx: &Ctx, name: &str) -> Proof {
    match secure_status(ctx, name, Rtype::TLSA).await {
        Security::Secure { .. } => Proof::Secure,
        Security::Insecure(_) => Proof::Insecure,
        Security::Bogus(bogus) => Proof::Bogus(bogus.to_string()),
        Security::Indeterminate(why) => Proof::Unknown(why),
    }
}

fn tlsa_of(rr: &Rr) -> Option<Tlsa> {
    match &rr.data {
        Data::Tlsa { usage, selector, matching, data } => {
            Some(Tlsa { usage: *usage, selector: *selector, matching: *matching, data: data.clone().into() })
        }
        _ => None,
    }
}

async fn caa_of(ctx: &Ctx, host: &str) -> Option<(String, Vec<Property>)> {
    for name in climb(host).take(CLIMB_MAX) {
        let found = ctx.find(name, Rtype::CAA).await;
        let properties: Vec<Property> = found
            .all()
            .iter()
            .filter_map(|rr| match &rr.data {
                Data::Caa { flags, tag, value } => Some(read(*flags, tag, &String::from_utf8_lossy(value)).value),
                _ => None,
            })
            .collect();
        if !properties.is_empty() {
            return Some((name.to_owned(), properties));
        }
        // A question without an answer might have had some: nothing is known then.
        if found.records.as_ref().is_err_and(|failure| !failure.is_absence()) {
            return None;
        }
    }
    None
}

/// The TLSA records of each host, so that a change is news.
pub(crate) fn remember(facts: &Facts, seen: &mut BTreeMap<String, String>) {
    for pins in facts.pins.iter().flatten() {
        let mut lines: Vec<String> = pins.tlsa.iter().flatten().map(tlsa::shown).collect();
        lines.sort();
        if pins.tlsa.as_ref().is_err_and(Failure::is_absence) {
            lines.push("none".into());
        }
        if !lines.is_empty() {
            seen.insert(format!("TLSA of {}", pins.host), lines.join(" | "));
        }
    }
}

/// The chains that the mail hosts showed; `None` when they were not spoken to.
fn shown(facts: &Facts) -> Option<Vec<Shown>> {
    let hosts = facts.hosts.as_ref()?;
    let addresses = hosts.iter().flat_map(|host| host.addresses.iter().map(move |address| (host, address)));
    let shown = addresses.filter_map(|(host, address)| {
        let chain = address.main.tls.as_ref()?.chain.clone();
        Some(Shown { host: host.name.clone(), server: address.to.to_string(), chain })
    });
    Some(shown.collect())
}

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    judge_shown(facts, shown(facts).as_deref(), say);
}

fn judge_shown(facts: &Facts, shown: Option<&[Shown]>, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    let Some(pins) = &facts.pins else {
        for id in ["dane.match", "dane.dnssec", "sts.dane", "caa"] {
            say.untested(id, "the TLSA and CAA records were not asked for in time");
        }
        return;
    };
    tlsa::judge(facts, pins, shown, say);
    caa::judge(pins, shown, say);
}
