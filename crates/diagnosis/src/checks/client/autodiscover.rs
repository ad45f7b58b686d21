//! Autodiscover, which Outlook asks first: an alias, an SRV record, or an answer by HTTPS.
//!
//! Most domains outside Exchange have none, which is no fault; nor is a host that wants a login
//! before it answers. What is looked for is an alias or a record that leads to nobody.

use super::{ClientFacts, Mode, NamedBy, Offer, Service, srv};
use crate::ctx::Ctx;
use crate::finding::{Finding, Say};
use crate::http::{self, Get};
use domain::base::iana::Rtype;
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(3_500);
const BYTES_MAX: usize = 64 * 1024;
const NODES_MAX: u32 = 4_000;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AutodiscoverSeen {
    /// Where `autodiscover.DOMAIN` points to, at the end of its aliases.
    pub alias: Option<String>,
    /// Whether the alias leads to nothing: the name at its end has no address, for sure.
    pub leads_nowhere: bool,
    /// Whether `autodiscover.DOMAIN` has an address.
    pub there: bool,
    /// `_autodiscover._tcp`.
    pub srv: Vec<srv::SrvRecord>,
    /// The status line of the host's answer, when it was asked.
    pub status: Option<String>,
    /// The servers it named.
    pub servers: Vec<(Service, String, u16, Mode)>,
    /// Why something could not be asked for.
    pub failure: Option<String>,
}

impl AutodiscoverSeen {
    pub(super) fn offers(&self) -> Vec<Offer> {
        let offer = |(service, host, port, mode): &(Service, String, u16, Mode)| Offer {
            service: *service,
            host: host.clone(),
            port: *port,
            mode: *mode,
            by: NamedBy::Autodiscover,
            user: None,
        };
        self.servers.iter().map(offer).collect()
    }
}

/// Looks for it; the host itself is asked only for a mailbox.
pub(super) async fn gather(ctx: &Ctx, domain: &str, address: Option<&str>) -> AutodiscoverSeen {
    let host = format!("autodiscover.{domain}");
    let srv_name = format!("_autodiscover._tcp.{domain}");
    let (four, six, (srv, _)) =
        tokio::join!(ctx.find(&host, Rtype::A), ctx.find(&host, Rtype::AAAA), srv::ask(ctx, &srv_name));
    let alias = four.aliases.last().or_else(|| six.aliases.last()).map(|(_, target)| target.clone());
    let failures = [&four.records, &six.records].into_iter().filter_map(|records| records.as_ref().err());
    let failure = failures.filter(|failure| !failure.is_absence()).map(ToString::to_string).next();
    let there = !four.all().is_empty() || !six.all().is_empty();
    let leads_nowhere = alias.is_some() && !there && failure.is_none();
    let mut seen = AutodiscoverSeen { alias, leads_nowhere, there, srv, failure, ..AutodiscoverSeen::default() };
    if let (true, Some(address)) = (there, address) {
        let get = Get {
            url: format!("https://{host}/autodiscover/autodiscover.xml?emailaddress={}", address.replace('+', "%2B")),
            accept: "text/xml, application/xml",
            purpose: "autodiscover".into(),
            redirects_max: 2,
            bytes_max: BYTES_MAX,
            limit: ctx.within(LIMIT),
        };
        if let Ok(answer) = http::get(ctx, &get).await.end {
            if answer.status == 200 && !answer.cut {
                seen.servers = read(&String::from_utf8_lossy(&answer.body));
            }
            seen.status = Some(answer.line);
        }
    }
    seen
}

/// The servers in an answer; none when it is another thing.
pub fn read(text: &str) -> Vec<(Service, String, u16, Mode)> {
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
    let Ok(document) = roxmltree::Document::parse_with_options(text.trim_start_matches('\u{feff}'), options) else {
        return Vec::new();
    };
    let named = |name: &'static str| move |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == name;
    let protocols = document.descendants().filter(|node| node.is_element()).filter(named("Protocol"));
    let read = |protocol: roxmltree::Node<'_, '_>| {
        let child = |name: &'static str| {
            let found = protocol.children().find(|node| node.is_element() && named(name)(node));
            found.and_then(|node| node.text()).unwrap_or_default().trim().to_owned()
        };
        let service = match child("Type").to_ascii_uppercase().as_str() {
            "IMAP" => Service::Imap,
            "POP3" => Service::Pop,
            "SMTP" => Service::Submission,
            _ => return None,
        };
        let host = child("Server").to_ascii_lowercase();
        let port = child("Port").parse().ok().filter(|port| *port != 0)?;
        let mode = match (child("Encryption").to_ascii_uppercase().as_str(), child("SSL").to_ascii_lowercase().as_str())
        {
            ("TLS", _) => Mode::StartTls,
            ("SSL", _) | ("", "on") => Mode::Implicit,
            ("NONE", _) | ("", "off") => Mode::Clear,
            _ => Mode::of_port(port)?,
        };
        (!host.is_empty()).then_some((service, host, port, mode))
    };
    protocols.filter_map(read).take(8).collect()
}

/// Says where it leads.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    const ID: &str = "cl.autodisc";
    let Some(seen) = &facts.autodiscover else {
        return say.untested(ID, "it was not looked for");
    };
    let host = format!("autodiscover.{}", facts.domain);
    let mut findings = Vec::new();
    if let (true, Some(alias)) = (seen.leads_nowhere, &seen.alias) {
        let line = format!("{host}. CNAME {alias}.");
        findings.push(
            Finding::warning(ID, &host, format!("{host} is an alias of {alias}, which has no address"))
                .meaning("Outlook looks there first; whoever registers that name can answer in your place.")
                .seen("dns", "", &line)
                .change("remove", &host, "CNAME", &format!("{alias}."), "")
                .fix("Remove the alias, or point it to the provider of today."),
        );
    }
    for record in
        seen.srv.iter().filter(|record| facts.names.get(&record.target).is_some_and(super::Resolved::is_absent))
    {
        let name = format!("_autodiscover._tcp.{}", facts.domain);
        let line = format!("{name}. SRV {}", srv::rdata(record));
        findings.push(
            Finding::warning(ID, &name, format!("{name} points to {}, which has no address", record.target))
                .seen("dns", "", &line)
                .change("remove", &name, "SRV", &srv::rdata(record), "")
                .fix("Point the record to the server of today, or remove it."),
        );
    }
    if findings.is_empty() && !seen.there && seen.srv.is_empty() {
        return match &seen.failure {
            Some(why) => say.untested(ID, format!("{host} could not be asked for: {why}")),
            None => say.not_applicable(ID, "the domain has no autodiscover"),
        };
    }
    let told = seen.status.clone().or_else(|| seen.alias.clone()).unwrap_or_else(|| "there".into());
    say.found_or_fine(ID, findings, told);
}

#[cfg(test)]
mod tests {
    use super::super::Resolved;
    use super::*;
    use crate::finding::State;

    #[test]
    fn answers_with_servers_and_other_pages() {
        let answer = "<Autodiscover xmlns=\"a\"><Response xmlns=\"b\"><Account><Protocol><Type>IMAP</Type>\
            <Server>Imap.Example.com</Server><Port>993</Port><SSL>on</SSL></Protocol><Protocol><Type>SMTP</Type>\
            <Server>smtp.example.com</Server><Port>587</Port><Encryption>TLS</Encryption></Protocol><Protocol>\
            <Type>EXCH</Type><Server>x</Server></Protocol></Account></Response></Autodiscover>";
        let want = vec![
            (Service::Imap, "imap.example.com".to_owned(), 993, Mode::Implicit),
            (Service::Submission, "smtp.example.com".to_owned(), 587, Mode::StartTls),
        ];
        assert_eq!(read(answer), want);
        for other in ["", "<html>", "<a><Protocol><Type>IMAP</Type><Server>x</Server><Port>0</Port></Protocol></a>"] {
            assert_eq!(read(other), [], "{other}");
        }
    }

    #[test]
    fn where_it_leads() {
        let seen = |seen: AutodiscoverSeen| {
            let mut facts = ClientFacts { domain: "example.com".into(), ..ClientFacts::default() };
            facts.names.insert("gone.example.net".into(), Resolved::default());
            facts.autodiscover = Some(seen);
            let mut say = Say::default();
            judge(&facts, &mut say);
            (say.state_of("cl.autodisc"), say.findings().len())
        };
        let base = AutodiscoverSeen::default();
        let alias = Some("autodiscover.outlook.example".to_owned());
        let srv = vec![srv::SrvRecord { priority: 0, weight: 0, port: 443, target: "gone.example.net".into() }];
        assert_eq!(seen(base.clone()), (Some(State::NotApplicable), 0));
        assert_eq!(
            seen(AutodiscoverSeen { there: true, alias: alias.clone(), ..base.clone() }),
            (Some(State::Fine), 0)
        );
        assert_eq!(seen(AutodiscoverSeen { alias, leads_nowhere: true, ..base.clone() }), (Some(State::Found), 1));
        assert_eq!(seen(AutodiscoverSeen { srv, ..base.clone() }), (Some(State::Found), 1));
        assert_eq!(seen(AutodiscoverSeen { failure: Some("no".into()), ..base }), (Some(State::Untested), 0));
    }
}
