//! The records of answers: how each ended and how many tokens it used.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared_ai_client::{AnswerFailure, Usage};
use shared_models::GenerationId;
use shared_web::{Id, Permit, Problem, permit};
use utoipa::ToSchema;

use crate::app::answer::generations::{self, GenerationRow};
use crate::error::Error;
use crate::state::AppState;

/// The record of an answer. It contains no text; the conversation has that.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Generation {
    /// The id of the record.
    id: GenerationId,
    /// `generative` or `extractive`: how the answer was made in the end.
    mode: &'static str,
    /// Whether a generative answer was wanted, but the chat model was unavailable or slow, or wrote
    /// nothing that the sources support.
    fell_back: bool,
    /// Whether the answer reached the limit of its length.
    truncated: bool,
    /// `completed`, `failed` or `cancelled`.
    state: &'static str,
    /// Stable code of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<AnswerFailure>,
    /// The chat model, if it was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The number of sources.
    sources: i32,
    /// The numbers of the cited sources.
    citations: Vec<i32>,
    /// The tokens that the answer used.
    usage: Usage,
    /// Milliseconds from the question to the end of the answer.
    milliseconds: i32,
    /// When the answer ended.
    created_at: Timestamp,
}

impl From<GenerationRow> for Generation {
    fn from(row: GenerationRow) -> Self {
        let GenerationRow {
            id,
            mode,
            fell_back,
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
        } = row;
        Self {
            id,
            mode: mode.as_str(),
            fell_back,
            truncated,
            state: state.as_str(),
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

/// Read the record of an answer.
#[utoipa::path(get, path = "/generations/{id}", tag = "answers", security(("bearer" = [])),
    params(("id" = GenerationId, Path, description = "The id of the record")),
    responses(
        (status = 200, body = Generation),
        (status = 400, description = "The id is not a UUID", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 404, description = "The generation does not exist", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn read_generation(
    State(app): State<AppState>,
    caller: Permit<permit::GenerationsRead>,
    Id(id): Id<GenerationId>,
) -> Result<Json<Generation>, Error> {
    let row = generations::read(&app, caller.tenant, id).await?;
    Ok(Json(row.into()))
}
