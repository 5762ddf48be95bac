//! Maps tenants to collections: each embedding model has a fixed number of shared ones.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use serde_json::json;
use shared_models::CreatorId;

use super::{Chroma, ChromaError};

/// Collections for each model and dimension. A collection costs about 3 MB of Chroma's memory once
/// it is used, so one for each tenant would not scale. Changing the number moves tenants to other
/// collections.
const SHARDS: u128 = 8;

/// The names of collections, with a cache of their ids.
#[derive(Debug, Clone)]
pub(crate) struct Collections {
    chroma: Chroma,
    family: String,
    model: String,
    ids: Arc<RwLock<HashMap<String, String>>>,
}

impl Collections {
    /// The collections of an embedding model; all names begin with `prefix`.
    pub(crate) fn new(chroma: Chroma, prefix: &str, model: &str) -> Self {
        Self {
            chroma,
            family: format!("{prefix}-{}", slug(model)),
            model: model.to_owned(),
            ids: Arc::default(),
        }
    }

    /// The collections of another model of the same platform.
    pub(crate) fn of_model(&self, prefix: &str, model: &str) -> Self {
        Self {
            chroma: self.chroma.clone(),
            family: format!("{prefix}-{}", slug(model)),
            model: model.to_owned(),
            ids: Arc::clone(&self.ids),
        }
    }

    /// The name of the tenant's collection for vectors of that length.
    pub(crate) fn name(&self, tenant: CreatorId, dimension: usize) -> String {
        format!("{}-{dimension}-{}", self.family, shard(tenant))
    }

    /// The id of the collection, which is created if it does not exist.
    pub(crate) async fn id(&self, name: &str, dimension: usize) -> Result<String, ChromaError> {
        let cached = self.ids.read().ok().and_then(|ids| ids.get(name).cloned());
        if let Some(id) = cached {
            return Ok(id);
        }
        let metadata = json!({"embed_model": self.model, "dimension": dimension});
        let found = self.chroma.get_or_create(name, &metadata).await?;
        if let Ok(mut ids) = self.ids.write() {
            ids.insert(name.to_owned(), found.id.clone());
        }
        Ok(found.id)
    }

    /// Removes an id from the cache, because Chroma no longer has the collection.
    pub(crate) fn invalidate(&self, name: &str) {
        if let Ok(mut ids) = self.ids.write() {
            ids.remove(name);
        }
    }

    /// Every collection that may have vectors of the tenant, including those of earlier models.
    pub(crate) async fn all_for(
        &self,
        tenant: CreatorId,
        prefix: &str,
    ) -> Result<Vec<super::Collection>, ChromaError> {
        let start = format!("{prefix}-");
        let end = format!("-{}", shard(tenant));
        let mut all = self.chroma.list_collections().await?;
        all.retain(|found| found.name.starts_with(&start) && found.name.ends_with(&end));
        Ok(all)
    }
}

/// The low bits of a UUIDv7 are random, so tenants are distributed evenly.
const fn shard(tenant: CreatorId) -> u128 {
    tenant.as_uuid().as_u128() % SHARDS
}

/// The model's name with the characters that Chroma allows.
fn slug(model: &str) -> String {
    let bare = model.strip_suffix(":latest").unwrap_or(model);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    bare.chars()
        .map(|c| {
            if allowed(c) {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
