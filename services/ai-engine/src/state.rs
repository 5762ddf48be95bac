//! The state that all requests share.

use std::sync::Arc;

use axum::extract::FromRef;
use jiff::Timestamp;
use shared_ai_client::AnswerMode;
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::Service;
use shared_db::Db;
use shared_events::EventBus;
use shared_hub_client::HubClient;
use shared_jobs::JobQueue;
use shared_jobs::retention::RetentionSettings;
use shared_rpc::http_client;
use shared_web::serve::StartError;

use crate::app::index::embed::Embedder;
use crate::app::index::question_vectors::QuestionVectors;
use crate::app::index::vector_space::EarlierModels;
use crate::clients::bulkhead::Bulkhead;
use crate::clients::chroma::{Chroma, VectorStore};
use crate::clients::model_servers::{ChatServers, EmbeddingServers};
use crate::clients::ollama::Ollama;
use crate::config::{Config, Queues};

/// The state that all requests share; cloning is cheap.
#[derive(Debug, Clone)]
pub struct AppState {
    /// PostgreSQL.
    pub db: Db,
    /// How long rows that are over are kept.
    pub retention: RetentionSettings,
    /// Redis.
    pub cache: Cache,
    /// Where events are published.
    pub events: EventBus,
    /// Verifies the tokens of callers.
    pub verifier: TokenVerifier,
    /// This service's queue.
    pub jobs: JobQueue,
    /// creator-hub's queue, which learns how the indexing of a document ended.
    pub hub_jobs: JobQueue,
    /// Reads the texts of documents.
    pub hub: HubClient,
    /// The client of the platform's own Ollama.
    pub ollama: Ollama,
    /// The servers that write answers.
    pub chat_servers: ChatServers,
    /// Makes vectors of texts.
    pub embedder: Embedder,
    /// The vectors of recent questions.
    pub question_vectors: QuestionVectors,
    /// Embed questions to accounts that have the vectors of an earlier model.
    pub earlier_models: EarlierModels,
    /// When this process read its settings.
    pub started_at: Timestamp,
    /// Stores and searches vectors.
    pub vectors: VectorStore,
    /// The model of Ollama that writes answers.
    pub chat_model: String,
    /// Limits the calls of the chat model.
    pub chat_bulkhead: Bulkhead,
    /// How many calls of models run and wait.
    pub queues: Queues,
    /// The mode of a question that sets none.
    pub answer_mode: AnswerMode,
}

impl AppState {
    /// Builds the state without connecting to anything. Must run inside a tokio runtime.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let Config {
            serve: _,
            database,
            retention,
            cache,
            verifier,
            creator_hub_url,
            engines,
        } = config;
        let http = http_client::new()?;
        let ollama = Ollama::new(&engines.ollama_url)
            .map_err(|error| StartError::setup("OLLAMA_URL", error))?;
        let chroma = Chroma::new(&engines.chroma_url)
            .map_err(|error| StartError::setup("CHROMA_URL", error))?;
        let model = &engines.embedding_model;
        let queues = engines.queues;
        let servers = &engines.model_servers;
        let chat_servers = ChatServers::new(servers, (&ollama, &engines.chat_model));
        let embedding_servers = EmbeddingServers::new(servers, (&ollama, model));
        let (cache, db) = (Cache::new(&cache)?, Db::new(&database));
        let verifier = TokenVerifier::new(Service::AiEngine, verifier, http.clone())
            .with_revocations(cache.clone(), &db);
        let tokens = Arc::new(verifier.signer().clone());
        Ok(Self {
            retention,
            db,
            events: EventBus::new(cache.clone()),
            jobs: JobQueue::new(Service::AiEngine, cache.clone()),
            hub_jobs: JobQueue::new(Service::CreatorHub, cache.clone()),
            hub: HubClient::new(&creator_hub_url, http, tokens),
            verifier,
            cache,
            embedder: Embedder::new(embedding_servers, model, &queues),
            question_vectors: QuestionVectors::default(),
            earlier_models: EarlierModels::new(&ollama, &queues),
            started_at: Timestamp::now(),
            chat_servers,
            vectors: VectorStore::new(chroma, &engines.collections, model),
            ollama,
            chat_model: engines.chat_model,
            chat_bulkhead: Bulkhead::new("answers", queues.generation),
            queues,
            answer_mode: engines.answer_mode,
        })
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
