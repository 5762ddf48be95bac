//! The errors of this service and their HTTP statuses.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_config::Store;
use shared_models::page::BadPage;
use shared_web::ApiError;

use crate::app::index::embed::EmbedError;
use crate::clients::bulkhead::Overloaded;
use crate::clients::chroma::ChromaError;
use crate::clients::model_error::ModelError;

/// How long a caller should wait until a model is pulled.
const MISSING_MODEL_BACKOFF: Duration = Duration::from_secs(10);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The generation does not exist, or belongs to another tenant.
    #[error("the generation does not exist")]
    UnknownGeneration,
    /// The events of the answer are not kept, or no longer.
    #[error("the events of this answer are not kept")]
    EventsExpired,
    /// The settings have changed since they were read.
    #[error("changed since it was read")]
    Outdated,
    /// `If-Match` is missing.
    #[error("If-Match is missing")]
    NoPrecondition,
    #[error("{field} {message}")]
    InvalidField {
        field: &'static str,
        message: &'static str,
    },
    #[error(transparent)]
    Page(#[from] BadPage),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Chroma(#[from] ChromaError),
    #[error(transparent)]
    Cache(redis::RedisError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An error that already has its response.
    #[error("the request was refused")]
    Api(ApiError),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownGeneration => Self::not_found("unknown_generation"),
            Error::EventsExpired => Self::new(StatusCode::GONE, "events_expired").detail(
                "the events of an answer are kept for two minutes, if it was asked for with \
                 resumable",
            ),
            Error::Outdated => Self::precondition_failed(),
            Error::NoPrecondition => Self::precondition_required(),
            Error::InvalidField { field, message } => {
                Self::unprocessable("invalid_fields").field(field, message)
            }
            Error::Page(cause) => Self::unprocessable("invalid_query").detail(cause.to_string()),
            Error::Overloaded(Overloaded { retry_after, .. }) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                    .detail("the model is overloaded; try again shortly")
                    .retry_after(retry_after)
            }
            Error::Model(cause) => from_model(cause),
            Error::Chroma(cause) => Self::unavailable(Store::Chroma.name(), cause),
            Error::Cache(cause) => Self::unavailable(Store::Redis.name(), cause),
            Error::Database(cause) => cause.into(),
            Error::Api(error) => error,
        }
    }
}

/// Every failure of a model is 503, since none is caused by the caller.
fn from_model(cause: ModelError) -> ApiError {
    let missing = match &cause {
        ModelError::NotFound(model) => Some(format!("ollama does not have the model {model} yet")),
        _ => None,
    };
    let error = ApiError::unavailable(Store::Ollama.name(), cause);
    match missing {
        Some(detail) => error.detail(detail).retry_after(MISSING_MODEL_BACKOFF),
        None => error,
    }
}

impl From<EmbedError> for Error {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Model(cause) => cause.into(),
            EmbedError::Overloaded(cause) => cause.into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
