//! Ids derived from content: an unchanged passage of a document keeps its row and its vector.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use shared_models::{ChunkId, CreatorId, DocumentId};
use uuid::{Builder, Uuid};

use crate::domain::index::chunking::Passage;

/// What else the id of a passage depends on.
#[derive(Debug, Clone)]
pub(crate) struct ChunkNamespace {
    pub(crate) tenant: CreatorId,
    pub(crate) document: DocumentId,
    /// The embedding model: another model makes other vectors, hence other ids.
    pub(crate) model: String,
    /// The title of the document, which is embedded with passages that have no headings.
    pub(crate) title: String,
}

/// Gives the passages of one document their ids, in the order of the passages.
///
/// An id depends on the heading, or else the title, on the text, and on how often the same
/// occurred before. It does not depend on the position, so that a paragraph inserted at the front
/// leaves all other ids unchanged.
#[derive(Debug)]
pub(crate) struct ChunkIds {
    namespace: ChunkNamespace,
    /// How often a passage occurred, by the id of its first occurrence.
    seen: HashMap<ChunkId, u32>,
}

impl ChunkIds {
    pub(crate) fn new(namespace: ChunkNamespace) -> Self {
        let seen = HashMap::new();
        Self { namespace, seen }
    }

    /// The id of the next passage.
    pub(crate) fn next(&mut self, passage: &Passage) -> ChunkId {
        let first = self.namespace.id(passage, 0);
        let repeats = self.seen.entry(first).or_insert(0);
        let repeat = *repeats;
        *repeats += 1;
        match repeat {
            0 => first,
            repeat => self.namespace.id(passage, repeat),
        }
    }
}

impl ChunkNamespace {
    fn id(&self, passage: &Passage, repeat: u32) -> ChunkId {
        let mut hasher = Sha256::new();
        hasher.update(self.tenant.as_uuid());
        hasher.update(self.document.as_uuid());
        for part in [
            self.model.as_str(),
            passage.heading.as_deref().unwrap_or_default(),
            &passage.text,
        ] {
            // The length separates the parts: without it, `ab` + `c` would equal `a` + `bc`.
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
        if passage.heading.is_none() {
            hasher.update(&self.title);
        }
        hasher.update(repeat.to_be_bytes());
        ChunkId::from(uuid_from_hash(&hasher.finalize()))
    }
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
            position: None,
        }
    }

    fn namespace() -> ChunkNamespace {
        ChunkNamespace {
            tenant: CreatorId::new(),
            document: DocumentId::new(),
            model: "all-minilm".to_owned(),
            title: "Title".to_owned(),
        }
    }

    fn chunk_ids(namespace: &ChunkNamespace, passages: &[Passage]) -> Vec<ChunkId> {
        let mut ids = ChunkIds::new(namespace.clone());
        passages.iter().map(|passage| ids.next(passage)).collect()
    }

    #[test]
    fn a_passage_keeps_its_id_when_another_is_inserted_before_it() {
        let namespace = namespace();
        let before = chunk_ids(&namespace, &[passage(0, "a"), passage(1, "b")]);
        let after = chunk_ids(
            &namespace,
            &[passage(0, "new"), passage(1, "a"), passage(2, "b")],
        );
        assert_eq!(before, after[1..]);
    }

    #[test]
    fn each_repetition_of_a_passage_has_its_own_id() {
        let ids = chunk_ids(&namespace(), &[passage(0, "a"), passage(1, "a")]);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0].as_uuid().get_version_num(), 8);
    }

    /// Another id would embed every passage of every document again.
    #[test]
    fn an_id_is_the_same_in_every_version_of_this_program() {
        let namespace = ChunkNamespace {
            tenant: CreatorId::from(Uuid::nil()),
            document: DocumentId::from(Uuid::nil()),
            model: "all-minilm".to_owned(),
            title: "Title".to_owned(),
        };
        let ids = chunk_ids(&namespace, &[passage(0, "a"), passage(1, "a")]);
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(
            ids,
            [
                "0addf23d-2f48-8d69-96c1-9b01b39ea3f7",
                "4695f1f7-fffe-810b-b369-b3a88aaee75b"
            ]
        );
    }

    #[test]
    fn tenant_document_and_model_are_part_of_the_id() {
        let namespace = namespace();
        let id = |namespace: &_| chunk_ids(namespace, &[passage(0, "a")])[0];
        let others = [
            ChunkNamespace {
                tenant: CreatorId::new(),
                ..namespace.clone()
            },
            ChunkNamespace {
                document: DocumentId::new(),
                ..namespace.clone()
            },
            ChunkNamespace {
                model: "other".to_owned(),
                title: "Title".to_owned(),
                ..namespace.clone()
            },
        ];
        for other in others {
            assert_ne!(id(&namespace), id(&other));
        }
    }
}
