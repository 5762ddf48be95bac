//! `hub.qa_pairs` and their questions.

use shared_ai_client::QaPairCopy;
use shared_db::TenantTx;
use shared_models::{CollectionId, QaPairId, Visibility};
use sqlx::Row as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::qa::{PairContent, PairSelection, QuestionText, Questions, StoredPair};

/// Pairs with their questions, and which of them are wanted.
macro_rules! select_pairs {
    ($wanted:literal) => {
        concat!(
            "select p.*, array(select q.question from hub.qa_questions q
                               where q.pair_id = p.id order by q.place) as questions
             from hub.qa_pairs p where ",
            $wanted
        )
    };
}

/// Serialises changes of pairs of this tenant, and returns how many there are.
pub(crate) async fn lock_and_count(tx: &mut TenantTx) -> sqlx::Result<i64> {
    let creator = tx.creator();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('qa_pairs ' || $1, 0))")
        .bind(creator.to_string())
        .execute(tx.conn())
        .await?;
    sqlx::query_scalar("select count(*) from hub.qa_pairs")
        .fetch_one(tx.conn())
        .await
}

/// A page of pairs, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    selection: &PairSelection<'_>,
) -> sqlx::Result<Vec<StoredPair>> {
    let rows = sqlx::query(select_pairs!(
        "($1::uuid is null or p.id < $1)
         and ($2::uuid is null or $2 = any (p.collections))
         and ($3::text is null or strpos(lower(p.answer), lower($3)) > 0
              or exists (select from hub.qa_questions q
                         where q.pair_id = p.id and strpos(lower(q.question), lower($3)) > 0))
         order by p.id desc limit $4"
    ))
    .bind(selection.after)
    .bind(selection.collection)
    .bind(selection.text)
    .bind(selection.limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// All pairs, oldest first. Their number has a bound.
pub(crate) async fn all(tx: &mut TenantTx) -> sqlx::Result<Vec<StoredPair>> {
    let rows = sqlx::query(select_pairs!("true order by p.id"))
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(read).collect()
}

/// One pair.
pub(crate) async fn find(tx: &mut TenantTx, id: QaPairId) -> sqlx::Result<Option<StoredPair>> {
    let row = sqlx::query(select_pairs!("p.id = $1"))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// Pairs as ai-engine gets them; those that are gone are left out.
pub(crate) async fn copies(tx: &mut TenantTx, ids: &[QaPairId]) -> sqlx::Result<Vec<QaPairCopy>> {
    let rows = sqlx::query(select_pairs!("p.id = any ($1)"))
        .bind(uuids(ids))
        .fetch_all(tx.conn())
        .await?;
    let copy = |row: &PgRow| {
        let StoredPair {
            id,
            content,
            revision,
            created_at: _,
            updated_at: _,
        } = read(row)?;
        let PairContent {
            questions,
            answer,
            visibility,
            collections,
        } = content;
        Ok(QaPairCopy {
            id,
            revision,
            questions: questions.iter().map(|q| q.text.clone()).collect(),
            answer,
            visibility,
            collections,
        })
    };
    rows.iter().map(copy).collect()
}

/// Another pair than `id` that has one of these questions.
pub(crate) async fn with_question(
    tx: &mut TenantTx,
    questions: &Questions,
    id: Option<QaPairId>,
) -> sqlx::Result<Option<QaPairId>> {
    let keys: Vec<Vec<u8>> = questions.keys().map(|key| key.to_vec()).collect();
    sqlx::query_scalar(
        "select pair_id from hub.qa_questions
         where key = any ($1) and pair_id is distinct from $2 limit 1",
    )
    .bind(keys)
    .bind(id)
    .fetch_optional(tx.conn())
    .await
}

/// Writes pairs, new ones and changed ones. A question may move from one of them to another.
pub(crate) async fn save(tx: &mut TenantTx, pairs: &[(QaPairId, PairContent)]) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let ids: Vec<QaPairId> = pairs.iter().map(|(id, _)| *id).collect();
    let rows: Vec<serde_json::Value> = pairs
        .iter()
        .map(|(id, content)| {
            serde_json::json!({
                "id": id,
                "answer": content.answer,
                "visibility": content.visibility,
                "collections": content.collections,
            })
        })
        .collect();
    sqlx::query(
        "insert into hub.qa_pairs as p (creator_id, id, answer, visibility, collections)
         select $1, n.id, n.answer, n.visibility, n.collections
         from jsonb_to_recordset($2)
           as n (id uuid, answer text, visibility text, collections uuid[])
         on conflict (creator_id, id) do update
         set answer = excluded.answer, visibility = excluded.visibility,
             collections = excluded.collections, revision = p.revision + 1, updated_at = now()",
    )
    .bind(tenant)
    .bind(Json(rows))
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from hub.qa_questions where pair_id = any ($1)")
        .bind(uuids(&ids))
        .execute(tx.conn())
        .await?;
    insert_questions(tx, pairs).await
}

async fn insert_questions(
    tx: &mut TenantTx,
    pairs: &[(QaPairId, PairContent)],
) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let mut owners: Vec<Uuid> = Vec::new();
    let mut places: Vec<i16> = Vec::new();
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut texts: Vec<&str> = Vec::new();
    for (id, content) in pairs {
        for (question, place) in content.questions.iter().zip(0_i16..) {
            owners.push(id.as_uuid());
            places.push(place);
            keys.push(&question.key);
            texts.push(&question.text);
        }
    }
    sqlx::query(
        "insert into hub.qa_questions (creator_id, pair_id, place, key, question)
         select $1, n.* from unnest($2::uuid[], $3::smallint[], $4::bytea[], $5::text[]) n",
    )
    .bind(tenant)
    .bind(owners)
    .bind(places)
    .bind(keys)
    .bind(texts)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes a pair; false when there is none.
pub(crate) async fn delete(tx: &mut TenantTx, id: QaPairId) -> sqlx::Result<bool> {
    let result = sqlx::query("delete from hub.qa_pairs where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Takes all pairs out of a collection, and returns them.
pub(crate) async fn leave_collection(
    tx: &mut TenantTx,
    collection: CollectionId,
) -> sqlx::Result<Vec<QaPairId>> {
    sqlx::query_scalar(
        "update hub.qa_pairs
         set collections = array_remove(collections, $1), revision = revision + 1,
             updated_at = now()
         where $1 = any (collections) returning id",
    )
    .bind(collection)
    .fetch_all(tx.conn())
    .await
}

fn read(row: &PgRow) -> sqlx::Result<StoredPair> {
    let questions: Vec<String> = row.try_get("questions")?;
    let collections: Vec<Uuid> = row.try_get("collections")?;
    let texts = questions.iter().map(|text| QuestionText::parse(text));
    let texts: Result<Vec<QuestionText>, _> = texts.collect();
    let texts = texts.map_err(|error| decode_error(error.to_string()))?;
    let questions = Questions::of(texts).map_err(|error| decode_error(error.to_string()))?;
    Ok(StoredPair {
        id: row.try_get("id")?,
        content: PairContent {
            questions,
            answer: row.try_get("answer")?,
            // A CHECK of the table guarantees a known name.
            visibility: Visibility::from_name(row.try_get("visibility")?).unwrap_or_default(),
            collections: collections.into_iter().map(CollectionId::from).collect(),
        },
        revision: row.try_get("revision")?,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        updated_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("updated_at")?
            .to_jiff(),
    })
}

fn decode_error(cause: String) -> sqlx::Error {
    sqlx::Error::Decode(BoxDynError::from(cause))
}

fn uuids(ids: &[QaPairId]) -> Vec<Uuid> {
    ids.iter().map(QaPairId::as_uuid).collect()
}
