//! Search in a creator's knowledge.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use shared_ai_client::{SearchRequest, SearchResults};
use shared_web::{Body, Permit, Problem, permit};

use crate::error::Error;
use crate::pipeline::retrieve::retrieve;
use crate::state::AppState;

/// Results of a search that asks for no number.
const RESULTS: u8 = 5;

/// Search by meaning and by words at once.
#[utoipa::path(post, path = "/search", tag = "search", security(("bearer" = [])),
    request_body = SearchRequest,
    responses(
        (status = 200, body = SearchResults),
        (status = 400, description = "The body is no JSON", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 415, description = "The body is not application/json", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem),
        (status = 503, description = "A dependency is away", body = Problem)))]
pub(super) async fn search(
    State(app): State<AppState>,
    caller: Permit<permit::KnowledgeSearch>,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchResults>, Error> {
    let started = Instant::now();
    let SearchRequest { query, limit } = request;
    let limit = within(limit.unwrap_or(RESULTS))?;
    let found = retrieve(&app, caller.tenant, query.as_str(), limit).await?;
    let milliseconds = started.elapsed().as_millis();
    Ok(Json(SearchResults {
        results: found.into_iter().map(|found| found.source).collect(),
        processing_time_ms: u64::try_from(milliseconds).unwrap_or(u64::MAX),
    }))
}

fn within(limit: u8) -> Result<usize, Error> {
    match limit {
        1..=20 => Ok(limit.into()),
        _ => Err(Error::Field {
            field: "limit",
            message: "must lie between 1 and 20",
        }),
    }
}
