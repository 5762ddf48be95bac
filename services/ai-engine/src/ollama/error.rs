//! What a call of Ollama can end in, and whether another try helps.

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum OllamaError {
    /// No connection, or one that broke before the answer.
    #[error("ollama does not answer: {0}")]
    Unreachable(reqwest::Error),
    /// No answer in time.
    #[error("ollama gave no {0} in time")]
    Slow(&'static str),
    /// It has no such model.
    #[error("ollama has no model {0}")]
    NotFound(String),
    /// The input does not fit the model's window.
    #[error("the input exceeds the model's window")]
    TooLong,
    /// Its queue is full.
    #[error("ollama is overloaded")]
    Busy,
    /// The process behind the model failed.
    #[error("the model failed: {0}")]
    Runner(String),
    /// It refuses the request for good.
    #[error("ollama refused the request: {0}")]
    Refused(String),
    /// The stream ended before its end.
    #[error("the stream of the model broke off")]
    Cut,
    /// The answer is none that Ollama gives.
    #[error("ollama answered with something unknown: {0}")]
    BadAnswer(String),
}

impl OllamaError {
    pub(super) fn of_status(status: u16, reason: &str, model: &str) -> Self {
        match status {
            404 => Self::NotFound(model.to_owned()),
            400 if reason.contains("exceeds the context length") => Self::TooLong,
            429 | 502 | 503 => Self::Busy,
            500..=599 => Self::Runner(reason.to_owned()),
            _ => Self::Refused(format!("{status}: {reason}")),
        }
    }

    /// Whether Ollama, or the model as a whole, is away: no other input would fare better.
    pub const fn away(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Slow(_) | Self::NotFound(_) | Self::Busy
        )
    }

    /// Whether the failure speaks of the model's health, which a circuit breaker counts.
    pub const fn unhealthy(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Slow(_) | Self::Busy | Self::Runner(_) | Self::Cut
        )
    }

    /// A stable word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Slow(_) => "dependency_unavailable",
            Self::NotFound(_) => "model_missing",
            Self::Busy => "overloaded",
            Self::TooLong => "too_long",
            Self::Runner(_) | Self::Refused(_) | Self::BadAnswer(_) => "model_failed",
            Self::Cut => "stream_cut",
        }
    }
}

impl From<reqwest::Error> for OllamaError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            Self::Slow("answer")
        } else {
            Self::Unreachable(error.without_url())
        }
    }
}
