//! Why a document was not indexed, and whether another attempt may succeed.

use shared_ai_client::{IngestionEvent, IngestionFailure};
use shared_config::{Service, Store};
use shared_db::{is_conflict, is_unavailable};
use shared_document::BadLine;
use shared_hub_client::HubError;
use shared_jobs::JobError;
use shared_models::Retry;
use tokio::task::JoinError;

use crate::app::index::embed::EmbedError;
use crate::clients::chroma::ChromaError;
use crate::clients::model_error::ModelError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the caller closed the connection, or another worker has the job")]
    NotOurs,
    #[error("the text of the document cannot be read: {0}")]
    Text(#[from] HubError),
    #[error("the text is not the one that was extracted")]
    TextDamaged,
    #[error("the text is no document: {0}")]
    Malformed(#[from] BadLine),
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

impl From<ModelError> for IngestError {
    fn from(error: ModelError) -> Self {
        Self::Embed(error.into())
    }
}

/// A failure as the creator sees it. The cause stays in the log: it can contain addresses inside
/// the cluster, and the texts of other programs mean nothing to a creator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: IngestionFailure,
    pub(crate) reason: String,
    pub(crate) retry: Retry,
}

impl Failure {
    fn new(code: IngestionFailure, retry: Retry) -> Self {
        let reason = code.reason().to_owned();
        Self {
            code,
            reason,
            retry,
        }
    }

    fn unavailable(dependency: &str) -> Self {
        Self {
            reason: format!("{dependency} is unavailable"),
            ..Self::new(
                IngestionFailure::DependencyUnavailable,
                Retry::UntilAvailable,
            )
        }
    }
}

impl From<Failure> for IngestionEvent {
    fn from(failure: Failure) -> Self {
        let Failure {
            code,
            reason,
            retry,
        } = failure;
        Self::Failed {
            code,
            reason,
            retry,
        }
    }
}

impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code.as_str(), failure.reason, failure.retry)
    }
}

impl IngestError {
    /// What is reported, with the only decision about another attempt.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::NotOurs | Self::Superseded => {
                Failure::new(IngestionFailure::Superseded, Retry::Never)
            }
            Self::Empty => Failure::new(IngestionFailure::EmptyDocument, Retry::Never),
            Self::Text(cause) => text_failure(cause),
            Self::TextDamaged => Failure::new(IngestionFailure::TextDamaged, Retry::Limited),
            Self::Malformed(_) => Failure::new(IngestionFailure::TextDamaged, Retry::Never),
            Self::Split(_) => Failure::new(IngestionFailure::Internal, Retry::Never),
            Self::Embed(EmbedError::Overloaded(_)) => {
                Failure::new(IngestionFailure::Overloaded, Retry::UntilAvailable)
            }
            Self::Embed(EmbedError::Model(cause)) => model_failure(cause),
            Self::Chroma(ChromaError::Unreachable(_)) => Failure::unavailable(Store::Chroma.name()),
            Self::Chroma(_) => Failure::new(IngestionFailure::VectorStoreFailed, Retry::Limited),
            Self::Database(cause) => database_failure(cause),
        }
    }
}

fn text_failure(cause: &HubError) -> Failure {
    match cause {
        // The document was deleted, or its text is gone: its next processing extracts it again.
        HubError::Refused { status: 404, .. } => {
            Failure::new(IngestionFailure::TextDamaged, Retry::Never)
        }
        HubError::Malformed { .. } | HubError::Stalled(_) => {
            Failure::unavailable(Service::CreatorHub.name())
        }
        cause if cause.retry() == Retry::UntilAvailable => {
            let dependency = cause.dependency();
            Failure::unavailable(dependency.unwrap_or(Service::CreatorHub.name()))
        }
        cause => Failure::new(IngestionFailure::Internal, cause.retry()),
    }
}

fn model_failure(cause: &ModelError) -> Failure {
    let (code, retry) = match cause {
        ModelError::Unreachable(_) | ModelError::Timeout(_) => {
            return Failure::unavailable(Store::Ollama.name());
        }
        ModelError::NotFound(_) => (IngestionFailure::ModelMissing, Retry::UntilAvailable),
        ModelError::Busy { .. } => (IngestionFailure::Overloaded, Retry::UntilAvailable),
        ModelError::TooLong => (IngestionFailure::TooLong, Retry::Limited),
        ModelError::ModelFailed(_)
        | ModelError::Denied(_)
        | ModelError::Refused(_)
        | ModelError::Malformed(_) => (IngestionFailure::ModelFailed, Retry::Limited),
        ModelError::Truncated => (IngestionFailure::StreamCut, Retry::Limited),
    };
    Failure::new(code, retry)
}

fn database_failure(cause: &sqlx::Error) -> Failure {
    match cause {
        // The document was deleted while its passages were inserted.
        sqlx::Error::Database(fault) if fault.is_foreign_key_violation() => {
            Failure::new(IngestionFailure::Superseded, Retry::Never)
        }
        _ if is_unavailable(cause) => Failure::unavailable(Store::Postgres.name()),
        _ if is_conflict(cause) => Failure::new(IngestionFailure::Contended, Retry::Limited),
        // A missing privilege or an invalid statement fails in the same way every time.
        _ => Failure::new(IngestionFailure::Internal, Retry::Never),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unavailable_dependency_is_waited_for_and_only_a_fault_is_final() {
        let expected = [
            (
                IngestError::Empty,
                IngestionFailure::EmptyDocument,
                Retry::Never,
            ),
            (
                ModelError::Timeout("response").into(),
                IngestionFailure::DependencyUnavailable,
                Retry::UntilAvailable,
            ),
            (
                ModelError::NotFound("all-minilm".to_owned()).into(),
                IngestionFailure::ModelMissing,
                Retry::UntilAvailable,
            ),
            (
                ModelError::Busy { retry_after: None }.into(),
                IngestionFailure::Overloaded,
                Retry::UntilAvailable,
            ),
            (
                ModelError::TooLong.into(),
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
            let failure = error.failure();
            assert_eq!((failure.code, failure.retry), (code, retry), "{error}");
        }
    }

    #[test]
    fn a_cause_does_not_reach_the_creator() {
        let chroma = ChromaError::Server("InternalError: http://chroma:8000/x".to_owned());
        let refusal = HubError::Refused {
            service: Service::CreatorHub,
            status: 500,
            code: "internal".to_owned(),
            detail: "http://creator-hub:8002".to_owned(),
        };
        let ollama = ModelError::ModelFailed("llama runner: 127.0.0.1".to_owned());
        let errors: [IngestError; 3] = [chroma.into(), refusal.into(), ollama.into()];
        for error in errors {
            let reason = error.failure().reason;
            assert!(!reason.contains([':', '/']), "{reason}");
        }
    }
}
