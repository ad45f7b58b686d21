//! Blocklists, asked as RFC 5782 has it: first whether the list works, then what it says.
//!
//! A list must have 127.0.0.2 and must not have 127.0.0.1 (§5). An answer in 127.255.255.0/24
//! says that the question is refused, not that the address is listed; an answer outside
//! 127.0.0.0/8 comes from somebody who rewrites answers.

use crate::ctx::Ctx;
use crate::finding::{Confidence, Finding, Say};
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The lists that most receivers ask: those of addresses, and those of domains.
const ADDRESS_LISTS: [&str; 3] = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"];
const DOMAIN_LISTS: [&str; 1] = ["dbl.spamhaus.org"];
/// A list that does not answer within this is left alone.
const LIST_LIMIT: Duration = Duration::from_millis(1500);

/// What a list says of one address or domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The address or the domain.
    pub what: String,
    /// The answers; empty when it is not listed.
    pub codes: Vec<Ipv4Addr>,
    /// The list's own words.
    pub reason: String,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    /// Its zone.
    pub zone: String,
    /// Whether it lists domains, not addresses.
    pub of_domains: bool,
    /// What it says of the test point that must be listed.
    pub must: Vec<Ipv4Addr>,
    /// What it says of the one that must not be.
    pub must_not: Vec<Ipv4Addr>,
    /// Why it could not be asked.
    pub trouble: Option<String>,
    /// What it says of ours.
    pub listings: Vec<Listing>,
}

/// Whether a list can be believed.
enum Standing {
    Works,
    Refuses(Ipv4Addr),
    Rewritten(Ipv4Addr),
    NotAList,
    Silent(String),
}

impl ListFacts {
    fn standing(&self) -> Standing {
        if let Some(trouble) = &self.trouble {
            return Standing::Silent(trouble.clone());
        }
        let all = self.must.iter().chain(&self.must_not).chain(self.listings.iter().flat_map(|listing| &listing.codes));
        let all: Vec<Ipv4Addr> = all.copied().collect();
        if let Some(code) = all.iter().find(|code| is_refusal(**code)) {
            return Standing::Refuses(*code);
        }
        if let Some(code) = all.iter().find(|code| !code.is_loopback()) {
            return Standing::Rewritten(*code);
        }
        if self.must.is_empty() || !self.must_not.is_empty() { Standing::NotAList } else { Standing::Works }
    }
}

const fn is_refusal(code: Ipv4Addr) -> bool {
    matches!(code.octets(), [127, 255, 255, _])
}

pub(super) async fn gather(ctx: &Ctx, domain: &str, ips: &[IpAddr]) -> Vec<ListFacts> {
    let named = ctx.settings.blocklists.as_ref();
    let lists: Vec<(String, bool)> = match named {
        Some(zones) => zones.iter().flat_map(|zone| [(zone.clone(), false), (zone.clone(), true)]).collect(),
        None => {
            let of = |zones: &[&str], domains: bool| {
                zones.iter().map(|zone| ((*zone).to_owned(), domains)).collect::<Vec<_>>()
            };
            [of(&ADDRESS_LISTS, false), of(&DOMAIN_LISTS, true)].concat()
        }
    };
    join_all(lists.into_iter().map(|(zone, of_domains)| async move {
        let limit = ctx.within(LIST_LIMIT);
        let silent = ListFacts {
            zone: zone.clone(),
            of_domains,
            must: vec![],
            must_not: vec![],
            trouble: Some("no answer in time".into()),
            listings: vec![],
        };
        tokio::time::timeout(limit, ask(ctx, zone, of_domains, domain, ips)).await.unwrap_or(silent)
    }))
    .await
}

async fn ask(ctx: &Ctx, zone: String, of_domains: bool, domain: &str, ips: &[IpAddr]) -> ListFacts {
    // RFC 5782 §5: lists of domains have TEST and must not have INVALID.
    let (must, must_not) = if of_domains { ("test", "invalid") } else { ("2.0.0.127", "1.0.0.127") };
    let (must, must_not) = (format!("{must}.{zone}"), format!("{must_not}.{zone}"));
    let (must, must_not) = tokio::join!(ctx.find(&must, Rtype::A), ctx.find(&must_not, Rtype::A));
    let trouble = must.records.as_ref().err().filter(|failure| !failure.is_absence()).map(ToString::to_string);
    let codes = |found: &crate::dns::Found| -> Vec<Ipv4Addr> {
        found
            .all()
            .iter()
            .filter_map(|rr| if let Some(IpAddr::V4(ip)) = rr.data.address() { Some(ip) } else { None })
            .collect()
    };
    let mut facts =
        ListFacts { of_domains, must: codes(&must), must_not: codes(&must_not), trouble, listings: Vec::new(), zone };
    if !matches!(facts.standing(), Standing::Works) {
        return facts;
    }
    let subjects: Vec<(String, String)> = if of_domains {
        let registered = psl::domain_str(domain).unwrap_or(domain);
        if registered.is_empty() {
            Vec::new()
        } else {
            vec![(registered.to_owned(), format!("{registered}.{}", facts.zone))]
        }
    } else {
        ips.iter().map(|ip| (ip.to_string(), format!("{}.{}", reversed(*ip), facts.zone))).collect()
    };
    facts.listings = join_all(subjects.into_iter().map(|(what, name)| async move {
        let found = ctx.find(&name, Rtype::A).await;
        let codes = codes(&found);
        let reason = if codes.is_empty() { String::new() } else { ctx.find(&name, Rtype::TXT).await.texts().join(" ") };
        Listing { what, codes, reason }
    }))
    .await;
    facts
}

/// RFC 5782 §2.1, §2.4: the octets, or the nibbles, the other way round.
fn reversed(ip: IpAddr) -> String {
    let name = postrider_dns::reverse_name(ip);
    name.strip_suffix(".in-addr.arpa").or_else(|| name.strip_suffix(".ip6.arpa")).unwrap_or(&name).to_owned()
}

pub(super) fn judge(lists: &[ListFacts], say: &mut Say) {
    for list in lists {
        let id = if list.of_domains { "bl.domain" } else { "bl.ip" };
        match list.standing() {
            Standing::Silent(why) => say.untested(id, format!("{} does not answer: {why}", list.zone)),
            Standing::NotAList => {
                say.untested(id, format!("{} does not answer as a list must (RFC 5782 §5)", list.zone))
            }
            Standing::Refuses(code) => {
                blocked(list, code, "refuses questions from this resolver; that is no listing", say)
            }
            Standing::Rewritten(code) => blocked(list, code, "is answered by somebody who rewrites answers", say),
            Standing::Works => listed(id, list, say),
        }
    }
    if say.state_of("bl.blocked").is_none() {
        say.fine("bl.blocked", "no list refuses to answer");
    }
}

fn blocked(list: &ListFacts, code: Ipv4Addr, what: &str, say: &mut Say) {
    say.untested(if list.of_domains { "bl.domain" } else { "bl.ip" }, format!("{} {what} ({code})", list.zone));
    say.found(
        Finding::note("bl.blocked", &list.zone, format!("{} {what}", list.zone))
            .seen("dns", "", format!("the test point of {} A {code}", list.zone))
            .fix("Ask through a resolver of your own (--resolver), not through a public one."),
    );
}

fn listed(id: &'static str, list: &ListFacts, say: &mut Say) {
    let mut found = Vec::new();
    for listing in list.listings.iter().filter(|listing| !listing.codes.is_empty()) {
        let codes: Vec<String> = listing.codes.iter().map(Ipv4Addr::to_string).collect();
        found.push(
            Finding::problem(id, &listing.what, format!("{} is on the blocklist {}", listing.what, list.zone))
                .confidence(Confidence::High)
                .seen("dns", &list.zone, format!("{} A {}{}", listing.what, codes.join(", "), if listing.reason.is_empty() { String::new() } else { format!(": {}", listing.reason) }))
                .meaning("Receivers that ask this list refuse mail from there.")
                .fix("Find out what was sent from there and stop it, then ask the list for removal; removing first brings it back.")
                .then("lists forget within hours to days once the cause is gone"),
        );
    }
    say.found_or_fine(id, found, format!("{} has none of ours", list.zone));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(must: &[&str], must_not: &[&str], codes: &[&str]) -> ListFacts {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Ipv4Addr>>();
        let listings = vec![Listing { what: "192.0.2.1".into(), codes: ips(codes), reason: String::new() }];
        ListFacts {
            zone: "list.test".into(),
            of_domains: false,
            must: ips(must),
            must_not: ips(must_not),
            trouble: None,
            listings,
        }
    }

    #[test]
    fn only_a_list_that_works_can_accuse() {
        let good = "127.0.0.2";
        let table = [
            ("listed", list(&[good], &[], &["127.0.0.4"]), vec!["bl.ip"]),
            ("not listed", list(&[good], &[], &[]), vec![]),
            ("refused at the test point", list(&["127.255.255.254"], &[], &[]), vec!["bl.blocked"]),
            ("refused at ours", list(&[good], &[], &["127.255.255.254"]), vec!["bl.blocked"]),
            ("rewritten", list(&["203.0.113.80"], &["203.0.113.80"], &["203.0.113.80"]), vec!["bl.blocked"]),
            ("lists everything", list(&[good], &[good], &[good]), vec![]),
            ("dead", list(&[], &[], &[]), vec![]),
        ];
        for (what, facts, want) in table {
            let mut say = Say::default();
            judge(&[facts], &mut say);
            let found: Vec<&str> = say.findings().iter().map(|finding| finding.id).collect();
            assert_eq!(found, want, "{what}");
        }
    }
}
