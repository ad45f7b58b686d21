//! Who the addresses are: their names, forward and back, and the lists that have them.

mod lists;
mod names;

pub use lists::{ListFacts, Listing};
pub use names::NameFacts;

use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::finding::Say;
use futures_util::future::join_all;
use std::net::IpAddr;

/// Addresses that are looked at.
const ADDRESSES_MAX: usize = 12;

/// What is known of the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityFacts {
    /// Each address, its names.
    pub names: Vec<NameFacts>,
    /// Each list, what it says.
    pub lists: Vec<ListFacts>,
}

/// Asks for the names of the addresses, and asks the lists. `ips` are those of the mail hosts.
pub(crate) async fn gather(ctx: &Ctx, domain: &str, ips: &[IpAddr]) -> IdentityFacts {
    let mut all: Vec<IpAddr> = ctx.settings.senders.clone();
    for ip in ips {
        if !all.contains(ip) {
            all.push(*ip);
        }
    }
    all.truncate(ADDRESSES_MAX);
    let names = join_all(all.iter().map(|ip| names::gather(ctx, *ip, ctx.settings.senders.contains(ip))));
    let (names, lists) = tokio::join!(names, lists::gather(ctx, domain, &all));
    IdentityFacts { names, lists }
}

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    match &facts.identity {
        Some(identity) => {
            names::judge(facts, &identity.names, say);
            lists::judge(&identity.lists, say);
        }
        None => {
            for id in ["ptr.exists", "ptr.fcrdns", "ptr.generic", "bl.ip", "bl.domain", "bl.blocked"] {
                say.untested(id, "the addresses were not known in time");
            }
        }
    }
}
