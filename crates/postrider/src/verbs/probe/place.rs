//! From what the user named to a host and its addresses.

use crate::exit::{Exit, Failure};
use postrider_diagnosis::Target;
use postrider_diagnosis::ctx::Ctx;
use postrider_diagnosis::dns::{Data, Found, Rtype};
use postrider_diagnosis::session::Tls;
use postrider_dns::Failure as DnsFailure;
use std::net::IpAddr;
use std::time::Duration;

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The host's name, or its address.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// Its addresses.
    pub(super) ips: Vec<IpAddr>,
    /// The domain whose MX it is, and the preference.
    pub(super) mx_of: Option<(String, u16)>,
}

/// Why there is nowhere to connect to.
pub(super) struct Nowhere {
    pub(super) exit: Exit,
    pub(super) why: String,
}

/// Finds the place.
pub(super) async fn find(ctx: &Ctx, text: &str, implicit: bool, login: bool) -> Result<Place, Nowhere> {
    let usual = match (implicit, login) {
        (true, _) => 465,
        (false, true) => 587,
        (false, false) => 25,
    };
    let target = Target::parse(text).map_err(|fault| Nowhere { exit: Exit::Usage, why: fault.to_string() })?;
    match target {
        Target::Ip { ip, port } => {
            Ok(Place { host: ip.to_string(), port: port.unwrap_or(usual), ips: vec![ip], mx_of: None })
        }
        Target::Host { name, port } if port != 25 => host(ctx, name, port, None).await,
        Target::Host { name, .. } => mail_host(ctx, name).await,
        Target::Domain { name, user: None } if usual != 25 => host(ctx, name, usual, None).await,
        Target::Domain { name, .. } => mail_host(ctx, name).await,
    }
}

/// The best MX of a domain, or the name itself where it has none.
async fn mail_host(ctx: &Ctx, name: String) -> Result<Place, Nowhere> {
    let found = ctx.find(&name, Rtype::MX).await;
    let exchanges = exchanges(&found);
    match &found.records {
        Ok(_) if exchanges.iter().all(|(_, host)| host == ".") && !exchanges.is_empty() => Err(Nowhere {
            exit: Exit::Problem,
            why: format!("{name} says that it takes no mail (a null MX, RFC 7505)"),
        }),
        Ok(_) if !exchanges.is_empty() => {
            let mut last = None;
            for (preference, exchange) in exchanges.into_iter().filter(|(_, host)| host != ".") {
                match host(ctx, exchange, 25, Some((name.clone(), preference))).await {
                    Ok(place) => return Ok(place),
                    Err(nowhere) => last = Some(nowhere),
                }
            }
            Err(last.unwrap_or(Nowhere { exit: Exit::Problem, why: format!("no MX of {name} has an address") }))
        }
        Err(DnsFailure::NoSuchDomain { .. }) => {
            Err(Nowhere { exit: Exit::Problem, why: format!("there is no domain {name}") })
        }
        _ => host(ctx, name, 25, None).await,
    }
}

fn exchanges(found: &Found) -> Vec<(u16, String)> {
    let mut exchanges: Vec<(u16, String)> = found
        .all()
        .iter()
        .filter_map(|rr| match &rr.data {
            Data::Mx { preference, exchange } => Some((*preference, exchange.clone())),
            _ => None,
        })
        .collect();
    exchanges.sort();
    exchanges
}

async fn host(ctx: &Ctx, name: String, port: u16, mx_of: Option<(String, u16)>) -> Result<Place, Nowhere> {
    let (ips, failure) = ctx.addresses(&name).await;
    if !ips.is_empty() {
        return Ok(Place { host: name, port, ips, mx_of });
    }
    Err(match failure {
        Some(failure) if !failure.is_absence() => {
            Nowhere { exit: Exit::Unsure, why: format!("the address of {name} could not be found out: {failure}") }
        }
        _ => Nowhere { exit: Exit::Problem, why: format!("{name} has no address") },
    })
}

/// How long the host may take to greet. One that waits for TLS would keep us waiting for ever.
pub(super) fn patience(ctx: &Ctx, port: u16, tls: Tls) -> Duration {
    if port == 465 && tls != Tls::Implicit { ctx.left().min(Duration::from_secs(2)) } else { ctx.left() }
}

impl From<Nowhere> for Failure {
    fn from(nowhere: Nowhere) -> Self {
        Self::new(nowhere.exit, nowhere.why)
    }
}
