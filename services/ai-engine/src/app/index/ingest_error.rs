//! Why a document was not indexed, and whether another attempt may succeed.

use shared_ai_client::{IngestionEvent, IngestionFailure};
use shared_config::Store;
use shared_db::{is_conflict, is_unavailable};
use shared_models::Retry;
use tokio::task::JoinError;

use crate::app::index::embed::EmbedError;
use crate::clients::chroma::ChromaError;
use crate::clients::ollama::OllamaError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the caller closed the connection")]
    CallerLeft,
    #[error("the document contains no text")]
    Empty,
    #[error("a newer version is being indexed, or the document was deleted")]
    Superseded,
    #[error("splitting the text failed: {0}")]
    Split(#[from] JoinError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error(transparent)]
    Chroma(#[from] ChromaError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<OllamaError> for IngestError {
    fn from(error: OllamaError) -> Self {
        Self::Embed(error.into())
    }
}

/// The parts of [`IngestionEvent::Failed`].
struct Failure {
    code: IngestionFailure,
    reason: String,
    retry: Retry,
}

impl Failure {
    fn new(code: IngestionFailure, reason: &dyn ToString, retry: Retry) -> Self {
        Self {
            code,
            reason: reason.to_string(),
            retry,
        }
    }

    /// Without the cause, which can contain addresses inside the cluster.
    fn unavailable(store: Store) -> Self {
        let reason = format!("{} is unavailable", store.name());
        let code = IngestionFailure::DependencyUnavailable;
        Self::new(code, &reason, Retry::UntilAvailable)
    }

    fn superseded() -> Self {
        let reason = IngestError::Superseded;
        Self::new(IngestionFailure::Superseded, &reason, Retry::Never)
    }

    /// The reason is for the creator; the log has the cause.
    fn internal(reason: &str) -> Self {
        Self::new(IngestionFailure::Internal, &reason, Retry::Never)
    }
}

impl IngestError {
    /// The event that reports the error, with the only decision about another attempt.
    pub(crate) fn into_event(self) -> IngestionEvent {
        let failure = match self {
            Self::CallerLeft | Self::Superseded => Failure::superseded(),
            Self::Empty => Failure::new(IngestionFailure::EmptyDocument, &self, Retry::Never),
            Self::Split(_) => Failure::internal("the text could not be split"),
            Self::Embed(EmbedError::Overloaded(cause)) => {
                let code = IngestionFailure::Overloaded;
                Failure::new(code, &cause, Retry::UntilAvailable)
            }
            Self::Embed(EmbedError::Ollama(cause)) => ollama_failure(&cause),
            Self::Chroma(ChromaError::Unreachable(_)) => Failure::unavailable(Store::Chroma),
            Self::Chroma(cause) => {
                let code = IngestionFailure::VectorStoreFailed;
                Failure::new(code, &cause, Retry::Limited)
            }
            Self::Database(cause) => database_failure(&cause),
        };
        IngestionEvent::Failed {
            code: failure.code,
            reason: failure.reason,
            retry: failure.retry,
        }
    }
}

fn ollama_failure(cause: &OllamaError) -> Failure {
    let (code, retry) = match cause {
        OllamaError::Unreachable(_) | OllamaError::Timeout(_) => {
            return Failure::unavailable(Store::Ollama);
        }
        OllamaError::NotFound(_) => (IngestionFailure::ModelMissing, Retry::UntilAvailable),
        OllamaError::Busy => (IngestionFailure::Overloaded, Retry::UntilAvailable),
        OllamaError::TooLong => (IngestionFailure::TooLong, Retry::Limited),
        OllamaError::ModelFailed(_) | OllamaError::Refused(_) | OllamaError::Malformed(_) => {
            (IngestionFailure::ModelFailed, Retry::Limited)
        }
        OllamaError::Truncated => (IngestionFailure::StreamCut, Retry::Limited),
    };
    Failure::new(code, cause, retry)
}

fn database_failure(cause: &sqlx::Error) -> Failure {
    match cause {
        // The document was deleted while its passages were inserted.
        sqlx::Error::Database(fault) if fault.is_foreign_key_violation() => Failure::superseded(),
        _ if is_unavailable(cause) => Failure::unavailable(Store::Postgres),
        _ if is_conflict(cause) => Failure::new(IngestionFailure::Contended, cause, Retry::Limited),
        // A missing privilege or an invalid statement fails in the same way every time.
        _ => Failure::internal("the passages could not be stored"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(error: IngestError) -> (IngestionFailure, Retry) {
        match error.into_event() {
            IngestionEvent::Failed { code, retry, .. } => (code, retry),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_an_unavailable_dependency_is_waited_for_and_only_a_fault_is_final() {
        let expected = [
            (
                IngestError::Empty,
                IngestionFailure::EmptyDocument,
                Retry::Never,
            ),
            (
                OllamaError::Timeout("response").into(),
                IngestionFailure::DependencyUnavailable,
                Retry::UntilAvailable,
            ),
            (
                OllamaError::NotFound("all-minilm".to_owned()).into(),
                IngestionFailure::ModelMissing,
                Retry::UntilAvailable,
            ),
            (
                OllamaError::Busy.into(),
                IngestionFailure::Overloaded,
                Retry::UntilAvailable,
            ),
            (
                OllamaError::TooLong.into(),
                IngestionFailure::TooLong,
                Retry::Limited,
            ),
            (
                ChromaError::Lost(3).into(),
                IngestionFailure::VectorStoreFailed,
                Retry::Limited,
            ),
            (
                sqlx::Error::PoolTimedOut.into(),
                IngestionFailure::DependencyUnavailable,
                Retry::UntilAvailable,
            ),
            (
                sqlx::Error::RowNotFound.into(),
                IngestionFailure::Internal,
                Retry::Never,
            ),
        ];
        for (error, code, retry) in expected {
            let text = error.to_string();
            assert_eq!(classify(error), (code, retry), "{text}");
        }
    }
}
