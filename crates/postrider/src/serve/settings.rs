//! The configuration, handed to each crate in its own words.

use crate::config::Config;
use crate::config::keys::Values;
use crate::submit::host_name;
use postrider_delivery::{Delivery, Login, StaticRoute};
use postrider_dns::{Resolver, System};
use postrider_inbound::Users;
use postrider_mailauth::{KeySettings, Signer};
use postrider_smtp::{Domain, server};
use postrider_transport::tls::server::ServerTls;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Asks the name servers of the configuration.
pub(crate) fn resolver(values: &Values) -> Result<Arc<dyn Resolver>, postrider_dns::SystemError> {
    let servers = values.dns_resolver.iter().map(|server| server.0).collect();
    Ok(Arc::new(System::new(postrider_dns::Settings { servers, ..Default::default() })?))
}

/// Routes, connections and TLS on the way out.
pub(crate) fn delivery(config: &Config, resolver: Arc<dyn Resolver>) -> Result<Delivery, String> {
    let values = &config.values;
    let hello = host_name(config);
    let listeners = values.smtp_listen.iter().chain(&values.submission_listen).chain(&values.submissions_listen);
    let settings = postrider_delivery::Settings {
        own_names: Domain::parse(&hello).into_iter().collect(),
        own_addresses: listeners.map(std::net::SocketAddr::ip).filter(|ip| !ip.is_unspecified()).collect(),
        hello,
        port: values.delivery_port,
        routes: config.tables.routes.iter().map(static_route).collect(),
        private_addresses: values.private_addresses,
        sources: values.source_addresses.clone(),
        ipv6: values.ipv6,
        tls: values.delivery_tls,
        ca_file: values.ca_file.clone(),
        connect_timeout: values.connect_timeout,
        seed: seed(),
        ..Default::default()
    };
    Delivery::new(settings, resolver).map_err(|error| error.to_string())
}

fn static_route(route: &crate::config::tables::Route) -> StaticRoute {
    let mut fixed = StaticRoute::new(route.pattern.clone(), route.host.clone(), route.port);
    fixed.tls = route.tls;
    fixed.login = route
        .login
        .as_ref()
        .map(|(user, password)| Login { user: user.clone(), password: password.reveal().to_owned() });
    fixed
}

/// When to try what.
pub(crate) fn queue(values: &Values) -> postrider_queue::Settings {
    let defaults = postrider_queue::Settings::default();
    postrider_queue::Settings {
        retry: postrider_queue::RetrySettings {
            first: values.retry_first,
            max: values.retry_max,
            greylisted: values.retry_greylisted,
            mailbox_full: values.retry_mailbox_full,
            in_doubt: values.retry_in_doubt,
            in_doubt_times: values.retry_in_doubt_times,
            attempts_max: values.retry_attempts_max,
            ..defaults.retry
        },
        site: postrider_queue::SiteSettings { connections_max: values.site_connections_max, ..defaults.site },
        expire: values.expire,
        expire_notices: values.expire_notices,
        expire_refused: values.expire_refused,
        delay_notice_after: values.delay_notice_after,
        connections_max: values.queue_connections_max,
        destination_connections_max: values.destination_connections_max,
        bytes_max: values.queue_bytes_max.0,
        seed: seed(),
        ..defaults
    }
}

/// The relay's own.
pub(crate) fn relay(config: &Config) -> postrider_relay::Settings {
    postrider_relay::Settings { hostname: host_name(config), ..Default::default() }
}

/// The ways in.
pub(crate) fn inbound(config: &Config) -> Result<postrider_inbound::Settings, String> {
    let values = &config.values;
    let host = host_name(config);
    let mut smtp = server::Settings::new(host.as_str());
    smtp.limits.message_bytes_max = values.message_size.0;
    smtp.limits.recipients_max = values.recipients as usize;
    smtp.limits.errors_max = values.errors;
    smtp.limits.auth_attempts_max = values.auth_attempts;
    let users = config.tables.users.iter().map(|user| (user.name.as_str(), user.hash.reveal()));
    let tls = match (&values.tls_certificate, &values.tls_key) {
        (Some(chain), Some(key)) => ServerTls::from_pem_files(chain, key),
        _ => ServerTls::self_signed(&[&host]),
    };
    Ok(postrider_inbound::Settings {
        smtp: Arc::new(smtp),
        tls: Some(tls.map_err(|error| format!("tls.certificate, tls.key: {error}"))?),
        // Loopback is in the default of smtp.networks, and who takes it out means it.
        trust_loopback: false,
        networks: values.smtp_networks.clone(),
        users: Arc::new(Users::new(users).map_err(|error| error.to_string())?),
        connections_max: values.connections as usize,
        connections_per_client_max: values.connections_per_client as usize,
        ..postrider_inbound::Settings::new(host.as_str())
    })
}

/// DKIM keys, if there are any.
pub(crate) fn signer(config: &Config) -> Result<Option<Signer>, String> {
    let keys: Vec<_> = config
        .tables
        .dkim
        .iter()
        .map(|dkim| KeySettings {
            domain: dkim.domain.clone(),
            selector: dkim.selector.clone(),
            file: dkim.key.clone(),
        })
        .collect();
    if keys.is_empty() {
        return Ok(None);
    }
    Signer::open(&postrider_mailauth::Settings { keys, ..Default::default() })
        .map(Some)
        .map_err(|error| error.to_string())
}

/// Another one at each start: it only spreads load, it protects nothing.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ (u64::from(std::process::id()) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn the_defaults_of_keys_and_crates_are_the_same() {
        let config = Sources::default().load().unwrap();
        let ours = queue(&config.values);
        assert_eq!(ours, postrider_queue::Settings { seed: ours.seed, ..Default::default() });
        let theirs = postrider_delivery::Settings::default();
        let values = &config.values;
        assert_eq!(
            (values.delivery_port, values.private_addresses, values.ipv6, values.delivery_tls, values.connect_timeout),
            (theirs.port, theirs.private_addresses, theirs.ipv6, theirs.tls, theirs.connect_timeout)
        );
        let limits = postrider_smtp::server::Limits::default();
        assert_eq!(
            (values.message_size.0, values.recipients as usize, values.errors, values.auth_attempts),
            (limits.message_bytes_max, limits.recipients_max, limits.errors_max, limits.auth_attempts_max)
        );
        let doors = postrider_inbound::Settings::new("x");
        assert_eq!(
            (values.connections as usize, values.connections_per_client as usize),
            (doors.connections_max, doors.connections_per_client_max)
        );
        let events = postrider_events::Settings::new("x");
        assert_eq!(
            (values.events_file_size.0, values.events_files as usize),
            (events.file_bytes_max, events.files_max)
        );
    }
}
