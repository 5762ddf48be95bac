//! What the owner of an account did not prove, or cannot do twice.

use shared_web::ApiError;

/// A refusal of account security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("no open session of that id")]
    UnknownSession,
    /// Of who is signed in, before something that a token is not enough for.
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the new password is the old one")]
    SamePassword,
    /// Unknown, used, replaced or too old: one answer for all.
    #[error("the code of a letter opens nothing")]
    InvalidCode,
    #[error("the e-mail address is proved already")]
    AlreadyVerified,
    #[error("the e-mail address is not proved yet")]
    EmailUnverified,
    /// Of who is signed in.
    #[error("the code of the second factor is wrong")]
    WrongCode,
    /// Wrong, used, or the account is locked: one answer for all.
    #[error("the second step of a sign-in failed")]
    InvalidSecondFactor,
    #[error("the first step of a sign-in is too long ago, or is none")]
    InvalidChallenge,
    #[error("a second factor is on")]
    TotpEnabled,
    #[error("no second factor is on")]
    TotpNotEnabled,
    #[error("no secret was offered")]
    TotpNotOffered,
    #[error("only administrators of the platform may do this")]
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
                .detail("the code was used, replaced, or is too old; ask for a new one"),
            Denied::AlreadyVerified => Self::conflict("already_verified"),
            Denied::EmailUnverified => Self::forbidden("email_unverified")
                .detail("confirm your e-mail address first; a letter with a code was sent"),
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
                .detail("administrators are named by `auth-service grant-admin EMAIL`"),
            Denied::TotpNotOffered => Self::conflict("totp_not_offered"),
        }
    }
}
