//! `hub.documents` from the view of its jobs.

use shared_db::TenantTx;
use shared_models::DocumentId;
use sqlx::Row as _;

use super::{hash, parse_enum};
use crate::domain::content::ContentHash;
use crate::domain::document::DocumentKind;

/// The document of one processing.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) id: DocumentId,
    pub(crate) version: i32,
    pub(crate) title: String,
    pub(crate) kind: DocumentKind,
    pub(crate) content_hash: ContentHash,
}

/// Begins or resumes processing; none when the document is not to be processed any more.
pub(crate) async fn begin(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<Option<Work>> {
    let row = sqlx::query(
        "update hub.documents set state = 'processing', updated_at = now()
         where id = $1 and state in ('pending', 'processing')
         returning id, version, title, kind, content_hash",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Work {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        title: row.try_get("title")?,
        kind: parse_enum(&row, "kind", DocumentKind::from_name)?,
        content_hash: hash(&row)?,
    }))
}

/// Whether the document is still to be processed.
pub(crate) async fn is_wanted(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<bool> {
    sqlx::query("select exists (select from hub.documents where id = $1 and state = 'processing')")
        .bind(id)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
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

/// Marks the document as searchable.
pub(crate) async fn finish(tx: &mut TenantTx, work: &Work, chunks: i32) -> sqlx::Result<Finish> {
    let row = sqlx::query(
        "update hub.documents
         set state = 'ready', chunk_count = $3, error_code = null, error_reason = null,
             updated_at = now()
         where id = $1 and version = $2 and state = 'processing'
         returning title",
    )
    .bind(work.id)
    .bind(work.version)
    .bind(chunks)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else {
        return Ok(Finish::Unwanted);
    };
    let title: &str = row.try_get("title")?;
    Ok(if title == work.title {
        Finish::Ready
    } else {
        Finish::Renamed
    })
}

/// Records that processing failed.
pub(crate) async fn fail(
    tx: &mut TenantTx,
    id: DocumentId,
    code: &str,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.documents
         set state = 'failed', error_code = left($2, 60), error_reason = left($3, 2000),
             updated_at = now()
         where id = $1 and state in ('pending', 'processing')",
    )
    .bind(id)
    .bind(code)
    .bind(reason)
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
