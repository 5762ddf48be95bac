//! The tenants API: on a port of its own, for the operator alone.

mod erasure;
mod provisioning;
mod tenants;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, http::header};
use shared_config::{Reader, Secret, keys, wiring};
use shared_web::ApiError;
use subtle::ConstantTimeEq as _;

use crate::error::Error;
use crate::state::AppState;

/// The listener of the tenants API.
#[derive(Debug, Clone)]
pub struct InternalSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a caller must show.
    pub token: Secret<String>,
}

impl InternalSettings {
    /// Reads the settings; without a token there is no listener.
    pub(crate) fn from_reader(reader: &mut Reader) -> Option<Self> {
        let any = SocketAddr::from(([0, 0, 0, 0], wiring::AUTH_INTERNAL_PORT));
        let listen = reader.parsed(keys::INTERNAL_LISTEN_ADDR, any);
        if reader.optional(keys::PROVISIONING_TOKEN, "").is_empty() {
            return None;
        }
        let token = reader.secret(keys::PROVISIONING_TOKEN);
        Some(Self { listen, token })
    }
}

/// The tenants API.
pub fn internal(state: AppState, token: Secret<String>) -> Router {
    let one = get(tenants::read).put(tenants::put).delete(erasure::erase);
    let guard = middleware::from_fn_with_state(Arc::new(token), only_with_token);
    let routes = Router::new()
        .route("/internal/v1/tenants", get(tenants::list))
        .route("/internal/v1/tenants/{uid}", one)
        .layer(guard)
        .fallback(unknown_path)
        .with_state(state);
    shared_web::app::with_default_layers(routes)
}

/// How long the comparison takes does not tell how much of a token is right.
async fn only_with_token(
    State(token): State<Arc<Secret<String>>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let value = request.headers().get(header::AUTHORIZATION);
    let shown = value
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| ApiError::unauthorized("missing_token"))?;
    let right: bool = shown.as_bytes().ct_eq(token.expose().as_bytes()).into();
    if right {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::unauthorized("invalid_token"))
    }
}

async fn unknown_path() -> Error {
    Error::Refused(ApiError::not_found("unknown_path"))
}
