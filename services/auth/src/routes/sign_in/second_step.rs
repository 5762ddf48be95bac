//! The second step of signing in, where a second factor is on.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_web::{ApiError, Body, Problem};
use utoipa::ToSchema;

use super::answer::{Confidential, SignedIn};
use super::login::{Opening, Proved, open_session};
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::domain::one_time_code::RecoveryCode;
use crate::error::{Denied, Error};
use crate::limits;
use crate::second_factor::{self, CHALLENGE_SECONDS, Challenge, Proof};
use crate::state::AppState;
use crate::store::sessions::Device;
use crate::store::users;

/// The password was right, and a second factor is asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondStepRequired {
    /// Always true: tells this answer from a session.
    mfa_required: bool,
    /// Send it with a code to `/login/totp`.
    challenge: String,
    /// For how long it can be used, seconds.
    #[schema(example = 300)]
    expires_in: i64,
}

impl SecondStepRequired {
    pub(super) const fn of(challenge: String) -> Self {
        Self {
            mfa_required: true,
            challenge,
            expires_in: CHALLENGE_SECONDS,
        }
    }
}

/// The challenge, and either a code of the app or a recovery code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondStep {
    challenge: String,
    #[schema(example = "287082")]
    code: Option<String>,
    #[schema(example = "k3vd-9wqz-ab2m")]
    recovery_code: Option<String>,
}

impl SecondStep {
    fn proof(self) -> Result<Proof, ApiError> {
        match (self.code, self.recovery_code) {
            (Some(code), None) => Ok(Proof::Code(code)),
            (None, Some(code)) => Ok(Proof::Recovery(RecoveryCode::received(&code))),
            _ => Err(ApiError::unprocessable("invalid_fields")
                .field("code", "send either code or recovery_code")),
        }
    }
}

/// Sign in: the second step.
///
/// A code of the app works once, a recovery code too. Wrong ones count like wrong passwords: five
/// in a row lock the account.
#[utoipa::path(post, path = "/login/totp", tag = "sign-in", request_body = SecondStep,
    responses(
        (status = 200, description = "The account, the person, and a new session",
            body = SignedIn),
        (status = 401, description = "invalid_second_factor; or invalid_challenge: begin anew",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; email_unverified, where the platform asks
            for that", body = Problem, content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn login_totp(
    State(app): State<AppState>,
    device: Device,
    Body(step): Body<SecondStep>,
) -> Result<Confidential<SignedIn>, Error> {
    let challenge =
        Challenge::open(&app.encryptor, &step.challenge).ok_or(Denied::InvalidChallenge)?;
    let proof = step.proof()?;
    let (creator, user) = (challenge.creator, challenge.user);
    let subject = user.to_string();
    limits::take(&app.cache, limits::SECOND_FACTOR, &subject).await?;
    let mut tx = app.db.tenant(creator).await?;
    let stored = users::password_hash(&mut tx, user).await?;
    let holds = stored.is_some_and(|hash| challenge.is_of(&hash));
    if !holds {
        return Err(Denied::InvalidChallenge.into());
    }
    // While the account is locked, no code is looked at, right or wrong.
    if users::is_locked(&mut tx, user).await? {
        return Err(Denied::InvalidSecondFactor.into());
    }
    if !second_factor::accept(&app, &mut tx, user, &proof).await? {
        users::count_failure(&mut tx, user).await?;
        tx.commit().await?;
        return Err(Denied::InvalidSecondFactor.into());
    }
    let proved = Proved {
        user,
        new_hash: None,
        second_factor: true,
    };
    let Opening::Opened(signed_in) = open_session(&app, tx, &proved, &device).await? else {
        return Err(Error::Inconsistent);
    };
    limits::clear(&app.cache, limits::SECOND_FACTOR, &subject);
    Ok(Confidential(StatusCode::OK, *signed_in))
}
