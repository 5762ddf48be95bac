//! Deletes what a change of the embedding model has left in Chroma.

use std::collections::HashSet;

use shared_models::{ChunkId, CreatorId};

use super::ingest::Supervisor;
use super::ingest_error::IngestError;
use crate::state::AppState;
use crate::store::{chunks, vector_models};

/// Deletes the vectors of other models, and those that belong to no passage.
pub(super) async fn delete(
    app: &AppState,
    tenant: CreatorId,
    supervisor: &impl Supervisor,
) -> Result<(), IngestError> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let account = vector_models::read(&mut tx).await?;
    drop(tx);
    let since = account.and_then(|account| account.leftovers_since);
    let Some(since) = since else { return Ok(()) };
    let dimension = app.embedder.dimension().await?;
    let deleted = app.vectors.delete_others(tenant, dimension).await?;
    let orphans = orphans(app, tenant, dimension).await?;
    if !orphans.is_empty() {
        app.vectors.remove(tenant, dimension, &orphans).await?;
    }
    let mut tx = app.db.tenant(tenant).await?;
    supervisor.check(&mut tx).await?;
    vector_models::leftovers_deleted(&mut tx, since).await?;
    tx.commit().await?;
    let orphans = orphans.len();
    tracing::info!(deleted, orphans, "vectors of an earlier model deleted");
    Ok(())
}

/// Vectors without a row: a process that died between both left them. A row precedes its vector, so
/// one that another task has just added is seen.
async fn orphans(
    app: &AppState,
    tenant: CreatorId,
    dimension: usize,
) -> Result<Vec<ChunkId>, IngestError> {
    let (mut offset, mut orphans) = (0, Vec::new());
    loop {
        let page = app.vectors.page(tenant, dimension, offset).await?;
        if page.is_empty() {
            return Ok(orphans);
        }
        offset += page.len();
        let mut tx = app.db.tenant_read(tenant).await?;
        let with_row = chunks::existing(&mut tx, &page).await?;
        drop(tx);
        let with_row: HashSet<ChunkId> = with_row.into_iter().collect();
        orphans.extend(page.into_iter().filter(|id| !with_row.contains(id)));
    }
}
