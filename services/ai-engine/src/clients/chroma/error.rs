//! The errors of calls to Chroma.

use serde::Deserialize;

/// A failed call to Chroma.
#[derive(Debug, thiserror::Error)]
pub enum ChromaError {
    /// The connection failed, broke or timed out.
    #[error("chroma is unavailable: {0}")]
    Unreachable(reqwest::Error),
    /// The collection does not exist.
    #[error("chroma does not have the collection: {0}")]
    NotFound(String),
    /// Chroma refused the request: a fault of this service.
    #[error("chroma refused the request: {0}")]
    Refused(String),
    /// Chroma failed.
    #[error("chroma failed: {0}")]
    Server(String),
    /// The response does not follow Chroma's API.
    #[error("chroma sent a malformed response: {0}")]
    Malformed(String),
    /// Chroma accepted vectors and does not have them afterwards.
    #[error("chroma lost {0} vectors that it had accepted")]
    Lost(usize),
    /// The task that writes to Chroma has stopped.
    #[error("the task that writes to chroma has stopped")]
    WriterStopped,
}

#[derive(Deserialize)]
struct Body {
    error: String,
    message: String,
}

impl ChromaError {
    pub(super) fn from_status(status: u16, text: &str) -> Self {
        let body: Option<Body> = serde_json::from_str(text).ok();
        let message = body.map_or_else(
            || text.chars().take(300).collect(),
            |body| format!("{}: {}", body.error, body.message),
        );
        match status {
            404 => Self::NotFound(message),
            500..=599 => Self::Server(message),
            _ => Self::Refused(format!("{status} {message}")),
        }
    }
}

impl From<reqwest::Error> for ChromaError {
    fn from(error: reqwest::Error) -> Self {
        // The URL contains a collection's id, which must not reach logs or callers.
        Self::Unreachable(error.without_url())
    }
}
