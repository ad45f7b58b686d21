//! The relay as a process: wired together, announced, reloaded, stopped.
//!
//! Order of a start: configuration, spool, sockets, relay, doors; whatever fails stops it before a
//! client is greeted. Order of a stop: doors, attempts, spool; all within `shutdown.grace`.

mod announce;
pub(crate) mod desk;
mod listen;
mod log;
mod notify;
mod settings;

pub(crate) use settings::resolver;

use crate::config::keys::Reload;
use crate::config::{Config, Sources};
use crate::control::{self, server::Control};
use crate::exit::{Exit, Failure};
use crate::http::{self, Facts, metrics::Measured, metrics::Metrics};
use desk::RelayDesk;
use listen::Door;
use log::{LevelHandle, LogSink};
use notify::Supervisor;
use postrider_events::{Fan, JsonLines, Sink};
use postrider_inbound::Inbound;
use postrider_relay::{Parts, Relay, SystemClock};
use postrider_reply::Decoder;
use postrider_spool::{Spool, SqliteSettings};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The way in, with a clock on the way to the relay.
pub(crate) type Doors = Inbound<Measured<Relay>>;

/// Runs the relay until it is told to stop. The sources are kept, to be read again on reload.
pub(crate) fn run(sources: &Sources) -> Result<Exit, Failure> {
    let config = sources.load()?;
    let level = log::start(config.values.log_format, config.values.log_level);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("no runtime: {error}")))?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let running = Running::start(config, level).await?;
        running.until_stopped(sources, &mut signals).await
    });
    // What still hangs after the grace, such as a look-up, must not hold the process.
    runtime.shutdown_background();
    ended
}

/// Everything that was started.
struct Running {
    config: Config,
    level: LevelHandle,
    relay: Relay,
    doors: Doors,
    control: JoinHandle<()>,
    events: Option<Arc<JsonLines>>,
    supervisor: Supervisor,
    http_stop: watch::Sender<bool>,
}

impl Running {
    async fn start(config: Config, level: LevelHandle) -> Result<Self, Failure> {
        let data = &config.values.data;
        make_folder(data)?;
        let handed = listen::handed_over().map_err(|message| Failure::new(Exit::Config, message))?;
        let bound = listen::bind(&config, &handed).map_err(|message| Failure::new(Exit::Unavailable, message))?;
        let listeners: Vec<_> = handed.into_iter().chain(bound).collect();
        let control = Control::bind(&control::socket(data)).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot listen on {}: {error}", control::socket(data).display()))
        })?;
        let wrong = |message: String| Failure::new(Exit::Config, message);
        let metrics = Arc::new(Metrics::new());
        let Sinks { all, files: events } = sinks(&config, &metrics)?;
        let relay = start_relay(&config, all)?;
        let measured = Measured { accept: relay.clone(), metrics: metrics.clone() };
        let doors = Inbound::new(Arc::new(measured), settings::inbound(&config).map_err(wrong)?);
        let desk = RelayDesk {
            relay: relay.clone(),
            events: control::events(data),
            message_bytes_max: config.values.message_size.0,
        };
        let control = tokio::spawn(control.serve(Arc::new(desk)));
        let (http_stop, _) = watch::channel(false);
        let facts = Facts { relay: relay.clone(), doors: doors.clone(), events: events.clone(), metrics };
        let places = open(listeners, &facts, &http_stop);
        let supervisor = Supervisor::from_environment();
        let waiting = relay.count().await.unwrap_or_default().0;
        announce::started(&config, &places, waiting);
        supervisor.ready(&announce::status(&places));
        Ok(Self { config, level, relay, doors, control, events, supervisor, http_stop })
    }

    async fn until_stopped(mut self, sources: &Sources, signals: &mut Signals) -> Result<Exit, Failure> {
        let mut alive = self.supervisor.alive_every().map(tokio::time::interval);
        loop {
            let tick = async {
                match &mut alive {
                    Some(every) => drop(every.tick().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tick => self.supervisor.alive(),
                Some(()) = signals.reload.recv() => self.reload(sources),
                Some(()) = signals.terminate.recv() => break,
                Some(()) = signals.interrupt.recv() => break,
            }
        }
        self.supervisor.stopping();
        tokio::select! {
            () = self.stop() => Ok(Exit::Ok),
            Some(()) = signals.terminate.recv() => Ok(Exit::Failed),
            Some(()) = signals.interrupt.recv() => Ok(Exit::Failed),
        }
    }

    /// Reads the configuration again. With a fault in it, everything stays as it was.
    fn reload(&mut self, sources: &Sources) {
        self.supervisor.reloading();
        match self.take_up(sources) {
            Ok(changed) => tracing::info!(changed = changed.join(", "), "configuration reloaded"),
            Err(message) => tracing::error!("not reloaded, the old configuration holds:\n{message}"),
        }
        self.supervisor.ready("reloaded");
    }

    /// Gives the keys that changed and were taken up.
    fn take_up(&mut self, sources: &Sources) -> Result<Vec<&'static str>, String> {
        let fresh = sources.load().map_err(|problems| problems.to_string())?;
        // All that can fail comes first.
        let resolver = settings::resolver(&fresh.values).map_err(|error| error.to_string())?;
        let delivery = settings::delivery(&fresh, resolver)?;
        let signer = settings::signer(&fresh)?;
        let doors = settings::inbound(&fresh)?;
        self.relay.reload(delivery, signer, settings::queue(&fresh.values), settings::relay(&fresh));
        self.doors.reload(doors);
        let _ = self.level.reload(log::filter(fresh.values.log_level));
        let (live, restart) = changes(&self.config, &fresh);
        if !restart.is_empty() {
            tracing::warn!(keys = restart.join(", "), "changed, and taken up only by a restart");
        }
        self.config = fresh;
        Ok(live)
    }

    async fn stop(&mut self) {
        let grace = self.config.values.shutdown_grace;
        let begun = Instant::now();
        tracing::info!(grace = crate::config::units::show_duration(grace), "stopping");
        self.http_stop.send_replace(true);
        // Half of the time for clients, so that attempts under way have the other half.
        self.doors.stop(grace / 2).await;
        self.control.abort();
        // Waited for, so that the socket's file is gone when the process is.
        let _ = (&mut self.control).await;
        self.relay.stop(grace.saturating_sub(begun.elapsed())).await;
        if let Some(events) = self.events.clone() {
            let _ = tokio::task::spawn_blocking(move || events.flush()).await;
        }
        tracing::info!("stopped");
    }
}

/// Opens the doors; gives where they are.
fn open(listeners: Vec<(Door, TcpListener)>, facts: &Facts, http_stop: &watch::Sender<bool>) -> Vec<announce::Place> {
    let mut places = Vec::new();
    for (door, listener) in listeners {
        if let Ok(address) = listener.local_addr() {
            places.push((door, address));
        }
        let kind = match door {
            Door::Smtp => postrider_inbound::Door::Relay,
            Door::Submission => postrider_inbound::Door::Submission,
            Door::Submissions => postrider_inbound::Door::SubmissionTls,
            Door::Http => {
                let mut stop = http_stop.subscribe();
                let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
                tokio::spawn(http::serve(listener, facts.clone(), stopped));
                continue;
            }
        };
        let doors = facts.doors.clone();
        tokio::spawn(async move { doors.listen(listener, kind).await });
    }
    places
}

/// Where events go.
struct Sinks {
    /// To all of them.
    all: Arc<dyn Sink>,
    /// The files among them, if they are written.
    files: Option<Arc<JsonLines>>,
}

/// Files, numbers, the log.
fn sinks(config: &Config, metrics: &Arc<Metrics>) -> Result<Sinks, Failure> {
    let mut sinks: Vec<Arc<dyn Sink>> = vec![metrics.clone(), Arc::new(LogSink)];
    let mut files = None;
    if config.values.events_write {
        let settings = postrider_events::Settings {
            file_bytes_max: config.values.events_file_size.0,
            files_max: config.values.events_files as usize,
            ..postrider_events::Settings::new(control::events(&config.values.data))
        };
        let lines = JsonLines::open(settings).map_err(|error| Failure::new(Exit::CannotCreate, error.to_string()))?;
        let lines = Arc::new(lines);
        sinks.push(lines.clone());
        files = Some(lines);
    }
    Ok(Sinks { all: Arc::new(Fan::new(sinks)), files })
}

fn start_relay(config: &Config, sink: Arc<dyn Sink>) -> Result<Relay, Failure> {
    let wrong = |message: String| Failure::new(Exit::Config, message);
    let resolver = settings::resolver(&config.values).map_err(|error| wrong(error.to_string()))?;
    let delivery = settings::delivery(config, resolver).map_err(wrong)?;
    let signer = settings::signer(config).map_err(wrong)?;
    let folder = control::spool(&config.values.data);
    make_folder(&folder)?;
    let free_bytes_min = config.values.spool_free_min.0;
    let front = postrider_spool::Settings { free_bytes_min, ..postrider_spool::Settings::default() };
    let opened = Spool::open(SqliteSettings::new(folder), front);
    let (spool, recovery) = opened.map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
    Ok(Relay::start(Parts {
        spool,
        recovery,
        delivery,
        decoder: Arc::new(Decoder::new()),
        queue: settings::queue(&config.values),
        sink,
        signer,
        clock: Arc::new(SystemClock),
        settings: settings::relay(config),
    }))
}

/// The data folder holds mail: others have no business in it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(|error| {
        let message = format!("cannot make the folder {}: {error}; name another with --data", path.display());
        Failure::new(Exit::CannotCreate, message)
    })
}

/// Keys whose values differ: those taken up now, and those that need a restart.
fn changes(old: &Config, fresh: &Config) -> (Vec<&'static str>, Vec<&'static str>) {
    let changed = fresh.settings.iter().filter(|setting| {
        old.settings.iter().any(|before| before.key.name == setting.key.name && before.text != setting.text)
    });
    let (live, restart): (Vec<_>, Vec<_>) = changed.partition(|setting| setting.key.reload == Reload::Live);
    let names = |settings: Vec<&crate::config::Setting>| settings.iter().map(|setting| setting.key.name).collect();
    let mut live: Vec<_> = names(live);
    let tables = [
        ("route", old.tables.routes != fresh.tables.routes),
        ("user", old.tables.users != fresh.tables.users),
        ("dkim", old.tables.dkim != fresh.tables.dkim),
    ];
    live.extend(tables.into_iter().filter(|(_, changed)| *changed).map(|(table, _)| table));
    (live, names(restart))
}

/// As many descriptors as the system lets us have: each connection is one.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::debug!(%error, "the descriptor limit stays as it is");
    }
}

/// What the process is told.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::System, format!("no signals: {error}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            reload: listen(SignalKind::hangup())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_tells_what_it_takes_up_and_what_it_cannot() {
        let load = |sets: &[&str], routes: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            Sources { sets: owned(sets), routes: owned(routes), ..Sources::default() }.load().unwrap()
        };
        let old = load(&[], &[]);
        let fresh = load(&["log.level=debug", "data=/elsewhere", "queue.expire=5d"], &["*=127.0.0.1:25"]);
        assert_eq!(changes(&old, &fresh), (vec!["log.level", "route"], vec!["data"]));
        assert_eq!(changes(&old, &old), (vec![], vec![]));
    }
}
