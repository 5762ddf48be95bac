//! `ai.generations`: what each answer cost and how it ended.

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use shared_db::TenantTx;
use shared_models::GenerationId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// An answer that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRow {
    /// The answer.
    pub id: GenerationId,
    /// `generative` or `extractive`.
    pub mode: String,
    /// Whether the chat model was wanted and away.
    pub fell_back: bool,
    /// `completed`, `failed` or `cancelled`.
    pub state: String,
    /// Stable word for what went wrong.
    pub error_code: Option<String>,
    /// The chat model, where one was called.
    pub model: Option<String>,
    /// How many sources it had.
    pub sources: i32,
    /// Which of them it cites.
    pub citations: Vec<i32>,
    /// Tokens that the model read.
    pub prompt_tokens: i32,
    /// Tokens that it wrote.
    pub completion_tokens: i32,
    /// Time from question to end.
    pub milliseconds: i32,
    /// When it ended.
    pub created_at: Timestamp,
}

/// Stores an answer.
pub async fn insert(tx: &mut TenantTx, row: &GenerationRow) -> sqlx::Result<()> {
    let creator = tx.creator();
    let GenerationRow {
        id,
        mode,
        fell_back,
        state,
        error_code,
        model,
        sources,
        citations,
        prompt_tokens,
        completion_tokens,
        milliseconds,
        created_at,
    } = row;
    sqlx::query(
        "insert into ai.generations
           (creator_id, id, mode, fell_back, state, error_code, model, sources, citations,
            prompt_tokens, completion_tokens, milliseconds, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(creator)
    .bind(id)
    .bind(mode)
    .bind(fell_back)
    .bind(state)
    .bind(error_code)
    .bind(model)
    .bind(sources)
    .bind(citations)
    .bind(prompt_tokens)
    .bind(completion_tokens)
    .bind(milliseconds)
    .bind(created_at.to_sqlx())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// One answer.
pub async fn find(tx: &mut TenantTx, id: GenerationId) -> sqlx::Result<Option<GenerationRow>> {
    let row = sqlx::query(
        "select id, mode, fell_back, state, error_code, model, sources, citations, prompt_tokens,
                completion_tokens, milliseconds, created_at
         from ai.generations where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &PgRow) -> sqlx::Result<GenerationRow> {
    let created_at: SqlTimestamp = row.try_get("created_at")?;
    Ok(GenerationRow {
        id: row.try_get("id")?,
        mode: row.try_get("mode")?,
        fell_back: row.try_get("fell_back")?,
        state: row.try_get("state")?,
        error_code: row.try_get("error_code")?,
        model: row.try_get("model")?,
        sources: row.try_get("sources")?,
        citations: row.try_get("citations")?,
        prompt_tokens: row.try_get("prompt_tokens")?,
        completion_tokens: row.try_get("completion_tokens")?,
        milliseconds: row.try_get("milliseconds")?,
        created_at: created_at.to_jiff(),
    })
}
