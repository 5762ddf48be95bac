//! Search in the knowledge of the assistant.

use axum::Json;
use axum::extract::State;
use shared_ai_client::{SearchRequest, SearchResults};
use shared_web::{Body, Permit, Problem, permit};

use crate::app::search;
use crate::error::Error;
use crate::state::AppState;

/// Search by vectors and keywords. Deleted documents are not found, even while their removal is
/// still in progress.
#[utoipa::path(
    post, path = "/search", tag = "search", security(("bearer" = [])),
    request_body = SearchRequest,
    responses(
        (status = 200, body = SearchResults), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn search_knowledge(
    State(app): State<AppState>,
    caller: Permit<permit::KnowledgeSearch>,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchResults>, Error> {
    search::search(&app, caller.tenant, &request)
        .await
        .map(Json)
}
