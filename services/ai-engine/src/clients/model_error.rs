//! The errors of calls to model servers, and what they say about a server's health.

use std::time::Duration;

use shared_ai_client::{AnswerFailure, FallbackReason};

/// A failed call to a model server.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The connection failed, or broke before the response.
    #[error("the model server is unavailable: {0}")]
    Unreachable(reqwest::Error),
    /// Something did not arrive in time.
    #[error("the model server sent no {0} in time")]
    Timeout(&'static str),
    /// The server does not have the model.
    #[error("the model server does not have the model {0}")]
    NotFound(String),
    /// The input exceeds the model's context window.
    #[error("the input exceeds the model's context window")]
    TooLong,
    /// The queue of the server is full, or a limit of its account is reached.
    #[error("the model server is overloaded")]
    Busy {
        /// What the server says about another attempt.
        retry_after: Option<Duration>,
    },
    /// The process that runs the model failed.
    #[error("the model failed: {0}")]
    ModelFailed(String),
    /// The server refused the API key, or wants one.
    #[error("the model server refused the API key with status {0}")]
    Denied(u16),
    /// The server refused the request; the same request would be refused again.
    #[error("the model server refused the request: {0}")]
    Refused(String),
    /// The stream ended before its last line.
    #[error("the model's stream ended early")]
    Truncated,
    /// The response does not follow the API.
    #[error("the model server sent a malformed response: {0}")]
    Malformed(String),
}

/// What servers say of an input that is too long: Ollama, OpenAI and vLLM, llama.cpp, TEI.
const TOO_LONG: [&str; 9] = [
    "exceeds the context length",
    "maximum context length",
    "context_length_exceeded",
    "maximum model length",
    "exceed_context_size",
    "exceeds the available context size",
    "context size has been exceeded",
    "too large to process",
    "must have less than",
];

impl ModelError {
    /// The error of a response with another status than success.
    pub(super) fn from_status(
        status: u16,
        reason: &str,
        model: &str,
        retry_after: Option<Duration>,
    ) -> Self {
        let lower = reason.to_lowercase();
        let is_too_long = TOO_LONG.iter().any(|words| lower.contains(words));
        match status {
            401 | 403 => Self::Denied(status),
            404 => Self::NotFound(model.to_owned()),
            400 | 413 | 422 | 500 if is_too_long => Self::TooLong,
            429 | 502 | 503 => Self::Busy { retry_after },
            500..=599 => Self::ModelFailed(reason.to_owned()),
            _ => Self::Refused(format!("{status}: {reason}")),
        }
    }

    /// Whether the server or the model is unavailable, so that every other input would fail as
    /// well.
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Timeout(_) | Self::NotFound(_) | Self::Busy { .. }
        )
    }

    /// Whether the same request may succeed later, without a change of the configuration.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Timeout(_) | Self::Busy { .. }
        )
    }

    /// Whether the circuit breaker counts the error as a sign of an unhealthy model.
    pub const fn counts_as_failure(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Timeout(_)
                | Self::Busy { .. }
                | Self::ModelFailed(_)
                | Self::Truncated
        )
    }

    /// What a failed answer reports in the API.
    pub const fn answer_failure(&self) -> AnswerFailure {
        match self {
            Self::Unreachable(_) | Self::Timeout(_) => AnswerFailure::DependencyUnavailable,
            Self::NotFound(_) => AnswerFailure::ModelMissing,
            Self::Busy { .. } => AnswerFailure::Overloaded,
            Self::TooLong => AnswerFailure::TooLong,
            Self::ModelFailed(_) | Self::Denied(_) | Self::Refused(_) | Self::Malformed(_) => {
                AnswerFailure::ModelFailed
            }
            Self::Truncated => AnswerFailure::StreamCut,
        }
    }

    /// Why the next server is asked.
    pub const fn fallback_reason(&self) -> FallbackReason {
        match self {
            Self::Unreachable(_) => FallbackReason::Unreachable,
            Self::Timeout(_) => FallbackReason::Timeout,
            Self::Busy { .. } => FallbackReason::Overloaded,
            Self::TooLong => FallbackReason::TooLong,
            Self::ModelFailed(_) | Self::Truncated => FallbackReason::Failed,
            Self::NotFound(_) | Self::Denied(_) | Self::Refused(_) => FallbackReason::Misconfigured,
            Self::Malformed(_) => FallbackReason::Malformed,
        }
    }

    /// How long the server asked to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => *retry_after,
            _ => None,
        }
    }
}

impl From<reqwest::Error> for ModelError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            Self::Timeout("answer")
        } else {
            Self::Unreachable(error.without_url())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_server_request_or_configuration_is_at_fault() {
        let wait = Some(Duration::from_secs(7));
        let reason =
            |status, text| ModelError::from_status(status, text, "m", wait).fallback_reason();
        for (status, expected) in [
            (401, FallbackReason::Misconfigured),
            (403, FallbackReason::Misconfigured),
            (404, FallbackReason::Misconfigured),
            (422, FallbackReason::Misconfigured),
            (429, FallbackReason::Overloaded),
            (500, FallbackReason::Failed),
            (503, FallbackReason::Overloaded),
            (504, FallbackReason::Failed),
        ] {
            assert_eq!(reason(status, "no"), expected, "{status}");
        }
        for (status, text) in [
            (400, "This model's maximum context length is 4096 tokens."),
            (400, "the input length exceeds the context length"),
            (400, "the request exceeds the available context size"),
            (500, "Context size has been exceeded."),
            (413, "`inputs` must have less than 512 tokens. Given: 600"),
        ] {
            assert_eq!(reason(status, text), FallbackReason::TooLong, "{text}");
        }
        let busy = ModelError::from_status(429, "", "m", wait);
        assert_eq!(busy.retry_after(), wait);
    }
}
