//! The vectors of questions in `ai.qa_questions`: by the model that the account is searched with,
//! and by the one that comes next.

use shared_db::TenantTx;
use shared_models::QaPairId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// A question whose vector is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuestionToEmbed {
    pub(crate) pair: QaPairId,
    pub(crate) place: i16,
    pub(crate) question: String,
}

/// The vector of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VectorRow {
    pub(crate) pair: QaPairId,
    pub(crate) place: i16,
    pub(crate) vector: Vec<u8>,
}

/// Questions that the model made no vector of.
pub(crate) async fn missing(
    tx: &mut TenantTx,
    model: &str,
    most: i64,
) -> sqlx::Result<Vec<QuestionToEmbed>> {
    let rows = sqlx::query(
        "select pair_id, place, question from ai.qa_questions
         where model is distinct from $1 and next_model is distinct from $1
         order by pair_id, place limit $2",
    )
    .bind(model)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    let question = |row: &PgRow| {
        Ok(QuestionToEmbed {
            pair: row.try_get("pair_id")?,
            place: row.try_get("place")?,
            question: row.try_get("question")?,
        })
    };
    rows.iter().map(question).collect()
}

/// Stores the vector of a question, unless another question stands there by now. The vector of
/// another model stays beside it: until the account changes, searches compare with that.
pub(crate) async fn store(
    tx: &mut TenantTx,
    of: &QuestionToEmbed,
    model: &str,
    vector: &[u8],
) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.qa_questions
         set model = coalesce(model, $4), vector = coalesce(vector, $5),
             next_model = case when model is null then next_model else $4 end,
             next_vector = case when model is null then next_vector else $5 end
         where pair_id = $1 and place = $2 and question = $3",
    )
    .bind(of.pair)
    .bind(of.place)
    .bind(&of.question)
    .bind(model)
    .bind(vector)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The vectors that the model made, of all pairs of the account or of these.
pub(crate) async fn made(
    tx: &mut TenantTx,
    model: &str,
    pairs: Option<&[Uuid]>,
) -> sqlx::Result<Vec<VectorRow>> {
    let rows = sqlx::query(
        "select pair_id, place, case when model = $1 then vector else next_vector end as vector
         from ai.qa_questions
         where (model = $1 or next_model = $1) and ($2::uuid[] is null or pair_id = any ($2))",
    )
    .bind(model)
    .bind(pairs)
    .fetch_all(tx.conn())
    .await?;
    let vector = |row: &PgRow| {
        Ok(VectorRow {
            pair: row.try_get("pair_id")?,
            place: row.try_get("place")?,
            vector: row.try_get("vector")?,
        })
    };
    rows.iter().map(vector).collect()
}

/// Keeps the vectors of the model that the account has changed to, and no others.
pub(crate) async fn keep_only(tx: &mut TenantTx, model: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.qa_questions
         set model = $1, vector = case when model = $1 then vector else next_vector end,
             next_model = null, next_vector = null
         where next_model is not null and (model = $1 or next_model = $1)",
    )
    .bind(model)
    .execute(tx.conn())
    .await
    .map(|_| ())
}
