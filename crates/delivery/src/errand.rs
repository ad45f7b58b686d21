//! One order under way.

use crate::addresses::NoAddress;
use crate::pool::{Kept, Key};
use crate::route::trouble;
use crate::{Attempt, Delivery, Order, Route, RouteHost, Spoken, Timings, TlsMode};
use postrider_smtp::client::{Sent, Transaction};
use postrider_smtp::{Envelope, Outcome, Phase, Recipient, ReplyCode, TroubleKind};
use postrider_transport::client::Happened;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// The longest transcript of an attempt, in octets, of all hosts together.
const TRANSCRIPT_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Errand<'a> {
    delivery: &'a Delivery,
    order: Order,
    /// One for each recipient; `None` while nothing is known of it.
    outcomes: Vec<Option<Outcome>>,
    /// What stood in the way most recently: the outcome of whoever has none in the end.
    obstacle: Option<Outcome>,
    spoken: Option<Spoken>,
    transcript: String,
    timings: Timings,
}

/// What to do after a host.
enum After {
    NextHost,
    /// Everybody has an outcome, or no other host can help.
    Over,
}

impl<'a> Errand<'a> {
    pub(crate) fn new(delivery: &'a Delivery, mut order: Order) -> Self {
        order.envelope.recipients = Vec::new();
        Self {
            delivery,
            outcomes: vec![None; order.recipients.len()],
            order,
            obstacle: None,
            spoken: None,
            transcript: String::new(),
            timings: Timings::default(),
        }
    }

    pub(crate) async fn run(mut self) -> Attempt {
        let began = Instant::now();
        let route = self.delivery.route(&self.order.destination).await;
        self.timings.route = began.elapsed();
        let site = match route {
            Ok(route) => {
                self.follow(&route).await;
                Some(route.site.clone())
            }
            Err(trouble) => {
                self.tell(format!("-- {trouble}\n"));
                self.obstacle = Some(Outcome::Unreached(trouble));
                None
            }
        };
        self.finish(site)
    }

    fn finish(self, site: Option<Arc<str>>) -> Attempt {
        let obstacle = self.obstacle.unwrap_or_else(|| {
            Outcome::Unreached(trouble(TroubleKind::NoAddress, "no host was left to be tried".into()))
        });
        let indexes = self.order.recipients.iter().map(|(index, _)| *index);
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| obstacle.clone()));
        Attempt {
            site,
            spoken: self.spoken,
            outcomes: indexes.zip(outcomes).collect(),
            transcript: self.transcript,
            timings: self.timings,
        }
    }

    /// A kept connection to one of the best hosts, else one host after the other.
    async fn follow(&mut self, route: &Route) {
        let tls = tls_for(route.tls, &self.order.envelope);
        let best = route.hosts.first().map_or(0, |host| host.preference);
        for host in route.hosts.iter().take_while(|host| host.preference == best) {
            while let Some(mut kept) = self.delivery.pool.take(&key(route, host, tls)) {
                kept.session.hear_idle();
                let Spoken { host: name, address, messages_before, .. } = &kept.spoken;
                let line = format!("connection kept to {name} ({address}), after {messages_before} messages");
                kept.session.client().note(&line);
                if let After::Over = self.use_session(kept, key(route, host, tls), true).await {
                    return;
                }
            }
        }
        let mut addresses_left = self.delivery.settings.addresses_max;
        for host in &route.hosts {
            if let After::Over = self.visit(route, host, tls, &mut addresses_left).await {
                return;
            }
        }
    }

    /// Tries the addresses of one host.
    async fn visit(&mut self, route: &Route, host: &RouteHost, tls: TlsMode, left: &mut usize) -> After {
        let began = Instant::now();
        let addresses = self.delivery.addresses(route, host).await;
        self.timings.route += began.elapsed();
        let addresses = match addresses {
            Ok(addresses) => addresses,
            Err(NoAddress::Ourselves(trouble)) => {
                self.tell(format!("-- {trouble}\n"));
                self.obstacle.get_or_insert(Outcome::Unreached(trouble));
                return After::Over;
            }
            Err(NoAddress::Trouble(trouble)) => {
                self.tell(format!("-- {trouble}\n"));
                self.meet(Outcome::Unreached(trouble));
                return After::NextHost;
            }
        };
        for ip in addresses {
            if *left == 0 {
                return After::Over;
            }
            *left -= 1;
            let began = Instant::now();
            let address = SocketAddr::new(ip, route.port);
            let opened = self.delivery.open(route, &host.name, address, tls).await;
            self.timings.session += began.elapsed();
            match opened {
                Ok(kept) => {
                    if let After::Over = self.use_session(kept, key(route, host, tls), false).await {
                        return After::Over;
                    }
                }
                Err(not_opened) => {
                    self.tell(not_opened.transcript);
                    if self.meet(not_opened.outcome) {
                        self.spoken = Some(not_spoken(&host.name, address));
                    }
                }
            }
        }
        After::NextHost
    }

    /// Sends what is left to be sent, in transactions of bounded size.
    async fn use_session(&mut self, mut kept: Kept, key: Key, was_kept: bool) -> After {
        let began = Instant::now();
        self.spoken = Some(kept.spoken.clone());
        let mut alive = true;
        let mut over = true;
        while let (true, Some((places, transaction))) = (alive, self.next_transaction()) {
            kept.session.send(Arc::new(transaction));
            let (message, hook) = (self.order.message, &self.order.before_dot);
            let happened = kept.session.run(&|| hook.iter().for_each(|hook| hook.call(message))).await;
            let Happened::Sent(sent) = happened else { break };
            kept.spoken.messages_before += 1;
            alive = kept.session.run(&|| {}).await == Happened::Ready;
            over = self.settle(&places, sent, was_kept);
        }
        self.tell(kept.session.client().take_transcript());
        self.timings.transaction += began.elapsed();
        if alive && kept.spoken.messages_before < self.delivery.settings.messages_per_connection_max {
            self.delivery.pool.put(key, kept);
        } else if alive {
            tokio::spawn(kept.session.quit());
        }
        if over && self.outcomes.iter().all(Option::is_some) { After::Over } else { After::NextHost }
    }

    /// The next recipients without an outcome, and where they stand.
    fn next_transaction(&self) -> Option<(Vec<usize>, Transaction)> {
        let open = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none()).map(|(place, _)| place);
        let places: Vec<usize> = open.take(self.delivery.settings.recipients_max.max(1)).collect();
        if places.is_empty() {
            return None;
        }
        let recipients: Vec<Recipient> = places.iter().map(|place| self.order.recipients[*place].1.clone()).collect();
        let (envelope, content) = (self.order.envelope.clone(), self.order.content.clone());
        Some((places, Transaction { envelope, recipients, content }))
    }

    /// Notes the outcomes that stand; false when somebody is to be tried at another host.
    fn settle(&mut self, places: &[usize], sent: Sent, was_kept: bool) -> bool {
        let mut all = true;
        for (place, outcome) in places.iter().zip(sent.outcomes) {
            let goes_on = match &outcome {
                Outcome::InDoubt(_) => false,
                Outcome::Unreached(trouble) => sent.untouched && is_of_session(trouble.kind),
                // RFC 5321 §3.8: 421 is about the host, not about the recipient.
                Outcome::Replied { phase, reply } => reply.code() == ReplyCode::UNAVAILABLE_421 && *phase != Phase::Dot,
            };
            if goes_on {
                all = false;
                // A kept connection that was closed meanwhile says nothing about the host.
                if !(was_kept && sent.untouched) {
                    self.meet(outcome);
                }
            } else {
                self.outcomes[*place] = Some(outcome);
            }
        }
        all
    }

    /// Remembers what stood in the way: of two the one that got further, and of equals the
    /// later. Says whether it did.
    fn meet(&mut self, outcome: Outcome) -> bool {
        let tells_more = self.obstacle.as_ref().is_none_or(|known| reach(&outcome) >= reach(known));
        if tells_more {
            self.obstacle = Some(outcome);
        }
        tells_more
    }

    fn tell(&mut self, lines: String) {
        if self.transcript.is_empty() {
            self.transcript = lines;
        } else if self.transcript.len() + lines.len() <= TRANSCRIPT_BYTES_MAX {
            self.transcript.push_str(&lines);
        }
    }
}

/// How much an outcome tells: words before silence, a session that broke before none at all.
fn reach(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Replied { .. } => 2,
        Outcome::Unreached(trouble) | Outcome::InDoubt(trouble) => u8::from(trouble.phase > Phase::Connect),
    }
}

/// RFC 8689 §4.2.1: a message that asks for TLS goes to hosts with a verified certificate only.
fn tls_for(route: TlsMode, envelope: &Envelope) -> TlsMode {
    if envelope.require_tls && route != TlsMode::Implicit { TlsMode::Verify } else { route }
}

fn key(route: &Route, host: &RouteHost, tls: TlsMode) -> Key {
    Key { host: host.name.clone(), port: route.port, tls, route: route.name.clone() }
}

fn is_of_session(kind: TroubleKind) -> bool {
    matches!(kind, TroubleKind::ConnectionLost | TroubleKind::Timeout | TroubleKind::ProtocolViolation)
}

fn not_spoken(host: &Arc<str>, address: SocketAddr) -> Spoken {
    Spoken { host: host.clone(), address, source: None, tls: None, messages_before: 0, dsn: false }
}
