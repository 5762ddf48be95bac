//! Listeners and graceful shutdown: stop accepting, finish within ten seconds, exit 0.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use axum::serve::{ListenerExt as _, TapIo};
use axum::{Extension, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use shared_config::{Problems, Reader, Service, keys, wiring};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::client_ip::TrustedProxies;
use crate::cors::CorsOrigins;
use crate::listen;

/// Time between two aggregations of recorded metrics.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How long streams and sockets have to finish at shutdown.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Listeners, log level and CORS of a service.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The public API.
    pub listen: SocketAddr,
    /// `/metrics`.
    pub metrics: SocketAddr,
    /// The log filter.
    pub log_level: String,
    /// Origins whose pages may call the API.
    pub cors: CorsOrigins,
    /// Peers that are believed who their clients are, beside those with private addresses.
    pub proxies: TrustedProxies,
}

impl ServeSettings {
    /// Reads the settings of a service.
    pub fn from_reader(reader: &mut Reader, service: Service) -> Self {
        let any = listen::every_address;
        Self {
            listen: reader.parsed(keys::LISTEN_ADDR, any(service.port())),
            metrics: reader.parsed(keys::METRICS_ADDR, any(service.metrics_port())),
            proxies: reader.parsed(keys::TRUSTED_PROXIES, TrustedProxies::default()),
            log_level: reader.optional(keys::LOG_LEVEL, "info"),
            cors: CorsOrigins::from_reader(reader),
        }
    }
}

/// Why a service cannot start or run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        cause: io::Error,
    },
    /// A part of the process could not be set up.
    #[error("cannot set up {part}: {cause}")]
    Setup {
        /// The part, or the environment variable that configures it.
        part: &'static str,
        /// Its error.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Redis's address is invalid.
    #[error("REDIS_HOST: {0}")]
    Redis(#[from] redis::RedisError),
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    HttpClient(#[from] reqwest::Error),
    /// A background task panicked.
    #[error("a background task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl StartError {
    /// A part of the process could not be set up.
    pub fn setup(
        part: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Setup {
            part,
            cause: cause.into(),
        }
    }
}

/// A token that is cancelled by SIGTERM or SIGINT.
pub fn shutdown_signal() -> Result<CancellationToken, StartError> {
    let listen = |kind| signal(kind).map_err(|cause| StartError::setup("a listener", cause));
    let (mut term, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        // Cancel before logging: the reader of the log may be gone and block the write.
        stop.cancel();
        tracing::info!("shutdown started");
    });
    Ok(token)
}

/// Serves until the token is cancelled, then lets requests finish for [`DRAIN_TIMEOUT`].
pub async fn serve(
    settings: &ServeSettings,
    service: Service,
    router: Router,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let public = open(settings.listen).await?;
    let inside = open(settings.metrics).await?;
    tokio::spawn(collect(metrics.clone(), stop.clone()));
    let page = move || {
        let text = metrics.render();
        async move { text }
    };
    let inside_router = Router::new().route(wiring::METRICS, get(page));
    tracing::info!(service = service.name(), address = %settings.listen, "service listening");
    let inside =
        axum::serve(inside, inside_router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let router = settings.cors.clone().surround(router);
    let router = router.layer(Extension(settings.proxies.clone()));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let public =
        axum::serve(public, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let running = async { tokio::try_join!(public.into_future(), inside.into_future()) };
    let limit = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        done = running => {
            done.map_err(|cause| StartError::setup("a listener", cause))?;
        }
        () = limit => tracing::warn!("shutdown: requests still running after the drain timeout"),
    }
    Ok(())
}

/// Serves another listener of the service until the token is cancelled; drains like [`serve`].
pub async fn serve_beside(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let listener = open(address).await?;
    tracing::info!(%address, "additional listener started");
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let limit = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        done = serving.into_future() => {
            done.map_err(|cause| StartError::setup("a listener", cause))?;
        }
        () = limit => {}
    }
    Ok(())
}

/// The recorder stores every sample until it is aggregated: without a reader of `/metrics`, memory
/// would grow with each request.
async fn collect(metrics: PrometheusHandle, stop: CancellationToken) {
    let for_ever = async {
        loop {
            tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
            metrics.run_upkeep();
        }
    };
    stop.run_until_cancelled(for_ever).await;
}

/// A listener with `TCP_NODELAY`: streamed tokens are sent at once instead of being delayed until
/// the previous packet is acknowledged.
type NoDelayListener = TapIo<TcpListener, fn(&mut TcpStream)>;

async fn open(address: SocketAddr) -> Result<NoDelayListener, StartError> {
    let listener = listen::bind(address).await;
    let listener = listener.map_err(|cause| StartError::Listen { address, cause })?;
    Ok(listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY; streamed tokens may be delayed");
        }
    }))
}
