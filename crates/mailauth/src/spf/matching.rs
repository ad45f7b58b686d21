//! Whether a mechanism matches (RFC 7208 §5).

use super::addresses::is_in;
use super::cause::Cause;
use super::evaluate::{Check, Said};
use super::names;
use super::record::{Mechanism, Prefixes};
use postrider_dns::{Kind, Record as DnsRecord, reverse_name};
use std::net::IpAddr;
use std::sync::Arc;

impl Check<'_> {
    /// Whether the mechanism of a record of `domain` matches.
    pub(super) async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Cause> {
        let ip = self.request.address();
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4 { network, prefix } => Ok(is_in(ip, (*network).into(), *prefix)),
            Mechanism::Ip6 { network, prefix } => Ok(is_in(ip, (*network).into(), *prefix)),
            Mechanism::Include(target) => {
                let target = self.name(target, domain).await;
                self.includes(target).await
            }
            Mechanism::A { target, prefixes } => {
                let name = self.target(target.as_ref(), domain).await;
                match self.host_addresses(&name).await? {
                    Some(addresses) => Ok(any_in(ip, &addresses, *prefixes)),
                    None => self.count_void(&name).map(|()| false),
                }
            }
            Mechanism::Mx { target, prefixes } => {
                let name = self.target(target.as_ref(), domain).await;
                self.matches_mx(&name, *prefixes).await
            }
            Mechanism::Ptr(target) => {
                let name = self.target(target.as_ref(), domain).await;
                self.matches_ptr(&names::canonical(&name)).await
            }
            Mechanism::Exists(target) => {
                let name = self.name(target, domain).await;
                // RFC 7208 §5.7: an A record, whatever the address of the client is.
                match self.ask(&name, Kind::A).await? {
                    Said::Records(records) => Ok(!records.is_empty()),
                    Said::Nothing => self.count_void(&name).map(|()| false),
                    Said::NotAName => Ok(false),
                }
            }
        }
    }

    async fn target(&mut self, target: Option<&super::MacroString>, domain: &str) -> String {
        match target {
            Some(target) => self.name(target, domain).await,
            None => domain.to_owned(),
        }
    }

    /// The host's addresses of the client's kind; `None` when the DNS has none.
    async fn host_addresses(&self, host: &str) -> Result<Option<Vec<IpAddr>>, Cause> {
        let kind = if self.request.address().is_ipv4() { Kind::A } else { Kind::Aaaa };
        match self.ask(host, kind).await? {
            Said::Records(records) => Ok(Some(records.iter().filter_map(address).collect())),
            Said::Nothing => Ok(None),
            Said::NotAName => Ok(Some(Vec::new())),
        }
    }

    async fn matches_mx(&mut self, name: &str, prefixes: Prefixes) -> Result<bool, Cause> {
        let records = match self.ask(name, Kind::Mx).await? {
            Said::Records(records) => records,
            Said::Nothing => return self.count_void(name).map(|()| false),
            Said::NotAName => return Ok(false),
        };
        let limit = self.request.limits.exchanges_max;
        if records.len() > limit {
            return Err(Cause::Exchanges { name: name.into(), count: records.len(), limit });
        }
        for record in &records {
            let DnsRecord::Mx(mx) = record else { continue };
            // RFC 7505 §3: the root is no host. And no host's silence is void: the term has found something.
            if matches!(&*mx.exchange, "" | ".") {
                continue;
            }
            let addresses = self.host_addresses(&mx.exchange).await?.unwrap_or_default();
            if any_in(self.request.address(), &addresses, prefixes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn matches_ptr(&mut self, domain: &str) -> Result<bool, Cause> {
        let names = self.validated().await;
        if names.void {
            return self.count_void(&reverse_name(self.request.address())).map(|()| false);
        }
        Ok(names.names.iter().any(|name| names::is_within(name, domain)))
    }

    /// What `%{p}` stands for (RFC 7208 §7.2): the domain itself, a name below it, or any.
    pub(super) async fn validated_name(&mut self, domain: &str) -> String {
        let validated = &self.validated().await.names;
        let domain = names::canonical(domain);
        let best = validated
            .iter()
            .find(|name| **name == domain)
            .or_else(|| validated.iter().find(|name| names::is_within(name, &domain)))
            .or_else(|| validated.first());
        best.map_or_else(|| "unknown".to_owned(), Clone::clone)
    }

    /// The names of the address that have the address (RFC 7208 §5.5), looked up once. Trouble
    /// with them is no match.
    async fn validated(&mut self) -> Arc<Validated> {
        if let Some(validated) = &self.validated {
            return Arc::clone(validated);
        }
        let ip = self.request.address();
        let mut validated = Validated::default();
        match self.ask(&reverse_name(ip), Kind::Ptr).await {
            Ok(Said::Records(records)) => {
                for record in records.iter().take(self.request.limits.names_max) {
                    let DnsRecord::Ptr(name) = record else { continue };
                    let name = names::canonical(name);
                    // A name in trouble is passed over, and the search goes on.
                    if let Ok(Some(addresses)) = self.host_addresses(&name).await
                        && addresses.contains(&ip)
                    {
                        validated.names.push(name);
                    }
                }
            }
            Ok(Said::Nothing) => validated.void = true,
            Ok(Said::NotAName) | Err(_) => {}
        }
        let validated = Arc::new(validated);
        self.validated = Some(Arc::clone(&validated));
        validated
    }
}

/// The names of an address that lead back to it.
#[derive(Default)]
pub(super) struct Validated {
    names: Vec<String>,
    /// Whether the address has no name at all.
    void: bool,
}

fn any_in(ip: IpAddr, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
    addresses.iter().any(|network| is_in(ip, *network, if network.is_ipv4() { prefixes.v4 } else { prefixes.v6 }))
}

/// The address in a record that has one.
pub(super) fn address(record: &DnsRecord) -> Option<IpAddr> {
    match record {
        DnsRecord::A(ip) => Some(IpAddr::V4(*ip)),
        DnsRecord::Aaaa(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}
