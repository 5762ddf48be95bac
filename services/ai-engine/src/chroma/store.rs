//! Vectors of passages, always asked for with their tenant.

use std::collections::HashSet;

use serde_json::{Value, json};
use shared_models::{ChunkId, CreatorId, DocumentId};

use super::collections::Collections;
use super::writer::{Change, Writer};
use super::{Chroma, ChromaError, Record};
use crate::domain::fusion::VectorHit;

/// Ids of one read.
const PAGE: usize = 1000;

/// The vectors of one embedding model.
#[derive(Debug, Clone)]
pub struct VectorStore {
    chroma: Chroma,
    collections: Collections,
    writer: Writer,
    prefix: String,
}

/// A passage's vector.
pub type Vector = (ChunkId, Vec<f32>);

impl VectorStore {
    /// The vectors in that Chroma, in collections whose names begin with `prefix`.
    pub fn new(chroma: Chroma, prefix: &str, model: &str) -> Self {
        let collections = Collections::new(chroma.clone(), prefix, model);
        let writer = Writer::start(chroma.clone(), collections.clone());
        Self {
            chroma,
            collections,
            writer,
            prefix: prefix.to_owned(),
        }
    }

    /// Whether Chroma is ready.
    pub async fn healthy(&self) -> Result<(), ChromaError> {
        self.chroma.healthy().await
    }

    /// Adds the vectors of a document's version.
    pub async fn add(
        &self,
        creator: CreatorId,
        document: DocumentId,
        version: i32,
        vectors: Vec<Vector>,
    ) -> Result<(), ChromaError> {
        let dimension = vectors.first().map_or(0, |(_, vector)| vector.len());
        let metadata = json!({
            "tenant": creator.to_string(), "doc": document.to_string(), "v": version,
        });
        let record = |(id, vector): Vector| Record {
            id: id.to_string(),
            vector,
            metadata: metadata.clone(),
        };
        let records = vectors.into_iter().map(record).collect();
        let name = self.collections.name(creator, dimension);
        self.writer
            .write(name, dimension, Change::Add(records))
            .await
    }

    /// A tenant's passages nearest to a vector, nearest first.
    pub async fn nearest(
        &self,
        creator: CreatorId,
        vector: &[f32],
        count: usize,
    ) -> Result<Vec<VectorHit>, ChromaError> {
        let filter = json!({"tenant": creator.to_string()});
        let name = self.collections.name(creator, vector.len());
        let (chroma, filter) = (&self.chroma, &filter);
        let ask = |id: String| async move { chroma.query(&id, vector, filter, count).await };
        let found = self.with_id(&name, vector.len(), ask).await?;
        // An id that is none of ours cannot be a passage.
        let hit = |found: super::Neighbour| {
            let id = found.id.parse().ok()?;
            let similarity = 1.0 - found.distance;
            Some(VectorHit { id, similarity })
        };
        Ok(found.into_iter().filter_map(hit).collect())
    }

    /// Which of those passages have no vector.
    pub async fn missing(
        &self,
        creator: CreatorId,
        dimension: usize,
        ids: &[ChunkId],
    ) -> Result<HashSet<ChunkId>, ChromaError> {
        let name = self.collections.name(creator, dimension);
        let mut missing: HashSet<ChunkId> = ids.iter().copied().collect();
        for page in ids.chunks(PAGE) {
            let page: Vec<String> = page.iter().map(ToString::to_string).collect();
            let (chroma, page) = (&self.chroma, &page);
            let ask = |id: String| async move { chroma.present(&id, page).await };
            for id in self.with_id(&name, dimension, ask).await? {
                if let Ok(id) = id.parse() {
                    missing.remove(&id);
                }
            }
        }
        Ok(missing)
    }

    /// The ids that a document has vectors under, each with the collection it lies in.
    pub async fn of_document(
        &self,
        creator: CreatorId,
        document: DocumentId,
    ) -> Result<Vec<(String, Vec<String>)>, ChromaError> {
        self.all_matching(creator, &document_filter(creator, document))
            .await
    }

    /// Deletes every vector of a tenant, of earlier models too, and says how many there were.
    pub async fn forget_tenant(&self, creator: CreatorId) -> Result<u64, ChromaError> {
        let filter = json!({"tenant": {"$eq": creator.to_string()}});
        let mut forgotten = 0;
        for (collection, ids) in self.all_matching(creator, &filter).await? {
            forgotten += ids.len() as u64;
            self.delete(collection, ids).await?;
        }
        let left = self.all_matching(creator, &filter).await?;
        if left.is_empty() {
            return Ok(forgotten);
        }
        let left: usize = left.iter().map(|(_, ids)| ids.len()).sum();
        let text = format!("{left} vectors of a tenant are still there");
        Err(ChromaError::Server(text))
    }

    async fn all_matching(
        &self,
        creator: CreatorId,
        filter: &Value,
    ) -> Result<Vec<(String, Vec<String>)>, ChromaError> {
        let mut found = Vec::new();
        for collection in self.collections.all_of(creator, &self.prefix).await? {
            let mut ids = Vec::new();
            loop {
                let page = self
                    .chroma
                    .matching(&collection.id, filter, PAGE, ids.len());
                let page = page.await?;
                let last = page.len() < PAGE;
                ids.extend(page);
                if last {
                    break;
                }
            }
            if !ids.is_empty() {
                found.push((collection.name, ids));
            }
        }
        Ok(found)
    }

    /// Deletes vectors that [`VectorStore::of_document`] found.
    pub async fn delete(&self, collection: String, ids: Vec<String>) -> Result<(), ChromaError> {
        // A collection that was listed exists: its dimension, needed to make one, does not matter.
        self.writer.write(collection, 0, Change::Delete(ids)).await
    }

    /// Deletes every vector of a document and looks whether they are gone.
    pub async fn forget(
        &self,
        creator: CreatorId,
        document: DocumentId,
    ) -> Result<(), ChromaError> {
        for (collection, ids) in self.of_document(creator, document).await? {
            self.delete(collection, ids).await?;
        }
        let left = self.of_document(creator, document).await?;
        let left: usize = left.iter().map(|(_, ids)| ids.len()).sum();
        match left {
            0 => Ok(()),
            left => Err(ChromaError::Server(format!(
                "{left} vectors are still there"
            ))),
        }
    }

    /// Asks a collection; once more when Chroma has lost it, as after its volume was emptied.
    async fn with_id<T, F>(
        &self,
        name: &str,
        dimension: usize,
        ask: impl Fn(String) -> F,
    ) -> Result<T, ChromaError>
    where
        F: Future<Output = Result<T, ChromaError>>,
    {
        let id = self.collections.id(name, dimension).await?;
        match ask(id).await {
            Err(ChromaError::NotFound(_)) => {
                self.collections.forget(name);
                ask(self.collections.id(name, dimension).await?).await
            }
            answer => answer,
        }
    }
}

fn document_filter(creator: CreatorId, document: DocumentId) -> Value {
    json!({"$and": [
        {"tenant": {"$eq": creator.to_string()}},
        {"doc": {"$eq": document.to_string()}},
    ]})
}
