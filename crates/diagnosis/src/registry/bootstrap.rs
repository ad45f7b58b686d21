//! Who answers RDAP for a domain or an address (RFC 9224).
//!
//! The bundled tables are compact copies of IANA's; a file in IANA's own form takes the place
//! of the table for domains. A row that does not parse is passed over at run time, and found by
//! a test.

use super::canonical;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

const DOMAINS: &str = include_str!("data/rdap-domains.tsv");
const ADDRESSES: &str = include_str!("data/rdap-addresses.tsv");

/// Where RDAP is answered for which domains.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// From a domain (usually one label) to base addresses, each with a slash at its end.
    bases: HashMap<String, Vec<String>>,
}

/// Why a bootstrap file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// It is no JSON, or not of that form.
    #[error("the file is not of the form of IANA's dns.json (RFC 9224): {0}")]
    Form(String),
    /// It names no server.
    #[error("the file names no RDAP server; each entry of its \"services\" is [[domains…], [addresses…]]")]
    Empty,
}

/// IANA's form: `services` is a list of pairs of lists; more may follow in a pair.
#[derive(Deserialize)]
struct File {
    services: Vec<Vec<Vec<String>>>,
}

impl Bootstrap {
    /// The bundled table.
    pub fn bundled() -> Self {
        let mut bases: HashMap<String, Vec<String>> = HashMap::new();
        for (base, domains) in rows(DOMAINS) {
            for domain in domains.split(' ') {
                bases.entry(domain.to_owned()).or_default().push(base.replace("{}", domain));
            }
        }
        Self { bases }
    }

    /// A file in the form of IANA's `dns.json`.
    pub fn read(json: &[u8]) -> Result<Self, BootstrapError> {
        let file: File = serde_json::from_slice(json).map_err(|error| BootstrapError::Form(error.to_string()))?;
        let mut bases: HashMap<String, Vec<String>> = HashMap::new();
        for service in &file.services {
            let [domains, addresses, ..] = service.as_slice() else { continue };
            let usable: Vec<String> = addresses.iter().filter_map(|address| base(address)).collect();
            if usable.is_empty() {
                continue;
            }
            for domain in domains {
                // The root's entry is an empty string (RFC 9224 §4).
                let key = if domain.trim_matches('.').is_empty() { Some(String::new()) } else { canonical(domain) };
                if let Some(key) = key {
                    bases.entry(key).or_default().extend(usable.iter().cloned());
                }
            }
        }
        if bases.is_empty() { Err(BootstrapError::Empty) } else { Ok(Self { bases }) }
    }

    /// The base addresses for a domain, those under TLS first; empty when nobody is known.
    pub fn bases(&self, domain: &str) -> Vec<&str> {
        let Some(domain) = canonical(domain) else { return Vec::new() };
        // RFC 9224 §4: the entry with the most labels that match wins.
        let mut rest = domain.as_str();
        let found = loop {
            if let Some(found) = self.bases.get(rest) {
                break found;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => match self.bases.get("") {
                    Some(root) => break root,
                    None => return Vec::new(),
                },
            }
        };
        let mut bases: Vec<&str> = found.iter().map(String::as_str).collect();
        // RFC 9224 §3: https is to be preferred.
        bases.sort_by_key(|base| !base.starts_with("https:"));
        bases
    }
}

/// The base address of the regional registry of an address.
pub fn for_address(address: IpAddr) -> Option<&'static str> {
    rows(ADDRESSES).find(|(_, ranges)| ranges.split(' ').any(|range| holds(range, address))).map(|(base, _)| base)
}

fn holds(range: &str, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => range.parse::<u8>().is_ok_and(|first| first == v4.octets()[0]),
        IpAddr::V6(v6) => {
            let Some((prefix, bits)) = range.split_once('/') else { return false };
            let (Ok(prefix), Ok(bits)) = (prefix.parse::<Ipv6Addr>(), bits.parse::<u32>()) else { return false };
            let shift = 128_u32.saturating_sub(bits);
            u128::from(prefix).checked_shr(shift) == u128::from(v6).checked_shr(shift)
        }
    }
}

/// The rows of a bundled table: what is before the tab, and what is behind it.
pub(super) fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

/// A base address as it is put in front of a path: http or https, a slash at its end.
fn base(address: &str) -> Option<String> {
    let address = address.trim();
    let lower = address.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))?;
    if rest.trim_matches('/').is_empty() {
        return None;
    }
    // RFC 9224 §3: base addresses end in a slash; some writers forget it.
    Some(if address.ends_with('/') { address.to_owned() } else { format!("{address}/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_is_whole() {
        let table = Bootstrap::bundled();
        assert!(table.bases.len() > 1200, "{}", table.bases.len());
        for (domain, bases) in &table.bases {
            assert_eq!(bases.len(), 1, "{domain} has one row");
            let base = &bases[0];
            assert!(base.starts_with("http") && base.ends_with('/') && !base.contains(['{', '}', ' ']), "{base}");
            assert_eq!(canonical(domain).as_deref(), Some(domain.as_str()));
        }
        for line in DOMAINS.lines().chain(ADDRESSES.lines()) {
            assert!(line.starts_with('#') || line.split('\t').count() == 2, "{line}");
        }
    }

    #[test]
    fn by_the_longest_entry() {
        let table = Bootstrap::bundled();
        for (domain, base) in [
            ("example.com", "https://rdap.verisign.com/com/v1/"),
            ("Example.NET.", "https://rdap.verisign.com/net/v1/"),
            ("example.org", "https://rdap.publicinterestregistry.org/rdap/"),
            ("example.co.uk", "https://rdap.nominet.uk/uk/"),
            ("example.fr", "https://rdap.nic.fr/"),
            ("example.info", "https://rdap.identitydigital.services/rdap/"),
            ("example.dev", "https://pubapi.registry.google/rdap/"),
            ("example.de", "https://rdap.denic.de/"),
        ] {
            assert_eq!(table.bases(domain), [base], "{domain}");
        }
        assert!(table.bases("example.test").is_empty());
        let file = br#"{"version":"1.0","services":[
            [["test","Beispiel.test"],["http://127.0.0.1:8001/","https://127.0.0.1:8002/rdap"]],
            [["sub.test"],["ftp://x/","http://127.0.0.1:8003"],["more"]],[["broken"]]]}"#;
        let table = Bootstrap::read(file).unwrap();
        assert_eq!(table.bases("a.test"), ["https://127.0.0.1:8002/rdap/", "http://127.0.0.1:8001/"]);
        assert_eq!(table.bases("x.SUB.test"), ["http://127.0.0.1:8003/"]);
        assert!(table.bases("example.com").is_empty());
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        assert!(matches!(Bootstrap::read(b"<html>"), Err(BootstrapError::Form(_))));
        assert!(matches!(Bootstrap::read(b"{\"services\":[[[\"a\"],[1]]]}"), Err(BootstrapError::Form(_))));
        assert_eq!(Bootstrap::read(b"{\"services\":[]}").unwrap_err(), BootstrapError::Empty);
    }

    #[test]
    fn the_registry_of_an_address() {
        for (address, base) in [
            ("193.0.6.139", Some("https://rdap.db.ripe.net/")),
            ("199.43.135.53", Some("https://rdap.arin.net/registry/")),
            ("2001:dc7::1", Some("https://rdap.apnic.net/")),
            ("fd00::1", None),
            ("2606:4700::1111", Some("https://rdap.arin.net/registry/")),
            ("2a01:4f8::1", Some("https://rdap.db.ripe.net/")),
            ("127.0.0.1", None),
            ("10.0.0.1", None),
        ] {
            assert_eq!(for_address(address.parse().unwrap()), base, "{address}");
        }
    }
}
