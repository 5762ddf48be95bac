//! The key set that verifies access tokens (RFC 7517).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use jsonwebtoken::jwk::JwkSet;

use crate::error::Error;
use crate::state::AppState;

/// How long clients may cache the key set.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Publishes the key set; not part of the versioned API.
pub(crate) async fn read_key_set(
    State(app): State<AppState>,
) -> Result<([(HeaderName, &'static str); 1], Json<JwkSet>), Error> {
    app.key_ring.ready().await?;
    let set = Json(app.signer.key_set());
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], set))
}
