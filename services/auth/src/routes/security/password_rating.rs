//! How good a password would be, before it is chosen.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_web::{ApiError, Body, ClientIp};
use utoipa::ToSchema;

use super::answer::Confidential;
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::domain::password::{Assessment, Violation};
use crate::domain::password_text::PasswordText;
use crate::error::Error;
use crate::limits;
use crate::state::AppState;

/// More names than anybody has.
const MAX_PERSONAL: usize = 20;

/// A password that somebody thinks of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordCandidate {
    password: PasswordText,
    /// What is known of its owner: names, e-mail address, company.
    #[serde(default)]
    #[schema(max_items = 20)]
    personal_info: Vec<SingleLine<254>>,
}

/// How strong a password is.
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

/// What the rules say about a password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordRating {
    /// Whether it may be used.
    valid: bool,
    /// 0 to 100; below 60 when a rule is broken.
    #[schema(maximum = 100)]
    score: u8,
    strength: Strength,
    violations: Vec<BrokenRule>,
    /// What would make it better.
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
        let (code, message) = (violation.code(), violation.message());
        Self { code, message }
    }
}

/// Rate a password.
///
/// By the very rules that registration applies; nothing is stored.
#[utoipa::path(post, path = "/password/validate", tag = "password",
    request_body = PasswordCandidate,
    responses(
        (status = 200, description = "What the rules say", body = PasswordRating),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn validate_password(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(candidate): Body<PasswordCandidate>,
) -> Result<Confidential<PasswordRating>, Error> {
    limits::take(&app.cache, limits::RATE_PASSWORD, &limits::address(ip)).await?;
    let PasswordCandidate {
        password,
        personal_info,
    } = candidate;
    if personal_info.len() > MAX_PERSONAL {
        let message = format!("must have at most {MAX_PERSONAL} items");
        return Err(ApiError::unprocessable("invalid_fields")
            .field("personal_info", message)
            .into());
    }
    let personal: Vec<&str> = personal_info.iter().map(SingleLine::as_str).collect();
    let assessed = app.accounts.passwords.assess(password.as_str(), &personal);
    Ok(Confidential(StatusCode::OK, assessed.into()))
}
