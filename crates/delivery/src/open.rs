//! From an address to a session that takes messages.

use crate::attempt::Spoken;
use crate::pool::Kept;
use crate::route::trouble;
use crate::{Delivery, Route, TlsMode};
use postrider_smtp::client::{Client, Credentials, Ended, Settings, StartTls};
use postrider_smtp::{Outcome, Trouble, TroubleKind};
use postrider_transport::client::{Happened, Session, TlsPlan};
use postrider_transport::tls::client::Trust;
use postrider_transport::{Stream, connect};
use std::net::SocketAddr;
use std::sync::Arc;

/// Linux: no route to the network; no source address of that family.
const ENETUNREACH: i32 = 101;
const EADDRNOTAVAIL: i32 = 99;

/// A session that could not be opened.
pub(crate) struct NotOpened {
    pub(crate) outcome: Outcome,
    pub(crate) transcript: String,
}

impl Delivery {
    /// Connects, greets, secures, logs in.
    pub(crate) async fn open(
        &self,
        route: &Route,
        host: &Arc<str>,
        address: SocketAddr,
        tls: TlsMode,
    ) -> Result<Kept, NotOpened> {
        if tls == TlsMode::Opportunistic && self.memory.has_failed_tls(host) {
            return self.open_with(route, host, address, TlsMode::None).await;
        }
        let failed = match self.open_with(route, host, address, tls).await {
            Ok(kept) => return Ok(kept),
            Err(failed) => failed,
        };
        if tls == TlsMode::Opportunistic && is_tls_failure(&failed.outcome) {
            // RFC 7435: some protection most of the time. A new connection, as this one is spoilt.
            self.memory.keep_tls_failure(host, self.settings.tls_failure_kept);
            let note = "-- the TLS handshake failed: again in clear\n";
            return match self.open_with(route, host, address, TlsMode::None).await {
                Ok(mut kept) => {
                    kept.session.client().note("in clear, as the TLS handshake failed before");
                    Ok(kept)
                }
                Err(again) => {
                    Err(NotOpened { transcript: failed.transcript + note + &again.transcript, outcome: again.outcome })
                }
            };
        }
        Err(failed)
    }

    async fn open_with(
        &self,
        route: &Route,
        host: &Arc<str>,
        address: SocketAddr,
        tls: TlsMode,
    ) -> Result<Kept, NotOpened> {
        let line = format!("to {host} ({address})");
        let unreached = |trouble: Trouble| NotOpened {
            transcript: format!("-- {line}\n-- {trouble}\n"),
            outcome: Outcome::Unreached(trouble),
        };
        let source = self.source(&route.site, address.ip());
        let stream = match connect(address, source, self.settings.connect_timeout).await {
            Ok(stream) => stream,
            Err(trouble) => {
                if address.is_ipv6() && matches!(trouble.errno, Some(ENETUNREACH | EADDRNOTAVAIL)) {
                    self.memory.keep_no_ipv6();
                }
                return Err(unreached(trouble));
            }
        };
        let source = stream.socket().local_addr().ok().map(|address| address.ip());
        let settings = self.session_settings(route, tls).map_err(unreached)?;
        let mut client = Client::new(settings);
        client.note(&line);
        let session = self.begin(client, stream, host, tls).await.map_err(unreached)?;
        ready(session, host, address, source).await
    }

    async fn begin(&self, client: Client, stream: Stream, host: &Arc<str>, tls: TlsMode) -> Result<Session, Trouble> {
        let trust = match tls {
            TlsMode::Verify | TlsMode::Implicit => Trust::Verified,
            TlsMode::None | TlsMode::Opportunistic | TlsMode::Required => Trust::Any,
        };
        let plan = TlsPlan { tls: self.tls.clone(), host: host.clone(), trust };
        match (tls, stream) {
            (TlsMode::Implicit, Stream::Plain(socket)) => {
                let limit = self.settings.timeouts.starttls;
                let (stream, facts) = self.tls.begin(socket, host, trust, limit).await?;
                Ok(Session::new(client, stream, plan, Some(facts)))
            }
            (_, stream) => Ok(Session::new(client, stream, plan, None)),
        }
    }

    fn session_settings(&self, route: &Route, tls: TlsMode) -> Result<Settings, Trouble> {
        let (credentials, nonce) = match &route.login {
            None => (None, String::new()),
            Some(login) => {
                let credentials = Credentials {
                    user: login.user.clone(),
                    password: login.password.clone(),
                    // Whoever writes tls = none beside a password has said it.
                    in_clear: route.tls == TlsMode::None,
                };
                (Some(credentials), self.tls.nonce()?)
            }
        };
        Ok(Settings {
            hello: self.hello.clone(),
            starttls: match tls {
                TlsMode::None | TlsMode::Implicit => StartTls::Never,
                TlsMode::Opportunistic => StartTls::WhenOffered,
                TlsMode::Required | TlsMode::Verify => StartTls::Required,
            },
            under_tls: tls == TlsMode::Implicit,
            credentials,
            nonce,
            chunking: self.settings.chunking,
            timeouts: self.settings.timeouts,
        })
    }
}

async fn ready(
    mut session: Session,
    host: &Arc<str>,
    address: SocketAddr,
    source: Option<std::net::IpAddr>,
) -> Result<Kept, NotOpened> {
    let ended = match session.run(&|| {}).await {
        Happened::Ready => {
            let tls = session.tls().cloned();
            let dsn = session.client().peer().dsn;
            let spoken = Spoken { host: host.clone(), address, source, tls, messages_before: 0, dsn };
            return Ok(Kept { session, spoken });
        }
        Happened::Closed(ended) => ended,
        // Nothing was handed in, so nothing can have been sent.
        Happened::Sent(_) => Ended::Broken(trouble(TroubleKind::LocalFault, "an outcome without a message".into())),
    };
    let mut transcript = session.client().take_transcript();
    if let Ended::Broken(trouble) = &ended {
        transcript += &format!("-- {trouble}\n");
    }
    Err(NotOpened { outcome: ended.outcome(), transcript })
}

fn is_tls_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unreached(trouble) if trouble.kind == TroubleKind::TlsFailed)
}
