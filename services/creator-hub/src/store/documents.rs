//! `hub.documents` without those being erased. The statements of jobs are in
//! `documents/processing.rs`.

pub(crate) mod processing;

use shared_db::TenantTx;
use shared_document::Warning;
use shared_models::{DocumentId, SiteId, Visibility};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Row as _, error::BoxDynError};

use crate::domain::document::{DocumentKind, DocumentState};
use crate::domain::library::{Description, NewDocument, Origin, Selection, StoredDocument};
use shared_models::ContentHash;

/// Serialises transactions about the same content of this tenant, so that row and file change
/// together.
pub(crate) async fn lock_content(tx: &mut TenantTx, hash: ContentHash) -> sqlx::Result<()> {
    let creator = tx.creator();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))")
        .bind(creator.to_string())
        .bind(hash.to_string())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Serialises transactions about the text of a document, so that row and file change together.
pub(crate) async fn lock_text(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<()> {
    sqlx::query("select from hub.documents where id = $1 for update")
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The document with that content.
pub(crate) async fn with_content(
    tx: &mut TenantTx,
    hash: ContentHash,
) -> sqlx::Result<Option<DocumentId>> {
    sqlx::query("select id from hub.documents where content_hash = $1 and state <> 'erasing'")
        .bind(hash.as_bytes())
        .fetch_optional(tx.conn())
        .await?
        .map(|row| row.try_get("id"))
        .transpose()
}

/// Inserts a document in the state `pending`.
pub(crate) async fn insert(tx: &mut TenantTx, new: NewDocument) -> sqlx::Result<StoredDocument> {
    let creator = tx.creator();
    let row = sqlx::query(
        "insert into hub.documents (creator_id, id, title, description, tags, filename, kind,
             file_size, content_hash, visibility, access_revision, site_id, url, is_title_given)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12 is null)
         returning *",
    )
    .bind(creator)
    .bind(DocumentId::new())
    .bind(new.title)
    .bind(new.description)
    .bind(new.tags)
    .bind(new.file.filename)
    .bind(new.file.kind.as_str())
    .bind(new.file.file_size)
    .bind(new.file.content_hash.as_bytes())
    .bind(new.visibility.as_str())
    .bind(i32::from(new.visibility != Visibility::default()))
    .bind(new.origin.as_ref().map(|origin| origin.site))
    .bind(new.origin.map(|origin| origin.url))
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// One document.
pub(crate) async fn find(
    tx: &mut TenantTx,
    id: DocumentId,
) -> sqlx::Result<Option<StoredDocument>> {
    sqlx::query("select * from hub.documents where id = $1 and state <> 'erasing'")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// One document, locked until this transaction ends.
pub(crate) async fn find_to_change(
    tx: &mut TenantTx,
    id: DocumentId,
) -> sqlx::Result<Option<StoredDocument>> {
    sqlx::query("select * from hub.documents where id = $1 and state <> 'erasing' for update")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// A page of documents, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    selection: &Selection<'_>,
) -> sqlx::Result<Vec<StoredDocument>> {
    let rows = sqlx::query(
        "select * from hub.documents
         where state <> 'erasing' and ($1::text is null or state = $1)
           and ($2::text is null or $2 = any (tags)) and ($3::uuid is null or id < $3)
           and ($5::uuid is null or exists (
             select from hub.collection_documents c
             where c.collection_id = $5 and c.document_id = documents.id))
           and ($6::uuid is null or site_id = $6)
         order by id desc limit $4",
    )
    .bind(selection.state.map(DocumentState::as_str))
    .bind(selection.tag)
    .bind(selection.after)
    .bind(selection.limit)
    .bind(selection.collection)
    .bind(selection.site)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// Replaces title, description, tags and visibility.
pub(crate) async fn describe(
    tx: &mut TenantTx,
    id: DocumentId,
    new: &Description,
) -> sqlx::Result<StoredDocument> {
    let row = sqlx::query(
        "update hub.documents
         set title = $2, description = $3, tags = $4, visibility = $5, updated_at = now(),
             is_title_given = is_title_given or title <> $2
         where id = $1 and state <> 'erasing'
         returning *",
    )
    .bind(id)
    .bind(&new.title)
    .bind(&new.text)
    .bind(&new.tags)
    .bind(new.visibility.as_str())
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Puts a document back to `pending` for another processing.
pub(crate) async fn requeue(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<StoredDocument> {
    let row = sqlx::query(
        "update hub.documents
         set state = 'pending', version = version + 1, error_code = null, error_reason = null,
             updated_at = now()
         where id = $1 and state <> 'erasing'
         returning *",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Hides a document permanently and returns the length of its file; none when there is no such
/// document.
pub(crate) async fn hide(tx: &mut TenantTx, id: DocumentId) -> sqlx::Result<Option<i64>> {
    sqlx::query(
        "update hub.documents set state = 'erasing', updated_at = now()
         where id = $1 and state <> 'erasing' returning file_size",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| row.try_get(0))
    .transpose()
}

/// The documents among these that are not deleted.
pub(crate) async fn visible(
    tx: &mut TenantTx,
    ids: &[DocumentId],
) -> sqlx::Result<Vec<DocumentId>> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(DocumentId::as_uuid).collect();
    let rows =
        sqlx::query("select id from hub.documents where id = any ($1) and state <> 'erasing'")
            .bind(ids)
            .fetch_all(tx.conn())
            .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// Some documents of a site.
pub(crate) async fn of_site(
    tx: &mut TenantTx,
    site: SiteId,
    most: i64,
) -> sqlx::Result<Vec<DocumentId>> {
    let rows = sqlx::query(
        "select id from hub.documents where site_id = $1 and state <> 'erasing'
         order by id limit $2",
    )
    .bind(site)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

pub(super) fn read(row: &PgRow) -> sqlx::Result<StoredDocument> {
    let (code, reason): (Option<String>, Option<String>) =
        (row.try_get("error_code")?, row.try_get("error_reason")?);
    let site: Option<SiteId> = row.try_get("site_id")?;
    let url: Option<String> = row.try_get("url")?;
    Ok(StoredDocument {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        tags: row.try_get("tags")?,
        visibility: parse_enum(row, "visibility", Visibility::from_name)?,
        filename: row.try_get("filename")?,
        kind: parse_enum(row, "kind", DocumentKind::from_name)?,
        file_size: row.try_get("file_size")?,
        content_hash: hash(row)?,
        origin: site.zip(url).map(|(site, url)| Origin { site, url }),
        state: parse_enum(row, "state", DocumentState::from_name)?,
        version: row.try_get("version")?,
        file_version: row.try_get("file_version")?,
        chunk_count: row.try_get("chunk_count")?,
        warnings: row.try_get::<Json<Vec<Warning>>, _>("warnings")?.0,
        error: code.map(|code| (code, reason.unwrap_or_default())),
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        updated_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("updated_at")?
            .to_jiff(),
    })
}

pub(super) fn parse_enum<T>(
    row: &PgRow,
    column: &'static str,
    parse: fn(&str) -> Option<T>,
) -> sqlx::Result<T> {
    let name: &str = row.try_get(column)?;
    parse(name).ok_or_else(|| decode_error(column, format!("unknown value {name}").into()))
}

pub(super) fn hash(row: &PgRow) -> sqlx::Result<ContentHash> {
    let bytes: &[u8] = row.try_get("content_hash")?;
    let bytes: Result<[u8; 32], _> = bytes.try_into();
    bytes
        .map(ContentHash::from)
        .map_err(|error| decode_error("content_hash", error.into()))
}

fn decode_error(column: &str, source: BoxDynError) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source,
    }
}
