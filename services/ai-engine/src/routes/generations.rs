//! The records of answers: how each ended and how many tokens it used.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_ai_client::{AnswerFailure, FallbackReason, FellBackReason, PolicyKind, Usage};
use shared_config::Service;
use shared_models::{GenerationId, Page, PageRequest};
use shared_web::{Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::answer::cancellation;
use crate::app::answer::generations::{self, GenerationRow, GenerationState};
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
    /// Why it fell back. Absent if it did not, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    fell_back_reason: Option<FellBackReason>,
    /// Whether the answer reached the limit of its length.
    truncated: bool,
    /// How it ended.
    state: GenerationState,
    /// Stable code of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<AnswerFailure>,
    /// The chat model, if it was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The model server that answered: `ollama` for the platform's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// Whether that is not the preferred server, since those before it did not answer.
    fallback: bool,
    /// Why the preferred server did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback_reason: Option<FallbackReason>,
    /// The policy of the account that decided the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyKind>,
    /// The name of the topic whose policy it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
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
            fell_back_reason,
            truncated,
            state,
            error_code,
            model,
            server,
            fallback_reason,
            policy,
            topic,
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
            fell_back_reason,
            truncated,
            state,
            error_code,
            model,
            server,
            fallback: fallback_reason.is_some(),
            fallback_reason,
            policy,
            topic,
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

/// Filters of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GenerationFilter {
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only answers that ended like this.
    state: Option<GenerationState>,
}

/// List the records of answers, newest first.
#[utoipa::path(get, path = "/generations", tag = "answers", security(("bearer" = [])),
    params(GenerationFilter),
    responses(
        (status = 200, body = Page<Generation>),
        (status = 401, description = "No valid token", body = Problem),
        (status = 422, description = "A filter is invalid", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn list_generations(
    State(app): State<AppState>,
    caller: Permit<permit::GenerationsRead>,
    paging: Paging,
    Query(filter): Query<GenerationFilter>,
) -> Result<Json<Page<Generation>>, Error> {
    let GenerationFilter {
        limit,
        cursor,
        state,
    } = filter;
    let window = paging.window(&PageRequest { limit, cursor })?;
    let (after, limit) = (window.after, window.limit + 1);
    let rows = generations::list(&app, caller.tenant, state, after, limit).await?;
    let items = rows.into_iter().map(Generation::from).collect();
    Ok(Json(
        paging.page(items, window, |row: &Generation| row.id.as_uuid()),
    ))
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

/// Cancel an answer: the model stops, the stream ends with the error `cancelled`, and the record
/// stays. An answer that has ended stays as it is. Answers without the chat model end at once.
#[utoipa::path(delete, path = "/generations/{id}", tag = "answers", security(("bearer" = [])),
    params(("id" = GenerationId, Path, description = "The id of the record")),
    responses(
        (status = 204, description = "Cancelled, or ended before"),
        (status = 400, description = "The id is not a UUID", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 404, description = "The generation does not exist", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn cancel_generation(
    State(app): State<AppState>,
    caller: Permit<permit::AnswersCreate>,
    Id(id): Id<GenerationId>,
) -> Result<StatusCode, Error> {
    cancellation::cancel(&app, caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The path of a record, for the header `Location`.
pub(super) fn location(id: GenerationId) -> String {
    format!("{}/v1/generations/{id}", Service::AiEngine.prefix())
}
