//! Which collection holds a tenant's vectors: a fixed number of shared ones for each model.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use serde_json::json;
use shared_models::CreatorId;

use super::{Chroma, ChromaError};

/// Collections of one model and dimension. Each costs about 3 MB of Chroma's memory once touched,
/// so one for every tenant would not scale. A constant: changing it moves tenants.
pub const SHARDS: u128 = 8;

/// Names, and the ids behind them as far as they are known.
#[derive(Debug, Clone)]
pub struct Collections {
    chroma: Chroma,
    family: String,
    model: String,
    known: Arc<RwLock<HashMap<String, String>>>,
}

impl Collections {
    /// The collections of an embedding model, their names beginning with `prefix`.
    pub fn new(chroma: Chroma, prefix: &str, model: &str) -> Self {
        Self {
            chroma,
            family: format!("{prefix}-{}", slug(model)),
            model: model.to_owned(),
            known: Arc::default(),
        }
    }

    /// The name of a tenant's collection for vectors of that length.
    pub fn name(&self, creator: CreatorId, dimension: usize) -> String {
        format!("{}-{dimension}-{}", self.family, shard(creator))
    }

    /// The id behind a name; the collection is made if it is not there.
    pub async fn id(&self, name: &str, dimension: usize) -> Result<String, ChromaError> {
        let known = self.known.read().ok();
        let known = known.and_then(|known| known.get(name).cloned());
        if let Some(id) = known {
            return Ok(id);
        }
        let metadata = json!({"embed_model": self.model, "dimension": dimension});
        let found = self.chroma.open(name, &metadata).await?;
        if let Ok(mut known) = self.known.write() {
            known.insert(name.to_owned(), found.id.clone());
        }
        Ok(found.id)
    }

    /// Forgets an id, because Chroma no longer knows it.
    pub fn forget(&self, name: &str) {
        if let Ok(mut known) = self.known.write() {
            known.remove(name);
        }
    }

    /// Every collection that may hold vectors of a tenant, of earlier models too.
    pub async fn all_of(
        &self,
        creator: CreatorId,
        prefix: &str,
    ) -> Result<Vec<super::Collection>, ChromaError> {
        let (start, end) = (format!("{prefix}-"), format!("-{}", shard(creator)));
        let mut all = self.chroma.list().await?;
        all.retain(|found| found.name.starts_with(&start) && found.name.ends_with(&end));
        Ok(all)
    }
}

/// The low bits of a UUIDv7 are random, so they spread tenants evenly.
const fn shard(creator: CreatorId) -> u128 {
    creator.as_uuid().as_u128() % SHARDS
}

/// A model's name in the letters that Chroma allows.
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
