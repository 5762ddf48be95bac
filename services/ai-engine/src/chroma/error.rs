//! What a call of Chroma can end in.

use serde::Deserialize;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum ChromaError {
    /// No connection, no answer in time, or one that broke.
    #[error("chroma does not answer: {0}")]
    Unreachable(reqwest::Error),
    /// No such collection.
    #[error("chroma has no such thing: {0}")]
    NotFound(String),
    /// The request is wrong, which is our fault.
    #[error("chroma refused the request: {0}")]
    Refused(String),
    /// It failed.
    #[error("chroma failed: {0}")]
    Server(String),
    /// The answer is none that Chroma gives.
    #[error("chroma answered with something unknown: {0}")]
    BadAnswer(String),
    /// It took vectors that it does not have afterwards.
    #[error("chroma lost {0} vectors that it had accepted")]
    Lost(usize),
    /// The writer of this process has ended.
    #[error("the writer has ended")]
    WriterGone,
}

#[derive(Deserialize)]
struct Body {
    error: String,
    message: String,
}

impl ChromaError {
    pub(super) fn of_status(status: u16, text: &str) -> Self {
        let body: Option<Body> = serde_json::from_str(text).ok();
        let words = body.map_or_else(
            || text.chars().take(300).collect(),
            |body| format!("{}: {}", body.error, body.message),
        );
        match status {
            404 => Self::NotFound(words),
            500..=599 => Self::Server(words),
            _ => Self::Refused(format!("{status} {words}")),
        }
    }
}

impl From<reqwest::Error> for ChromaError {
    fn from(error: reqwest::Error) -> Self {
        // The URL holds a collection's id.
        Self::Unreachable(error.without_url())
    }
}
