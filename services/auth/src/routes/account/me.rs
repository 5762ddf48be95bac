//! The signed-in person.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared_web::{Body, Caller};
use utoipa::ToSchema;

use super::answer::Me;
use super::refusals::{BodyRefused, TokenRefused, Unavailable};
use crate::domain::full_name::FullName;
use crate::error::Error;
use crate::state::AppState;
use crate::store::{me, users};

/// What a person may change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    full_name: Option<FullName>,
}

/// Read who is signed in.
#[utoipa::path(get, path = "/me", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and the person", body = Me),
        TokenRefused, Unavailable))]
pub(crate) async fn read_me(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Me>, Error> {
    let (id, _, session) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let me = me::find_signed_in(&mut tx, id, session).await?;
    Ok(Json(me.ok_or(Error::SessionEnded)?.into()))
}

/// Change the signed-in person.
#[utoipa::path(patch, path = "/me", tag = "me", request_body = UserChange,
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and the changed person", body = Me),
        TokenRefused, BodyRefused, Unavailable))]
pub(crate) async fn update_me(
    State(app): State<AppState>,
    caller: Caller,
    Body(UserChange { full_name }): Body<UserChange>,
) -> Result<Json<Me>, Error> {
    let (id, _, session) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(name) = full_name {
        users::rename(&mut tx, id, &name).await?;
    }
    let me = me::find_signed_in(&mut tx, id, session).await?;
    let me = me.ok_or(Error::SessionEnded)?;
    tx.commit().await?;
    Ok(Json(me.into()))
}
