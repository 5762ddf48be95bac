//! The application state.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use shared_ai_client::AiClient;
use shared_auth::TokenVerifier;
use shared_cache::{Cache, RowCache};
use shared_config::Service;
use shared_db::Db;
use shared_events::EventBus;
use shared_hub_client::HubClient;
use shared_jobs::JobQueue;
use shared_jobs::retention::RetentionSettings;
use shared_quota::QuotaGuard;
use shared_rpc::{TokenSource, http_client};
use shared_web::serve::{DRAIN_TIMEOUT, StartError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::live::broadcast::Broadcaster;
use crate::app::live::socket_slots::SocketSlots;
use crate::config::Config;
use crate::domain::visitor_token::VisitorTokens;

/// How long the copy of a widget may live; a change of the channel ends it at once.
const WIDGET_TTL: Duration = Duration::from_mins(1);

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) retention: RetentionSettings,
    pub(crate) cache: Cache,
    /// Copies of widgets that pages use.
    pub(crate) widgets: RowCache,
    /// Copies of what the platform allows to accounts.
    pub(crate) accounts: RowCache,
    pub(crate) events: EventBus,
    pub(crate) jobs: JobQueue,
    pub(crate) verifier: TokenVerifier,
    pub(crate) ai: AiClient,
    pub(crate) hub: HubClient,
    pub(crate) tokens: VisitorTokens,
    pub(crate) broadcaster: Broadcaster,
    pub(crate) socket_slots: SocketSlots,
    pub(crate) quotas: QuotaGuard,
    pub(crate) public_url: String,
    pub(crate) demo_page: bool,
    /// Cancelled when the process must stop.
    pub(crate) stop: CancellationToken,
    /// Sockets that the process drains before it ends.
    pub(crate) tasks: TaskTracker,
}

impl AppState {
    /// Creates the state without connecting to anything. `stop` ends the sockets.
    pub fn new(config: &Config, stop: CancellationToken) -> Result<Self, StartError> {
        let http = http_client::new()?;
        let cache = Cache::new(&config.cache)?;
        let db = Db::new(&config.database);
        let verifier = TokenVerifier::new(Service::Channel, config.verifier.clone(), http.clone())
            .with_revocations(cache.clone(), &db);
        let tokens: Arc<dyn TokenSource> = Arc::new(verifier.signer().clone());
        Ok(Self {
            db,
            events: EventBus::new(cache.clone()),
            retention: config.retention.clone(),
            broadcaster: Broadcaster::new(cache.clone()),
            hub: HubClient::new(&config.creator_hub_url, http.clone(), Arc::clone(&tokens)),
            ai: AiClient::new(&config.ai_engine_url, http, tokens),
            verifier,
            socket_slots: SocketSlots::new(config.sockets),
            quotas: config.quotas.clone(),
            jobs: JobQueue::new(Service::Channel, cache.clone()),
            widgets: RowCache::new(cache.clone(), "widgets", WIDGET_TTL),
            accounts: RowCache::account_settings(cache.clone()),
            cache,
            tokens: VisitorTokens::new(&config.widget_token_key),
            public_url: config.public_url.clone(),
            demo_page: config.demo_page,
            stop,
            tasks: TaskTracker::new(),
        })
    }

    /// Replaces the verifier; for tests.
    #[must_use]
    pub fn with_verifier(mut self, verifier: TokenVerifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Waits for the stop signal, then until sockets have ended.
    pub async fn drained(self) {
        self.stop.cancelled().await;
        self.tasks.close();
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, self.tasks.wait()).await;
        if drained.is_err() {
            let open = self.tasks.len();
            tracing::warn!(open, "drain timeout exceeded; open sockets are dropped");
        }
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
