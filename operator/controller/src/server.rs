//! Health and metrics on one port; on the loopback only, the switch of the log level.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use metrics_exporter_prometheus::PrometheusHandle;
use shared_config::wiring;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::seen::Seen;
use crate::telemetry::LogLevel;

/// Serves `/livez`, `/readyz` and `/metrics` until `stop`.
pub async fn serve(
    port: u16,
    seen: Arc<Seen>,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route(wiring::LIVEZ, get(async || "ok\n"))
        .route(wiring::READYZ, get(ready))
        .with_state(seen)
        .route(wiring::METRICS, get(async move || metrics.render()));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Serves `PUT /log-level` until `stop`: reached by `kubectl port-forward`, by no other pod.
pub async fn serve_admin(
    port: u16,
    level: LogLevel,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/log-level", put(change_log_level))
        .with_state(level);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Ready once every watch has listed what it watches: before that, nothing is decided.
async fn ready(State(seen): State<Arc<Seen>>) -> (StatusCode, String) {
    let waiting = seen.waiting();
    if waiting.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let answer = format!("waiting for the initial list of: {}\n", waiting.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, answer)
}

async fn change_log_level(State(level): State<LogLevel>, body: String) -> (StatusCode, String) {
    match level.set(&body) {
        Ok(()) => (StatusCode::OK, format!("{}\n", body.trim())),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}
