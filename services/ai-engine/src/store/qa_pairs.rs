//! `ai.qa_pairs` and their questions, as creator-hub sends them.

use std::collections::HashMap;

use shared_ai_client::QaPairCopy;
use shared_db::TenantTx;
use shared_models::words::{KEY_BYTES, question_key};
use shared_models::{QaPairId, Visibility};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::index::scope::Scope;

/// A pair that may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairRow {
    pub(crate) id: QaPairId,
    /// The first of its questions.
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) visibility: Visibility,
}

/// A question of a pair that may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuestionRow {
    pub(crate) pair: QaPairId,
    pub(crate) place: i16,
    pub(crate) question: String,
}

/// Records pairs as they are now, unless something newer is recorded or they are deleted.
pub(crate) async fn save(tx: &mut TenantTx, pairs: &[QaPairCopy]) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "insert into ai.qa_pairs as p
           (creator_id, id, revision, answer, visibility, collections)
         select $1, n.id, n.revision, n.answer, n.visibility, n.collections
         from jsonb_to_recordset($2) as n
           (id uuid, revision integer, answer text, visibility text, collections uuid[])
         order by n.id
         on conflict (creator_id, id) do update
         set revision = excluded.revision, answer = excluded.answer,
             visibility = excluded.visibility, collections = excluded.collections,
             updated_at = now()
         where p.revision < excluded.revision and p.deleted_at is null
         returning id",
    )
    .bind(tenant)
    .bind(Json(pairs))
    .fetch_all(tx.conn())
    .await?;
    let saved = pairs.iter().filter(|pair| ids.contains(&pair.id.as_uuid()));
    replace_questions(tx, &ids, saved).await
}

/// The vectors of a question, each with the model that made it.
struct MadeVectors {
    model: String,
    vector: Vec<u8>,
    next_model: Option<String>,
    next_vector: Option<Vec<u8>>,
}

/// Questions that stay keep their vectors.
async fn replace_questions(
    tx: &mut TenantTx,
    ids: &[Uuid],
    pairs: impl Iterator<Item = &QaPairCopy>,
) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let removed = sqlx::query(
        "delete from ai.qa_questions where pair_id = any ($1)
         returning question, model, vector, next_model, next_vector",
    )
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    let mut made: HashMap<String, MadeVectors> = HashMap::new();
    for row in &removed {
        if let Some(model) = row.try_get("model")? {
            let vectors = MadeVectors {
                model,
                vector: row.try_get("vector")?,
                next_model: row.try_get("next_model")?,
                next_vector: row.try_get("next_vector")?,
            };
            made.insert(row.try_get("question")?, vectors);
        }
    }
    let (mut owners, mut places, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut texts, mut models, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut next_models, mut next_vectors) = (Vec::new(), Vec::new());
    for pair in pairs {
        for (question, place) in pair.questions.iter().zip(0_i16..) {
            // creator-hub sends none without a key.
            let Some(key) = question_key(question) else {
                continue;
            };
            let known = made.get(question);
            owners.push(pair.id.as_uuid());
            places.push(place);
            keys.push(key.to_vec());
            texts.push(question.as_str());
            models.push(known.map(|made| made.model.as_str()));
            vectors.push(known.map(|made| made.vector.as_slice()));
            next_models.push(known.and_then(|made| made.next_model.as_deref()));
            next_vectors.push(known.and_then(|made| made.next_vector.as_deref()));
        }
    }
    sqlx::query(
        "insert into ai.qa_questions
           (creator_id, pair_id, place, key, question, model, vector, next_model, next_vector)
         select $1, n.* from unnest($2::uuid[], $3::smallint[], $4::bytea[], $5::text[],
                                    $6::text[], $7::bytea[], $8::text[], $9::bytea[]) n",
    )
    .bind(tenant)
    .bind(owners)
    .bind(places)
    .bind(keys)
    .bind(texts)
    .bind(models)
    .bind(vectors)
    .bind(next_models)
    .bind(next_vectors)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes pairs. Their ids stay for a while, so that what was sent before and arrives later does
/// not bring them back.
pub(crate) async fn delete(tx: &mut TenantTx, ids: &[QaPairId]) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let ids: Vec<Uuid> = ids.iter().map(QaPairId::as_uuid).collect();
    sqlx::query(
        "insert into ai.qa_pairs as p
           (creator_id, id, revision, answer, visibility, collections, deleted_at)
         select $1, n.id, 0, null, 'internal', '{}', now()
         from unnest($2::uuid[]) as n (id) order by n.id
         on conflict (creator_id, id) do update
         set answer = null, visibility = 'internal', collections = '{}', deleted_at = now(),
             updated_at = now()
         where p.deleted_at is null",
    )
    .bind(tenant)
    .bind(&ids)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from ai.qa_questions where pair_id = any ($1)")
        .bind(ids)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Pairs within the scope, and which of them are wanted.
macro_rules! select_pairs {
    ($wanted:literal) => {
        concat!(
            "select p.id, p.answer, p.visibility, f.question
             from ai.qa_pairs p
             join ai.qa_questions f
               on f.creator_id = p.creator_id and f.pair_id = p.id and f.place = 0
             where p.deleted_at is null and not ($1 and p.visibility = 'internal')
               and (cardinality($2::uuid[]) = 0 or p.collections && $2) and ",
            $wanted
        )
    };
}

/// The pair with a question of that key.
pub(crate) async fn with_key(
    tx: &mut TenantTx,
    scope: &Scope,
    key: &[u8; KEY_BYTES],
) -> sqlx::Result<Option<PairRow>> {
    let row = sqlx::query(select_pairs!(
        "p.id in (select q.pair_id from ai.qa_questions q where q.key = $3)
         order by p.id limit 1"
    ))
    .bind(scope.is_visitor)
    .bind(scope.collection_ids())
    .bind(key)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| read(&row)).transpose()
}

/// Pairs by id; those outside of the scope are left out.
pub(crate) async fn read_all(
    tx: &mut TenantTx,
    scope: &Scope,
    ids: &[Uuid],
) -> sqlx::Result<Vec<PairRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(select_pairs!("p.id = any ($3)"))
        .bind(scope.is_visitor)
        .bind(scope.collection_ids())
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(read).collect()
}

/// The questions of all pairs within the scope. Their number has a bound.
pub(crate) async fn questions(tx: &mut TenantTx, scope: &Scope) -> sqlx::Result<Vec<QuestionRow>> {
    let rows = sqlx::query(
        "select q.pair_id, q.place, q.question from ai.qa_questions q
         join ai.qa_pairs p on p.creator_id = q.creator_id and p.id = q.pair_id
         where p.deleted_at is null and not ($1 and p.visibility = 'internal')
           and (cardinality($2::uuid[]) = 0 or p.collections && $2)",
    )
    .bind(scope.is_visitor)
    .bind(scope.collection_ids())
    .fetch_all(tx.conn())
    .await?;
    let question = |row: &PgRow| {
        Ok(QuestionRow {
            pair: row.try_get("pair_id")?,
            place: row.try_get("place")?,
            question: row.try_get("question")?,
        })
    };
    rows.iter().map(question).collect()
}

fn read(row: &PgRow) -> sqlx::Result<PairRow> {
    Ok(PairRow {
        id: row.try_get("id")?,
        question: row.try_get("question")?,
        answer: row.try_get("answer")?,
        // A CHECK of the table guarantees a known name.
        visibility: Visibility::from_name(row.try_get("visibility")?).unwrap_or_default(),
    })
}
