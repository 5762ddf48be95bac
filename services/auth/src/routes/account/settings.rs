//! The account itself, as far as its own people may change it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared_models::text::SingleLine;
use shared_web::{Body, Permit, Problem, permit};
use utoipa::ToSchema;

use super::answer::CreatorAccount;
use super::refusals::{BodyRefused, TokenRefused, Unavailable};
use crate::error::Error;
use crate::state::AppState;
use crate::store::creators;

/// What may be changed of an account; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChange {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    display_name: Option<SingleLine<200>>,
}

/// Change the account.
///
/// An account that a Tenant resource describes is changed there and not here.
#[utoipa::path(patch, path = "/account", tag = "me", request_body = AccountChange,
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The changed account", body = CreatorAccount),
        (status = 409, description = "managed_by_resource: `detail` names the resource",
            body = Problem, content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Unavailable))]
pub(crate) async fn update_account(
    State(app): State<AppState>,
    caller: Permit<permit::AccountManage>,
    Body(AccountChange { display_name }): Body<AccountChange>,
) -> Result<Json<CreatorAccount>, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(name) = display_name {
        if let Some(resource) = creators::managed_by(&mut tx).await? {
            return Err(Error::ManagedByResource(resource));
        }
        creators::rename(&mut tx, name.as_str()).await?;
    }
    let account = creators::read(&mut tx).await?.into();
    tx.commit().await?;
    Ok(Json(account))
}
