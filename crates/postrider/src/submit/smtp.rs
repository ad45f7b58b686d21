//! Handing in by SMTP: one delivery attempt to one server, with the relay's own delivery.

use super::Outgoing;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use bytes::Bytes;
use postrider_delivery::{Attempt, Delivery, Login, Order, Pattern, StaticRoute, TlsMode};
use postrider_smtp::{Content, Destination, Envelope, Host, MessageId, Outcome, Recipient};
use std::net::SocketAddr;
use std::sync::Arc;

/// The server a message is handed to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// The host.
    pub(crate) host: Host,
    /// Its port.
    pub(crate) port: u16,
    /// What is asked of TLS.
    pub(crate) tls: TlsMode,
    /// Who we are there.
    pub(crate) login: Option<Login>,
}

impl Server {
    /// A relay on this machine: no TLS, no login.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { host: Host::Literal(address.ip()), port: address.port(), tls: TlsMode::None, login: None }
    }
}

/// Hands a message to a server; gives the server's words.
pub(crate) fn hand_to_server(server: &Server, config: &Config, outgoing: &Outgoing) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("no runtime: {error}")))?;
    let attempt = runtime.block_on(attempt(server, config, outgoing))?;
    let refused: Vec<_> = attempt.outcomes.iter().filter(|(_, outcome)| !outcome.is_delivered()).collect();
    let Some((_, worst)) = refused.iter().max_by_key(|(_, outcome)| exit_for(outcome) as u8) else {
        let taken = attempt.outcomes.first().map(|(_, outcome)| outcome.to_string());
        return Ok(taken.unwrap_or_default());
    };
    let lines: Vec<_> = refused
        .iter()
        .map(|(index, outcome)| {
            let address = outgoing.recipients.get(*index as usize).map(ToString::to_string).unwrap_or_default();
            format!("{address}: {outcome}")
        })
        .collect();
    Err(Failure::new(exit_for(worst), format!("not taken by {}:{}:\n{}", server.host, server.port, lines.join("\n"))))
}

async fn attempt(server: &Server, config: &Config, outgoing: &Outgoing) -> Result<Attempt, Failure> {
    let system = |error: &dyn std::fmt::Display| Failure::new(Exit::System, error.to_string());
    let pattern: Pattern = "*".parse().map_err(|_| system(&"no pattern"))?;
    let mut route = StaticRoute::new(pattern, server.host.clone(), server.port);
    route.tls = server.tls;
    route.login.clone_from(&server.login);
    let destination = Destination::Route(Arc::clone(&route.name));
    let settings = postrider_delivery::Settings {
        hello: super::host_name(config),
        routes: vec![route],
        ca_file: config.values.ca_file.clone(),
        ..Default::default()
    };
    let resolver = crate::serve::resolver(&config.values).map_err(|error| system(&error))?;
    let delivery = Delivery::new(settings, resolver).map_err(|error| system(&error))?;
    let recipients = outgoing.recipients.iter().cloned().map(Recipient::new).enumerate();
    let order = Order {
        message: MessageId::at(crate::verbs::now(), 0),
        destination,
        envelope: Envelope { sender: outgoing.sender.clone(), ..Envelope::default() },
        recipients: recipients.filter_map(|(index, recipient)| Some((u32::try_from(index).ok()?, recipient))).collect(),
        content: Content::split(Bytes::from(outgoing.message.clone())),
        before_dot: None,
    };
    let attempt = delivery.attempt(order).await;
    delivery.close_idle().await;
    Ok(attempt)
}

fn exit_for(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Replied { reply, .. } if reply.code().is_positive() => Exit::Ok,
        Outcome::Replied { phase: postrider_smtp::Phase::Rcpt, reply } if reply.code().is_permanent() => Exit::NoUser,
        Outcome::Replied { reply, .. } if reply.code().is_permanent() => Exit::Unavailable,
        Outcome::Replied { .. } | Outcome::Unreached(_) | Outcome::InDoubt(_) => Exit::TryAgain,
    }
}
