//! `ai.document_access`: who may see documents, as creator-hub says.

use shared_ai_client::DocumentAccess;
use shared_db::TenantTx;
use shared_models::DocumentId;
use sqlx::Row as _;
use sqlx::types::Json;

use crate::domain::index::scope::{DocumentFilter, Scope};

/// Documents of a filter; with more, the filter is left to the rows that are read at the end.
const MAX_DOCUMENTS: i64 = 1_000;

/// Records who may see documents, unless something newer is recorded.
pub(crate) async fn save(tx: &mut TenantTx, access: &[DocumentAccess]) -> sqlx::Result<()> {
    let tenant = tx.creator();
    sqlx::query(
        "insert into ai.document_access as a
           (creator_id, document_id, revision, visibility, collections)
         select $1, n.document, n.revision, n.visibility, n.collections
         from jsonb_to_recordset($2)
           as n (document uuid, revision integer, visibility text, collections uuid[])
         on conflict (creator_id, document_id) do update
         set revision = excluded.revision, visibility = excluded.visibility,
             collections = excluded.collections, updated_at = now()
         where a.revision < excluded.revision",
    )
    .bind(tenant)
    .bind(Json(access))
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes what is recorded of a document.
pub(crate) async fn delete(tx: &mut TenantTx, document: DocumentId) -> sqlx::Result<()> {
    sqlx::query("delete from ai.document_access where document_id = $1")
        .bind(document)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The documents that a search keeps to or leaves out.
pub(crate) async fn filter(tx: &mut TenantTx, scope: &Scope) -> sqlx::Result<DocumentFilter> {
    if scope.is_everything() {
        return Ok(DocumentFilter::All);
    }
    let is_limited = !scope.collections.is_empty();
    let rows = sqlx::query(
        "select document_id from ai.document_access
         where case when $1 then collections && $2 and (not $3 or visibility <> 'internal')
                    else visibility = 'internal' end
         order by document_id limit $4",
    )
    .bind(is_limited)
    .bind(scope.collection_ids())
    .bind(scope.is_visitor)
    .bind(MAX_DOCUMENTS + 1)
    .fetch_all(tx.conn())
    .await?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > MAX_DOCUMENTS {
        return Ok(DocumentFilter::All);
    }
    let ids = rows.iter().map(|row| row.try_get("document_id"));
    let ids = ids.collect::<sqlx::Result<Vec<DocumentId>>>()?;
    Ok(if is_limited {
        DocumentFilter::Only(ids)
    } else if ids.is_empty() {
        DocumentFilter::All
    } else {
        DocumentFilter::Without(ids)
    })
}
