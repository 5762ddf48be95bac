//! What can go wrong here, and the status of each.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_config::Store;
use shared_web::ApiError;

use crate::chroma::ChromaError;
use crate::gate::Overloaded;
use crate::ollama::OllamaError;

/// A failed request, in the words of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such answer, or another tenant's.
    #[error("no such generation")]
    UnknownGeneration,
    /// A field is out of its bounds.
    #[error("{field} {message}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The model has too much to do.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// Ollama failed.
    #[error(transparent)]
    Ollama(#[from] OllamaError),
    /// Chroma failed.
    #[error(transparent)]
    Chroma(#[from] ChromaError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The caller is refused.
    #[error("the caller is refused")]
    Refused(ApiError),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownGeneration => Self::not_found("unknown_generation"),
            Error::Field { field, message } => {
                Self::unprocessable("invalid_fields").field(field, message)
            }
            Error::Overloaded(Overloaded { retry_after }) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                    .detail("the model has too much to do; try again shortly")
                    .retry_after(retry_after)
            }
            Error::Ollama(cause) => of_ollama(cause),
            Error::Chroma(cause) => Self::unavailable(Store::Chroma.name(), cause),
            Error::Database(cause) => cause.into(),
            Error::Refused(error) => error,
        }
    }
}

/// All of these are of Ollama's making, never the caller's.
fn of_ollama(cause: OllamaError) -> ApiError {
    let missing = match &cause {
        OllamaError::NotFound(model) => Some(format!("ollama does not have the model {model} yet")),
        _ => None,
    };
    let error = ApiError::unavailable(Store::Ollama.name(), cause);
    match missing {
        Some(detail) => error.detail(detail).retry_after(Duration::from_secs(10)),
        None => error,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
