//! The servers that make vectors. All of them have the same model, since vectors of different
//! models cannot be compared.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::attempts::Attempt;
use super::{Candidates, ServerStatus};
use crate::clients::model_error::ModelError;
use crate::clients::ollama::Ollama;
use crate::config::ModelServerSettings;

/// For the length of the model's vectors, when the vectors of another server are compared with it.
const COMPARISON_TIMEOUT: Duration = Duration::from_millis(500);

/// The servers that make vectors, best first.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddingServers {
    candidates: Candidates,
    own: Ollama,
    own_model: String,
    dimension: Arc<OnceCell<usize>>,
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EmbedTimeouts {
    /// For a server that another one can replace.
    pub(crate) replaceable: Duration,
    /// For the last one; none: as long as it may take to load a model.
    pub(crate) last: Option<Duration>,
}

impl EmbeddingServers {
    pub(crate) fn new(servers: &[ModelServerSettings], own: (&Ollama, &str)) -> Self {
        let candidates =
            Candidates::new("embeddings", servers, |s| s.embedding_model.as_ref(), own);
        Self {
            candidates,
            own: own.0.clone(),
            own_model: own.1.to_owned(),
            dimension: Arc::default(),
        }
    }

    /// The platform's own Ollama alone, with an earlier model of the platform.
    pub(crate) fn of_earlier_model(own: (&Ollama, &str)) -> Self {
        let candidates = Candidates::new("earlier_embeddings", &[], |_| None, own);
        Self {
            candidates,
            own: own.0.clone(),
            own_model: own.1.to_owned(),
            dimension: Arc::default(),
        }
    }

    /// Whether a server before the last one would be asked now.
    pub(crate) fn has_alternative(&self) -> bool {
        self.candidates.has_alternative()
    }

    pub(crate) fn statuses(&self) -> Vec<ServerStatus> {
        self.candidates.statuses()
    }

    /// The length of the model's vectors: what the platform's own Ollama says, or the length of a
    /// vector while that is unavailable.
    pub(crate) async fn dimension(&self, timeouts: EmbedTimeouts) -> Result<usize, ModelError> {
        let error = match self.own_dimension().await {
            Ok(dimension) => return Ok(dimension),
            Err(error) => error,
        };
        if !self.has_alternative() {
            return Err(error);
        }
        let vectors = self.embed(&["x".to_owned()], timeouts).await?;
        Ok(vectors.first().map_or(0, Vec::len))
    }

    async fn own_dimension(&self) -> Result<usize, ModelError> {
        let query = || self.own.embedding_dimension(&self.own_model);
        self.dimension.get_or_try_init(query).await.copied()
    }

    /// The vectors of the texts. A text that exceeds the context window is
    /// [`ModelError::TooLong`], whichever server says so: all have the same model.
    pub(crate) async fn embed(
        &self,
        texts: &[String],
        timeouts: EmbedTimeouts,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut attempts = self.candidates.attempts(None);
        while let Some(attempt) = attempts.next() {
            match self.call(attempt, texts, timeouts).await {
                Ok(vectors) => {
                    attempts.succeeded(attempt);
                    return Ok(vectors);
                }
                Err(ModelError::TooLong) => return Err(ModelError::TooLong),
                Err(error) => attempts.failed(attempt, error),
            }
        }
        Err(attempts.into_error())
    }

    async fn call(
        &self,
        attempt: Attempt<'_>,
        texts: &[String],
        timeouts: EmbedTimeouts,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let (model, protocol) = (&attempt.candidate.model, attempt.protocol);
        if attempt.is_last {
            return protocol.embed(model, texts, timeouts.last).await;
        }
        let replaceable = Some(timeouts.replaceable);
        let vectors = protocol.embed(model, texts, replaceable).await?;
        let length = vectors.first().map_or(0, Vec::len);
        match timeout(COMPARISON_TIMEOUT, self.own_dimension()).await {
            Ok(Ok(expected)) if length != expected && !texts.is_empty() => {
                Err(ModelError::Refused(format!(
                    "vectors of {length} numbers instead of {expected}: another model"
                )))
            }
            // Unknown while Ollama is unavailable; a collection has vectors of one length.
            _ => Ok(vectors),
        }
    }
}
