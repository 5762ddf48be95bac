//! The state that handlers and jobs share.

use std::sync::Arc;

use axum::extract::FromRef;
use shared_ai_client::AiClient;
use shared_auth::TokenVerifier;
use shared_blobs::Directory;
use shared_cache::Cache;
use shared_config::Service;
use shared_db::Db;
use shared_events::EventBus;
use shared_jobs::JobQueue;
use shared_jobs::retention::RetentionSettings;
use shared_quota::QuotaGuard;
use shared_rpc::http_client;
use shared_web::serve::StartError;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clients::extractor::Extractor;
use crate::clients::sites::Sites;
use crate::config::Config;
use crate::files::Files;

/// Each reads two files in child processes of up to 256 MiB.
const MAX_COMPARISONS: usize = 1;

/// Clients and settings of a running service; clones share them.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) retention: RetentionSettings,
    pub(crate) cache: Cache,
    pub(crate) jobs: JobQueue,
    pub(crate) events: EventBus,
    /// ai-engine's queue, which gets the second half of the work on a document.
    pub(crate) indexing: JobQueue,
    pub(crate) verifier: TokenVerifier,
    pub(crate) ai: AiClient,
    pub(crate) files: Files,
    pub(crate) extractor: Extractor,
    pub(crate) sites: Sites,
    /// Comparisons of texts that this process may make at once.
    pub(crate) comparisons: Arc<Semaphore>,
    pub(crate) upload_max_bytes: u64,
    pub(crate) quotas: QuotaGuard,
    pub(crate) stop: CancellationToken,
}

impl AppState {
    /// Builds the state without connecting. Background tasks end when `stop` is cancelled.
    pub fn new(config: &Config, stop: CancellationToken) -> Result<Self, StartError> {
        let http = http_client::new()?;
        let rules = config.verifier.clone();
        let cache = Cache::new(&config.cache)?;
        let db = Db::new(&config.database);
        let verifier = TokenVerifier::new(Service::CreatorHub, rules, http.clone())
            .with_revocations(cache.clone(), &db);
        let tokens = Arc::new(verifier.signer().clone());
        Ok(Self {
            db,
            retention: config.retention.clone(),
            ai: AiClient::new(&config.ai_engine_url, http, tokens),
            verifier,
            jobs: JobQueue::new(Service::CreatorHub, cache.clone()),
            events: EventBus::new(cache.clone()),
            indexing: JobQueue::new(Service::AiEngine, cache.clone()),
            cache,
            extractor: Extractor::new(config.extractor.clone()),
            sites: Sites::new(config.allowed_networks.clone())?,
            quotas: config.quotas.clone(),
            files: Arc::new(Directory::new(config.upload_dir.clone())),
            comparisons: Arc::new(Semaphore::new(MAX_COMPARISONS)),
            upload_max_bytes: config.upload_max_bytes,
            stop,
        })
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
