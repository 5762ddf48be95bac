//! Introspection of API keys by other services.

use axum::Json;
use axum::extract::State;
use shared_auth::api_key::{KeyIdentity, KeyQuestion};
use shared_web::auth::AnyServiceCall;
use shared_web::{ApiError, Body};

use crate::domain::api_key::parse_hash;
use crate::error::Error;
use crate::state::AppState;

/// Returns the identity behind the hash of a key.
pub(crate) async fn introspect(
    State(app): State<AppState>,
    _: AnyServiceCall,
    Body(question): Body<KeyQuestion>,
) -> Result<Json<KeyIdentity>, Error> {
    let unknown = || ApiError::not_found("unknown_api_key");
    let hash = parse_hash(&question.key_hash).ok_or_else(unknown)?;
    let identity = app.api_key_resolver.identity(hash).await?;
    Ok(Json(identity.ok_or_else(unknown)?))
}
