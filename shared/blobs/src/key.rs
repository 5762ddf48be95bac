//! The name of a file: its tenant, and what it is. A name is made of ids and hashes only, so no
//! input can lead out of the store.

use std::fmt;
use std::str::FromStr;

use shared_models::{ContentHash, CreatorId, DocumentId};

/// Precedes the document in the name of a text.
const TEXT_PREFIX: &str = "text-";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobName {
    /// An uploaded file, named by its content.
    Upload(ContentHash),
    /// The text that was extracted from a document.
    Text(DocumentId),
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload(hash) => hash.fmt(f),
            Self::Text(document) => write!(f, "{TEXT_PREFIX}{document}"),
        }
    }
}

/// The text is not a name that this store gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a file of this store")]
pub struct NotAName;

impl FromStr for BlobName {
    type Err = NotAName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.strip_prefix(TEXT_PREFIX) {
            Some(document) => document.parse().map(Self::Text).map_err(|_| NotAName),
            None => name.parse().map(Self::Upload).map_err(|_| NotAName),
        }
    }
}

/// A file of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobKey {
    /// Whose file it is.
    pub tenant: CreatorId,
    /// What it is.
    pub name: BlobName,
}

impl BlobKey {
    /// An uploaded file.
    pub const fn upload(tenant: CreatorId, hash: ContentHash) -> Self {
        let name = BlobName::Upload(hash);
        Self { tenant, name }
    }

    /// The extracted text of a document.
    pub const fn text(tenant: CreatorId, document: DocumentId) -> Self {
        let name = BlobName::Text(document);
        Self { tenant, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_nothing_else_is_one() {
        for name in [
            BlobName::Upload(ContentHash::from([7; 32])),
            BlobName::Text(DocumentId::new()),
        ] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for text in ["", "..", "../x", "text-", "text-../x", "text-1/2", "a/b"] {
            assert_eq!(text.parse::<BlobName>(), Err(NotAName), "{text}");
        }
    }
}
