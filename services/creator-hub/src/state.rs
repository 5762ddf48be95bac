//! What every handler and the worker have at hand.

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::BuildError;
use shared_ai_client::AiClient;
use shared_auth::TokenVerifier;
use shared_cache::{Cache, Key};
use shared_config::{Problems, Service};
use shared_db::Db;
use shared_rpc::http_client;
use shared_web::serve::ServeError;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::files::{Directory, FileStore};

/// The queue of this service's jobs.
pub(crate) const QUEUE: &str = Service::CreatorHub.name();

/// The parts of a running service; clones share them.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    pub(crate) verifier: TokenVerifier,
    pub(crate) ai: AiClient,
    pub(crate) files: Arc<dyn FileStore>,
    pub(crate) upload_max_bytes: u64,
    pub(crate) stop: CancellationToken,
}

/// What keeps the service from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// Redis has no such address.
    #[error("the address of Redis: {0}")]
    Cache(String),
    /// The HTTP client could not be set up.
    #[error("the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The metrics recorder could not be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The listeners failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The worker broke.
    #[error("the worker: {0}")]
    Worker(tokio::task::JoinError),
}

impl AppState {
    /// Builds the parts; connects to nothing. What runs long ends when `stop` is cancelled.
    pub fn new(config: &Config, stop: CancellationToken) -> Result<Self, StartError> {
        let http = http_client::new()?;
        let rules = config.verifier.clone();
        let cache = Cache::new(&config.cache);
        let cache = cache.map_err(|error| StartError::Cache(error.to_string()))?;
        let verifier = TokenVerifier::new(Service::CreatorHub, rules, http.clone())
            .with_revocations(cache.clone());
        let tokens = Arc::new(verifier.signer().clone());
        Ok(Self {
            db: Db::new(&config.database),
            ai: AiClient::new(&config.ai_engine_url, http, tokens),
            verifier,
            cache,
            files: Arc::new(Directory::new(config.upload_dir.clone())),
            upload_max_bytes: config.upload_max_bytes,
            stop,
        })
    }

    /// Wakes a worker, here or in another replica. A hint: workers look by themselves too, so
    /// nobody waits for it and its loss is no failure.
    pub(crate) fn wake_workers(&self) {
        let cache = self.cache.clone();
        tokio::spawn(async move {
            if let Err(error) = cache.publish(&Key::queue_wake(QUEUE), "").await {
                tracing::debug!(%error, "workers were not woken");
            }
        });
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
