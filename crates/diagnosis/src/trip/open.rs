//! From a server's name to a stream, under TLS where it begins at once.

use super::model::{Step, ms};
use super::plan::{Server, TlsBegins};
use postrider_dns::Resolver;
use postrider_reply::Decoder;
use postrider_smtp::{Host, Phase, Trouble, TroubleKind};
use postrider_transport::tls::client::{ClientTls, Trust};
use postrider_transport::{Stream, TlsFacts, connect};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all parts of a trip need.
pub(super) struct Tools {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) tls: Arc<ClientTls>,
    /// Certificates are looked at even on this machine.
    pub(super) strict: bool,
    pub(super) decoder: Decoder,
    /// What we call ourselves.
    pub(super) hello: Host,
}

/// An open stream.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) tls: Option<TlsFacts>,
    pub(super) loopback: bool,
    pub(super) trust: Trust,
}

/// A server that answers takes no longer to be reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For a TLS handshake.
pub(super) const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

impl Tools {
    /// Looks the host up, and opens the first of its addresses that answers.
    pub(super) async fn open(&self, server: &Server, steps: &mut Vec<Step>) -> Result<Opened, Trouble> {
        let began = Instant::now();
        let addresses = self.addresses(&server.host).await?;
        if server.host.parse::<IpAddr>().is_err() {
            steps.push(Step { what: format!("look up {}", server.host), ms: ms(began.elapsed()) });
        }
        let mut last = None;
        for ip in addresses.into_iter().take(ADDRESSES_MAX) {
            let began = Instant::now();
            match connect(SocketAddr::new(ip, server.port), None, CONNECT_LIMIT).await {
                Ok(stream) => {
                    steps.push(Step { what: format!("connect to {}", server.shown()), ms: ms(began.elapsed()) });
                    return self.secured(stream, server, ip, steps).await;
                }
                Err(trouble) => last = Some(trouble),
            }
        }
        Err(last.unwrap_or_else(|| trouble(TroubleKind::NoAddress, format!("{} has no address", server.host))))
    }

    async fn secured(
        &self,
        stream: Stream,
        server: &Server,
        ip: IpAddr,
        steps: &mut Vec<Step>,
    ) -> Result<Opened, Trouble> {
        let loopback = ip.is_loopback();
        // A password is only said to a host that has proved its name; this very machine has nothing to prove.
        let trust = if loopback && !self.strict { Trust::Any } else { Trust::Verified };
        match (server.tls, stream) {
            (TlsBegins::AtOnce, Stream::Plain(socket)) => {
                let began = Instant::now();
                let begun = self.tls.begin(socket, &server.host, trust, HANDSHAKE_LIMIT).await;
                let (stream, facts) = begun.map_err(|trouble| in_words(trouble, server))?;
                steps.push(Step { what: facts.version.to_owned(), ms: ms(began.elapsed()) });
                Ok(Opened { stream, tls: Some(facts), loopback, trust })
            }
            (_, stream) => Ok(Opened { stream, tls: None, loopback, trust }),
        }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
            return Ok(vec![ip]);
        }
        match postrider_dns::addresses(&*self.resolver, host).await {
            Ok(answer) => {
                // IPv4 first: a machine with a half-working IPv6 is commoner than one without IPv4.
                let mut addresses = answer.records;
                addresses.sort_by_key(IpAddr::is_ipv6);
                Ok(addresses)
            }
            Err(failure) => {
                let kind = if failure.is_absence() { TroubleKind::NoAddress } else { TroubleKind::DnsFailed };
                Err(trouble(kind, format!("{host}: {failure}")))
            }
        }
    }
}

/// What is said of TLS where there is none.
pub(super) const NO_TLS_HERE: &str = "does not begin with TLS";

/// TLS where there is none: the library's words help nobody.
pub(super) fn in_words(mut trouble: Trouble, server: &Server) -> Trouble {
    if trouble.detail.contains("InvalidContentType") || trouble.detail.contains("corrupt message") {
        trouble.detail =
            format!("{} {NO_TLS_HERE}: it is a port for STARTTLS, or for another protocol", server.shown());
    }
    trouble
}

pub(super) fn trouble(kind: TroubleKind, detail: String) -> Trouble {
    Trouble { phase: Phase::Connect, kind, errno: None, detail }
}
