//! The client of Ollama: vectors, streamed chat, and the models that it has.

pub mod chat;
pub mod error;
pub mod library;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared_rpc::http_client;

pub use chat::{ChatEvent, ChatStream};
pub use error::OllamaError;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest wait for what needs no model.
const QUICK: Duration = Duration::from_secs(5);
/// Longest wait for vectors: a cold model loads first.
const EMBED: Duration = Duration::from_mins(2);

/// A running Ollama.
#[derive(Debug, Clone)]
pub struct Ollama {
    base: String,
    http: Client,
}

/// A model that Ollama has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Model {
    /// Its name with the tag.
    pub name: String,
    /// Its size, bytes.
    #[serde(default)]
    pub size: u64,
}

#[derive(Deserialize)]
struct Models {
    #[serde(default)]
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
}

impl Ollama {
    /// The Ollama at that base URL.
    pub fn new(base: &str) -> Result<Self, OllamaError> {
        // Inside the cluster no proxy stands in between, whatever the environment says.
        http_client::install_tls_provider();
        let http = Client::builder().connect_timeout(CONNECT).no_proxy();
        Ok(Self {
            base: base.to_owned(),
            http: http.build()?,
        })
    }

    /// The models it has.
    pub async fn tags(&self) -> Result<Vec<Model>, OllamaError> {
        self.models("/api/tags").await
    }

    /// The models in its memory.
    pub async fn loaded(&self) -> Result<Vec<Model>, OllamaError> {
        self.models("/api/ps").await
    }

    /// Whether it has that model.
    pub async fn has(&self, model: &str) -> Result<bool, OllamaError> {
        let models = self.tags().await?;
        Ok(models.iter().any(|found| same_model(&found.name, model)))
    }

    /// How many numbers a vector of that model has; asking does not load it.
    pub async fn dimension(&self, model: &str) -> Result<usize, OllamaError> {
        let call = self.post("/api/show", &json!({"model": model}));
        let shown: Value = decoded(answered(call.timeout(QUICK), model).await?).await?;
        let info = shown["model_info"].as_object();
        info.and_then(|info| {
            let mut entries = info.iter();
            entries.find(|(key, _)| key.ends_with(".embedding_length"))
        })
        .and_then(|(_, length)| length.as_u64())
        .and_then(|length| usize::try_from(length).ok())
        .ok_or_else(|| OllamaError::BadAnswer("no embedding_length in /api/show".to_owned()))
    }

    /// Vectors of texts. Nothing is cut silently: a text over the window is
    /// [`OllamaError::TooLong`].
    pub async fn embed(
        &self,
        model: &str,
        texts: &[String],
        patience: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, OllamaError> {
        let body = json!({"model": model, "input": texts, "truncate": false});
        let call = self.post("/api/embed", &body);
        let call = call.timeout(patience.unwrap_or(EMBED));
        let found: Embedded = decoded(answered(call, model).await?).await?;
        checked(found.embeddings, texts.len())
    }

    async fn models(&self, path: &str) -> Result<Vec<Model>, OllamaError> {
        let call = self.http.get(format!("{}{path}", self.base)).timeout(QUICK);
        let found: Models = decoded(answered(call, "").await?).await?;
        Ok(found.models)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).json(body)
    }
}

/// `name` and `name:latest` are one model.
pub fn same_model(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_lowercase();
    bare(one) == bare(other)
}

/// As many vectors as texts, all of one length, all finite: Ollama promises none of these.
fn checked(vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, OllamaError> {
    let bad = |text: String| Err(OllamaError::BadAnswer(text));
    if vectors.len() != texts {
        return bad(format!("{} vectors for {texts} texts", vectors.len()));
    }
    let length = vectors.first().map_or(0, Vec::len);
    if texts > 0 && (length == 0 || vectors.iter().any(|vector| vector.len() != length)) {
        return bad("vectors of different or no length".to_owned());
    }
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        return bad("a vector that is not finite".to_owned());
    }
    Ok(vectors)
}

/// Sends a call and turns any status but success into what it means.
async fn answered(call: RequestBuilder, model: &str) -> Result<Response, OllamaError> {
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
    Err(OllamaError::of_status(status.as_u16(), &reason, model))
}

async fn decoded<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, OllamaError> {
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|error| OllamaError::BadAnswer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_counted_measured_and_finite() {
        assert!(checked(vec![vec![0.1, 0.2]], 1).is_ok());
        assert!(checked(Vec::new(), 0).is_ok());
        for vectors in [
            vec![],
            vec![vec![]],
            vec![vec![0.1], vec![0.2]],
            vec![vec![f32::NAN]],
        ] {
            assert!(checked(vectors, 1).is_err());
        }
        assert!(checked(vec![vec![0.1], vec![0.1, 0.2]], 2).is_err());
    }

    #[test]
    fn a_name_without_a_tag_is_the_latest() {
        assert!(same_model("all-minilm:latest", "all-minilm"));
        assert!(!same_model("llama3.2:1b", "llama3.2"));
    }
}
