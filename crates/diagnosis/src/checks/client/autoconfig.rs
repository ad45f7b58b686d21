//! The autoconfig file of Thunderbird and others: where it is, what is in it, and whether that
//! agrees with the SRV records.
//!
//! A domain without one is well. Where a host named `autoconfig` is there and serves something
//! else (a web site for all names, say), there is none either.

use super::{ClientFacts, Mode, NamedBy, Offer, Service};
use crate::ctx::Ctx;
use crate::finding::{Finding, Say};
use crate::http::{self, Fetched, Get};
use std::net::IpAddr;
use std::time::Duration;

const BYTES_MAX: usize = 64 * 1024;
const NODES_MAX: u32 = 4_000;
const SERVERS_MAX: usize = 16;
const LIMIT: Duration = Duration::from_millis(3_500);
/// A plain run does not wait long for what few domains have.
const PLAIN_LIMIT: Duration = Duration::from_millis(2_000);

/// A server as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigServer {
    /// What for.
    pub service: Service,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is to come about.
    pub mode: Mode,
    /// The user name, with its placeholders.
    pub user: String,
}

/// What a page turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Page {
    /// The file.
    Config(Vec<ConfigServer>),
    /// The file, but it cannot be read: why.
    Broken(String),
    /// Something else: what.
    Other(String),
    /// It could not be had: why, and whether that was for lack of time.
    Failed {
        /// Why.
        why: String,
        /// Nothing but silence was met.
        silent: bool,
    },
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AutoconfigSeen {
    /// Each page that was tried.
    pub pages: Vec<(String, Page)>,
    /// What is wrong with the certificate of the host that served the file.
    pub certificate: Option<String>,
    /// The host and its Date field, for the clock.
    pub date: Option<(String, String)>,
}

impl AutoconfigSeen {
    /// The servers, from the first page that has them.
    pub fn servers(&self) -> &[ConfigServer] {
        let mut configs = self.pages.iter().filter_map(|(_, page)| match page {
            Page::Config(servers) => Some(servers.as_slice()),
            _ => None,
        });
        configs.next().unwrap_or_default()
    }

    /// The servers as offers; placeholders filled in for that mailbox.
    pub(super) fn offers(&self, local: &str, domain: &str) -> Vec<Offer> {
        let fill = |text: &str| filled(text, local, domain);
        let offer = |server: &ConfigServer| Offer {
            service: server.service,
            host: fill(&server.host).to_ascii_lowercase(),
            port: server.port,
            mode: server.mode,
            by: NamedBy::Autoconfig,
            user: Some(fill(&server.user)).filter(|user| !user.is_empty() && !user.contains('%')),
        };
        self.servers().iter().map(offer).collect()
    }
}

fn filled(text: &str, local: &str, domain: &str) -> String {
    text.replace("%EMAILADDRESS%", &format!("{local}@{domain}"))
        .replace("%EMAILLOCALPART%", local)
        .replace("%EMAILDOMAIN%", domain)
}

/// Gets it. `address` is told to the host, as Thunderbird does, when a mailbox is looked at.
pub(super) async fn gather(ctx: &Ctx, domain: &str, address: Option<&str>, host_is_there: bool) -> AutoconfigSeen {
    let query = address.map(|address| format!("?emailaddress={}", address.replace('+', "%2B"))).unwrap_or_default();
    let mut urls = Vec::new();
    if host_is_there {
        urls.push(format!("https://autoconfig.{domain}/mail/config-v1.1.xml{query}"));
    }
    if address.is_some() {
        if host_is_there {
            urls.push(format!("http://autoconfig.{domain}/mail/config-v1.1.xml{query}"));
        }
        urls.push(format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"));
    }
    let mut seen = AutoconfigSeen::default();
    for url in urls {
        let get = Get {
            url: url.clone(),
            accept: "text/xml, application/xml",
            purpose: "autoconfig".into(),
            redirects_max: 3,
            bytes_max: BYTES_MAX,
            limit: ctx.within(if address.is_some() { LIMIT } else { PLAIN_LIMIT }),
        };
        let fetched = http::get(ctx, &get).await;
        let last = fetched.hops.last();
        if let (Some(hop), Ok(answer)) = (last, &fetched.end)
            && let Some(date) = answer.field("date")
        {
            seen.date = Some((hop.url.host.clone(), date.to_owned()));
        }
        let page = page(&fetched);
        if matches!(page, Page::Config(_) | Page::Broken(_)) {
            let fault = last.and_then(|hop| hop.certificate.as_ref()).and_then(|verdict| verdict.as_ref().err());
            let unknown = matches!(fault, Some(postrider_transport::tls::client::CertificateFault::NoAuthorities));
            seen.certificate = fault.filter(|_| !unknown).map(ToString::to_string);
        }
        let done = matches!(page, Page::Config(_));
        seen.pages.push((url, page));
        if done {
            break;
        }
    }
    seen
}

fn page(fetched: &Fetched) -> Page {
    let answer = match &fetched.end {
        Ok(answer) => answer,
        Err(stop) => return Page::Failed { why: stop.to_string(), silent: stop.is_silence() },
    };
    if answer.status != 200 {
        return Page::Other(answer.line.clone());
    }
    let text = String::from_utf8_lossy(&answer.body);
    let begin = text.trim_start_matches('\u{feff}').trim_start();
    let looks_like_it = begin.starts_with("<?xml") || begin.starts_with("<clientConfig");
    if !looks_like_it || begin.get(..600).unwrap_or(begin).to_ascii_lowercase().contains("<html") {
        return Page::Other("a page that is no autoconfig file".into());
    }
    if answer.cut {
        return Page::Broken(format!("it is longer than {BYTES_MAX} octets"));
    }
    match read(begin) {
        Ok(servers) => Page::Config(servers),
        Err(why) => Page::Broken(why),
    }
}

/// Reads the file.
pub fn read(text: &str) -> Result<Vec<ConfigServer>, String> {
    // No DTD: entities could make a small file a huge one.
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if root.tag_name().name() != "clientConfig" {
        return Err(format!("its root is <{}>, not <clientConfig>", root.tag_name().name()));
    }
    let provider = root.children().find(|node| node.has_tag_name("emailProvider"));
    let provider = provider.ok_or("there is no <emailProvider> in it")?;
    let mut servers = Vec::new();
    for node in provider.children().filter(|node| node.is_element()) {
        if !matches!(node.tag_name().name(), "incomingServer" | "outgoingServer") || servers.len() >= SERVERS_MAX {
            continue;
        }
        let service = match node.attribute("type") {
            Some("imap") => Service::Imap,
            Some("pop3") => Service::Pop,
            Some("smtp") => Service::Submission,
            // Exchange and others are none of ours.
            Some(_) => continue,
            None => return Err(format!("a <{}> has no type", node.tag_name().name())),
        };
        servers.push(server(service, node)?);
    }
    if servers.is_empty() { Err("it names no IMAP, POP3 or SMTP server".into()) } else { Ok(servers) }
}

fn server(service: Service, node: roxmltree::Node<'_, '_>) -> Result<ConfigServer, String> {
    let child = |name: &str| {
        let found = node.children().find(|child| child.has_tag_name(name));
        found.and_then(|child| child.text()).unwrap_or_default().trim().to_owned()
    };
    let what = service.name();
    let (host, port, socket) = (child("hostname"), child("port"), child("socketType"));
    if host.is_empty() {
        return Err(format!("its {what} server has no <hostname>"));
    }
    let number = port.parse::<u16>().ok().filter(|port| *port != 0);
    let port = number.ok_or_else(|| format!("the <port> of its {what} server is {port:?}"))?;
    let mode = match socket.to_ascii_uppercase().as_str() {
        "SSL" => Mode::Implicit,
        "STARTTLS" => Mode::StartTls,
        "PLAIN" => Mode::Clear,
        _ => {
            return Err(format!(
                "the <socketType> of its {what} server is {socket:?}; plain, SSL and STARTTLS are known"
            ));
        }
    };
    Ok(ConfigServer { service, host, port, mode, user: child("username") })
}

/// Says what the file is worth.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    const ID: &str = "cl.autoconf";
    let Some(seen) = &facts.autoconfig else {
        return say.not_applicable(ID, "the domain has no autoconfig host");
    };
    let mut findings = Vec::new();
    if seen.servers().is_empty() {
        findings.extend(seen.pages.iter().filter_map(|(url, page)| match page {
            Page::Broken(why) => Some(broken(facts, url, why)),
            _ => None,
        }));
        findings.truncate(1);
        if findings.is_empty() {
            return none(facts, seen, say);
        }
    } else {
        if let Some(why) = &seen.certificate {
            let url = seen.pages.last().map(|(url, _)| url.as_str()).unwrap_or_default();
            findings.push(
                Finding::warning(ID, &facts.domain, "The web server of the autoconfig file has no good certificate")
                    .seen("tls", url, why)
                    .fix("Give it a certificate for that name; mail programs do not take settings from a server they cannot verify."),
            );
        }
        findings.extend(seen.servers().iter().filter_map(|server| about_server(facts, server)));
        findings.extend(differs(facts, seen, Service::Imap));
        findings.extend(differs(facts, seen, Service::Submission));
    }
    let told: Vec<String> = seen
        .servers()
        .iter()
        .map(|server| format!("{} {}:{} {}", server.service.name(), server.host, server.port, server.mode.name()))
        .collect();
    say.found_or_fine(ID, findings, told.join(", "));
}

/// There is none: why.
fn none(facts: &ClientFacts, seen: &AutoconfigSeen, say: &mut Say) {
    let silent = seen.pages.iter().find_map(|(url, page)| match page {
        Page::Failed { why, silent: true } => Some(format!("{url}: {why}")),
        _ => None,
    });
    match silent {
        // A host for all names answers for this one, too.
        Some(why) if !facts.wildcard => say.untested("cl.autoconf", why),
        _ => say.not_applicable("cl.autoconf", "the domain publishes no autoconfig file"),
    }
}

fn broken(facts: &ClientFacts, url: &str, why: &str) -> Finding {
    Finding::warning("cl.autoconf", &facts.domain, format!("The autoconfig file cannot be read: {why}"))
        .meaning("Mail programs that look for it set new accounts up by guessing, or wrongly.")
        .seen("http", url, why)
        .fix("Correct the file; it is XML with one <clientConfig>, an <emailProvider>, and a server for each use.")
}

fn about_server(facts: &ClientFacts, server: &ConfigServer) -> Option<Finding> {
    let shown = format!("{} {}:{} {}", server.service.name(), server.host, server.port, server.mode.name());
    let finding =
        |title: String| Finding::warning("cl.autoconf", &facts.domain, title).seen("http", "autoconfig", &shown);
    let host = filled(&server.host, "", &facts.domain).to_ascii_lowercase();
    if facts.names.get(&host).is_some_and(super::Resolved::is_absent) {
        return Some(
            finding(format!("The autoconfig file names {host}, which has no address"))
                .fix("Put the server's real name into the file."),
        );
    }
    if server.mode == Mode::Clear {
        return Some(
            finding(format!("The autoconfig file lets mail programs talk to {host} without TLS"))
                .meaning("Passwords and mail of everyone who follows it cross the network in clear.")
                .fix("Write SSL or STARTTLS into <socketType>.")
                .rfc("RFC 8314 §3"),
        );
    }
    let usual = Mode::of_port(server.port)?;
    (usual != server.mode && server.port != 25).then(|| {
        finding(format!(
            "The autoconfig file says {} for port {}, which is the one for {}",
            server.mode.name(),
            server.port,
            usual.name()
        ))
        .fix(format!(
            "Write {} into its <socketType>, or the other port.",
            if usual == Mode::Implicit { "SSL" } else { "STARTTLS" }
        ))
        .rfc("RFC 8314 §3")
    })
}

/// File and records that lead to different machines. Different names of one machine are no difference.
fn differs(facts: &ClientFacts, seen: &AutoconfigSeen, service: Service) -> Option<Finding> {
    let of_srv: Vec<&str> = facts
        .srv
        .iter()
        .filter(|set| set.service == service)
        .flat_map(|set| set.records.iter())
        .map(|record| record.target.as_str())
        .filter(|target| *target != ".")
        .collect();
    let of_file: Vec<String> = seen
        .servers()
        .iter()
        .filter(|server| server.service == service)
        .map(|server| filled(&server.host, "", &facts.domain).to_ascii_lowercase())
        .collect();
    let ips =
        |host: &str| -> Vec<IpAddr> { facts.names.get(host).map(|resolved| resolved.ips.clone()).unwrap_or_default() };
    let (one, other): (Vec<IpAddr>, Vec<IpAddr>) =
        (of_srv.iter().flat_map(|host| ips(host)).collect(), of_file.iter().flat_map(|host| ips(host)).collect());
    if one.is_empty()
        || other.is_empty()
        || one.iter().any(|ip| other.contains(ip))
        || of_file.iter().any(|host| of_srv.contains(&host.as_str()))
    {
        return None;
    }
    // One owner's servers far apart (a name for each region, say) are one service.
    let owners = |host: &str| crate::registry::name::registrable(host);
    if of_file.iter().any(|file| {
        of_srv.iter().any(|srv| owners(srv).is_some_and(|owner| owner != facts.domain && owners(file) == Some(owner)))
    }) {
        return None;
    }
    Some(
        Finding::warning(
            "cl.autoconf",
            &facts.domain,
            format!("Autoconfig file and SRV records lead to different {} servers", service.name()),
        )
        .meaning("Which server a new account gets depends on the mail program.")
        .seen("http", "autoconfig", of_file.join(", "))
        .seen("dns", "SRV", of_srv.join(", "))
        .fix("Let both name the server that has the mailboxes."),
    )
}

#[cfg(test)]
#[path = "autoconfig_tests.rs"]
mod tests;
