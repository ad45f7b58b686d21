//! Who runs a name server: the company, from the end of the host's name.

use super::bootstrap::rows;
use super::canonical;

const TABLE: &str = include_str!("data/name-servers.tsv");

/// The company behind a name server, when its host name tells.
pub fn of_nameserver(host: &str) -> Option<&'static str> {
    let host = canonical(host)?;
    let labels: Vec<&str> = host.split('.').collect();
    let mut best: Option<(usize, &'static str)> = None;
    for (suffix, company) in rows(TABLE) {
        let wanted = suffix.split('.').count();
        let longer = best.is_none_or(|(length, _)| wanted > length);
        if longer && wanted <= labels.len() {
            let end = &labels[labels.len() - wanted..];
            if suffix.split('.').zip(end).all(|(pattern, label)| matches(pattern, label)) {
                best = Some((wanted, company));
            }
        }
    }
    best.map(|(_, company)| company)
}

fn matches(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((start, end)) => {
            label.len() >= start.len() + end.len() && label.starts_with(start) && label.ends_with(end)
        }
    }
}

/// Who runs a set of name servers: each company once, in the order of the hosts. A host that
/// tells nothing stands for itself by its registered domain.
pub fn of_nameservers<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut companies: Vec<String> = Vec::new();
    for host in hosts {
        let who = of_nameserver(host).map(str::to_owned).or_else(|| super::name::registrable(host));
        if let Some(who) = who
            && !companies.contains(&who)
        {
            companies.push(who);
        }
    }
    companies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_end_of_the_name() {
        for (host, company) in [
            ("ada.ns.cloudflare.com", Some("Cloudflare")),
            ("NS-123.awsdns-45.co.uk.", Some("Amazon Route 53")),
            ("ns1-07.azure-dns.com", Some("Microsoft Azure DNS")),
            ("ns1.bdm.microsoftonline.com", Some("Microsoft 365")),
            ("ns01.domaincontrol.com", Some("GoDaddy")),
            ("ns-cloud-a1.googledomains.com", Some("Google Cloud DNS")),
            ("ns1.notcloudflare.com", None),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(of_nameserver(host), company, "{host}");
        }
        let hosts = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com", "ns1.small.test", "ns2.small.test"];
        assert_eq!(of_nameservers(hosts), ["Cloudflare", "small.test"]);
    }

    #[test]
    fn the_table_is_clean() {
        let mut seen = std::collections::HashSet::new();
        for (suffix, company) in rows(TABLE) {
            assert!(seen.insert(suffix), "{suffix} has two rows");
            assert!(!company.is_empty() && suffix == suffix.to_lowercase() && suffix.contains('.'), "{suffix}");
        }
        assert!(seen.len() > 150);
    }
}
