//! Ids out of content: the same passage of the same document is the same row and the same vector.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use shared_models::{ChunkId, CreatorId, DocumentId};
use uuid::{Builder, Uuid};

use crate::domain::chunking::Passage;

/// Whose passages these are, and which model reads them.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The tenant.
    pub creator: CreatorId,
    /// The document.
    pub document: DocumentId,
    /// The embedding model: another one makes other vectors, hence other ids.
    pub model: &'a str,
}

/// The ids of a document's passages, in their order.
///
/// What counts is heading, text, and how often that pair came before; not the place, so that a
/// paragraph put in front leaves all others their vectors.
pub fn chunk_ids(origin: Origin<'_>, passages: &[Passage]) -> Vec<ChunkId> {
    let mut seen: HashMap<(Option<&str>, &str), u32> = HashMap::new();
    let identify = |passage: &'_ Passage, repeat: u32| {
        let mut hasher = Sha256::new();
        hasher.update(origin.creator.as_uuid());
        hasher.update(origin.document.as_uuid());
        for part in [
            origin.model,
            passage.heading.as_deref().unwrap_or_default(),
            &passage.text,
        ] {
            // The length in front keeps two parts from running into each other.
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
        hasher.update(repeat.to_be_bytes());
        ChunkId::from(uuid_of(&hasher.finalize()))
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
fn uuid_of(hash: &[u8]) -> Uuid {
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
    fn a_passage_keeps_its_id_when_another_is_put_in_front() {
        let origin = Origin {
            creator: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let before = chunk_ids(origin, &[passage(0, "a"), passage(1, "b")]);
        let after = chunk_ids(
            origin,
            &[passage(0, "new"), passage(1, "a"), passage(2, "b")],
        );
        assert_eq!(before, after[1..]);
    }

    #[test]
    fn a_repeated_passage_has_an_id_of_its_own() {
        let origin = Origin {
            creator: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let ids = chunk_ids(origin, &[passage(0, "a"), passage(1, "a")]);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0].as_uuid().get_version_num(), 8);
    }

    #[test]
    fn tenant_document_and_model_are_part_of_the_id() {
        let origin = Origin {
            creator: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm",
        };
        let ids = |origin| chunk_ids(origin, &[passage(0, "a")])[0];
        let others = [
            Origin {
                creator: CreatorId::new(),
                ..origin
            },
            Origin {
                document: DocumentId::new(),
                ..origin
            },
            Origin {
                model: "other",
                ..origin
            },
        ];
        for other in others {
            assert_ne!(ids(origin), ids(other));
        }
    }
}
