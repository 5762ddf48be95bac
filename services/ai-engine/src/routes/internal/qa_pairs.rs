//! Question-and-answer pairs, sent by creator-hub.

use axum::extract::State;
use axum::http::StatusCode;
use shared_ai_client::QaPairChanges;
use shared_web::{Body, ServiceCall, called_by};

use crate::app::qa;
use crate::error::Error;
use crate::state::AppState;

/// Bytes of the request: its pairs with their texts as JSON.
pub(in crate::routes) const MAX_BODY: usize = 16 * 1024 * 1024;

/// Applies changes of pairs. Idempotent.
pub(in crate::routes) async fn set_pairs(
    State(app): State<AppState>,
    call: ServiceCall<called_by::CreatorHub>,
    Body(changes): Body<QaPairChanges>,
) -> Result<StatusCode, Error> {
    qa::set_pairs(&app, call.tenant, &changes).await?;
    Ok(StatusCode::NO_CONTENT)
}
