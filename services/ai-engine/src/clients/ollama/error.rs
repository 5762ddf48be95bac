//! The errors of calls to Ollama, and what they say about its health.

use shared_ai_client::AnswerFailure;

/// A failed call to Ollama.
#[derive(Debug, thiserror::Error)]
pub enum OllamaError {
    /// The connection failed, or broke before the response.
    #[error("ollama is unavailable: {0}")]
    Unreachable(reqwest::Error),
    /// Something did not arrive in time.
    #[error("ollama sent no {0} in time")]
    Timeout(&'static str),
    /// Ollama does not have the model.
    #[error("ollama does not have the model {0}")]
    NotFound(String),
    /// The input exceeds the model's context window.
    #[error("the input exceeds the model's context window")]
    TooLong,
    /// The queue of Ollama is full.
    #[error("ollama is overloaded")]
    Busy,
    /// The process that runs the model failed.
    #[error("the model failed: {0}")]
    ModelFailed(String),
    /// Ollama refused the request; the same request would be refused again.
    #[error("ollama refused the request: {0}")]
    Refused(String),
    /// The stream ended before its last line.
    #[error("the model's stream ended early")]
    Truncated,
    /// The response does not follow Ollama's API.
    #[error("ollama sent a malformed response: {0}")]
    Malformed(String),
}

impl OllamaError {
    pub(super) fn from_status(status: u16, reason: &str, model: &str) -> Self {
        match status {
            404 => Self::NotFound(model.to_owned()),
            400 if reason.contains("exceeds the context length") => Self::TooLong,
            429 | 502 | 503 => Self::Busy,
            500..=599 => Self::ModelFailed(reason.to_owned()),
            _ => Self::Refused(format!("{status}: {reason}")),
        }
    }

    /// Whether Ollama or the model is unavailable, so that every other input would fail as well.
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Timeout(_) | Self::NotFound(_) | Self::Busy
        )
    }

    /// Whether the circuit breaker counts the error as a sign of an unhealthy model.
    pub const fn counts_as_failure(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Timeout(_)
                | Self::Busy
                | Self::ModelFailed(_)
                | Self::Truncated
        )
    }

    /// What a failed answer reports in the API.
    pub const fn answer_failure(&self) -> AnswerFailure {
        match self {
            Self::Unreachable(_) | Self::Timeout(_) => AnswerFailure::DependencyUnavailable,
            Self::NotFound(_) => AnswerFailure::ModelMissing,
            Self::Busy => AnswerFailure::Overloaded,
            Self::TooLong => AnswerFailure::TooLong,
            Self::ModelFailed(_) | Self::Refused(_) | Self::Malformed(_) => {
                AnswerFailure::ModelFailed
            }
            Self::Truncated => AnswerFailure::StreamCut,
        }
    }
}

impl From<reqwest::Error> for OllamaError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            Self::Timeout("answer")
        } else {
            Self::Unreachable(error.without_url())
        }
    }
}
