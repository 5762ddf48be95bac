//! The keys that sign access tokens, for platform administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::security::signing_keys;
use crate::domain::access_token::{ScheduledKey, SigningKey, active_key};
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, TokenErrors, UnavailableErrors};
use crate::state::AppState;

/// The state of a key.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    /// Published; signs soon.
    Next,
    /// Signs new tokens.
    Active,
    /// Signs no more; tokens that it has signed may still be valid.
    Retired,
}

/// A published key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishedKey {
    kid: String,
    state: KeyState,
    active_from: Timestamp,
}

/// The published keys, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishedKeys {
    keys: Vec<PublishedKey>,
}

impl From<&[ScheduledKey]> for PublishedKeys {
    fn from(keys: &[ScheduledKey]) -> Self {
        let now = Timestamp::now();
        let active = active_key(keys, now).map(SigningKey::kid);
        let describe = |scheduled: &ScheduledKey| {
            let kid = scheduled.key.kid();
            let state = if Some(kid) == active {
                KeyState::Active
            } else if scheduled.active_from > now {
                KeyState::Next
            } else {
                KeyState::Retired
            };
            PublishedKey {
                kid: kid.to_owned(),
                state,
                active_from: scheduled.active_from,
            }
        };
        Self {
            keys: keys.iter().map(describe).collect(),
        }
    }
}

/// Why the key is changed.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RotationReason {
    /// Scheduled: tokens of the former keys stay valid until they expire.
    #[default]
    Routine,
    /// The key may have leaked: tokens of all former keys become invalid.
    Compromised,
}

impl From<RotationReason> for signing_keys::RotationReason {
    fn from(reason: RotationReason) -> Self {
        match reason {
            RotationReason::Routine => Self::Routine,
            RotationReason::Compromised => Self::Compromised,
        }
    }
}

/// A rotation of the key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    #[serde(default)]
    reason: RotationReason,
}

/// List the keys that sign access tokens.
#[utoipa::path(get, path = "/keys", tag = "platform", security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 200, description = "The published keys", body = PublishedKeys),
        (status = 403, description = "platform_admins_only, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        UnavailableErrors))]
pub(crate) async fn list_keys(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<PublishedKeys>, Error> {
    let keys = signing_keys::list(&app, &caller).await?;
    Ok(Json(PublishedKeys::from(&*keys)))
}

/// Change the key that signs access tokens.
///
/// The new key is published at once and signs within a second. Tokens of the former key stay valid
/// until they expire. The reason `compromised` revokes all former keys: every service refuses their
/// tokens within a second, including the caller's; sessions continue by a refresh.
#[utoipa::path(post, path = "/keys/rotate", tag = "platform", request_body = Option<Rotation>,
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 202, description = "The published keys, with the next one",
            body = PublishedKeys),
        (status = 403, description = "platform_admins_only, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        BodyErrors, UnavailableErrors))]
pub(crate) async fn rotate_keys(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    rotation: Option<Body<Rotation>>,
) -> Result<(StatusCode, Json<PublishedKeys>), Error> {
    let Rotation { reason } = rotation.map(|Body(body)| body).unwrap_or_default();
    let keys = signing_keys::rotate(&app, &caller, ip, reason.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(PublishedKeys::from(&*keys))))
}
