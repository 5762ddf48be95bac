//! The keys that sign access tokens, for administrators of the platform.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::UserId;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::refusals::{BodyRefused, TokenRefused, Unavailable};
use crate::audit::{self, Action, Event};
use crate::domain::token;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::platform_admins;

/// What a key is good for now.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    /// Published, and signs soon.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it signed may still live.
    Retired,
}

/// A key that is published.
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

impl PublishedKeys {
    fn of(app: &AppState) -> Self {
        let (keys, now) = (app.signer.keys(), Timestamp::now());
        let active = token::active(&keys, now).map(|key| key.kid().to_owned());
        let describe = |(key, from): &(token::SigningKey, i64)| PublishedKey {
            kid: key.kid().to_owned(),
            state: if Some(key.kid()) == active.as_deref() {
                KeyState::Active
            } else if *from > now.as_millisecond() {
                KeyState::Next
            } else {
                KeyState::Retired
            },
            active_from: Timestamp::from_millisecond(*from).unwrap_or_default(),
        };
        let keys = keys.iter().map(describe).collect();
        Self { keys }
    }
}

/// Why the key is changed.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RotationReason {
    /// It is time: tokens of the key before stay good until they expire.
    #[default]
    Routine,
    /// Somebody else may have it: no token of any key before is good any more.
    Compromised,
}

/// How to change the key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    #[serde(default)]
    reason: RotationReason,
}

/// List the keys that sign access tokens.
#[utoipa::path(get, path = "/keys", tag = "platform", security(("bearer" = [])),
    responses(
        (status = 200, description = "The published keys", body = PublishedKeys),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_keys(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<PublishedKeys>, Error> {
    administers(&app, &caller).await?;
    app.key_ring.look().await?;
    Ok(Json(PublishedKeys::of(&app)))
}

/// Change the key that signs access tokens.
///
/// The new key is published at once and signs within a second. Tokens of the key before stay good
/// until they expire; not so for the reason `compromised`, which ends all keys there were. Every
/// service then refuses what they signed within a second, the caller's own token too; sessions go
/// on by refresh.
#[utoipa::path(post, path = "/keys/rotate", tag = "platform", request_body = Option<Rotation>,
    security(("bearer" = [])),
    responses(
        (status = 202, description = "The published keys, with the next one",
            body = PublishedKeys),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, TokenRefused, Unavailable))]
pub(crate) async fn rotate_keys(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    wanted: Option<Body<Rotation>>,
) -> Result<(StatusCode, Json<PublishedKeys>), Error> {
    administers(&app, &caller).await?;
    let Rotation { reason } = wanted.map(|Body(wanted)| wanted).unwrap_or_default();
    let (kid, action) = match reason {
        RotationReason::Routine => (app.key_ring.rotate().await?, Action::KeysRotated),
        RotationReason::Compromised => (app.key_ring.replace().await?, Action::KeysReplaced),
    };
    let mut tx = app.db.tenant(caller.tenant).await?;
    let rotated = Event::new((&caller.principal).into(), action, ip).on(kid);
    audit::append(&mut tx, rotated).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(PublishedKeys::of(&app))))
}

/// Refuses who does not administer the platform: a role that is stored, whatever plan or role in
/// an account somebody has. Gives who it is.
pub(super) async fn administers(app: &AppState, caller: &Caller) -> Result<UserId, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    if platform_admins::is_admin(&mut tx, user).await? {
        return Ok(user);
    }
    Err(Denied::NotPlatformAdmin.into())
}
