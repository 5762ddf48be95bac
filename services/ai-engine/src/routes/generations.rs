//! Answers that were made: how they ended and what they cost.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared_ai_client::Usage;
use shared_models::GenerationId;
use shared_web::{Id, Permit, Problem, permit};
use utoipa::ToSchema;

use crate::error::Error;
use crate::state::AppState;
use crate::store::generations::{self, GenerationRow};

/// An answer that was made. Its text is with the conversation, not here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Generation {
    /// The answer.
    id: GenerationId,
    /// `generative` or `extractive`: how it was made in the end.
    mode: String,
    /// Whether the chat model was wanted and away.
    fell_back: bool,
    /// `completed`, `failed` or `cancelled`.
    state: String,
    /// Stable word for what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// The chat model, where one was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// How many sources it had.
    sources: i32,
    /// The numbers of those that it cites.
    citations: Vec<i32>,
    /// What it cost.
    usage: Usage,
    /// Time from question to end.
    milliseconds: i32,
    /// When it ended.
    created_at: Timestamp,
}

impl From<GenerationRow> for Generation {
    fn from(row: GenerationRow) -> Self {
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
        Self {
            id,
            mode,
            fell_back,
            state,
            error_code,
            model,
            sources,
            citations,
            usage: Usage {
                prompt_tokens: prompt_tokens.unsigned_abs(),
                completion_tokens: completion_tokens.unsigned_abs(),
            },
            milliseconds,
            created_at,
        }
    }
}

/// Read one answer's record.
#[utoipa::path(get, path = "/generations/{id}", tag = "answers", security(("bearer" = [])),
    params(("id" = GenerationId, Path, description = "The generation")),
    responses(
        (status = 200, body = Generation),
        (status = 400, description = "The id is no UUID", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 404, description = "No such generation", body = Problem),
        (status = 503, description = "A dependency is away", body = Problem)))]
pub(super) async fn read_generation(
    State(app): State<AppState>,
    caller: Permit<permit::GenerationsRead>,
    Id(id): Id<GenerationId>,
) -> Result<Json<Generation>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = generations::find(&mut tx, id).await?;
    Ok(Json(row.ok_or(Error::UnknownGeneration)?.into()))
}
