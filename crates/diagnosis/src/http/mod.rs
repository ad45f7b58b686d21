//! Getting a page by HTTP/1.1, every step kept: the one HTTP client of diagnosis.
//!
//! One request on one connection, which is closed behind it. Any certificate is taken, and the
//! verdict on it kept: the judge knows whether it matters. Redirects are followed only as far as
//! the caller says; MTA-STS (RFC 8461 §3.3) allows none.
//!
//! Not a library's client, as that reads ahead before it has asked, which a recording cannot
//! answer; and as no library keeps the steps.

mod answer;
mod url;

pub use answer::{Answer, NotHttp};
pub use url::Url;

use crate::ctx::Ctx;
use crate::net::{Dial, TlsSeen};
use postrider_smtp::Trouble;
use postrider_transport::tls::client::CertificateFault;
use rustls::pki_types::{ServerName, UnixTime};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// What is to be got.
#[derive(Debug, Clone)]
pub struct Get {
    /// The page.
    pub url: String,
    /// The media types that would do, for the Accept field.
    pub accept: &'static str,
    /// What for, in a word; see [`Dial::purpose`].
    pub purpose: String,
    /// How many redirects are followed.
    pub redirects_max: usize,
    /// How much of the body is wanted.
    pub bytes_max: usize,
    /// How long all of it may take.
    pub limit: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// The pages on the way, each with its steps; the last is the one the end is about.
    pub hops: Vec<Hop>,
    /// The end.
    pub end: Result<Answer, Stop>,
}

/// One page on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The page.
    pub url: Url,
    /// The addresses of its host.
    pub ips: Vec<IpAddr>,
    /// The addresses that could not be connected to.
    pub troubles: Vec<(SocketAddr, Trouble)>,
    /// The address that was connected to.
    pub peer: Option<SocketAddr>,
    /// What the TLS handshake showed.
    pub tls: Option<TlsSeen>,
    /// Whether the certificate is good for the host.
    pub certificate: Option<Result<(), CertificateFault>>,
    /// The first line of the answer.
    pub status: Option<String>,
    /// How long until the names were found, the connection stood, TLS was begun, the answer came.
    pub took: Vec<(&'static str, Duration)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stop {
    /// Not a page this client can get.
    #[error("not an address of a web page: {0}")]
    Url(String),
    /// The host has no address.
    #[error("{host} has no address{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoAddress {
        /// The host.
        host: String,
        /// Why, when the question failed and not only found nothing.
        why: Option<String>,
    },
    /// No address of it can be connected to.
    #[error("cannot connect to {0}: {detail}", detail = .1.detail)]
    Connect(SocketAddr, Trouble),
    /// TLS failed.
    #[error("TLS with {0} failed: {detail}", detail = .1.detail)]
    Tls(SocketAddr, Trouble),
    /// No answer in time.
    #[error("{0} does not answer within {seconds:.1} s", seconds = .1.as_secs_f64())]
    Silent(SocketAddr, Duration),
    /// The connection broke.
    #[error("the connection to {0} broke: {1}")]
    Broke(SocketAddr, String),
    /// What came is no answer.
    #[error("{0}: {1}")]
    NotHttp(SocketAddr, NotHttp),
    /// It sends on and on, or where nobody can go.
    #[error("it sends on to {0}, which is not followed")]
    Redirect(String),
}

impl Stop {
    /// Whether time ran out, and nothing else is known.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Silent(..) => true,
            Self::Connect(_, trouble) | Self::Tls(_, trouble) => {
                trouble.kind == postrider_smtp::TroubleKind::ConnectTimeout
            }
            _ => false,
        }
    }
}

/// One address gets this long to take the connection, so that the next may be tried.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_500);
const ADDRESSES_MAX: usize = 3;

/// Gets a page.
pub async fn get(ctx: &Ctx, get: &Get) -> Fetched {
    let until = Instant::now() + get.limit;
    let mut hops = Vec::new();
    let Some(mut url) = Url::read(&get.url) else {
        return Fetched { hops, end: Err(Stop::Url(get.url.clone())) };
    };
    loop {
        let mut hop = Hop::new(url.clone());
        let end = hop.fetch(ctx, get, until).await;
        hops.push(hop);
        let location = match &end {
            Ok(answer) if matches!(answer.status, 301 | 302 | 303 | 307 | 308) => answer.field("location"),
            _ => None,
        };
        let Some(location) = location else { return Fetched { hops, end } };
        // With no redirect allowed the redirect itself is the answer.
        if get.redirects_max == 0 {
            return Fetched { hops, end };
        }
        match url.join(location).filter(|_| hops.len() <= get.redirects_max) {
            Some(next) if !hops.iter().any(|hop| hop.url == next) => url = next,
            _ => {
                let shown: String = location.chars().filter(|c| !c.is_control()).take(200).collect();
                return Fetched { hops, end: Err(Stop::Redirect(shown)) };
            }
        }
    }
}

impl Hop {
    fn new(url: Url) -> Self {
        Self {
            url,
            ips: Vec::new(),
            troubles: Vec::new(),
            peer: None,
            tls: None,
            certificate: None,
            status: None,
            took: Vec::new(),
        }
    }

    async fn fetch(&mut self, ctx: &Ctx, get: &Get, until: Instant) -> Result<Answer, Stop> {
        let began = Instant::now();
        self.resolve(ctx, until).await?;
        self.took.push(("names", began.elapsed()));
        let (mut wire, peer) = self.connect(ctx, get, until).await?;
        self.took.push(("connect", began.elapsed()));
        if self.url.tls {
            let seen =
                wire.start_tls(&ctx.tls, &self.url.host, left(until)).await.map_err(|why| Stop::Tls(peer, why))?;
            self.took.push(("tls", began.elapsed()));
            self.certificate = Some(verdict(ctx, &seen, &self.url.host));
            self.tls = Some(seen);
        }
        let broke = |error: io::Error| match error.kind() {
            io::ErrorKind::TimedOut => Stop::Silent(peer, began.elapsed()),
            _ => Stop::Broke(peer, error.to_string()),
        };
        wire.say(request(&self.url, get.accept).as_bytes(), left(until)).await.map_err(broke)?;
        let mut reader = answer::Reader::new(get.bytes_max);
        let answer = loop {
            let heard = wire.hear(left(until)).await.map_err(broke)?;
            let not_http = |fault| Stop::NotHttp(peer, fault);
            if heard.is_empty() {
                break reader.end().map_err(not_http)?;
            }
            if let Some(answer) = reader.feed(&heard).map_err(not_http)? {
                break answer;
            }
        };
        self.took.push(("answer", began.elapsed()));
        self.status = Some(answer.line.clone());
        Ok(answer)
    }

    async fn resolve(&mut self, ctx: &Ctx, until: Instant) -> Result<(), Stop> {
        if let Some(ip) = self.url.ip() {
            self.ips = vec![ip];
            return Ok(());
        }
        let host = self.url.host.clone();
        let no_address = |why: Option<String>| Stop::NoAddress { host: host.clone(), why };
        match tokio::time::timeout_at(until, ctx.addresses(&self.url.host)).await {
            Err(_) => Err(no_address(Some("the name servers did not answer in time".into()))),
            Ok((ips, failure)) if ips.is_empty() => {
                Err(no_address(failure.filter(|failure| !failure.is_absence()).map(|failure| failure.to_string())))
            }
            Ok((ips, _)) => {
                self.ips = ips;
                Ok(())
            }
        }
    }

    async fn connect(&mut self, ctx: &Ctx, get: &Get, until: Instant) -> Result<(crate::net::Wire, SocketAddr), Stop> {
        let usual = if self.url.tls { ctx.settings.https_port } else { 80 };
        let port = self.url.port.unwrap_or(usual);
        for ip in self.ips.iter().take(ADDRESSES_MAX) {
            let to = SocketAddr::new(*ip, port);
            let limit = left(until).min(CONNECT_LIMIT);
            let dial = Dial { to, purpose: get.purpose.clone(), limit };
            match ctx.world.connect(&dial).await {
                Ok(wire) => {
                    self.peer = Some(to);
                    return Ok((wire, to));
                }
                Err(trouble) => self.troubles.push((to, trouble)),
            }
        }
        match self.troubles.first() {
            Some((to, trouble)) => Err(Stop::Connect(*to, trouble.clone())),
            None => Err(Stop::NoAddress { host: self.url.host.clone(), why: None }),
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn request(url: &Url, accept: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\nAccept-Encoding: identity\r\nUser-Agent: postrider/{version}\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority()
    )
}

fn verdict(ctx: &Ctx, seen: &TlsSeen, host: &str) -> Result<(), CertificateFault> {
    let refused = |_| CertificateFault::Refused(rustls::Error::General(format!("{host} is no name for a certificate")));
    let name = ServerName::try_from(host.to_owned()).map_err(refused)?;
    let at = u64::try_from(ctx.now.seconds()).unwrap_or_default();
    ctx.tls.examine(&seen.certificates(), &name, UnixTime::since_unix_epoch(Duration::from_secs(at)))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
