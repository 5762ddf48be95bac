//! The servers that write answers.

use std::time::Duration;

use shared_ai_client::FallbackReason;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::attempts::Attempt;
use super::{Candidates, ServerStatus};
use crate::clients::chat_stream::ChatStream;
use crate::clients::model_error::ModelError;
use crate::clients::ollama::{ChatRequest, Ollama};
use crate::config::ModelServerSettings;

/// The servers that write answers, best first.
#[derive(Debug, Clone)]
pub struct ChatServers(Candidates);

/// An answer that has begun.
#[derive(Debug)]
pub(crate) struct StartedChat {
    pub(crate) stream: ChatStream,
    pub(crate) by: AnsweredBy,
}

/// Who writes an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnsweredBy {
    pub(crate) server: String,
    pub(crate) model: String,
    /// Why it is not the preferred server, if it is not.
    pub(crate) fallback: Option<FallbackReason>,
}

impl ChatServers {
    pub(crate) fn new(servers: &[ModelServerSettings], own: (&Ollama, &str)) -> Self {
        Self(Candidates::new(
            "chat",
            servers,
            |s| s.chat_model.as_ref(),
            own,
        ))
    }

    /// Whether a server before the last one would be asked now.
    pub(crate) fn has_alternative(&self) -> bool {
        self.0.has_alternative()
    }

    pub(crate) fn statuses(&self) -> Vec<ServerStatus> {
        self.0.statuses()
    }

    /// Records that an answer ended early after it had begun.
    pub(crate) fn record_broken(&self, by: &AnsweredBy, error: &ModelError) {
        self.0.record_failure(&by.server, error);
    }

    /// Starts an answer; the preferred server, if there is one of that name, is asked first. Until
    /// a model has written or thought something, the next server is asked if one fails; a server
    /// that is not the last has `patience` for that. None is asked after the caller has left.
    pub(crate) async fn start(
        &self,
        request: &ChatRequest,
        preferred: Option<&str>,
        patience: Duration,
        has_left: &CancellationToken,
    ) -> Result<StartedChat, ModelError> {
        let mut attempts = self.0.attempts(preferred);
        while let Some(attempt) = attempts.next() {
            match begin(attempt, request, patience).await {
                Ok(stream) => {
                    let fallback = attempts.succeeded(attempt);
                    let by = AnsweredBy {
                        server: attempt.candidate.server.clone(),
                        model: attempt.candidate.model.clone(),
                        fallback,
                    };
                    return Ok(StartedChat { stream, by });
                }
                Err(error) => attempts.failed(attempt, error),
            }
            if has_left.is_cancelled() {
                break;
            }
        }
        Err(attempts.into_error())
    }
}

async fn begin(
    attempt: Attempt<'_>,
    request: &ChatRequest,
    patience: Duration,
) -> Result<ChatStream, ModelError> {
    let model = &attempt.candidate.model;
    if attempt.is_last {
        return attempt.protocol.chat(model, request).await;
    }
    let begun = async {
        let mut stream = attempt.protocol.chat(model, request).await?;
        stream.wait_for_first().await?;
        Ok(stream)
    };
    let begun = timeout(patience, begun).await;
    begun.unwrap_or(Err(ModelError::Timeout("first token")))
}
