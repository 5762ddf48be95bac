//! Endpoints for the operator and other services. The tenants API listens on its own port, for the
//! operator alone.

pub(crate) mod api_keys;
mod erasure;
mod tenants;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, http::header};
use shared_config::Secret;
use shared_web::ApiError;
use subtle::ConstantTimeEq as _;

use crate::error::Error;
use crate::state::AppState;

/// The router of the tenants API.
pub fn tenants_api(state: AppState, token: Secret<String>) -> Router {
    let one = get(tenants::read).put(tenants::put).delete(erasure::erase);
    let guard = middleware::from_fn_with_state(Arc::new(token), only_with_token);
    let routes = Router::new()
        .route("/internal/v1/tenants", get(tenants::list))
        .route("/internal/v1/tenants/{uid}", one)
        .layer(guard)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            crate::require_keys,
        ))
        .fallback(unknown_path)
        .with_state(state);
    shared_web::app::with_default_layers(routes)
}

/// Compares in constant time, so that timing does not reveal how much of a token is right.
async fn only_with_token(
    State(token): State<Arc<Secret<String>>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let header = request.headers().get(header::AUTHORIZATION);
    let received = header
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| ApiError::unauthorized("missing_token"))?;
    let is_valid: bool = received.as_bytes().ct_eq(token.expose().as_bytes()).into();
    if is_valid {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::unauthorized("invalid_token"))
    }
}

async fn unknown_path() -> Error {
    Error::Refused(ApiError::not_found("unknown_path"))
}
