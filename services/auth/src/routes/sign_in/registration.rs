//! Registration of new accounts.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_models::Email;
use shared_models::text::SingleLine;
use shared_web::{Body, Problem};
use utoipa::ToSchema;

use super::session_response::SignedIn;
use crate::app::sign_in::registration;
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::domain::full_name::FullName;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// A new account and its owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    email: Email,
    password: NewPassword,
    full_name: FullName,
    company_name: Option<SingleLine<200>>,
    /// The token of an invitation; required where registration is by invitation only.
    invitation: Option<SingleLine<200>>,
}

/// Register a creator account.
///
/// The caller becomes the owner of the account and is signed in.
#[utoipa::path(post, path = "/register", tag = "sign-in", request_body = NewAccount,
    responses(
        (status = 201, description = "The account, its owner, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "registration_closed or invitation_required",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "email_taken", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn register(
    State(app): State<AppState>,
    device: Device,
    Body(account): Body<NewAccount>,
) -> Result<NoStore<SignedIn>, Error> {
    let NewAccount {
        email,
        password,
        full_name,
        company_name,
        invitation,
    } = account;
    let account = registration::NewAccount {
        email,
        password,
        full_name,
        company_name,
        invitation,
    };
    let signed_in = registration::register(&app, &account, &device).await?;
    Ok(NoStore(StatusCode::CREATED, signed_in.into()))
}
