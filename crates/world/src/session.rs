//! The sockets of a host: taking connections, and handing them to the driver of `transport`.

use crate::manner::{Decision, Host, Session};
use crate::persona::Manner;
use postrider_smtp::server::{Answer, Facts, Question, Server, Settings};
use postrider_transport::TlsFacts;
use postrider_transport::accept::{self, Going, Patience};
use postrider_transport::tls::server::ServerTls;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections one host serves at a time; further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 1000;

/// Takes connections until the world ends.
pub(crate) async fn listen(listener: TcpListener, host: Arc<Host>, tls: ServerTls) {
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
            match host.persona.manner {
                // How it ends is the client's to say.
                Manner::Silent => drop(ignore(socket).await),
                _ => converse(socket, client, host, &tls, settings).await,
            }
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

async fn converse(socket: TcpStream, client: SocketAddr, host: Arc<Host>, tls: &ServerTls, settings: Arc<Settings>) {
    let facts = Facts { starttls: host.offers_tls(), ..Facts::default() };
    let server = Server::new(settings, facts);
    let mut conversation = Conversation { host, session: Session::new(client.ip()) };
    // The world ends by dropping its tasks, so nobody is ever told to stop.
    let (_going, stop) = watch::channel(Going::On);
    accept::serve(socket, server, Some(tls), Patience::default(), stop, &mut conversation).await;
}

/// One session of a host.
struct Conversation {
    host: Arc<Host>,
    session: Session,
}

impl accept::Host for Conversation {
    async fn answer(&mut self, question: Question) -> Answer {
        let Decision { answer, pause } = self.host.decide(&mut self.session, question, Instant::now());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        answer
    }

    fn secured(&mut self, _facts: &TlsFacts) {
        self.session.tls = true;
    }
}
