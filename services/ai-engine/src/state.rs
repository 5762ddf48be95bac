//! What every request shares.

use axum::extract::FromRef;
use shared_ai_client::AnswerMode;
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::Service;
use shared_db::Db;
use shared_rpc::http_client;

use crate::chroma::{Chroma, ChromaError, VectorStore};
use crate::config::Config;
use crate::gate::{Gate, Limits};
use crate::ollama::{Ollama, OllamaError};
use crate::pipeline::embed::Embedder;

/// Answers that are written at once, and that wait: Ollama itself runs one or a few at once.
const CHAT: Limits = Limits {
    at_once: 4,
    waiting: 16,
};

/// What every request shares; cloning is cheap.
#[derive(Debug, Clone)]
pub struct AppState {
    /// PostgreSQL.
    pub db: Db,
    /// Redis.
    pub cache: Cache,
    /// Verifies callers.
    pub verifier: TokenVerifier,
    /// Ollama.
    pub ollama: Ollama,
    /// Makes vectors.
    pub embedder: Embedder,
    /// Keeps vectors.
    pub vectors: VectorStore,
    /// The model that writes answers.
    pub chat_model: String,
    /// The door before it.
    pub chat: Gate,
    /// The mode of an answer that names none.
    pub answer_mode: AnswerMode,
}

/// What keeps the state from being built: addresses that are none.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Redis.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// Ollama.
    #[error(transparent)]
    Ollama(#[from] OllamaError),
    /// Chroma.
    #[error(transparent)]
    Chroma(#[from] ChromaError),
    /// The client that asks auth for keys.
    #[error("http client: {0}")]
    Http(#[from] reqwest::Error),
}

impl AppState {
    /// Builds the state without connecting to anything. Needs a tokio runtime.
    pub fn new(config: Config) -> Result<Self, StateError> {
        let Config {
            serve: _,
            database,
            cache,
            verifier,
            engines,
        } = config;
        let http = http_client::new()?;
        let ollama = Ollama::new(&engines.ollama_url)?;
        let chroma = Chroma::new(&engines.chroma_url)?;
        let model = &engines.embedding_model;
        let cache = Cache::new(&cache)?;
        Ok(Self {
            db: Db::new(&database),
            verifier: TokenVerifier::new(Service::AiEngine, verifier, http)
                .with_revocations(cache.clone()),
            cache,
            embedder: Embedder::new(ollama.clone(), model),
            vectors: VectorStore::new(chroma, &engines.collections, model),
            ollama,
            chat_model: engines.chat_model,
            chat: Gate::new(CHAT),
            answer_mode: engines.answer_mode,
        })
    }
}

impl FromRef<AppState> for TokenVerifier {
    fn from_ref(state: &AppState) -> Self {
        state.verifier.clone()
    }
}
