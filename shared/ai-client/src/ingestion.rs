//! The request that indexes a document's text, and the events of its progress.

use serde::{Deserialize, Serialize};
use shared_models::Retry;

/// How a text is structured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// Paragraphs without markup.
    Plain,
    /// Markdown: headings lead the passages below them.
    Markdown,
}

/// A document's text, to be split, embedded and indexed. Repeating a version repeats no work.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIngestion {
    /// Increases with each processing of the document; search uses the newest complete version.
    pub version: i32,
    /// The title that citations show.
    pub title: String,
    /// How the text is structured.
    pub kind: TextKind,
    /// The whole text of the document.
    pub text: String,
}

/// One line of the response (newline-delimited JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum IngestionEvent {
    /// How many passages have a vector so far.
    Progress {
        /// Passages that have one.
        done: u32,
        /// All passages of the document.
        total: u32,
    },
    /// The document is searchable.
    Done {
        /// How many passages it has.
        chunks: u32,
    },
    /// The document could not be indexed.
    Failed {
        /// What went wrong.
        code: IngestionFailure,
        /// An explanation for the creator.
        reason: String,
        /// Whether another attempt may succeed: decided by ai-engine, obeyed by the caller.
        retry: Retry,
    },
}

/// Why a document could not be indexed. The serialised text is the error code that the API of
/// creator-hub shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestionFailure {
    /// A newer version of the document is being indexed, or it was deleted.
    Superseded,
    /// The document contains no text.
    EmptyDocument,
    /// PostgreSQL, Chroma or Ollama is unavailable.
    DependencyUnavailable,
    /// Too many documents wait for the embedding model, or Ollama's queue is full.
    Overloaded,
    /// Ollama does not have the embedding model.
    ModelMissing,
    /// A passage exceeds the model's context window even after it was split.
    TooLong,
    /// The embedding model failed.
    ModelFailed,
    /// Ollama closed the stream early.
    StreamCut,
    /// Chroma failed, or lost vectors that it had accepted.
    VectorStoreFailed,
    /// The transaction conflicted with another one.
    Contended,
    /// A fault of the platform.
    Internal,
}

impl IngestionFailure {
    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::EmptyDocument => "empty_document",
            Self::DependencyUnavailable => "dependency_unavailable",
            Self::Overloaded => "overloaded",
            Self::ModelMissing => "model_missing",
            Self::TooLong => "too_long",
            Self::ModelFailed => "model_failed",
            Self::StreamCut => "stream_cut",
            Self::VectorStoreFailed => "vector_store_failed",
            Self::Contended => "contended",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_spelled_on_the_wire_as_in_the_api() {
        for failure in [
            IngestionFailure::Superseded,
            IngestionFailure::EmptyDocument,
            IngestionFailure::DependencyUnavailable,
            IngestionFailure::Overloaded,
            IngestionFailure::ModelMissing,
            IngestionFailure::TooLong,
            IngestionFailure::ModelFailed,
            IngestionFailure::StreamCut,
            IngestionFailure::VectorStoreFailed,
            IngestionFailure::Contended,
            IngestionFailure::Internal,
        ] {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
        }
    }

    #[test]
    fn a_failed_event_names_code_and_retry_class() {
        let event = IngestionEvent::Failed {
            code: IngestionFailure::ModelMissing,
            reason: "ollama has no model all-minilm".to_owned(),
            retry: Retry::UntilAvailable,
        };
        let line = concat!(
            r#"{"event":"failed","code":"model_missing","#,
            r#""reason":"ollama has no model all-minilm","retry":"until_available"}"#
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
        assert_eq!(serde_json::from_str::<IngestionEvent>(line).unwrap(), event);
    }
}
