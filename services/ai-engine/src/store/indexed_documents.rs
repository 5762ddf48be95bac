//! `ai.indexed_documents`: which version of a document is searched, and which is being indexed.

use shared_db::TenantTx;
use shared_models::DocumentId;

/// What the statistics of the word search need of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexSize {
    /// Its passages.
    pub(crate) passages: i32,
    /// The words of all its passages.
    pub(crate) terms: i64,
}

/// Marks a version as being indexed; false if a newer one already is.
pub(crate) async fn begin(
    tx: &mut TenantTx,
    id: DocumentId,
    title: &str,
    version: i32,
) -> sqlx::Result<bool> {
    let tenant = tx.creator();
    let result = sqlx::query(
        "insert into ai.indexed_documents as d (creator_id, id, title, target_version)
         values ($1, $2, $3, $4)
         on conflict (creator_id, id)
         do update set target_version = excluded.target_version, updated_at = now()
         where d.target_version <= excluded.target_version",
    )
    .bind(tenant)
    .bind(id)
    .bind(title)
    .bind(version)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Makes a version the one that is searched; false if a newer one is being indexed or the document
/// was deleted.
pub(crate) async fn activate(
    tx: &mut TenantTx,
    id: DocumentId,
    title: &str,
    version: i32,
    size: IndexSize,
) -> sqlx::Result<bool> {
    let IndexSize { passages, terms } = size;
    let result = sqlx::query(
        "update ai.indexed_documents
         set active_version = $2, title = $3, passage_count = $4, term_count = $5,
             updated_at = now()
         where id = $1 and target_version = $2",
    )
    .bind(id)
    .bind(version)
    .bind(title)
    .bind(passages)
    .bind(terms)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Deletes a document; the foreign key deletes its passages.
pub(crate) async fn delete(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<()> {
    sqlx::query("delete from ai.indexed_documents where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}
