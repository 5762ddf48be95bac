//! The first sign-in of an owner whom a Tenant resource names.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_web::{Body, Problem};
use utoipa::ToSchema;

use super::session_response::SignedIn;
use crate::app::sign_in::owner_invitations;
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// The token of an invitation, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// The token in the invitation.
    token: String,
    password: NewPassword,
}

/// Accept the invitation to own an account.
///
/// Sets the owner's password and signs in. An invitation is used once; unknown, used and expired
/// ones get the same response.
#[utoipa::path(post, path = "/owner-invitations/accept", tag = "sign-in",
    request_body = Acceptance,
    responses(
        (status = 200, description = "The account, the user, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn accept_owner_invitation(
    State(app): State<AppState>,
    device: Device,
    Body(Acceptance { token, password }): Body<Acceptance>,
) -> Result<NoStore<SignedIn>, Error> {
    let signed_in = owner_invitations::accept(&app, &token, password, &device).await?;
    Ok(NoStore(StatusCode::OK, signed_in.into()))
}
