//! `ai.indexed_documents`: which version of a document is searched, and which is being indexed.

use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, DocumentId};
use sqlx::Row as _;

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

/// A document whose version is searched, but not by words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentWithoutWords {
    pub(crate) title: String,
    pub(crate) version: i32,
}

/// Documents of all tenants whose words are not indexed.
pub(crate) async fn without_words(
    db: &Db,
    most: i32,
) -> sqlx::Result<Vec<(CreatorId, DocumentId)>> {
    let mut tx = db.system().await?;
    let rows = sqlx::query("select creator_id, id from ai.documents_without_words($1)")
        .bind(most)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("creator_id")?, row.try_get("id")?)))
        .collect()
}

/// Locks a document whose words are not indexed; none if they are, or the document is gone.
pub(crate) async fn lock_without_words(
    tx: &mut TenantTx,
    id: DocumentId,
) -> sqlx::Result<Option<DocumentWithoutWords>> {
    let row = sqlx::query(
        "select title, active_version from ai.indexed_documents
         where id = $1 and active_version is not null and passage_count is null
         for update",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(DocumentWithoutWords {
            title: row.try_get("title")?,
            version: row.try_get("active_version")?,
        })
    })
    .transpose()
}

/// Records that the words of the active version are indexed.
pub(crate) async fn set_size(
    tx: &mut TenantTx,
    id: DocumentId,
    version: i32,
    size: IndexSize,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.indexed_documents set passage_count = $3, term_count = $4
         where id = $1 and active_version = $2",
    )
    .bind(id)
    .bind(version)
    .bind(size.passages)
    .bind(size.terms)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Whether the tenant has documents that are not searched by words yet.
pub(crate) async fn any_without_words(tx: &mut TenantTx) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from ai.indexed_documents
                        where active_version is not null and passage_count is null)",
    )
    .fetch_one(tx.conn())
    .await
}
