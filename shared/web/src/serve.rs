//! Listeners, and an end that loses nothing: stop accepting, finish within ten seconds, exit 0.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::{ListenerExt as _, TapIo};
use metrics_exporter_prometheus::PrometheusHandle;
use shared_config::{Problems, Reader, Service, keys, wiring};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cors::CorsOrigins;

/// Between two collections of what was measured.
const COLLECTED: Duration = Duration::from_secs(5);

/// How long streams and sockets have to finish.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Where a service listens and how much it says.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The public API.
    pub listen: SocketAddr,
    /// `/metrics`.
    pub metrics: SocketAddr,
    /// The log filter.
    pub log_level: String,
    /// Whose pages may call the API.
    pub cors: CorsOrigins,
}

impl ServeSettings {
    /// Reads the settings of a service.
    pub fn from_reader(reader: &mut Reader, service: Service) -> Self {
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        Self {
            listen: reader.parsed(keys::LISTEN_ADDR, any(service.port())),
            metrics: reader.parsed(keys::METRICS_ADDR, any(service.metrics_port())),
            log_level: reader.optional(keys::LOG_LEVEL, "info"),
            cors: CorsOrigins::from_reader(reader),
        }
    }
}

/// What keeps a service from starting or running.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        cause: io::Error,
    },
    /// The process could not be set up.
    #[error("cannot start: {0}")]
    Start(String),
}

/// A token that is cancelled by SIGTERM or SIGINT.
pub fn shutdown_signal() -> Result<CancellationToken, ServeError> {
    let listen = |kind| signal(kind).map_err(|cause| ServeError::Start(cause.to_string()));
    let (mut term, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        // First the deed, then the word: who reads the log may be gone already.
        stop.cancel();
        tracing::info!("shutting down");
    });
    Ok(token)
}

/// Serves until the token is cancelled, then lets requests finish for [`DRAIN`].
pub async fn serve(
    settings: &ServeSettings,
    service: Service,
    router: Router,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let public = open(settings.listen).await?;
    let inside = open(settings.metrics).await?;
    tokio::spawn(collect(metrics.clone(), stop.clone()));
    let page = move || {
        let text = metrics.render();
        async move { text }
    };
    let inside_router = Router::new().route(wiring::METRICS, get(page));
    tracing::info!(service = service.name(), address = %settings.listen, "listening");
    let inside =
        axum::serve(inside, inside_router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let router = settings.cors.clone().surround(router);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let public =
        axum::serve(public, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let running = async { tokio::try_join!(public.into_future(), inside.into_future()) };
    let limit = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        done = running => {
            done.map_err(|cause| ServeError::Start(cause.to_string()))?;
        }
        () = limit => tracing::warn!("requests were still running after the drain time"),
    }
    Ok(())
}

/// Serves a second listener of a service until the token is cancelled, with the same patience.
pub async fn serve_beside(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let listener = open(address).await?;
    tracing::info!(%address, "listening");
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let limit = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        done = serving.into_future() => {
            done.map_err(|cause| ServeError::Start(cause.to_string()))?;
        }
        () = limit => {}
    }
    Ok(())
}

/// The recorder keeps every measured time until it is collected: where nobody reads `/metrics`,
/// memory would grow with each request.
async fn collect(metrics: PrometheusHandle, stop: CancellationToken) {
    let for_ever = async {
        loop {
            tokio::time::sleep(COLLECTED).await;
            metrics.run_upkeep();
        }
    };
    stop.run_until_cancelled(for_ever).await;
}

/// A listener whose connections send each word of a stream at once, instead of waiting until the
/// one before was acknowledged.
type Prompt = TapIo<TcpListener, fn(&mut TcpStream)>;

async fn open(address: SocketAddr) -> Result<Prompt, ServeError> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|cause| ServeError::Listen { address, cause })?;
    Ok(listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "words of a stream may be held back");
        }
    }))
}
