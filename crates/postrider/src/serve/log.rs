//! The log on standard error: lines for people, or JSON; and the facts of mail as lines.

use crate::config::typed::{LogFormat, LogLevel};
use postrider_events::{Event, Sink, Ticket};
use std::io::IsTerminal;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Changes how much the log says while it runs.
pub(crate) type LevelHandle = reload::Handle<LevelFilter, Registry>;

/// Starts the log. A log that runs already (another relay in this process) stays as it is.
pub(crate) fn start(format: LogFormat, level: LogLevel) -> LevelHandle {
    let (filter, handle) = reload::Layer::new(filter(level));
    let registry = tracing_subscriber::registry().with(filter);
    let stderr = std::io::stderr;
    let _ = match format {
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(stderr)).try_init(),
        LogFormat::Text => {
            let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(fmt::layer().with_target(false).with_ansi(colours).with_writer(stderr)).try_init()
        }
    };
    handle
}

/// The filter for a level.
pub(crate) fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Writes events into the log: what did not go well at `info`, what did at `debug`, as the events
/// files have every one and a busy relay makes thousands a second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogSink;

impl Sink for LogSink {
    fn emit(&self, event: &Event) -> Ticket {
        match event {
            Event::Accepted(it) => {
                tracing::debug!(message = %it.message, client = %it.client, recipients = it.recipients.len(), size = it.size, "accepted");
            }
            Event::Delivered(it) => {
                tracing::debug!(message = %it.message, recipient = %it.recipient, host = it.via.host.as_deref(), "delivered");
            }
            Event::Deferred(it) => {
                tracing::info!(message = %it.message, recipient = %it.recipient, cause = %it.verdict.cause, attempt = it.attempt, outcome = %it.outcome, "deferred");
            }
            Event::InDoubt(it) => {
                tracing::warn!(message = %it.message, recipient = %it.recipient, outcome = %it.outcome, "in doubt: the next attempt may double the message");
            }
            Event::Failed(it) => {
                tracing::info!(message = %it.message, recipient = %it.recipient, cause = %it.verdict.cause, outcome = %it.outcome, "failed");
            }
            Event::Expired(it) => {
                tracing::info!(message = %it.message, recipient = %it.recipient, attempts = it.attempts, reason = %it.reason, "expired");
            }
            // The door has said so already, with its own reason.
            Event::Refused(_) => {}
            Event::Noticed(it) => {
                tracing::info!(message = %it.message, notice = %it.notice, to = %it.to, tidings = ?it.tidings, "told the sender");
            }
            Event::Held(it) | Event::Released(it) | Event::Retried(it) | Event::Dropped(it) => {
                tracing::info!(recipients = it.recipients, by = %it.by, "{}", event.name());
            }
            Event::Recovered(it) => {
                tracing::warn!(message = %it.message, found = ?it.found, "recovered from the life before");
            }
        }
        Ticket::default()
    }

    fn written(&self) -> Ticket {
        Ticket(u64::MAX)
    }
}
