//! The request that indexes a document's text, and the events of its progress.

use serde::{Deserialize, Serialize};

/// How a text is structured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// Paragraphs.
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
    /// For citations.
    pub title: String,
    /// How the text is structured.
    pub kind: TextKind,
    /// The text.
    pub text: String,
}

/// One line of the answer (newline-delimited JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum IngestionEvent {
    /// Some of the passages are indexed.
    Progress {
        /// Passages indexed so far.
        done: u32,
        /// All passages.
        total: u32,
    },
    /// The document is searchable.
    Done {
        /// Its passages.
        chunks: u32,
    },
    /// Indexing failed.
    Failed {
        /// A stable code.
        code: String,
        /// For a person.
        reason: String,
        /// What became of a failed attempt.
        retry: bool,
    },
}
