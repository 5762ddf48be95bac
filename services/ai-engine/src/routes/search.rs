//! Search in a creator's knowledge.

use axum::Json;
use axum::extract::State;
use shared_ai_client::answer::MAX_COLLECTIONS;
use shared_ai_client::{SearchRequest, SearchResults};
use shared_web::{Body, Permit, Problem, permit};

use crate::app::index;
use crate::error::Error;
use crate::state::AppState;

/// Search in the knowledge, by meaning and by keywords.
#[utoipa::path(post, path = "/search", tag = "search", security(("bearer" = [])),
    request_body = SearchRequest,
    responses(
        (status = 200, body = SearchResults),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 415, description = "The body is not application/json", body = Problem),
        (status = 422, description = "A field is invalid", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn search(
    State(app): State<AppState>,
    caller: Permit<permit::KnowledgeSearch>,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchResults>, Error> {
    if request.collections.len() > MAX_COLLECTIONS {
        return Err(Error::InvalidField {
            field: "collections",
            message: "must name at most 20 collections",
        });
    }
    let results = index::search::search(&app, caller.tenant, request).await?;
    Ok(Json(results))
}
