//! Health and metrics on one port; on the loopback only, the switch of the log level.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use metrics_exporter_prometheus::PrometheusHandle;
use shared_config::wiring;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::leadership::Role;
use crate::telemetry::LogLevel;

/// Serves `/livez`, `/readyz` and `/metrics` until `stop`.
pub async fn serve(
    port: u16,
    role: Arc<Role>,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route(wiring::LIVEZ, get(async || "ok\n"))
        .route(wiring::READYZ, get(ready))
        .with_state(role)
        .route(wiring::METRICS, get(async move || metrics.render()));
    let listener = listen(port).await?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Listens for both families of addresses; for IPv4 alone where the kernel has no IPv6.
async fn listen(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        bound => bound,
    }
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

/// A replica on standby is ready to take over. The leader is ready once some namespace is served:
/// before every watch of it has listed what it watches, nothing is decided there. Those that are
/// not served are named.
async fn ready(State(role): State<Arc<Role>>) -> (StatusCode, String) {
    let Some(seen) = role.seen() else {
        return (StatusCode::OK, "ok, on standby\n".to_owned());
    };
    let waiting = seen.waiting();
    if waiting.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let mut answer = String::new();
    for (place, kinds) in &waiting {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.kind()).collect();
        let kinds = kinds.join(", ");
        let place = place.as_deref().map(|name| format!("namespace {name}: "));
        let place = place.unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(answer, "{place}waiting for the initial list of: {kinds}");
    }
    if seen.serves() {
        return (StatusCode::OK, format!("ok, with exceptions\n{answer}"));
    }
    (StatusCode::SERVICE_UNAVAILABLE, answer)
}

async fn change_log_level(State(level): State<LogLevel>, body: String) -> (StatusCode, String) {
    match level.set(&body) {
        Ok(()) => (StatusCode::OK, format!("{}\n", body.trim())),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}
