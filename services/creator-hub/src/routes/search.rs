//! Search in a creator's knowledge, as their assistant does it.

use axum::Json;
use axum::extract::State;
use shared_ai_client::{SearchRequest, SearchResults, Source};

use shared_models::DocumentId;
use shared_web::{Body, Caller, Permit, Problem, permit};

use crate::error::Error;
use crate::state::AppState;
use crate::store::documents;

/// Search by meaning and by words at once. What a creator has deleted is not found, also while
/// its removal is still under way.
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
    let SearchResults {
        results,
        processing_time_ms,
    } = app.ai.search(caller.tenant, &request).await?;
    let results = without_hidden(&app, &caller, results).await?;
    Ok(Json(SearchResults {
        results,
        processing_time_ms,
    }))
}

async fn without_hidden(
    app: &AppState,
    caller: &Caller,
    mut results: Vec<Source>,
) -> Result<Vec<Source>, Error> {
    let found: Vec<DocumentId> = results.iter().map(|source| source.document_id).collect();
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let visible = documents::visible(&mut tx, &found).await?;
    results.retain(|source| visible.contains(&source.document_id));
    Ok(results)
}
