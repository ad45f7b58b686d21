//! What the tests share: a house with a clock, a disk, a mail host, and one relay after the other.

mod clock;
mod disk;
mod host;
mod told;

pub use clock::{DAY, HOUR, HandClock, MINUTE, SECOND};
pub use disk::Faults;
pub use host::{Host, Said, Says, says};
pub use told::Told;

use bytes::Bytes;
use postrider_delivery::Delivery;
use postrider_dns::Zone;
use postrider_relay::{Accept, Client, Clock, Parts, Received, Relay};
use postrider_reply::Decoder;
use postrider_smtp::{Address, Envelope, MessageId, Notify, Recipient, Reply, Timestamp};
use postrider_spool::{Origin, QueuePage, QueueQuery, Settings, Spool, SpoolError, SqliteEngine, SqliteSettings};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// No test waits for time to pass; this ends one that would wait for ever.
pub const GUARD: Duration = Duration::from_secs(60);

/// Every domain's mail host; `down.example` and the others below have troubles of their own.
const ZONE: &str = "
    home.example    MX 10 mx.home.example
    mx.home.example A  127.0.0.1
    x.example       MX 10 mx.x.example
    mx.x.example    A  127.0.0.1
    y.example       MX 10 mx.y.example
    mx.y.example    A  127.0.0.1
    servfail.example SERVFAIL
    timeout.example TIMEOUT
    nullmx.example  MX 0 .";

pub struct House {
    pub clock: Arc<HandClock>,
    pub told: Arc<Told>,
    pub host: Host,
    pub faults: Arc<Faults>,
    pub queue: postrider_queue::Settings,
    directory: PathBuf,
    life: Option<Life>,
}

/// A relay in a runtime of its own, so that it can be killed.
struct Life {
    relay: Relay,
    runtime: Runtime,
}

impl House {
    /// A house whose relay runs.
    pub async fn new() -> Self {
        Self::with(postrider_queue::Settings::default()).await
    }

    pub async fn with(queue: postrider_queue::Settings) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("postrider-relay-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let mut house = Self {
            clock: Arc::new(HandClock::new()),
            told: Arc::new(Told::new()),
            host: Host::start().await,
            faults: Arc::default(),
            queue,
            directory,
            life: None,
        };
        house.start();
        house
    }

    /// Starts a relay over what the last one left.
    pub fn start(&mut self) {
        let (engine, recovered) = loop {
            match SqliteEngine::open(SqliteSettings::new(&self.directory)) {
                // The writer of a relay that was killed may be at its last transaction.
                Err(SpoolError::InUse(_)) => std::thread::yield_now(),
                opened => break opened.unwrap(),
            }
        };
        let engine = disk::Disk { engine, faults: self.faults.clone() };
        let settings = Settings { free_bytes_min: 0, ..Settings::default() };
        let (spool, recovery) = Spool::over(Arc::new(engine), recovered, &self.directory, settings).unwrap();
        let delivery = postrider_delivery::Settings {
            hello: "relay.example".into(),
            port: self.host.address.port(),
            private_addresses: true,
            ..postrider_delivery::Settings::default()
        };
        let parts = Parts {
            spool,
            recovery,
            delivery: Delivery::new(delivery, Arc::new(Zone::parse(ZONE).unwrap())).unwrap(),
            decoder: Arc::new(Decoder::new()),
            queue: self.queue.clone(),
            sink: self.told.clone(),
            signer: None,
            clock: self.clock.clone(),
            settings: postrider_relay::Settings {
                hostname: "relay.example".into(),
                ..postrider_relay::Settings::default()
            },
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let relay = {
            let _within = runtime.enter();
            Relay::start(parts)
        };
        self.life = Some(Life { relay, runtime });
    }

    /// The relay dies with whatever it was doing, as by SIGKILL.
    pub async fn kill(&mut self) {
        let Life { relay, runtime } = self.life.take().unwrap();
        drop(relay);
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(GUARD)).await.unwrap();
    }

    /// The relay is stopped in order.
    pub async fn stop(&mut self) {
        self.relay().stop(GUARD).await;
        self.kill().await;
    }

    pub fn relay(&self) -> Relay {
        self.life.as_ref().unwrap().relay.clone()
    }

    /// Hands a message in, from <ann@home.example>.
    pub async fn send(&self, to: &[&str]) -> MessageId {
        self.submit(Some("ann@home.example"), to).await.unwrap()
    }

    pub async fn submit(&self, from: Option<&str>, to: &[&str]) -> Result<MessageId, Reply> {
        let to = to.iter().map(|to| Recipient::new(Address::parse(to).unwrap())).collect();
        self.submit_to(from, to).await
    }

    /// Hands a message in for one recipient with a wish about notices.
    pub async fn send_notify(&self, to: &str, notify: Notify) -> MessageId {
        let to = Recipient { notify: Some(notify), ..Recipient::new(Address::parse(to).unwrap()) };
        self.submit_to(Some("ann@home.example"), vec![to]).await.unwrap()
    }

    async fn submit_to(&self, from: Option<&str>, recipients: Vec<Recipient>) -> Result<MessageId, Reply> {
        let sender = from.map(|from| Address::parse(from).unwrap());
        let received = Received {
            origin: Origin::Submission,
            client: Client {
                peer: Some("192.0.2.1:4000".parse().unwrap()),
                hello: "client.example".into(),
                protocol: "ESMTP",
                tls: None,
                user: None,
            },
            envelope: Envelope { sender, recipients, ..Envelope::default() },
            message: Bytes::from_static(b"From: ann@home.example\r\nSubject: hi\r\n\r\nhello\r\n"),
        };
        let relay = self.relay();
        let accepted = self.life.as_ref().unwrap().runtime.spawn(async move { relay.accept(received).await });
        accepted.await.unwrap()
    }

    /// Lets time pass until nothing is left; it stands still while the relay has something in hand.
    pub async fn settle(&self) {
        let relay = self.relay();
        let settled = async {
            while relay.count().await.unwrap() != (0, 0) {
                let idle = relay.snapshot(0).jobs == 0;
                self.clock.forward(if idle { 10 * SECOND } else { Duration::ZERO });
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(GUARD, settled).await;
        assert!(waited.is_ok(), "{:?} are left on the spool: {:#?}", relay.count().await, self.told.lines());
    }

    /// Every write to the disk fails so from now on, or well again.
    pub fn disk(&self, error: Option<SpoolError>) {
        *self.faults.writes.lock().unwrap() = error;
    }

    /// Waits until the lease of an hour is not half over, and its holder knows: it sleeps until it is.
    pub async fn until_leased(&self) {
        let leased = async {
            loop {
                let half_over = Timestamp(self.faults.leased_until.lock().unwrap().0 - 30 * 60_000);
                if half_over >= self.clock.now() && self.clock.was_asked_for(half_over) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(GUARD, leased).await;
        assert!(waited.is_ok(), "no lease was renewed: {:#?}", self.told.lines());
    }

    pub async fn rows(&self) -> QueuePage {
        self.relay().look(QueueQuery { rows_max: 1000, ..QueueQuery::default() }).await.unwrap()
    }

    /// Waits until so many messages and recipients are on the spool.
    pub async fn until_kept(&self, messages: u64, recipients: u64) {
        let relay = self.relay();
        let seen = async {
            while relay.count().await.unwrap() != (messages, recipients) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(GUARD, seen).await;
        assert!(waited.is_ok(), "{:?} are on the spool: {:#?}", relay.count().await, self.told.lines());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(Life { relay, runtime }) = self.life.take() {
            drop(relay);
            // A runtime cannot be waited for within another one. No thread of it outlives the test.
            let _ = std::thread::spawn(move || runtime.shutdown_timeout(GUARD)).join();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
