//! `hub.documents` from the view of its jobs.

use shared_db::TenantTx;
use shared_document::{Warning, WarningCode};
use shared_models::DocumentId;
use sqlx::Row as _;
use sqlx::types::Json;

use super::hash;
use shared_models::ContentHash;

/// The document of one processing.
#[derive(Debug, Clone)]
pub(crate) struct PendingDocument {
    pub(crate) id: DocumentId,
    pub(crate) version: i32,
    pub(crate) title: String,
    pub(crate) filename: String,
    pub(crate) content_hash: ContentHash,
}

/// Begins or resumes processing; none when the document is not to be processed any more.
pub(crate) async fn begin(
    tx: &mut TenantTx,
    id: DocumentId,
) -> sqlx::Result<Option<PendingDocument>> {
    let row = sqlx::query(
        "update hub.documents set state = 'processing', updated_at = now()
         where id = $1 and state in ('pending', 'processing')
         returning id, version, title, filename, content_hash",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PendingDocument {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        title: row.try_get("title")?,
        filename: row.try_get("filename")?,
        content_hash: hash(&row)?,
    }))
}

/// Records what the creator should know about the file.
pub(crate) async fn warn(
    tx: &mut TenantTx,
    id: DocumentId,
    warnings: &[Warning],
) -> sqlx::Result<()> {
    sqlx::query("update hub.documents set warnings = $2 where id = $1")
        .bind(id)
        .bind(Json(warnings))
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Records whether the embedding model understands the language of a version of the document,
/// beside what else the creator should know. A version that is processed changes nothing.
pub(crate) async fn warn_of_language(
    tx: &mut TenantTx,
    id: DocumentId,
    version: i32,
    warning: Option<Warning>,
) -> sqlx::Result<()> {
    let warnings: Vec<Warning> = warning.into_iter().collect();
    sqlx::query(
        "update hub.documents d
         set warnings = $3 || coalesce(
           (select jsonb_agg(w order by n) from jsonb_array_elements(d.warnings)
              with ordinality as e (w, n) where w ->> 'code' <> $4), '[]')
         where id = $1 and version = $2 and state = 'ready'",
    )
    .bind(id)
    .bind(version)
    .bind(Json(warnings))
    .bind(WarningCode::LanguageNotUnderstood.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Gives a page of a site its own title, unless a person gave it one, and returns the title.
pub(crate) async fn retitle(
    tx: &mut TenantTx,
    id: DocumentId,
    title: &str,
) -> sqlx::Result<String> {
    sqlx::query(
        "update hub.documents set title = case when is_title_given then title else $2 end
         where id = $1 returning title",
    )
    .bind(id)
    .bind(title)
    .fetch_one(tx.conn())
    .await?
    .try_get("title")
}

/// Locks the document until this transaction ends; false when this version is no longer to be
/// processed.
pub(crate) async fn hold(tx: &mut TenantTx, id: DocumentId, version: i32) -> sqlx::Result<bool> {
    let row = sqlx::query(
        "select from hub.documents where id = $1 and version = $2 and state = 'processing'
         for update",
    )
    .bind(id)
    .bind(version)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_some())
}

/// The state of a document after successful processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It is searchable.
    Ready,
    /// Its title changed meanwhile and citations would show the old one: process it again.
    Renamed,
    /// It is being erased.
    Unwanted,
}

/// Marks the document as searchable under that title.
pub(crate) async fn finish(
    tx: &mut TenantTx,
    id: DocumentId,
    version: i32,
    title: &str,
    chunks: i32,
) -> sqlx::Result<Finish> {
    let row = sqlx::query(
        "update hub.documents
         set state = 'ready', chunk_count = $3, error_code = null, error_reason = null,
             updated_at = now()
         where id = $1 and version = $2 and state = 'processing'
         returning title",
    )
    .bind(id)
    .bind(version)
    .bind(chunks)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok(Finish::Unwanted);
    };
    let current: &str = row.try_get("title")?;
    Ok(if current == title {
        Finish::Ready
    } else {
        Finish::Renamed
    })
}

/// Records that processing failed; of that version only, if one is given.
pub(crate) async fn fail(
    tx: &mut TenantTx,
    id: DocumentId,
    version: Option<i32>,
    code: &str,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.documents
         set state = 'failed', error_code = left($2, 60), error_reason = left($3, 2000),
             updated_at = now()
         where id = $1 and state in ('pending', 'processing')
           and version = coalesce($4, version)",
    )
    .bind(id)
    .bind(code)
    .bind(reason)
    .bind(version)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes the row of a document that is being erased and returns the hash of its file; none when
/// it was deleted before.
pub(crate) async fn remove(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<Option<ContentHash>> {
    sqlx::query(
        "delete from hub.documents where id = $1 and state = 'erasing' returning content_hash",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| hash(&row))
    .transpose()
}
