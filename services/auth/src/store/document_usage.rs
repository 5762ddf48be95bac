//! What a tenant stores in creator-hub.
//!
//! The only query that reads a table of another service. A projection of document events replaces
//! it once no replica is left that changes documents without publishing: in the release after the
//! one that began to (ADR 25).

use shared_db::TenantTx;
use sqlx::Row as _;

/// Documents and the length of their files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredDocuments {
    pub(crate) documents: i64,
    pub(crate) bytes: i64,
}

/// Counts documents and their bytes.
pub(crate) async fn count(tx: &mut TenantTx) -> sqlx::Result<StoredDocuments> {
    let row = sqlx::query(
        "select count(*) as documents, coalesce(sum(file_size), 0)::bigint as bytes
         from hub.documents where creator_id = $1 and state <> 'erasing'",
    )
    .bind(tx.creator())
    .fetch_one(tx.conn())
    .await?;
    Ok(StoredDocuments {
        documents: row.try_get("documents")?,
        bytes: row.try_get("bytes")?,
    })
}
