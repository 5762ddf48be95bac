//! Adds models to Ollama: from its library, or from a file.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use reqwest::{Body, Response};
use serde::Deserialize;
use serde_json::json;
use shared_rpc::lines;
use tokio::time::timeout;

use super::Ollama;
use crate::clients::model_error::ModelError;

/// Between two lines of progress, and for loading a model.
const PROGRESS_TIMEOUT: Duration = Duration::from_mins(5);

/// One line of progress of a pull or an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PullProgress {
    /// The current step, in Ollama's words.
    #[serde(default)]
    pub status: String,
    /// All bytes of the step.
    #[serde(default)]
    pub total: u64,
    /// The bytes transferred so far.
    #[serde(default)]
    pub completed: u64,
    error: Option<String>,
}

impl Ollama {
    /// Pulls a model from Ollama's library.
    pub async fn pull_model(
        &self,
        model: &str,
        on_progress: impl FnMut(&PullProgress) + Send,
    ) -> Result<(), ModelError> {
        let body = json!({"model": model, "stream": true});
        let call = self.connection.post("/api/pull", &body);
        follow_response(self.connection.send(call, model).await?, on_progress).await
    }

    /// Creates a model from a GGUF file with that digest.
    pub async fn import_model(
        &self,
        model: &str,
        file: Body,
        sha256: &str,
        on_progress: impl FnMut(&PullProgress) + Send,
    ) -> Result<(), ModelError> {
        let path = format!("/api/blobs/sha256:{sha256}");
        let upload = self.connection.upload(&path);
        self.connection.send(upload.body(file), model).await?;
        let files = json!({"model.gguf": format!("sha256:{sha256}")});
        let body = json!({"model": model, "files": files});
        let call = self.connection.post("/api/create", &body);
        follow_response(self.connection.send(call, model).await?, on_progress).await
    }

    /// Loads a chat model into memory.
    pub async fn load_model(&self, model: &str) -> Result<(), ModelError> {
        let body = json!({"model": model, "messages": [], "stream": false});
        let call = self.connection.post("/api/chat", &body);
        let request = self.connection.send(call, model);
        timeout(PROGRESS_TIMEOUT, request)
            .await
            .map_err(|_| ModelError::Timeout("loaded model"))?
            .map(|_| ())
    }

    /// Deletes a model.
    pub async fn delete_model(&self, model: &str) -> Result<(), ModelError> {
        let call = self.connection.delete("/api/delete");
        let call = call.json(&json!({"model": model}));
        self.connection.send(call, model).await.map(|_| ())
    }
}

/// Reads lines of progress to the end. Ollama reports failures as a line, too, with status 200;
/// only a last line with status `success` means success.
async fn follow_response(
    response: Response,
    on_progress: impl FnMut(&PullProgress) + Send,
) -> Result<(), ModelError> {
    let lines = lines(response.bytes_stream()).map(|line| line.map_err(|_| ModelError::Truncated));
    follow(Box::pin(lines), on_progress).await
}

async fn follow(
    mut lines: impl Stream<Item = Result<String, ModelError>> + Unpin + Send,
    mut on_progress: impl FnMut(&PullProgress) + Send,
) -> Result<(), ModelError> {
    let mut last = PullProgress::default();
    loop {
        let next = timeout(PROGRESS_TIMEOUT, lines.next())
            .await
            .map_err(|_| ModelError::Timeout("progress"))?;
        match next {
            None if last.status == "success" => return Ok(()),
            None => return Err(ModelError::Truncated),
            Some(line) => {
                last = serde_json::from_str(&line?)
                    .map_err(|error| ModelError::Malformed(error.to_string()))?;
            }
        }
        if let Some(error) = last.error {
            return Err(ModelError::ModelFailed(error));
        }
        on_progress(&last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn result_of(lines: &[&str]) -> Result<(), ModelError> {
        let lines: Vec<Result<String, ModelError>> =
            lines.iter().map(|line| Ok((*line).to_owned())).collect();
        follow(futures_util::stream::iter(lines), |_| {}).await
    }

    #[tokio::test]
    async fn only_a_last_line_success_means_success() {
        assert!(
            result_of(&[r#"{"status":"pulling"}"#, r#"{"status":"success"}"#])
                .await
                .is_ok()
        );
        let truncated = result_of(&[r#"{"status":"pulling","total":9,"completed":4}"#]).await;
        assert!(matches!(truncated, Err(ModelError::Truncated)));
        let failed = result_of(&[r#"{"status":"pulling"}"#, r#"{"error":"no such model"}"#]).await;
        assert!(matches!(failed, Err(ModelError::ModelFailed(_))));
    }
}
