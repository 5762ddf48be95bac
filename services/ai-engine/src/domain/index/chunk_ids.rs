//! Ids derived from content: an unchanged passage of a document keeps its row and its vector.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use shared_models::{ChunkId, CreatorId, DocumentId};
use uuid::{Builder, Uuid};

use crate::domain::index::chunking::Passage;

/// What else the id of a passage depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkNamespace<'a> {
    pub(crate) tenant: CreatorId,
    pub(crate) document: DocumentId,
    /// The embedding model: another model makes other vectors, hence other ids.
    pub(crate) model: &'a str,
}

/// The ids of a document's passages, in the order of the passages.
///
/// An id depends on the heading, the text, and how often the same pair occurred before. It does not
/// depend on the position, so that a paragraph inserted at the front leaves all other ids
/// unchanged.
pub(crate) fn chunk_ids(namespace: ChunkNamespace<'_>, passages: &[Passage]) -> Vec<ChunkId> {
    let mut seen: HashMap<(Option<&str>, &str), u32> = HashMap::new();
    let identify = |passage: &'_ Passage, repeat: u32| {
        let mut hasher = Sha256::new();
        hasher.update(namespace.tenant.as_uuid());
        hasher.update(namespace.document.as_uuid());
        for part in [
            namespace.model,
            passage.heading.as_deref().unwrap_or_default(),
            &passage.text,
        ] {
            // The length separates the parts: without it, `ab` + `c` would equal `a` + `bc`.
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
        hasher.update(repeat.to_be_bytes());
        ChunkId::from(uuid_from_hash(&hasher.finalize()))
    };
    passages
        .iter()
        .map(|passage| {
            let key = (passage.heading.as_deref(), passage.text.as_str());
            let repeats = seen.entry(key).or_insert(0);
            let id = identify(passage, *repeats);
            *repeats += 1;
            id
        })
        .collect()
}

/// The first 16 bytes of a hash as a UUIDv8 (RFC 9562, 5.8).
fn uuid_from_hash(hash: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = *from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(ordinal: i32, text: &str) -> Passage {
        Passage {
            ordinal,
            heading: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_passage_keeps_its_id_when_another_is_inserted_before_it() {
        let namespace = ChunkNamespace {
            tenant: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let before = chunk_ids(namespace, &[passage(0, "a"), passage(1, "b")]);
        let after = chunk_ids(
            namespace,
            &[passage(0, "new"), passage(1, "a"), passage(2, "b")],
        );
        assert_eq!(before, after[1..]);
    }

    #[test]
    fn each_repetition_of_a_passage_has_its_own_id() {
        let namespace = ChunkNamespace {
            tenant: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let ids = chunk_ids(namespace, &[passage(0, "a"), passage(1, "a")]);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0].as_uuid().get_version_num(), 8);
    }

    #[test]
    fn tenant_document_and_model_are_part_of_the_id() {
        let namespace = ChunkNamespace {
            tenant: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let ids = |namespace| chunk_ids(namespace, &[passage(0, "a")])[0];
        let others = [
            ChunkNamespace {
                tenant: CreatorId::new(),
                ..namespace
            },
            ChunkNamespace {
                document: DocumentId::new(),
                ..namespace
            },
            ChunkNamespace {
                model: "other",
                ..namespace
            },
        ];
        for other in others {
            assert_ne!(ids(namespace), ids(other));
        }
    }
}
