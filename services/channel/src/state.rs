//! What every handler may use.

use std::sync::Arc;

use axum::extract::FromRef;
use shared_ai_client::AiClient;
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::Service;
use shared_db::Db;
use shared_rpc::http_client;
use shared_web::serve::DRAIN_TIMEOUT;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::domain::visitor_token::VisitorTokens;
use crate::live::hub::Hub;

/// The state of the service.
#[derive(Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    pub(crate) verifier: TokenVerifier,
    pub(crate) ai: AiClient,
    pub(crate) tokens: VisitorTokens,
    pub(crate) hub: Hub,
    pub(crate) public_url: String,
    pub(crate) demo_page: bool,
    /// Cancelled when the process is to stop.
    pub(crate) stop: CancellationToken,
    /// Sockets and answers that are finished before the process ends.
    pub(crate) tasks: TaskTracker,
}

/// The state could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The settings of Redis make no address.
    #[error("redis: {0}")]
    Cache(#[from] redis::RedisError),
    /// The HTTP client could not be made.
    #[error("http client: {0}")]
    Http(#[from] reqwest::Error),
}

impl AppState {
    /// Sets everything up; nothing connects yet. `stop` ends the sockets.
    pub fn new(config: &Config, stop: CancellationToken) -> Result<Self, SetupError> {
        let http = http_client::new()?;
        let cache = Cache::new(&config.cache)?;
        let verifier = TokenVerifier::new(Service::Channel, config.verifier.clone(), http.clone())
            .with_revocations(cache.clone());
        let tokens = Arc::new(verifier.signer().clone());
        Ok(Self {
            db: Db::new(&config.database),
            hub: Hub::new(cache.clone()),
            ai: AiClient::new(&config.ai_engine_url, http, tokens),
            verifier,
            cache,
            tokens: VisitorTokens::new(&config.widget_token_key),
            public_url: config.public_url.clone(),
            demo_page: config.demo_page,
            stop,
            tasks: TaskTracker::new(),
        })
    }

    /// The same state with another verifier, as tests and auth itself need one.
    #[must_use]
    pub fn with_verifier(mut self, verifier: TokenVerifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Waits for the signal to stop, then for sockets and answers to end.
    pub async fn drained(self) {
        self.stop.cancelled().await;
        self.tasks.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "sockets were open after the drain time"
            );
        }
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
