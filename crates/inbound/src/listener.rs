//! Listeners, and the life of the connections they bring.

use crate::gate::{Crowded, Gate, Slot};
use crate::session::{Session, Shared};
use crate::{Door, Settings, Snapshot};
use postrider_relay::Accept;
use postrider_smtp::server::{AuthOffer, Facts, Server};
use postrider_transport::accept::{Going, serve};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{info, warn};

/// The ways in. Cheap to clone; all clones are one.
#[derive(Debug)]
pub struct Inbound<A>(Arc<Inner<A>>);

#[derive(Debug)]
struct Inner<A> {
    shared: Arc<Shared<A>>,
    settings: RwLock<Arc<Settings>>,
    gate: Arc<Gate>,
    going: watch::Sender<Going>,
}

impl<A> Clone for Inbound<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Accept> Inbound<A> {
    /// Doors that lead to this relay, none of them open yet.
    pub fn new(relay: Arc<A>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            shared: Arc::new(Shared { relay, counters: Default::default(), failures: Default::default() }),
            settings: RwLock::new(Arc::new(settings)),
            gate: Arc::new(Gate::new()),
            going: watch::Sender::new(Going::On),
        }))
    }

    /// Takes connections from a listener until [`Inbound::stop`]. To be spawned, one task a listener.
    pub async fn listen(&self, listener: TcpListener, door: Door) {
        let mut going = self.0.going.subscribe();
        loop {
            let taken = tokio::select! {
                biased;
                _ = going.wait_for(|going| *going != Going::On) => return,
                taken = listener.accept() => taken,
            };
            match taken {
                Ok((socket, peer)) => self.connected(socket, peer, door),
                Err(error) => {
                    // Out of file descriptors, mostly: to try again at once would spin.
                    warn!(door = door.name(), %error, "no connection could be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn connected(&self, socket: TcpStream, peer: SocketAddr, door: Door) {
        let settings = self.settings();
        // This machine and listed networks are not crowds: their applications open what they need.
        let client_max = if settings.trusts(peer.ip()) { usize::MAX } else { settings.connections_per_client_max };
        match self.0.gate.admit(peer.ip(), settings.connections_max, client_max) {
            Ok(slot) => {
                self.0.shared.counters.session();
                tokio::spawn(self.clone().session(socket, peer, door, settings, slot));
            }
            Err(crowded) => {
                self.0.shared.counters.turned_away();
                let (why, line) = crowd_words(crowded);
                warn!(%peer, door = door.name(), why, "turned away");
                // Not waited for: a client that does not even take one line is not worth a task.
                let _ = socket.try_write(line);
            }
        }
    }

    async fn session(self, socket: TcpStream, peer: SocketAddr, door: Door, settings: Arc<Settings>, slot: Slot) {
        let server = Server::new(settings.smtp.clone(), facts(&settings, peer, door));
        let mut session = Session::new(self.0.shared.clone(), settings.clone(), peer, door);
        let going = self.0.going.subscribe();
        let ended = serve(socket, server, settings.tls.as_ref(), settings.patience, going, &mut session).await;
        session.log_end(&ended);
        drop(slot);
    }

    /// Changes the settings for connections to come; sessions go on under their own.
    pub fn reload(&self, settings: Settings) {
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    fn settings(&self) -> Arc<Settings> {
        self.0.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops: no new connections, transactions are finished within `patience`, then 421. Gives how
    /// many sessions were still there in the end.
    pub async fn stop(&self, patience: Duration) -> usize {
        self.0.going.send_replace(Going::Out);
        let all_gone = tokio::time::timeout(patience, self.0.gate.empty()).await.is_ok();
        if !all_gone {
            self.0.going.send_replace(Going::Down);
            let _ = tokio::time::timeout(LAST_WORDS, self.0.gate.empty()).await;
        }
        let left = self.0.gate.count();
        info!(sessions_left = left, "the doors are closed");
        left
    }

    /// What happened so far.
    pub fn counters(&self) -> Snapshot {
        self.0.shared.counters.snapshot(self.0.gate.count())
    }
}

fn facts(settings: &Settings, peer: SocketAddr, door: Door) -> Facts {
    let trusted = settings.trusts(peer.ip());
    let local = peer.ip().to_canonical().is_loopback();
    let auth = match settings.users.is_empty() {
        true => AuthOffer::Never,
        false if local || settings.auth_in_clear => AuthOffer::Always,
        false => AuthOffer::UnderTls,
    };
    Facts {
        tls: door == Door::SubmissionTls,
        starttls: settings.tls.is_some() && door != Door::SubmissionTls,
        auth,
        scram: settings.users.all_scram(),
        own_client: trusted || door != Door::Relay,
    }
}

fn crowd_words(crowded: Crowded) -> (&'static str, &'static [u8]) {
    match crowded {
        Crowded::All => {
            ("too many sessions in all", b"421 4.3.2 this host has too many connections: try again later\r\n")
        }
        Crowded::Client => (
            "too many sessions of this client",
            b"421 4.7.0 too many connections from your address: close some, or try again later\r\n",
        ),
    }
}

/// How long to pause when no connection can be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long sessions that were told to end at once may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
