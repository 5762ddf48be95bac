//! The client of servers that speak the API of OpenAI (vLLM, llama.cpp, hosted ones): vectors and
//! streamed chat, as far as the platform uses them.

mod chat;

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::connection::{Connection, decode};
use super::model_error::ModelError;
use super::vectors::{normalised, validate};
pub(super) use chat::Progress;

/// Long, since a server may have to load the model first.
const EMBED_TIMEOUT: Duration = Duration::from_mins(2);

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct OpenAi {
    connection: Connection,
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    #[serde(default)]
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAi {
    /// A client of a server that is reached like this.
    pub(super) const fn at(connection: Connection) -> Self {
        Self { connection }
    }

    /// The vectors of the texts, of length 1.
    pub(super) async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let body = json!({"model": model, "input": texts, "encoding_format": "float"});
        let call = self.connection.post("/embeddings", &body);
        let call = call.timeout(timeout.unwrap_or(EMBED_TIMEOUT));
        let response = self.connection.send(call, model).await?;
        let mut found: Embeddings = decode(response).await?;
        // The order of a list is not promised, only the index of each element.
        found.data.sort_by_key(|embedding| embedding.index);
        let vectors = found.data.into_iter().map(|found| found.embedding);
        let vectors = validate(vectors.collect(), texts.len())?;
        Ok(vectors.into_iter().map(normalised).collect())
    }
}
