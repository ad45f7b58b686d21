//! The relay of the demo: the parts of `serve`, with their times shortened so that a minute of
//! retries fits into a few seconds.

use crate::control::{self, server::Control};
use crate::exit::{Exit, Failure};
use crate::serve::{desk::RelayDesk, make_folder};
use postrider_delivery::Delivery;
use postrider_dns::System;
use postrider_events::{Fan, JsonLines, Sink};
use postrider_inbound::{Door, Inbound};
use postrider_queue::{RetrySettings, SiteSettings};
use postrider_relay::{Parts, Relay, SystemClock};
use postrider_reply::Decoder;
use postrider_smtp::client::Timeouts;
use postrider_spool::{Spool, SqliteSettings};
use postrider_world::World;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const HOSTNAME: &str = "relay.home.test";
/// The largest mail taken from `postrider send` while the demo runs.
const MESSAGE_BYTES_MAX: u64 = 10 << 20;
/// How long sessions and attempts may go on when the demo is over.
const GRACE: Duration = Duration::from_secs(2);

/// A relay that knows only the world.
pub(crate) struct DemoRelay {
    relay: Relay,
    doors: Inbound<Relay>,
    events: Arc<JsonLines>,
    /// Where it takes mail.
    pub(crate) address: SocketAddr,
}

impl DemoRelay {
    /// Starts it on a data folder of its own; `postrider queue --data` finds it there.
    pub(crate) async fn start(data: &Path, world: &World, seed: u64, stage: Arc<dyn Sink>) -> Result<Self, Failure> {
        let system = |error: &dyn std::fmt::Display| Failure::new(Exit::System, error.to_string());
        make_folder(data)?;
        let events = JsonLines::open(postrider_events::Settings::new(control::events(data)))
            .map_err(|error| Failure::new(Exit::CannotCreate, error.to_string()))?;
        let events = Arc::new(events);
        let folder = control::spool(data);
        make_folder(&folder)?;
        let opened = Spool::open(SqliteSettings::new(folder), postrider_spool::Settings::default());
        let (spool, recovery) = opened.map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
        let relay = Relay::start(Parts {
            spool,
            recovery,
            delivery: delivery(world, seed).map_err(|error| system(&error))?,
            decoder: Arc::new(Decoder::new()),
            queue: queue(seed),
            sink: Arc::new(Fan::new(vec![events.clone(), stage])),
            signer: None,
            clock: Arc::new(SystemClock),
            settings: postrider_relay::Settings { hostname: HOSTNAME.into(), ..Default::default() },
        });
        let desk =
            RelayDesk { relay: relay.clone(), events: control::events(data), message_bytes_max: MESSAGE_BYTES_MAX };
        let control = Control::bind(&control::socket(data)).map_err(|error| system(&error))?;
        tokio::spawn(control.serve(Arc::new(desk)));
        let doors = Inbound::new(Arc::new(relay.clone()), postrider_inbound::Settings::new(HOSTNAME));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| system(&error))?;
        let address = listener.local_addr().map_err(|error| system(&error))?;
        let door = doors.clone();
        tokio::spawn(async move { door.listen(listener, Door::Relay).await });
        Ok(Self { relay, doors, events, address })
    }

    /// Stops it. What waits is kept.
    pub(crate) async fn stop(self) {
        self.doors.stop(GRACE / 4).await;
        self.relay.stop(GRACE).await;
        let events = self.events;
        let _ = tokio::task::spawn_blocking(move || events.flush()).await;
    }
}

fn delivery(world: &World, seed: u64) -> Result<Delivery, String> {
    let dns = postrider_dns::Settings {
        servers: vec![world.name_server()],
        // `lost.test` never answers, and everybody else is near.
        server_timeout: Duration::from_secs(1),
        rounds: 1,
        ..Default::default()
    };
    let resolver = System::new(dns).map_err(|error| error.to_string())?;
    let settings = postrider_delivery::Settings {
        hello: HOSTNAME.into(),
        port: world.smtp_port(),
        private_addresses: true,
        // `silent.test` never greets.
        timeouts: Timeouts { greeting: Duration::from_secs(3), ..Timeouts::default() },
        seed,
        ..Default::default()
    };
    Delivery::new(settings, Arc::new(resolver)).map_err(|error| error.to_string())
}

/// Minutes are seconds here, and hours are too.
fn queue(seed: u64) -> postrider_queue::Settings {
    let seconds = Duration::from_secs;
    postrider_queue::Settings {
        retry: RetrySettings {
            first: seconds(1),
            max: seconds(3),
            greylisted: seconds(4),
            mailbox_full: seconds(4),
            in_doubt: seconds(2),
            too_many_recipients: seconds(1),
            after_min: seconds(1),
            ..RetrySettings::default()
        },
        // Neighbours here are in trouble far more often than real ones.
        site: SiteSettings {
            failures_max: 5,
            pause_first: seconds(1),
            pause_max: seconds(1),
            ..SiteSettings::default()
        },
        seed,
        ..postrider_queue::Settings::default()
    }
}
