//! Which documents a search may use.

use shared_models::{CollectionId, DocumentId};
use uuid::Uuid;

/// Who searches, and in what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Whether a visitor asks, who sees nothing of internal documents.
    pub(crate) is_visitor: bool,
    /// Only documents of these; all when empty.
    pub(crate) collections: Vec<CollectionId>,
}

impl Scope {
    /// Whether it leaves nothing out.
    pub(crate) const fn is_everything(&self) -> bool {
        !self.is_visitor && self.collections.is_empty()
    }

    pub(crate) fn collection_ids(&self) -> Vec<Uuid> {
        self.collections.iter().map(CollectionId::as_uuid).collect()
    }
}

/// What a scope means for the candidates of a search, so that those outside do not take the places
/// of those inside. What is shown is decided by the rows that are read at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentFilter {
    /// Every document.
    All,
    /// These.
    Only(Vec<DocumentId>),
    /// All but these.
    Without(Vec<DocumentId>),
}

impl DocumentFilter {
    /// Whether no document is left.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self, Self::Only(ids) if ids.is_empty())
    }

    /// The documents to keep to, if the filter names them.
    pub(crate) fn only(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::Only(ids) => Some(ids.iter().map(DocumentId::as_uuid).collect()),
            Self::All | Self::Without(_) => None,
        }
    }

    /// The documents to leave out, if the filter names them.
    pub(crate) fn without(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::Without(ids) => Some(ids.iter().map(DocumentId::as_uuid).collect()),
            Self::All | Self::Only(_) => None,
        }
    }
}
