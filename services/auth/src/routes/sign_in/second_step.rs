//! The second step of a sign-in with a second factor.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_web::{Body, Problem};
use utoipa::ToSchema;

use super::session_response::SignedIn;
use crate::app::sign_in::challenge::CHALLENGE_TTL_SECONDS;
use crate::app::sign_in::login;
use crate::domain::device::Device;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// The password was right, and a second factor is required.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondStepRequired {
    /// Always true: distinguishes this response from a session.
    mfa_required: bool,
    /// Send it with a code to `/login/totp`.
    challenge: String,
    /// Lifetime of the challenge in seconds.
    #[schema(example = 300)]
    expires_in: i64,
}

impl SecondStepRequired {
    pub(super) const fn new(challenge: String) -> Self {
        Self {
            mfa_required: true,
            challenge,
            expires_in: CHALLENGE_TTL_SECONDS,
        }
    }
}

/// The challenge, and either a code of the authenticator app or a recovery code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondStep {
    challenge: String,
    #[schema(example = "287082")]
    code: Option<String>,
    #[schema(example = "k3vd-9wqz-ab2m")]
    recovery_code: Option<String>,
}

/// Sign in: the second step.
///
/// Codes of the app and recovery codes work once. Wrong codes count like wrong passwords.
#[utoipa::path(post, path = "/login/totp", tag = "sign-in", request_body = SecondStep,
    responses(
        (status = 200, description = "The account, the user, and a new session",
            body = SignedIn),
        (status = 401, description = "invalid_second_factor; or invalid_challenge: start the
            sign-in again", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; or email_unverified, where the platform
            requires a verified address", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn login_totp(
    State(app): State<AppState>,
    device: Device,
    Body(step): Body<SecondStep>,
) -> Result<NoStore<SignedIn>, Error> {
    let step = login::SecondStep {
        challenge: step.challenge,
        code: step.code,
        recovery_code: step.recovery_code,
    };
    let signed_in = login::complete(&app, step, &device).await?;
    Ok(NoStore(StatusCode::OK, signed_in.into()))
}
