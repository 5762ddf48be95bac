//! The documents of a library: as they are stored, added, described and selected.

use jiff::Timestamp;
use shared_document::Warning;
use shared_models::{CollectionId, ContentHash, DocumentId, SiteId, Visibility};
use uuid::Uuid;

use super::document::{DocumentKind, DocumentState};

/// The site that a document is a page of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) site: SiteId,
    /// Where the page is.
    pub(crate) url: String,
}

/// A document of the library.
#[derive(Debug, Clone)]
pub(crate) struct StoredDocument {
    pub(crate) id: DocumentId,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) visibility: Visibility,
    pub(crate) filename: String,
    pub(crate) kind: DocumentKind,
    pub(crate) file_size: i64,
    pub(crate) content_hash: ContentHash,
    pub(crate) origin: Option<Origin>,
    pub(crate) state: DocumentState,
    pub(crate) version: i32,
    /// The number of the file among those that the document has had.
    pub(crate) file_version: i32,
    pub(crate) chunk_count: i32,
    pub(crate) error: Option<(String, String)>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl StoredDocument {
    /// Its file.
    pub(crate) fn into_file(self) -> NewFile {
        NewFile {
            filename: self.filename,
            kind: self.kind,
            file_size: self.file_size,
            content_hash: self.content_hash,
        }
    }
}

/// A document to be added.
#[derive(Debug, Clone)]
pub(crate) struct NewDocument {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) visibility: Visibility,
    pub(crate) file: NewFile,
    /// Of a page, whose title is its own until a person gives it another.
    pub(crate) origin: Option<Origin>,
}

/// What is known of a file that a document gets.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) filename: String,
    pub(crate) kind: DocumentKind,
    pub(crate) file_size: i64,
    pub(crate) content_hash: ContentHash,
}

/// A file that a document has or had.
#[derive(Debug, Clone)]
pub(crate) struct FileVersion {
    pub(crate) number: i32,
    pub(crate) file: NewFile,
    pub(crate) added_at: Timestamp,
    /// Whether it is the document's file now.
    pub(crate) is_current: bool,
}

/// The filters and the position of a page of documents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    pub(crate) state: Option<DocumentState>,
    pub(crate) tag: Option<&'a str>,
    pub(crate) site: Option<SiteId>,
    pub(crate) collection: Option<CollectionId>,
    /// The last document of the previous page.
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: i64,
}

/// What people write about a document.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) title: String,
    pub(crate) text: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) visibility: Visibility,
}
