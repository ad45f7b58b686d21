//! Which servers to talk to: those that were named, those that DNS names (RFC 6186, RFC 8314 §5),
//! those that are known of the domain's mail host, or the usual names.

use postrider_dns::{Exchanges, Resolver, Srv};
use postrider_smtp::Domain;
use std::net::IpAddr;

/// What a server is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Handing mail in.
    Submission,
    /// Reading a mailbox.
    Imap,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsBegins {
    /// With the first octet.
    AtOnce,
    /// By STARTTLS; without it only on this very machine.
    ByStartTls,
}

/// A server as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// A name or an address.
    pub host: String,
    /// The port, when one was named.
    pub port: Option<u16>,
    /// When TLS begins, where that was said.
    pub tls: Option<TlsBegins>,
}

/// How a server was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The user named it.
    Named,
    /// DNS names it. RFC 6186 §6: a host outside the domain needs more than an unsigned answer.
    Srv {
        /// The host is within the domain, or the answer is signed.
        trusted: bool,
    },
    /// It is known to belong to the domain's mail host.
    Known,
    /// It has a usual name.
    Guessed,
}

/// A server to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When TLS begins.
    pub tls: TlsBegins,
    /// How it was found.
    pub found: Found,
}

impl Server {
    /// Whether somebody says that this is the server, rather than we.
    pub(super) fn is_stated(&self) -> bool {
        matches!(self.found, Found::Named | Found::Srv { .. })
    }

    /// `host:port`.
    pub fn shown(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

/// More servers than these are not tried.
const SERVERS_MAX: usize = 8;

/// The servers to be tried for an address of that domain, in their order.
pub async fn servers(
    resolver: &dyn Resolver,
    domain: Option<&Domain>,
    service: Service,
    named: Option<&Named>,
) -> Vec<Server> {
    if let Some(named) = named {
        return of_named(named, service);
    }
    let Some(domain) = domain.map(Domain::as_str) else { return Vec::new() };
    let (at_once, by_starttls) = match service {
        Service::Submission => ("_submissions._tcp", "_submission._tcp"),
        Service::Imap => ("_imaps._tcp", "_imap._tcp"),
    };
    let mut found = of_srv(resolver, domain, at_once, TlsBegins::AtOnce).await;
    found.extend(of_srv(resolver, domain, by_starttls, TlsBegins::ByStartTls).await);
    if found.is_empty() {
        found = guessed(resolver, domain, service).await;
    }
    found.truncate(SERVERS_MAX);
    found
}

/// RFC 8314 §3.3 and §7.3: ports on which TLS begins at once; on all others it is begun by STARTTLS.
const fn begins_at(port: u16) -> TlsBegins {
    if matches!(port, 465 | 993) { TlsBegins::AtOnce } else { TlsBegins::ByStartTls }
}

/// The usual ports, the better one first (RFC 8314 §3.3).
const fn usual_ports(service: Service) -> [u16; 2] {
    match service {
        Service::Submission => [465, 587],
        Service::Imap => [993, 143],
    }
}

fn of_named(named: &Named, service: Service) -> Vec<Server> {
    let server = |port| Server {
        host: named.host.clone(),
        port,
        tls: named.tls.unwrap_or(begins_at(port)),
        found: Found::Named,
    };
    match named.port {
        Some(port) => vec![server(port)],
        None => {
            let fits = |port: &u16| named.tls.is_none_or(|tls| tls == begins_at(*port));
            usual_ports(service).into_iter().filter(fits).map(server).collect()
        }
    }
}

async fn of_srv(resolver: &dyn Resolver, domain: &str, label: &str, tls: TlsBegins) -> Vec<Server> {
    // No answer and no record come to the same: what is usual is tried.
    let Ok(mut answer) = postrider_dns::srv(resolver, &format!("{label}.{domain}")).await else { return Vec::new() };
    answer.records.sort_by_key(|srv: &Srv| (srv.priority, u16::MAX - srv.weight));
    answer
        .records
        .iter()
        // RFC 6186 §3.4: the root says that there is no such service.
        .filter(|srv| &*srv.target != "." && srv.port != 0)
        .map(|srv| Server {
            host: srv.target.to_string(),
            port: srv.port,
            tls,
            found: Found::Srv { trusted: answer.authentic || is_within(&srv.target, domain) },
        })
        .collect()
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Mail hosts by the end of their MX names, with their servers for programs.
const KNOWN: [(&str, &str, &str); 12] = [
    ("google.com", "smtp.gmail.com", "imap.gmail.com"),
    ("googlemail.com", "smtp.gmail.com", "imap.gmail.com"),
    ("mail.protection.outlook.com", "smtp.office365.com", "outlook.office365.com"),
    ("olc.protection.outlook.com", "smtp-mail.outlook.com", "outlook.office365.com"),
    ("messagingengine.com", "smtp.fastmail.com", "imap.fastmail.com"),
    ("yahoodns.net", "smtp.mail.yahoo.com", "imap.mail.yahoo.com"),
    ("mail.icloud.com", "smtp.mail.me.com", "imap.mail.me.com"),
    ("zoho.com", "smtp.zoho.com", "imap.zoho.com"),
    ("mailbox.org", "smtp.mailbox.org", "imap.mailbox.org"),
    ("migadu.com", "smtp.migadu.com", "imap.migadu.com"),
    ("gmx.net", "mail.gmx.net", "imap.gmx.net"),
    ("posteo.de", "posteo.de", "posteo.de"),
];

async fn guessed(resolver: &dyn Resolver, domain: &str, service: Service) -> Vec<Server> {
    let exchange =
        match postrider_dns::mx(resolver, domain).await.map(|answer| postrider_dns::exchanges(answer.records, 0)) {
            Ok(Exchanges::Hosts(hosts)) => hosts.first().map(|mx| mx.exchange.to_string()),
            _ => None,
        };
    let usual = usual_ports(service);
    let on = |host: &str, found| usual.map(|port| Server { host: host.to_owned(), port, tls: begins_at(port), found });
    let known = exchange.as_deref().and_then(|mx| KNOWN.iter().find(|(end, ..)| is_within(mx, end)));
    if let Some((_, smtp, imap)) = known {
        return on(if service == Service::Submission { smtp } else { imap }, Found::Known).into();
    }
    let first = if service == Service::Submission { "smtp" } else { "imap" };
    let mut hosts = vec![format!("{first}.{domain}"), format!("mail.{domain}")];
    // Small hosts do all on one machine.
    hosts.extend(exchange.filter(|mx| is_within(mx, domain) && !hosts.contains(mx)));
    hosts.iter().flat_map(|host| on(host, Found::Guessed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_dns::Zone;

    const ZONE: &str = "
        _submissions._tcp.srv.test SRV 20 1 465 second.srv.test
        _submissions._tcp.srv.test SRV 10 1 465 first.srv.test
        _submission._tcp.srv.test  SRV 0 1 587 mail.host.test
        _imaps._tcp.srv.test       SRV 0 1 993 .
        signed.test                SIGNED
        _imaps._tcp.signed.test    SRV 0 1 993 mail.host.test
        workspace.test             MX 1 aspmx.l.google.com
        small.test                 MX 10 mx.small.test
    ";

    async fn shown(domain: &str, service: Service, named: Option<Named>) -> String {
        let zone = Zone::parse(ZONE).unwrap();
        let domain = Domain::parse(domain).unwrap();
        let found = servers(&zone, Some(&domain), service, named.as_ref()).await;
        let one = |server: &Server| {
            let tls = if server.tls == TlsBegins::AtOnce { "tls" } else { "starttls" };
            let doubt = if server.found == (Found::Srv { trusted: false }) { " ?" } else { "" };
            format!("{} {tls}{doubt}", server.shown())
        };
        found.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[tokio::test]
    async fn servers_in_their_order() {
        use Service::{Imap, Submission};
        let named = |host: &str, port, tls| Some(Named { host: host.into(), port, tls });
        let table = [
            (
                shown("srv.test", Submission, None).await,
                "first.srv.test:465 tls, second.srv.test:465 tls, mail.host.test:587 starttls ?",
            ),
            (shown("signed.test", Imap, None).await, "mail.host.test:993 tls"),
            (shown("workspace.test", Imap, None).await, "imap.gmail.com:993 tls, imap.gmail.com:143 starttls"),
            (
                shown("small.test", Submission, None).await,
                "smtp.small.test:465 tls, smtp.small.test:587 starttls, mail.small.test:465 tls, mail.small.test:587 starttls, mx.small.test:465 tls, mx.small.test:587 starttls",
            ),
            (shown("srv.test", Imap, named("::1", Some(1993), Some(TlsBegins::AtOnce))).await, "[::1]:1993 tls"),
            (shown("srv.test", Submission, named("h.test", Some(2525), None)).await, "h.test:2525 starttls"),
            (shown("srv.test", Imap, named("h.test", None, None)).await, "h.test:993 tls, h.test:143 starttls"),
            (shown("srv.test", Imap, named("h.test", None, Some(TlsBegins::ByStartTls))).await, "h.test:143 starttls"),
        ];
        for (got, want) in table {
            assert_eq!(got, want);
        }
        // The domain says it has no IMAP: the usual names are tried all the same.
        assert!(shown("srv.test", Imap, None).await.starts_with("imap.srv.test:993"));
    }
}
