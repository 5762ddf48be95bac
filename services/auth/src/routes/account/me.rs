//! The signed-in user and the account.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared_models::text::SingleLine;
use shared_web::{Body, Caller, Permit, Problem, permit};
use utoipa::ToSchema;

use crate::app::account::me;
use crate::domain::full_name::FullName;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, TokenErrors, UnavailableErrors};
use crate::routes::sign_in::session_response::{CreatorAccount, Me};
use crate::state::AppState;

/// A change of the signed-in user; an absent field stays unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    full_name: Option<FullName>,
}

/// A change of the account; an absent field stays unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChange {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    display_name: Option<SingleLine<200>>,
}

/// Read the signed-in user.
#[utoipa::path(get, path = "/me", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and the user", body = Me),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn read_me(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Me>, Error> {
    Ok(Json(me::read(&app, &caller).await?.into()))
}

/// Change the signed-in user.
#[utoipa::path(patch, path = "/me", tag = "me", request_body = UserChange,
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account and the changed user", body = Me),
        TokenErrors, BodyErrors, UnavailableErrors))]
pub(crate) async fn update_me(
    State(app): State<AppState>,
    caller: Caller,
    Body(UserChange { full_name }): Body<UserChange>,
) -> Result<Json<Me>, Error> {
    let changed = me::update_user(&app, &caller, full_name.as_ref()).await?;
    Ok(Json(changed.into()))
}

/// Change the account.
///
/// Not possible for an account that a Tenant resource manages: change the resource instead.
#[utoipa::path(patch, path = "/account", tag = "me", request_body = AccountChange,
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The changed account", body = CreatorAccount),
        (status = 409, description = "managed_by_resource: `detail` names the resource",
            body = Problem, content_type = "application/problem+json"),
        TokenErrors, BodyErrors, UnavailableErrors))]
pub(crate) async fn update_account(
    State(app): State<AppState>,
    caller: Permit<permit::AccountManage>,
    Body(AccountChange { display_name }): Body<AccountChange>,
) -> Result<Json<CreatorAccount>, Error> {
    let changed = me::update_account(&app, &caller, display_name.as_ref()).await?;
    Ok(Json(changed.into()))
}
