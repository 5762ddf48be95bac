//! `ai.chunks`: the passages of documents, and search in their words.

use shared_db::TenantTx;
use shared_models::{ChunkId, DocumentId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::chunking::Passage;
use crate::domain::fusion::WordHit;
use crate::domain::terms::Terms;

/// Rows of one insert.
const BATCH: usize = 500;

/// A passage that a search led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// The passage.
    pub id: ChunkId,
    /// Its document.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Its place in the document.
    pub ordinal: i32,
    /// The headings above it.
    pub heading: Option<String>,
    /// Its text.
    pub content: String,
    /// Whether it belongs to the version that is searched.
    pub current: bool,
}

/// Stores passages of a version; those that are there stay as they are.
pub async fn insert(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    ids: &[ChunkId],
    passages: &[Passage],
) -> sqlx::Result<()> {
    let creator = tx.creator();
    for (ids, passages) in ids.chunks(BATCH).zip(passages.chunks(BATCH)) {
        let ordinals: Vec<i32> = passages.iter().map(|p| p.ordinal).collect();
        let headings: Vec<Option<&str>> = passages.iter().map(|p| p.heading.as_deref()).collect();
        let texts: Vec<&str> = passages.iter().map(|p| p.text.as_str()).collect();
        sqlx::query(
            "insert into ai.chunks
               (creator_id, document_id, version, id, ordinal, heading, content)
             select $1, $2, $3, n.id, n.ordinal, n.heading, n.content
             from unnest($4::uuid[], $5::integer[], $6::text[], $7::text[])
               as n (id, ordinal, heading, content)
             on conflict (creator_id, id) do nothing",
        )
        .bind(creator)
        .bind(document)
        .bind(version)
        .bind(uuids(ids))
        .bind(ordinals)
        .bind(headings)
        .bind(texts)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Gives passages to a version, in their order, and drops every other one of the document.
pub async fn settle(
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

/// The ids of a document's passages, of all versions.
pub async fn ids_of(tx: &mut TenantTx, document: DocumentId) -> sqlx::Result<Vec<ChunkId>> {
    let rows = sqlx::query("select id from ai.chunks where document_id = $1")
        .bind(document)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Passages that have any of the words, the fullest first.
pub async fn by_words(
    tx: &mut TenantTx,
    terms: &Terms,
    limit: usize,
) -> sqlx::Result<Vec<WordHit>> {
    let Some(any) = terms.any() else {
        return Ok(Vec::new());
    };
    let rows = sqlx::query(
        "select c.id,
                c.words @@ (to_tsquery('pg_catalog.simple', $2)
                            || to_tsquery('pg_catalog.english', $2)) as all_words
         from ai.chunks c
         join ai.indexed_documents d on d.creator_id = c.creator_id and d.id = c.document_id
           and d.active_version = c.version
         where c.words @@ (to_tsquery('pg_catalog.simple', $1)
                           || to_tsquery('pg_catalog.english', $1))
         order by ts_rank(c.words, to_tsquery('pg_catalog.simple', $1)
                                   || to_tsquery('pg_catalog.english', $1), 1) desc, c.id
         limit $3",
    )
    .bind(any)
    .bind(terms.all())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(tx.conn())
    .await?;
    let hit = |row: &PgRow| {
        Ok(WordHit {
            id: row.try_get("id")?,
            all_words: row.try_get("all_words")?,
        })
    };
    rows.iter().map(hit).collect()
}

/// Reads passages again: what the tenant may not see does not come back.
pub async fn read(tx: &mut TenantTx, ids: &[ChunkId]) -> sqlx::Result<Vec<FoundRow>> {
    let rows = sqlx::query(
        "select c.id, c.document_id, d.title, c.ordinal, c.heading, c.content,
                d.active_version is not distinct from c.version as current
         from ai.chunks c
         join ai.indexed_documents d on d.creator_id = c.creator_id and d.id = c.document_id
         where c.id = any($1)",
    )
    .bind(uuids(ids))
    .fetch_all(tx.conn())
    .await?;
    let found = |row: &PgRow| {
        Ok(FoundRow {
            id: row.try_get("id")?,
            document: row.try_get("document_id")?,
            title: row.try_get("title")?,
            ordinal: row.try_get("ordinal")?,
            heading: row.try_get("heading")?,
            content: row.try_get("content")?,
            current: row.try_get("current")?,
        })
    };
    rows.iter().map(found).collect()
}

fn uuids(ids: &[ChunkId]) -> Vec<uuid::Uuid> {
    ids.iter().map(ChunkId::as_uuid).collect()
}
