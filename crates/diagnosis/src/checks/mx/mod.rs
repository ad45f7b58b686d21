//! Where mail for the domain goes: the MX set and the addresses of its hosts.

mod hosts;
mod set;
#[cfg(test)]
mod tests;

use crate::ctx::Ctx;
use crate::dns::{Data, Found, Rr};
use crate::facts::Facts;
use crate::finding::Say;
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_dns::Failure;
use std::net::IpAddr;

/// Hosts that are looked at.
const HOSTS_MAX: usize = 10;

/// One mail exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MxHost {
    /// Its name.
    pub name: String,
    /// Lower is tried first.
    pub preference: u16,
    /// Where it is.
    pub ips: Vec<IpAddr>,
    /// Why it has no address, or why not all of them are known.
    pub failure: Option<Failure>,
    /// What the name is an alias of, where it is one.
    pub alias: Option<String>,
}

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MxFacts {
    /// The records, by preference; or why there are none.
    pub records: Result<Vec<(u16, String)>, Failure>,
    /// How long they may be kept.
    pub ttl: u32,
    /// The hosts that take part, by preference. With no MX, the domain itself (RFC 5321 §5.1).
    pub hosts: Vec<MxHost>,
    /// Whether the host is the domain itself, for want of an MX.
    pub implicit: bool,
}

impl MxFacts {
    /// Whether the domain says that it takes no mail (RFC 7505).
    pub fn is_null(&self) -> bool {
        self.records.as_ref().is_ok_and(|records| records.iter().all(|(_, host)| host == ".") && !records.is_empty())
    }
}

/// Asks for the MX set and where its hosts are. What the zone's own servers agreed on comes
/// before what anybody else says.
pub(crate) async fn gather(ctx: &Ctx, domain: &str, agreed: Option<&[Rr]>) -> MxFacts {
    let asked;
    let (records, ttl) = match agreed.filter(|records| !records.is_empty()) {
        Some(records) => (Ok(exchanges(records)), records.iter().map(|rr| rr.ttl).min().unwrap_or(0)),
        None => {
            asked = ctx.find(domain, Rtype::MX).await;
            let records = asked.records.as_ref().map(|records| exchanges(records)).map_err(Clone::clone);
            (records, asked.ttl().unwrap_or(0))
        }
    };
    let implicit = matches!(&records, Err(Failure::NoData { .. }));
    let mut wanted: Vec<(u16, String)> = match &records {
        Ok(records) => records.iter().filter(|(_, host)| host != ".").cloned().collect(),
        Err(_) if implicit => vec![(0, domain.to_owned())],
        Err(_) => Vec::new(),
    };
    wanted.truncate(HOSTS_MAX);
    let hosts = join_all(wanted.into_iter().map(|(preference, name)| host(ctx, preference, name))).await;
    MxFacts { records, ttl, hosts, implicit }
}

fn exchanges(records: &[Rr]) -> Vec<(u16, String)> {
    let mut exchanges: Vec<(u16, String)> = records
        .iter()
        .filter_map(|rr| match &rr.data {
            Data::Mx { preference, exchange } => Some((*preference, exchange.clone())),
            _ => None,
        })
        .collect();
    exchanges.sort();
    exchanges
}

async fn host(ctx: &Ctx, preference: u16, name: String) -> MxHost {
    let ((ips, failure), four) = tokio::join!(ctx.addresses(&name), ctx.find(&name, Rtype::A));
    let alias = |found: &Found| found.aliases.last().map(|(_, target)| target.clone());
    MxHost { preference, ips, failure, alias: alias(&four), name }
}

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    let Some(mx) = &facts.mx else {
        for id in
            ["mx.none", "mx.null", "mx.nohost", "mx.cname", "mx.ip", "mx.private", "mx.park", "mx.mixed", "mx.dup"]
        {
            if !facts.domain.is_empty() {
                say.untested(id, "the MX records were not asked for in time");
            }
        }
        return;
    };
    set::judge(facts, mx, say);
    hosts::judge(facts, mx, say);
}
