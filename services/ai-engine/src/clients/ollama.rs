//! The client of Ollama's own API: vectors, streamed chat, and the list of models.

mod chat;
mod library;

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, decode};
use super::model_error::ModelError;
use super::vectors::validate;
pub use crate::domain::answer::prompt::{ChatRequest, Message};
use crate::domain::models::is_same_model;
pub(super) use chat::parse;
pub use library::PullProgress;

/// For calls that do not use a model.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// Long, since Ollama may have to load the model first.
const EMBED_TIMEOUT: Duration = Duration::from_mins(2);

/// A client of one Ollama server.
#[derive(Debug, Clone)]
pub struct Ollama {
    connection: Connection,
}

/// A model in Ollama's list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Model {
    /// The name with the tag.
    pub name: String,
    /// The size in bytes.
    #[serde(default)]
    pub size: u64,
}

#[derive(Deserialize)]
struct Models {
    #[serde(default)]
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct EmbedResponse {
    embeddings: Vec<Vec<f32>>,
}

impl Ollama {
    /// A client of the server at that base URL; does not connect yet.
    pub fn new(base: &str) -> Result<Self, ModelError> {
        Connection::new(base, None, None)
            .map(|connection| Self { connection })
            .map_err(|cause| ModelError::Refused(cause.to_string()))
    }

    /// A client of a server that is reached like this.
    pub(super) const fn at(connection: Connection) -> Self {
        Self { connection }
    }

    /// The models that Ollama has.
    pub async fn list_models(&self) -> Result<Vec<Model>, ModelError> {
        self.models("/api/tags").await
    }

    /// The models that are loaded into memory.
    pub async fn loaded_models(&self) -> Result<Vec<Model>, ModelError> {
        self.models("/api/ps").await
    }

    /// Whether Ollama has the model.
    pub async fn has_model(&self, model: &str) -> Result<bool, ModelError> {
        let models = self.list_models().await?;
        Ok(models.iter().any(|found| is_same_model(&found.name, model)))
    }

    /// The length of the model's vectors. Does not load the model.
    pub async fn embedding_dimension(&self, model: &str) -> Result<usize, ModelError> {
        let call = self.connection.post("/api/show", &json!({"model": model}));
        let call = call.timeout(METADATA_TIMEOUT);
        let response = self.connection.send(call, model).await?;
        let shown: Value = decode(response).await?;
        let info = shown["model_info"].as_object();
        info.and_then(|info| {
            let mut entries = info.iter();
            entries.find(|(key, _)| key.ends_with(".embedding_length"))
        })
        .and_then(|(_, length)| length.as_u64())
        .and_then(|length| usize::try_from(length).ok())
        .ok_or_else(|| ModelError::Malformed("no embedding_length in /api/show".to_owned()))
    }

    /// The vectors of the texts. Never truncates: a text that exceeds the context window is
    /// [`ModelError::TooLong`].
    pub async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let body = json!({"model": model, "input": texts, "truncate": false});
        let call = self.connection.post("/api/embed", &body);
        let call = call.timeout(timeout.unwrap_or(EMBED_TIMEOUT));
        let found: EmbedResponse = decode(self.connection.send(call, model).await?).await?;
        validate(found.embeddings, texts.len())
    }

    async fn models(&self, path: &str) -> Result<Vec<Model>, ModelError> {
        let call = self.connection.get(path).timeout(METADATA_TIMEOUT);
        let found: Models = decode(self.connection.send(call, "").await?).await?;
        Ok(found.models)
    }
}
