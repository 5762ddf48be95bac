//! A tenant's exported records, and the counts of an export or an erasure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::DocumentId;

/// The kind of an export's last record; an export without it is incomplete.
pub const END: &str = "end";
/// The kind of the last line of a copy that could not be completed; its data is a
/// [`ExportFailure`].
pub const FAILED: &str = "failed";
/// The kind of a line with a piece of an uploaded file; its data is a [`FilePiece`].
pub const FILE: &str = "hub.files";
/// Maximum length of a line of a copy in bytes, newline included. Writers refuse to write a longer
/// one and readers refuse to read it, so that neither needs more memory than this for one line.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Maximum length of the content in one [`FilePiece`] in bytes. It is a multiple of three: the
/// Base64 texts of all pieces, joined in order, are the Base64 text of the file.
pub const FILE_PIECE_BYTES: usize = 48 * 1024;

/// One record of an export: a line of newline-delimited JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
// The name in the OpenAPI document is part of generated clients, so it stays.
#[schema(as = DataLine)]
pub struct ExportRecord {
    /// What it is: a table such as `hub.documents`, `hub.files`, or `end`.
    pub kind: String,
    /// The row; a piece of a file for `hub.files`; at the end, how many lines there were of each
    /// kind.
    pub data: Value,
}

/// One piece of an uploaded file. The pieces of a file follow each other in order, without gaps;
/// the last one ends at `size`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePiece {
    /// The document that the file belongs to.
    pub document_id: DocumentId,
    /// The number of the file among those that the document has had.
    #[serde(default)]
    pub version: i32,
    /// The name of the uploaded file.
    pub filename: String,
    /// Length of the whole file in bytes.
    pub size: u64,
    /// Where in the file this piece begins, in bytes from 0.
    pub offset: u64,
    /// The bytes of this piece, at most [`FILE_PIECE_BYTES`].
    pub content_base64: String,
}

/// Why a copy could not be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFailure {
    /// What went wrong, to program against.
    pub code: ExportFailureCode,
    /// What went wrong, for a person.
    pub reason: String,
}

/// The kinds of [`ExportFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFailureCode {
    /// A row does not fit into a line of [`MAX_LINE_BYTES`]. Another attempt would fail alike.
    LineTooLong,
    /// Something that is needed failed; another attempt may succeed.
    Interrupted,
}

/// How many there were of each kind: rows of a table, files, vectors, keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowCounts(BTreeMap<String, u64>);

impl RowCounts {
    /// Adds to a kind; adding zero makes the kind appear.
    pub fn count(&mut self, kind: &str, more: u64) {
        *self.0.entry(kind.to_owned()).or_default() += more;
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            self.count(kind, *count);
        }
    }

    /// The count of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// The kinds and their counts.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(kind, count)| (kind.as_str(), *count))
    }
}

#[cfg(test)]
mod tests;
