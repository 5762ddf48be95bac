//! Handing a document's text to ai-engine, and the lines it answers with.

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

/// A document's text, to be split, embedded and made searchable. Repeating the same version does
/// no work twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIngestion {
    /// Rises with each processing of the document; the newest complete one is searched.
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
    /// So many passages of all are searchable.
    Progress {
        /// Passages done.
        done: u32,
        /// All passages.
        total: u32,
    },
    /// The document is searchable.
    Done {
        /// Its passages.
        chunks: u32,
    },
    /// It could not be made searchable.
    Failed {
        /// A stable word.
        code: String,
        /// For a person.
        reason: String,
        /// What became of a failed attempt.
        retry: bool,
    },
}
