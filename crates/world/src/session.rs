//! Driving the sessions of a host over its sockets.
//!
//! Dull on purpose: what is said is `smtp::server`'s, and what is decided is the host's.

use crate::manner::{Host, Session};
use crate::persona::Manner;
use postrider_smtp::server::{Facts, Server, Step};
use postrider_transport::Stream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsStream};

/// Connections one host serves at a time; further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 1000;
/// Octets read at a time.
const READ_BYTES: usize = 16 * 1024;

/// The server side of TLS, with a certificate that nobody has signed but itself, as many real
/// mail hosts have.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    pub(crate) fn self_signed() -> io::Result<Self> {
        let names = vec!["mx.tls.test".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .map_err(io::Error::other)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// Takes connections until the world ends.
pub(crate) async fn listen(listener: TcpListener, host: Arc<Host>, tls: Tls) {
    let settings = Arc::new(host.smtp_settings());
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut sessions = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        while sessions.try_join_next().is_some() {}
        let Ok((socket, client)) = listener.accept().await else { continue };
        host.connected();
        let (host, tls, settings) = (Arc::clone(&host), tls.clone(), Arc::clone(&settings));
        sessions.spawn(async move {
            // A client that goes away ends its own session, and nothing else.
            let _ = match host.persona.manner {
                Manner::Silent => ignore(socket).await,
                _ => converse(socket, client, &host, &tls, settings).await,
            };
            drop(permit);
        });
    }
}

/// Never a word; until the client has had enough.
async fn ignore(mut socket: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    while socket.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn converse(
    socket: TcpStream,
    client: SocketAddr,
    host: &Host,
    tls: &Tls,
    settings: Arc<postrider_smtp::server::Settings>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let facts = Facts { starttls: host.offers_tls(), ..Facts::default() };
    let mut server = Server::new(settings, facts);
    let mut session = Session::new(client.ip());
    let mut stream = Stream::Plain(socket);
    let mut buffer = vec![0; READ_BYTES];
    let mut unsent = Vec::new();
    loop {
        match server.step(Instant::now()) {
            Step::Write(bytes) => unsent.extend_from_slice(&bytes),
            Step::Refused(_) => {}
            Step::NeedInput => {
                send(&mut stream, &mut unsent).await?;
                let deadline = server.deadline().map(tokio::time::Instant::from_std);
                let length = read_until(&mut stream, &mut buffer, deadline).await?;
                match length {
                    Some(0) => return Ok(()),
                    Some(length) => server.input(&buffer[..length]),
                    None => {}
                }
            }
            Step::Ask(question) => {
                let decision = host.decide(&mut session, question, Instant::now());
                if !decision.pause.is_zero() {
                    send(&mut stream, &mut unsent).await?;
                    tokio::time::sleep(decision.pause).await;
                }
                server.answer(decision.answer);
            }
            Step::StartTls => {
                send(&mut stream, &mut unsent).await?;
                let Stream::Plain(socket) = stream else { return Ok(()) };
                stream = Stream::Tls(Box::new(TlsStream::Server(tls.0.accept(socket).await?)));
                session.tls = true;
                server.tls_begun();
            }
            Step::Closed => {
                send(&mut stream, &mut unsent).await?;
                return stream.shutdown().await;
            }
        }
    }
}

/// Octets read; `None` when the deadline came first.
async fn read_until(
    stream: &mut Stream,
    buffer: &mut [u8],
    deadline: Option<tokio::time::Instant>,
) -> io::Result<Option<usize>> {
    match deadline {
        None => stream.read(buffer).await.map(Some),
        Some(deadline) => match tokio::time::timeout_at(deadline, stream.read(buffer)).await {
            Ok(read) => read.map(Some),
            Err(_) => Ok(None),
        },
    }
}

async fn send(stream: &mut Stream, unsent: &mut Vec<u8>) -> io::Result<()> {
    if unsent.is_empty() {
        return Ok(());
    }
    stream.write_all(unsent).await?;
    unsent.clear();
    stream.flush().await
}
