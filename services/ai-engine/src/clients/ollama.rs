//! The client of Ollama: vectors, streamed chat, and the list of models.

pub(crate) mod bulkhead;
mod chat;
mod error;
mod library;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared_rpc::http_client;

pub use crate::domain::answer::prompt::Message;
use crate::domain::models::is_same_model;
pub use chat::{ChatEvent, ChatStream};
pub use error::OllamaError;
pub use library::PullProgress;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// For calls that do not use a model.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// Long, since Ollama may have to load the model first.
const EMBED_TIMEOUT: Duration = Duration::from_mins(2);

/// A client of one Ollama server.
#[derive(Debug, Clone)]
pub struct Ollama {
    base: String,
    http: Client,
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
    pub fn new(base: &str) -> Result<Self, OllamaError> {
        // Ollama is inside the cluster: ignore the proxy settings of the environment.
        http_client::install_tls_provider();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy();
        Ok(Self {
            base: base.to_owned(),
            http: http.build()?,
        })
    }

    /// The models that Ollama has.
    pub async fn list_models(&self) -> Result<Vec<Model>, OllamaError> {
        self.models("/api/tags").await
    }

    /// The models that are loaded into memory.
    pub async fn loaded_models(&self) -> Result<Vec<Model>, OllamaError> {
        self.models("/api/ps").await
    }

    /// Whether Ollama has the model.
    pub async fn has_model(&self, model: &str) -> Result<bool, OllamaError> {
        let models = self.list_models().await?;
        Ok(models.iter().any(|found| is_same_model(&found.name, model)))
    }

    /// The length of the model's vectors. Does not load the model.
    pub async fn embedding_dimension(&self, model: &str) -> Result<usize, OllamaError> {
        let call = self.post("/api/show", &json!({"model": model}));
        let response = send(call.timeout(METADATA_TIMEOUT), model).await?;
        let shown: Value = decode(response).await?;
        let info = shown["model_info"].as_object();
        info.and_then(|info| {
            let mut entries = info.iter();
            entries.find(|(key, _)| key.ends_with(".embedding_length"))
        })
        .and_then(|(_, length)| length.as_u64())
        .and_then(|length| usize::try_from(length).ok())
        .ok_or_else(|| OllamaError::Malformed("no embedding_length in /api/show".to_owned()))
    }

    /// The vectors of the texts. Never truncates: a text that exceeds the context window is
    /// [`OllamaError::TooLong`].
    pub async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, OllamaError> {
        let body = json!({"model": model, "input": texts, "truncate": false});
        let call = self.post("/api/embed", &body);
        let call = call.timeout(timeout.unwrap_or(EMBED_TIMEOUT));
        let found: EmbedResponse = decode(send(call, model).await?).await?;
        validate(found.embeddings, texts.len())
    }

    async fn models(&self, path: &str) -> Result<Vec<Model>, OllamaError> {
        let call = self
            .http
            .get(format!("{}{path}", self.base))
            .timeout(METADATA_TIMEOUT);
        let found: Models = decode(send(call, "").await?).await?;
        Ok(found.models)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).json(body)
    }
}

/// Checks what Ollama does not guarantee: one vector for each text, all of one length, all finite.
fn validate(vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, OllamaError> {
    let malformed = |text: String| Err(OllamaError::Malformed(text));
    if vectors.len() != texts {
        return malformed(format!("{} vectors for {texts} texts", vectors.len()));
    }
    let length = vectors.first().map_or(0, Vec::len);
    if texts > 0 && (length == 0 || vectors.iter().any(|vector| vector.len() != length)) {
        return malformed("vectors of different or no length".to_owned());
    }
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        return malformed("a vector that is not finite".to_owned());
    }
    Ok(vectors)
}

/// Sends the request; any status but success becomes an error.
async fn send(call: RequestBuilder, model: &str) -> Result<Response, OllamaError> {
    let response = call.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let reason = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|value| value["error"].as_str().map(str::to_owned))
        .unwrap_or(text);
    Err(OllamaError::from_status(status.as_u16(), &reason, model))
}

async fn decode<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, OllamaError> {
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|error| OllamaError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_wrong_number_or_length_or_not_finite_are_refused() {
        assert!(validate(vec![vec![0.1, 0.2]], 1).is_ok());
        assert!(validate(Vec::new(), 0).is_ok());
        for vectors in [
            vec![],
            vec![vec![]],
            vec![vec![0.1], vec![0.2]],
            vec![vec![f32::NAN]],
        ] {
            assert!(validate(vectors, 1).is_err());
        }
        assert!(validate(vec![vec![0.1], vec![0.1, 0.2]], 2).is_err());
    }
}
