//! `ai.disclosures`: which passages of a document a visitor was shown.

use shared_db::TenantTx;
use shared_models::{ChunkId, DocumentId, VisitorId};

/// The passages of a document that a visitor was shown, locked until this transaction ends.
pub(crate) async fn lock(
    tx: &mut TenantTx,
    visitor: VisitorId,
    document: DocumentId,
) -> sqlx::Result<Vec<ChunkId>> {
    let tenant = tx.creator();
    // Without a row there is nothing to lock. A document that was deleted meanwhile gets none.
    sqlx::query(
        "insert into ai.disclosures (creator_id, visitor_id, document_id, passages)
         select $1, $2, $3, '{}' from ai.indexed_documents where id = $3 for key share
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(visitor)
    .bind(document)
    .execute(tx.conn())
    .await?;
    let passages: Option<Vec<uuid::Uuid>> = sqlx::query_scalar(
        "select passages from ai.disclosures
         where visitor_id = $1 and document_id = $2 for update",
    )
    .bind(visitor)
    .bind(document)
    .fetch_optional(tx.conn())
    .await?;
    let passages = passages.unwrap_or_default();
    Ok(passages.into_iter().map(ChunkId::from).collect())
}

/// Adds passages to those that a visitor was shown.
pub(crate) async fn add(
    tx: &mut TenantTx,
    visitor: VisitorId,
    document: DocumentId,
    passages: &[ChunkId],
) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.disclosures set passages = passages || $3::uuid[], updated_at = now()
         where visitor_id = $1 and document_id = $2",
    )
    .bind(visitor)
    .bind(document)
    .bind(uuids(passages))
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Removes passages of any documents that were not shown after all.
pub(crate) async fn remove(
    tx: &mut TenantTx,
    visitor: VisitorId,
    passages: &[ChunkId],
) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.disclosures d
         set passages = array(select p from unnest(d.passages) p where p <> all ($2))
         where visitor_id = $1 and passages && $2",
    )
    .bind(visitor)
    .bind(uuids(passages))
    .execute(tx.conn())
    .await
    .map(|_| ())
}

fn uuids(ids: &[ChunkId]) -> Vec<uuid::Uuid> {
    ids.iter().map(ChunkId::as_uuid).collect()
}
