//! The files that documents have and had: the current ones in `hub.documents`, the earlier ones in
//! `hub.document_versions`.

use shared_db::TenantTx;
use shared_models::{ContentHash, DocumentId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::documents::{hash, parse_enum, read as read_document};
use crate::domain::document::DocumentKind;
use crate::domain::library::{FileVersion, NewFile, StoredDocument};

/// All files of a document, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<Vec<FileVersion>> {
    let rows = sqlx::query(
        "select file_version as number, filename, kind, file_size, content_hash,
                coalesce(file_added_at, created_at) as added_at, true as is_current
         from hub.documents where id = $1 and state <> 'erasing'
         union all
         select number, filename, kind, file_size, content_hash, added_at, false
         from hub.document_versions where document_id = $1
         order by number desc",
    )
    .bind(document)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// Gives a document another file, keeps the one before, and has the new one processed.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    document: DocumentId,
    new: &NewFile,
) -> sqlx::Result<StoredDocument> {
    sqlx::query(
        "insert into hub.document_versions
           (creator_id, document_id, number, filename, kind, file_size, content_hash, added_at)
         select creator_id, id, file_version, filename, kind, file_size, content_hash,
                coalesce(file_added_at, created_at)
         from hub.documents where id = $1",
    )
    .bind(document)
    .execute(tx.conn())
    .await?;
    // The text is that of the file before.
    sqlx::query("delete from hub.artefacts where document_id = $1")
        .bind(document)
        .execute(tx.conn())
        .await?;
    let row = sqlx::query(
        "update hub.documents
         set filename = $2, kind = $3, file_size = $4, content_hash = $5,
             file_version = file_version + 1, file_added_at = now(), warnings = '[]',
             state = 'pending', version = version + 1, error_code = null, error_reason = null,
             updated_at = now()
         where id = $1 and state <> 'erasing'
         returning *",
    )
    .bind(document)
    .bind(&new.filename)
    .bind(new.kind.as_str())
    .bind(new.file_size)
    .bind(new.content_hash.as_bytes())
    .fetch_one(tx.conn())
    .await?;
    read_document(&row)
}

/// Deletes the rows of earlier files but for the newest `kept`, and returns their contents.
pub(crate) async fn prune(
    tx: &mut TenantTx,
    document: DocumentId,
    kept: i64,
) -> sqlx::Result<Vec<ContentHash>> {
    let rows = sqlx::query(
        "delete from hub.document_versions
         where document_id = $1 and number not in (
           select number from hub.document_versions where document_id = $1
           order by number desc limit $2)
         returning content_hash",
    )
    .bind(document)
    .bind(kept)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(hash).collect()
}

/// The contents of a document's earlier files.
pub(crate) async fn contents(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<Vec<ContentHash>> {
    let rows = sqlx::query(
        "select distinct content_hash from hub.document_versions where document_id = $1",
    )
    .bind(document)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(hash).collect()
}

/// Whether a document that is not being erased has or had a file with that content.
pub(crate) async fn is_used(tx: &mut TenantTx, content: ContentHash) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (
           select from hub.documents where content_hash = $1 and state <> 'erasing'
           union all
           select from hub.document_versions v
           join hub.documents d on d.creator_id = v.creator_id and d.id = v.document_id
           where v.content_hash = $1 and d.state <> 'erasing')",
    )
    .bind(content.as_bytes())
    .fetch_one(tx.conn())
    .await
}

/// A file in a copy of all data.
#[derive(Debug, Clone)]
pub(crate) struct DocumentFile {
    pub(crate) document: DocumentId,
    pub(crate) number: i32,
    pub(crate) filename: String,
    pub(crate) content_hash: ContentHash,
}

/// Up to `limit` files of all documents in any state, those after that file of that document.
pub(crate) async fn all_files(
    tx: &mut TenantTx,
    after: Option<(DocumentId, i32)>,
    limit: i64,
) -> sqlx::Result<Vec<DocumentFile>> {
    let (document, number) = after.unzip();
    let rows = sqlx::query(
        "select * from (
           select id, file_version as number, filename, content_hash from hub.documents
           union all
           select document_id, number, filename, content_hash from hub.document_versions) f
         where $1::uuid is null or (id, number) > ($1, $2) order by id, number limit $3",
    )
    .bind(document)
    .bind(number)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    let file = |row: &PgRow| {
        Ok(DocumentFile {
            document: row.try_get("id")?,
            number: row.try_get("number")?,
            filename: row.try_get("filename")?,
            content_hash: hash(row)?,
        })
    };
    rows.iter().map(file).collect()
}

fn read(row: &PgRow) -> sqlx::Result<FileVersion> {
    Ok(FileVersion {
        number: row.try_get("number")?,
        file: NewFile {
            filename: row.try_get("filename")?,
            kind: parse_enum(row, "kind", DocumentKind::from_name)?,
            file_size: row.try_get("file_size")?,
            content_hash: hash(row)?,
        },
        added_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("added_at")?
            .to_jiff(),
        is_current: row.try_get("is_current")?,
    })
}
