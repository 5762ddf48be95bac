//! Fills Ollama with models: pull from its library, or import a file.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use reqwest::{Body, Response};
use serde::Deserialize;
use serde_json::json;
use shared_rpc::lines;
use tokio::time::timeout;

use super::{Ollama, OllamaError, answered};

/// Longest silence while a model is pulled or imported.
const SILENCE: Duration = Duration::from_mins(5);

/// One line of a pull or an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// What is being done.
    #[serde(default)]
    pub status: String,
    /// Bytes in all.
    #[serde(default)]
    pub total: u64,
    /// Bytes so far.
    #[serde(default)]
    pub completed: u64,
    error: Option<String>,
}

impl Ollama {
    /// Fetches a model from Ollama's library.
    pub async fn pull(
        &self,
        model: &str,
        progress: impl FnMut(&Step) + Send,
    ) -> Result<(), OllamaError> {
        let call = self.post("/api/pull", &json!({"model": model, "stream": true}));
        followed(answered(call, model).await?, progress).await
    }

    /// Makes a model out of a GGUF file of that digest.
    pub async fn import(
        &self,
        model: &str,
        file: Body,
        sha256: &str,
        progress: impl FnMut(&Step) + Send,
    ) -> Result<(), OllamaError> {
        let url = format!("{}/api/blobs/sha256:{sha256}", self.base);
        let upload = self.http.post(url);
        answered(upload.body(file), model).await?;
        let files = json!({"model.gguf": format!("sha256:{sha256}")});
        let call = self.post("/api/create", &json!({"model": model, "files": files}));
        followed(answered(call, model).await?, progress).await
    }

    /// Loads a chat model into memory.
    pub async fn load(&self, model: &str) -> Result<(), OllamaError> {
        let body = json!({"model": model, "messages": [], "stream": false});
        let sent = answered(self.post("/api/chat", &body), model);
        timeout(SILENCE, sent)
            .await
            .map_err(|_| OllamaError::Slow("loaded model"))?
            .map(|_| ())
    }

    /// Removes a model.
    pub async fn remove(&self, model: &str) -> Result<(), OllamaError> {
        let call = self.http.delete(format!("{}/api/delete", self.base));
        answered(call.json(&json!({"model": model})), model)
            .await
            .map(|_| ())
    }
}

/// Reads status lines to their end. A failure comes as a line too, under status 200, and only a
/// last line `success` is success.
async fn followed(
    response: Response,
    progress: impl FnMut(&Step) + Send,
) -> Result<(), OllamaError> {
    let lines = lines(response.bytes_stream());
    let lines = lines.map(|line| line.map_err(|_| OllamaError::Cut));
    follow(Box::pin(lines), progress).await
}

async fn follow(
    mut lines: impl Stream<Item = Result<String, OllamaError>> + Unpin + Send,
    mut progress: impl FnMut(&Step) + Send,
) -> Result<(), OllamaError> {
    let mut last = Step::default();
    loop {
        let line = timeout(SILENCE, lines.next())
            .await
            .map_err(|_| OllamaError::Slow("progress"))?;
        match line {
            None if last.status == "success" => return Ok(()),
            None => return Err(OllamaError::Cut),
            Some(line) => {
                let line = line?;
                last = serde_json::from_str(&line)
                    .map_err(|error| OllamaError::BadAnswer(error.to_string()))?;
            }
        }
        if let Some(error) = last.error {
            return Err(OllamaError::Runner(error));
        }
        progress(&last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(lines: &[&str]) -> Result<(), OllamaError> {
        let lines: Vec<Result<String, OllamaError>> =
            lines.iter().map(|line| Ok((*line).to_owned())).collect();
        follow(futures_util::stream::iter(lines), |_| {}).await
    }

    #[tokio::test]
    async fn only_success_is_success() {
        assert!(
            outcome(&[r#"{"status":"pulling"}"#, r#"{"status":"success"}"#])
                .await
                .is_ok()
        );
        let cut = outcome(&[r#"{"status":"pulling","total":9,"completed":4}"#]).await;
        assert!(matches!(cut, Err(OllamaError::Cut)));
        let failed = outcome(&[r#"{"status":"pulling"}"#, r#"{"error":"no such model"}"#]).await;
        assert!(matches!(failed, Err(OllamaError::Runner(_))));
    }
}
