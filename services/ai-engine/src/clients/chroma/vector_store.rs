//! The vectors of passages. Every query names the tenant.

use std::collections::HashSet;

use serde_json::{Value, json};
use shared_models::{ChunkId, CreatorId, DocumentId};

use super::collections::Collections;
use super::writer::{WriteOperation, Writer};
use super::{Chroma, ChromaError, Record};
use crate::domain::index::fusion::VectorHit;
use crate::domain::index::scope::DocumentFilter;

/// Ids in one read.
const PAGE_SIZE: usize = 1000;

/// The vectors of one embedding model.
#[derive(Debug, Clone)]
pub struct VectorStore {
    chroma: Chroma,
    collections: Collections,
    writer: Writer,
    prefix: String,
}

/// The vector of a passage.
pub type Vector = (ChunkId, Vec<f32>);

impl VectorStore {
    /// Vectors in collections whose names begin with `prefix`.
    pub(crate) fn new(chroma: Chroma, prefix: &str, model: &str) -> Self {
        let collections = Collections::new(chroma.clone(), prefix, model);
        let writer = Writer::start(chroma.clone(), collections.clone());
        Self {
            chroma,
            collections,
            writer,
            prefix: prefix.to_owned(),
        }
    }

    /// The vectors of another model of the same platform.
    pub(crate) fn of_model(&self, model: &str) -> Self {
        Self {
            collections: self.collections.of_model(&self.prefix, model),
            ..self.clone()
        }
    }

    /// Succeeds if Chroma is ready.
    pub(crate) async fn check_health(&self) -> Result<(), ChromaError> {
        self.chroma.check_health().await
    }

    /// Adds vectors of a version of a document; existing ids keep their vectors.
    pub async fn add(
        &self,
        tenant: CreatorId,
        document: DocumentId,
        version: i32,
        vectors: Vec<Vector>,
    ) -> Result<(), ChromaError> {
        let dimension = vectors.first().map_or(0, |(_, vector)| vector.len());
        let metadata = json!({
            "tenant": tenant.to_string(), "doc": document.to_string(), "v": version,
        });
        let record = |(id, vector): Vector| Record {
            id: id.to_string(),
            vector,
            metadata: metadata.clone(),
        };
        let records = vectors.into_iter().map(record).collect();
        let name = self.collections.name(tenant, dimension);
        self.writer
            .write(name, dimension, WriteOperation::Add(records))
            .await
    }

    /// The tenant's passages that are most similar to a vector, most similar first.
    pub async fn nearest(
        &self,
        tenant: CreatorId,
        vector: &[f32],
        documents: &DocumentFilter,
        count: usize,
    ) -> Result<Vec<VectorHit>, ChromaError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let filter = &query_filter(tenant, documents);
        let name = self.collections.name(tenant, vector.len());
        let chroma = &self.chroma;
        let query = |id: String| async move { chroma.query(&id, vector, filter, count).await };
        let found = self.with_collection_id(&name, vector.len(), query).await?;
        // An id that is not one of ours cannot be a passage.
        let hit = |found: super::Neighbour| {
            let id = found.id.parse().ok()?;
            let similarity = 1.0 - found.distance;
            Some(VectorHit { id, similarity })
        };
        Ok(found.into_iter().filter_map(hit).collect())
    }

    /// Returns those of the passages that have no vector.
    pub(crate) async fn missing(
        &self,
        tenant: CreatorId,
        dimension: usize,
        ids: &[ChunkId],
    ) -> Result<HashSet<ChunkId>, ChromaError> {
        let name = self.collections.name(tenant, dimension);
        let mut missing: HashSet<ChunkId> = ids.iter().copied().collect();
        for page in ids.chunks(PAGE_SIZE) {
            let texts = &page.iter().map(ToString::to_string).collect::<Vec<_>>();
            let chroma = &self.chroma;
            let query = |id: String| async move { chroma.existing_ids(&id, texts).await };
            for id in self.with_collection_id(&name, dimension, query).await? {
                if let Ok(id) = id.parse() {
                    missing.remove(&id);
                }
            }
        }
        Ok(missing)
    }

    /// The ids of a document's vectors, grouped by the name of their collection.
    pub async fn ids_of_document(
        &self,
        tenant: CreatorId,
        document: DocumentId,
    ) -> Result<Vec<(String, Vec<String>)>, ChromaError> {
        self.all_matching(tenant, &document_filter(tenant, document))
            .await
    }

    /// Deletes all vectors of a tenant, including those of earlier models; returns their number.
    pub(crate) async fn delete_tenant(&self, tenant: CreatorId) -> Result<u64, ChromaError> {
        let filter = json!({"tenant": {"$eq": tenant.to_string()}});
        let mut deleted = 0;
        for (collection, ids) in self.all_matching(tenant, &filter).await? {
            deleted += ids.len() as u64;
            self.delete(collection, ids).await?;
        }
        let remaining = count(&self.all_matching(tenant, &filter).await?);
        if remaining == 0 {
            return Ok(deleted);
        }
        let message = format!("{remaining} vectors of the tenant remain after the deletion");
        Err(ChromaError::Server(message))
    }

    async fn all_matching(
        &self,
        tenant: CreatorId,
        filter: &Value,
    ) -> Result<Vec<(String, Vec<String>)>, ChromaError> {
        let mut found = Vec::new();
        for collection in self.collections.all_for(tenant, &self.prefix).await? {
            let mut ids = Vec::new();
            loop {
                let page = self
                    .chroma
                    .matching_ids(&collection.id, filter, PAGE_SIZE, ids.len())
                    .await?;
                let is_last = page.len() < PAGE_SIZE;
                ids.extend(page);
                if is_last {
                    break;
                }
            }
            if !ids.is_empty() {
                found.push((collection.name, ids));
            }
        }
        Ok(found)
    }

    /// Deletes the tenant's vectors that are not in the collection of this model and length;
    /// returns their number.
    pub(crate) async fn delete_others(
        &self,
        tenant: CreatorId,
        dimension: usize,
    ) -> Result<u64, ChromaError> {
        let kept = self.collections.name(tenant, dimension);
        let filter = json!({"tenant": {"$eq": tenant.to_string()}});
        let mut deleted = 0;
        for (collection, ids) in self.all_matching(tenant, &filter).await? {
            if collection != kept {
                deleted += ids.len() as u64;
                self.delete(collection, ids).await?;
            }
        }
        Ok(deleted)
    }

    /// A page of the ids of the tenant's vectors of this model and length.
    pub(crate) async fn page(
        &self,
        tenant: CreatorId,
        dimension: usize,
        offset: usize,
    ) -> Result<Vec<ChunkId>, ChromaError> {
        let name = self.collections.name(tenant, dimension);
        let filter = &json!({"tenant": {"$eq": tenant.to_string()}});
        let chroma = &self.chroma;
        let query =
            |id: String| async move { chroma.matching_ids(&id, filter, PAGE_SIZE, offset).await };
        let ids = self.with_collection_id(&name, dimension, query).await?;
        // An id that is not one of ours cannot be a passage.
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Deletes vectors of this model and length.
    pub(crate) async fn remove(
        &self,
        tenant: CreatorId,
        dimension: usize,
        ids: &[ChunkId],
    ) -> Result<(), ChromaError> {
        let name = self.collections.name(tenant, dimension);
        let ids = ids.iter().map(ToString::to_string).collect();
        self.delete(name, ids).await
    }

    /// Deletes vectors that [`VectorStore::ids_of_document`] returned.
    pub async fn delete(&self, collection: String, ids: Vec<String>) -> Result<(), ChromaError> {
        // Only creating a collection needs its dimension, and a collection that was listed exists.
        let dimension = 0;
        self.writer
            .write(collection, dimension, WriteOperation::Delete(ids))
            .await
    }

    /// Deletes all vectors of a document and verifies that none remains.
    pub(crate) async fn delete_document(
        &self,
        tenant: CreatorId,
        document: DocumentId,
    ) -> Result<(), ChromaError> {
        for (collection, ids) in self.ids_of_document(tenant, document).await? {
            self.delete(collection, ids).await?;
        }
        let remaining = count(&self.ids_of_document(tenant, document).await?);
        if remaining == 0 {
            return Ok(());
        }
        let message = format!("{remaining} vectors of the document remain after the deletion");
        Err(ChromaError::Server(message))
    }

    /// Calls a collection. If Chroma has lost it, as after its volume was emptied, creates it and
    /// calls it a second time.
    async fn with_collection_id<T, F>(
        &self,
        name: &str,
        dimension: usize,
        call: impl Fn(String) -> F,
    ) -> Result<T, ChromaError>
    where
        F: Future<Output = Result<T, ChromaError>>,
    {
        let id = self.collections.id(name, dimension).await?;
        match call(id).await {
            Err(ChromaError::NotFound(_)) => {
                self.collections.invalidate(name);
                call(self.collections.id(name, dimension).await?).await
            }
            result => result,
        }
    }
}

fn count(ids_by_collection: &[(String, Vec<String>)]) -> usize {
    ids_by_collection.iter().map(|(_, ids)| ids.len()).sum()
}

/// Every query names the tenant.
fn query_filter(tenant: CreatorId, documents: &DocumentFilter) -> Value {
    let of_tenant = json!({"tenant": {"$eq": tenant.to_string()}});
    let names =
        |ids: &[DocumentId]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
    match documents {
        DocumentFilter::All => of_tenant,
        DocumentFilter::Only(ids) => json!({"$and": [of_tenant, {"doc": {"$in": names(ids)}}]}),
        DocumentFilter::Without(ids) => json!({"$and": [of_tenant, {"doc": {"$nin": names(ids)}}]}),
    }
}

fn document_filter(tenant: CreatorId, document: DocumentId) -> Value {
    json!({"$and": [
        {"tenant": {"$eq": tenant.to_string()}},
        {"doc": {"$eq": document.to_string()}},
    ]})
}
