//! `/metrics` for Prometheus and `/healthz` for whoever restarts things.
//!
//! No password, so by default on loopback only; nothing here tells an address or a subject.

pub(crate) mod metrics;

use crate::serve::Doors;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{Gauges, Metrics};
use postrider_events::JsonLines;
use postrider_relay::{Accept, Relay};
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages are made of.
#[derive(Clone)]
pub(crate) struct Facts {
    /// The relay.
    pub(crate) relay: Relay,
    /// The ways in.
    pub(crate) doors: Doors,
    /// The files of events, if they are written.
    pub(crate) events: Option<Arc<JsonLines>>,
    /// What was counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// Serves until `stop` is over.
pub(crate) async fn serve(listener: TcpListener, facts: Facts, stop: impl Future<Output = ()> + Send + 'static) {
    let pages = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(show_health))
        .route("/", get(|| async { "postrider: /healthz, /metrics\n" }))
        .with_state(facts);
    if let Err(error) = axum::serve(listener, pages).with_graceful_shutdown(stop).await {
        tracing::warn!(%error, "http: stopped serving");
    }
}

async fn show_metrics(State(facts): State<Facts>) -> impl IntoResponse {
    let snapshot = facts.relay.snapshot(0);
    let (messages, recipients) = facts.relay.count().await.unwrap_or_default();
    let gauges = Gauges {
        messages,
        recipients,
        in_flight: snapshot.in_flight.into(),
        jobs: snapshot.jobs as u64,
        content_bytes: snapshot.bytes,
        doors: facts.doors.counters(),
        events_lost: facts.events.as_ref().map_or(0, |events| events.lost()),
    };
    match facts.metrics.text(&gauges) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, METRICS_TYPE)], text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}

/// 200 while mail is taken, 503 with the reasons while it is not.
async fn show_health(State(facts): State<Facts>) -> impl IntoResponse {
    let mut reasons = Vec::new();
    if let Some(reply) = facts.relay.refuses_now() {
        reasons.push(format!("no mail is taken: {reply}"));
    }
    let count = facts.relay.count().await;
    if let Err(error) = &count {
        reasons.push(error.to_string());
    }
    let (messages, recipients) = count.unwrap_or_default();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "ok": reasons.is_empty(),
        "reasons": reasons,
        "version": env!("CARGO_PKG_VERSION"),
        "queue": { "messages": messages, "recipients": recipients },
    });
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n"))
}
