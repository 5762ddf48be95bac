//! `ai.generations`: how each answer ended and how many tokens it used.

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use serde::{Deserialize, Serialize};
use shared_ai_client::{AnswerFailure, AnswerMode, FallbackReason, FellBackReason, PolicyKind};
use shared_db::TenantTx;
use shared_models::GenerationId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// The record of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenerationRow {
    pub(crate) id: GenerationId,
    pub(crate) mode: GenerationMode,
    /// Whether a generative answer was wanted, but the chat model was unavailable.
    pub(crate) fell_back: bool,
    /// Why; none of a record of an earlier version.
    pub(crate) fell_back_reason: Option<FellBackReason>,
    /// Whether the model reached the limit of its answer's length.
    pub(crate) truncated: bool,
    pub(crate) state: GenerationState,
    pub(crate) error_code: Option<AnswerFailure>,
    /// The chat model, if it was called.
    pub(crate) model: Option<String>,
    /// The server that answered.
    pub(crate) server: Option<String>,
    /// Why it was not the preferred server, if it was not.
    pub(crate) fallback_reason: Option<FallbackReason>,
    /// The policy that decided the answer.
    pub(crate) policy: Option<PolicyKind>,
    /// The name of its topic.
    pub(crate) topic: Option<String>,
    /// The number of sources.
    pub(crate) sources: i32,
    /// The numbers of the cited sources.
    pub(crate) citations: Vec<i32>,
    pub(crate) prompt_tokens: i32,
    pub(crate) completion_tokens: i32,
    /// From the question to the end of the answer.
    pub(crate) milliseconds: i32,
    pub(crate) created_at: Timestamp,
}

/// How an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GenerationMode {
    Generative,
    Extractive,
}

impl GenerationMode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
        }
    }

    fn parse(text: &str) -> sqlx::Result<Self> {
        match text {
            "generative" => Ok(Self::Generative),
            "extractive" => Ok(Self::Extractive),
            other => Err(unknown_value("mode", other)),
        }
    }
}

impl From<GenerationMode> for AnswerMode {
    fn from(mode: GenerationMode) -> Self {
        match mode {
            GenerationMode::Generative => Self::Generative,
            GenerationMode::Extractive => Self::Extractive,
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GenerationState {
    Completed,
    Failed,
    Cancelled,
}

impl GenerationState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> sqlx::Result<Self> {
        match text {
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "cancelled" => Ok(Self::Cancelled),
            other => Err(unknown_value("state", other)),
        }
    }
}

fn unknown_value(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("ai.generations has the unknown {column} {value}").into())
}

pub(crate) async fn insert(tx: &mut TenantTx, row: &GenerationRow) -> sqlx::Result<()> {
    let tenant = tx.creator();
    let GenerationRow {
        id,
        mode,
        fell_back,
        fell_back_reason,
        truncated,
        state,
        error_code,
        model,
        sources,
        citations,
        prompt_tokens,
        completion_tokens,
        milliseconds,
        created_at,
        server,
        fallback_reason,
        policy,
        topic,
    } = row;
    sqlx::query(
        "insert into ai.generations
           (creator_id, id, mode, fell_back, state, error_code, model, sources, citations,
            prompt_tokens, completion_tokens, milliseconds, created_at, truncated, server,
            fallback_reason, policy, topic, fell_back_reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 $19)",
    )
    .bind(tenant)
    .bind(id)
    .bind(mode.as_str())
    .bind(fell_back)
    .bind(state.as_str())
    .bind(error_code.map(AnswerFailure::as_str))
    .bind(model)
    .bind(sources)
    .bind(citations)
    .bind(prompt_tokens)
    .bind(completion_tokens)
    .bind(milliseconds)
    .bind(created_at.to_sqlx())
    .bind(truncated)
    .bind(server)
    .bind(fallback_reason.map(FallbackReason::as_str))
    .bind(policy.map(PolicyKind::as_str))
    .bind(topic)
    .bind(fell_back_reason.map(FellBackReason::as_str))
    .execute(tx.conn())
    .await
    .map(|_| ())
}

pub(crate) async fn find(
    tx: &mut TenantTx,
    id: GenerationId,
) -> sqlx::Result<Option<GenerationRow>> {
    let row = sqlx::query(
        "select id, mode, fell_back, state, error_code, model, sources, citations, prompt_tokens,
                completion_tokens, milliseconds, created_at, truncated, server, fallback_reason,
                policy, topic, fell_back_reason
         from ai.generations where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| parse(&row)).transpose()
}

/// Records, newest first: those before `after`, of this state or of all.
pub(crate) async fn list(
    tx: &mut TenantTx,
    state: Option<GenerationState>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<GenerationRow>> {
    let rows = sqlx::query(
        "select id, mode, fell_back, state, error_code, model, sources, citations, prompt_tokens,
                completion_tokens, milliseconds, created_at, truncated, server, fallback_reason,
                policy, topic, fell_back_reason
         from ai.generations
         where ($1::text is null or state = $1) and ($2::uuid is null or id < $2)
         order by id desc limit $3",
    )
    .bind(state.map(GenerationState::as_str))
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(parse).collect()
}

fn parse(row: &PgRow) -> sqlx::Result<GenerationRow> {
    let created_at: SqlTimestamp = row.try_get("created_at")?;
    let error_code: Option<&str> = row.try_get("error_code")?;
    let fallback_reason: Option<&str> = row.try_get("fallback_reason")?;
    let fell_back_reason: Option<&str> = row.try_get("fell_back_reason")?;
    let policy: Option<&str> = row.try_get("policy")?;
    let policy = policy.map(|name| name.parse().map_err(|_| unknown_value("policy", name)));
    Ok(GenerationRow {
        id: row.try_get("id")?,
        mode: GenerationMode::parse(row.try_get("mode")?)?,
        fell_back: row.try_get("fell_back")?,
        fell_back_reason: fell_back_reason.map(FellBackReason::of_code),
        truncated: row.try_get("truncated")?,
        state: GenerationState::parse(row.try_get("state")?)?,
        error_code: error_code.map(AnswerFailure::of_code),
        model: row.try_get("model")?,
        server: row.try_get("server")?,
        fallback_reason: fallback_reason.map(FallbackReason::of_code),
        policy: policy.transpose()?,
        topic: row.try_get("topic")?,
        sources: row.try_get("sources")?,
        citations: row.try_get("citations")?,
        prompt_tokens: row.try_get("prompt_tokens")?,
        completion_tokens: row.try_get("completion_tokens")?,
        milliseconds: row.try_get("milliseconds")?,
        created_at: created_at.to_jiff(),
    })
}
