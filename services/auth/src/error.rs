//! The errors of this service, and their problem documents.

mod denied;
mod invitation;
mod limit_exceeded;
mod registration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_config::Store;
use shared_crypto::EncryptionError;
use shared_models::page::BadPage;
use shared_quota::ChargeError;
use shared_web::ApiError;

pub(crate) use self::denied::Denied;
pub(crate) use self::invitation::InvitationRefused;
pub(crate) use self::limit_exceeded::LimitExceeded;
pub(crate) use self::registration::RegistrationRefused;
use crate::app::security::password_hasher::{BUSY_BACKOFF, HashError};
use crate::clients::tenant_data::{TenantDataError, TenantDataService};
use crate::domain::password::Violation;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Registration(#[from] RegistrationRefused),
    #[error("the email address has an account already")]
    EmailTaken,
    #[error("the password violates the rules")]
    WeakPassword(Vec<Violation>),
    /// Unknown address, wrong password or locked user: the same response for all.
    #[error("wrong credentials")]
    InvalidCredentials,
    /// Unknown, expired or revoked: the same response for all.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// Answered like [`Self::InvalidRefreshToken`], so that a thief learns nothing.
    #[error("a used refresh token was received again")]
    RefreshTokenReused,
    #[error("the page cannot be read")]
    Page(#[from] BadPage),
    #[error("the session of the token has ended")]
    SessionEnded,
    /// Unknown, expired or used: the same response for all.
    #[error("the invitation is not valid")]
    InvalidInvitation,
    #[error("the account is suspended")]
    TenantSuspended,
    /// Carries the name of the resource.
    #[error("managed by the Tenant resource {0}")]
    ManagedByResource(String),
    /// A service did not erase a tenant's data; only jobs meet it.
    #[error("{0:?} did not erase its data: {1}")]
    TenantData(TenantDataService, TenantDataError),
    /// The name of the field, and the message.
    #[error("a field is invalid")]
    Field(&'static str, &'static str),
    #[error(transparent)]
    Invitation(#[from] InvitationRefused),
    /// A quota of the account does not allow it.
    #[error(transparent)]
    Quota(#[from] ChargeError),
    #[error("no such API key")]
    UnknownApiKey,
    #[error("the account has too many API keys")]
    TooManyApiKeys,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Totp(#[from] totp_rs::TotpError),
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    #[error("too many requests")]
    LimitExceeded(LimitExceeded),
    #[error("Redis is unavailable")]
    Redis(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("a token was not signed")]
    Token(#[from] jsonwebtoken::errors::Error),
    #[error("the random number generator failed")]
    Random(#[from] getrandom::Error),
    #[error("the stored data is inconsistent")]
    Inconsistent,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A complete problem document.
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
                Self::conflict("email_taken").detail("this email address has an account; sign in")
            }
            Error::WeakPassword(violations) => weak_password(&violations),
            Error::InvalidCredentials => {
                Self::unauthorized("invalid_credentials").detail("email or password is wrong")
            }
            Error::Page(cause) => Self::unprocessable("invalid_query").detail(cause.to_string()),
            Error::InvalidRefreshToken | Error::RefreshTokenReused => {
                Self::unauthorized("invalid_refresh_token")
                    .detail("the refresh token is not valid; sign in")
            }
            Error::SessionEnded => {
                Self::unauthorized("session_ended").detail("this session has ended; sign in")
            }
            Error::InvalidInvitation => Self::unauthorized("invalid_invitation")
                .detail("the invitation is used, expired or unknown; request a new one"),
            Error::TenantSuspended => Self::forbidden("tenant_suspended")
                .detail("this account is suspended; contact its owner"),
            Error::ManagedByResource(resource) => Self::conflict("managed_by_resource").detail(
                format!("the Tenant resource {resource} manages this; change it there"),
            ),
            Error::Field(field, message) => {
                Self::unprocessable("invalid_fields").field(field, message)
            }
            Error::Invitation(refused) => refused.into(),
            Error::Quota(refused) => refused.into(),
            Error::UnknownApiKey => {
                Self::not_found("unknown_api_key").detail("this account has no such API key")
            }
            Error::TooManyApiKeys => Self::conflict("too_many_api_keys")
                .detail("this account has the maximum number of API keys; revoke one"),
            Error::Denied(denied) => denied.into(),
            Error::Totp(cause) => Self::internal(cause),
            Error::Encryption(cause) => Self::internal(cause),
            Error::LimitExceeded(exceeded) => exceeded.problem(),
            Error::Redis(cause) => Self::unavailable(Store::Redis.name(), cause),
            Error::TenantData(service, cause) => Self::unavailable(service.name(), cause),
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
        .detail("too many concurrent sign-ins; try again shortly")
        .retry_after(BUSY_BACKOFF)
}

fn weak_password(violations: &[Violation]) -> ApiError {
    violations.iter().fold(
        ApiError::unprocessable("weak_password").detail("the password violates the rules"),
        |error, violation| error.field("password", violation.message()),
    )
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::LimitExceeded(exceeded) = self {
            let mut response = exceeded.problem().into_response();
            exceeded.write_headers(response.headers_mut());
            return response;
        }
        ApiError::from(self).into_response()
    }
}
