//! Asking the registry: RDAP first, WHOIS where that does not do.
//!
//! All of it has one time limit, so that a slow registry delays nobody: what is not known by
//! then could not be tested. A registry that fails says nothing about the domain, and is never
//! held against it.

use super::bootstrap::Bootstrap;
use super::rdap::{self, Unreadable};
use super::whois::{self, Answer, Server};
use super::{Registration, name};
use crate::ctx::Ctx;
use crate::http::{Fetched, Get, Stop, get};
use crate::net::Dial;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// How long the whole question may take.
pub const LIMIT: Duration = Duration::from_secs(3);
/// When RDAP has not answered by then, WHOIS is asked as well.
const PATIENCE: Duration = Duration::from_millis(1_200);
const CONNECT_LIMIT: Duration = Duration::from_millis(1_500);
const RDAP_BYTES_MAX: usize = 512 * 1024;
const WHOIS_BYTES_MAX: usize = 128 * 1024;
/// Servers asked one after the other: IANA's, the registry's, the registrar's, and two to spare.
const REFERRALS_MAX: usize = 5;

/// What came of asking the registry about a domain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Consulted {
    /// The domain that is registered: the one asked about, or one above it.
    pub domain: String,
    /// Why nobody was asked.
    pub nobody: Option<String>,
    /// The RDAP servers that were asked.
    pub rdap: Vec<RdapAsked>,
    /// The WHOIS servers that were asked.
    pub whois: Vec<WhoisAsked>,
    /// What is registered, and who says so.
    pub found: Option<(Registration, Source)>,
}

/// Who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An RDAP server: the page.
    Rdap(String),
    /// A WHOIS server.
    Whois(String),
}

impl Source {
    /// The kind of evidence, and who gave it.
    pub fn evidence(&self) -> (&'static str, &str) {
        match self {
            Self::Rdap(url) => ("rdap", url),
            Self::Whois(server) => ("whois", server),
        }
    }
}

/// One RDAP server, asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RdapAsked {
    /// The page.
    pub url: String,
    /// What is wrong with its certificate, where something is.
    pub certificate: Option<String>,
    /// What came of it.
    pub end: RdapEnd,
    /// How long it took.
    pub took: Duration,
}

/// What came of asking an RDAP server.
#[derive(Debug, Clone, PartialEq)]
pub enum RdapEnd {
    /// It has a record.
    Record,
    /// It does not know the domain.
    NotFound,
    /// It is asked too often; how long to wait, when it says.
    TooOften(Option<String>),
    /// It does not let us in: its status line.
    Denied(String),
    /// It has trouble of its own: its status line.
    Failing(String),
    /// It answers, and not with a record.
    Unreadable(Unreadable),
    /// There is no answer.
    Unreached(Stop),
}

impl fmt::Display for RdapEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("it has a record"),
            Self::NotFound => f.write_str("it does not know the domain"),
            Self::TooOften(None) => f.write_str("it is asked too often from here and wants us to wait"),
            Self::TooOften(Some(wait)) => write!(f, "it is asked too often from here and wants us to wait ({wait})"),
            Self::Denied(line) => write!(f, "it does not let us ask ({line})"),
            Self::Failing(line) => write!(f, "it has trouble of its own ({line})"),
            Self::Unreadable(why) => why.fmt(f),
            Self::Unreached(stop) => stop.fmt(f),
        }
    }
}

/// One WHOIS server, asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoisAsked {
    /// The server.
    pub server: Server,
    /// What came of it.
    pub end: WhoisEnd,
    /// How long it took.
    pub took: Duration,
}

/// What came of asking a WHOIS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhoisEnd {
    /// It has a record.
    Record,
    /// It sends us to another.
    SentOn(Server),
    /// Nobody holds the domain: its words.
    Free(String),
    /// It does not want to tell: its words.
    Refused(String),
    /// It says something else: how that begins.
    Unreadable(String),
    /// There is no answer: why.
    Unreached(String),
}

impl fmt::Display for WhoisEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("it has a record"),
            Self::SentOn(server) => write!(f, "it sends on to {server}"),
            Self::Free(words) => write!(f, "it says that nobody holds the domain: {words}"),
            Self::Refused(words) => write!(f, "it does not want to tell: {words}"),
            Self::Unreadable(words) if words.is_empty() => f.write_str("its answer is empty"),
            Self::Unreadable(words) => write!(f, "its answer is not about the domain; it begins: {words}"),
            Self::Unreached(why) => f.write_str(why),
        }
    }
}

impl Consulted {
    /// Who says that the domain is not registered: each with its words. Empty when somebody has
    /// a record.
    pub fn unregistered(&self) -> Vec<(Source, String)> {
        if self.found.is_some() {
            return Vec::new();
        }
        let by_rdap = self.rdap.iter().filter(|asked| asked.end == RdapEnd::NotFound);
        let by_rdap = by_rdap.map(|asked| (Source::Rdap(asked.url.clone()), "404 Not Found".to_owned()));
        let by_whois = self.whois.iter().filter_map(|asked| match &asked.end {
            WhoisEnd::Free(words) => Some((Source::Whois(asked.server.to_string()), words.clone())),
            _ => None,
        });
        by_rdap.chain(by_whois).collect()
    }

    /// Why nothing is known, in a sentence.
    pub fn why_unknown(&self) -> String {
        if let Some(why) = &self.nobody {
            return why.clone();
        }
        let rdap = self.rdap.last().map(|asked| format!("RDAP: {}", asked.end));
        let whois = self.whois.last().map(|asked| format!("WHOIS ({}): {}", asked.server, asked.end));
        let told: Vec<String> = rdap.into_iter().chain(whois).collect();
        if told.is_empty() { "the registry was not asked".to_owned() } else { told.join("; ") }
    }
}

/// Top-level domains without a registry (RFC 6761, RFC 8375, RFC 9476).
const RESERVED: &[&str] = &["test", "example", "invalid", "localhost", "local", "onion", "alt", "internal", "arpa"];

/// Asks the registry about the domain that `domain` lies in.
pub async fn consult(ctx: &Ctx, domain: &str) -> Consulted {
    let until = Instant::now() + ctx.within(LIMIT);
    let nobody = |why: String| Consulted { nobody: Some(why), ..Consulted::default() };
    let Some(registered) = name::registrable(domain) else {
        return nobody(format!("{domain} is run by a registry itself; nobody registers it"));
    };
    let bootstrap = match &ctx.settings.rdap_bootstrap {
        None => Bootstrap::bundled(),
        Some(file) => match Bootstrap::read(file.as_bytes()) {
            Ok(bootstrap) => bootstrap,
            Err(why) => return Consulted { domain: registered, ..nobody(format!("the RDAP bootstrap: {why}")) },
        },
    };
    let bases: Vec<String> = bootstrap.bases(&registered).into_iter().map(str::to_owned).collect();
    let tld = registered.rsplit('.').next().unwrap_or_default();
    let usual = ctx.settings.whois == crate::ctx::Settings::default().whois;
    if bases.is_empty() && usual && RESERVED.contains(&tld) {
        return Consulted { domain: registered.clone(), ..nobody(format!(".{tld} has no registry: it is reserved")) };
    }
    ask_both(ctx, &registered, &bases, until).await
}

/// RDAP, and WHOIS when RDAP has no record or is slow.
async fn ask_both(ctx: &Ctx, domain: &str, bases: &[String], until: Instant) -> Consulted {
    let by_rdap = ask_rdap(ctx, domain, bases, until);
    tokio::pin!(by_rdap);
    let early = tokio::time::timeout_at(until.min(Instant::now() + PATIENCE), by_rdap.as_mut()).await;
    let ((rdap, record), (whois, other)) = match early {
        Ok((rdap, Some(record))) => ((rdap, Some(record)), (Vec::new(), None)),
        Ok((rdap, None)) => ((rdap, None), ask_whois(ctx, domain, until).await),
        Err(_) => tokio::join!(by_rdap, ask_whois(ctx, domain, until)),
    };
    Consulted { domain: domain.to_owned(), nobody: None, rdap, whois, found: record.or(other) }
}

type Record = Option<(Registration, Source)>;

async fn ask_rdap(ctx: &Ctx, domain: &str, bases: &[String], until: Instant) -> (Vec<RdapAsked>, Record) {
    let mut asked = Vec::new();
    for base in bases.iter().take(2) {
        let began = Instant::now();
        let url = format!("{base}domain/{domain}");
        let fetched = get(
            ctx,
            &Get {
                url: url.clone(),
                accept: "application/rdap+json, application/json;q=0.9",
                purpose: "rdap".into(),
                redirects_max: 3,
                bytes_max: RDAP_BYTES_MAX,
                limit: until.saturating_duration_since(began),
            },
        )
        .await;
        let certificate = fetched.hops.last().and_then(|hop| hop.certificate.as_ref());
        let certificate = certificate.and_then(|verdict| verdict.as_ref().err()).map(ToString::to_string);
        let (end, record) = understood(fetched, domain);
        let certain = matches!(end, RdapEnd::Record | RdapEnd::NotFound);
        asked.push(RdapAsked { url: url.clone(), certificate, end, took: began.elapsed() });
        if certain || until <= Instant::now() {
            return (asked, record.map(|record| (record, Source::Rdap(url))));
        }
    }
    (asked, None)
}

fn understood(fetched: Fetched, domain: &str) -> (RdapEnd, Option<Registration>) {
    let answer = match fetched.end {
        Ok(answer) => answer,
        Err(stop) => return (RdapEnd::Unreached(stop), None),
    };
    let end = match answer.status {
        200..=299 => match rdap::read(&answer.body, domain) {
            Ok(record) => return (RdapEnd::Record, Some(record)),
            Err(why) => RdapEnd::Unreadable(why),
        },
        // RFC 7480 §5.3: there is nothing; or this is no RDAP server.
        404 => RdapEnd::NotFound,
        // RFC 7480 §5.5.
        429 => RdapEnd::TooOften(
            answer.field("retry-after").map(|wait| wait.chars().filter(|c| !c.is_control()).take(40).collect()),
        ),
        401 | 403 => RdapEnd::Denied(answer.line),
        _ => RdapEnd::Failing(answer.line),
    };
    (end, None)
}

async fn ask_whois(ctx: &Ctx, domain: &str, until: Instant) -> (Vec<WhoisAsked>, Record) {
    let (host, port) = &ctx.settings.whois;
    let mut next = Some(Server { host: host.clone(), port: *port });
    let mut asked: Vec<WhoisAsked> = Vec::new();
    let mut record: Record = None;
    while let Some(server) = next.take() {
        let known = asked.iter().any(|asked| asked.server == server);
        if known || asked.len() >= REFERRALS_MAX || until <= Instant::now() {
            break;
        }
        let began = Instant::now();
        let end = match question(ctx, &server, domain, until).await {
            Err(why) => WhoisEnd::Unreached(why),
            Ok(octets) => match whois::read(&octets, domain) {
                Answer::Found(found) => {
                    next = further(&found);
                    match &mut record {
                        None => record = Some((*found, Source::Whois(server.to_string()))),
                        Some((record, _)) => {
                            record.fill_from(*found);
                            next = None;
                        }
                    }
                    WhoisEnd::Record
                }
                Answer::Ask(other) => {
                    next = Some(other.clone());
                    WhoisEnd::SentOn(other)
                }
                Answer::Free(words) => WhoisEnd::Free(words),
                Answer::Refused(words) => WhoisEnd::Refused(words),
                Answer::Unreadable(words) => WhoisEnd::Unreadable(words),
            },
        };
        asked.push(WhoisAsked { server, end, took: began.elapsed() });
    }
    (asked, record)
}

/// The registrar's server, when the registry keeps back what the registrar may tell.
fn further(record: &Registration) -> Option<Server> {
    let whole = record.expires.is_some() && record.registrar.is_some() && record.abuse_email.is_some();
    if whole { None } else { whois::registrar_server(record) }
}

/// One question to one server, and all it says.
async fn question(ctx: &Ctx, server: &Server, domain: &str, until: Instant) -> Result<Vec<u8>, String> {
    let ips = match server.host.parse::<IpAddr>() {
        Ok(ip) => vec![ip],
        Err(_) => match tokio::time::timeout_at(until, ctx.addresses(&server.host)).await {
            Err(_) => return Err(format!("the address of {} was not found in time", server.host)),
            Ok((ips, _)) if ips.is_empty() => return Err(format!("{} has no address", server.host)),
            Ok((ips, _)) => ips,
        },
    };
    let left = || until.saturating_duration_since(Instant::now());
    let mut why = String::new();
    for ip in ips.into_iter().take(2) {
        let to = SocketAddr::new(ip, server.port);
        let dial = Dial { to, purpose: "whois".into(), limit: left().min(CONNECT_LIMIT) };
        let mut wire = match ctx.world.connect(&dial).await {
            Ok(wire) => wire,
            Err(trouble) => {
                why = format!("cannot connect to {to}: {}", trouble.detail);
                continue;
            }
        };
        if let Err(error) = wire.say(whois::question(server, domain).as_bytes(), left()).await {
            return Err(format!("the connection to {to} broke: {error}"));
        }
        let mut all = Vec::new();
        loop {
            match wire.hear(left()).await {
                Ok(more) if more.is_empty() => return Ok(all),
                Ok(more) => all.extend_from_slice(&more),
                // Some do not close; what they said counts.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    return Err(format!("{to} does not answer in time"));
                }
                Err(error) => return Err(format!("the connection to {to} broke: {error}")),
            }
            if all.len() >= WHOIS_BYTES_MAX {
                all.truncate(WHOIS_BYTES_MAX);
                return Ok(all);
            }
        }
    }
    Err(why)
}

#[cfg(test)]
#[path = "consult_tests.rs"]
mod tests;
