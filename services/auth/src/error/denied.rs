//! Refusals around account security.

use shared_web::ApiError;

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("the user has no such open session")]
    UnknownSession,
    /// Of a signed-in user who confirms the password.
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the new password equals the current one")]
    SamePassword,
    /// Unknown, used, replaced or expired: the same response for all.
    #[error("the emailed code is not valid")]
    InvalidCode,
    #[error("the email address is verified already")]
    AlreadyVerified,
    #[error("the email address is not verified")]
    EmailUnverified,
    /// Of a signed-in user.
    #[error("the code of the second factor is wrong")]
    WrongCode,
    /// Wrong or used code, or locked user: the same response for all.
    #[error("the second step of a sign-in failed")]
    InvalidSecondFactor,
    #[error("the challenge of a sign-in is invalid or has expired")]
    InvalidChallenge,
    #[error("a second factor is enabled")]
    TotpEnabled,
    #[error("no second factor is enabled")]
    TotpNotEnabled,
    #[error("no secret was offered")]
    TotpNotOffered,
    #[error("only platform administrators may do this")]
    NotPlatformAdmin,
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::UnknownSession => Self::not_found("unknown_session"),
            Denied::WrongPassword => {
                Self::forbidden("wrong_password").detail("the current password is wrong")
            }
            Denied::SamePassword => Self::unprocessable("invalid_fields")
                .field("new_password", "must differ from the current one"),
            Denied::InvalidCode => Self::unprocessable("invalid_code")
                .detail("the code was used, replaced, or has expired; request a new one"),
            Denied::AlreadyVerified => Self::conflict("already_verified"),
            Denied::EmailUnverified => Self::forbidden("email_unverified")
                .detail("verify your email address first; an email with a code was sent"),
            Denied::WrongCode => Self::forbidden("wrong_code")
                .detail("the code is wrong, or was used already; wait for the next one"),
            Denied::InvalidSecondFactor => Self::unauthorized("invalid_second_factor")
                .detail("the code is wrong, or was used already"),
            Denied::InvalidChallenge => {
                Self::unauthorized("invalid_challenge").detail("sign in with the password again")
            }
            Denied::TotpEnabled => Self::conflict("totp_enabled"),
            Denied::TotpNotEnabled => Self::conflict("totp_not_enabled"),
            Denied::NotPlatformAdmin => Self::forbidden("platform_admins_only")
                .detail("administrators are appointed with `auth-service grant-admin EMAIL`"),
            Denied::TotpNotOffered => Self::conflict("totp_not_offered"),
        }
    }
}
