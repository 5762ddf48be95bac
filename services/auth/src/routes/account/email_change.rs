//! Change of the signed-in user's email address.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_models::Email;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::account::email_change;
use crate::domain::credentials::PasswordText;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, TokenErrors, UnavailableErrors};
use crate::state::AppState;

/// The new address, and the password of the user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailChange {
    email: Email,
    password: PasswordText,
}

/// The code that was sent to the new address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailChangeProof {
    token: String,
}

/// Request a change of your email address.
///
/// Sends a code to the new address and a notice to the current one. The response is the same
/// whether the new address has an account or not.
#[utoipa::path(post, path = "/me/email", tag = "me", request_body = EmailChange,
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 202, description = "Emails will be sent; the code of an older one is invalid"),
        (status = 403, description = "wrong_password, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn request_email_change(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(EmailChange { email, password }): Body<EmailChange>,
) -> Result<StatusCode, Error> {
    email_change::request(&app, &caller, ip, &email, password).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Change your email address with the emailed code.
///
/// The code works once and for 24 hours, for the user who has requested it. Ends all other
/// sessions. An email to the former address notifies the user.
#[utoipa::path(post, path = "/me/email/confirm", tag = "me", request_body = EmailChangeProof,
    security(("bearer" = [])),
    responses(
        (status = 204, description = "The address is changed and verified"),
        (status = 409, description = "email_taken: an account was created with the address
            meanwhile", body = Problem, content_type = "application/problem+json"),
        TokenErrors, BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn confirm_email_change(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(EmailChangeProof { token }): Body<EmailChangeProof>,
) -> Result<StatusCode, Error> {
    email_change::confirm(&app, &caller, ip, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
