//! The job that indexes a document's text, and how it ends.

use serde::{Deserialize, Serialize};
use shared_models::limits::DOCUMENT_TITLE;
use shared_models::text::SingleLine;
use shared_models::{ContentHash, DocumentId, JobId, Retry};

use crate::access::DocumentAccess;

/// The kind of the job in ai-engine's queue that indexes a document. Its subject is the document.
pub const INDEX_DOCUMENT: &str = "index_document";

/// The payload of [`INDEX_DOCUMENT`]. Repeating a version repeats no work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDocument {
    /// The job of creator-hub that began the processing.
    pub root: JobId,
    /// Increases with each processing of the document; search uses the newest complete version.
    pub version: i32,
    /// The title that citations show.
    pub title: SingleLine<DOCUMENT_TITLE>,
    /// How the text is structured.
    pub kind: TextKind,
    /// The text, which creator-hub stores.
    pub text: TextArtefact,
    /// Who may see the document; absent: visitors may ask about it, and it is in no collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<DocumentAccess>,
}

/// The text that was extracted from a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextArtefact {
    /// The hash of the text.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
}

/// How the indexing of a version of a document ended: the payload of the job in creator-hub's queue
/// that records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedDocument {
    /// The job of creator-hub that began the processing.
    pub root: JobId,
    /// The version.
    pub version: i32,
    /// The title that citations show now.
    pub title: SingleLine<DOCUMENT_TITLE>,
    /// How it ended.
    pub outcome: IndexingOutcome,
    /// The language of the document, if that is known and whether the model understands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<DetectedLanguage>,
}

/// The language of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectedLanguage {
    /// Its English name.
    pub name: String,
    /// Whether the embedding model understands it: if not, the document is found by its words only.
    pub is_understood: bool,
}

/// The kind of the job in creator-hub's queue that records which documents the embedding model
/// understands, after a change of the model. Its subject is the account.
pub const RECORD_LANGUAGES: &str = "record_languages";
/// Documents of one such job.
pub const LANGUAGES_PER_JOB: usize = 500;

/// The payload of [`RECORD_LANGUAGES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLanguages {
    /// The documents whose language is known.
    pub documents: Vec<DocumentInLanguage>,
}

/// The language of one version of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentInLanguage {
    /// The document.
    pub document: DocumentId,
    /// The version that is searched.
    pub version: i32,
    /// Its language.
    pub language: DetectedLanguage,
}

/// How the indexing of a document ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexingOutcome {
    /// It is searchable and has that many passages.
    Indexed(u32),
    /// It could not be indexed.
    Failed(IngestionFailure),
}

/// How a text is structured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// Paragraphs without markup.
    Plain,
    /// Markdown: headings lead the passages below them.
    Markdown,
    /// The lines of `shared_document`, which later versions than 0.1 send.
    Blocks,
}

/// The request of the route that creator-hub of 0.1 calls; to be removed with it in the release
/// after the next one. Later ones enqueue [`INDEX_DOCUMENT`].
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

/// One line of that route's response (newline-delimited JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum IngestionEvent {
    /// How much of the text is indexed so far.
    Progress {
        /// Bytes that are indexed.
        done: u32,
        /// All bytes of the text.
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
    /// The document was deleted.
    Cancelled,
    /// The document contains no text.
    EmptyDocument,
    /// PostgreSQL, Chroma, Ollama or creator-hub is unavailable.
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
    /// The stored text is not the one that was extracted.
    TextDamaged,
    /// An attempt took too long.
    TimedOut,
    /// The work ended its process too often.
    Interrupted,
    /// A fault of the platform.
    #[serde(other)]
    Internal,
}

impl IngestionFailure {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Superseded,
        Self::Cancelled,
        Self::EmptyDocument,
        Self::DependencyUnavailable,
        Self::Overloaded,
        Self::ModelMissing,
        Self::TooLong,
        Self::ModelFailed,
        Self::StreamCut,
        Self::VectorStoreFailed,
        Self::Contended,
        Self::TextDamaged,
        Self::TimedOut,
        Self::Interrupted,
        Self::Internal,
    ];

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
            Self::EmptyDocument => "empty_document",
            Self::DependencyUnavailable => "dependency_unavailable",
            Self::Overloaded => "overloaded",
            Self::ModelMissing => "model_missing",
            Self::TooLong => "too_long",
            Self::ModelFailed => "model_failed",
            Self::StreamCut => "stream_cut",
            Self::VectorStoreFailed => "vector_store_failed",
            Self::Contended => "contended",
            Self::TextDamaged => "text_damaged",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }

    /// The failure with that code; `Internal` for one that is not known.
    pub fn of_code(code: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|failure| failure.as_str() == code)
            .unwrap_or(Self::Internal)
    }

    /// What the creator reads: no addresses, no texts of other programs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Superseded => "a newer version is being indexed, or the document was deleted",
            Self::Cancelled => "the document was deleted",
            Self::EmptyDocument => "the document contains no text",
            Self::DependencyUnavailable => "a part of the platform is unavailable",
            Self::Overloaded => "too many documents are being indexed",
            Self::ModelMissing => "the embedding model is not available yet",
            Self::TooLong => "a passage is too long for the embedding model",
            Self::ModelFailed => "the embedding model failed",
            Self::StreamCut => "the embedding model stopped early",
            Self::VectorStoreFailed => "the index of vectors failed",
            Self::Contended => "other work got in the way",
            Self::TextDamaged => "the stored text is damaged; process the document again",
            Self::TimedOut => "the attempt took too long",
            Self::Interrupted => "processing was interrupted too often",
            Self::Internal => "the platform failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_spelled_on_the_wire_as_in_the_api() {
        for failure in IngestionFailure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
            assert_eq!(IngestionFailure::of_code(failure.as_str()), failure);
        }
        let unknown: IngestionFailure = serde_json::from_str("\"of a later version\"").unwrap();
        assert_eq!(unknown, IngestionFailure::Internal);
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
