//! What a person reads when the relay has started: where it listens, who may relay, what next.

use super::listen::Door;
use crate::config::Config;
use crate::config::typed::LogFormat;
use crate::submit::host_name;
use crate::verbs::queue::times::count;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// A door and where it is.
pub(super) type Place = (Door, SocketAddr);

/// Says so on standard error, unless a machine reads it.
pub(super) fn started(config: &Config, places: &[Place], waiting: u64) {
    match config.values.log_format {
        LogFormat::Text => eprint!("{}", text(config, places, waiting)),
        LogFormat::Json => tracing::info!(waiting, "{}", status(places)),
    }
}

/// One line for the supervisor.
pub(super) fn status(places: &[Place]) -> String {
    if places.is_empty() {
        return "running, listening nowhere".to_owned();
    }
    let listed: Vec<_> = places.iter().map(|(door, address)| format!("{} {address}", door.name())).collect();
    format!("running: {}", listed.join(", "))
}

fn text(config: &Config, places: &[Place], waiting: u64) -> String {
    let values = &config.values;
    let mut text = format!("postrider {} is running as {}\n", env!("CARGO_PKG_VERSION"), host_name(config));
    let mut line = |name: &str, words: String| {
        let _ = writeln!(text, "  {name:11} {words}");
    };
    for (door, address) in places {
        match door {
            Door::Smtp => line("smtp", format!("{address}, for servers and applications")),
            Door::Submission => line("submission", format!("{address}, for users, with STARTTLS")),
            Door::Submissions => line("submissions", format!("{address}, for users, under TLS")),
            Door::Http => line("http", format!("http://{address}/healthz and /metrics")),
        }
    }
    if places.iter().all(|(door, _)| *door == Door::Http) {
        line("smtp", "nowhere: mail comes only by `postrider send` and `sendmail`".to_owned());
    }
    let networks: Vec<_> = values.smtp_networks.iter().map(ToString::to_string).collect();
    let users = count(config.tables.users.len() as u64, "user");
    let who = match networks.as_slice() {
        [] => format!("{users} with a password, nobody without"),
        networks => format!("{} without a password, and {users} with one", networks.join(", ")),
    };
    line("may relay", who);
    for route in &config.tables.routes {
        line("route", format!("{} to {}:{}", route.pattern, route.host, route.port));
    }
    if values.private_addresses {
        line("note", "MX hosts at private addresses are used (delivery.private_addresses)".to_owned());
    }
    // The whole path: whoever reads this may type it elsewhere.
    let data = std::path::absolute(&values.data).unwrap_or_else(|_| values.data.clone());
    let data = data.display();
    line("data", data.to_string());
    line("waiting", count(waiting, "message"));
    let _ = writeln!(text, "next: postrider queue --data {data} | postrider send --data {data} --to … | Ctrl-C stops");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn the_announcement_says_where_who_and_what_next() {
        let config = Sources {
            sets: vec!["hostname=mx.example".into(), "data=/d".into()],
            routes: vec!["*=127.0.0.1:2600".into()],
            ..Sources::default()
        };
        let places = [(Door::Smtp, "127.0.0.1:2525".parse().unwrap()), (Door::Http, "127.0.0.1:8025".parse().unwrap())];
        let got = text(&config.load().unwrap(), &places, 1204);
        let want = format!(
            "\
postrider {} is running as mx.example
  smtp        127.0.0.1:2525, for servers and applications
  http        http://127.0.0.1:8025/healthz and /metrics
  may relay   127.0.0.0/8, ::1/128 without a password, and 0 users with one
  route       * to [127.0.0.1]:2600
  data        /d
  waiting     1,204 messages
next: postrider queue --data /d | postrider send --data /d --to … | Ctrl-C stops
",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(got, want);
        assert_eq!(status(&places), "running: smtp 127.0.0.1:2525, http 127.0.0.1:8025");
    }
}
