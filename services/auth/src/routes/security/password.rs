//! Passwords: rated, changed and reset.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_web::{Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::security::password;
use crate::domain::credentials::{NewPassword, PasswordText};
use crate::domain::login_address::LoginAddress;
use crate::domain::password::{Assessment, Violation};
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, TokenErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// A password to rate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordCandidate {
    password: NewPassword,
    /// What is known about its owner: names, email address, company.
    #[serde(default)]
    #[schema(max_items = 20)]
    personal_info: Vec<SingleLine<254>>,
}

/// The strength of a password.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Strength {
    Weak,
    Fair,
    Good,
    Strong,
}

/// A rule that a password breaks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokenRule {
    #[schema(example = "too_short")]
    code: &'static str,
    message: String,
}

/// The rating of a password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordRating {
    /// Whether the password is accepted.
    valid: bool,
    /// 0 to 100; below 60 when a rule is broken.
    #[schema(maximum = 100)]
    score: u8,
    strength: Strength,
    violations: Vec<BrokenRule>,
    /// How to improve the password.
    suggestions: Vec<&'static str>,
}

impl From<Assessment> for PasswordRating {
    fn from(assessment: Assessment) -> Self {
        let suggestions = assessment.suggestions();
        let Assessment { score, violations } = assessment;
        Self {
            valid: violations.is_empty(),
            score,
            strength: match score {
                ..40 => Strength::Weak,
                40..60 => Strength::Fair,
                60..80 => Strength::Good,
                80.. => Strength::Strong,
            },
            violations: violations.into_iter().map(BrokenRule::from).collect(),
            suggestions,
        }
    }
}

impl From<Violation> for BrokenRule {
    fn from(violation: Violation) -> Self {
        Self {
            code: violation.code(),
            message: violation.message(),
        }
    }
}

/// Rate a password.
///
/// Applies the rules of registration; nothing is stored.
#[utoipa::path(post, path = "/password/validate", tag = "password",
    request_body = PasswordCandidate,
    responses(
        (status = 200, description = "The rating", body = PasswordRating),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn validate_password(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(candidate): Body<PasswordCandidate>,
) -> Result<NoStore<PasswordRating>, Error> {
    let PasswordCandidate {
        password,
        personal_info,
    } = candidate;
    let personal: Vec<&str> = personal_info.iter().map(SingleLine::as_str).collect();
    let assessment = password::rate(&app, ip, &password, &personal).await?;
    Ok(NoStore(StatusCode::OK, assessment.into()))
}

/// The current password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: PasswordText,
    new_password: NewPassword,
}

/// The address of a user who has forgotten the password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    email: LoginAddress,
}

/// The emailed code, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    token: String,
    new_password: NewPassword,
}

/// Change the password.
///
/// Ends all other sessions. An email notifies the user.
#[utoipa::path(post, path = "/password/change", tag = "password",
    request_body = PasswordChange, security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 204, description = "The password is changed"),
        (status = 403, description = "wrong_password, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn change_password(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Error> {
    let PasswordChange {
        current_password,
        new_password,
    } = change;
    password::change(&app, &caller, ip, current_password, new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Request a password reset by email.
///
/// The response is the same, and takes the same time, whether the address has an account or not.
#[utoipa::path(post, path = "/password/reset", tag = "password", request_body = ResetRequest,
    responses(
        (status = 202, description = "If the address has an account, an email will be sent"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn request_password_reset(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(ResetRequest { email }): Body<ResetRequest>,
) -> Result<StatusCode, Error> {
    password::request_reset(&app, &email, ip).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Reset the password with the emailed code.
///
/// The code works once and for an hour; only the newest one is valid. Ends all sessions and unlocks
/// the user. A second factor stays enabled.
#[utoipa::path(post, path = "/password/reset/confirm", tag = "password", request_body = Reset,
    responses(
        (status = 204, description = "The password is set; sign in with it"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn confirm_password_reset(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(reset): Body<Reset>,
) -> Result<StatusCode, Error> {
    password::confirm_reset(&app, reset.token, reset.new_password, ip).await?;
    Ok(StatusCode::NO_CONTENT)
}
