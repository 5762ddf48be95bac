//! Who may see which documents, as ai-engine must know it to search for a visitor.

use serde::{Deserialize, Serialize};
use shared_models::{CollectionId, DocumentId, Visibility};

/// The kind of the job in ai-engine's queue that applies changed access to documents.
pub const SET_DOCUMENT_ACCESS: &str = "set_document_access";
/// Most documents of one such job.
pub const DOCUMENTS_PER_JOB: usize = 500;

/// The payload of [`SET_DOCUMENT_ACCESS`], and the body of the request that applies it at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDocumentAccess {
    /// At most [`DOCUMENTS_PER_JOB`].
    pub documents: Vec<DocumentAccess>,
}

/// Who may see a document. Changes may arrive in any order: the highest revision counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentAccess {
    /// The document.
    pub document: DocumentId,
    /// Increases with each change.
    pub revision: i32,
    /// Who may see it.
    pub visibility: Visibility,
    /// The collections that it belongs to.
    pub collections: Vec<CollectionId>,
}
