//! One attempt to one destination: routing, connections, and an outcome for each recipient.
//!
//! Failure is an outcome: [`Delivery::attempt`] cannot fail, and every recipient of its
//! [`Order`] gets exactly one [`postrider_smtp::Outcome`].
//!
//! Hosts are tried in the order of the route. The next one is tried when nothing was said about
//! the recipients: no connection, a refused greeting, 421, a session that broke before it
//! answered. What a host says about a recipient stands.
//!
//! Not here: when to try again, and how many connections at once (the queue's); what a reply
//! means (the decoder's).

mod addresses;
mod attempt;
mod errand;
mod inside;
mod memory;
mod open;
mod pattern;
mod pool;
mod route;
mod settings;
mod site;

pub use attempt::{Attempt, BeforeDot, Order, Spoken, Timings};
pub use pattern::Pattern;
pub use route::{Route, RouteHost};
pub use settings::{Login, Settings, StaticRoute, TlsMode};

use memory::Memory;
use pool::Pool;
use postrider_dns::Resolver;
use postrider_smtp::{Address, Destination, Host, Trouble};
use postrider_transport::tls::client::{ClientTls, TlsSetupError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The one that delivers. Shared by all attempts; needs a tokio runtime.
pub struct Delivery {
    settings: Settings,
    hello: Host,
    resolver: Arc<dyn Resolver>,
    tls: Arc<ClientTls>,
    memory: Memory,
    pool: Arc<Pool>,
    draws: AtomicU64,
}

/// Why a delivery cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The name for EHLO is none.
    #[error("not a host name to say in EHLO: {0:?}")]
    Hello(String),
    /// Two static routes of one name.
    #[error("two routes are named {0}; give one of them another name")]
    RouteNamedTwice(Arc<str>),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
}

impl Delivery {
    /// Sets up routing tables and TLS.
    pub fn new(settings: Settings, resolver: Arc<dyn Resolver>) -> Result<Self, SetupError> {
        let hello = Host::parse(&settings.hello).map_err(|_| SetupError::Hello(settings.hello.clone()))?;
        let mut names: Vec<&Arc<str>> = settings.routes.iter().map(|route| &route.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SetupError::RouteNamedTwice(twice[0].clone()));
        }
        Ok(Self {
            hello,
            resolver,
            tls: Arc::new(ClientTls::new(settings.ca_file.as_deref())?),
            memory: Memory::new(settings.routes_kept_max),
            pool: Pool::new(settings.idle_connections_max, settings.idle_max),
            draws: AtomicU64::new(settings.seed),
            settings,
        })
    }

    /// Where mail for the address waits: the static route with the narrowest pattern, its
    /// domain, or an address literal.
    pub fn destination(&self, address: &Address) -> Destination {
        let covering = self.settings.routes.iter().flat_map(|route| route.patterns.iter().map(move |p| (p, route)));
        let narrowest = covering.filter(|(pattern, _)| pattern.covers(address)).max_by_key(|(p, _)| p.narrowness());
        match narrowest {
            Some((_, route)) => Destination::Route(route.name.clone()),
            None => Destination::of(address),
        }
    }

    /// The hosts behind a destination, remembered for as long as the DNS says.
    pub async fn route(&self, destination: &Destination) -> Result<Arc<Route>, Trouble> {
        if let Some(route) = self.memory.route(destination) {
            return Ok(route);
        }
        let (route, ttl) = self.find_route(destination).await?;
        let route = Arc::new(route);
        let span = ttl.max(self.settings.route_kept_min).min(self.settings.route_kept_max);
        self.memory.keep_route(destination, &route, span);
        Ok(route)
    }

    /// Carries out an order.
    pub async fn attempt(&self, order: Order) -> Attempt {
        errand::Errand::new(self, order).run().await
    }

    /// Says QUIT on all idle connections.
    pub async fn close_idle(&self) {
        self.pool.close_all().await;
    }

    /// The seed of the next draw among equals.
    fn draw(&self) -> u64 {
        self.draws.fetch_add(1, Ordering::Relaxed)
    }
}
