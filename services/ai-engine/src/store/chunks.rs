//! `ai.chunks`: the passages of documents, and their text.

use shared_ai_client::SourceKind;
use shared_db::TenantTx;
use shared_document::Position;
use shared_models::{ChunkId, DocumentId, Visibility};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::domain::answer::neighbours::Place;
use crate::domain::index::chunking::Passage;
use crate::domain::index::scope::Scope;

/// Rows in one statement.
const BATCH_SIZE: usize = 500;

/// A passage with the title of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassageRow {
    pub(crate) id: ChunkId,
    pub(crate) kind: SourceKind,
    pub(crate) document: DocumentId,
    pub(crate) title: String,
    pub(crate) ordinal: i32,
    pub(crate) heading: Option<String>,
    pub(crate) content: String,
    /// Where in the document's file it begins.
    pub(crate) position: Option<Position>,
    /// Whether it belongs to the active version of the document.
    pub(crate) is_active: bool,
    /// How many passages the document has.
    pub(crate) document_passages: i32,
    pub(crate) visibility: Visibility,
}

/// Inserts the passages of a version; of existing rows, only the position can have changed.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    ids: &[ChunkId],
    passages: &[Passage],
) -> sqlx::Result<()> {
    let tenant = tx.creator();
    for (batch_ids, batch) in ids.chunks(BATCH_SIZE).zip(passages.chunks(BATCH_SIZE)) {
        let ordinals: Vec<i32> = batch.iter().map(|p| p.ordinal).collect();
        let headings: Vec<Option<&str>> = batch.iter().map(|p| p.heading.as_deref()).collect();
        let texts: Vec<&str> = batch.iter().map(|p| p.text.as_str()).collect();
        let positions: Vec<Option<Json<&Position>>> = batch
            .iter()
            .map(|p| p.position.as_ref().map(Json))
            .collect();
        sqlx::query(
            "insert into ai.chunks as c
               (creator_id, document_id, version, id, ordinal, heading, content, position)
             select $1, $2, $3, n.id, n.ordinal, n.heading, n.content, n.position
             from unnest($4::uuid[], $5::integer[], $6::text[], $7::text[], $8::jsonb[])
               as n (id, ordinal, heading, content, position)
             on conflict (creator_id, id) do update set position = excluded.position
               where c.position is distinct from excluded.position",
        )
        .bind(tenant)
        .bind(document)
        .bind(version)
        .bind(uuids(batch_ids))
        .bind(ordinals)
        .bind(headings)
        .bind(texts)
        .bind(positions)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Makes `ids` the passages of a version, in this order, and deletes all others of the document.
pub(crate) async fn replace_passages(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    ids: &[ChunkId],
) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.chunks c set version = $2, ordinal = n.place - 1
         from unnest($3::uuid[]) with ordinality as n (id, place)
         where c.document_id = $1 and c.id = n.id
           and (c.version, c.ordinal) is distinct from ($2, n.place - 1)",
    )
    .bind(document)
    .bind(version)
    .bind(uuids(ids))
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from ai.chunks where document_id = $1 and version <> $2")
        .bind(document)
        .bind(version)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The ids of a document's passages of all versions.
pub(crate) async fn ids_of_document(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<Vec<ChunkId>> {
    let rows = sqlx::query("select id from ai.chunks where document_id = $1")
        .bind(document)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Those of the ids that are passages.
pub(crate) async fn existing(tx: &mut TenantTx, ids: &[ChunkId]) -> sqlx::Result<Vec<ChunkId>> {
    let rows = sqlx::query("select id from ai.chunks where id = any ($1)")
        .bind(uuids(ids))
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// The passages of a version from an ordinal on, with their ids.
pub(crate) async fn of_version(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    from: i32,
    most: usize,
) -> sqlx::Result<Vec<(ChunkId, Passage)>> {
    let rows = sqlx::query(
        "select id, ordinal, heading, content from ai.chunks
         where document_id = $1 and version = $2 and ordinal >= $3
         order by ordinal limit $4",
    )
    .bind(document)
    .bind(version)
    .bind(from)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(tx.conn())
    .await?;
    let passage = |row: &PgRow| {
        let passage = Passage {
            ordinal: row.try_get("ordinal")?,
            heading: row.try_get("heading")?,
            text: row.try_get("content")?,
            position: None, // neither words nor vectors depend on it
        };
        Ok((row.try_get("id")?, passage))
    };
    rows.iter().map(passage).collect()
}

/// Reads passages by id under row-level security: passages of other tenants are not returned, and
/// neither are those of documents outside the scope.
pub(crate) async fn read(
    tx: &mut TenantTx,
    scope: &Scope,
    ids: &[ChunkId],
) -> sqlx::Result<Vec<PassageRow>> {
    let rows = sqlx::query(
        "select c.id, c.document_id, d.title, c.ordinal, c.heading, c.content, c.position,
                d.active_version is not distinct from c.version as is_active,
                coalesce(d.passage_count, 0) as passage_count,
                coalesce(a.visibility, 'answer_only') as visibility
         from ai.chunks c
         join ai.indexed_documents d on d.creator_id = c.creator_id and d.id = c.document_id
         left join ai.document_access a
           on a.creator_id = c.creator_id and a.document_id = c.document_id
         where c.id = any($1)
           and not ($2 and coalesce(a.visibility, 'answer_only') = 'internal')
           and (cardinality($3::uuid[]) = 0 or a.collections && $3)",
    )
    .bind(uuids(ids))
    .bind(scope.is_visitor)
    .bind(scope.collection_ids())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(passage_row).collect()
}

/// The passages at these places of the active versions of their documents, in the order of the
/// places, under the same conditions.
pub(crate) async fn at(
    tx: &mut TenantTx,
    scope: &Scope,
    places: &[Place],
) -> sqlx::Result<Vec<PassageRow>> {
    let (documents, ordinals): (Vec<uuid::Uuid>, Vec<i32>) = places
        .iter()
        .map(|place| (place.document.as_uuid(), place.ordinal))
        .unzip();
    let rows = sqlx::query(
        "select c.id, c.document_id, d.title, c.ordinal, c.heading, c.content, c.position,
                true as is_active, coalesce(d.passage_count, 0) as passage_count,
                coalesce(a.visibility, 'answer_only') as visibility
         from unnest($1::uuid[], $2::int[]) with ordinality as p (document, ordinal, number)
         join ai.chunks c on c.document_id = p.document and c.ordinal = p.ordinal
         join ai.indexed_documents d
           on d.creator_id = c.creator_id and d.id = c.document_id and d.active_version = c.version
         left join ai.document_access a
           on a.creator_id = c.creator_id and a.document_id = c.document_id
         where not ($3 and coalesce(a.visibility, 'answer_only') = 'internal')
           and (cardinality($4::uuid[]) = 0 or a.collections && $4)
         order by p.number",
    )
    .bind(documents)
    .bind(ordinals)
    .bind(scope.is_visitor)
    .bind(scope.collection_ids())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(passage_row).collect()
}

fn passage_row(row: &PgRow) -> sqlx::Result<PassageRow> {
    Ok(PassageRow {
        id: row.try_get("id")?,
        kind: SourceKind::Document,
        document: row.try_get("document_id")?,
        title: row.try_get("title")?,
        ordinal: row.try_get("ordinal")?,
        heading: row.try_get("heading")?,
        content: row.try_get("content")?,
        position: row
            .try_get::<Option<Json<Position>>, _>("position")?
            .map(|Json(position)| position),
        is_active: row.try_get("is_active")?,
        document_passages: row.try_get("passage_count")?,
        // A CHECK of the table guarantees a known name.
        visibility: Visibility::from_name(row.try_get("visibility")?).unwrap_or_default(),
    })
}

fn uuids(ids: &[ChunkId]) -> Vec<uuid::Uuid> {
    ids.iter().map(ChunkId::as_uuid).collect()
}
