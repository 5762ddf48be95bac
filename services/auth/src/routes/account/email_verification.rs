//! Verification of a user's email address.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::account::email_verification;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, TokenErrors, UnavailableErrors};
use crate::state::AppState;

/// The code of a verification email.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailProof {
    token: String,
}

/// Request another verification email.
#[utoipa::path(post, path = "/email/verification", tag = "me", security(("bearer" = [])),
    responses(
        (status = 202, description = "An email will be sent; the code of an older one is invalid"),
        (status = 409, description = "already_verified", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn request_verification(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<StatusCode, Error> {
    email_verification::request(&app, &caller).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Verify an email address with the emailed code.
#[utoipa::path(post, path = "/email/verification/confirm", tag = "me",
    request_body = EmailProof,
    responses(
        (status = 204, description = "The address is verified"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn confirm_verification(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(EmailProof { token }): Body<EmailProof>,
) -> Result<StatusCode, Error> {
    email_verification::confirm(&app, token, ip).await?;
    Ok(StatusCode::NO_CONTENT)
}
