//! `ai.postings`: the word index, and the search in it by BM25.

use shared_db::TenantTx;
use shared_models::{ChunkId, DocumentId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::index::fusion::KeywordHit;
use crate::domain::index::postings::Posting;
use crate::domain::index::scope::DocumentFilter;
use crate::domain::index::word_query::WordQuery;

/// Rows in one statement.
const BATCH_SIZE: usize = 20_000;
/// How fast further occurrences of a term count less (Robertson and Zaragoza, 2009).
const K1: f64 = 1.2;
/// How much a passage that is longer than the mean counts less.
const B: f64 = 0.6;

/// Replaces the postings of consecutive passages: an attempt that is repeated changes nothing, and
/// a version that is searched meanwhile keeps all of its words.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    postings: &[Posting],
) -> sqlx::Result<()> {
    let (Some(first), Some(last)) = (postings.first(), postings.last()) else {
        return Ok(());
    };
    let tenant = tx.creator();
    sqlx::query(
        "delete from ai.postings
         where document_id = $1 and version = $2 and part between $3 and $4",
    )
    .bind(document)
    .bind(version)
    .bind(first.ordinal)
    .bind(last.ordinal)
    .execute(tx.conn())
    .await?;
    for batch in by_passage(postings) {
        let part = batch.first().map_or(0, |posting| posting.ordinal);
        let terms: Vec<&str> = batch.iter().map(|p| p.term.as_str()).collect();
        let ordinals: Vec<i32> = batch.iter().map(|p| p.ordinal).collect();
        let frequencies: Vec<i16> = batch.iter().map(|p| p.frequency).collect();
        let lengths: Vec<i16> = batch.iter().map(|p| p.length).collect();
        sqlx::query(
            "insert into ai.postings
               (creator_id, term, document_id, version, part, ordinals, frequencies, lengths)
             select $1, n.term, $2, $3, $4, array_agg(n.ordinal order by n.ordinal),
                    array_agg(n.frequency order by n.ordinal),
                    array_agg(n.length order by n.ordinal)
             from unnest($5::text[], $6::integer[], $7::smallint[], $8::smallint[])
               as n (term, ordinal, frequency, length)
             group by n.term",
        )
        .bind(tenant)
        .bind(document)
        .bind(version)
        .bind(part)
        .bind(terms)
        .bind(ordinals)
        .bind(frequencies)
        .bind(lengths)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Batches of at most about [`BATCH_SIZE`] rows that do not divide a passage, so that the same
/// postings always make the same parts.
fn by_passage(postings: &[Posting]) -> Vec<&[Posting]> {
    let mut batches = Vec::new();
    let mut rest = postings;
    while let Some(at) = rest.get(BATCH_SIZE) {
        let end = rest
            .iter()
            .position(|posting| posting.ordinal == at.ordinal)
            .filter(|end| *end > 0)
            .unwrap_or(rest.len());
        let (batch, after) = rest.split_at(end);
        batches.push(batch);
        rest = after;
    }
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// Deletes the postings of all other versions of a document, and those of passages that an earlier
/// attempt found behind the last one.
pub(crate) async fn keep_only(
    tx: &mut TenantTx,
    document: DocumentId,
    version: i32,
    passages: i32,
) -> sqlx::Result<()> {
    sqlx::query("delete from ai.postings where document_id = $1 and (version <> $2 or part >= $3)")
        .bind(document)
        .bind(version)
        .bind(passages)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Active passages by BM25, best first. Passages with everything that the user means exactly come
/// before all others. The order is total, so the same question always gets the same answer.
pub(crate) async fn search(
    tx: &mut TenantTx,
    query: &WordQuery,
    filter: &DocumentFilter,
    limit: usize,
) -> sqlx::Result<Vec<KeywordHit>> {
    if query.terms().is_empty() || filter.is_empty() {
        return Ok(Vec::new());
    }
    let terms: Vec<&str> = query.terms().iter().map(|t| t.term.as_str()).collect();
    let weights: Vec<f32> = query.terms().iter().map(|t| t.weight).collect();
    let keywords: Vec<i32> = query.terms().iter().map(|t| t.keyword).collect();
    let required: Vec<i32> = query.terms().iter().map(|t| t.required).collect();
    let rows = sqlx::query(include_str!("postings/search.sql"))
        .bind(terms)
        .bind(weights)
        .bind(keywords)
        .bind(required)
        .bind(i64::try_from(query.keywords()).unwrap_or(i64::MAX))
        .bind(i64::try_from(query.required()).unwrap_or(i64::MAX))
        .bind(K1)
        .bind(B)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(filter.only())
        .bind(filter.without())
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(hit).collect()
}

fn hit(row: &PgRow) -> sqlx::Result<KeywordHit> {
    Ok(KeywordHit {
        id: row.try_get::<ChunkId, _>("id")?,
        score: row.try_get("score")?,
        all_keywords: row.try_get("all_keywords")?,
        is_exact: row.try_get("exact")?,
        coverage: row.try_get("coverage")?,
    })
}
