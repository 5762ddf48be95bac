//! Sign-in with a password.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_web::{Body, Problem};
use utoipa::ToSchema;

use super::second_step::SecondStepRequired;
use super::session_response::SignedIn;
use crate::app::sign_in::login::{self, LoginOutcome};
use crate::domain::credentials::PasswordText;
use crate::domain::device::Device;
use crate::domain::login_address::LoginAddress;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// An email address and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    email: LoginAddress,
    password: PasswordText,
}

/// A session, or the challenge for the second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum LoginAnswer {
    SignedIn(Box<SignedIn>),
    SecondStepRequired(SecondStepRequired),
}

impl From<LoginOutcome> for LoginAnswer {
    fn from(outcome: LoginOutcome) -> Self {
        match outcome {
            LoginOutcome::SignedIn(signed_in) => Self::SignedIn(Box::new((*signed_in).into())),
            LoginOutcome::SecondFactorRequired { challenge } => {
                Self::SecondStepRequired(SecondStepRequired::new(challenge))
            }
        }
    }
}

/// Sign in.
///
/// An unknown address, a wrong password and a locked user get the same response after the same
/// work. A network has five tries at an account, and one more every twelve minutes. Twenty wrong
/// passwords within two hours lock the user for two hours, in which the right password is refused
/// as well, except on networks from which the user has signed in during the last 90 days.
#[utoipa::path(post, path = "/login", tag = "sign-in", request_body = Credentials,
    responses(
        (status = 200, description = "The account, the user, and a new session; or, if a second
            factor is enabled, the challenge for it", body = LoginAnswer),
        (status = 401, description = "invalid_credentials", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; or email_unverified, where the platform
            requires a verified address; both after the right password only", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn login(
    State(app): State<AppState>,
    device: Device,
    Body(Credentials { email, password }): Body<Credentials>,
) -> Result<NoStore<LoginAnswer>, Error> {
    let outcome = login::login(&app, &email, password, &device).await?;
    Ok(NoStore(StatusCode::OK, outcome.into()))
}
