//! `hub.collections` and the documents in them.

use shared_db::TenantTx;
use shared_models::{CollectionId, DocumentId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::collection::Collection;

/// The constraint that a name violates if another collection has it.
pub(crate) const UNIQUE_NAME: &str = "collections_name";

/// Collections with the number of their documents, and which of them are wanted.
macro_rules! select_collections {
    ($wanted:literal) => {
        concat!(
            "select c.*, (
               select count(*) from hub.collection_documents m
               join hub.documents d on d.creator_id = m.creator_id and d.id = m.document_id
               where m.collection_id = c.id and d.state <> 'erasing') as documents
             from hub.collections c where ",
            $wanted
        )
    };
}

/// Adds a collection, unless the tenant has `max` already.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    name: &str,
    description: Option<&str>,
    max: i64,
) -> sqlx::Result<Option<Collection>> {
    let tenant = tx.creator();
    let row = sqlx::query(
        "insert into hub.collections (creator_id, id, name, description)
         select $1, $2, $3, $4 where (select count(*) from hub.collections) < $5
         returning *, 0::bigint as documents",
    )
    .bind(tenant)
    .bind(CollectionId::new())
    .bind(name)
    .bind(description)
    .bind(max)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// A page of collections, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Collection>> {
    let rows = sqlx::query(select_collections!(
        "$1::uuid is null or c.id < $1 order by c.id desc limit $2"
    ))
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// One collection.
pub(crate) async fn find(tx: &mut TenantTx, id: CollectionId) -> sqlx::Result<Option<Collection>> {
    let row = sqlx::query(select_collections!("c.id = $1"))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// Replaces name and description.
pub(crate) async fn update(
    tx: &mut TenantTx,
    id: CollectionId,
    name: &str,
    description: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update hub.collections set name = $2, description = $3, updated_at = now() where id = $1",
    )
    .bind(id)
    .bind(name)
    .bind(description)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Locks a collection, so that its documents do not change meanwhile; false when there is none.
pub(crate) async fn lock(tx: &mut TenantTx, id: CollectionId) -> sqlx::Result<bool> {
    let row = sqlx::query("select from hub.collections where id = $1 for update")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.is_some())
}

/// Keeps collections from being deleted meanwhile, and returns how many of them there are.
pub(crate) async fn lock_shared(tx: &mut TenantTx, ids: &[CollectionId]) -> sqlx::Result<usize> {
    let ids: Vec<Uuid> = ids.iter().map(CollectionId::as_uuid).collect();
    let rows = sqlx::query("select from hub.collections where id = any ($1) order by id for share")
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.len())
}

/// The names of all collections. Their number has a bound.
pub(crate) async fn names(tx: &mut TenantTx) -> sqlx::Result<Vec<(CollectionId, String)>> {
    let rows = sqlx::query("select id, name from hub.collections")
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("name")?)))
        .collect()
}

/// Deletes a collection and returns the documents that were in it.
pub(crate) async fn delete(tx: &mut TenantTx, id: CollectionId) -> sqlx::Result<Vec<DocumentId>> {
    let rows = sqlx::query(
        "delete from hub.collection_documents where collection_id = $1 returning document_id",
    )
    .bind(id)
    .fetch_all(tx.conn())
    .await?;
    sqlx::query("delete from hub.collections where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get("document_id")).collect()
}

/// In how many collections a document is.
pub(crate) async fn count_of_document(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(*) from hub.collection_documents where document_id = $1")
        .bind(document)
        .fetch_one(tx.conn())
        .await
}

/// Whether a document is in one of these collections.
pub(crate) async fn has_document(
    tx: &mut TenantTx,
    ids: &[CollectionId],
    document: DocumentId,
) -> sqlx::Result<bool> {
    let ids: Vec<Uuid> = ids.iter().map(CollectionId::as_uuid).collect();
    sqlx::query_scalar(
        "select exists (select from hub.collection_documents
                        where collection_id = any ($1) and document_id = $2)",
    )
    .bind(ids)
    .bind(document)
    .fetch_one(tx.conn())
    .await
}

/// Adds a document to a collection; false when it is there already.
pub(crate) async fn add_document(
    tx: &mut TenantTx,
    id: CollectionId,
    document: DocumentId,
) -> sqlx::Result<bool> {
    let tenant = tx.creator();
    let result = sqlx::query(
        "insert into hub.collection_documents (creator_id, collection_id, document_id)
         values ($1, $2, $3) on conflict do nothing",
    )
    .bind(tenant)
    .bind(id)
    .bind(document)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Removes a document from a collection; false when it is not in it.
pub(crate) async fn remove_document(
    tx: &mut TenantTx,
    id: CollectionId,
    document: DocumentId,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "delete from hub.collection_documents where collection_id = $1 and document_id = $2",
    )
    .bind(id)
    .bind(document)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

fn read(row: &PgRow) -> sqlx::Result<Collection> {
    Ok(Collection {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        documents: row.try_get("documents")?,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        updated_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("updated_at")?
            .to_jiff(),
    })
}
