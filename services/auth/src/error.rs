//! What can go wrong, in the words of this service, and the status of each.

mod denied;
mod invite;
mod registration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_config::Store;
use shared_models::page::BadPage;
use shared_web::ApiError;

pub(crate) use self::denied::Denied;
pub(crate) use self::invite::InviteRefused;
pub(crate) use self::registration::RegistrationRefused;
use crate::domain::password::Violation;
use crate::hashing::{BUSY_WAIT, HashError};
use crate::limits::Refusal;
use shared_crypto::EncryptionError;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registration(#[from] RegistrationRefused),
    #[error("the e-mail address has an account")]
    EmailTaken,
    #[error("the password breaks rules")]
    WeakPassword(Vec<Violation>),
    /// Unknown address, wrong password, locked account: one answer for all.
    #[error("wrong credentials")]
    InvalidCredentials,
    /// Unknown, expired, reused, revoked: one answer for all.
    #[error("the refresh token opens no session")]
    InvalidRefreshToken,
    /// The same answer: the thief learns nothing.
    #[error("a used refresh token came again")]
    RefreshTokenReused,
    #[error("a page that cannot be")]
    Page(#[from] BadPage),
    #[error("the session of the token has ended")]
    SessionEnded,
    /// Unknown, expired, used: one answer for all.
    #[error("the invitation opens no account")]
    InvalidInvitation,
    #[error("the account is suspended")]
    TenantSuspended,
    /// Which resource says what this is.
    #[error("managed by {0}")]
    ManagedByResource(String),
    #[error("revocations cannot be told")]
    Revocation(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a field is wrong")]
    Field(&'static str, &'static str),
    #[error(transparent)]
    Invite(#[from] InviteRefused),
    #[error("no such API key")]
    UnknownApiKey,
    #[error("the account has its most API keys")]
    TooManyApiKeys,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Totp(#[from] totp_rs::TotpError),
    #[error(transparent)]
    Seal(#[from] EncryptionError),
    #[error("too many requests")]
    TooMany(Refusal),
    #[error("the limits cannot be counted")]
    Limiter(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("a token could not be made")]
    Token(#[from] jsonwebtoken::errors::Error),
    #[error("no randomness")]
    Random(#[from] getrandom::Error),
    #[error("an account without its own row")]
    Inconsistent,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Refused before this service had a word to say.
    #[error("refused")]
    Refused(ApiError),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Registration(refused) => refused.into(),
            Error::EmailTaken => {
                Self::conflict("email_taken").detail("this e-mail address has an account; sign in")
            }
            Error::WeakPassword(violations) => weak(&violations),
            Error::InvalidCredentials => {
                Self::unauthorized("invalid_credentials").detail("e-mail or password is wrong")
            }
            Error::Page(cause) => Self::unprocessable("invalid_query").detail(cause.to_string()),
            Error::InvalidRefreshToken | Error::RefreshTokenReused => {
                Self::unauthorized("invalid_refresh_token")
                    .detail("the refresh token opens no session; sign in")
            }
            Error::SessionEnded => {
                Self::unauthorized("session_ended").detail("this session has ended; sign in")
            }
            Error::InvalidInvitation => Self::unauthorized("invalid_invitation")
                .detail("the invitation is used, expired or unknown; ask for a new one"),
            Error::TenantSuspended => Self::forbidden("tenant_suspended")
                .detail("this account is suspended; its owner knows why"),
            Error::ManagedByResource(resource) => Self::conflict("managed_by_resource").detail(
                format!("the Tenant resource {resource} manages this; change it there"),
            ),
            Error::Field(field, message) => {
                Self::unprocessable("invalid_fields").field(field, message)
            }
            Error::Invite(refused) => refused.into(),
            Error::UnknownApiKey => {
                Self::not_found("unknown_api_key").detail("this account has no such API key")
            }
            Error::TooManyApiKeys => Self::conflict("too_many_api_keys")
                .detail("this account has its most API keys; revoke one"),
            Error::Denied(denied) => denied.into(),
            Error::Totp(cause) => Self::internal(cause),
            Error::Seal(cause) => Self::internal(cause),
            Error::TooMany(refusal) => Self::too_many(refusal.wait),
            Error::Limiter(cause) | Error::Revocation(cause) => {
                Self::unavailable(Store::Redis.name(), cause)
            }
            Error::Hash(HashError::Busy) => overloaded(),
            Error::Hash(cause) => Self::internal(cause),
            Error::Token(cause) => Self::internal(cause),
            Error::Random(cause) => Self::internal(cause.to_string()),
            Error::Inconsistent => Self::internal(error),
            Error::Database(cause) => cause.into(),
            Error::Refused(refused) => refused,
        }
    }
}

fn overloaded() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
        .detail("too many sign-ins at once; try again shortly")
        .retry_after(BUSY_WAIT)
}

fn weak(violations: &[Violation]) -> ApiError {
    violations.iter().fold(
        ApiError::unprocessable("weak_password").detail("the password breaks rules"),
        |error, violation| error.field("password", violation.message()),
    )
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::TooMany(refusal) = self {
            let mut response = ApiError::too_many(refusal.wait).into_response();
            refusal.describe(&mut response);
            return response;
        }
        ApiError::from(self).into_response()
    }
}
