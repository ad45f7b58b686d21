//! One attempt to one destination: routing, connections, and an outcome for each recipient.
//!
//! Failure is an outcome: [`Delivery::attempt`] cannot fail, and every recipient of its
//! [`Order`] gets exactly one [`postrider_smtp::Outcome`].
//!
//! Not here: when to try again (the queue's), and what a reply means (the decoder's).

mod attempt;
mod pattern;
mod route;
mod settings;

pub use attempt::{Attempt, BeforeDot, Order, Spoken, Timings};
pub use pattern::Pattern;
pub use route::{Route, RouteHost};
pub use settings::{Login, Settings, StaticRoute, TlsMode};

use postrider_dns::Resolver;
use postrider_smtp::{Address, Destination, Trouble};
use std::sync::Arc;

/// The one that delivers. Shared by all attempts.
pub struct Delivery {
    #[expect(dead_code, reason = "skeleton")]
    settings: Settings,
    #[expect(dead_code, reason = "skeleton")]
    resolver: Arc<dyn Resolver>,
}

/// Why a delivery cannot be set up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetupError {
    /// The certificate authorities cannot be used.
    #[error("certificate authorities: {0}")]
    Authorities(String),
}

#[expect(clippy::unimplemented, reason = "skeleton")]
impl Delivery {
    /// Sets up routing tables and TLS.
    pub fn new(settings: Settings, resolver: Arc<dyn Resolver>) -> Result<Self, SetupError> {
        Ok(Self { settings, resolver })
    }

    /// Where mail for the address waits: a static route, its domain, or an address literal.
    pub fn destination(&self, address: &Address) -> Destination {
        Destination::of(address)
    }

    /// The hosts behind a destination, remembered for as long as the DNS says.
    pub async fn route(&self, destination: &Destination) -> Result<Arc<Route>, Trouble> {
        unimplemented!("{destination}")
    }

    /// Carries out an order.
    pub async fn attempt(&self, order: Order) -> Attempt {
        unimplemented!("{order:?}")
    }

    /// Says QUIT on all idle connections.
    pub async fn close_idle(&self) {}
}
